# SPDX-License-Identifier: ISC
"""Says all there is about the files of trees, a line each, so that two looks can be compared.

    tree.py PATH...

Path, kind, mode, owner, group, links, size, mtime, inode, and what is in it. File systems other
than the one that PATH is on are not entered, but their mount points are listed.
"""
import hashlib
import os
import stat
import sys


def content(path, st):
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as f:
            return hashlib.sha256(f.read()).hexdigest()
    return os.readlink(path) if stat.S_ISLNK(st.st_mode) else '-'


def say(path):
    st = os.lstat(path)
    print(path, oct(st.st_mode), st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns,
          st.st_ino, content(path, st))


for top in sys.argv[1:]:
    device = os.lstat(top).st_dev
    say(top)
    for where, dirs, files in os.walk(top):
        for name in sorted(dirs + files):
            say(os.path.join(where, name))
        dirs[:] = sorted(d for d in dirs if os.lstat(os.path.join(where, d)).st_dev == device)

# SPDX-License-Identifier: ISC
#
# An open handle keeps the version it opened, also for sendfile and mmap, which read through the
# page cache: a version has an inode, and so pages and a size, of its own.

# shellcheck disable=SC2154 # dir is set by helper.bash
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

# old_handle_reads OLD NEW HOW: opens, updates, then reads the old handle
old_handle_reads() {
	init_store
	put KEY "$1"
	mount_at "$dir/mnt"
	/usr/bin/python3 - "$dir/mnt/KEY" "$2" "$3" <<-'PY'
		import os, subprocess, sys, mmap
		path, new, how = sys.argv[1:4]
		fd = os.open(path, os.O_RDONLY)
		if how.startswith("warm-"):
		    r, w = os.pipe(); os.sendfile(w, fd, 0, 1 << 20); how = how[5:]
		subprocess.run(["secretctl", "update", "secret", "KEY"], input=new.encode(), check=True, stdout=subprocess.DEVNULL)
		with open(path) as f:
		    assert f.read() == new
		def send(fd):
		    r, w = os.pipe()
		    got = b""
		    off = 0
		    while (n := os.sendfile(w, fd, off, 1 << 16)) > 0:
		        got += os.read(r, n); off += n
		    return got
		if how == "cross":
		    f2 = os.open(path, os.O_RDONLY); assert send(f2) == new.encode(), "new handle"; how = "sendfile"
		print((send(fd) if how == "sendfile" else os.read(fd, 1 << 20)).decode())
	PY
}
@test "read, shorter" { same "the first value" "$(old_handle_reads "the first value" "second" read)"; }
@test "sendfile, shorter" { same "the first value" "$(old_handle_reads "the first value" "second" sendfile)"; }
@test "sendfile, longer" { same "first" "$(old_handle_reads "first" "the second value" sendfile)"; }
@test "sendfile, same length" { same "first" "$(old_handle_reads "first" "secon" sendfile)"; }
@test "sendfile, cross" { same "first" "$(old_handle_reads "first" "secon" cross)"; }
@test "sendfile, warm cross" { same "first" "$(old_handle_reads "first" "secon" warm-cross)"; }

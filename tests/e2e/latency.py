#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""latency.py FILE REF COUNT: reads FILE without end until it has changed COUNT times.

For each change prints the microseconds from the commit, which is when REF was renamed into its
place (its ctime), to the first read that showed the new value. A value that is none, or that goes
back, ends it with an error. Values are decimal numbers that grow."""
import os
import sys
import time

path, ref, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def read():
    fd = os.open(path, os.O_RDONLY)
    try:
        return int(os.read(fd, 64))
    finally:
        os.close(fd)


last = read()
print("ready", flush=True)
while count:
    value = read()
    if value == last:
        continue
    seen = time.time_ns()
    if value < last:
        sys.exit(f"{value} came after {last}")
    last, count = value, count - 1
    print((seen - os.stat(ref).st_ctime_ns) // 1000, flush=True)

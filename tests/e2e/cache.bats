# SPDX-License-Identifier: ISC
#
# -o cache: what the kernel may keep, and how long.
# shellcheck disable=SC2154 # dir is set by sandbox

load helper
setup() {
	sandbox
	init_store
	put KEY 'the value'
}
teardown() { sandbox_end; }

# Bytes of the file at $1 in the page cache.
kept() {
	fincore --bytes --noheadings --output RES "$1" | tr -d ' '
}
nothing_kept() { [[ $(kept "$1") == 0 ]]; }

@test "without -o cache the kernel keeps no value" {
	mount_at "$dir/mnt"
	same 'the value' "$(cat "$dir/mnt/KEY")"
	same 0 "$(kept "$dir/mnt/KEY")"
}

@test "with it a value is kept, and dropped some time after the last open" {
	mount_at "$dir/mnt" -o cache=2
	same 'the value' "$(cat "$dir/mnt/KEY")"
	[[ $(kept "$dir/mnt/KEY") -gt 0 ]]
	same 'the value' "$(cat "$dir/mnt/KEY")"
	# looking opens it too, so look once only
	sleep 3
	same 0 "$(kept "$dir/mnt/KEY")"
	same 'the value' "$(cat "$dir/mnt/KEY")"
}

@test "an update shows at the next open, and the old value is dropped" {
	mount_at "$dir/mnt" -o cache=600
	same 'the value' "$(cat "$dir/mnt/KEY")"
	# Somebody has the old version mapped: is its page there, before and after?
	run -0 /usr/bin/python3 - "$dir/mnt/KEY" <<-'PY'
		import ctypes, os, subprocess, sys, time
		libc = ctypes.CDLL(None)
		libc.mmap.restype = ctypes.c_void_p
		libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
		libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
		fd = os.open(sys.argv[1], os.O_RDONLY)
		at = libc.mmap(None, 4096, 1, 1, fd, 0)  # PROT_READ, MAP_SHARED
		def kept():
		    there = ctypes.create_string_buffer(1)
		    assert libc.mincore(at, 4096, there) == 0
		    return there.raw[0] & 1
		print('before', kept())
		subprocess.run(['secretctl', 'update', 'secret', 'KEY', '-'], input=b'another, and longer',
		               check=True, stdout=subprocess.DEVNULL)
		end = time.monotonic() + 5
		while kept() and time.monotonic() < end:
		    time.sleep(0.02)
		print('after', kept())
		print('old', os.pread(fd, 100, 0).decode())
	PY
	same $'before 1\nafter 0\nold the value' "$output"
	same 'another, and longer' "$(cat "$dir/mnt/KEY")"
}

@test "who may not open it gets nothing from what is kept" {
	mount_at "$dir/mnt" -o cache=600
	same 'the value' "$(cat "$dir/mnt/KEY")"
	run -1 as_uid 12345 cat "$dir/mnt/KEY"
	lacks "$output" 'the value'
}

@test "what has expired is refused however it is kept" {
	mount_at "$dir/mnt" -o cache=600
	secretctl update secret KEY --expires "$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)" >/dev/null
	same 'the value' "$(cat "$dir/mnt/KEY")"
	sleep 4
	run -1 cat "$dir/mnt/KEY"
}

@test "a time that is none is refused" {
	run -2 secretfs -f -o cache=0,bundle=x "$dir/mnt"
	holds "$output" cache
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariants 16 and 17: whose groups decide is found out beside the serving. One uid with 65,536 groups
# costs others nothing, a /proc that hangs or hides stops no one who needs no group.

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper
load hang

setup() {
	sandbox
	init_store
	put FREE one
	put GROUP two
	mnt=$dir/mnt
	printf '\n[secret FREE]\nallow = *\n[secret GROUP]\nallow = gid:4242\n' >>"$SECRETFS_POLICY"
	secretctl create bundle --out "$dir/bundle" >/dev/null
}
teardown() {
	[[ -z ${many:-} ]] || kill "$many" 2>/dev/null || :
	[[ -z ${proc:-} ]] || umount -l /proc
	[[ ! -d $dir/devices ]] || umount -l /dev/fuse "$dir/devices"
	hang_end
	sandbox_end
}

serve() { secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-; }

# median COUNT: of reading FREE, in microseconds.
median() {
	/usr/bin/python3 - "$mnt/FREE" "$1" <<-'PY'
		import os, sys, time
		times = []
		for _ in range(int(sys.argv[2])):
		    start = time.monotonic()
		    fd = os.open(sys.argv[1], os.O_RDONLY)
		    os.read(fd, 10)
		    os.close(fd)
		    times.append(time.monotonic() - start)
		    time.sleep(0.002)
		print(int(sorted(times)[len(times) // 2] * 1e6))
	PY
}

@test "groups decide, up to 1,024 of them" {
	serve
	same two "$(as_ids 1000 1000 1,2,4242 cat "$mnt/GROUP")"
	same two "$(as_ids 1000 1000 "$(seq -s, 4000 5000)" cat "$mnt/GROUP")"
	run ! as_ids 1000 1000 1,2 cat "$mnt/GROUP"
	run ! as_ids 1000 1000 "$(seq -s, 4000 5100)" cat "$mnt/GROUP"
	wait_for 5 grep -q 'refused GROUP .*too many groups' "$dir/log"
	as_ids 1000 1000 4242 test -r "$mnt/GROUP"
	run ! as_ids 1000 1000 4243 test -r "$mnt/GROUP"
}

@test "65,536 groups of one uid slow nobody else down" {
	local quiet loud
	serve
	quiet=$(median 300)
	/usr/bin/python3 - "$mnt/GROUP" <<-'PY' 3>&- 4>&- &
		import os, signal, sys
		os.setgroups(range(100000, 100000 + 65536))
		os.setgid(99)
		os.setuid(99)
		children = []
		for _ in range(8):
		    pid = os.fork()
		    if pid == 0:
		        signal.alarm(60)
		        while True:
		            try:
		                os.open(sys.argv[1], os.O_RDONLY)
		            except OSError:
		                pass
		    children.append(pid)
		signal.signal(signal.SIGTERM, lambda *_: [os.kill(p, signal.SIGKILL) for p in children] and sys.exit())
		os.wait()
	PY
	many=$!
	wait_for 20 grep -q 'too many groups' "$dir/log"
	loud=$(median 300)
	echo "# a read takes $quiet us, beside it $loud us (medians)" >&3
	((loud < 10 * quiet + 10000)) || fail "slower than ten times"
	# who waits for groups waits for the reading of one of them at most, and not for all
	same two "$(as_ids 1000 1000 4242 timeout 3 cat "$mnt/GROUP")"
}

@test "a /proc that hides processes hides nothing from the server" {
	mount -t proc -o hidepid=invisible proc /proc
	proc=1
	serve
	same two "$(as_ids 1000 1000 4242 cat "$mnt/GROUP")"
	run ! as_ids 1000 1000 4243 cat "$mnt/GROUP"
	run ! grep -q hidepid "$dir/log"
}

@test "where it must make do with such a /proc it says so, and refuses" {
	mount -t proc -o hidepid=invisible proc /proc
	proc=1
	# a user's own mount, which may have no procfs of its own; fusermount3 asks for a name, and for /etc/mtab
	local user
	user=$(id -u nobody)
	[[ -e /etc/mtab ]] || ln -s ../proc/self/mounts /etc/mtab
	mkdir -p "$dir/own"
	chown "$user" "$dir/own" "$dir/bundle"
	chmod -R a+rX "$dir/var"
	chmod 0755 "$dir/etc"
	mkdir "$dir/devices"
	mount -t tmpfs -o dev devices "$dir/devices"
	mknod -m 0666 "$dir/devices/fuse" c 10 229
	mount --bind "$dir/devices/fuse" /dev/fuse
	as_uid "$user" secretfs "$dir/own" -o "bundle=$dir/bundle,state=none,log=stderr" 2>"$dir/own.log" 3>&- 4>&- ||
		fail "$(cat "$dir/own.log")"
	grep -q '/proc hides processes' "$dir/own.log"
	fusermount3 -u "$dir/own"
}

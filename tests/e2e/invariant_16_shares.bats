# SPDX-License-Identifier: ISC
#
# What is finite is shared: nobody's handles, directories or rows are used up by
# another user.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
load helper

setup() {
	sandbox
	init_store shop
	mnt=$dir/mnt
	put KEY value
	put LURE value
	printf '\n[secret KEY]\nallow = uid:1001\n\n[secret LURE]\nallow = *\n' >>"$SECRETFS_POLICY"
	cc -O2 -D_GNU_SOURCE -pthread -o "$dir/neighbour" "$repo/tests/e2e/neighbour.c"
	pids=()
}

teardown() {
	[[ -z ${pids[*]} ]] || kill -KILL "${pids[@]}" 2>/dev/null || :
	sandbox_end
}

# start OUT UID SECONDS KIND FILE
start() {
	"$dir/neighbour" "${@:2}" >"$dir/$1" 2>>"$dir/errors" 3>&- 4>&- &
	pids+=($!)
}

nothing_open() { [[ $(secretctl get mount "$mnt" -o json | jq .open_handles) == 0 ]]; }

@test "invariant 16: 500 threads that open and close do not pile up handles" {
	mount_at "$mnt"
	start threads 2001 4 threads "$mnt/LURE"
	sleep 2
	(($(secretctl get mount "$mnt" -o json | jq .open_handles) <= 1000)) ||
		fail "$(secretctl get mount "$mnt" -o json)"
	wait "${pids[0]}"
	wait_for 10 nothing_open
}

@test "invariant 16: 17 users that open directories leave some to others" {
	mount_at "$mnt"
	/usr/bin/python3 - "$mnt" "$mnt/KEY" <<-'PY'
		import os, resource, signal, sys
		mnt, key = sys.argv[1:]
		resource.setrlimit(resource.RLIMIT_NOFILE, (6000, 6000))
		kids = []
		r, w = os.pipe()
		for i in range(17):
		    p = os.fork()
		    if p == 0:
		        os.setgroups([]); os.setgid(200000 + i); os.setuid(200000 + i)
		        held = []
		        try:
		            while len(held) < 5000:
		                held.append(os.open(mnt, os.O_RDONLY | os.O_DIRECTORY))
		        except OSError as e:
		            os.write(2, f'{e}\n'.encode())
		        os.write(w, b'.')
		        signal.pause()
		    kids.append(p)
		got = b''
		while len(got) < 17:
		    got += os.read(r, 17)
		try:
		    for uid in 1001, 0:
		        p = os.fork()
		        if p == 0:
		            if uid:
		                os.setgroups([]); os.setgid(uid); os.setuid(uid)
		                open(key).read()
		            os.listdir(mnt)
		            os._exit(0)
		        assert os.waitpid(p, 0)[1] == 0, uid
		finally:
		    for p in kids:
		        os.kill(p, signal.SIGKILL)
		        os.waitpid(p, 0)
	PY
}

# bound_reads N: N threads read a bind of one file, with no error.
bound_reads() {
	/usr/bin/python3 - "$dir/bound" "$1" <<-'PY'
		import sys, threading, time
		bad, n, end = [], [0], time.monotonic() + 3
		def run():
		    while time.monotonic() < end and not bad:
		        try:
		            with open(sys.argv[1]) as f:
		                assert f.read().startswith('value'), 'value'
		            n[0] += 1
		        except Exception as e:
		            bad.append(repr(e))
		t = [threading.Thread(target=run) for _ in range(int(sys.argv[2]))]
		[x.start() for x in t]
		[x.join() for x in t]
		assert not bad and n[0] > 100, (bad, n)
	PY
}

@test "invariant 13: a bind of one file is read by 64 threads over rotations" {
	mount_at "$mnt"
	put BOUND value1
	wait_for 5 test -e "$mnt/BOUND"
	touch "$dir/bound"
	mount --bind "$mnt/BOUND" "$dir/bound"
	put BOUND value2
	bound_reads 64
	(for i in $(seq 10); do put BOUND "value$i"; done) 3>&- 4>&- &
	bound_reads 64
	wait
	umount "$dir/bound"
}

@test "invariant 16: who is refused makes no reader of a bind fail" {
	local i
	mount_at "$mnt"
	put BOUND value1
	wait_for 5 test -e "$mnt/BOUND"
	touch "$dir/bound"
	mount --bind "$mnt/BOUND" "$dir/bound"
	for i in 1 2 3 4 5 6 7 8; do start "opath$i" $((2000 + i)) 6 opath "$mnt/BOUND"; done
	sleep 1
	put BOUND value2
	bound_reads 1
	wait "${pids[@]}"
	umount "$dir/bound"
}

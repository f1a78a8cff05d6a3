# SPDX-License-Identifier: ISC
#
# Nothing waits for syslog: stopped, gone or made anew. What it does not take is
# kept for a while, and what is lost is counted.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
load helper

setup() {
	sandbox
	[[ -n ${SECRETFS_TEST_NAMESPACE:-} ]] ||
		fail "this test mounts over /dev: run it with 'make check T=${BATS_TEST_FILENAME##*/}'"
	own_dev
	mnt=$dir/mnt
	init_store shop
	put KEY value
}

teardown() {
	[[ -z ${syslogd:-} ]] || kill -KILL "$syslogd" || :
	sandbox_end
}

# own_dev: a /dev of its own, in the mount namespace of this file of tests.
own_dev() {
	local n
	mkdir "$dir/dev"
	mount -t tmpfs -o mode=0755 dev "$dir/dev"
	for n in null zero full random urandom tty; do
		cp -a "/dev/$n" "$dir/dev/"
	done
	mknod -m 0666 "$dir/dev/fuse" c 10 229
	ln -s /proc/self/fd "$dir/dev/fd"
	mount --move "$dir/dev" /dev
}

# syslogd_start: one that writes what it gets to $dir/lines.
syslogd_start() {
	/usr/bin/python3 - "$dir/lines" <<-'PY' 3>&- 4>&- &
		import os, socket, sys
		try:
		    os.unlink('/dev/log')
		except FileNotFoundError:
		    pass
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind('/dev/log')
		os.chmod('/dev/log', 0o666)
		with open(sys.argv[1], 'a', buffering=1) as out:
		    while True:
		        out.write(s.recv(8192).decode() + '\n')
	PY
	syslogd=$!
	wait_for 10 test -S /dev/log
}

refusals() { as_uid 1000 /usr/bin/python3 -c "
import sys
n = 0
for _ in range($1):
    try: open('$mnt/KEY')
    except PermissionError: n += 1
assert n == $1, n"; }
lines() { cat "$dir/lines" 2>/dev/null; }
has() { lines | grep -q "$1"; }
# counted: the refusals that the log tells of.
counted() { lines | awk '/refused KEY/ { n += 1; if (match($0, /[0-9]+ more times/)) n += $(NF-2) - 1 } END { print n + 0 }'; }
counts() { [[ $(counted) == "$1" ]]; }
server() { secretctl get mount "$mnt" -o json | jq .server.pid; }

@test "invariant 17: a line is framed as syslog(3) does" {
	syslogd_start
	mount_at "$mnt"
	cat "$mnt/KEY" >/dev/null
	wait_for 10 has 'granted KEY'
	holds "$(lines | grep -c "^<30>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]\{8\} secretfs\[$(server)\]: granted KEY (organization) to uid 0 ")" 1
}

@test "invariant 17: syslog stopped: refusals, reads, status and the end go on, nothing is lost" {
	syslogd_start
	mount_at "$mnt"
	kill -STOP "$syslogd"
	for _ in $(seq 30); do # more than the queue of /dev/log, ten, takes
		secretctl umount "$mnt" 2>/dev/null
		mount_at "$mnt"
	done
	refusals 1000
	same value "$(timeout 5 cat "$mnt/KEY")"
	run -0 timeout 5 secretctl get mount "$mnt"
	kill -CONT "$syslogd"
	wait_for 10 counts 1000
	kill -STOP "$syslogd"
	secretctl umount "$mnt"
	wait_for 5 no_daemon
	kill -CONT "$syslogd"
}

@test "invariant 17: a /dev/log that is gone and made anew gets the lines of the meantime" {
	syslogd_start
	mount_at "$mnt"
	refusals 5
	wait_for 10 counts 5
	kill -KILL "$syslogd"
	rm /dev/log
	refusals 5
	same value "$(timeout 5 cat "$mnt/KEY")"
	syslogd_start
	refusals 5
	wait_for 40 counts 15
}

@test "invariant 16: 100,000 refusals are some lines, and exactly 100,000 by their counts" {
	syslogd_start
	mount_at "$mnt"
	refusals 100000
	wait_for 10 counts 100000
	(($(lines | grep -c 'refused KEY') < 2 * SECONDS + 60)) || fail "$(lines | wc -l) lines"
}

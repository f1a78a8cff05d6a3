#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 17: each of the other things that a mount needs hangs, one at a time: the file systems of policy,
# bundle and state, the user database, the service manager. Reads go on, so do refusals, status and SIGTERM.
# invariant_17_hung_store.bats has the store, invariant_17_log.bats the log, invariant_17_groups.bats /proc.

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper
load hang

setup() {
	sandbox
	init_store
	put KEY one
	put COLD two
	mnt=$dir/mnt manager='' over=''
	printf '\n[default]\nallow = uid:0, uid:1000\n' >>"$SECRETFS_POLICY"
	secretctl create bundle --out "$dir/bundle" >/dev/null
	hang_build
}
teardown() {
	hang_end
	[[ -z $over ]] || umount -l "$over"
	[[ -z $manager ]] || kill "$manager" || :
	sandbox_end
}

# Of the supervisor itself: secretctl looks at more than what that says.
of() {
	timeout 4 /usr/bin/python3 -S -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
sys.stdout.write(s.makefile().read())' "$SECRETFS_RUN"/*.sock | jq -r "$1"
}

# read_as UID NAME: its value, or the error. No user is looked up for that.
read_as() {
	timeout 4 /usr/bin/python3 -S -c '
import os, sys
os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
try: print(os.read(os.open(sys.argv[2], os.O_RDONLY), 100).decode())
except OSError as e: print(e.strerror)' "$1" "$mnt/$2"
}

reads() { [[ $(read_as "$1" "$2") == "$3" ]]; }

goes_on() {
	same one "$(read_as 0 KEY)"
	same one "$(read_as 1000 KEY)"
	same two "$(read_as 1000 COLD)" "what was not read before"
	same "Permission denied" "$(read_as 1001 KEY)"
	same serving "$(of .state)"
}

ends() {
	kill -TERM "$(of .supervisor.pid)"
	wait_for 12 is_not_mounted "$mnt"
	wait_for 12 no_daemon
}

@test "the file system of the policy" {
	hang_mount "$dir/etc"
	secretfs "$mnt" -o "bundle=$dir/bundle,policy=$hang_at/policy.ini,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(read_as 1000 KEY)"
	hang_stop
	goes_on
	touch "$hang_at/policy.ini" 2>/dev/null & # whoever changes it hangs, too
	goes_on
	kill -KILL "$(of .server.pid)"
	same one "$(read_as 1000 KEY)" "by the last good policy"
	same "Permission denied" "$(read_as 1001 KEY)"
	kill -KILL "$(of .helper.pid)"
	goes_on
	ends
}

@test "the user database" {
	mkdir "$dir/users"
	cp /etc/passwd "$dir/users"
	echo 'tester:x:1002:1002::/:/bin/sh' >>"$dir/users/passwd"
	hang_mount "$dir/users"
	secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(read_as 1000 KEY)"
	over=/etc/passwd
	mount --bind "$hang_at/passwd" /etc/passwd
	hang_stop
	goes_on
	printf '\n[secret COLD]\nallow = user:tester\n' >>"$SECRETFS_POLICY"
	goes_on
	wait_for 10 grep -q 'user database does not answer in time' "$dir/log"
	kill -KILL "$(of .server.pid)"
	goes_on
	hang_go_on
	wait_for 10 reads 1002 COLD two
	same "Permission denied" "$(read_as 1000 COLD)"
	ends
}

@test "the file system of the bundle: neither a reload nor an upgrade hangs there" {
	mkdir "$dir/bundles"
	mv "$dir/bundle" "$dir/bundles"
	hang_mount "$dir/bundles"
	secretfs "$mnt" -o "bundle=$hang_at/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(read_as 1000 KEY)"
	hang_stop
	server=$(of .server.pid)
	for signal in HUP USR2; do
		kill -"$signal" "$(of .supervisor.pid)"
		sleep 1.5 # by then it goes on with the bundle that it has
		goes_on
		same "$server" "$(of .server.pid)"
	done
	grep -q 'bundle: no answer in time' "$dir/log"
	hang_go_on
	another() { local now; now=$(of .server.pid) && [[ -n $now && $now != "$server" ]]; }
	wait_for 20 another || fail "$(cat "$dir/log")"
	goes_on
	hang_stop
	goes_on
	ends
}

@test "the file system of the state: what it guards waits for it, and nothing else" {
	mkdir -p "$SECRETFS_STATE"
	hang_mount "$SECRETFS_STATE"
	secretfs "$mnt" -o "bundle=$dir/bundle,state=$hang_at,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(read_as 1000 KEY)"
	printf newer | secretctl update secret KEY -
	wait_for 10 reads 1000 KEY newer
	hang_stop
	printf newest | secretctl update secret KEY -
	sleep 1
	same newer "$(read_as 1000 KEY)"
	same two "$(read_as 1000 COLD)" "what was not read before"
	same "Permission denied" "$(read_as 1001 KEY)"
	same serving "$(of .state)"
	kill -KILL "$(of .helper.pid)"
	same two "$(read_as 1000 COLD)"
	hang_go_on
	wait_for 10 reads 1000 KEY newest
	hang_stop
	ends
}

@test "the service manager: its socket is full, and nobody reads" {
	/usr/bin/python3 - "$dir/notify" 3>&- 4>&- <<-'PY' &
		import socket, sys, time
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1] + ".new")
		full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		full.setblocking(False)
		try:
		    while True:
		        full.sendto(b"x", sys.argv[1] + ".new")
		except BlockingIOError:
		    import os
		    os.rename(sys.argv[1] + ".new", sys.argv[1])
		time.sleep(300)
	PY
	manager=$!
	wait_for 10 test -S "$dir/notify"
	NOTIFY_SOCKET=$dir/notify secretfs -f "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&- &
	wait_for 12 reads 1000 KEY one
	goes_on
	kill -KILL "$(of .server.pid)"
	goes_on
	start=$SECONDS
	ends
	((SECONDS - start < 8)) || fail "each message waited for anew"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 19, of messages: a server that was broken into has nobody told what it likes, and keeps
# nobody busy. A build with hooks says in its place what a burglar would (fs/server/hook.c).

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt
	put KEY one
	make -s -C "$repo" BUILD=build/hooks CFLAGS="-O1 -g -DTEST_HOOKS" build/hooks/secretfs >&2
	secretctl create bundle --out "$dir/bundle" >/dev/null
	python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
while True: print(repr(s.recv(8192).decode()), flush=True)' "$dir/notify" >>"$dir/told" 3>&- 4>&- &
	listener=$!
	wait_for 10 test -S "$dir/notify"
}
teardown() {
	kill "$listener"
	sandbox_end
}

started() { [[ $(timeout 5 cat "$mnt/KEY" 2>/dev/null) == one ]]; }
told() { grep -q -- "$1" "$dir/told"; }
# serve [NAME=VALUE...]: in the foreground, so that its first process is the one that is known.
serve() {
	env NOTIFY_SOCKET="$dir/notify" "$@" "$repo/build/hooks/secretfs" -f "$mnt" \
		-o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&- &
	daemon=$!
	wait_for 20 started || fail "$(cat "$dir/log")"
	wait_for 10 told READY=1
}

@test "the service manager is told what the supervisor makes of it, and no line of the server's" {
	serve SECRETFS_TEST_SAY=$'x\nMAINPID=1\nWATCHDOG=trigger\nSTATUS=\e[31m'
	same "'READY=1\\nSTATUS=Serving 1 secret'" "$(grep READY "$dir/told")"
	run ! grep -E 'MAINPID=1|WATCHDOG|x1b' "$dir/told" "$dir/log"
	kill -TERM "$daemon"
	wait_for 10 no_daemon
	: >"$dir/told"
	serve
	same "'READY=1\\nSTATUS=Serving 1 secret, organization'" "$(grep READY "$dir/told")"
	kill -TERM "$daemon"
	wait_for 10 no_daemon
}

@test "one that talks without end keeps neither SIGTERM nor status from being heard" {
	serve SECRETFS_TEST_FLOOD=1
	same serving "$(timeout 10 secretctl get mount "$mnt" -o json | jq -r .state)"
	same 1 "$(grep -c READY=1 "$dir/told")" "times that it was said to be ready"
	kill -TERM "$daemon"
	wait_for 10 no_daemon || fail "it goes on"
	is_not_mounted "$mnt"
}

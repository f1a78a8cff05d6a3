#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 15: whatever process of the daemon is killed, no reader notices.
#
#	KILLS=1000	for the long run (make check-long)

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper
load docker

setup() {
	sandbox
	init_store
	mnt=$dir/mnt readers=()
	cc -O2 -static -o "$dir/readers" "$repo/tests/e2e/readers.c"
}

teardown() {
	kill "${readers[@]}" 2>/dev/null || :
	docker_stop
	sandbox_end
}

serve() {
	secretctl create bundle --out "$dir/bundle" >/dev/null
	secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr${1:+,$1}" 2>>"$dir/log" 3>&- 4>&-
}

# role ROLE: its pid; a keeper that was never killed has the command line it was started with.
role() {
	local p args
	for p in $(daemon_pids); do
		args=$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) || continue
		case $args in
		"secretfs --role $1 "*) echo "$p" ;;
		"secretfs --role "*) ;;
		*) [[ $1 != keeper ]] || echo "$p" ;;
		esac
	done | head -n 1
}

have_role() { [[ -n $(role "$1") ]]; }
three() { (($(daemon_pids | wc -l) == 3)) && have_role server && have_role keeper && have_role helper; }

# kill_one ROLE: at a random moment; waits until somebody has taken its place.
kill_one() {
	local pid start
	wait_for 10 have_role "$1" || fail "no $1"
	pid=$(role "$1")
	sleep "0.0$((RANDOM % 10))"
	start=${EPOCHREALTIME/./}
	kill -KILL "$pid" 2>/dev/null || :
	timeout 20 cat "$mnt/KEY" >/dev/null || fail "no answer after the $1 was killed"
	[[ $1 != server ]] || gaps+=($((${EPOCHREALTIME/./} - start)))
}

start_readers() {
	"$dir/readers" "$mnt/KEY" value: >"$dir/reader.1" 2>"$dir/reader.1.err" 3>&- 4>&- &
	readers+=($!)
	"$dir/readers" "$mnt/KEY" value: hold >"$dir/reader.2" 2>"$dir/reader.2.err" 3>&- 4>&- &
	readers+=($!)
	cp "$dir/readers" "$dir/docker/bin-readers"
	docker run -d --name task --network none -v "$dir/docker/bin-readers:/readers:ro" \
		-v "$mnt:/etc/flyte/secrets:ro" busybox:test \
		sh -c '/readers /etc/flyte/secrets/KEY value: & /readers /etc/flyte/secrets/KEY value: hold & trap "kill %1 %2" TERM; wait; wait' >/dev/null
}

# stop_readers: each prints a line, and it has no error in it.
stop_readers() {
	local i
	kill -TERM "${readers[@]}"
	for i in "${readers[@]}"; do wait "$i" || :; done
	readers=()
	docker kill --signal TERM task >/dev/null
	wait_for 10 has_lines 2 || :
	docker logs task >"$dir/reader.3" 2>&1
	sed "s/^/# /" "$dir"/reader.? "$dir"/reader.?.err >&3
	same 4 "$(cat "$dir"/reader.? | grep -c ' failed 0 wrong 0 ')" "readers without an error"
}
has_lines() { (($(docker logs task 2>&1 | grep -c rounds) == $1)); }

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(role "$1")/status"; }

@test "invariant 15: server, keeper and helper killed under four readers, then upgraded" {
	kills=${KILLS:-200} gaps=()
	put KEY value:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	docker_start
	serve
	wait_for 10 three
	start_readers
	for i in $(seq 20); do kill_one server; done
	before=$(rss server)
	for i in $(seq $((kills - 20))); do
		kill_one server
		((i % 4)) || kill_one keeper
		((i % 4 != 2)) || kill_one helper
		((i % 16)) || put KEY "value:$(printf "%032d" 0 | tr 0 "$((i / 16 % 10))")"
	done
	for i in 1 2 3 4 5 6; do
		kill_one keeper
		kill_one helper
	done
	wait_for 10 three || fail "not three processes: $(daemons)"
	after=$(rss server)
	for i in $(seq 10); do
		wait_for 10 have_role keeper
		old=$(role server)
		kill -USR2 "$(role keeper)"
		wait_for 20 another_server "$old"
	done
	wait_for 10 three
	stop_readers
	mapfile -t sorted < <(printf '%s\n' "${gaps[@]}" | sort -n)
	echo "# $kills servers killed; gap in us: p50 ${sorted[${#sorted[@]} / 2]}, worst ${sorted[-1]};" \
		"server's memory in KiB: $before, then $after" >&3
	((after - before < 1024)) || fail "memory grows: $before to $after KiB"
	docker rm -f task >/dev/null
	umount "$mnt"
	wait_for 10 no_daemon
}
another_server() { local s; s=$(role server) && [[ -n $s && $s != "$1" ]]; }

@test "open handles keep their version, through a death and a deleted secret" {
	put KEY one
	head -c 300000 /dev/urandom >"$dir/big"
	secretctl create secret big --from-file "$dir/big" >/dev/null
	serve
	wait_for 10 three
	exec 5<"$mnt/KEY" 6<"$mnt/big"
	put KEY two
	same two "$(cat "$mnt/KEY")"
	secretctl delete secret big >/dev/null
	gaps=()
	kill_one server
	same one "$(cat <&5)"
	# read(2) alone: there is nothing left that fstat(2) could tell of
	/usr/bin/python3 -c 'import os, sys
while b := os.read(6, 65536): sys.stdout.buffer.write(b)' | cmp - "$dir/big"
	exec 5<&- 6<&-
	wait_for 10 three
}

@test "a stopped server is replaced" {
	put KEY one
	serve hang=1
	wait_for 10 three
	old=$(role server)
	kill -STOP "$old"
	same one "$(timeout 10 cat "$mnt/KEY")"
	wait_for 5 another_server "$old"
	grep -q 'has not answered for 1 s' "$dir/log"
}

@test "SIGHUP takes up a re-minted bundle, and refuses a broken one" {
	put KEY one
	serve
	wait_for 10 three
	old=$(role server)
	echo broken >"$dir/bundle.new"
	chmod 0400 "$dir/bundle.new"
	cp -p "$dir/bundle" "$dir/bundle.good"
	mv "$dir/bundle.new" "$dir/bundle"
	kill -HUP "$(role keeper)"
	wait_for 10 grep -q 'the old one goes on' "$dir/log"
	same "$old" "$(role server)"
	same one "$(cat "$mnt/KEY")"
	mv "$dir/bundle.good" "$dir/bundle"
	kill -HUP "$(role keeper)"
	wait_for 10 another_server "$old"
	same one "$(cat "$mnt/KEY")"
}

@test "a deliberate stop leaves nothing, whoever was killed before" {
	put KEY one
	gaps=()
	for who in server keeper helper; do
		serve
		wait_for 10 three
		kill_one "$who"
		wait_for 10 three
		kill -TERM "$(role keeper)"
		wait_for 10 no_daemon
		is_not_mounted "$mnt"
	done
}

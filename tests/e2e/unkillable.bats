#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Alone: it measures after how long an answer comes
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
	mnt=$dir/mnt readers=() gaps=() kills=${KILLS:-100}
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

# role ROLE: its pid; a supervisor that was never killed has the command line it was started with.
role() {
	local words="--role $1 "
	[[ $1 != supervisor ]] || words="($words|-d )?"
	pgrep -o -f "^secretfs $words$mnt( |\$)"
}

have_role() { role "$1" >/dev/null; }
three() { (($(pgrep -c -f "^secretfs .*$mnt( |\$)") == 3)) && have_role server && have_role supervisor && have_role helper; }

# kill_at_once ROLE...: at a random moment; waits until somebody answers.
kill_at_once() {
	local pids=() start
	for r in "$@"; do
		wait_for 10 have_role "$r" || fail "no $r: $(daemons)"
		pids+=("$(role "$r")")
	done
	sleep "0.0$((RANDOM % 10))"
	start=${EPOCHREALTIME/./}
	kill -KILL "${pids[@]}" 2>/dev/null || :
	timeout 20 cat "$mnt/KEY" >/dev/null || fail "no answer after this was killed: $*"
	gaps+=("$*:$((${EPOCHREALTIME/./} - start))")
}

# The supervisor, or the helper, is there when the other is killed: else both are killed at once.
kill_supervisor() { wait_for 10 have_role helper && kill_at_once supervisor; }
kill_helper() { wait_for 10 have_role supervisor && kill_at_once helper; }

# gaps WHO: how many were killed, and the time from there to an answer.
show_gaps() {
	local us
	mapfile -t us < <(printf '%s\n' "${gaps[@]}" | sed -n "s/^$1://p" | sort -n)
	((${#us[@]})) || return 0
	echo "# $1 killed ${#us[@]} times; an answer after $((us[${#us[@]} / 2] / 1000)) ms (p50)," \
		"$((us[-1] / 1000)) ms at worst" >&3
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

# weight: what the three processes weigh: "KiB descriptors".
weight() {
	local r kib=0 fds=0
	for r in server supervisor helper; do
		kib=$((kib + $(awk '/^VmRSS/ { print $2 }' "/proc/$(role $r)/status")))
		fds=$((fds + $(find "/proc/$(role $r)/fd" -mindepth 1 | wc -l)))
	done
	echo "$kib $fds"
}

# kill_them_all OPTIONS: server $kills times, supervisor and helper a quarter as often each, and pairs
# of them now and then, under readers and updates; then ten upgrades.
kill_them_all() {
	local i before after built
	built=$(command -v secretfs)
	mkdir "$dir/bin"
	cp "$built" "$dir/bin"
	PATH=$dir/bin:$PATH
	put KEY value:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	docker_start
	serve "$1"
	wait_for 10 three
	start_readers
	for i in $(seq "$kills"); do
		kill_at_once server
		((i % 4)) || kill_supervisor
		((i % 4 != 2)) || kill_helper
		((i % 16)) || put KEY "value:$(printf "%032d" 0 | tr 0 "$((i / 16 % 10))")"
		((i % 40 != 1)) || kill_at_once server supervisor
		((i % 40 != 21)) || kill_at_once server helper
		((i != 20)) || { wait_for 10 three && before=$(weight); }
	done
	wait_for 10 three || fail "not three processes: $(daemons)"
	after=$(weight)
	for i in $(seq 10); do
		cp "$built" "$dir/bin/new"
		mv "$dir/bin/new" "$dir/bin/secretfs"
		kill -USR2 "$(role supervisor)"
		wait_for 20 all_upgraded || fail "not all are the new program: $(daemons)"
	done
	stop_readers
	for i in server supervisor helper "server supervisor" "server helper"; do show_gaps "$i"; done
	echo "# $(grep -c 'upgraded: ' "$dir/log") upgrades; KiB and descriptors of all three: $before, then $after" >&3
	same 10 "$(grep -c 'upgraded: ' "$dir/log")" upgrades
	((${after% *} - ${before% *} < 2048)) || fail "memory grows: $before, then $after"
	same "${before#* }" "${after#* }" descriptors
	docker rm -f task >/dev/null
	umount "$mnt"
	wait_for 10 no_daemon
}

@test "invariant 15: server, supervisor and helper killed under four readers, then upgraded" {
	kill_them_all resend=off
}

@test "invariant 15: the same, where the kernel resends unanswered requests" {
	kill_them_all resend=on
}
all_upgraded() {
	local p
	three || return
	for p in $(daemon_pids); do
		[[ "/proc/$p/exe" -ef $dir/bin/secretfs ]] || return
	done
}
another_server() { local s; s=$(role server) && [[ -n $s && $s != "$1" ]]; }

# Compiled with hooks, the server forgets what its predecessor left in the slot.
@test "without the slot the kernel's sending again does it alone" {
	make -s -C "$repo" BUILD=build/hooks CFLAGS="-O1 -g -DTEST_HOOKS" build/hooks/secretfs >&2
	PATH=$repo/build/hooks:$PATH
	put KEY value:aaaaaaaa
	secretctl create bundle --out "$dir/bundle" >/dev/null
	# only a kernel that offers it is asked
	secretfs -d "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>"$dir/debug" 3>&- 4>&- &
	wait_for 10 three
	kill_at_once server
	umount "$mnt"
	wait_for 10 no_daemon
	grep -q 'the kernel resends' "$dir/debug" || skip "this kernel does not offer it (Linux 6.9)"
	SECRETFS_TEST_NO_SLOT=1 serve resend=on
	wait_for 10 three
	for i in 1 2 3; do
		"$dir/readers" "$mnt/KEY" value: hold >"$dir/reader.$i" 2>&1 3>&- 4>&- &
		readers+=($!)
	done
	for i in $(seq 50); do kill_at_once server; done
	kill -TERM "${readers[@]}"
	for i in "${readers[@]}"; do wait "$i" || :; done
	readers=()
	same 3 "$(cat "$dir"/reader.? | grep -c ' failed 0 wrong 0 ')" "readers without an error"
}

@test "supervisor and helper killed at once: the server goes on alone, says so, and idles" {
	put KEY one
	serve
	wait_for 10 three
	server=$(role server)
	# stopped first, so that neither sees the other's end
	kill -STOP "$(role supervisor)" "$(role helper)"
	kill -KILL "$(role supervisor)" "$(role helper)"
	wait_for 10 grep -q 'supervisor and helper have ended' "$dir/log"
	same "$server" "$(daemon_pids)"
	put KEY two
	same two "$(cat "$mnt/KEY")"
	before=$(ticks "$server")
	sleep 1
	(($(ticks "$server") - before < $(getconf CLK_TCK) / 4)) || fail "it is busy with nothing"
	same 1 "$(grep -c 'have ended' "$dir/log")"
	umount "$mnt"
	wait_for 10 no_daemon
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

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
	kill_at_once server
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
	kill -HUP "$(role supervisor)"
	wait_for 10 grep -q 'the old one keeps serving' "$dir/log"
	same "$old" "$(role server)"
	same one "$(cat "$mnt/KEY")"
	mv "$dir/bundle.good" "$dir/bundle"
	kill -HUP "$(role supervisor)"
	wait_for 10 another_server "$old"
	same one "$(cat "$mnt/KEY")"
}

@test "a deliberate stop leaves nothing, whoever was killed before" {
	put KEY one
	for who in server supervisor helper; do
		serve
		wait_for 10 three
		kill_at_once "$who"
		wait_for 10 three
		kill -TERM "$(role supervisor)"
		wait_for 10 no_daemon
		is_not_mounted "$mnt"
	done
}

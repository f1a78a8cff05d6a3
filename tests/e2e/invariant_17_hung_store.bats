#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Alone: it measures after how long an answer comes
#
# Invariant 17: a hung store stops nothing else. What needs it gets EIO within the deadline, or its value
# when the store answers again; everything else goes on.

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper
load hang

setup() {
	sandbox
	init_store
	put KEY one
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do put "COLD$i" unread; done
	mnt=$dir/mnt
	printf '\n[default]\nallow = uid:0, uid:1000\n' >>"$SECRETFS_POLICY"
	secretctl create bundle --out "$dir/bundle" >/dev/null
	hang_build
	hang_mount "$SECRETFS_STORE"
}
teardown() {
	hang_end
	sandbox_end
}

serve() {
	secretfs "$mnt" -o "bundle=$dir/bundle,store=$hang_at,log=stderr$1" 2>>"$dir/log" 3>&- 4>&-
	same one "$(cat "$mnt/KEY")"
}
of() { secretctl get mount "$mnt" -o json | jq -r "$1"; }
ms() { echo $(($(date +%s%N) / 1000000)); }

# times_out UID FILE: gets EIO; how long that took.
times_out() {
	/usr/bin/python3 - "$@" >>"$dir/eio" <<-'PY'
		import errno, os, sys, time
		os.setuid(int(sys.argv[1]))
		start = time.monotonic()
		try:
		    os.open(sys.argv[2], os.O_RDONLY)
		except OSError as e:
		    if e.errno == errno.EIO:
		        # one write: several of these append at the same time
		        os.write(1, b"%d\n" % ((time.monotonic() - start) * 1000))
	PY
}

# goes_on: warm reads, refusals, names, status, each within a second or so on a busy machine.
goes_on() {
	same one "$(timeout 3 cat "$mnt/KEY")" "warm read"
	same one "$(as_uid 1000 timeout 3 cat "$mnt/KEY")" "warm read of another user"
	run ! as_uid 1001 timeout 3 cat "$mnt/COLD1"
	holds "$output" "Permission denied"
	same 13 "$(timeout 3 ls "$mnt" | wc -l)"
	run ! timeout 3 stat "$mnt/nothing"
	holds "$output" "No such file"
	same serving "$(timeout 3 secretctl get mount "$mnt" -o json | jq -r .state)"
}

@test "what was read goes on, what was not is EIO in time, SIGTERM ends it" {
	serve
	pid=$(of .server.pid)
	hang_stop
	# more of them than there are workers, by two users
	for i in 1 2 3 4 5 6; do
		times_out 0 "$mnt/COLD$i" &
		times_out 1000 "$mnt/COLD$((i + 6))" &
	done
	sleep 0.5
	for _ in 1 2 3; do goes_on; done
	# a right is withdrawn
	sed -i 's/uid:1000/uid:1002/' "$SECRETFS_POLICY"
	run ! as_uid 1000 timeout 3 cat "$mnt/KEY"
	holds "$output" "Permission denied"
	sed -i 's/uid:1002/uid:1000/' "$SECRETFS_POLICY"
	wait_for 12 eval "((\$(wc -l <\"$dir/eio\") == 12))" || fail "$(cat "$dir/eio" "$dir/log")"
	took=$(sort -n "$dir/eio" | tail -n 1)
	echo "# EIO after $(sort -n "$dir/eio" | head -n 1) to $took ms" >&3
	((took < 9000)) || fail "the deadline is 5 s"
	goes_on
	same "$pid 0" "$(of '"\(.server.pid) \(.server.restarts)"')" "the server was replaced"
	grep -q 'COLD1 .*no answer in time' "$dir/log"
	kill -TERM "$(of .supervisor.pid)"
	wait_for 12 no_daemon
	is_not_mounted "$mnt"
}

@test "it answers again: what waits gets its value" {
	serve
	hang_stop
	cat "$mnt/COLD1" >"$dir/cold1" 2>&1 &
	wait=$!
	sleep 1
	goes_on
	hang_go_on
	wait "$wait"
	same unread "$(cat "$dir/cold1")"
	same unread "$(cat "$mnt/COLD2")"
}

@test "the server is killed, and ended before it comes back" {
	serve
	hang_stop
	kill -KILL "$(of .server.pid)"
	sleep 1
	kill -TERM "$(of .supervisor.pid)"
	wait_for 15 is_not_mounted "$mnt"
	wait_for 15 no_daemon
}

@test "the server is killed while requests wait: they are answered" {
	for resend in on off; do
		serve ",resend=$resend"
		hang_stop
		for i in 1 2 3; do cat "$mnt/COLD$i" >"$dir/cold$i" 2>&1 & waits[i]=$!; done
		sleep 0.5
		kill -KILL "$(of .server.pid)"
		# the supervisor does not hang where its server does; and not for long: they get EIO in 5 s
		same starting "$(timeout 3 secretctl get mount "$mnt" -o json | jq -r .state)"
		hang_go_on
		for i in 1 2 3; do
			wait "${waits[i]}"
			same unread "$(cat "$dir/cold$i")"
		done
		same one "$(timeout 5 cat "$mnt/KEY")"
		umount "$mnt"
		wait_for 10 no_daemon
	done
}

nobody_stands_in() { ! pgrep -f "^secretfs --role stand-in $mnt"; }

# What only the killed server knew gets an error in time; nothing is lost by it.
@test "the server is killed while the store hangs: EIO in time, and all is well when it answers" {
	for resend in on off; do
		rm -f "$dir/eio"
		serve ",resend=$resend"
		exec 7<"$mnt/KEY" 8<"$mnt/KEY"
		hang_stop
		times_out 0 "$mnt/COLD1" & # waits for the store already
		sleep 0.5
		kill -KILL "$(of .server.pid)"
		times_out 0 "$mnt/KEY" &
		times_out 1000 "$mnt/KEY" &
		exec 8<&-
		wait_for 10 eval "((\$(wc -l <\"$dir/eio\") == 3))" || fail "$(cat "$dir/eio" "$dir/log")"
		same starting "$(timeout 3 secretctl get mount "$mnt" -o json | jq -r .state)"
		times_out 0 "$mnt/COLD2" # who comes late does not wait longer
		took=$(sort -n "$dir/eio" | tail -n 1)
		echo "# resend=$resend: EIO after $(sort -n "$dir/eio" | head -n 1) to $took ms" >&3
		(($(wc -l <"$dir/eio") == 4 && took < 9000)) || fail "the deadline is 5 s: $(cat "$dir/eio")"
		# one that waits when the store comes back gets its value
		cat "$mnt/COLD3" >"$dir/cold3" 2>&1 &
		wait=$!
		sleep 1
		hang_go_on
		wait "$wait"
		same unread "$(cat "$dir/cold3")"
		same one "$(cat <&7)" "what was open stays open"
		exec 7<&-
		same one "$(cat "$mnt/KEY")"
		wait_for 5 nobody_stands_in
		umount "$mnt"
		wait_for 10 no_daemon
	done
}

@test "nobody stands in for a server with keys, files or capabilities; SIGTERM ends it too" {
	serve
	hang_stop
	kill -KILL "$(of .server.pid)"
	wait_for 10 pgrep -f "^secretfs --role stand-in $mnt"
	pid=$(pgrep -f "^secretfs --role stand-in $mnt")
	kill -KILL "$pid" # another one comes
	another() { pgrep -f "^secretfs --role stand-in $mnt" | grep -qvx "$pid"; }
	wait_for 10 another
	sleep 0.5
	pid=$(pgrep -f "^secretfs --role stand-in $mnt")
	run ! grep -q . <(find "/proc/$pid/fd" -lname "$dir/bundle")
	# but for locking memory, where root may not raise the limit
	caps=$(awk '$1 == "CapEff:" { print $2 }' "/proc/$pid/status")
	same 0 "$((16#$caps & ~16#4000))"
	same 2 "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$pid/status")"
	lacks "$(grep ^Uid: "/proc/$pid/status") " "$(printf '\t0\t')"
	kill -TERM "$(of .supervisor.pid)"
	wait_for 15 is_not_mounted "$mnt"
	wait_for 15 no_daemon
}

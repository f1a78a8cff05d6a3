# SPDX-License-Identifier: ISC
#
# secretctl --wait and watch: what a change does to the mounts of this host, and to who waits for it.

# shellcheck disable=SC2154,SC2016 # dir is set by sandbox; sh expands
load helper
setup() {
	sandbox
	init_store p1
	put K first
}
teardown() {
	stop_watch || :
	sandbox_end
}

# --- --wait -------------------------------------------------------------------------

@test "update --wait returns when every mount that sees it shows it" {
	mount_at "$dir/mnt"
	mount_at "$dir/pd" -p p1 -d development
	for n in 1 2 3 4 5; do
		run -0 secretctl update secret K --wait - <<<"v$n"
		same "v$n" "$(cat "$dir/mnt/K")"
		same "v$n" "$(cat "$dir/pd/k")"
		holds "$output" "shown at $dir/mnt"
		holds "$output" "shown at $dir/pd"
	done
	run -0 secretctl create secret NEW --wait - -p p1 <<<new
	same new "$(cat "$dir/pd/NEW")"
	lacks "$output" "$dir/mnt"
	run -0 secretctl update secret NEW --wait -p p1 --expires 1h
	getfattr --only-values -n user.secretfs.expires "$dir/pd/NEW" >/dev/null 2>&1
	run -0 secretctl update secret NEW --wait -p p1 --expires never
	run ! getfattr --only-values -n user.secretfs.expires "$dir/pd/NEW"
	run -0 secretctl delete secret NEW --wait -p p1
	[[ ! -e $dir/pd/NEW ]]
}

@test "update --wait: what a narrower scope shadows is not waited for" {
	put K narrow -p p1 -d development
	put g/K group -p p1
	mount_at "$dir/pd" -p p1 -d development
	run -0 secretctl update secret K --wait - <<<second
	holds "$output" "shadowed at $dir/pd"
	run -0 secretctl create secret g --wait - <<<file
	holds "$output" "shadowed at $dir/pd"
	run -0 secretctl delete secret K -p p1 -d development --wait
	same second "$(cat "$dir/pd/K")"
}

@test "update --wait without a mount says so; a mount of another store does not count" {
	run -0 secretctl update secret K --wait - <<<x
	holds "$output" "no mount of this host"
	SECRETFS_ROOT_KEY=$dir/k2 SECRETFS_STORE=$dir/s2 SECRETFS_BUNDLES=$dir/b2 secretctl init >/dev/null
	SECRETFS_ROOT_KEY=$dir/k2 SECRETFS_STORE=$dir/s2 SECRETFS_BUNDLES=$dir/b2 mount_at "$dir/other"
	run -0 secretctl update secret K --wait - <<<y
	lacks "$output" "shown"
}

@test "update --wait: a mount that does not follow is told, in time; a dead one too" {
	mount_at "$dir/mnt"
	# shellcheck disable=SC2046 # pids
	kill -STOP $(daemon_pids)
	SECONDS=0
	run -1 secretctl update secret K --wait - <<<x
	((SECONDS < 15))
	holds "$output" "$dir/mnt does not"
	holds "$output" "it is committed"
	# shellcheck disable=SC2046 # pids
	kill -CONT $(daemon_pids)
	run -0 secretctl update secret K --wait - <<<y
}

# --- watch --------------------------------------------------------------------------

# watching FLAG...: in the background, each run of the command a line in $dir/ran
watching() {
	secretctl watch K "$@" -- sh -c 'echo "$SECRETFS_VERSION $SECRETFS_MISSED" >>"$0"; '"${SLOW:-}" "$dir/ran" \
		>"$dir/watch.out" 2>&1 3>&- 4>&- &
	watcher=$!
	: >>"$dir/ran"
}

stop_watch() {
	local pid=${watcher:-}
	watcher=
	[[ -n $pid ]] || return 0
	kill "$pid" 2>/dev/null
	wait "$pid"
}

# ends_with STATUS: by SIGTERM
ends_with() {
	local status=0
	stop_watch || status=$?
	same "$1" "$status" "exit status"
}

ran() { [[ $(wc -l <"$dir/ran") -ge $1 ]]; }

version() { secretctl get secret K -o json "$@" | jq .version; }

# It does not say when it is ready: with --now the first run does.
follows() {
	watching "$@" --now
	wait_for 5 ran 1
	same "$(version) 0" "$(sed -n 1p "$dir/ran")"
	secretctl update secret K - <<<second >/dev/null
	wait_for 5 ran 2
	same "$(version) 0" "$(sed -n 2p "$dir/ran")"
	secretctl update secret K --expires 1d >/dev/null
	wait_for 5 ran 3
	secretctl delete secret K >/dev/null
	wait_for 5 ran 4
	same "0 0" "$(sed -n 4p "$dir/ran")"
	put K again
	wait_for 5 ran 5
	same "$(version) 0" "$(sed -n 5p "$dir/ran")"
	put OTHER x
	put K again2
	wait_for 5 ran 6
	same 6 "$(wc -l <"$dir/ran")"
	ends_with 143
	same "" "$(cat "$dir/watch.out")"
}

@test "watch by the root key" { follows; }

@test "watch by a bundle, without the root key" {
	secretctl create bundle -p p1 -d development >/dev/null
	follows --bundle "$SECRETFS_BUNDLES/p1+development.bundle"
}

@test "watch through the mount, with the store readable" {
	mount_at "$dir/mnt"
	follows
}

@test "watch through the mount, as a user who reaches nothing else" {
	mount_at "$dir/mnt" --owner 3000
	watching() {
		touch "$dir/ran"
		chown 3000 "$dir/ran"
		as_uid 3000 env SECRETFS_ROOT_KEY="$dir/none" secretctl watch K "$@" -- \
			sh -c 'echo "$SECRETFS_VERSION $SECRETFS_MISSED" >>"$0"' "$dir/ran" >"$dir/watch.out" 2>&1 3>&- 4>&- &
		watcher=$!
	}
	follows
}

@test "watch: one at a time; what was missed is counted" {
	SLOW='until [ -e "$0.go" ]; do sleep 0.05; done; rm -f "$0.go"' watching --now
	wait_for 5 ran 1
	for i in 1 2 3 4; do secretctl update secret K - <<<"$i" >/dev/null; done
	same 1 "$(wc -l <"$dir/ran")"
	touch "$dir/ran.go"
	wait_for 5 ran 2
	same "$(version) 3" "$(sed -n 2p "$dir/ran")"
	touch "$dir/ran.go"
	ends_with 143
}

@test "watch: a more specific secret takes over" {
	watching --now -p p1 -d development
	wait_for 5 ran 1
	put K narrow -p p1 -d development
	wait_for 5 ran 2
	same "$(version -p p1 -d development) 0" "$(sed -n 2p "$dir/ran")"
	ends_with 143
}

@test "watch: signals reach the command, and end it with their own status" {
	SLOW='trap "echo got >>\"$0\"; exit" TERM; while :; do sleep 0.05; done' watching --now
	wait_for 5 ran 1
	sleep 0.2
	ends_with 143
	same got "$(tail -n 1 "$dir/ran")"
	# by a terminal's Ctrl-C the command gets it once
	run -0 expect <<-'EXPECT'
		set timeout 10
		spawn -noecho sh -c {secretctl watch K --now -- sh -c 'trap "echo INT; exit" INT; echo up; while :; do sleep 0.05; done'; echo status $?}
		expect up
		send "\x03"
		expect -re {INT.*(status 130|eof)}
	EXPECT
}

@test "watch: usage, and a command that is not there" {
	run -2 secretctl watch K
	run -2 secretctl watch K true
	run -2 secretctl watch -- true
	run -2 secretctl watch 'bad name' -- true
	run -127 secretctl watch K --now -- no-such-command
}

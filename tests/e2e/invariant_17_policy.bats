#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 17, of the policy: whoever may read its directory, whoever knows its users, whatever hangs,
# a right that was withdrawn is withdrawn for the next open; and what is wrong with it is said once,
# with line and reason.

# shellcheck disable=SC2154,SC2119 # dir is set by sandbox
load helper

setup() {
	sandbox
	init_store
	put KEY one
	mnt=$dir/mnt
	secretctl create bundle --out "$dir/bundle" >/dev/null
}
teardown() {
	[[ -z ${hung:-} ]] || kill -CONT "$hung" 2>/dev/null || :
	sandbox_end
	[[ -z ${hung:-} ]] || { umount -l "$dir/hangs" && wait; } || :
}

# shellcheck disable=SC2120 # [OPTIONS]: most tests want none
serve() {
	secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr${1:-}" 2>>"$dir/log" 3>&- 4>&-
}
server() { secretctl get mount "$mnt" -o json | jq .server.pid; }
of_1000() { as_uid 1000 cat "$mnt/KEY" 2>/dev/null || echo refused; }
has_said() { grep -qE -- "$1" "$dir/log"; }

# revoked: 1000 reads, then may not, again and again, without a moment in between.
revoked() {
	for _ in {1..8}; do
		printf '[secret KEY]\nallow = %s\n' "$1" | policy
		same one "$(of_1000)" "allowed"
		printf '[secret KEY]\nallow = %s\ndeny = %s\n' "$1" "$1" | policy
		same refused "$(of_1000)" "withdrawn"
	done
}

# policy: what is on standard input, in one step: one that is written in place is empty for a moment, and
# an empty policy is a good one.
policy() {
	cat >"$SECRETFS_POLICY.new"
	mv "$SECRETFS_POLICY.new" "$SECRETFS_POLICY"
}

@test "its directory is for its owner alone" {
	for mode in 0700 0711; do
		chmod "$mode" "$dir/etc"
		printf '[secret KEY]\nallow = uid:1000\n' | policy
		serve
		pid=$(server)
		revoked uid:1000
		same "$pid" "$(server)"
		umount "$mnt"
		wait_for 10 no_daemon
	done
}

@test "it names its users, and a change of it restarts nobody" {
	own_etc
	echo 'tester:x:1000:1000::/:/bin/sh' >>/etc/passwd
	serve
	pid=$(server)
	revoked user:tester
	same "$pid" "$(server)"
	run ! has_said 'user database'
	own_etc_end
}

@test "the server is killed again and again, and the helper" {
	serve
	for _ in 1 2 3; do
		kill -KILL "$(server)"
		printf '[secret KEY]\nallow = uid:1000\n' | policy
		same one "$(of_1000)"
		kill -KILL "$(secretctl get mount "$mnt" -o json | jq .helper.pid)"
		printf '[secret KEY]\nallow = uid:1001\n' | policy
		same refused "$(of_1000)"
	done
}

@test "whatever is wrong with it is said, with its line, and once" {
	printf '[secret KEY]\nallow = uid:1000\n' | policy
	serve
	for bad in 'allow = user:nobody-here|:2: allow: no such user: nobody-here' \
		'allow = group:none-here|:2: allow: no such group: none-here' \
		'owner = nobody-here|:2: owner: no such user: nobody-here' \
		'mode = 0999|:2: mode = 0999: not an octal mode' \
		'nonsense = 1|:2: unknown key: nonsense'; do
		printf '[secret KEY]\n%s\n' "${bad%|*}" | policy
		same one "$(of_1000)"
		wait_for 5 has_said "${SECRETFS_POLICY}${bad#*|}.*the last good policy stays in force"
		holds "$(secretctl get mount "$mnt" -o json | jq -r .policy_fault.text)" "${bad##*:}"
		# a start says the same
		run ! secretfs "$mnt" -o "bundle=$dir/bundle,nonempty"
		run ! secretfs "$dir/home" -f -o "bundle=$dir/bundle,nonempty"
		holds "$output" "${SECRETFS_POLICY}${bad#*|}"
	done
	printf '[secret KEY]\nallow = uid:1000\n' | policy
	chmod 0666 "$SECRETFS_POLICY"
	wait_for 5 has_said 'its mode is 0666, so that everyone may write it: chmod go-w it; the last good'
	chmod 0644 "$SECRETFS_POLICY"
	rm "$SECRETFS_POLICY"
	wait_for 5 has_said 'no such policy; make one with: secretctl init; the last good'
	same one "$(of_1000)"
	sleep 1 # it is looked for again and again
	same "$(sort "$dir/log" | grep -c 'the last good policy stays in force')" \
		"$(sort -u "$dir/log" | grep -c 'the last good policy stays in force')"
	printf '[secret KEY]\nallow = uid:1001\n' | policy
	same refused "$(of_1000)"
}

@test "a successor serves by the last good one" {
	printf '[secret KEY]\nallow = uid:1000\n' | policy
	serve
	printf '[nonsense\n' | policy
	wait_for 5 has_said ':1: .*the last good policy stays in force'
	kill -KILL "$(server)"
	same one "$(of_1000)"
	same refused "$(as_uid 1001 cat "$mnt/KEY" 2>/dev/null || echo refused)"
	same true "$(secretctl get mount "$mnt" -o json | jq .policy_fault.standing)"
}

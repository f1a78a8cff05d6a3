#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: rotation is invisible to readers. They read on through every kind of rotation, of
# values and of keys, and see no error and no value that is a mixture of two.
#
#	ROTATIONS=1000	for the long run (make check-long)

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper
load readers

setup() {
	sandbox
	init_store
	mnt=$dir/mnt
	readers_build
}

teardown() {
	readers_kill
	sandbox_end
}

# value N: one letter, so that a mixture is seen; of many lengths.
# shellcheck disable=SC2059 # the format is made here
value() { printf 'value:%0*d' "$((1 + $1 * 37 % 9000))" 0 | tr 0 "$(printf "\\x$(printf %x $((97 + $1 % 26)))")"; }

# Kinds of rotation; each leaves KEY with value N.
by_update() { value "$1" | secretctl update secret KEY - >/dev/null; }
by_replace() { value "$1" | secretctl create secret KEY --replace - >/dev/null; }
by_batch() {
	value "$1" >"$dir/batch/KEY"
	value "$1" >"$dir/batch/OTHER"
	secretctl import --replace "$dir/batch" >/dev/null
}
by_writer() { value "$1" | secretctl update secret KEY --writer-bundle "$SECRETFS_BUNDLES/ci.bundle" - >/dev/null; }
by_copy() {
	value "$1" | secretctl create secret NEXT --replace - >/dev/null
	secretctl copy secret NEXT KEY --replace >/dev/null
}
by_rollback() {
	by_update "$1"
	secretctl rollback secret KEY >/dev/null
	by_update "$1"
}
by_shadow() { # a narrower scope takes the name over, and gives it back
	value "$1" | secretctl create secret KEY -p flytesnacks - >/dev/null
	by_update "$(($1 + 1))"
	secretctl delete secret KEY -p flytesnacks >/dev/null
}
by_keys() {
	secretctl rotate scope --begin >/dev/null 2>&1 || fail "begin"
	by_update "$1"
	wait_for 30 finished || fail "$(secretctl rotate scope --finish 2>&1)"
}
finished() { secretctl rotate scope --finish >/dev/null 2>&1; }
by_writers_key() {
	secretctl rotate writer ci >/dev/null
	by_writer "$1"
}
by_policy() {
	secretctl allow secret KEY --uid "$((1000 + $1))" >/dev/null
	by_update "$1"
}

@test "readers go through hundreds of rotations of every kind" {
	local n=${ROTATIONS:-300} i kind kinds=(update replace batch writer copy rollback update batch writer shadow)
	mkdir "$dir/batch"
	put KEY "$(value 0)"
	put OTHER "$(value 0)"
	secretctl create writer ci >/dev/null
	secretctl allow secret KEY --uid 0 >/dev/null
	mount_at "$mnt" -p flytesnacks -d development
	id=$(findmnt -rn -o ID -- "$mnt")
	for key in KEY OTHER; do
		read_on "$mnt/$key"
		read_on "$mnt/$key" hold
		read_on "$mnt/$key" hold
	done
	for ((i = 1; i <= n; i++)); do
		kind=${kinds[i % ${#kinds[@]}]}
		((i % 100 != 50)) || kind=keys
		((i % 100 != 75)) || kind=writers_key
		((i % 100 != 25)) || kind=policy
		"by_$kind" "$i" || fail "rotation $i, by $kind"
	done
	no_error
	same "$id" "$(findmnt -rn -o ID -- "$mnt")" "the mount"
}

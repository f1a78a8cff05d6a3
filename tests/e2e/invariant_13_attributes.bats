#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: an update changes its own secret and the groups it lies in, and nothing else.

# shellcheck disable=SC2154 # dir is set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt
	put a/deep/one first
	put a/two first
	put b/one first
	put KEY first
	mount_at "$mnt"
}

teardown() { sandbox_end; }

times() { (cd "$mnt" && stat -c '%n %y' -- . a a/deep a/deep/one a/two b b/one KEY); }
# changed COMMAND...: whose times changed by it.
changed() {
	times >"$dir/before"
	"$@" >/dev/null
	times >"$dir/after"
	diff "$dir/before" "$dir/after" | sed -n 's/^> \([^ ]*\) .*/\1/p' | tr '\n' ' '
}

@test "a time changes for the secret and the groups above it" {
	same ". a a/deep a/deep/one " "$(changed put a/deep/one second --wait)"
	same ". b b/one " "$(changed put b/one second --wait)"
	same ". KEY " "$(changed put KEY second --wait)"
	same ". a " "$(changed put a/new first --wait)"
	same ". a " "$(changed secretctl delete secret a/new --wait)"
	same "" "$(changed true)"
	times >"$dir/before"
	kill -KILL "$(pgrep -f "^secretfs --role server $mnt")"
	same "$(cat "$dir/before")" "$(times)" "times, of a server that starts anew"
}

@test "directories belong to the group of the mount, and inodes are not used up" {
	same "0 0" "$(stat -c '%u %g' "$mnt")"
	same "0 0" "$(stat -c '%u %g' "$mnt/a")"
	used=$(df --output=ipcent "$mnt" | tail -1 | tr -dc 0-9)
	[[ -n $used ]] && ((used < 90)) || fail "inodes used: $used %"
	same 8 "$(df --output=iused "$mnt" | tail -1 | tr -d ' ')"
}

@test "a name of the greatest length, at the root and in groups" {
	long=$(printf 'n%.0s' {1..253})
	put "$long" whole
	put "g/${long:0:251}" below
	same whole "$(cat "$mnt/$long")"
	same below "$(cat "$mnt/g/${long:0:251}")"
	put "$long" again --wait
	same again "$(cat "$mnt/$long")"
	same ENOENT "$(open_errno "$mnt/${long}n")"
}

@test "watchers hear of a name of the greatest length" {
	long=$(printf 'n%.0s' {1..253})
	put "$long" whole
	inotifywait -q -t 10 -e moved_to --format %f "$mnt" >"$dir/heard" 3>&- 4>&- &
	wait_for 10 grep -qs '^inotify wd' /proc/$!/fdinfo/*
	put "$long" again --wait
	wait $! || fail "nothing heard"
	same "$long" "$(cat "$dir/heard")"
}

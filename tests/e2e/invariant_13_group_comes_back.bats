#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: a group whose last secret was deleted, and that is made again, is there for everybody,
# whoever holds on to what it was.

# shellcheck disable=SC2154 # dir is set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt holders=()
	put grp/one first
	put KEY other
	mount_at "$mnt"
}

teardown() {
	kill "${holders[@]}" 2>/dev/null || :
	umount "$dir/bound" 2>/dev/null || :
	sandbox_end
}

# hold SCRIPT ARGUMENT...: a process that has taken hold of something, and keeps it.
hold() {
	/usr/bin/python3 -c "import os, sys, time
$1
open(sys.argv[1], 'w').close()
time.sleep(300)" "$dir/held" "${@:2}" 3>&- 4>&- &
	holders+=($!)
	wait_for 10 test -e "$dir/held" || fail "nobody holds: $1"
}

again() {
	secretctl delete secret grp/one --wait >/dev/null
	same ENOENT "$(open_errno "$mnt/grp/one")"
	put grp/one "$1" --wait
}

# comes_back VALUE: on the mount and in a bind of the whole of it, by every way into the group.
comes_back() {
	local before value=${1:-second} m
	mkdir "$dir/other"
	mount --bind "$mnt" "$dir/other"
	before=$(stat -c %i "$mnt/grp")
	again "$value"
	for m in "$mnt" "$dir/other"; do
		same "$value" "$(cat "$m/grp/one")" "$m"
		same "$value" "$(cat "$m/GRP/ONE")" "$m"
		same one "$(ls "$m/grp")" "$m"
		same "$value" "$(cd "$m/grp" && cat one)" "$m"
	done
	[[ $before != "$(stat -c %i "$mnt/grp")" ]] || fail "the group that is new is the inode of the one that is gone"
	umount "$dir/other"
	rmdir "$dir/other"
}

@test "a group comes back while nobody holds it, again and again" {
	comes_back second
	comes_back third
	put grp/two more --wait
	same more "$(cat "$mnt/grp/two")"
}

@test "while one of its secrets is open" {
	hold 'f = open(sys.argv[2])' "$mnt/grp/one"
	comes_back
}

@test "while it is somebody's working directory" {
	hold 'os.chdir(sys.argv[2])' "$mnt/grp"
	comes_back
}

@test "while it is open as a directory" {
	hold 'f = os.open(sys.argv[2], os.O_RDONLY | os.O_DIRECTORY)' "$mnt/grp"
	comes_back
}

@test "while it, and a secret in it, are held by O_PATH" {
	hold 'f = os.open(sys.argv[2], os.O_PATH); g = os.open(sys.argv[2] + "/one", os.O_PATH)' "$mnt/grp"
	comes_back
}

@test "while it is bound elsewhere" {
	mkdir "$dir/bound"
	mount --bind "$mnt/grp" "$dir/bound"
	comes_back
	# what is bound is the directory that is gone, as with every file system
	same "" "$(ls "$dir/bound" 2>/dev/null)"
}

@test "while a secret of it is bound elsewhere, which goes on with the new one" {
	touch "$dir/bound"
	mount --bind "$mnt/grp/one" "$dir/bound"
	comes_back
	same second "$(cat "$dir/bound")"
}

@test "a group in a group comes back" {
	put grp/deep/one first
	hold 'f = open(sys.argv[2]); os.chdir(sys.argv[3])' "$mnt/grp/deep/one" "$mnt/grp/deep"
	secretctl delete secret grp/one >/dev/null
	secretctl delete secret grp/deep/one --wait >/dev/null
	same ENOENT "$(open_errno "$mnt/grp")"
	put grp/deep/one second --wait
	same second "$(cat "$mnt/grp/deep/one")"
	comes_back_deep=$(stat -c %i "$mnt/grp/deep")
	secretctl delete secret grp/deep/one --wait >/dev/null
	put grp/deep/one third --wait
	same third "$(cat "$mnt/grp/deep/one")"
	[[ $comes_back_deep != "$(stat -c %i "$mnt/grp/deep")" ]]
}

@test "also when the server was killed in between" {
	hold 'f = open(sys.argv[2])' "$mnt/grp/one"
	secretctl delete secret grp/one --wait >/dev/null
	kill -KILL "$(pgrep -f "^secretfs --role server $mnt")"
	same other "$(timeout 10 cat "$mnt/KEY")"
	put grp/one second --wait
	same second "$(cat "$mnt/grp/one")"
	before=$(stat -c %i "$mnt/grp")
	kill -KILL "$(pgrep -f "^secretfs --role server $mnt")"
	same second "$(timeout 10 cat "$mnt/grp/one")"
	same "$before" "$(stat -c %i "$mnt/grp")" "its inode after the server was killed"
}

@test "spelled otherwise when it comes back" {
	hold 'f = open(sys.argv[2]); os.chdir(sys.argv[3])' "$mnt/grp/one" "$mnt/grp"
	secretctl delete secret grp/one --wait >/dev/null
	put GRP/one second --wait
	same second "$(cat "$mnt/GRP/one")"
	same second "$(cat "$mnt/grp/one")"
	same $'GRP\nKEY' "$(ls "$mnt")"
}

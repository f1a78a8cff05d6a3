#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: keys change while readers go on, without a remount.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper

setup() {
	sandbox
	init_store p1
	mnt=$dir/mnt readers=()
	scope=(-p p1 -d staging)
	bundle=$SECRETFS_BUNDLES/p1+staging.bundle
	cc -O2 -static -o "$dir/readers" "$repo/tests/e2e/readers.c"
}

teardown() {
	kill "${readers[@]}" 2>/dev/null || :
	[[ -n $BATS_TEST_COMPLETED ]] || grep -v granted "$dir/log" >&2 || :
	sandbox_end
}

letters() { printf "value:%032d" 0 | tr 0 "$1"; }
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
another() { local now; now=$(role "$1") && [[ -n $now && $now != "$2" ]] && (($(daemon_pids | wc -l) == 3)); }

serve() {
	secretctl create bundle "${scope[@]}" >/dev/null
	secretfs "$mnt" -o "bundle=$bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	id=$(findmnt -rn -o ID -- "$mnt")
}

# same_mount: ids are given out again, so the log counts too.
same_mount() {
	same "$id" "$(findmnt -rn -o ID -- "$mnt")" "the mount's id"
	run ! grep -e 'dead mount' -e unmounted "$dir/log"
}

read_on() {
	local i
	for i in 1 2; do
		"$dir/readers" "$mnt/KEY" value: >"$dir/reader.$i" 2>&1 3>&- 4>&- &
		readers+=($!)
	done
}
# no_error: the readers saw none.
no_error() {
	local i
	kill -TERM "${readers[@]}"
	for i in "${readers[@]}"; do wait "$i" || :; done
	readers=()
	cat "$dir"/reader.? >&3
	same 2 "$(cat "$dir"/reader.? | grep -c ' failed 0 wrong 0 ')" "readers without an error"
}

@test "a bundle minted anew is taken up by itself, a bad one is not" {
	put KEY "$(letters a)" "${scope[@]}"
	serve
	read_on
	for i in 1 2 3; do # renamed into place
		old=$(role server)
		secretctl create bundle "${scope[@]}" >/dev/null
		wait_for 20 another server "$old"
	done
	old=$(role server) # written in place
	cp "$bundle" "$dir/good"
	chmod 0600 "$bundle"
	cp "$dir/good" "$bundle"
	wait_for 20 another server "$old"
	old=$(role server)
	: >"$dir/log"
	echo broken >"$dir/bad"
	chmod 0400 "$dir/bad"
	cp -p "$bundle" "$dir/good"
	mv "$dir/bad" "$bundle"
	wait_for 20 grep -q 'the old one goes on' "$dir/log"
	same "$old" "$(role server)"
	same 1 "$(grep -c 'the old one goes on' "$dir/log")"
	mv "$dir/good" "$bundle"
	wait_for 20 another server "$old"
	same_mount
	no_error
}

@test "a bundle that came while no keeper looked is taken up, and is still in use when the server dies" {
	put KEY "$(letters a)" "${scope[@]}"
	serve
	read_on
	keeper=$(role keeper) server=$(role server)
	kill -STOP "$keeper"
	secretctl rotate scope "${scope[@]}" --begin >/dev/null
	kill -KILL "$keeper"
	wait_for 20 another keeper "$keeper"
	wait_for 20 another server "$server"
	server=$(role server) keeper=$(role keeper)
	# the helper, which starts it, has been there all the time
	kill -KILL "$keeper"
	wait_for 20 another keeper "$keeper"
	secretctl rotate scope "${scope[@]}" --finish --force >/dev/null
	put KEY "$(letters b)" "${scope[@]}"
	wait_for 20 shows b
	kill -KILL "$(role server)"
	same "$(letters b)" "$(timeout 20 cat "$mnt/KEY")"
	same_mount
	no_error
}
shows() { [[ $(cat "$mnt/KEY") == "$(letters "$1")" ]]; }

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 4: which inode a name has follows from nothing that a writer of any scope knows, so that
# none can make a name that takes the inode of another's; and a server that starts anew knows them.

# shellcheck disable=SC2154 # dir is set by helper.bash

load helper

setup() {
	sandbox
	init_store
	put KEY value
	put grp/one value
}

teardown() { sandbox_end; }

# number FILE: its node id without the version.
number() { echo $(($(stat -c %i "$1") & 0xffffffffffff)); }

@test "two mounts of one bundle give a name two numbers, each server of a mount the same" {
	local name
	secretctl create bundle --out "$dir/bundle" >/dev/null
	for m in one two; do
		mkdir "$dir/$m"
		secretfs "$dir/$m" -o "bundle=$dir/bundle" 3>&- 4>&-
	done
	for name in KEY grp grp/one; do
		before=$(stat -c %i "$dir/one/$name")
		[[ $(number "$dir/one/$name") != "$(number "$dir/two/$name")" ]] || fail "$name has the same number in both"
		kill -KILL "$(pgrep -f "^secretfs --role server $dir/one")"
		same "$before" "$(timeout 10 stat -c %i "$dir/one/$name")" "$name after the server was killed"
	done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# A bundle as Kubernetes lays secrets into a volume: NAME is a link to ..data/NAME, and ..data a link
# that is renamed over when the secret changes.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt
	put KEY one
	mkdir "$dir/volume"
	lay 1
	ln -s ..data/bundle "$dir/volume/bundle"
}
teardown() { sandbox_end; }

# lay TIME: a bundle minted now, in the place of the one before.
lay() {
	mkdir "$dir/volume/..$1"
	secretctl create bundle --out "$dir/volume/..$1/bundle" >/dev/null
	ln -s "..$1" "$dir/volume/..data_tmp"
	mv -T "$dir/volume/..data_tmp" "$dir/volume/..data"
}
server() { pgrep -x -f "secretfs --role server $mnt" | head -n 1; }
another() { [[ -n $(server) && $(server) != "$1" ]]; }

@test "a bundle behind links is followed to where they lead now" {
	local old
	secretfs "$mnt" -o "bundle=$dir/volume/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(cat "$mnt/KEY")"
	old=$(server)
	lay 2
	rm -r "$dir/volume/..1"
	wait_for 20 another "$old" || fail "not taken up: $(cat "$dir/log")"
	# and after a crash of all that could remember the first one
	old=$(server)
	kill -KILL "$old"
	wait_for 20 another "$old"
	same one "$(timeout 10 cat "$mnt/KEY")"
}

@test "a mount takes one inotify instance for all paths that the supervisor watches" {
	local supervisor
	secretfs "$mnt" -o "bundle=$dir/volume/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	supervisor=$(pgrep -x -f "secretfs --role helper $mnt")
	supervisor=$(ps -o ppid= -p "$supervisor")
	# the policy's, which is handed around, and its own
	same 2 "$(find "/proc/${supervisor// /}/fd" -lname 'anon_inode:inotify' | wc -l)"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154,SC2153,SC2030,SC2031 # helper.bash sets dir and the paths; each test is a subshell
#
# Invariant 6: a missing narrow scope never exposes a broader value. It is
# deleted, renamed, emptied: a mount refuses to start, one that runs keeps its
# last good view.

load helper

setup() {
	sandbox
	init_store
	put TOKEN organization
	put TOKEN domain -d development
	put TOKEN project -p flytesnacks
	put TOKEN narrow -p flytesnacks -d development
	mnt=$dir/mnt
	secretctl create bundle --out "$dir/bundle" -p flytesnacks -d development >/dev/null
	cp -a "$SECRETFS_STORE" "$dir/whole"
}
teardown() { sandbox_end; }

serve() { secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"; }

restore() {
	rsync_like "$dir/whole" "$SECRETFS_STORE"
}

# The store's own directories stay, for a daemon that watches them.
rsync_like() {
	local f
	(cd "$1" && find . -type d) | while read -r f; do mkdir -p "$2/$f"; done
	(cd "$1" && find . -type f) | while read -r f; do cmp -s "$1/$f" "$2/$f" || cp "$1/$f" "$2/$f"; done
}

# refused_start: neither a mount nor a message without the next step.
refused_start() {
	run -1 timeout 20 secretfs -f "$mnt" -o "bundle=$dir/bundle,log=stderr"
	is_not_mounted "$mnt"
	[[ -z $(ls -A "$mnt") ]]
	[[ -n $output ]]
}

@test "a ref of any scope deleted, renamed, emptied, another's: no start" {
	refs=("$SECRETFS_STORE"/refs/*)
	# the registry's is not among the mount's: found out by trying
	needed=0
	for ref in "${refs[@]}"; do
		mv "$ref" "$dir/ref"
		if secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>"$dir/err"; then
			same narrow "$(cat "$mnt/TOKEN")"
			umount "$mnt"
			wait_for 5 no_daemon
			mv "$dir/ref" "$ref"
			continue
		fi
		needed=$((needed + 1))
		refused_start
		echo "$output" >"$dir/message.$needed"
		: >"$ref"
		refused_start
		mv "$dir/ref" "$ref.bak"
		refused_start
		for other in "${refs[@]}"; do
			[[ $other != "$ref" ]] || continue
			cp "$other" "$ref"
			refused_start
		done
		mv "$ref.bak" "$ref"
	done
	same 4 "$needed" 'scopes that a mount needs'
	# and it says which one
	cat "$dir"/message.*
	grep -qi organization "$dir"/message.*
	grep -qi 'project flytesnacks, domain development' "$dir"/message.*
	serve
	same narrow "$(cat "$mnt/TOKEN")"
}

@test "an object of any scope deleted: no start, and nothing broader" {
	needed=0
	while IFS= read -r object; do
		mv "$object" "$dir/object"
		if secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>"$dir/err"; then
			same narrow "$(cat "$mnt/TOKEN")"
			umount "$mnt"
			wait_for 5 no_daemon
		else
			needed=$((needed + 1))
			is_not_mounted "$mnt"
		fi
		mv "$dir/object" "$object"
	done < <(find "$SECRETFS_STORE/objects" -type f)
	# commit, page and value of each
	((needed >= 12))
}

@test "a running mount keeps its last good view" {
	serve
	same narrow "$(cat "$mnt/TOKEN")"
	while IFS= read -r file; do
		mv "$file" "$dir/file"
		same narrow "$(cat "$mnt/TOKEN")"
		same TOKEN "$(ls "$mnt")"
		mv "$dir/file" "$file"
	done < <(find "$SECRETFS_STORE/refs" -type f)
	rm -rf "${SECRETFS_STORE:?}"/refs/*
	same narrow "$(cat "$mnt/TOKEN")"
	rm -rf "${SECRETFS_STORE:?}"/objects/*
	same narrow "$(cat "$mnt/TOKEN")"
	same TOKEN "$(ls "$mnt")"
	# whole again, and with something new: it goes on
	restore
	put TOKEN newer -p flytesnacks -d development
 	wait_for 10 shows newer # directories were replaced: by a new server
}
shows() { [[ $(cat "$mnt/TOKEN") == "$1" ]]; }

@test "the narrow secret deleted by right: then the broader one shows" {
	serve
	secretctl delete secret TOKEN -p flytesnacks -d development >/dev/null
	same project "$(cat "$mnt/TOKEN")"
	secretctl delete secret TOKEN -p flytesnacks >/dev/null
	same domain "$(cat "$mnt/TOKEN")"
	secretctl delete secret TOKEN -d development >/dev/null
	same organization "$(cat "$mnt/TOKEN")"
}

@test "minting does not make a lost scope anew" {
	for ref in "$SECRETFS_STORE"/refs/*; do
		mv "$ref" "$dir/ref"
		if secretctl create bundle --out "$dir/again" -p flytesnacks -d development >"$dir/out" 2>&1; then
			fail "a bundle was minted over a lost ref"
		fi
		[[ ! -e $ref ]] || fail "it was made anew"
		mv "$dir/ref" "$ref"
		rm -f "$dir/again"
	done
	secretctl create bundle --out "$dir/again" -p flytesnacks -d development >/dev/null
}

# What a command says of TOKEN where the narrow scope is lost: its own value (another ref was taken
# away), or nothing at all.
narrow_or_refused() {
	run timeout 20 "$@"
	((status != 0)) || same narrow "$output" "$2"
}

@test "no command reads past a lost scope or makes it anew, with no memory of it" {
	for ref in "$SECRETFS_STORE"/refs/*; do
		mv "$ref" "$dir/ref"
		export SECRETFS_STATE=$dir/forgetful
		narrow_or_refused secretctl get secret TOKEN --reveal -p flytesnacks -d development
		# shellcheck disable=SC2016 # for the command's shell
		narrow_or_refused secretctl run --secret TOKEN -p flytesnacks -d development -- sh -c 'printf %s "$TOKEN"'
		run secretctl create secret NEW x -p flytesnacks -d development
		[[ ! -e $ref ]] || fail "it was made anew"
		SECRETFS_STATE=$dir/var/state
		rm -rf "$dir/forgetful" "$SECRETFS_STORE"
		cp -a "$dir/whole" "$SECRETFS_STORE"
		rm -f "$dir/ref"
	done
}

@test "run injects what the mount shows, and nothing that it hides" {
	put group/KEY broad
	put group narrow -p flytesnacks -d development
	secretctl create bundle --out "$dir/bundle" -p flytesnacks -d development >/dev/null
	serve
	run -1 cat "$mnt/group/KEY"
	run -1 secretctl explain group/KEY -p flytesnacks -d development
	# shellcheck disable=SC2016 # for the command's shell
	run -1 secretctl run --secret X=group/KEY -p flytesnacks -d development -- sh -c 'printf %s "$X"'
	run -1 secretctl run --secret X=group/KEY --bundle "$dir/bundle" -- true
	# shellcheck disable=SC2016
	run -0 secretctl run --secret X=group -p flytesnacks -d development -- sh -c 'printf %s "$X"'
	same narrow "$output"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: keys change while readers go on, without a remount.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper
load readers

setup() {
	sandbox
	init_store p1
	mnt=$dir/mnt
	scope=(-p p1 -d staging)
	bundle=$SECRETFS_BUNDLES/p1+staging.bundle
	readers_build
}

teardown() {
	readers_kill
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
		*) [[ $1 != supervisor ]] || echo "$p" ;;
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

@test "a bundle minted anew is taken up by itself, a bad one is not" {
	put KEY "$(letters a)" "${scope[@]}"
	serve
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
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
	wait_for 20 grep -q 'the old one keeps serving' "$dir/log"
	same "$old" "$(role server)"
	same 1 "$(grep -c 'the old one keeps serving' "$dir/log")"
	mv "$dir/good" "$bundle"
	wait_for 20 another server "$old"
	same_mount
	no_error
}

@test "a bundle that came while no supervisor looked is taken up, and is still in use when the server dies" {
	put KEY "$(letters a)" "${scope[@]}"
	serve
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
	supervisor=$(role supervisor) server=$(role server)
	kill -STOP "$supervisor"
	secretctl rotate scope "${scope[@]}" --begin >/dev/null
	kill -KILL "$supervisor"
	wait_for 20 another supervisor "$supervisor"
	wait_for 20 another server "$server"
	server=$(role server) supervisor=$(role supervisor)
	# the helper, which starts it, has been there all the time
	kill -KILL "$supervisor"
	wait_for 20 another supervisor "$supervisor"
	secretctl rotate scope "${scope[@]}" --finish --force >/dev/null
	put KEY "$(letters b)" "${scope[@]}"
	wait_for 20 shows b
	kill -KILL "$(role server)"
	same "$(letters b)" "$(timeout 20 cat "$mnt/KEY")"
	same_mount
	no_error
}
shows() { [[ $(cat "$mnt/KEY") == "$(letters "$1")" ]]; }

@test "scope rotated, writer rotated, writer revoked, again and again under readers" {
	put KEY "$(letters a)" "${scope[@]}"
	secretctl create writer ci "${scope[@]}" >/dev/null
	serve
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
	for round in 1 2 3; do
		cp "$bundle" "$dir/old.bundle"
		secretctl rotate scope "${scope[@]}" --begin >"$dir/out"
		put KEY "$(letters "$round")" "${scope[@]}"
		wait_for 20 shows "$round"
		secretctl rotate scope "${scope[@]}" --finish </dev/null >>"$dir/out"
		run -1 env SECRETFS_ROOT_KEY="$dir/none" secretctl run --bundle "$dir/old.bundle" --secret KEY -- true
		secretctl rotate writer ci "${scope[@]}" >/dev/null
		secretctl create writer "w$round" "${scope[@]}" >/dev/null
		secretctl delete writer "w$round" --yes >/dev/null
		put KEY "$(letters "$((round + 3))")" "${scope[@]}"
		wait_for 20 shows "$((round + 3))"
	done
	same_mount
	no_error
}

@test "what a revoked writer commits to a copy from before is not believed" {
	put KEY "$(letters a)" "${scope[@]}"
	secretctl create writer ci "${scope[@]}" >/dev/null
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/ci.bundle"
	serve
	cp -a "$SECRETFS_STORE" "$dir/before"
	secretctl delete writer ci --yes >/dev/null
	put KEY "$(letters b)" "${scope[@]}"
	wait_for 20 shows b
	# it goes on for longer than the others did, from before it was out
	for i in 1 2 3 4; do
		env SECRETFS_ROOT_KEY="$dir/none" SECRETFS_STATE="$dir/ci-state" SECRETFS_STORE="$dir/before" \
			SECRETFS_WRITER_BUNDLE="$dir/ci.bundle" secretctl update secret KEY - < <(letters "$i")
	done
	cp -a "$dir/before/objects/." "$SECRETFS_STORE/objects/"
	for ref in "$dir"/before/refs/*; do
		cp "$ref" "$SECRETFS_STORE/refs/.new"
		mv "$SECRETFS_STORE/refs/.new" "$SECRETFS_STORE/refs/${ref##*/}"
	done
	wait_for 20 grep -q ALARM "$dir/log" || fail "no alarm"
	same "$(letters b)" "$(cat "$mnt/KEY")"
}

# What secretctl(1) says to type, with this test's paths in it.
page() {
	sed -n "/^\.\\\\\" $1\$/,/^\.Ed\$/p" "$repo/man/secretctl.1" | sed -n -e 's/^# //p' -e 's/^\t/\t/p' |
		sed -e 's/\\e$/\\/' -e "s,/etc/secretfs/,$dir/etc/,g" -e "s,/var/lib/secretfs/,$dir/var/,g" \
			-e "s,^secretctl export [^ ]*,& --passphrase-file $dir/phrase," \
			-e "s,^secretctl restore [^ ]*,& --passphrase-file $dir/phrase,"
}

@test "a new root, as the manual page says: the mount goes on, the old root opens nothing" {
	put KEY "$(letters a)" "${scope[@]}"
	put KEY "$(letters b)" "${scope[@]}"
	put other elsewhere -p p1
	secretctl create writer ci "${scope[@]}" >/dev/null
	serve
	cp "$bundle" "$dir/old.bundle"
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/old-ci.bundle"
	echo 'a passphrase for the archive' >"$dir/phrase"
	page 'a new root' >"$dir/steps"
	(($(wc -l <"$dir/steps") >= 10)) || fail "the page's steps: $(cat "$dir/steps")"
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
	server=$(role server)
	cd "$dir"
	bash -eux "$dir/steps" >"$dir/steps.out" 2>&1 || fail "$(cat "$dir/steps.out")"
	wait_for 20 another server "$server"
	put KEY "$(letters c)" "${scope[@]}"
	wait_for 20 shows c
	same elsewhere "$(cat "$mnt/other")"
	kill -KILL "$(role server)"
	same "$(letters c)" "$(timeout 20 cat "$mnt/KEY")"
	same_mount
	# what was open at that moment is sealed in the old store alone: one read may fail, none is wrong
	no_error 1
	# history came along; what was made by the old root opens nothing
	same 3 "$(secretctl history secret KEY "${scope[@]}" -o json | jq length)"
	run -1 env SECRETFS_ROOT_KEY="$dir/none" secretctl run --bundle "$dir/old.bundle" --secret KEY -- true
	run -1 env SECRETFS_ROOT_KEY="$dir/none" SECRETFS_STATE="$dir/ci-state" SECRETFS_WRITER_BUNDLE="$dir/old-ci.bundle" \
		secretctl update secret KEY - <<<x
	env SECRETFS_ROOT_KEY="$dir/none" SECRETFS_STATE="$dir/ci-state" SECRETFS_WRITER_BUNDLE="$SECRETFS_BUNDLES/ci.bundle" \
		secretctl update secret KEY - <<<x
	run -0 secretctl check
}

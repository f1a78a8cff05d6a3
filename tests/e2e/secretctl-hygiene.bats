# SPDX-License-Identifier: ISC
#
# A value is on no command line once the program has started, in no message, log or temporary file.

# shellcheck disable=SC2154,SC2016 # dir is set by sandbox; sh expands
load helper
setup() {
	sandbox
	init_store p1
	export TMPDIR=$dir/tmp
	mkdir "$TMPDIR"
	printf canary-file >"$dir/in"
}
teardown() { sandbox_end; }

cmdlines() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '; }

@test "a canary through every command is nowhere but in the mount" {
	{
		secretctl create secret A - <"$dir/in"
		secretctl create secret B -f "$dir/in" -p p1
		secretctl create secret C canary-argv -p p1 -d staging --wait
		mount_at "$dir/mnt" -p p1 -d staging
		secretctl update secret A --wait - <<<canary-second
		secretctl update secret B canary-argv -p p1 --wait
		secretctl history secret A
		secretctl rollback secret A
		secretctl get secret -A
		secretctl get secret A -o json
		secretctl explain A -p p1 -d staging
		secretctl run --secret A --secret B -- true
		secretctl run -p p1 -d staging --secret C -- true
		printf 'D=canary-import\nE="canary-import\n' | secretctl import -
		printf 'D=canary-import\n' | secretctl import -
		secretctl copy secret A A2
		secretctl create bundle -p p1 -d staging --out "$dir/mnt.bundle"
		secretctl rotate scope -p p1 --begin
		secretctl rotate scope -p p1 --finish --force
		secretctl check
		secretctl doctor
		printf '%s\0' update secret A canary-typed '' | secretctl __complete
		printf '%s\0' get secret '' | secretctl __complete
		secretctl delete secret A2 --wait
	} >"$dir/said" 2>&1 </dev/null || :
	holds "$(cat "$dir/said")" "created secret"
	run ! grep canary "$dir/said"
	rm "$dir/in"
	run ! grep -rl canary --exclude-dir=mnt "$dir"
	same "" "$(ls -A "$TMPDIR")"
	run ! grep -rl canary /var/log
	lacks "$(cmdlines)" canary-
}

@test "nothing of a value is on the command line of what waits, watches or runs" {
	put K canary-value
	mount_at "$dir/mnt"
	secretctl watch K --now -- sleep 30 3>&- 4>&- &
	watcher=$!
	secretctl run --secret K -- sleep 30 3>&- 4>&- &
	runner=$!
	wait_for 5 sh -c "[ \$(pgrep -x sleep | wc -l) -ge 2 ]"
	lacks "$(cmdlines)" canary-value
	# nor in the environment of watch's command, which is told of a version only
	lacks "$(tr '\0' ' ' <"/proc/$(pgrep -x -P "$watcher" sleep)/environ")" canary-value
	kill "$watcher" "$runner"
	wait "$watcher" "$runner" || :
}

# SPDX-License-Identifier: ISC
#
# secretctl run: values into an environment, from keys, a bundle and a mount.

# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # dir is set by sandbox; sh expands; tests are subshells
load helper
setup() {
	sandbox
	init_store p1
	put MY_KEY org
	put MY_KEY narrow -p p1 -d development
	put group/my-key grouped -p p1
}
teardown() { sandbox_end; }

@test "by Flyte's rule, by a name of one's own, beside --env, most specific first" {
	run -0 secretctl run -p p1 -d development --secret MY_KEY --secret group/my-key --secret OWN=my_key \
		--env A=b -- sh -c 'echo "$MY_KEY $GROUP_MY_KEY $OWN $A"'
	same "narrow grouped narrow b" "$output"
	same org "$(secretctl run --secret MY_KEY -- printenv MY_KEY)"
	same org "$(MY_KEY=before secretctl run --secret MY_KEY -- printenv MY_KEY)"
	same 1 "$(MY_KEY=before secretctl run --secret MY_KEY -- env | grep -c ^MY_KEY=)"
	same "$HOME" "$(secretctl run -- printenv HOME)"
}

@test "from a bundle, without the root key" {
	secretctl create bundle -p p1 -d development >/dev/null
	export SECRETFS_ROOT_KEY=$dir/none
	same narrow "$(secretctl run --bundle "$SECRETFS_BUNDLES/p1+development.bundle" --secret MY_KEY -- printenv MY_KEY)"
	run -2 secretctl run --bundle "$SECRETFS_BUNDLES/p1+development.bundle" -p p1 --secret MY_KEY -- env
}

@test "from the mount, as a user whom the policy lets in" {
	mount_at "$dir/mnt" -p p1 -d development --owner 3000
	export SECRETFS_ROOT_KEY=$dir/none
	same narrow "$(as_uid 3000 secretctl run --secret MY_KEY -- printenv MY_KEY)"
	same grouped "$(as_uid 3000 secretctl run --mount "$dir/mnt" --secret group/my-key -- printenv GROUP_MY_KEY)"
	run -1 as_uid 3001 secretctl run --secret MY_KEY -- env
	holds "$output" "Permission denied"
	holds "$output" "explain MY_KEY"
	run -1 as_uid 3000 secretctl run --secret ABSENT -- env
}

@test "exit status, signals and files pass; nothing runs when a secret is missing" {
	run -7 secretctl run -- sh -c 'exit 7'
	run -143 secretctl run -- sh -c 'kill -TERM $$'
	run -127 secretctl run -- no-such-command
	run -126 secretctl run -- /etc
	same in "$(echo in | secretctl run -- cat)"
	run -1 secretctl run --secret ABSENT -- touch "$dir/ran"
	[[ ! -e $dir/ran ]]
	run -2 secretctl run --secret MY_KEY echo
	run -2 secretctl run --secret =MY_KEY -- env
	run -2 secretctl run --env NOTHING -- env
	run -2 secretctl run
	printf 'a\0b' | secretctl create secret NUL - >/dev/null
	run -1 secretctl run --secret NUL -- env
	holds "$output" "NUL"
	# limits and signals are the caller's, not ours
	same "$(bash -c 'ulimit -c; ulimit -Hc; umask')" "$(secretctl run -- bash -c 'ulimit -c; ulimit -Hc; umask')"
	same "$(awk '/SigIgn/' /proc/self/status)" "$(secretctl run -- awk '/SigIgn/' /proc/self/status)"
}

@test "no value on a command line, and an expired one is refused" {
	put CANARY canary-run
	secretctl run --secret CANARY -- sleep 30 3>&- 4>&- &
	pid=$!
	wait_for 5 sh -c "tr '\\0' ' ' </proc/$pid/cmdline | grep -q '^sleep'"
	lacks "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ')" canary-run
	kill "$pid"
	wait "$pid" || :
	put SHORT x --expires 1s
	expired() { ! secretctl run --secret SHORT -- true 2>/dev/null; }
	wait_for 10 expired
	run -1 secretctl run --secret SHORT -- true
	holds "$output" "expired"
}

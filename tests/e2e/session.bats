# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# The shortest session, as the README has it, on a machine that has nothing of
# secretfs but what `make install` put there.

load helper

setup() {
	sandbox
	default_paths
	make -s -C "$repo" install >"$dir/install.out" 2>&1 || fail "$(cat "$dir/install.out")"
}

teardown() {
	umount /etc/flyte/secrets 2>/dev/null || umount -l /etc/flyte/secrets 2>/dev/null || :
	wait_for 10 no_secretfs || pkill -KILL -x secretfs || :
	default_paths_end
	sandbox_end
}

no_secretfs() { ! pgrep -x secretfs >/dev/null; }

@test "init, create, mount, cat: four commands on an empty machine" {
	[[ ! -e /etc/secretfs && ! -e /var/lib/secretfs && ! -e /etc/flyte ]]
	same /usr/local/bin/secretctl "$(command -v secretctl)"

	run -0 --separate-stderr secretctl init
	holds "$output$stderr" "ecovery code"

	run -0 at_terminal 'correct horse' secretctl create secret MY_KEY
	lacks "$output" 'correct horse'

	run -0 secretctl mount
	is_mounted /etc/flyte/secrets

	run -0 cat /etc/flyte/secrets/MY_KEY
	same 'correct horse' "$output"

	# what was made on the way
	same 'root 600' "$(stat -c '%U %a' /etc/secretfs/root.key | sed 's/ 400/ 600/')" 'root key'
	[[ -s /etc/secretfs/policy.ini && -d /etc/secretfs/bundles && -d /var/lib/secretfs/store ]]
	same EACCES "$(as_uid 1000 /usr/bin/python3 -c '
import errno
try:
    open("/etc/flyte/secrets/MY_KEY")
except OSError as e:
    print(errno.errorcode[e.errno])')" 'another user'
	if grep -rqsF 'correct horse' /etc/secretfs /var/lib/secretfs; then
		fail "the value lies on disk"
	fi
}

@test "the session goes on: umount, mount again, update, delete" {
	secretctl init >/dev/null
	printf one | secretctl create secret MY_KEY
	secretctl mount 3>&- 4>&-
	same one "$(cat /etc/flyte/secrets/MY_KEY)"

	run -0 secretctl umount
	is_not_mounted /etc/flyte/secrets
	wait_for 5 no_secretfs || fail "the daemon lives on"

	secretctl mount 3>&- 4>&-
	same one "$(cat /etc/flyte/secrets/MY_KEY)"
	printf two | secretctl update secret MY_KEY
	same two "$(cat /etc/flyte/secrets/MY_KEY)"
	secretctl delete secret MY_KEY
	same ENOENT "$(open_errno /etc/flyte/secrets/MY_KEY)"
}

@test "uninstall takes away what install put there" {
	find /usr/local -type f | grep -q /secretctl
	make -s -C "$repo" uninstall >/dev/null
	same '' "$(find /usr/local -type f)" 'left over'
}

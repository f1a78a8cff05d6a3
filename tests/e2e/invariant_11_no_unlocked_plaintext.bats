#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# Invariant 11: no unlocked plaintext. Without memory that can be locked
# neither the daemon nor the tool goes on, and both say why.

load helper

setup() {
	sandbox
	init_store
	put KEY value
	secretctl create bundle --out "$dir/bundle" >/dev/null
}
teardown() { sandbox_end; }

# without_locks BYTES COMMAND...: with that limit, and no capability to pass it.
without_locks() {
	local limit=$1
	shift
	prlimit --memlock="$limit:$limit" -- setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock -- "$@"
}

@test "the daemon does not start, and says that memory cannot be locked" {
	run -1 without_locks 0 timeout 20 secretfs -f "$dir/mnt" -o "bundle=$dir/bundle,log=stderr"
	is_not_mounted "$dir/mnt"
	holds "$output" lock
	# with the right to lock, by the same way, it does
	run -0 without_locks $((4 << 20)) secretfs "$dir/mnt" -o "bundle=$dir/bundle,log=syslog"
	same value "$(cat "$dir/mnt/KEY")"
}

@test "a value that finds no room is ENOMEM, and its neighbours go on" {
	head -c 1000000 /dev/urandom >"$dir/big"
	secretctl create secret BIG --from-file "$dir/big" >/dev/null
	without_locks $((512 << 10)) secretfs "$dir/mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"
	same value "$(cat "$dir/mnt/KEY")"
	same ENOMEM "$(open_errno "$dir/mnt/BIG")"
	same value "$(cat "$dir/mnt/KEY")"
}

@test "secretctl neither reads nor writes a secret" {
	run ! without_locks 0 secretctl get secret KEY --reveal
	holds "$output" lock
	lacks "$output" value
	run ! without_locks 0 secretctl create secret NEW --value x
	holds "$output" lock
	run ! without_locks 0 secretctl init --root-key "$dir/other.key" --store "$dir/other"
	[[ ! -e $dir/other.key ]]
}

@test "what the daemon holds open is locked, according to the kernel" {
	secretfs "$dir/mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"
	# the only one of its processes that has keys
	for p in $(daemon_pids); do
		[[ $(tr '\0' ' ' <"/proc/$p/cmdline") == *"--role server"* ]] && pid=$p
	done
	before=$(awk '/^VmLck/ { print $2 }' "/proc/$pid/status")
	((before > 0)) # the keys
	head -c 500000 /dev/urandom >"$dir/big"
	secretctl create secret BIG --from-file "$dir/big" >/dev/null
	exec 5<"$dir/mnt/BIG"
	after=$(awk '/^VmLck/ { print $2 }' "/proc/$pid/status")
	exec 5<&-
	((after - before >= 488)) || fail "locked before: $before kB, with half a megabyte open: $after kB"
}

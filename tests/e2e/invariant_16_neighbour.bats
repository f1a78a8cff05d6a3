# SPDX-License-Identifier: ISC
# Alone: it measures how long others are kept waiting
#
# Invariant 16: whatever one user does, the reads of another never fail, and
# their 99th percentile stays within ten times that of a quiet mount.
#
#   NEIGHBOUR_SECONDS=60 make check T=invariant_16   the long form (make check-long)

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
load helper

seconds=${NEIGHBOUR_SECONDS:-8}
# The hostile users run at nice 19: how processors are shared is the kernel's
# business, how the mount is shared is ours. What is left of that on two
# processors is that a reader, or the server, waits for the end of some other
# process's slice of time, which is milliseconds. So where a quiet read takes
# 100 us, the bound is not ten times that but this (us).
floor=${NEIGHBOUR_FLOOR_US:-10000}
kinds=(opens opendirs stats refused opath mmaps groups threads)
[[ -z ${NEIGHBOUR_KINDS:-} ]] || read -ra kinds <<<"$NEIGHBOUR_KINDS"

setup() {
	sandbox
	init_store shop
	mnt=$dir/mnt
	put KEY value
	put LURE value
	put GROUPS value
	printf '\n[secret KEY]\nallow = uid:1001, uid:1002\n\n[secret LURE]\nallow = *\n\n[secret GROUPS]\nallow = gid:4242\n' >>"$SECRETFS_POLICY"
	cc -O2 -D_GNU_SOURCE -pthread -o "$dir/neighbour" "$repo/tests/e2e/neighbour.c"
	pids=()
}

teardown() {
	[[ -z ${pids[*]} ]] || kill -KILL "${pids[@]}" 2>/dev/null || :
	sandbox_end
}

# start OUT UID SECONDS KIND FILE
start() {
	local nice=19
	[[ $4 != read ]] || nice=0
	nice -n "$nice" "$dir/neighbour" "${@:2}" >"$dir/$1" 2>>"$dir/errors" 3>&- 4>&- &
	pids+=($!)
}

# read_both NAME SECONDS: the two ordinary readers; the worse p99 (us) is in $p99.
read_both() {
	start "$1.1" 1001 "$2" read "$mnt/KEY"
	local a=$!
	start "$1.2" 1002 "$2" read "$mnt/KEY"
	local b=$! status=0
	wait "$a" || status=1
	wait "$b" || status=1
	sed "s/^/# $1: /" "$dir/$1.1" "$dir/$1.2" >&3
	p99=$(cat "$dir/$1.1" "$dir/$1.2" | awk '{ if ($8 > m) m = $8 } END { print m + 0 }')
	((status == 0)) || fail "a read failed: $(head -n 5 "$dir/errors")"
}

@test "invariant 16: hostile users of all kinds beside two ordinary readers" {
	local quiet kind uid=2000 bound
	mount_at "$mnt"
	read_both quiet "$((seconds < 10 ? 3 : 10))"
	quiet=$p99
	for kind in "${kinds[@]}"; do
		local file=$mnt/LURE
		case $kind in
		opendirs) file=$mnt ;;
		refused) file=$mnt/KEY ;;
		groups) file=$mnt/GROUPS ;;
		esac
		start "$kind" "$((++uid))" "$((seconds + 2))" "$kind" "$file"
	done
	sleep 1
	read_both loud "$seconds"
	wait_for 20 all_ended
	for kind in "${kinds[@]}"; do
		sed 's/^/# /' "$dir/$kind" >&3
	done
	bound=$((quiet * 10 > floor ? quiet * 10 : floor))
	echo "# p99 quiet $quiet us, loud $p99 us, bound $bound us" >&3
	((p99 <= bound)) || fail "p99 $p99 us with neighbours, $quiet us without: more than $bound us"
	# and when they have gone nothing of theirs is left
	wait_for 10 nothing_open
}

all_ended() { ! kill -0 "${pids[@]}" 2>/dev/null; }
nothing_open() { [[ $(secretctl get mount "$mnt" -o json | jq .open_handles) == 0 ]]; }

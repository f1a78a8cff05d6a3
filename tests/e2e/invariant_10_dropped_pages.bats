#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 10: what the page cache holds of a value is dropped after the last close, also when the
# server is killed before the helper got to it.

# shellcheck disable=SC2154 # dir is set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt n=250
	mkdir "$dir/batch"
	for ((i = 0; i < n; i++)); do printf 'value %d' "$i" >"$dir/batch/S$i"; done
	secretctl import "$dir/batch" >/dev/null
	secretctl create bundle --out "$dir/bundle" >/dev/null
}

teardown() { sandbox_end; }

role() { pgrep -o -f "^secretfs --role $1 $mnt( |\$)"; }
no_role() { ! role "$1" >/dev/null; }
serve() {
	secretfs -f -d "$mnt" -o "bundle=$dir/bundle${1:+,$1}" 2>"$dir/log" 3>&- 4>&- &
	wait_for 10 is_mounted "$mnt"
	wait_for 10 role helper >/dev/null
}

# map_each: each secret mapped, read and closed.
map_each() {
	/usr/bin/python3 -c 'import mmap, os, sys
for i in range(int(sys.argv[2])):
    f = os.open(f"{sys.argv[1]}/S{i}", os.O_RDONLY)
    m = mmap.mmap(f, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    assert m[:] == b"value %d" % i
    m.close(); os.close(f)' "$mnt" "$n"
}

# The numbers of inodes whose pages the helper was told to drop.
dropped() { grep -o 'forget pages of [0-9]*' "$dir/log" | sort -u | wc -l; }
all_dropped() { (($(dropped) >= n)); }

@test "the server killed while the helper is busy" {
	serve
	helper=$(role helper)
	kill -STOP "$helper"
	map_each
	kill -KILL "$(role server)"
	same "value 7" "$(timeout 10 cat "$mnt/S7")"
	kill -KILL "$(role server)" # and its successor, which knew of them from it
	same "value 7" "$(timeout 10 cat "$mnt/S7")"
	kill -CONT "$helper"
	wait_for 10 all_dropped || fail "dropped: $(dropped) of $n"
}

@test "the same with -o cache, when their time is over" {
	serve cache=1
	helper=$(role helper)
	kill -STOP "$helper"
	map_each
	sleep 1.5 # the second is over: they are about to be dropped
	cat "$mnt/S7" >/dev/null
	kill -KILL "$(role server)"
	same "value 7" "$(timeout 10 cat "$mnt/S7")"
	kill -KILL "$(role server)"
	same "value 7" "$(timeout 10 cat "$mnt/S7")"
	kill -CONT "$helper"
	wait_for 10 all_dropped || fail "dropped: $(dropped) of $n"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Under a service manager that keeps descriptors: not even all processes killed at once fail a
# reader. service_manager.py stands for systemd.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper
load readers

setup() {
	sandbox
	init_store
	mnt=$dir/mnt manager='' watcher=''
	mkdir "$dir/unit"
	secretctl create bundle --out "$dir/bundle" >/dev/null
	readers_build
}

teardown() {
	[[ -z $manager ]] || kill -KILL "$manager" 2>/dev/null || :
	kill_daemons
	[[ -z $watcher ]] || kill "$watcher" 2>/dev/null || :
	readers_kill
	sandbox_end
}

state() { cat "$dir/unit/$1" 2>/dev/null || echo 0; }
ready() { (($(state ready) >= $1)) && (($(daemon_pids | wc -l) == 3)); }

# start: waits until it serves.
start() {
	python3 "$repo/tests/e2e/service_manager.py" "$dir/unit" \
		secretfs -f "$mnt" -o "bundle=$dir/bundle" 2>>"$dir/log" 3>&- 4>&- &
	manager=$!
	wait_for 20 ready 1 || fail "not ready: $(cat "$dir/log")"
}

# stop: as systemctl does; nothing is left.
stop() {
	kill -TERM "$manager"
	wait_for 20 no_daemon || fail "left: $(daemons)"
	wait "$manager" || fail "the manager ended with $?"
	manager=
	is_not_mounted "$mnt" || fail "still mounted"
	same '' "$(state stored)" "what is still stored"
}

# kill_all: none of them can start another meanwhile.
kill_all() {
	local pids
	mapfile -t pids < <(daemon_pids)
	kill -STOP "${pids[@]}"
	kill -KILL "${pids[@]}"
}

mount_id() { findmnt -rn -o ID -- "$mnt"; }

# same_mount ID: ids are given out again, so the log counts too.
same_mount() {
	same "$1" "$(mount_id)" "the mount's id"
	run ! grep -e 'dead mount' -e 'mounting anew' -e unmounted "$dir/log"
}

letters() { printf "value:%032d" 0 | tr 0 "$1"; }
role() {
	local p
	for p in $(daemon_pids); do
		[[ $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) != "secretfs --role $1 "* ]] || echo "$p"
	done
}
another() { local now; now=$(role "$1") && [[ -n $now && $now != "$2" ]]; }
heard() { (($(grep -cx KEY "$dir/events") == $1)); }
# its descriptors are listed anew each time it is asked
watches() { grep -qs '^inotify wd' "/proc/$1/fdinfo/"*; }
main_is() { [[ $(state main) == "$(role supervisor)" ]]; }

@test "all processes killed at once: the next start goes on with the mount, and no reader fails" {
	put KEY "$(letters a)"
	start
	same 'secretfs-fuse secretfs-mount secretfs-shared' "$(state stored)"
	id=$(mount_id)
	exec 5<"$mnt/KEY"
	inotifywait -m -q -e moved_to --format %f -o "$dir/events" "$mnt" 3>&- 4>&- 5>&- &
	watcher=$!
	wait_for 10 watches $!
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
	for i in $(seq 15); do
		kill_all
		wait_for 20 ready $((i + 1)) || fail "round $i: $(cat "$dir/log")"
		same $((i + 1)) "$(state starts)" starts
		((i % 5)) || put KEY "$(letters "$((i / 5))")"
	done
	wait_for 10 heard 3 || fail "a watcher heard $(grep -cx KEY "$dir/events") updates of 3: $(cat "$dir/log")"
	no_error
	same_mount "$id"
	same "$(letters 3)" "$(cat "$mnt/KEY")"
	same "$(letters a)" "$(cat <&5)" "what was opened before"
	exec 5<&-
	same 'secretfs-fuse secretfs-mount secretfs-shared' "$(state stored)"
	stop
}

@test "killed while the store is away: readers wait, and get their answer when it is back" {
	put KEY "$(letters a)"
	start
	mv "$SECRETFS_STORE" "$SECRETFS_STORE.away"
	kill_all
	wait_for 20 grep -q 'the server cannot start' "$dir/log"
	cat "$mnt/KEY" >"$dir/read" 3>&- 4>&- &
	mv "$SECRETFS_STORE.away" "$SECRETFS_STORE"
	wait "$!"
	same "$(letters a)" "$(cat "$dir/read")"
	stop
}

@test "an upgrade and a killed supervisor: the mount stays, and the manager knows the new main process" {
	put KEY "$(letters a)"
	start
	id=$(mount_id)
	read_on "$mnt/KEY"
	read_on "$mnt/KEY"
	for i in 1 2 3; do
		server=$(role server)
		kill -USR2 "$(state main)"
		wait_for 20 another server "$server"
		wait_for 20 main_is || fail "main $(state main), supervisor $(role supervisor)"
		supervisor=$(state main)
		kill -KILL "$supervisor"
		wait_for 20 another supervisor "$supervisor"
		wait_for 20 main_is || fail "main $(state main), supervisor $(role supervisor)"
	done
	same 1 "$(state starts)" starts
	kill_all
	wait_for 20 ready 2
	wait_for 20 main_stands
	no_error
	same_mount "$id"
	stop
}
main_stands() { kill -0 "$(state main)"; }

@test "what was kept is no good: mounting anew, with one line; nothing of the old stays" {
	put KEY "$(letters a)"
	start
	n=1
	for spoil in secretfs-fuse secretfs-shared secretfs-mount 'secretfs-fuse secretfs-shared secretfs-mount'; do
		echo "$spoil" >"$dir/unit/spoil"
		: >"$dir/log"
		kill_all
		n=$((n + 1))
		wait_for 20 ready $n || fail "$spoil: $(cat "$dir/log")"
		same 1 "$(grep -c 'the state kept by the service manager is unusable' "$dir/log")" "$spoil: lines"
		same "$(letters a)" "$(timeout 10 cat "$mnt/KEY")"
		same 1 "$(findmnt -rn -o ID -- "$mnt" | wc -l)" "$spoil: mounts there"
		same 'secretfs-fuse secretfs-mount secretfs-shared' "$(state stored)"
	done
	rm "$dir/unit/spoil"
	stop
}

@test "unmounted by hand: it ends, is not started again, and nothing is stored" {
	put KEY "$(letters a)"
	start
	umount "$mnt"
	wait_for 20 no_daemon
	wait "$manager"
	manager=
	same '' "$(state stored)"
	same 1 "$(state starts)"
}

@test "the unit that is installed: systemd finds no fault with it" {
	make -s -C "$repo" -o all install BUILD="$(dirname "$(command -v secretfs)")" PREFIX="$dir/usr" >/dev/null
	unit=$dir/usr/lib/systemd/system/secretfs@.service
	grep -qx "ExecStart=$dir/usr/bin/secretfs -f %f" "$unit"
	run -0 systemd-analyze verify --man=no "$unit"
	same '' "$output"
	# what would give it a mount namespace of its own would keep the mount from the host
	run ! grep -E '^(Protect(System|Home|Kernel|Control|Proc|Hostname)|Private(Tmp|Devices|Users)|MountFlags|RootDir|Read(Only|Write)|Bind|Temporary|Inaccessible|RestrictSUIDSGID)' "$unit"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 19: nothing that is not ours is touched. Under every path that daemon and secretctl
# work with lies what belongs to somebody else: files named as secrets, as sockets, as state, and
# mounts. They are compared afterwards, with everything that a file has.

# shellcheck disable=SC2154,SC2030,SC2031 # dir and repo are set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt decoys=()
	put KEY one
	put GRP/SUB two
	put other three -p flytesnacks
	secretctl create bundle --out "$dir/bundle" >/dev/null
}

teardown() {
	((${#decoys[@]} == 0)) || kill "${decoys[@]}" 2>/dev/null || :
	umount -l "$dir"/container* 2>/dev/null || :
	sandbox_end
}

serve() { secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr${1:+,$1}" 2>>"$dir/log" 3>&- 4>&-; }

# role ROLE: supervisor (whatever it was started as), server, helper
role() {
	local p words
	for p in $(daemon_pids); do
		words=$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)
		case $words in
		*'--role supervisor '* | *'--role keeper '*) [[ $1 != supervisor ]] || echo "$p" ;;
		*"--role $1 "*) echo "$p" ;;
		*--role*) ;;
		*) [[ $1 != supervisor ]] || echo "$p" ;;
		esac
	done
}
another() { local now; now=$(role "$1") && [[ -n $now && $now != "$2" ]]; }
says() { grep -q -- "$1" "$dir/log"; }
all_three() { (($(daemon_pids | wc -l) == 3)); }

socket_name() { printf '%s.sock' "$(printf %s "$mnt" | b2sum -l 128 | cut -d' ' -f1)"; }

# tree DIR...: all there is about what is there.
tree() { python3 "$repo/tests/e2e/tree.py" "$@"; }

# strew DIR: what must be as it is afterwards, under names that secretfs might take for its own.
strew() {
	local d=$1 name
	mkdir -p "$d/GRP" "$d/decoy" "$d/.hidden" "$d/$(printf %032d 7)" "$d/refs" "$d/objects"
	for name in KEY GRP/SUB NEW decoy/file .hidden/file .KEY.0123abcd.new "$(printf %032d 7)/floor" \
		root.key.new policy.ini.old bundle.new; do
		[[ -e $d/$name ]] || printf 'precious %s\n' "$name" >"$d/$name"
	done
	ln -sfn /etc/passwd "$d/link"
	mkfifo -m 0640 "$d/fifo"
	touch -h -d '2001-02-03 04:05:06' "$d"/decoy/file "$d"/.hidden/file "$d"/link "$d"/fifo
	chown 4321:1234 "$d/decoy/file"
	chmod 0604 "$d/decoy/file"
}

# live: rotations of every kind, a crash of each process, an upgrade.
live() {
	local pid
	put KEY "one$RANDOM"
	put NEW new
	put GRP/SUB "two$RANDOM"
	put OWN/DIR x
	secretctl delete secret NEW >/dev/null
	secretctl delete secret OWN/DIR >/dev/null
	pid=$(role server)
	kill -KILL "$pid"
	wait_for 20 another server "$pid"
	pid=$(role helper)
	kill -KILL "$pid"
	wait_for 20 another helper "$pid"
	pid=$(role supervisor)
	kill -KILL "$pid"
	wait_for 20 another supervisor "$pid"
	wait_for 20 all_three
	put KEY "one$RANDOM"
	pid=$(role server)
	kill -USR2 "$(role supervisor)"
	wait_for 20 another server "$pid"
	wait_for 20 all_three
	put KEY last
	wait_for 10 shows last
}
shows() { [[ $(timeout 5 cat "$mnt/KEY") == "$1" ]]; }

# mount_table: but for our own.
mount_table() { findmnt -rn -o TARGET,SOURCE,FSTYPE,OPTIONS | grep -v fuse.secretfs; }

@test "a tree of somebody else under the mount point and beside all that is ours stays as it is" {
	local beside=("$dir/etc" "$dir/etc/bundles" "$dir/var" "$SECRETFS_STATE" "$SECRETFS_STORE" "$dir/run" "$dir/home")
	local d name before=$dir/before after=$dir/after
	mkdir -p "$dir/under" "$SECRETFS_BUNDLES"
	for d in "${beside[@]}"; do
		mkdir -p "$d/theirs"
		strew "$d/theirs"
		for name in decoy .hidden .x.0123abcd.new; do
			cp -a "$d/theirs/decoy" "$d/$name.theirs"
		done
	done
	strew "$mnt"
	sleep 1000 3>&- 4>&- &
	decoys+=($!)
	(exec -a "secretfs --role server $mnt" sleep 1000 3>&- 4>&-) &
	decoys+=($!)
	# the mount point's own directory is seen through another way to it
	mount --bind "$dir" "$dir/under"
	theirs() {
		for d in "${beside[@]}"; do tree "$d/theirs" "$d"/*.theirs "$d"/.hidden.theirs; done
		tree "$dir/under/mnt"
	}
	theirs >"$before"
	mount_table >"$before.mounts"
	serve nonempty
	live
	umount "$mnt"
	wait_for 20 no_daemon
	serve nonempty
	live
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	serve nonempty
	kill_daemons # a dead mount is left
	secretctl umount >/dev/null
	is_not_mounted "$mnt"
	theirs >"$after"
	mount_table >"$after.mounts"
	diff "$before" "$after"
	diff "$before.mounts" "$after.mounts"
	kill -0 "${decoys[@]}"
	umount "$dir/under"
}

@test "unmounted by hand while a container holds it: files of secrets' names at the path stay" {
	serve
	mkdir "$dir/container"
	mount --bind "$mnt" "$dir/container"
	umount "$mnt"
	strew "$mnt"
	tree "$mnt" >"$dir/before"
	secretctl delete secret KEY >/dev/null
	secretctl delete secret GRP/SUB >/dev/null
	put NEWDIR/x y
	put NEW new
	wait_for 10 in_container_is new
	same y "$(cat "$dir/container/NEWDIR/x")"
	kill -KILL "$(role helper)"
	put NEW newer
	wait_for 10 in_container_is newer
	sleep 3.2 # all that waits for the helper has been given up
	tree "$mnt" | diff "$dir/before" -
	umount "$dir/container"
	wait_for 20 no_daemon
	tree "$mnt" | diff "$dir/before" -
}
in_container_is() { [[ $(timeout 5 cat "$dir/container/NEW" 2>/dev/null) == "$1" ]]; }

@test "the same of a user's mount: what lies at the path then is theirs, and stays" {
	[[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
	[[ $(stat -c %a /dev/fuse) == ?*6 ]] || skip "/dev/fuse is root's alone"
	local user bundle=$dir/own.bundle
	user=$(id -u nobody)
	cp "$dir/bundle" "$bundle"
	chown "$user" "$bundle" "$mnt"
	chmod 0755 "$dir/etc" "$dir/var"
	chmod -R a+rX "$SECRETFS_STORE"
	as_uid "$user" secretfs "$mnt" -o "bundle=$bundle,state=none,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	mkdir "$dir/container"
	mount --bind "$mnt" "$dir/container"
	same one "$(as_uid "$user" cat "$dir/container/KEY")"
	umount "$mnt"
	strew "$mnt"
	chown -R "$user" "$mnt"
	tree "$mnt" >"$dir/before"
	secretctl delete secret KEY >/dev/null
	secretctl delete secret GRP/SUB >/dev/null
	put NEWDIR/x y
	chmod -R a+rX "$SECRETFS_STORE"
	sleep 3.5
	tree "$mnt" | diff "$dir/before" -
	mount -t tmpfs -o "uid=$user" theirs "$mnt"
	kill -TERM "$(role supervisor)"
	umount -l "$dir/container"
	wait_for 20 no_daemon
	is_mounted "$mnt"
	umount "$mnt"
	tree "$mnt" | diff "$dir/before" -
}

@test "another's mount at the path, over ours, or in ours: SIGTERM takes off ours alone" {
	local what
	for what in instead over inside; do
		: >"$dir/log"
		put KEY one
		serve
		case $what in
		instead)
			mkdir -p "$dir/container"
			mount --bind "$mnt" "$dir/container"
			umount "$mnt"
			mount -t tmpfs theirs "$mnt"
			at=$mnt
			;;
		over)
			mount -t tmpfs theirs "$mnt"
			at=$mnt
			;;
		inside)
			mount -t tmpfs theirs "$mnt/GRP"
			at=$mnt/GRP
			;;
		esac
		strew "$at"
		findmnt -rn -o ID,TARGET,SOURCE,FSTYPE -- "$at" | tail -n 1 >"$dir/table"
		tree "$at" >"$dir/before"
		put KEY two
		secretctl delete secret KEY >/dev/null
		pid=$(role supervisor)
		kill -KILL "$pid"
		wait_for 20 another supervisor "$pid"
		kill -TERM "$(role supervisor)"
		wait_for 20 no_daemon
		findmnt -rn -o ID,TARGET,SOURCE,FSTYPE -- "$at" | tail -n 1 | diff "$dir/table" - || fail "$what: the mount table"
		[[ $what == inside ]] || tree "$at" | diff "$dir/before" - || fail "$what: files"
		[[ $what == instead ]] || says "is left there" || fail "$what: $(cat "$dir/log")"
		# what is in a dead mount can be reached no more, but taken off
		umount -l "$at"
		umount -l "$mnt" 2>/dev/null || :
		umount -l "$dir/container" 2>/dev/null || :
		is_not_mounted "$mnt" || fail "$what: $(findmnt "$mnt")"
	done
}

@test "a mount that was moved is taken off where it is" {
	mkdir "$dir/moved"
	serve
	mount --move "$mnt" "$dir/moved"
	strew "$mnt"
	tree "$mnt" >"$dir/before"
	secretctl delete secret KEY >/dev/null
	same two "$(cat "$dir/moved/GRP/SUB")"
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	is_not_mounted "$dir/moved"
	tree "$mnt" | diff "$dir/before" -
}

@test "the number of the mount is given to another one: it ends all the same" {
	mkdir "$dir/a"
	serve
	id=$(findmnt -rn -o ID -- "$mnt")
	supervisor=$(role supervisor)
	kill -STOP "$supervisor"
	umount "$mnt"
	for _ in $(seq 20); do
		mount -t tmpfs theirs "$dir/a"
		[[ $(findmnt -rn -o ID -- "$dir/a" | tail -n 1) != "$id" ]] || break
	done
	# Who else mounts at this moment may have got the number: then it ends the easy way.
	[[ $(findmnt -rn -o ID -- "$dir/a" | tail -n 1) == "$id" ]] || echo "# the number was not given again" >&3
	kill -CONT "$supervisor"
	wait_for 10 no_daemon
	same theirs "$(findmnt -rn -o SOURCE -- "$dir/a" | tail -n 1)"
	while umount "$dir/a" 2>/dev/null; do :; done
}

@test "what has the name of the status socket and is none of ours stays, and is named" {
	local s
	s=$dir/run/$(socket_name)
	echo precious >"$s"
	tree "$s" >"$dir/before"
	serve
	says "$s" || fail "$(cat "$dir/log")"
	same one "$(cat "$mnt/KEY")"
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	tree "$s" | diff "$dir/before" -
	# one that somebody listens at
	rm "$s"
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(1000)' "$s" 3>&- 4>&- &
	decoys+=($!)
	wait_for 10 test -S "$s"
	tree "$s" >"$dir/before"
	serve
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	tree "$s" | diff "$dir/before" -
	# one that a killed daemon left is taken over
	kill "${decoys[@]}"
	decoys=()
	rm "$s"
	serve
	kill_daemons
	[[ -S $s ]]
	serve
	same serving "$(secretctl get mount "$mnt" -o json | jq -r .state)"
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	[[ ! -e $s ]]
}

@test "mounts of somebody else over every directory of ours: nothing in them changes" {
	local d over=("$dir/run" "$dir/etc" "$SECRETFS_BUNDLES" "$SECRETFS_STORE" "$dir/home")
	serve
	for d in "${over[@]}"; do
		mkdir -p "$d"
		mount -t tmpfs theirs "$d"
		strew "$d"
	done
	echo precious >"$dir/run/$(socket_name)"
	for d in "${over[@]}"; do tree "$d"; done >"$dir/before"
	mount_table >"$dir/before.mounts"
	pid=$(role supervisor)
	kill -KILL "$pid"
	wait_for 20 another supervisor "$pid"
	same one "$(cat "$mnt/KEY")"
	kill -USR2 "$(role supervisor)"
	sleep 1
	same one "$(cat "$mnt/KEY")"
	kill -TERM "$(role supervisor)"
	wait_for 20 no_daemon
	for d in "${over[@]}"; do tree "$d"; done | diff "$dir/before" -
	mount_table | diff "$dir/before.mounts" -
	umount "$SECRETFS_BUNDLES" && umount "$dir/run" "$dir/etc" "$SECRETFS_STORE" "$dir/home"
}

@test "a dead mount: looked at first, replaced only when nothing is left to refuse" {
	serve
	kill_daemons
	id=$(findmnt -rn -o ID -- "$mnt")
	run -1 secretfs "$mnt" -o "bundle=$dir/none,log=stderr"
	same "$id" "$(findmnt -rn -o ID -- "$mnt")" "taken off by one that could not start"
	run -1 secretfs "$mnt" -o "bundle=$dir/etc/root.key,log=stderr"
	same "$id" "$(findmnt -rn -o ID -- "$mnt")" "taken off by one that could not start"
	serve
	same 1 "$(findmnt -rn -o ID -- "$mnt" | wc -l)"
	same one "$(cat "$mnt/KEY")"
	kill_daemons
	secretctl mount "$mnt" >/dev/null 3>&- 4>&-
	same 1 "$(findmnt -rn -o ID -- "$mnt" | wc -l)"
	same one "$(cat "$mnt/KEY")"
	umount "$mnt"
}

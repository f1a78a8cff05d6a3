# SPDX-License-Identifier: ISC
#
# secretctl mount and umount, with the real daemon.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

mount_now() { secretctl mount "$@" 3>&- 4>&-; }

@test "the shortest session: create, mount, read, update, umount" {
	init_store
	put MY_KEY first
	run -0 mount_now
	holds "$output" "mounted $SECRETFS_MOUNT (organization)"
	same first "$(cat "$SECRETFS_MOUNT/MY_KEY")"
	same first "$(cat "$SECRETFS_MOUNT/my_key")"
	printf second | secretctl update secret MY_KEY - >/dev/null
	same second "$(cat "$SECRETFS_MOUNT/MY_KEY")"
	run -0 mount_now
	holds "$output" "mounted already"
	run -0 secretctl umount
	is_not_mounted "$SECRETFS_MOUNT"
	no_daemon
	run -1 secretctl umount
	holds "$output" "nothing is mounted"
	run -1 secretctl umount /proc
	holds "$output" "no secretfs"
}

@test "mount makes bundle, mount point and the policy's section, and keeps the policy's comments" {
	init_store p1
	put K both -p p1 -d development
	put K org
	rmdir "$dir/mnt"
	comments=$(grep -c '^#' "$SECRETFS_POLICY")
	mount_now "$dir/mnt" -p p1 -d development
	same both "$(cat "$dir/mnt/K")"
	same 755 "$(secretctl umount "$dir/mnt" >/dev/null; stat -c %a "$dir/mnt")"
	grep -qF "[mount $dir/mnt]" "$SECRETFS_POLICY"
	same "$comments" "$(grep -c '^#' "$SECRETFS_POLICY")"
	same 400 "$(stat -c %a "$SECRETFS_BUNDLES/p1+development.bundle")"
	# from now on the policy says what the path is for
	run -0 mount_now "$dir/mnt"
	holds "$output" "project p1, domain development"
	run -1 mount_now "$dir/mnt" -p p1 -d staging
	holds "$output" "the policy keeps $dir/mnt for (project p1, domain development)"
	same 1 "$(grep -cF "[mount $dir/mnt]" "$SECRETFS_POLICY")"
}

@test "--owner is recorded and lets that user in" {
	init_store
	put K x
	mount_now "$dir/mnt" --owner 12345
	same x "$(as_uid 12345 cat "$dir/mnt/K")"
	run ! as_uid 12346 cat "$dir/mnt/K"
	grep -q '^owner *= *12345' "$SECRETFS_POLICY"
	run -2 mount_now "$dir/other" --owner nosuchuser
}

@test "odd paths: relative, trailing slash, blank, comma, through a link" {
	init_store
	put K x
	mkdir "$dir/real"
	ln -s real "$dir/link"
	mount_now "$dir/link/m/"
	is_mounted "$dir/real/m"
	secretctl umount "$dir/real/m"
	mount_now "$dir/with, comma"
	same x "$(cat "$dir/with, comma/K")"
	run -0 secretctl umount "$dir/with, comma"
	SECRETFS_STORE=$dir/a,b SECRETFS_ROOT_KEY=$dir/k2 secretctl init >/dev/null
	printf y | SECRETFS_STORE=$dir/a,b SECRETFS_ROOT_KEY=$dir/k2 secretctl create secret K -
	SECRETFS_STORE=$dir/a,b SECRETFS_ROOT_KEY=$dir/k2 mount_now "$dir/m2"
	same y "$(cat "$dir/m2/K")"
	cd "$dir"
	mount_now rel
	is_mounted "$dir/rel"
	run -0 secretctl umount rel
}

# opened PID: it has the secret K open
opened() { readlink "/proc/$1/fd/"* | grep -q '/K$'; }

@test "umount: busy names the holder, --lazy takes it anyway, no daemon is left" {
	init_store
	put K x
	mount_now "$dir/mnt"
	tail -f "$dir/mnt/K" >/dev/null 3>&- 4>&- &
	holder=$!
	wait_for 5 opened "$holder"
	run -1 secretctl umount "$dir/mnt"
	holds "$output" "$holder (tail)"
	holds "$output" "--lazy"
	kill "$holder"
	wait "$holder" || :
	run -0 secretctl umount "$dir/mnt"
	no_daemon
	mount_now "$dir/mnt"
	tail -f "$dir/mnt/K" >/dev/null 3>&- 4>&- &
	holder=$!
	wait_for 5 opened "$holder"
	run -0 secretctl umount --lazy "$dir/mnt"
	is_not_mounted "$dir/mnt"
	kill "$holder"
	wait "$holder" || :
	wait_for 10 no_daemon
}

@test "a dead mount is replaced by mount, and taken away by umount" {
	init_store
	put K x
	mount_now "$dir/mnt"
	kill_daemons
	wait_for 5 no_daemon
	is_mounted "$dir/mnt"
	run -0 secretctl umount "$dir/mnt"
	is_not_mounted "$dir/mnt"
	run -0 mount_now "$dir/mnt"
	kill_daemons
	wait_for 5 no_daemon
	run -0 mount_now "$dir/mnt"
	holds "$output" "mounted $dir/mnt"
	same 1 "$(findmnt -rn -o ID -- "$dir/mnt" | wc -l)"
	same x "$(cat "$dir/mnt/K")"
}

@test "mount refuses what cannot be: another file system, one flag alone, undeclared, no daemon" {
	init_store
	mkdir "$dir/tmp"
	mount -t tmpfs none "$dir/tmp"
	run -1 mount_now "$dir/tmp"
	holds "$output" "something else is mounted"
	umount "$dir/tmp"
	run -2 mount_now -p flytesnacks
	run -1 mount_now -p nope -d development </dev/null
	holds "$output" "there is no project nope"
	mkdir "$dir/bin"
	cp "$(command -v secretctl)" "$dir/bin/"
	PATH=/usr/bin:/bin run -1 "$dir/bin/secretctl" mount "$dir/mnt"
	holds "$output" "cannot be started"
}

@test "mount --foreground serves until it is told to end" {
	init_store
	put K x
	secretctl mount "$dir/mnt" --foreground 3>&- 4>&- &
	pid=$!
	wait_for 10 is_mounted "$dir/mnt"
	same x "$(cat "$dir/mnt/K")"
	kill "$pid"
	wait "$pid" || :
	is_not_mounted "$dir/mnt"
}

@test "a secret deleted and one that expires go from the mount" {
	init_store
	put K x
	put E y --expires 2s
	mount_now "$dir/mnt"
	same y "$(cat "$dir/mnt/E")"
	secretctl delete secret K >/dev/null
	run ! cat "$dir/mnt/K"
	expired() { [[ $(open_errno "$dir/mnt/E") == EKEYEXPIRED ]]; }
	wait_for 10 expired
}

@test "a path that is recorded and not mounted follows the flags, and says so" {
	init_store p1
	put K narrow -p p1 -d staging
	put K org
	mount_now "$dir/mnt" -p p1 -d development --owner 12345
	secretctl umount "$dir/mnt" >/dev/null
	run -0 mount_now "$dir/mnt" -p p1 -d staging
	holds "$output" "was recorded for (project p1, domain development), now for (project p1, domain staging)"
	same narrow "$(cat "$dir/mnt/K")"
	same narrow "$(as_uid 12345 cat "$dir/mnt/K")"
	same 1 "$(grep -cF "[mount $dir/mnt]" "$SECRETFS_POLICY")"
	run -0 secretctl umount "$dir/mnt"
	run -0 mount_now "$dir/mnt"
	holds "$output" "domain staging"
}

@test "a mount that fails leaves the policy as it was" {
	init_store p1
	before=$(grep . "$SECRETFS_POLICY")
	run -1 mount_now "$dir/new" -o no-such-option
	same "$before" "$(grep . "$SECRETFS_POLICY")" "policy"
	size=$(stat -c %s "$SECRETFS_POLICY")
	run -1 mount_now "$dir/new" -o no-such-option
	same "$size" "$(stat -c %s "$SECRETFS_POLICY")" "size of the policy"
	mount_now "$dir/mnt" -p p1 -d development
	secretctl umount "$dir/mnt" >/dev/null
	before=$(sed -n "/mount/,\$ p" "$SECRETFS_POLICY" | sort)
	run -1 mount_now "$dir/mnt" -p p1 -d staging -o no-such-option
	holds "$output" "records it for what it did before"
	same "$before" "$(sed -n "/mount/,\$ p" "$SECRETFS_POLICY" | sort)" "policy"
	run -0 mount_now "$dir/mnt"
	holds "$output" "domain development"
}

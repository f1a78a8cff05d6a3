# SPDX-License-Identifier: ISC
#
# A host that works is broken in one way after the other: doctor names the cause, the command that it
# prints is run as it stands, and after that it has nothing more to say.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper

setup() {
	sandbox
	init_store p1
	put K one
	put K two -p p1 -d development
	secretctl create bundle >/dev/null
	secretctl create bundle p1 -p p1 -d development >/dev/null
	mkdir -p "$SECRETFS_STATE"
	mount_at "$dir/mnt"
	run -0 secretctl doctor
	B=$SECRETFS_BUNDLES/organization.bundle
}
teardown() { sandbox_end; }

# advice PART: the command for what doctor says in these words
advice() {
	secretctl doctor -o json |
		jq -r --arg part "$1" 'first(.[] | select(.state == "mend" and (.finding | contains($part)))) | .mend'
}

# mends PART [COPY]: doctor finds it in these words, and what it advises mends it. Where the advice says
# COPY, that is the administrator's.
mends() {
	local todo
	run -1 secretctl doctor
	holds "$output" "$1"
	todo=$(advice "$1")
	[[ -n $todo && $todo != null ]] || fail "no advice for: $1"
	bash -c "${todo/COPY/${2:-}}" >"$dir/advice.out" 2>&1 3>&- 4>&- || fail "$todo" "$(<"$dir/advice.out")"
	run secretctl doctor
	((status == 0)) || fail "after: $todo" "$output"
}

@test "doctor on broken hosts: owners and modes" {
	chmod 0644 "$SECRETFS_ROOT_KEY" && mends "others may read $SECRETFS_ROOT_KEY"
	chmod 0602 "$SECRETFS_ROOT_KEY" && mends "others may change $SECRETFS_ROOT_KEY"
	chown 4000 "$SECRETFS_ROOT_KEY" && mends "$SECRETFS_ROOT_KEY belongs to user 4000"
	chmod 0666 "$SECRETFS_POLICY" && mends "others may change $SECRETFS_POLICY"
	chown 4000 "$SECRETFS_POLICY" && mends "$SECRETFS_POLICY belongs to user 4000"
	chmod 0777 "$SECRETFS_BUNDLES" && mends "others may change $SECRETFS_BUNDLES"
	chown 4000 "$SECRETFS_BUNDLES" && mends "$SECRETFS_BUNDLES belongs to user 4000"
	chmod 0444 "$B" && mends "others may read $B"
	chown 4000 "$B" && mends "$B belongs to user 4000"
	chmod 0777 "$SECRETFS_STORE" && mends "others may change $SECRETFS_STORE"
	chown 4000 "$SECRETFS_STORE" && mends "$SECRETFS_STORE belongs to user 4000"
	chmod 0777 "$SECRETFS_STATE" && mends "others may change $SECRETFS_STATE"
	chown 4000 "$SECRETFS_STATE" && mends "$SECRETFS_STATE belongs to user 4000"
	chmod 0777 "$SECRETFS_RUN" && mends "others may change $SECRETFS_RUN"
	chown 4000 "$SECRETFS_RUN" && mends "$SECRETFS_RUN belongs to user 4000"
}

@test "doctor on broken hosts: what is lost or damaged comes back" {
	cp -a "$SECRETFS_ROOT_KEY" "$dir/copy"
	printf x | dd of="$SECRETFS_ROOT_KEY" bs=1 seek=60 conv=notrunc status=none
	run -1 secretctl create secret L v
	holds "$output" "$SECRETFS_ROOT_KEY: it was altered, or is damaged"
	holds "$output" "put its copy back"
	mends "$SECRETFS_ROOT_KEY is damaged" "$dir/copy"
	truncate -s 40 "$SECRETFS_ROOT_KEY"
	mends "$SECRETFS_ROOT_KEY is damaged" "$dir/copy"
	: >"$dir/new" && chmod 0400 "$dir/new" && mv "$dir/new" "$B"
	mends "$B: "
	truncate -s 20 "$B"
	mends "$B: "
	secretctl umount "$dir/mnt"
	mv "$SECRETFS_STORE" "$dir/copy.store"
	mends "$SECRETFS_STORE is not there" "$dir/copy.store"
	same one "$(secretctl get secret K --reveal)"
}

@test "doctor on broken hosts: a policy that says nonsense" {
	# who edits takes the last line away again
	cat >"$dir/editor" <<-'SH'
		#!/bin/sh
		sed -i "${1#+}d" "$2"
	SH
	chmod 0755 "$dir/editor"
	export EDITOR=$dir/editor
	echo '[nonsense' >>"$SECRETFS_POLICY" && mends "$SECRETFS_POLICY:"
	echo 'colour = blue' >>"$SECRETFS_POLICY" && mends "$SECRETFS_POLICY:"
	echo 'owner = nobody-of-this-name' >>"$SECRETFS_POLICY" && mends "$SECRETFS_POLICY:"
}

@test "doctor on broken hosts: the system" {
	chmod 0000 /dev/fuse
	run -1 as_uid 4000 env HOME=/nonexistent secretctl doctor
	holds "$output" "it does not open"
	chmod 0666 /dev/fuse
	mv /dev/fuse /dev/fuse.away
	mends "it is not there"
	rm -f /dev/fuse && mv /dev/fuse.away /dev/fuse
	secretctl umount "$dir/mnt"
	mount -t tmpfs -o size=1m,mode=0700 small "$SECRETFS_STATE"
	head -c 900000 /dev/zero >"$SECRETFS_STATE/big"
	run -1 secretctl doctor
	holds "$output" "the file system of $SECRETFS_STATE is full"
	umount "$SECRETFS_STATE"
	run -0 secretctl doctor
}

@test "doctor on broken hosts: mounts" {
	kill_daemons
	wait_for 5 no_daemon
	if is_mounted "$dir/mnt"; then mends "is stale"; fi
	secretctl umount "$dir/mnt" || :
	run -0 secretctl doctor
	holds "$output" "not mounted"
}

@test "doctor: what the README does for CI stays as it is" {
	chgrp -R 4000 "$SECRETFS_STORE"
	chmod -R g+rwX "$SECRETFS_STORE"
	find "$SECRETFS_STORE" -type d -exec chmod g+s {} +
	was=$(stat -c '%a %g' "$SECRETFS_STORE")
	run -0 secretctl doctor
	lacks "$output" "chmod"
	chmod o+w "$SECRETFS_STORE"
	mends "others may change $SECRETFS_STORE"
	same "$was" "$(stat -c '%a %g' "$SECRETFS_STORE")"
}

@test "doctor: a host that only mounts, with a replica and no root key" {
	rm "$SECRETFS_ROOT_KEY"
	run -0 secretctl doctor
	lacks "$output" " mend "
}

@test "doctor: root leaves another user's private mount alone" {
	mkdir -p "$dir/user" && chown 65534 "$dir/user"
	install -m 0400 -o 65534 "$B" "$dir/user.bundle"
	cp -a "$SECRETFS_STORE" "$dir/user.store" && chown -R 65534 "$dir/user.store"
	as_uid 65534 secretfs "$dir/user" -o "bundle=$dir/user.bundle,store=$dir/user.store,state=none" 3>&- 4>&- 
	wait_for 10 is_mounted "$dir/user"
	run -0 secretctl doctor
	lacks "$output" "--lazy"
}

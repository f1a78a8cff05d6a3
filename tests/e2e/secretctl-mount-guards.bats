# SPDX-License-Identifier: ISC
#
# secretctl mount and umount: what a policy's editor cannot get from whoever mounts, what is no mount point,
# whose a mount is and who uses it; --wait when the daemon was started anew.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store
}
teardown() { sandbox_end; }

section() { printf '\n[mount %s]\nproject = flytesnacks\ndomain = %s\nbundle = %s\n' "$dir/mnt" "$1" "$2" >>"$dir/policy" && cat "$dir/policy" >"$SECRETFS_POLICY"; }

@test "a policy's editor gets no other scope mounted, and no bundle written elsewhere" {
	put PROD v -p flytesnacks -d production
	secretctl create bundle dev -p flytesnacks -d development >/dev/null
	cp "$SECRETFS_POLICY" "$dir/start"
	edit() { cp "$dir/start" "$dir/policy" && section "$@"; }
	edit production "$dir/elsewhere"
	run -1 secretctl mount --yes
	holds "$output" "--out $dir/elsewhere"
	[[ ! -e $dir/elsewhere ]]
	edit production "$SECRETFS_BUNDLES/dev.bundle"
	run -1 secretctl mount </dev/null
	holds "$output" "policy.ini:"
	holds "$output" "production"
	holds "$output" "--yes"
	run ! is_mounted "$dir/mnt"
	same development "$(secretctl get bundle -o json | jq -r '.[].domain')"
	edit production "$SECRETFS_BUNDLES/new.bundle"
	run -1 secretctl mount </dev/null
	[[ ! -e $SECRETFS_BUNDLES/new.bundle ]]
	# a bundle elsewhere is taken as it is, if it is of that scope
	secretctl create bundle -p flytesnacks -d production --out "$dir/elsewhere" >/dev/null
	edit development "$dir/elsewhere"
	run -1 secretctl mount --yes
	holds "$output" "is of (project flytesnacks, domain production)"
	edit production "$dir/elsewhere"
	before=$(sha256sum <"$dir/elsewhere")
	secretctl mount 3>&- 4>&-
	same v "$(cat "$dir/mnt/PROD")"
	same "$before" "$(sha256sum <"$dir/elsewhere")"
	secretctl umount
	# what the command line names, and what a bundle here is of, nobody is asked about
	edit development "$SECRETFS_BUNDLES/other.bundle"
	secretctl mount </dev/null 3>&- 4>&-
	secretctl umount
	cp "$dir/start" "$SECRETFS_POLICY"
	secretctl mount -p flytesnacks -d staging </dev/null 3>&- 4>&-
	secretctl umount
	secretctl mount </dev/null 3>&- 4>&-
}

@test "neither in the store, the state or the bundles, nor over them" {
	mkdir -p "$dir/var/below" "$SECRETFS_STORE/x"
	ln -s var "$dir/link"
	for point in "$SECRETFS_STORE" "$SECRETFS_STORE/x" "$dir/link/store/new" "$SECRETFS_STATE" \
		"$SECRETFS_BUNDLES/b" "$dir/etc" "$dir/var" "$dir"; do
		run -1 secretctl mount "$point"
		holds "$output" "cannot be a mount point"
	done
	mount_at "$dir/var/below"
	run -0 secretctl check
}

@test "delete mount: a mount leaves the policy, once it is unmounted" {
	mount_at "$dir/mnt"
	mount_at "$dir/other"
	run -1 secretctl delete mount
	holds "$output" "secretctl umount"
	secretctl umount
	secretctl delete mount
	run -1 grep -F "[mount $dir/mnt]" "$SECRETFS_POLICY"
	grep -F "[mount $dir/other]" "$SECRETFS_POLICY"
	run -1 secretctl delete mount
	holds "$output" "records no mount"
}

@test "umount: whose the mount is, and who uses it" {
	put K v
	mount_at "$dir/mnt" -o allow_other
	run -1 as_uid 2000 env HOME="$dir" secretctl umount "$dir/mnt"
	holds "$output" "the mount of root, and not yours"
	cd "$dir/mnt"
	run -1 secretctl umount "$dir/mnt"
	lacks "$output" "(secretctl)"
	cd /
	sleep 60 9<"$dir/mnt/K" 3>&- 4>&- &
	holder=$!
	run -0 secretctl umount --lazy "$dir/mnt"
	holds "$output" "in use by process $holder (sleep)"
	holds "$output" "it ends when they close"
	lacks "$output" "container"
	kill "$holder"
}

@test "update --wait asks the daemon itself: its command line may be gone" {
	put K one
	secretctl create bundle b >/dev/null
	mkdir -p "$dir/m"
	secretfs "$dir/m" -o "bundle=$SECRETFS_BUNDLES/b.bundle,store=$SECRETFS_STORE,state=$SECRETFS_STATE,run=$SECRETFS_RUN" 3>&- 4>&-
	wait_for 10 is_mounted "$dir/m"
	supervisor() { secretctl get mount "$dir/m" -o json | jq -r '.. | objects | select(has("keeper") or has("supervisor")) | (.supervisor // .keeper).pid' | head -n 1; }
	first=$(supervisor)
	[[ $first =~ ^[0-9]+$ ]]
	kill -KILL "$first"
	another() { [[ $(supervisor 2>/dev/null) =~ ^[0-9]+$ && $(supervisor) != "$first" ]]; }
	wait_for 10 another
	run secretctl update secret K --wait - <<<two
	same 0 "$status" "$output $(secretctl get mount "$dir/m" -o json)"
	holds "$output" "shown at $dir/m"
	same two "$(cat "$dir/m/K")"
}

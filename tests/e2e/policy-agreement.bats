# SPDX-License-Identifier: ISC
#
# What the mount opens, what explain says and what run takes is one decision, on random policies.

# shellcheck disable=SC2154,SC2016 # dir is set by sandbox; sh expands
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

users=(0 2000 2001 3000 3001)
secrets=(K G/K)

pick() {
	local -n from=$1
	echo "${from[RANDOM % ${#from[@]}]}"
}

# One section of the policy, with lists or without.
section() {
	# shellcheck disable=SC2034 # pick takes it by name
	local items=(uid:0 uid:2000 uid:2001 uid:3000-3001 gid:3000 gid:2001 uid:7)
	echo "[$1]"
	((RANDOM % 3)) || echo "mode = 0$((RANDOM % 2 * 4))$((RANDOM % 2 * 4))$((RANDOM % 2 * 4))"
	((RANDOM % 3)) || echo "owner = $(pick users)"
	((RANDOM % 3)) || echo "group = $(pick users)"
	((RANDOM % 2)) || echo "allow = $(pick items), $(pick items)"
	((RANDOM % 2)) || echo "deny = $(pick items)"
}

random_policy() {
	local s
	cat "$dir/base.ini"
	for s in default "scope organization" "scope project=p1" "scope project=p1 domain=development" \
		"secret K" "secret k project=p1" "secret g/k" "secret G/K project=p1 domain=development"; do
		((RANDOM % 2)) || section "$s"
	done
	printf '[secret mark organization]\nallow = uid:%d\nmode = 0444\n' "$1"
}

marked() { as_uid "$1" cat "$dir/mnt/mark" >/dev/null 2>&1; }

@test "the mount, explain and run agree on random policies" {
	init_store p1
	put mark x
	put K one -p p1
	put G/K two -p p1 -d development
	mount_at "$dir/mnt" -p p1 -d development --owner 2000
	chmod 0644 "$SECRETFS_POLICY"
	chmod a+x "$dir/etc"
	cp "$SECRETFS_POLICY" "$dir/base.ini"
	allowed=0 refused=0
	for round in $(seq 1 4); do
		RANDOM=$round
		random_policy $((5000 + round)) >"$dir/new.ini"
		chmod 0644 "$dir/new.ini"
		mv "$dir/new.ini" "$SECRETFS_POLICY"
		wait_for 5 marked $((5000 + round))
		for name in "${secrets[@]}"; do
			secretctl explain "$name" -p p1 -d development -o json \
				"${users[@]/#/--uid=}" >"$dir/told.json"
			for i in "${!users[@]}"; do
				uid=${users[i]}
				told=$(jq ".mounts[] | select(.path == \"$dir/mnt\") | .users[$i].allowed" "$dir/told.json")
				shown=false ran=false
				as_uid "$uid" cat "$dir/mnt/$name" >/dev/null 2>&1 && shown=true
				as_uid "$uid" env HOME="$dir" secretctl run --secret "X=$name" -- true >/dev/null 2>&1 && ran=true
				same "$told" "$shown" "the mount, uid $uid, $name, round $round: $(cat "$SECRETFS_POLICY")"
				same "$told" "$ran" "run, uid $uid, $name, round $round"
				if [[ $told == true ]]; then allowed=$((allowed + 1)); else refused=$((refused + 1)); fi
			done
		done
	done
	((allowed > 4 && refused > 4)) || fail "allowed $allowed, refused $refused: that is no test"
}

@test "a mount whose owner nobody states: explain says whom the mount lets in" {
	init_store p1
	put K one -p p1
	mount_at "$dir/mnt" -p p1 -d development
	secretctl explain K -p p1 -d development --uid 0 --uid 2000 -o json |
		jq -e '.mounts[0].users | .[0].allowed and (.[1].allowed | not)'
	cat "$dir/mnt/K"
	run ! as_uid 2000 cat "$dir/mnt/K"
}

@test "a denial of a broader section is not lost by a narrower one, by hand or by command" {
	init_store
	put K v
	mount_at "$dir/mnt" --owner 2000
	printf '\n[scope organization]\nallow = uid:1000\ndeny = uid:1234\n' >>"$SECRETFS_POLICY"
	secretctl deny secret K --uid 5 >/dev/null
	refused() { ! as_uid "$1" cat "$dir/mnt/K" >/dev/null 2>&1; }
	wait_for 5 refused 0
	wait_for 5 refused 2000
	wait_for 5 as_uid 1000 cat "$dir/mnt/K"
	before=$(cat "$SECRETFS_POLICY")
	run -1 secretctl allow secret K --uid 1234
	holds "$output" "policy.ini:"
	holds "$output" "nothing was changed"
	same "$before" "$(cat "$SECRETFS_POLICY")"
	secretctl allow secret K --uid 7 >/dev/null
	wait_for 5 as_uid 7 cat "$dir/mnt/K"
	as_uid 1000 cat "$dir/mnt/K" # who was let in is so still
	secretctl allow secret K --everyone --yes >/dev/null
	wait_for 5 as_uid 8 cat "$dir/mnt/K"
	refused 1234
	run -0 secretctl allow secret K --everyone --yes
	holds "$output" "so already"
}

@test "what is wrong with a policy is told with line and reason, whatever it is" {
	init_store
	good=$(cat "$SECRETFS_POLICY")
	told() {
		local want=$1
		for c in "allow secret K --uid 1" "create domain d9" "create writer w" "mount $dir/mnt" "explain K"; do
			# shellcheck disable=SC2086 # words
			run secretctl $c
			holds "$output" "$want"
		done
		run secretctl explain K --draft "$SECRETFS_POLICY"
		holds "$output" "$want"
		rm -f "$SECRETFS_BUNDLES"/w.bundle
		printf %s "$good" >"$SECRETFS_POLICY"
	}
	put K v
	chmod 0666 "$SECRETFS_POLICY"
	told "its mode is 0666"
	chmod 0644 "$SECRETFS_POLICY"
	head -c 1100000 /dev/zero | tr '\0' '#' >"$SECRETFS_POLICY"
	told "larger than"
}

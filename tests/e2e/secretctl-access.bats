# SPDX-License-Identifier: ISC
#
# secretctl: allow, deny, explain; what they say is what the mount does.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

may() { as_uid "$1" cat "$dir/mnt/$2" >/dev/null 2>&1; }

# said UID NAME FLAG...: true or false, as explain has it
said() {
	local uid=$1
	shift
	secretctl explain "$@" --uid "$uid" -o json | jq '.mounts[0].users[0].allowed'
}

@test "allow, deny, --remove, --everyone: the policy, the mount and explain agree" {
	init_store p1
	put K x -p p1 -d development
	mount_at "$dir/mnt" -p p1 -d development --owner 2000
	scope=(-p p1 -d development)
	agrees() {
		local want=$1 uid=$2
		if [[ $want == true ]]; then wait_for 5 may "$uid" K; else wait_for 5 eval "! may $uid K"; fi ||
			fail "uid $uid: the mount does not say $want"
		same "$want" "$(said "$uid" K "${scope[@]}")" "explain for uid $uid"
	}
	agrees true 2000
	agrees false 3000
	secretctl allow secret K "${scope[@]}" --uid 3000 >/dev/null
	agrees true 3000
	agrees false 2000
	secretctl allow secret K "${scope[@]}" --everyone --yes >/dev/null
	agrees true 4000
	secretctl deny secret K "${scope[@]}" --uid 3000 >/dev/null
	agrees false 3000
	secretctl allow secret K "${scope[@]}" --uid 3000 >/dev/null
	agrees true 3000
	secretctl allow secret K "${scope[@]}" --everyone --remove >/dev/null
	agrees false 4000
	secretctl allow secret K "${scope[@]}" --gid 5000 >/dev/null
	agrees true 5000
	secretctl allow secret K "${scope[@]}" --gid 5000 --uid 3000 --remove >/dev/null
	agrees false 5000
	agrees false 3000
}

@test "comments stay; a section is made once; bad users are refused" {
	init_store
	comments=$(grep '^#' "$SECRETFS_POLICY")
	secretctl allow secret K --uid 1 --uid root >/dev/null
	secretctl allow secret k --gid root >/dev/null
	same "$comments" "$(grep '^#' "$SECRETFS_POLICY")"
	same 1 "$(grep -ci '^\[secret k organization\]' "$SECRETFS_POLICY")"
	before=$(cat "$SECRETFS_POLICY")
	run -1 secretctl allow secret K --uid no-such-user
	run -2 secretctl allow secret K
	run -2 secretctl allow secret K --uid ''
	run -2 secretctl allow secret ../K --uid 1
	run -2 secretctl deny secret K --gid
	same "$before" "$(cat "$SECRETFS_POLICY")"
	echo 'nonsense here' >>"$SECRETFS_POLICY"
	run -1 secretctl allow secret K --uid 5
	holds "$output" "policy.ini:"
}

@test "explain: who wins, what is shadowed, and why" {
	init_store p1
	put K org
	put K dom -d development
	state() { secretctl explain K -p p1 -d development -o json | jq -r '.scopes | map(.state) | join(",")'; }
	same "absent,absent,wins,shadowed" "$(state)"
	put K proj -p p1
	same "absent,wins,shadowed,shadowed" "$(state)"
	put K both -p p1 -d development
	same "wins,shadowed,shadowed,shadowed" "$(state)"
	run -0 secretctl explain K
	holds "$output" "wins      (organization)"
	run -1 secretctl explain NONE -p p1 -d development
	holds "$output" "no scope"
	run -2 secretctl explain K -p p1
	# a group in a narrower scope hides a secret of that name in a broader one
	put G x
	put G/sub y -p p1
	run -1 secretctl explain G -p p1 -d development
	holds "$output" "has the group G"
	run -0 secretctl explain G/sub -p p1 -d development
	put G/sub/deep z -d staging
	put G/sub y -p p1
	run -1 secretctl explain G/sub/deep -p p1 -d staging
	holds "$output" "has the secret G/sub"
}

@test "explain agrees with the mount about paths that are secret here and group there" {
	init_store p1
	local names=(a a/b a/b/c)
	local scopes=('' '-d development' '-p p1' '-p p1 -d development')
	local i s n
	for i in $(seq 12); do
		for s in "${scopes[@]}"; do
			n=${names[RANDOM % 3]}
			# shellcheck disable=SC2086 # words
			put "$n" "$s" $s 2>/dev/null || :
		done
		mount_at "$dir/mnt" -p p1 -d development >/dev/null
		for n in "${names[@]}"; do
			shown=$(cat "$dir/mnt/$n" 2>/dev/null || echo nothing)
			told=$(secretctl explain "$n" -p p1 -d development -o json |
				jq -r '(.scopes[] | select(.state == "wins") | ([.project // empty | "-p " + .] + [.domain // empty | "-d " + .]) | join(" ")) // "nothing"')
			same "$shown" "${told-}" "$n of round $i"
		done
		secretctl umount "$dir/mnt" >/dev/null
		for s in "${scopes[@]}"; do
			# shellcheck disable=SC2086 # words
			for n in $(secretctl get secret $s -o json | jq -r '.[].name'); do secretctl delete secret "$n" $s >/dev/null; done
		done
	done
}

@test "explain --draft: what a policy not yet in force would change" {
	init_store p1
	put K x -p p1 -d development
	cp "$SECRETFS_POLICY" "$dir/draft.ini"
	secretctl allow secret K -p p1 -d development --uid 3000 --policy "$dir/draft.ini" >/dev/null
	secretctl explain K -p p1 -d development --uid 3000 --draft "$dir/draft.ini" -o json >"$dir/x.json"
	jq -e '.mounts[0].users[0] | .allowed == false and .draft.allowed == true and .draft.line > 0' "$dir/x.json"
	echo '[secret' >>"$dir/draft.ini"
	run -1 secretctl explain K -p p1 -d development --draft "$dir/draft.ini"
	holds "$output" "draft.ini:"
}

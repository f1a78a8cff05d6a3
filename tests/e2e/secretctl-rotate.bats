# SPDX-License-Identifier: ISC
#
# secretctl rotate: new keys for a scope and for a writer, with the bundles of this host.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store p1
	put K one -p p1 -d staging
	secretctl create writer ci -p p1 -d staging >/dev/null
	secretctl create bundle -p p1 -d staging >/dev/null
	scope=(-p p1 -d staging)
}
teardown() { sandbox_end; }

gens() { secretctl get bundle -o json | jq -c ".[] | select(.name == \"$1\").generations"; }
ci() {
	env SECRETFS_ROOT_KEY="$dir/none" SECRETFS_STATE="$dir/ci-state" \
		SECRETFS_WRITER_BUNDLE="${CI_BUNDLE:-$SECRETFS_BUNDLES/ci.bundle}" secretctl "$@"
}

@test "rotate scope: begin, finish; bundles are minted anew, every version stays readable" {
	secretctl update secret K "${scope[@]}" - <<<two >/dev/null
	cp "$SECRETFS_BUNDLES/p1+staging.bundle" "$dir/old.bundle"
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/old-ci.bundle"
	run -0 secretctl rotate scope "${scope[@]}"
	holds "$output" "generation 1, no rotation"
	run -1 secretctl rotate scope "${scope[@]}" --finish
	run -2 secretctl rotate scope "${scope[@]}" --finish --begin
	run -0 secretctl rotate scope "${scope[@]}" --begin
	holds "$output" "minted $SECRETFS_BUNDLES/ci.bundle anew"
	holds "$output" "minted $SECRETFS_BUNDLES/p1+staging.bundle anew"
	same "[2,1]" "$(gens p1+staging)"
	same "[2,1]" "$(gens ci)"
	# again, as after a crash
	run -0 secretctl rotate scope "${scope[@]}" --begin
	holds "$output" "is under way"
	lacks "$output" "minted $SECRETFS_BUNDLES"
	ci update secret K - <<<three
	run -0 secretctl rotate scope "${scope[@]}" --finish </dev/null
	holds "$output" "generation 2"
	same "[2]" "$(gens p1+staging)"
	same "[2]" "$(gens ci)"
	same three "$(secretctl get secret K "${scope[@]}" --reveal)"
	same three "$(SECRETFS_ROOT_KEY=$dir/none secretctl run --bundle "$SECRETFS_BUNDLES/p1+staging.bundle" --secret K -- printenv K)"
	secretctl rollback secret K "${scope[@]}" >/dev/null
	same two "$(secretctl get secret K "${scope[@]}" --reveal)"
	ci update secret K - <<<four
	# what is old opens nothing, and says what to do
	run -1 env SECRETFS_ROOT_KEY="$dir/none" secretctl run --bundle "$dir/old.bundle" --secret K -- true
	holds "$output" "create bundle"
	CI_BUNDLE=$dir/old-ci.bundle run -1 ci update secret K - <<<five
	run -0 secretctl check
}

@test "rotate scope: a mount takes the new keys up by itself; one that does not holds it up" {
	mount_at "$dir/mnt" "${scope[@]}"
	run -0 secretctl rotate scope "${scope[@]}" --begin
	lacks "$output" "taken up"
	held() { secretctl get mount "$dir/mnt" -o json | jq -c '.. | objects | select(.domain? == "staging" and .project? == "p1" and has("generations")).generations'; }
	same "[2,1]" "$(held)"
	run -0 secretctl rotate scope "${scope[@]}" --finish </dev/null
	same one "$(cat "$dir/mnt/K")"
	secretctl update secret K "${scope[@]}" --wait - <<<two >/dev/null
	same two "$(cat "$dir/mnt/K")"
	wait_for 10 now_held "[2]"
	# a copy that the mount has and nobody mints anew
	cp -p "$SECRETFS_BUNDLES/p1+staging.bundle" "$dir/copy.bundle"
	mkdir "$dir/other"
	secretfs "$dir/other" -o "bundle=$dir/copy.bundle" 3>&- 4>&-
	run -0 secretctl rotate scope "${scope[@]}" --begin
	holds "$output" "$dir/copy.bundle, the bundle of $dir/other, lacks the new keys"
	holds "$output" "$dir/other has not taken up the new keys"
	lacks "$output" "$dir/mnt has not"
	run -1 secretctl rotate scope "${scope[@]}" --finish </dev/null
	holds "$output" "not finished"
	# by force, that mount goes without
	run -0 secretctl rotate scope "${scope[@]}" --finish --force
	same two "$(cat "$dir/mnt/K")"
}
now_held() { [[ $(held) == "$1" ]]; }

@test "rotate scope: the organization's, which every bundle holds; a bundle elsewhere is named" {
	put ORG x
	secretctl create bundle -p p1 -d staging --out "$dir/elsewhere.bundle" >/dev/null
	printf '\n[mount %s]\nproject = p1\ndomain = staging\nbundle = %s\n' "$dir/x" "$dir/elsewhere.bundle" >>"$SECRETFS_POLICY"
	run -0 secretctl rotate scope --begin
	holds "$output" "p1+staging.bundle anew"
	lacks "$output" "ci.bundle"
	holds "$output" "secretctl create bundle -p p1 -d staging --out $dir/elsewhere.bundle"
	run -1 secretctl rotate scope --finish </dev/null
	secretctl create bundle -p p1 -d staging --out "$dir/elsewhere.bundle" >/dev/null
	run -0 secretctl rotate scope --finish </dev/null
	same x "$(SECRETFS_ROOT_KEY=$dir/none secretctl run --bundle "$dir/elsewhere.bundle" --secret ORG -- printenv ORG)"
}

@test "rotate scope --finish: killed anywhere, the same again completes it" {
	for n in $(seq 30); do put "S$n" "v$n" "${scope[@]}"; done
	secretctl rotate scope "${scope[@]}" --begin >/dev/null
	for ms in 5 10 20 40 80; do
		timeout -s KILL "0.$(printf %03d "$ms")" secretctl rotate scope "${scope[@]}" --finish </dev/null >/dev/null 2>&1 || :
		same v7 "$(secretctl get secret S7 "${scope[@]}" --reveal)"
	done
	secretctl rotate scope "${scope[@]}" --finish </dev/null >/dev/null 2>&1 || :
	run -0 secretctl rotate scope "${scope[@]}"
	holds "$output" "generation 2, no rotation"
	run -0 secretctl check
	same v30 "$(secretctl get secret S30 "${scope[@]}" --reveal)"
}

@test "rotate writer: the new key is in, the old one out, at once and under the same name" {
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/old.bundle"
	key=$(secretctl get writer -o json | jq -r '.[0].key')
	run -0 secretctl rotate writer ci "${scope[@]}"
	ci update secret K - <<<two
	CI_BUNDLE=$dir/old.bundle run -1 ci update secret K - <<<three
	same two "$(secretctl get secret K "${scope[@]}" --reveal)"
	new=$(secretctl get writer -o json | jq -r '.[0].key')
	[[ $new != "$key" ]]
	same 1 "$(secretctl get writer -o json | jq length)"
	grep -qF "$new" "$SECRETFS_POLICY"
	run ! grep -qF "$key" "$SECRETFS_POLICY"
	run -1 secretctl rotate writer ci -p p1
	run -1 secretctl rotate writer nobody "${scope[@]}"
	holds "$output" "no writer nobody"
	run -0 secretctl check
}

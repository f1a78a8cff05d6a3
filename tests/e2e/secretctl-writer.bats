# SPDX-License-Identifier: ISC
#
# secretctl: a CI job that holds a writer's bundle and nothing else.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store p1
	secretctl create writer ci -p p1 -d staging >/dev/null
	mkdir "$dir/ci"
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/ci/ci.bundle"
}
teardown() { sandbox_end; }

# as CI: the store, its own bundle, a state directory of its own, no root key
ci() {
	env -u SECRETFS_POLICY -u SECRETFS_BUNDLES SECRETFS_ROOT_KEY="$dir/none" SECRETFS_STATE="$dir/ci/state" \
		SECRETFS_WRITER_BUNDLE="$dir/ci/ci.bundle" secretctl "$@"
}

@test "creates, updates, lists and deletes in its scope, without flags" {
	ci create secret K - <<<one
	ci update secret K - <<<two
	ci create secret K --replace - <<<three
	same three "$(secretctl get secret K -p p1 -d staging --reveal)"
	same ci "$(ci get secret -o json | jq -r '.[0].writer')"
	run -0 ci get secret K -p p1 -d staging
	run -0 ci history secret K
	ci create secret L --generate >/dev/null
	ci delete secret L
	run -1 ci delete secret L
	ci create secret J --type json - <<<'{}'
	run -1 ci update secret J - <<<'{'
	run -0 secretctl check
}

@test "reads no value and touches no other scope" {
	put MINE x -p p1 -d staging
	put OTHER y -p p1
	run -1 ci get secret MINE --reveal
	lacks "$output" x$'\n'
	run -1 ci rollback secret MINE
	for scope in '-p p1' '-d staging' '-p p1 -d development'; do
		# shellcheck disable=SC2086 # words
		run -1 ci create secret N $scope - <<<v
		holds "$output" "writer ci writes to (project p1, domain staging)"
		# shellcheck disable=SC2086 # words
		run -1 ci get secret $scope
	done
	run -1 ci get project
	run -1 ci create bundle
	run -1 env SECRETFS_ROOT_KEY="$dir/none" secretctl run --bundle "$dir/ci/ci.bundle" --secret MINE -- env
	holds "$output" "writer's bundle"
}

@test "a bundle others may read is refused" {
	chmod 0440 "$dir/ci/ci.bundle"
	run -1 ci get secret
	holds "$output" "chmod 0400"
}

@test "get and delete writer; a revoked one is out" {
	same 400 "$(stat -c %a "$SECRETFS_BUNDLES/ci.bundle")"
	secretctl get writer -o json | jq -e '.[0] | .name == "ci" and .project == "p1" and .domain == "staging"'
	key=$(secretctl get writer -o json | jq -r '.[0].key')
	grep -qF "$key" "$SECRETFS_POLICY"
	run -1 secretctl create writer ci -p p1 -d staging --out "$dir/again.bundle"
	holds "$output" "already"
	run -2 secretctl create writer root
	ci create secret K - <<<one
	secretctl delete writer ci --yes >/dev/null
	run -1 ci update secret K - <<<two
	same one "$(secretctl get secret K -p p1 -d staging --reveal)"
	run ! grep -qF "$key" "$SECRETFS_POLICY"
	run -1 secretctl delete writer ci
	run -0 secretctl get writer
	lacks "$output" ci
}

@test "two writers and the root at once: nothing is lost" {
	secretctl create writer ci2 -p p1 -d staging >/dev/null
	for i in $(seq 10); do
		ci create secret "A$i" - <<<"a$i" >/dev/null &
		SECRETFS_WRITER_BUNDLE=$SECRETFS_BUNDLES/ci2.bundle secretctl create secret "B$i" - <<<"b$i" >/dev/null &
		secretctl create secret "C$i" -p p1 -d staging - <<<"c$i" >/dev/null &
	done
	wait
	same 30 "$(secretctl get secret -p p1 -d staging -o json | jq length)"
	for i in 1 5 10; do same "b$i" "$(secretctl get secret "B$i" -p p1 -d staging --reveal)"; done
	run -0 secretctl check
}

@test "who is taken out or gets a new key is out of this host's bundles, too" {
	secretctl create writer other -p p1 -d staging >/dev/null
	secretctl create bundle -p p1 -d staging >/dev/null
	secretctl create bundle -p p1 -d production >/dev/null
	epoch() { secretctl get bundle -o json | jq ".[] | select(.name == \"$1\").epoch"; }
	before=$(epoch p1+staging)
	run -0 secretctl rotate writer other -p p1 -d staging
	holds "$output" "minted $SECRETFS_BUNDLES/p1+staging.bundle anew"
	holds "$output" "minted $SECRETFS_BUNDLES/ci.bundle anew"
	lacks "$output" "p1+production"
	lacks "$output" "other.bundle anew"
	(($(epoch p1+staging) > before)) || fail "the floor stayed at $before"
	before=$(epoch p1+staging)
	run -0 secretctl delete writer ci --yes
	holds "$output" "minted $SECRETFS_BUNDLES/p1+staging.bundle anew"
	holds "$output" "writer ci is granted no more: left as it is"
	(($(epoch p1+staging) > before)) || fail "the floor stayed at $before"
	before=$(epoch p1+staging)
	# what changes no grant mints nothing
	secretctl create secret K2 -p p1 -d staging - <<<x >/dev/null
	same "$before" "$(epoch p1+staging)"
}

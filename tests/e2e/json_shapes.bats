#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What is printed for programs, and secretctl-json(5), say the same: every command that takes --output, in
# JSON and in YAML, with no member more and none less.

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper

setup() {
	sandbox
	export SECRETFS_MOUNT=$dir/mnt
	page=$repo/man/secretctl-json.5
}
teardown() { sandbox_end; }

shape() { /usr/bin/python3 -B "$repo/tests/e2e/shapes.py" "$page" "$@"; }

# has SHAPE WORD...: what the command prints has that shape, and is the same in both forms. What it says is in $dir/json.
has() {
	local shape=$1
	shift
	secretctl "$@" -o json >"$dir/json" || (($? == 1))
	jq -e . "$dir/json" >/dev/null || fail "$*: this is not JSON" "$(cat "$dir/json")"
	shape "$shape" <"$dir/json" || fail "$*" "$(cat "$dir/json")"
	secretctl "$@" -o yaml >"$dir/yaml" || (($? == 1))
	/usr/bin/python3 - "$dir/json" "$dir/yaml" <<-'PY' || fail "$*: YAML says something else" "$(cat "$dir/yaml")"
		import json, sys, yaml
		j = json.load(open(sys.argv[1]))
		y = yaml.safe_load(open(sys.argv[2]))
		for a in (j, y):  # what goes on between the two
		    for m in a if isinstance(a, list) else []:
		        m.pop("requests", None)
		        if m.get("check") == "clock":
		            m["finding"] = ""
		sys.exit(j != y)
	PY
}

# there JQ: what is worth looking at is in it
there() { jq -e "$1" "$dir/json" >/dev/null || fail "$1 of: $(cat "$dir/json")"; }

@test "every command with --output has its shape on the page, and no other has" {
	local verb noun
	secretctl --help | sed -n 's/^  \([a-z]\+\) \([a-z]*\) *  .*/\1 \2/p' | sort -u >"$dir/commands"
	(($(wc -l <"$dir/commands") > 40)) || fail "$(cat "$dir/commands")"
	while read -r verb noun; do
		# shellcheck disable=SC2086 # a noun or none
		! secretctl help "$verb" $noun | grep -q -e '--output' || echo "$verb${noun:+ $noun}"
	done <"$dir/commands" | sort >"$dir/with"
	shape | sed 's/ NAME$//' | sort -u >"$dir/told"
	diff "$dir/with" "$dir/told"
}

@test "secrets" {
	init_store
	has 'get secret' get secret
	put KEY $'no: "x"\n- \xe2\x82\xac' --expires 7d
	put 'true' x
	put KEY newer
	put BYTES $'\xff\xfe'
	put KEY broader -p flytesnacks
	has 'get secret' get secret --all
	there 'length == 4'
	has 'get secret' get secret --all --expiring 30d
	has 'get secret NAME' get secret KEY
	has 'get secret NAME' get secret KEY --reveal
	there '.value == "newer"'
	has 'get secret NAME' get secret BYTES --reveal
	there '.value == null and .value_base64 == "//4="'
	has 'history secret NAME' history secret KEY
	there 'length == 2'
	secretctl delete secret KEY >/dev/null
	has 'history secret NAME' history secret KEY
}

@test "who may read" {
	init_store
	put KEY x
	put KEY y -p flytesnacks -d development
	has 'explain NAME' explain KEY
	mount_at "$SECRETFS_MOUNT" -p flytesnacks -d development
	secretctl allow secret KEY -p flytesnacks -d development --uid 1000 >/dev/null
	cp "$SECRETFS_POLICY" "$dir/draft"
	printf '\n[secret KEY]\ndeny = uid:0\n' >>"$dir/draft"
	has 'explain NAME' explain KEY -p flytesnacks -d development --uid 1000 --uid 0 --draft "$dir/draft"
	there '.mounts[0].users[0].draft'
	secretctl umount >/dev/null
}

@test "what is declared and granted" {
	init_store
	has 'get writer' get writer
	has 'get bundle' get bundle
	secretctl create writer ci -p flytesnacks >/dev/null
	secretctl create bundle -p flytesnacks -d development >/dev/null
	has 'get project' get project
	has 'get domain' get domain
	has 'get writer' get writer
	there 'length == 1'
	has 'get bundle' get bundle
	there 'length == 2'
	has 'get slot' get slot
	there 'length == 2'
}

@test "how it is" {
	init_store
	put KEY x
	has 'get mount' get mount
	mount_at "$SECRETFS_MOUNT" -p flytesnacks -d development
	has 'get mount' get mount
	there '.[0].state == "serving" and .[0].helper'
	echo nonsense >>"$SECRETFS_POLICY"
	complains() { has 'get mount' get mount && jq -e '.[0].policy_fault.standing' "$dir/json" >/dev/null; }
	wait_for 10 complains
	sed -i '/^nonsense$/d' "$SECRETFS_POLICY"
	has check check
	has doctor doctor
	# shellcheck disable=SC2046 # numbers
	kill -STOP $(daemon_pids)
	has 'get mount' get mount
	there '.[0].state != "serving"'
	# shellcheck disable=SC2046
	kill -CONT $(daemon_pids)
	wait_for 10 cat "$SECRETFS_MOUNT/KEY"
	secretctl umount >/dev/null
	head -c 65536 /dev/zero | secretctl create secret LARGE - >/dev/null
	find "$SECRETFS_STORE/objects" -type f -size +60k -delete
	has check check
	there '.whole == false and (.faults | length > 0)'
	chmod o+w "$SECRETFS_STORE"
	has doctor doctor
	there 'any(.mend)'
}

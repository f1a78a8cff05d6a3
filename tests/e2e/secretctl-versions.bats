# SPDX-License-Identifier: ISC
#
# secretctl: history, rollback, copy, move, lists of what expires.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }
version() { secretctl get secret "$@" -o json | jq .version; }

@test "history: newest first, rollback makes a new version" {
	init_store
	for v in one two three; do put K "$v"; done
	run -0 secretctl history secret K
	same 4 "${#lines[@]}"
	holds "${lines[1]}" current
	secretctl history secret k -o json >"$dir/h.json"
	same "true,false,false" "$(jq -r 'map(.current) | join(",")' "$dir/h.json")"
	jq -e 'map(.version) | . == (sort | reverse) and (unique | length == 3)' "$dir/h.json"
	first=$(jq '.[2].version' "$dir/h.json")
	secretctl rollback secret K >/dev/null
	same two "$(reveal K)"
	secretctl rollback secret K --to "$first" >/dev/null
	same one "$(reveal K)"
	same 5 "$(secretctl history secret K -o json | jq length)"
	run -1 secretctl rollback secret K --to "$(version K)"
	holds "$output" "current"
	run -1 secretctl rollback secret K --to 99999
	holds "$output" "secretctl history secret K"
	run -2 secretctl rollback secret K --to last
	put SINGLE x
	run -1 secretctl rollback secret SINGLE
	holds "$output" "no older version"
	run -1 secretctl rollback secret NONE
	run -1 secretctl history secret NONE
}

@test "rollback shows at the next open of a mount" {
	init_store
	put K one
	put K two
	mount_at "$dir/mnt"
	same two "$(cat "$dir/mnt/K")"
	secretctl rollback secret K >/dev/null
	same one "$(cat "$dir/mnt/K")"
}

@test "copy and move: to another scope, another name, with type, env and expiry" {
	init_store p1
	echo '{"a":1}' | secretctl create secret J --type json --env MY_JSON --expires 2099-01-01 >/dev/null
	secretctl copy secret J --to-project p1 >/dev/null
	same "$(secretctl get secret J -o json | jq '[.type, .env, .expires]')" \
		"$(secretctl get secret J -p p1 -o json | jq '[.type, .env, .expires]')"
	same '{"a":1}' "$(reveal J -p p1)"
	secretctl move secret J group/J2 -p p1 --to-project p1 --to-domain staging >/dev/null
	run -1 secretctl get secret J -p p1
	same '{"a":1}' "$(reveal group/J2 -p p1 -d staging)"
	secretctl move secret group/J2 J3 -p p1 -d staging >/dev/null
	run -1 secretctl get secret group/J2 -p p1 -d staging
	secretctl move secret J3 -p p1 -d staging --to-organization --yes >/dev/null
	same '{"a":1}' "$(reveal J3)"
	put K other
	run -1 secretctl move secret J3 K
	same '{"a":1} other' "$(reveal J3) $(reveal K)"
	secretctl move secret J3 K --replace >/dev/null
	same '{"a":1}' "$(reveal K)"
	run -1 secretctl get secret J3
	run -2 secretctl move secret K
	run -2 secretctl move secret K k
	run -2 secretctl copy secret K --to-organization --to-project p1
	run -1 secretctl copy secret K --to-project undeclared </dev/null
	run -1 secretctl copy secret ABSENT --to-project p1
}

@test "a move within a scope is one commit; one between scopes loses nothing when killed" {
	init_store p1
	put K value
	before=$(version K)
	secretctl move secret K L >/dev/null
	same $((before + 1)) "$(version L)"
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		strace -qq -o /dev/null -e trace=fsync,renameat2,rename,linkat \
			-e "inject=fsync,renameat2,rename,linkat:signal=KILL:when=$n" \
			secretctl move secret L --to-project p1 >/dev/null 2>&1 || :
		a=$(reveal L 2>/dev/null || :) b=$(reveal L -p p1 2>/dev/null || :)
		[[ $a == value || $b == value ]]
		[[ -z $a || $a == value ]]
		[[ -z $b || $b == value ]]
		run -0 secretctl check
		[[ -n $a ]] || secretctl copy secret L -p p1 --to-organization --yes >/dev/null
		[[ -z $b ]] || secretctl delete secret L -p p1 >/dev/null
	done
}

@test "get secret --all and --expiring" {
	init_store p1
	put A x
	put B x -p p1 --expires 3d
	put C x -p p1 -d staging --expires 30d
	same "A,B,C" "$(secretctl get secret --all -o json | jq -r 'map(.name) | join(",")')"
	run -0 secretctl get secret -A
	holds "$output" "project p1, domain staging"
	same B "$(secretctl get secret -A --expiring 7d -o json | jq -r '.[].name')"
	same '' "$(secretctl get secret --expiring 7d -o json | jq -r '.[].name')"
	same B "$(secretctl get secret -p p1 --expiring 7d -o json | jq -r '.[].name')"
	run -2 secretctl get secret -A -p p1
	run -2 secretctl get secret --expiring soon
	run -2 secretctl get secret B --expiring 7d
}

# SPDX-License-Identifier: ISC
#
# secretctl: a deleted secret comes back as long as its versions are kept, and is gone for good with --purge.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }
objects() { find "$SECRETFS_STORE/objects" -type f | wc -l; }

@test "a deleted secret: its history, and back with all it had" {
	init_store p1
	put OTHER x -p p1
	put K one -p p1
	put K two -p p1
	secretctl update secret K -p p1 --env THE_KEY --type json --expires 30d - <<<'{}' >/dev/null
	before=$(secretctl get secret K -p p1 -o json | jq -c 'del(.version, .updated)')
	run -0 secretctl delete secret K -p p1
	holds "$output" "secretctl rollback secret K -p p1"
	put LATER x -p p1
	run -1 secretctl get secret K -p p1
	run -0 secretctl history secret K -p p1
	holds "$output" "secretctl rollback secret K -p p1"
	lacks "$output" current
	same "[[3,3,3],false]" "$(secretctl history secret K -p p1 -o json | jq -c '[map(.size), any(.current)]')"
	run -1 secretctl rollback secret K -p p1 --to 999
	run -0 secretctl rollback secret K -p p1
	same "$before" "$(secretctl get secret K -p p1 -o json | jq -c 'del(.version, .updated)')"
	same "{}" "$(reveal K -p p1)"
	mapfile -t labels < <(secretctl history secret K -p p1 -o json | jq -r '.[].label')
	same "two one" "$(reveal K -p p1 --at "${labels[1]}") $(reveal K -p p1 --at "${labels[2]}")"
	# back to an older one of it
	secretctl delete secret K -p p1
	label=$(secretctl history secret K -p p1 -o json | jq -r '.[2].label')
	secretctl rollback secret K -p p1 --to "$label"
	same one "$(reveal K -p p1)"
	secretctl delete secret k -p p1
	run -0 secretctl history secret K -p p1
	run -1 secretctl history secret K # another scope's is not meant
	run -0 secretctl check
}

@test "delete --purge: asked for, all versions gone at once, no other's touched" {
	init_store
	put OTHER x
	put K one
	put K two
	before=$(objects)
	run -1 secretctl delete secret K --purge
	holds "$output" "will be gone for good, with all its versions"
	same two "$(reveal K)"
	same "$before" "$(objects)"
	run -0 secretctl delete secret K --purge --yes
	# two values less; a commit and a page more
	same "$before" "$(objects)"
	run -1 secretctl history secret K
	run -1 secretctl rollback secret K
	same x "$(reveal OTHER)"
	run -0 secretctl check
	# of what was deleted before
	put K three
	secretctl delete secret K
	put K four
	secretctl delete secret K
	run -0 secretctl history secret K
	before=$(objects)
	run -0 secretctl delete secret K --purge --yes --wait
	same $((before - 2)) "$(objects)"
	run -1 secretctl delete secret K --purge --yes
	holds "$output" "there is no secret K"
	run -1 secretctl history secret K
	run -0 secretctl check
	put K five
	same five "$(reveal K)"
}

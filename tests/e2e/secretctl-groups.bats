#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Several secrets, or a group, at once: one commit or none.

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper

setup() {
	sandbox
	init_store shop
	scope=(-p shop -d production)
	put web/CERT cert "${scope[@]}"
	put web/KEY key "${scope[@]}"
	put web/v1/OLD old "${scope[@]}"
	put WEBSITE x "${scope[@]}"
	put OTHER y "${scope[@]}"
}
teardown() { sandbox_end; }

names() { secretctl get secret "${scope[@]}" -o json | jq -r '[.[].name] | sort | join(" ")'; }
epoch() { secretctl get mount -o json | jq '.[0].scopes[-1].epoch'; }

@test "delete: a group, in one commit, asked for" {
	mount_at "$dir/mnt" "${scope[@]}"
	before=$(epoch)
	run -1 secretctl delete secret web/ "${scope[@]}" </dev/null
	holds "$output" "3 secrets of (project shop, domain production) will be gone"
	holds "$output" "give --yes"
	same "OTHER WEBSITE web/CERT web/KEY web/v1/OLD" "$(names)"
	run -0 secretctl delete secret web/ "${scope[@]}" --yes --wait
	holds "$output" "web/v1/OLD"
	holds "$output" "deleted 3 secrets (project shop, domain production)"
	same "OTHER WEBSITE" "$(names)"
	same "OTHER WEBSITE" "$(cd "$dir/mnt" && echo *)"
	same $((before + 1)) "$(epoch)" "commits"
	secretctl rollback secret web/KEY "${scope[@]}"
	same key "$(secretctl get secret web/KEY "${scope[@]}" --reveal)"
	secretctl umount "$dir/mnt" >/dev/null
}

@test "delete: several names, and a group that holds one of them; none when one is not there" {
	run -1 secretctl delete secret OTHER web/KEYS "${scope[@]}"
	holds "$output" "did you mean web/KEY?"
	holds "$output" "nothing was done"
	run -1 secretctl delete secret OTHER wab/ "${scope[@]}" --yes
	holds "$output" "no secret below wab/ is in"
	run -2 secretctl delete secret OTHER 'no name' "${scope[@]}"
	run -2 secretctl delete secret OTHER WEBSITE --purge "${scope[@]}"
	same "OTHER WEBSITE web/CERT web/KEY web/v1/OLD" "$(names)"
	secretctl delete secret other web/key OTHER "${scope[@]}"
	same "WEBSITE web/CERT web/v1/OLD" "$(names)"
	secretctl delete secret web/v1/ web/v1/OLD WEBSITE "${scope[@]}" --yes
	same "web/CERT" "$(names)"
}

@test "delete: a CI job deletes several in its scope" {
	secretctl create writer ci "${scope[@]}" --out "$dir/ci" >/dev/null
	SECRETFS_ROOT_KEY=$dir/none secretctl --writer-bundle "$dir/ci" delete secret OTHER web/ --yes
	same WEBSITE "$(names)"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What an administrator does in the first weeks, and what goes wrong then. A task ends well. A mistake
# changes nothing, neither store, keys nor policy, and what is said of it names the next step.
#
#	TRANSCRIPT=FILE make check T=everyday	everything that was typed and said, for a person to read

# shellcheck disable=SC2154 # dir and the paths are set by sandbox
load helper

setup() {
	sandbox
	export HOME=$dir/home SECRETFS_MOUNT=$dir/secrets
	mkdir -p "$HOME"
	cd "$HOME" || return
	printf 'from a file\n' >token
	printf 'A=1\nexport B="two words"\n' >app.env
	printf '{"user": "u", "rank": 3}' >app.json
	mkdir folder
	printf x >folder/X
	: >"$dir/transcript"
}
teardown() {
	[[ -z ${TRANSCRIPT:-} ]] || sed "s#$dir#...#g" "$dir/transcript" >>"$TRANSCRIPT"
	cd /
	sandbox_end
}

# typed COMMAND: runs it and keeps what it says in $dir/said.
typed() {
	local status
	timeout 60 bash -c "$1" >"$dir/said" 2>&1 </dev/null 3>&- 4>&-
	status=$?
	{
		printf '$ %s\n' "$1"
		cat "$dir/said"
		[[ ! -s $dir/said || $(tail -c 1 "$dir/said") == '' ]] || echo
		((status == 0)) || printf '[%d]\n' "$status"
	} >>"$dir/transcript"
	return "$status"
}

# everything that a mistake must leave as it is
state() {
	(cd "$dir" && find etc var/store -type f ! -name '*.tmp' -exec sha256sum {} + | sort -k 2)
}

begin() {
	local line
	while IFS= read -r line; do typed "$line" || fail "$line" "$(cat "$dir/said")"; done <<-'END'
		secretctl init
		secretctl create project shop
		printf s3cret | secretctl create secret DB_PASSWORD -p shop -d production
		printf old | secretctl create secret API_KEY
		secretctl mount -p shop -d production
	END
}

@test "forty tasks" {
	local line n=0 bad=()
	while IFS= read -r line; do
		[[ $line ]] || continue
		n=$((n + 1))
		typed "$line" || bad+=("$line: $(cat "$dir/said")")
	done <<-'END'
		secretctl init
		secretctl doctor
		secretctl create project shop
		secretctl get project
		printf s3cret | secretctl create secret DB_PASSWORD -p shop -d production
		secretctl create secret SESSION_KEY -p shop -d production --generate=48
		secretctl create secret TOKEN --from-file token
		secretctl create secret SHORT --generate --expires 7d
		secretctl create secret web/CERT -p shop -d production --from-file token
		secretctl create secret web/KEY -p shop -d production --generate
		secretctl import app.env -p shop -d production
		secretctl import app.json --group app
		secretctl get secret -p shop -d production
		secretctl get secret --all
		secretctl get secret --all -o json | jq length
		secretctl get secret web/ -p shop -d production
		secretctl get secret --all --expiring 30d
		secretctl get secret DB_PASSWORD -p shop -d production
		secretctl get secret DB_PASSWORD -p shop -d production --reveal
		secretctl mount -p shop -d production
		cat "$SECRETFS_MOUNT/DB_PASSWORD"
		secretctl get mount
		printf n3w | secretctl update secret DB_PASSWORD -p shop -d production --wait
		cat "$SECRETFS_MOUNT/db_password"
		secretctl history secret DB_PASSWORD -p shop -d production
		secretctl rollback secret DB_PASSWORD -p shop -d production
		secretctl allow secret DB_PASSWORD -p shop -d production --uid 1000
		secretctl explain DB_PASSWORD -p shop -d production --uid 1000
		setpriv --reuid=1000 --regid=1000 --clear-groups cat "$SECRETFS_MOUNT/DB_PASSWORD"
		secretctl deny secret DB_PASSWORD -p shop -d production --uid 1001
		secretctl run -p shop -d production --secret PASS=DB_PASSWORD -- sh -c 'echo ${#PASS} characters'
		secretctl create writer ci -p shop -d production --out ci.bundle
		printf by-ci | secretctl --writer-bundle ci.bundle update secret SESSION_KEY -
		secretctl delete secret SHORT
		secretctl rollback secret SHORT
		secretctl copy secret TOKEN --to-project shop --to-domain production
		secretctl move secret A B2 -p shop -d production
		secretctl rotate scope -p shop -d production --begin
		secretctl rotate scope -p shop -d production --finish
		secretctl rotate writer ci -p shop -d production --out ci.bundle
		secretctl create identity me
		secretctl export all.archive --recipient "$(secretctl create identity you | grep -oE '[0-9a-f]{64}')"
		secretctl check
		secretctl doctor
		secretctl umount
	END
	printf '# %d tasks\n' "$n" >&3
	((${#bad[@]} == 0)) || fail "${bad[@]}"
	((n >= 40))
}

@test "forty mistakes" {
	local line n=0 bad=() before
	begin
	before=$(state)
	while IFS= read -r line; do
		[[ $line ]] || continue
		n=$((n + 1))
		! typed "$line" || bad+=("$line: is no mistake")
		grep -qE '^  |secretctl [a-z]+ |--[a-z]|did you mean' "$dir/said" || bad+=("$line: no next step: $(cat "$dir/said")")
		(($(wc -l <"$dir/said") <= 12)) || bad+=("$line: so much is read by nobody: $(cat "$dir/said")")
		[[ $(state) == "$before" ]] || { bad+=("$line: something was changed") && before=$(state); }
	done <<-'END'
		secretctl
		secretctl list
		secretctl get
		secretctl creat secret X
		secretctl create secret
		secretctl create secret API_KEY new
		secretctl create secret "two words" x
		secretctl create secret ../../etc/shadow x
		secretctl create secret DB_PASSWORD/USER x -p shop -d production
		secretctl create secret X --from-file nosuch
		secretctl create secret X --from-file folder
		secretctl create secret X x --from-file token
		secretctl create secret X x --expires yesterday
		secretctl create secret X x --expires 2001-01-01
		secretctl create secret X '{' --type json
		secretctl create secret X x -p shopp
		secretctl create secret X x -d prod
		secretctl create project "no/project"
		secretctl init
		secretctl get secret DB_PASSWORD
		secretctl get secret DB_PASWORD -p shop -d production
		secretctl get secret DB_PASSWORD -p shop -d production --reveal --at 999
		secretctl get secret DB_PASSWORD -p shop -d production --version 2
		secretctl update secret NEW x
		secretctl update secret API_KEY --expires soon
		secretctl delete secret API_KEYS
		secretctl delete project shop
		secretctl delete writer nobody
		secretctl delete slot file
		secretctl rollback secret API_KEY --to 77
		secretctl move secret API_KEY DB_PASSWORD -p shop -d production
		secretctl move secret DB_PASSWORD -p shop -d production --to-project ""
		secretctl allow secret API_KEY
		secretctl allow secret API_KEY --uid nosuchuser
		secretctl allow secret API_KEY --everyone
		secretctl explain API_KEY -p shop
		secretctl run -p shop -d production --secret X=NOPE -- true
		secretctl import nosuch.env
		secretctl import token
		secretctl export all.archive --passphrase-file nosuch
		secretctl restore token --passphrase-file token
		secretctl mount /proc/version -p shop -d production
		secretctl umount /nowhere
		secretctl rotate scope -p shop -d production --finish
		secretctl rotate writer nobody
		secretctl --store /nowhere get secret
		secretctl --root-key /nowhere get secret
		secretctl --writer-bundle /nowhere get secret
		secretctl replicate /nowhere elsewhere
		secretctl get mount -o yml
	END
	printf '# %d mistakes\n' "$n" >&3
	((${#bad[@]} == 0)) || fail "${bad[@]}"
	((n >= 40))
}

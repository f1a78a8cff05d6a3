# SPDX-License-Identifier: ISC
#
# secretctl: a message that leads to the next step, for what newcomers try first.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

@test "a verb of other programs, a forgotten noun, a noun that is none" {
	run -2 secretctl list secrets
	holds "$output" "did you mean: secretctl get"
	run -2 secretctl rm secret K
	holds "$output" "did you mean: secretctl delete"
	run -2 secretctl history K
	holds "$output" "secretctl history secret NAME"
	run -2 secretctl get policy
	holds "$output" "secret|project|domain"
	run -2 secretctl explain secret K
	holds "$output" "leave out the word secret"
	run -2 secretctl explain /etc/flyte/secrets/K
	holds "$output" "leave out the mount point"
}

@test "a name that stands in another scope is pointed to with its flags" {
	init_store
	echo -n 1 | secretctl create secret K - -p flytesnacks -d development
	run -1 secretctl explain K
	holds "$output" "-p flytesnacks -d development"
	run -1 secretctl rollback secret K -p flytesnacks -d development --to 99999
	holds "$output" "secretctl history secret K -p flytesnacks -d development"
}

@test "a version is told where there is a new value, and only there" {
	init_store
	run -0 secretctl create secret K --generate
	holds "$output" "version $(secretctl get secret K -o json | jq .version)"
	run -0 secretctl update secret K --expires 1h
	[[ $output != *version* ]] || fail "$output"
}

@test "allow tells whom it shuts out, and explain who is left" {
	init_store
	put K x
	run -0 secretctl explain K
	holds "$output" "root may read it"
	run -0 secretctl allow secret K --uid 1000
	holds "$output" "root and the mount's owner"
	run -0 secretctl explain K
	holds "$output" "only who is on that allow list"
	run -0 secretctl allow secret K --uid 1000 --remove
	holds "$output" "keeps everybody out"
}

@test "explain does not call an expired secret readable" {
	init_store
	put K x
	run -0 secretctl explain K --uid 0
	lacks "$output" expired
	secretctl update secret K --expires 1s
	wait_for 10 expired
	run -0 secretctl explain K --uid 0
	holds "$output" "may read it, were it not expired"
}
expired() { secretctl explain K | grep -q "is past"; }

@test "a store that was put back names the way on" {
	init_store
	put K one
	cp -a "$SECRETFS_STORE" "$dir/backup"
	put K two
	rm -r "$SECRETFS_STORE"
	cp -a "$dir/backup" "$SECRETFS_STORE"
	run -1 secretctl get secret K
	holds "$output" "secretctl restore --accept"
	secretctl restore --accept --yes
	same one "$(secretctl get secret K --reveal)"
}

@test "another user than root is told of root's store" {
	run -1 secretctl get secret
	lacks "$output" sudo
	run -1 as_uid 1000 secretctl get secret
	holds "$output" "sudo secretctl"
}

@test "a rotation names the writers whose bundles it ends, at its beginning and at its end" {
	init_store
	put K x
	secretctl create writer away --out "$dir/away.bundle" >/dev/null
	secretctl create writer here >/dev/null
	for step in --begin --finish; do
		run -0 secretctl rotate scope "$step"
		holds "$output" "writer away: its bundle"
		holds "$output" "secretctl rotate writer away --out FILE"
		holds "$output" "writer here: its bundle"
		lacks "$output" "rotate writer here"
	done
}

@test "doctor does not undo what the README does for CI" {
	init_store
	put K x
	chmod -R g+rwX "$SECRETFS_STORE"
	find "$SECRETFS_STORE" -type d -exec chmod g+s {} +
	run secretctl doctor
	lacks "$output" "chmod 0700"
	holds "$output" "as for CI"
	chmod o+w "$SECRETFS_STORE"
	run -1 secretctl doctor
	holds "$output" "chmod 2770 $SECRETFS_STORE"
	chmod 2770 "$SECRETFS_STORE"
	run -0 secretctl doctor
}

@test "a lost root key: not a second one but the copy of the first" {
	init_store
	mv "$SECRETFS_ROOT_KEY" "$dir/copy"
	run -1 secretctl get secret
	holds "$output" "put the copy of its key file back"
	lacks "$output" "secretctl init"
	run secretctl doctor
	holds "$output" "put the copy of its key file back"
}

@test "a bundle of another owner: chown first; another identity: its own words" {
	init_store
	put K x
	secretctl create writer ci --out "$dir/ci.bundle" >/dev/null
	chown 1234 "$dir/ci.bundle"
	run -1 secretctl --writer-bundle "$dir/ci.bundle" get secret
	holds "$output" "chown 0 $dir/ci.bundle"
	to=$(secretctl create identity "$dir/id" | awk '/^recipient/ { print $2 }')
	secretctl create identity "$dir/other" >/dev/null
	secretctl export "$dir/archive" --recipient "$to" >/dev/null
	run -1 secretctl restore "$dir/archive" --identity "$dir/other"
	holds "$output" "not the right identity"
	lacks "$output" slot
}

@test "get secret GROUP/ lists a group" {
	init_store
	for k in web/A Web/v1/B webs/C web-D web.E; do put "$k" x; done
	names() { secretctl get secret "$@" -o json | jq -r 'map(.name) | join(" ")'; }
	same "web/A Web/v1/B" "$(names web/)"
	same "Web/v1/B" "$(names web/v1/)"
	same "web/A Web/v1/B" "$(names WEB/ --all)"
	run -0 secretctl get secret web/
	lacks "$output" webs/C
	run -0 secretctl get secret none/
	holds "$output" "no secret below none/"
	for bad in / //x/ .x/ a/b/c/; do run -2 secretctl get secret -- "$bad"; done
	run -2 secretctl get secret web/ --reveal
	run -2 secretctl get secret web/ --at 3
}

@test "did you mean: secrets, projects and domains that are nearly named" {
	init_store alpha
	put DB_PASSWORD x -p alpha
	put web/KEY x -p alpha
	for verb in get delete history; do
		run -1 secretctl "$verb" secret db_pasword -p alpha
		holds "$output" "did you mean DB_PASSWORD?"
	done
	run -1 secretctl update secret web/KYE v -p alpha
	holds "$output" "did you mean web/KEY?"
	run -1 secretctl get secret ENTIRELY_ELSE -p alpha
	lacks "$output" "did you mean"
	run -1 secretctl get secret DB_PASSWORD -p alhpa
	holds "$output" "did you mean alpha?"
	run -1 secretctl get secret DB_PASSWORD -d stagign
	holds "$output" "did you mean staging?"
	# a writer lists its own scope, and is told of no other
	secretctl create writer ci -p alpha --out "$dir/ci" >/dev/null
	SECRETFS_WRITER_BUNDLE=$dir/ci run -1 secretctl update secret DB_PASSWROD - <<<v
	holds "$output" "did you mean DB_PASSWORD?"
}

# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2030,SC2031 # dir is helper.bash's; each test is a subshell of its own
#
# A store in etcd or in PostgreSQL, real ones, and hosts that follow it.

load helper
load engines

setup() { sandbox; }
teardown() {
	engines_end
	sandbox_end
}

conformance() {
	local b=${B:-build}
	[[ $b == /* ]] || b=$repo/$b
	STORES=$1 "$b/tests/unit/test_backend_conformance"
}

# session: the whole story of a secret, wherever $SECRETFS_STORE is.
session() {
	secretctl init >/dev/null
	printf one | secretctl create secret KEY -
	printf two | secretctl update secret KEY -
	printf three | secretctl create secret grp/KEY - -p flytesnacks -d development
	same two "$(secretctl get secret KEY --reveal)"
	secretctl create writer ci -p flytesnacks -d development --out "$dir/ci.bundle"
	printf four | SECRETFS_WRITER_BUNDLE=$dir/ci.bundle secretctl update secret grp/KEY -
	same four "$(secretctl get secret grp/KEY --reveal -p flytesnacks -d development)"
	secretctl delete secret KEY
	run ! secretctl get secret KEY --reveal
	secretctl check
}

same() { [[ $1 == "$2" ]] || fail "expected: $1" "seen: $2"; }

shows() { [[ $(cat "$SECRETFS_MOUNT/KEY") == "$1" ]]; }

# follows ENGINE: a host with a mount on a replica, its engine stopped, started, and lagging.
follows() {
	local engine=$1 store=$SECRETFS_STORE
	secretctl init >/dev/null
	printf v1 | secretctl create secret KEY -
	secretctl replicate "$store" "$dir/replica" --follow 2>"$dir/follow.log" 3>&- &
	local follower=$!
	wait_for 10 test -d "$dir/replica/refs"
	wait_for 10 env SECRETFS_STORE="$dir/replica" secretctl get secret KEY
	SECRETFS_STORE=$dir/replica secretctl mount
	shows v1
	printf v2 | secretctl update secret KEY -
	wait_for 5 shows v2
	"${engine}_stop"
	shows v2
	run -1 secretctl update secret KEY --value v3
	[[ $output == *"open the store"* ]]
	"${engine}_start"
	printf v4 | secretctl update secret KEY -
	wait_for 5 shows v4
	# killed at any moment: what it left is whole, and goes on
	for i in 1 2 3 4 5; do
		printf 'w%d' "$i" | secretctl update secret KEY -
		end "$follower" KILL
		SECRETFS_STORE=$dir/replica SECRETFS_STATE=$dir/of-the-replica secretctl check
		secretctl replicate "$store" "$dir/replica" --follow 2>>"$dir/follow.log" 3>&- &
		follower=$!
		wait_for 10 shows "w$i"
	done
	end "$follower"
}

@test "a directory, etcd and PostgreSQL do the same" {
	etcd_start
	postgres_start
	conformance "etcd://$etcd/conformance"
	conformance "$postgres"
}

@test "etcd with TLS and a password" {
	certificates
	etcd_start --cert-file "$dir/tls/cert.pem" --key-file "$dir/tls/key.pem"
	for call in 'auth/user/add {"name":"root","password":"secret-of-root"}' \
		'auth/user/grant {"user":"root","role":"root"}' 'auth/role/add {"name":"root"}' \
		'auth/user/grant {"user":"root","role":"root"}' 'auth/enable {}'; do
		python3 - "https://$etcd/v3/${call%% *}" "${call#* }" "$dir/tls/ca.pem" <<-'PY' || :
			import ssl, sys, urllib.request
			urllib.request.urlopen(sys.argv[1], sys.argv[2].encode(),
			                       context=ssl.create_default_context(cafile=sys.argv[3])).read()
		PY
	done
	echo secret-of-root >"$dir/password"
	export SECRETFS_STORE="etcds://$etcd/tls?ca=$dir/tls/ca.pem"
	run ! secretctl init
	run ! env SECRETFS_STORE="etcds://$etcd/tls" secretctl init
	echo wrong >"$dir/wrong"
	run ! env SECRETFS_STORE="$SECRETFS_STORE&user=root&password-file=$dir/wrong" secretctl init
	[[ $output == *"authentication failed"* ]]
	SECRETFS_STORE+="&user=root&password-file=$dir/password"
	session
	conformance "etcds://$etcd/c?ca=$dir/tls/ca.pem&user=root&password-file=$dir/password"
}

@test "the whole story of a secret in etcd, and in PostgreSQL" {
	etcd_start
	postgres_start
	SECRETFS_STORE=etcd://$etcd/story session
	rm -rf "${dir:?}/etc" "${dir:?}/var" "$dir/ci.bundle"
	SECRETFS_STORE=$postgres session
}

@test "no password in a location" {
	for store in "postgresql://someone:hunter2@127.0.0.1/x" "postgresql://127.0.0.1/x?password=hunter2" \
		"etcd://root:hunter2@127.0.0.1:1/x"; do
		run ! env SECRETFS_STORE="$store" secretctl init
	done
}

@test "nothing is doubled or lost when answers get lost" {
	etcd_start
	local proxy
	proxy=$(free_port)
	python3 "$repo/tests/e2e/flaky.py" "$proxy" "$etcd" /v3/kv/txn >"$dir/lost" 3>&- &
	engine_pids+=("$!")
	wait_for 10 grep -q ready "$dir/lost"
	export SECRETFS_STORE=etcd://127.0.0.1:$proxy/lossy
	secretctl init >/dev/null
	printf v | secretctl create secret KEY -
	local i before
	before=$(secretctl get secret KEY -o json | jq .version)
	for i in $(seq 20); do printf 'v%d' "$i" | secretctl update secret KEY -; done
	same v20 "$(secretctl get secret KEY --reveal)"
	same $((before + 20)) "$(secretctl get secret KEY -o json | jq .version)"
	(($(grep -c lost "$dir/lost") >= 20)) || fail "hardly an answer got lost: the test is in vain"
	secretctl check
}

@test "a host follows etcd, without it, and after it" {
	etcd_start
	export SECRETFS_STORE=etcd://$etcd/follow
	follows etcd
}

@test "a host follows PostgreSQL, without it, and after it" {
	postgres_start
	export SECRETFS_STORE=$postgres
	follows postgres
}

@test "a store moves between engines, and nothing altered is passed on" {
	etcd_start
	postgres_start
	export SECRETFS_STORE=$dir/var/store
	secretctl init >/dev/null
	for i in 1 2 3; do printf 'v%d' "$i" | secretctl create secret "K$i" -; done
	secretctl replicate "$dir/var/store" "etcd://$etcd/move"
	secretctl replicate "etcd://$etcd/move" "$postgres"
	secretctl replicate "$postgres" "$dir/back"
	diff -r "$dir/var/store/objects" "$dir/back/objects"
	diff -r "$dir/var/store/refs" "$dir/back/refs"
	SECRETFS_STORE=$postgres secretctl check
	# what a copy that was killed has left under its name is copied again
	find "$dir/back/objects" -type f -exec truncate -s -1 {} +
	secretctl replicate "$postgres" "$dir/back"
	diff -r "$dir/var/store/objects" "$dir/back/objects"
	local victim
	victim=$(find "$dir/back/objects" -type f | head -n 1)
	printf x >>"$victim"
	run secretctl replicate "$dir/back" "$dir/second"
	[[ $output == *"1 objects are not what their name says"* ]]
	[[ ! -e $dir/second/${victim#"$dir/back/"} ]]
}

@test "a mount of a remote store says what to do" {
	run ! secretfs -f "$SECRETFS_MOUNT" -o store=etcd://127.0.0.1:1/x,bundle=/nowhere
	[[ $output == *"secretctl replicate"* ]]
}

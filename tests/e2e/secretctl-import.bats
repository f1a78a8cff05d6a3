# SPDX-License-Identifier: ISC
#
# import, export, restore, slots: what comes in and goes out in bulk.

# shellcheck disable=SC2154,SC2016 # dir is set by sandbox; what is quoted is meant to stay
load helper
setup() {
	sandbox
	secretctl init >/dev/null
}
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }

# other COMMAND...: as on another host, with a root key, store and state of its own
other() {
	SECRETFS_ROOT_KEY=$dir/b/root.key SECRETFS_POLICY=$dir/b/policy.ini \
		SECRETFS_BUNDLES=$dir/b/bundles SECRETFS_STORE=$dir/b/store \
		SECRETFS_STATE=$dir/b/state "$@"
}

@test "dotenv: comments, export, quotes, escapes, lines that go on, CRLF, nothing expanded" {
	printf '%s\n' '# a comment' '' 'PLAIN=value # and a comment' "SINGLE='\$HOME # kept'" \
		'export DOUBLE="tab\there \"q\" \$x"' 'MULTI="one' 'two"' 'EMPTY=' \
		'URL=http://x/#frag' 'EQ=a=b' >"$dir/in.env"
	printf 'CR=crlf\r\n' >>"$dir/in.env"
	run -0 secretctl import "$dir/in.env"
	[[ $output == "imported 8 secrets (organization): 8 new, 0 replaced" ]]
	same value "$(reveal PLAIN)"
	same "\$HOME # kept" "$(reveal SINGLE)"
	same $'tab\there "q" $x' "$(reveal DOUBLE)"
	same $'one\ntwo' "$(reveal MULTI)"
	same "" "$(reveal EMPTY)"
	same "http://x/#frag" "$(reveal URL)"
	same a=b "$(reveal EQ)"
	same crlf "$(reveal CR)"
}

@test "one commit for all, and none of it when something is wrong" {
	printf 'A=canary-1\nB=canary-2\n' >"$dir/in.env"
	secretctl import "$dir/in.env" >/dev/null
	same "$(secretctl get secret A -o json | jq .version)" \
		"$(secretctl get secret B -o json | jq .version)"
	printf 'C=canary-3\nthis is wrong canary-4\n' >"$dir/bad.env"
	run -1 secretctl import "$dir/bad.env"
	[[ $output == *"bad.env:2: expected NAME=VALUE; nothing was done"* && $output != *canary* ]]
	printf 'C="canary-5\n' >"$dir/open.env"
	run -1 secretctl import "$dir/open.env"
	[[ $output == *"open.env:1: this quote is not closed"* && $output != *canary* ]]
	printf 'C=canary-3\nc=canary-4\n' >"$dir/twice.env"
	run -1 secretctl import "$dir/twice.env"
	[[ $output == *"are one secret"* ]]
	printf 'C=canary-3\n.hidden=x\n' >"$dir/name.env"
	run -1 secretctl import "$dir/name.env"
	[[ $output == *"name.env:2: not a valid name"* ]]
	run -1 secretctl get secret C
}

@test "names that are there are all named, and --replace gives them versions" {
	printf 'A=1\nB=2\n' | secretctl import - >/dev/null
	run -1 secretctl import - <<<$'a=3\nb=4\nnew=5'
	[[ $output == *"some are there already"* && $output == *A* && $output == *B* ]]
	run -1 secretctl get secret new
	run -0 secretctl import - --replace <<<$'a=3\nb=4\nnew=5'
	[[ $output == *"1 new, 2 replaced" ]]
	same 3 "$(reveal A)"
}

@test "--dry-run writes nothing, and shows names only" {
	run -0 secretctl import - --dry-run <<<'NAME=canary'
	[[ $output == $'NAME\nwould import 1 secret (organization): 1 new, 0 replaced' ]]
	run -1 secretctl get secret NAME
}

@test "JSON: strings as they are, the rest as JSON; --group; faults with a line" {
	echo '{"s":"text","n":1,"o":{"a":[true]},"u":"\u00e9"}' >"$dir/in.json"
	run -0 secretctl import "$dir/in.json" --group db -p flytesnacks -d development
	same text "$(reveal db/s -p flytesnacks -d development)"
	same '{"a":[true]}' "$(reveal db/o -p flytesnacks -d development)"
	same é "$(reveal db/u -p flytesnacks -d development)"
	same json "$(secretctl get secret db/n -p flytesnacks -d development -o json | jq -r .type)"
	printf '{"a":"canary",\n"b" canary}' >"$dir/bad.json"
	run -1 secretctl import "$dir/bad.json"
	[[ $output == *"bad.json:2: this is not JSON"* && $output != *canary* ]]
	run -1 secretctl import - <<<'{"a":"1","a":"2"}'
	[[ $output == *twice* ]]
	run -1 secretctl import - --format json <<<'["a"]'
	[[ $output == *"expected a JSON object"* ]]
}

@test "Kubernetes: data, stringData, several documents, a List, docker's logins" {
	cat >"$dir/k.yaml" <<-EOF
		apiVersion: v1
		kind: Secret
		metadata:
		  name: db
		data:
		  user: $(printf admin | base64)
		  pass: $(printf old | base64)
		stringData:
		  pass: "p: w"
		---
		apiVersion: v1
		kind: Secret
		type: kubernetes.io/dockerconfigjson
		metadata: {name: reg}
		data:
		  .dockerconfigjson: $(printf '{"auths":{}}' | base64)
	EOF
	run -0 secretctl import "$dir/k.yaml"
	same admin "$(reveal db/user)"
	same "p: w" "$(reveal db/pass)"
	same image_pull "$(secretctl get secret reg/dockerconfigjson -o json | jq -r .type)"
	jq -n '{apiVersion:"v1",kind:"List",items:[{apiVersion:"v1",kind:"Secret",
		metadata:{name:"one"},data:{k:"dmFsdWU="}}]}' >"$dir/k.json"
	run -0 secretctl import "$dir/k.json" -p flytesnacks
	same value "$(reveal k -p flytesnacks)"
	run -1 secretctl import - --format kubernetes <<<$'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {k: "!!canary"}'
	[[ $output == *"not base64"* && $output != *canary* ]]
	run -1 secretctl import - --format kubernetes <<<$'apiVersion: v1\nkind: ConfigMap'
	[[ $output == *"this is none"* ]]
	run -1 secretctl import - --format kubernetes <<<$'a: &a [x]\nb: *a'
	[[ $output == *aliases* ]]
}

@test "a directory, and a volume as Kubernetes lays it" {
	mkdir -p "$dir/v/..2026/" "$dir/d/group"
	head -c 1000 /dev/urandom >"$dir/d/binary"
	printf two >"$dir/d/group/KEY"
	mkfifo "$dir/d/fifo"
	run -0 secretctl import "$dir/d"
	[[ $output == *"1 left out"* ]]
	reveal binary | cmp - "$dir/d/binary"
	same two "$(reveal group/key)"
	printf v >"$dir/v/..2026/password"
	ln -s ..2026 "$dir/v/..data"
	ln -s ..data/password "$dir/v/password"
	run -0 secretctl import "$dir/v" -p flytesnacks
	same v "$(reveal password -p flytesnacks)"
}

@test "an old version that does not open is named, and stops neither export nor rotation" {
	printf one | secretctl create secret K >/dev/null
	printf two | secretctl update secret K >/dev/null
	printf other | secretctl create secret OTHER >/dev/null
	echo "correct horse" >"$dir/phrase"
	for object in "$SECRETFS_STORE"/objects/*/*; do
		mv "$object" "$dir/object"
		run secretctl check
		[[ $output != *"an older version cannot be read"* ]] || break
		mv "$dir/object" "$object"
	done
	[[ ! -e $object ]]
	run -1 secretctl export "$dir/a" --passphrase-file "$dir/phrase"
	[[ $output == *"version 2 of secret K"*"exported 2 secrets"* ]] || fail "$output"
	other secretctl init >/dev/null
	run -0 other secretctl restore "$dir/a" --passphrase-file "$dir/phrase" --yes
	same two "$(other secretctl get secret K --reveal)"
	secretctl rotate scope --begin >/dev/null
	run -1 secretctl rotate scope --finish
	[[ $output == *"version 2 of secret K does not open"*--force* ]] || fail "$output"
	run -0 secretctl rotate scope --finish --force
	same two "$(secretctl get secret K --reveal)"
	secretctl check >/dev/null
}

@test "export and restore on another host, to a recipient and to a passphrase, with history" {
	secretctl create project shop >/dev/null
	printf one | secretctl create secret K -p shop --expires 30d --env SHOP_K >/dev/null
	printf two | secretctl update secret K -p shop >/dev/null
	head -c 70000 /dev/urandom >"$dir/blob"
	secretctl create secret group/BLOB -f "$dir/blob" >/dev/null
	echo "correct horse" >"$dir/phrase"
	run -0 secretctl create identity "$dir/id"
	same 400 "$(stat -c %a "$dir/id")"
	recipient=$(awk '/^recipient/ { print $2 }' <<<"$output")
	from=$(secretctl export "$dir/a" --recipient "$recipient" | awk '/^signed by/ { print $3 }')
	secretctl export "$dir/p" --passphrase-file "$dir/phrase" >/dev/null
	same 600 "$(stat -c %a "$dir/a")"
	run -1 grep -rlE "shop|SHOP_K|group/BLOB" "$dir/a" "$dir/p"
	run -1 secretctl export "$dir/a" --recipient "$recipient"
	[[ $output == *"is there already"* ]]
	other secretctl init >/dev/null
	run -1 other secretctl restore "$dir/a"
	[[ $output == *--identity* ]]
	run -0 other secretctl restore "$dir/a" --identity "$dir/id" --dry-run
	run -1 other secretctl get secret group/BLOB
	run -1 other secretctl restore "$dir/a" --identity "$dir/id"
	[[ $output == *"another store made and signed: $from"*--yes* ]]
	run -1 other secretctl restore "$dir/a" --identity "$dir/id" --from 00112233445566778899aabbccddeeff
	[[ $output == *"signed by store $from, and not by 0011"* ]]
	run -1 other secretctl get secret group/BLOB
	run -0 other secretctl restore "$dir/a" --identity "$dir/id" --from "$from"
	same two "$(other secretctl get secret K -p shop --reveal)"
	other secretctl get secret group/BLOB --reveal | cmp - "$dir/blob"
	same SHOP_K "$(other secretctl get secret K -p shop -o json | jq -r .env)"
	same "$(secretctl get secret K -p shop -o json | jq -r .created,.expires)" \
		"$(other secretctl get secret K -p shop -o json | jq -r .created,.expires)"
	run -0 other secretctl rollback secret K -p shop
	same one "$(other secretctl get secret K -p shop --reveal)"
	run -1 other secretctl restore "$dir/p" --passphrase-file "$dir/phrase" --yes
	[[ $output == *"some are there already"* ]]
	run -0 other secretctl restore "$dir/p" --passphrase-file "$dir/phrase" --replace --yes
	same two "$(other secretctl get secret K -p shop --reveal)"
	run -0 other secretctl check
	echo wrong >"$dir/phrase"
	run -1 other secretctl restore "$dir/p" --passphrase-file "$dir/phrase" --replace
	[[ $output == *"not the right passphrase"* && $output == *"nothing was done"* ]]
	printf x | dd of="$dir/a" bs=1 seek=40000 conv=notrunc status=none
	run -1 other secretctl restore "$dir/a" --identity "$dir/id" --replace --yes
	[[ $output == *"the archive was altered"*"nothing was done"* ]]
}

@test "restore --accept: a store from a backup counts again once the root says so" {
	printf one | secretctl create secret K >/dev/null
	cp -a "$SECRETFS_STORE" "$dir/backup"
	printf two | secretctl update secret K >/dev/null
	rm -rf "$SECRETFS_STORE"
	mv "$dir/backup" "$SECRETFS_STORE"
	run -1 secretctl get secret K
	[[ $output == *"older than"* ]]
	run -0 secretctl restore --accept --yes
	same one "$(reveal K)"
	printf three | secretctl update secret K >/dev/null
	run -0 secretctl check
	run -0 secretctl restore --accept --yes
	[[ $output == *"0 scopes accepted"* ]]
}

@test "slots: a passphrase instead of the file's mode, a second recovery code, never the last one" {
	echo "correct horse" >"$dir/phrase"
	run -0 secretctl create slot passphrase --label mine --passphrase-file "$dir/phrase"
	run -0 secretctl create slot recovery --label spare
	[[ $output =~ ([0-9A-Z]{5}-){5,} ]]
	run -0 secretctl get slot -o json
	same '["file","recovery","passphrase","recovery"]' "$(jq -c '[.[].type]' <<<"$output")"
	run -0 secretctl delete slot file --yes
	run -1 secretctl get secret </dev/null
	[[ $output == *passphrase* ]]
	same 400 "$(stat -c %a "$SECRETFS_ROOT_KEY")"
}

# What can be counted on at the size the manual names; the times are printed, not judged.
@test "10,000 secrets: import, list, check, export; whole after SIGKILL at any moment" {
	awk 'BEGIN { for (i = 1; i <= 10000; i++) printf "KEY_%05d=value-%05d\n", i, i }' >"$dir/many.env"
	timed() {
		local start=${EPOCHREALTIME/./}
		"$@" >/dev/null
		echo "# $2: $(((${EPOCHREALTIME/./} - start) / 1000)) ms" >&3
	}
	echo phrase >"$dir/phrase"

	for _ in 1 2 3 4 5 6; do
		secretctl import "$dir/many.env" >/dev/null 2>&1 &
		local pid=$!
		sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		run -0 secretctl check
		n=$(secretctl get secret -o json | jq length)
		[[ $n == 0 || $n == 10000 ]] || fail "neither old nor new: $n"
		[[ $n == 0 ]] || break
	done
	[[ $n == 10000 ]] || timed secretctl import "$dir/many.env"
	same 10000 "$(secretctl get secret -o json | jq length)"
	timed secretctl get secret
	timed secretctl check
	timed secretctl export "$dir/all" --passphrase-file "$dir/phrase"
	same value-07777 "$(reveal KEY_07777)"
}

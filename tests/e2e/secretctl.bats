# SPDX-License-Identifier: ISC
#
# secretctl without a mount: sources of a value, exact scopes, usage, JSON,
# what is said and what is never said.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

# asked TEXT...: runs "$@" on a terminal; what is typed stands in $TYPE, one line a prompt.
asked() {
	expect -f - -- "$@" <<-'EXPECT'
		set timeout 20
		set lines [split $env(TYPE) "\n"]
		spawn -noecho {*}$argv
		set ended 0
		foreach line $lines {
			expect {
				-re {(: ?|\[y/N\] )$} { send -- "$line\r" }
				timeout { puts "no prompt"; exit 124 }
				eof { set ended 1; break }
			}
		}
		if {!$ended} { expect eof }
		exit [lindex [wait] 3]
	EXPECT
}

reveal() { secretctl get secret "$@" --reveal; }

# --- init ---------------------------------------------------------------------------

@test "init: modes, one recovery code, a second init refused" {
	run -0 secretctl init
	code=$(grep -E '^ +([0-9A-Z]{5}-){5,}' <<<"$output" | tr -d ' ')
	[[ -n $code ]]
	same 400 "$(stat -c %a "$SECRETFS_ROOT_KEY")"
	same 700 "$(stat -c %a "$SECRETFS_STORE")"
	same 700 "$(stat -c %a "$SECRETFS_STATE")"
	same 700 "$(stat -c %a "$SECRETFS_BUNDLES")"
	before=$(find "$dir/etc" "$dir/var" -type f -exec sha256sum {} + | sort)
	run -1 secretctl init
	holds "$output" "root key already"
	rm "$SECRETFS_ROOT_KEY.new" 2>/dev/null || :
	mv "$SECRETFS_ROOT_KEY" "$dir/root.moved"
	run -1 secretctl init
	holds "$output" "store at"
	mv "$dir/root.moved" "$SECRETFS_ROOT_KEY"
	same "$before" "$(find "$dir/etc" "$dir/var" -type f -exec sha256sum {} + | sort)"
	# no file holds the code
	run ! grep -rqF "$code" "$dir/etc" "$dir/var"
}

@test "init: a narrow umask and a wide one give the same modes" {
	(umask 000 && secretctl init >/dev/null)
	same 400 "$(stat -c %a "$SECRETFS_ROOT_KEY")"
	same 644 "$(stat -c %a "$SECRETFS_POLICY")"
	same 755 "$(stat -c %a "$dir/etc")"
	[[ -z $(find "$dir/etc" "$dir/var" -perm /022) ]]
}

@test "init: killed anywhere, the next one completes it" {
	local calls n
	calls=$(strace -f -e trace=fsync,renameat2,rename,linkat,link,mkdir,mkdirat -o /dev/stdout \
		secretctl init 2>/dev/null | grep -cE '^[0-9]* *(fsync|rename|link|mkdir)' || :)
	rm -rf "${dir:?}/etc" "${dir:?}/var"
	for n in 1 2 3 5 8 $((calls / 2)) $((calls - 2)) $((calls - 1)); do
		((n > 0)) || continue
		strace -f -o /dev/null -e trace=fsync,renameat2,rename,linkat,link,mkdir,mkdirat \
			-e "inject=fsync,renameat2,rename,linkat,link,mkdir,mkdirat:signal=KILL:when=$n" \
			secretctl init >/dev/null 2>&1 || :
		if [[ ! -e $SECRETFS_ROOT_KEY ]]; then
			run -0 secretctl init
		fi
		run -0 secretctl check
		printf x | secretctl create secret K -
		same x "$(reveal K)"
		rm -rf "${dir:?}/etc" "${dir:?}/var"
	done
}

@test "without a root key or a store, the message names the next step" {
	run -1 secretctl get secret
	holds "$output" "no root key at $SECRETFS_ROOT_KEY"
	holds "$output" "secretctl init"
	secretctl init >/dev/null
	mv "$SECRETFS_STORE" "$dir/gone"
	run -1 secretctl get secret
	holds "$output" "no store at $SECRETFS_STORE"
	chmod 0640 "$SECRETFS_ROOT_KEY"
	run -1 secretctl get secret
	holds "$output" "chmod 0400"
}

# --- sources ------------------------------------------------------------------------

@test "every source gives the same bytes" {
	init_store
	printf 'v\0\nx' >"$dir/bin"
	secretctl create secret a1 arg-value 2>/dev/null
	same arg-value "$(reveal a1)"
	secretctl create secret a2 --value opt-value 2>/dev/null
	same opt-value "$(reveal a2)"
	secretctl create secret a3 --from-file "$dir/bin"
	same_bytes "$dir/bin" <(reveal a3)
	secretctl create secret a4 -f "$dir/bin"
	same_bytes "$dir/bin" <(reveal a4)
	secretctl create secret a5 - <"$dir/bin"
	same_bytes "$dir/bin" <(reveal a5)
	secretctl create secret a6 <"$dir/bin"
	same_bytes "$dir/bin" <(reveal a6)
	secretctl create secret a7 --from-file - <"$dir/bin"
	same_bytes "$dir/bin" <(reveal a7)
	TYPE=$'typed value\ntyped value' run -0 asked secretctl create secret a8
	same "typed value" "$(reveal a8)"
	secretctl create secret a9 --value=--dash 2>/dev/null
	same --dash "$(reveal a9)"
	secretctl create secret --generate a10 >"$dir/out"
	[[ $(reveal a10) =~ ^[A-Za-z0-9]{32}$ ]]
	lacks "$(cat "$dir/out")" "$(reveal a10)"
	secretctl create secret a11 --generate=64 --alphabet hex >/dev/null
	[[ $(reveal a11) =~ ^[0-9a-f]{64}$ ]]
}

@test "0 bytes, 1 MiB, and one byte more" {
	init_store
	: | secretctl create secret none -
	same 0 "$(reveal none | wc -c)"
	run -0 secretctl create secret none2 --value ''
	same 0 "$(reveal none2 | wc -c)"
	head -c 1048576 /dev/urandom >"$dir/big"
	secretctl create secret big -f "$dir/big"
	same_bytes "$dir/big" <(reveal big)
	printf x >>"$dir/big"
	run -1 secretctl create secret bigger -f "$dir/big"
	holds "$output" "1 MiB"
	run -1 secretctl create secret bigger - <"$dir/big"
	run -1 secretctl get secret bigger
	same 0 "$(reveal none | wc -c)"
}

@test "two sources are a usage error, and nothing is stored" {
	init_store
	for args in 'v --value w' 'v --from-file /dev/null' '- --value w' '--value w --generate' '- -f /dev/null'; do
		# shellcheck disable=SC2086 # words
		run -2 secretctl create secret K $args
		holds "$output" "give the value once"
	done
	run -1 secretctl get secret K
	run -1 secretctl create secret K -f "$dir/absent"
	holds "$output" "$dir/absent"
	run -1 secretctl create secret K -f "$dir"
}

@test "prompt: no echo, asked twice, refused when the two differ" {
	init_store
	TYPE=$'canary-typed\ncanary-typed' run -0 asked secretctl create secret K
	lacks "$output" canary
	TYPE=$'canary-one\ncanary-two' run -1 asked secretctl update secret K
	lacks "$output" canary
	holds "$output" "differ"
	same canary-typed "$(reveal K)"
	TYPE=$'\n' run -1 asked secretctl create secret L
	holds "$output" "nothing was entered"
	# what is there already is said before anything is typed
	TYPE='' run -1 asked secretctl create secret k
	holds "$output" "exists already"
}

@test "prompt: Ctrl-C leaves terminal and store whole" {
	init_store
	run -0 expect <<-'EXPECT'
		set timeout 20
		spawn -noecho sh
		send "PS1='ready> '; stty -a | grep -o '.echo '\r"
		expect -re { echo \r}
		send "secretctl create secret K\r"
		expect "Value of K (organization): "
		send "half a val\x03"
		expect "ready> "
		send "echo status \$?\r"
		expect "status 130"
		expect "ready> "
		send "stty -a | grep -o '.echo '\r"
		expect {
			-re { echo \r} {}
			timeout { exit 1 }
		}
		send "exit\r"
		expect eof
	EXPECT
	run -1 secretctl get secret K
	run -0 secretctl check
}

@test "--type json is parsed, refused with line and column, and stays" {
	init_store
	printf '{"a": 1,\n "b": canary}' >"$dir/bad.json"
	run -1 secretctl create secret J --type json -f "$dir/bad.json"
	holds "$output" "line 2, column"
	lacks "$output" canary
	run -1 secretctl get secret J
	echo '{"a": [1, 2]}' | secretctl create secret J --type json
	run -1 secretctl update secret J - <"$dir/bad.json"
	run -0 secretctl get secret J -o json
	same json "$(jq -r .type <<<"$output")"
}

@test "--expires: durations, dates, never; the past is refused" {
	init_store
	echo v | secretctl create secret E --expires 30d
	then=$(date -d "$(secretctl get secret E -o json | jq -r .expires)" +%s)
	((then - $(date +%s) > 29 * 86400 && then - $(date +%s) <= 30 * 86400))
	secretctl update secret E --expires 2099-01-31T12:00:00+01:00 >/dev/null
	same 2099-01-31T11:00:00Z "$(secretctl get secret E -o json | jq -r .expires)"
	TZ=UTC secretctl update secret E --expires 2099-02-01 >/dev/null
	same 2099-02-01T00:00:00Z "$(secretctl get secret E -o json | jq -r .expires)"
	secretctl update secret E --expires never >/dev/null
	same null "$(secretctl get secret E -o json | jq -r .expires)"
	same v "$(reveal E)"
	for bad in 2001-01-01 soon 2099-02-31 12 0s 2099-01-01T99:00; do
		run -2 secretctl update secret E --expires "$bad"
		holds "$output" "expires"
	done
}

# --- scopes -------------------------------------------------------------------------

@test "get, update and delete see exactly one scope" {
	init_store p1
	put K org
	put K proj -p p1
	put K dom -d development
	put K both -p p1 -d development
	put ONLY x -p p1 -d production
	same org "$(reveal K)"
	same proj "$(reveal K -p p1)"
	same dom "$(reveal K -d development)"
	same both "$(reveal K --domain development --project p1)"
	same K "$(secretctl get secret -o json | jq -r '.[].name')"
	same ONLY "$(secretctl get secret -p p1 -d production -o json | jq -r '.[].name')"
	same '[]' "$(secretctl get secret -p flytesnacks -o json | jq -c .)"
	printf new | secretctl update secret K -p p1 - >/dev/null
	same "org new both" "$(reveal K) $(reveal K -p p1) $(reveal K -p p1 -d development)"
	secretctl delete secret K -d development >/dev/null
	run -1 secretctl get secret K -d development
	same org "$(reveal K)"
}

@test "absent: exit 1, and the scopes that do have the name are named" {
	init_store p1
	put K x -p p1 -d development
	for verb in delete update get; do
		run -1 secretctl "$verb" secret K </dev/null
		holds "$output" "there is no secret K in (organization)"
		holds "$output" "-p p1 -d development"
	done
	run -1 secretctl delete secret NOWHERE
	holds "$output" "no other scope"
	same x "$(reveal K -p p1 -d development)"
}

@test "a name's identity is its lower-case form" {
	init_store
	put Key one
	run -1 secretctl create secret KEY --value two
	holds "$output" "exists already"
	same one "$(reveal kEY)"
	same Key "$(secretctl get secret KEY -o json | jq -r .name)"
	secretctl create secret KEY --replace --value two 2>/dev/null
	same two "$(reveal key)"
	secretctl delete secret key >/dev/null
	same '[]' "$(secretctl get secret -o json | jq -c .)"
}

@test "groups; and one path is not secret and group" {
	init_store
	put group/v1/KEY x
	same x "$(reveal GROUP/V1/key)"
	run -1 secretctl create secret group/v1 --value y
	holds "$output" "secret and group"
	run -2 secretctl create secret a/b/c/d --value y
	run -2 secretctl create secret .hidden --value y
	run -2 secretctl create secret '../x' --value y
}

@test "an undeclared project: asked on a terminal, refused elsewhere" {
	init_store p1
	run -1 secretctl create secret K -p p2 - <<<x
	holds "$output" "there is no project p2"
	holds "$output" "flytesnacks, p1"
	holds "$output" "secretctl create project p2"
	TYPE=n run -1 asked secretctl create secret K -p p2 --value x
	holds "$output" "[y/N]"
	run -0 secretctl get project
	lacks "$output" p2
	TYPE=y run -0 asked secretctl create secret K -p p2 --value x
	same x "$(reveal K -p p2)"
	grep -qF '[project p2]' "$SECRETFS_POLICY"
	# only creating asks
	TYPE=y run -1 asked secretctl get secret -p p3
	lacks "$output" "[y/N]"
}

@test "declarations: by command and by hand; kept comments; delete refuses while secrets stand" {
	init_store
	printf '\n# a remark\n[project byhand]\n' >>"$SECRETFS_POLICY"
	run -0 secretctl get project
	holds "$output" byhand
	secretctl create domain qa >/dev/null
	run -0 secretctl get domain -o json
	jq -e 'map(.name) | contains(["qa", "development"])' <<<"$output"
	put K x -p byhand -d qa
	run -1 secretctl delete domain qa
	holds "$output" "1 in (project byhand, domain qa)"
	secretctl delete secret K -p byhand -d qa >/dev/null
	secretctl delete domain qa >/dev/null
	secretctl delete project byhand >/dev/null
	run -0 secretctl get project
	lacks "$output" byhand
	run -0 secretctl get domain
	lacks "$output" qa
	grep -q '^# a remark' "$SECRETFS_POLICY"
	run -1 secretctl delete project byhand
}

# --- the command line -----------------------------------------------------------------

@test "usage errors exit with 2 and name what was meant" {
	init_store
	run -2 secretctl
	run -2 secretctl craete secret K v
	holds "$output" "create"
	run -2 secretctl create secrte K v
	holds "$output" "create secret"
	run -2 secretctl create
	run -2 secretctl create secret
	run -2 secretctl get secret A B
	run -2 secretctl get secret --output xml
	run -2 secretctl get secret -p
	holds "$output" "--project needs P"
	run -2 secretctl get secret -p a -p b
	holds "$output" "twice"
	run -2 secretctl get secret -Z
	run -2 secretctl create secret K --type nonsense --value x
	run -2 secretctl create secret K --env 'no-good' --value x
	run -2 secretctl get secret --reveal
	run -2 secretctl create bundle -p flytesnacks
	run -2 secretctl create project 'a b'
}

@test "a mistyped flag's value is not echoed" {
	init_store
	run -2 secretctl create secret K --vaule=canary-x
	lacks "$output" canary
	holds "$output" "--value"
	run -2 secretctl create secret K --reveal=canary-x
	lacks "$output" canary
	run -2 secretctl create secret K canary-x canary-y
	lacks "$output" canary
}

@test "flags stand anywhere; every level has --help; --version" {
	init_store
	secretctl -p flytesnacks create secret -d development K --value x 2>/dev/null
	same x "$(reveal -d development K -p flytesnacks)"
	same x "$(secretctl --reveal get -d development -p flytesnacks secret K)"
	for words in '' create 'create secret' get 'get secret' init mount umount check 'delete bundle'; do
		# shellcheck disable=SC2086 # words
		run -0 secretctl $words --help
		holds "$output" "usage: secretctl $words"
	done
	run -0 secretctl --version
	[[ $output =~ ^secretctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "JSON is valid and complete" {
	init_store
	put K $'two\nlines "quoted"'
	put B "$(printf '\377')"
	secretctl create bundle >/dev/null
	for args in 'get secret' 'get secret K' 'get project' 'get domain' 'get bundle' check; do
		# shellcheck disable=SC2086 # words
		secretctl $args -o json | /usr/bin/python3 -m json.tool >/dev/null
	done
	same $'two\nlines "quoted"' "$(secretctl get secret K --reveal -o json | jq -r .value)"
	same null "$(secretctl get secret B --reveal -o json | jq -r .value)"
	same ff "$(secretctl get secret B --reveal -o json | jq -r .value_base64 | base64 -d | od -An -tx1 | tr -d ' ')"
	jq -e '.[0] | .name == "B" and .size == 1 and .project == null and .type == "regular" and .writer == "root"' \
		< <(secretctl get secret -o json)
	run -0 secretctl get secret
	[[ ${lines[0]} =~ ^NAME\ +TYPE ]]
	secretctl get secret --reveal B >/dev/full 2>"$dir/err" && false
	holds "$(cat "$dir/err")" "cannot be written"
}

@test "seeds: Flyte's and Union's commands with only the program's name changed" {
	init_store my_project
	secretctl create domain my_domain >/dev/null
	printf 'file value' >"$dir/my_secret_file"
	secretctl create secret MY_SECRET_KEY my_secret_value 2>/dev/null
	secretctl delete secret MY_SECRET_KEY >/dev/null
	secretctl create secret MY_SECRET_KEY --from-file "$dir/my_secret_file"
	secretctl create secret  --project my_project --domain development MY_SECRET_KEY my_secret_value 2>/dev/null
	run -0 secretctl get secret
	holds "$output" MY_SECRET_KEY
	run -0 secretctl get secret --project my_project --domain development
	holds "$output" MY_SECRET_KEY
	secretctl delete secret MY_SECRET_KEY
	TYPE=$'prompted\nprompted' run -0 asked secretctl create secret --project my_project --domain my_domain my_secret
	secretctl create secret --project my_project --domain my_domain my_file_secret -f "$dir/my_secret_file"
	run -0 secretctl get secret --project my_project --domain my_domain
	holds "$output" my_secret
	holds "$output" my_file_secret
	TYPE=$'again\nagain' run -0 asked secretctl update secret --project my_project --domain my_domain my_secret
	same again "$(reveal --project my_project --domain my_domain my_secret)"
	secretctl delete secret --project my_project --domain my_domain my_secret
	run -1 secretctl get secret --project my_project --domain my_domain my_secret
}

# --- hygiene --------------------------------------------------------------------------

@test "a value in argv is gone from /proc/PID/cmdline" {
	init_store
	# it is held up where it opens the root key, long after it took the value
	strace -qq -o /dev/null -P "$SECRETFS_ROOT_KEY" -e trace=openat,openat2,open \
		-e inject=openat,openat2,open:delay_enter=5s \
		secretctl create secret K canary-argv --env CANARY_ENV 2>/dev/null 3>&- 4>&- &
	tracer=$!
	wait_for 5 held_up "$tracer"
	cmdline=$(tr '\0' ' ' <"/proc/$(held_up "$tracer")/cmdline")
	kill "$tracer" "$(held_up "$tracer")" || :
	wait "$tracer" || :
	holds "$cmdline" "secretctl create secret K"
	lacks "$cmdline" canary-argv
}

# held_up TRACER: the pid of its secretctl, that sleeps in a delayed open
held_up() {
	local p
	p=$(pgrep -x -P "$1" secretctl) || return 1
	# the tracer itself is a child of that name before it execs
	[[ $(readlink "/proc/$p/exe") == */secretctl && $(awk '/^State/ { print $2 }' "/proc/$p/status") == t ]] &&
		echo "$p"
}

@test "invariant 9: nothing telling at rest" {
	init_store canaryproject
	secretctl create domain canarydomain >/dev/null
	put CanaryName canary-value-1
	put canarygroup/CanaryName canary-value-2 -p canaryproject
	put OTHER canary-value-3 -p canaryproject -d canarydomain --env CANARY_ENV
	secretctl create bundle -p canaryproject -d canarydomain >/dev/null
	run ! grep -rqi canary "$SECRETFS_STORE" "$SECRETFS_STATE"
	[[ -z $(find "$SECRETFS_STORE" "$SECRETFS_STATE" -iname '*canary*') ]]
	# and in base64, in case something encodes
	run ! grep -rqF -e "$(printf canary | base64 | cut -c1-7)" "$SECRETFS_STORE" "$SECRETFS_STATE"
	run ! grep -rqF canary-value "$dir"
	# exact lengths: two values of like size make objects of one size
	: >"$dir/a"
	put L1 123456789
	put L2 1234567890
	same "$(find "$SECRETFS_STORE" -type f -size 0 | wc -l)" 1 # the lock, and no more
}

@test "values are in no message of any outcome" {
	init_store
	{
		secretctl create secret K canary-a
		secretctl create secret K canary-b
		secretctl update secret NONE canary-c
		secretctl create secret 'bad name' canary-d
		secretctl create secret K2 canary-e -p undeclared
		secretctl create secret K3 canary-f --type json
		secretctl create secret K4 canary-g --value canary-h
		secretctl get secret K canary-i
		secretctl creat secret K canary-j
		secretctl get secret
		secretctl get secret K
		secretctl get secret K -o json
		secretctl check
	} >"$dir/said" 2>&1 || :
	run ! grep canary "$dir/said"
}

@test "check: finds what is wrong, where, and says what to do" {
	init_store p1
	put GOOD fine
	put BROKEN soon -p p1
	run -0 secretctl check
	holds "$output" "everything is whole"
	cp -a "$SECRETFS_STORE" "$dir/copy"
	scope=$(find "$SECRETFS_STORE/objects" -newer "$SECRETFS_POLICY" -type f -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
	scope=$(dirname "$scope")
	for f in "$scope"/*; do
		rm -rf "$SECRETFS_STORE"
		cp -a "$dir/copy" "$SECRETFS_STORE"
		byte=$(od -An -j60 -N1 -tu1 "$f" | tr -d ' ')
		printf '%b' "\\0$(printf %o $((byte ^ 1)))" | dd of="$f" bs=1 seek=60 conv=notrunc status=none
		run -1 secretctl check -o json
		json=$(sed -n '/^{/,$p' <<<"$output")
		jq -e '.whole == false and (.faults | length > 0) and .faults[0].todo' <<<"$json"
		same p1 "$(jq -r '.faults[0].project' <<<"$json")"
		rm "$f"
		run -1 secretctl check
		same fine "$(reveal GOOD)"
	done
	rm -rf "$SECRETFS_STORE"
	cp -a "$dir/copy" "$SECRETFS_STORE"
	head -c 100 /dev/urandom >"$scope/$(printf '%064d' 7)"
	run -0 secretctl check
	holds "$output" "1 stray"
}

@test "invariant 7: a store put back to an older state is refused" {
	init_store
	put K canary-1
	cp -a "$SECRETFS_STORE" "$dir/backup"
	put K canary-2
	rm -rf "$SECRETFS_STORE"
	cp -a "$dir/backup" "$SECRETFS_STORE"
	run -1 secretctl get secret K --reveal
	lacks "$output" canary
	holds "$output" "older than"
	run -1 secretctl update secret K --value x
	run -1 secretctl check
	# and so is a scope that was there and is gone
	rm -f "$SECRETFS_STORE"/refs/*
	run -1 secretctl create secret L --value x
}

@test "without root, on the user's own paths" {
	install -d -o 12345 -g 12345 -m 0700 "$dir/user"
	mine() { env -i PATH="$PATH" HOME="$dir/user" setpriv --reuid=12345 --regid=12345 --clear-groups "$@"; }
	run -0 mine secretctl init
	holds "$output" "$dir/user/.config/secretfs/root.key"
	printf x | mine secretctl create secret K -
	same x "$(mine secretctl get secret K --reveal)"
	run -0 mine secretctl check
	same 400 "$(stat -c %a "$dir/user/.config/secretfs/root.key")"
}

@test "image_pull: from flags, from docker's file, organization only" {
	init_store
	secretctl create secret pull --type image_pull --registry ghcr.io --username me --password canary-p 2>/dev/null
	same "$(printf me:canary-p | base64)" "$(reveal pull | jq -r '.auths."ghcr.io".auth')"
	TYPE=typed-p run -0 asked secretctl create secret pull2 --type image_pull --registry r.io --username me
	lacks "$output" typed-p
	same "$(printf me:typed-p | base64)" "$(reveal pull2 | jq -r '.auths."r.io".auth')"
	mkdir "$HOME/.docker"
	jq -n '{auths: {"a.io": {auth: "QQ=="}, "b.io": {auth: "Qg=="}}, other: 1}' >"$HOME/.docker/config.json"
	secretctl create secret all --type image_pull --from-docker-config
	same '{"auths":{"a.io":{"auth":"QQ=="},"b.io":{"auth":"Qg=="}}}' "$(reveal all | jq -cS .)"
	secretctl create secret some --type image_pull --docker-config-path "$HOME/.docker/config.json" --registries b.io
	same '{"auths":{"b.io":{"auth":"Qg=="}}}' "$(reveal some)"
	run -1 secretctl create secret no --type image_pull --from-docker-config --registries c.io
	holds "$output" "no login of c.io"
	jq -n '{auths: {"a.io": {}}, credsStore: "x"}' >"$HOME/.docker/config.json"
	run -1 secretctl create secret no --type image_pull --from-docker-config
	holds "$output" "credential helper"
	run -2 secretctl create secret no --type image_pull --registry r.io --username me -p flytesnacks --password x
	run -2 secretctl create secret no --registry r.io --username me --password x
	run -2 secretctl create secret no VALUE --type image_pull --registry r.io --username me --password x
	run -1 secretctl create secret no --type image_pull --value '{}'
	run -1 secretctl copy secret pull --to-project flytesnacks
	run -1 secretctl get secret no
	same image_pull "$(secretctl get secret pull -o json | jq -r .type)"
}

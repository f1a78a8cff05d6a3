# SPDX-License-Identifier: ISC
#
# secretctl: nothing is destroyed and nobody else can read a secret without its being said and agreed to;
# nothing but the value is printed where a value is expected.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }

# answered ANSWER COMMAND...: on a terminal, ANSWER typed at the question
answered() {
	ANSWER=$1 expect -f - -- "${@:2}" <<-'EXPECT'
		set timeout 20
		spawn -noecho {*}$argv
		expect {
			-re {\[y/N\] $} { send -- "$env(ANSWER)\r"; exp_continue }
			timeout { puts "no end"; exit 124 }
			eof
		}
		exit [lindex [wait] 3]
	EXPECT
}

@test "move and copy: what is not named stays, and who else could read it is said and agreed to" {
	init_store p1 p2
	put MV v -p p1 -d development
	for verb in copy move; do
		run -1 secretctl "$verb" secret MV -p p1 -d development --to-domain staging
		holds "$output" "project p1 in domain staging will be able to read MV"
		holds "$output" "--yes"
	done
	run -1 secretctl get secret MV -p p1 -d staging
	run -1 answered n secretctl move secret MV -p p1 -d development --to-domain staging
	holds "$output" "nothing was done"
	same v "$(reveal MV -p p1 -d development)"
	run -0 answered y secretctl move secret MV -p p1 -d development --to-domain staging
	same v "$(reveal MV -p p1 -d staging)"
	# to every project of a domain, only when it is said
	run -1 secretctl move secret MV -p p1 -d staging --to-project ''
	holds "$output" "every project of domain staging will be able to read MV"
	run -1 secretctl copy secret MV -p p1 -d staging --to-organization
	holds "$output" "every project and domain will be able to read MV"
	run -1 secretctl copy secret MV -p p1 -d staging --to-domain ''
	holds "$output" "every domain of project p1 will be able to read MV"
	run -0 secretctl copy secret MV -p p1 -d staging --to-organization --yes
	same v "$(reveal MV)"
	# to fewer, and to another name where it is, nobody is asked
	secretctl copy secret MV --to-project p2
	secretctl copy secret MV -p p2 --to-domain production
	same v "$(reveal MV -p p2 -d production)"
	secretctl move secret MV OTHER -p p2 -d production
	same v "$(reveal OTHER -p p2 -d production)"
}

@test "the flag --version stands before the verb, so that a script never takes it for a value" {
	init_store
	put X one
	put X two
	run -2 --separate-stderr secretctl get secret X --reveal --version 2
	same "" "$output"
	holds "$stderr" "--at"
	run -2 --separate-stderr secretctl get secret --version
	same "" "$output"
	run -0 secretctl --version
	holds "$output" "secretctl "
	run -0 secretctl --version get secret X
	holds "$output" "secretctl "
}

@test "get secret --at: an older version, its value and what is known of it" {
	init_store
	put X one
	put X second
	old=$(secretctl history secret X -o json | jq -r '.[1].label')
	same one "$(reveal X --at "$old")"
	same second "$(reveal X)"
	same 3 "$(secretctl get secret X --at "$old" -o json | jq .size)"
	same one "$(secretctl get secret X --at "$old" -o json --reveal | jq -r .value)"
	run -1 --separate-stderr secretctl get secret X --reveal --at 999
	same "" "$output"
	holds "$stderr" "history secret X"
	run -2 secretctl get secret X --at nonsense
	run -2 secretctl get secret --at "$old"
}

@test "slots go by labels that stay; what is left is said and agreed to; the last way in stays" {
	init_store
	echo phrase >"$dir/phrase"
	secretctl create slot passphrase --label mine --passphrase-file "$dir/phrase"
	secretctl create slot recovery >/dev/null
	same "file recovery mine recovery-2" "$(secretctl get slot -o json | jq -r 'map(.slot) | join(" ")')"
	before=$(sha256sum <"$SECRETFS_ROOT_KEY")
	run -1 secretctl delete slot 1
	holds "$output" "by its label"
	run -1 secretctl delete slot recovery
	holds "$output" "file, mine (passphrase), recovery-2 (recovery)"
	holds "$output" "--yes"
	run -1 answered n secretctl delete slot recovery
	same "$before" "$(sha256sum <"$SECRETFS_ROOT_KEY")"
	run -0 secretctl delete slot recovery --yes
	run -1 secretctl delete slot recovery --yes
	same "file mine recovery-2" "$(secretctl get slot -o json | jq -r 'map(.slot) | join(" ")')"
	secretctl delete slot mine --yes
	secretctl delete slot recovery-2 --yes
	run -1 secretctl delete slot file --yes
	holds "$output" "the only one left"
	same file "$(secretctl get slot -o json | jq -r '.[].slot')"
}

@test "delete secret asks on a terminal, and takes a program at its word" {
	init_store
	put K v
	run -1 answered n secretctl delete secret K
	same v "$(reveal K)"
	run -0 answered y secretctl delete secret K
	put K v
	run -0 secretctl delete secret K </dev/null
}

@test "delete writer says where it could write, and is agreed to" {
	init_store p1
	secretctl create writer ci -p p1 >/dev/null
	secretctl create writer ci -d staging --out "$dir/ci" >/dev/null
	before=$(secretctl get writer -o json)
	run -1 secretctl delete writer ci
	holds "$output" "writer ci will write no more in (domain staging), (project p1)"
	holds "$output" "--yes"
	run -1 answered n secretctl delete writer ci -d staging
	lacks "$output" "project p1"
	same "$before" "$(secretctl get writer -o json)"
	grep -q '^\[writer ci\]' "$SECRETFS_POLICY" || fail "the policy has lost the writer"
	run -0 answered y secretctl delete writer ci
	same '[]' "$(secretctl get writer -o json | jq -c .)"
	run -1 secretctl delete writer ci
	holds "$output" "there is no writer ci"
}

@test "allow --everyone and what undoes deny --everyone are agreed to, what narrows is not" {
	init_store
	put K v
	secretctl allow secret K --uid 0 >/dev/null
	before=$(cat "$SECRETFS_POLICY")
	run -1 secretctl allow secret K --everyone
	holds "$output" "every user of a host that shows it will be able to read K (organization)"
	run -1 answered n secretctl allow secret K --everyone
	same "$before" "$(cat "$SECRETFS_POLICY")"
	run -0 answered y secretctl allow secret K --everyone
	run -0 secretctl allow secret K --everyone # it is so already
	run -0 secretctl deny secret K --everyone
	before=$(cat "$SECRETFS_POLICY")
	run -1 secretctl deny secret K --everyone --remove
	holds "$output" "will be able to read K (organization)"
	same "$before" "$(cat "$SECRETFS_POLICY")"
	run -0 secretctl deny secret K --everyone --remove --yes
	run -0 secretctl allow secret K --everyone --remove
}

@test "restore --accept: what is lost is said and agreed to; where all is fresh nobody is asked" {
	init_store
	put K one
	cp -a "$SECRETFS_STORE" "$dir/backup"
	put K two
	run -0 secretctl restore --accept
	rm -r "$SECRETFS_STORE"
	mv "$dir/backup" "$SECRETFS_STORE"
	before=$(find "$SECRETFS_STORE" -type f -exec sha256sum {} + | sort)
	run -1 secretctl restore --accept
	holds "$output" "what came after it is lost for good, and no writer but the root will write"
	holds "$output" "--yes"
	run -1 answered n secretctl restore --accept --keep-writer ci
	holds "$output" "no writer but those of --keep-writer"
	same "$before" "$(find "$SECRETFS_STORE" -type f -exec sha256sum {} + | sort)"
	run -1 secretctl get secret K
	run -0 answered y secretctl restore --accept
	same one "$(reveal K)"
}

@test "a project and a domain with writers are not struck out" {
	init_store gone
	secretctl create domain dgone
	secretctl create writer w -p gone --out "$dir/w.bundle"
	secretctl create writer v -d dgone --out "$dir/v.bundle"
	# whatever the policy says of it
	cp "$SECRETFS_POLICY" "$dir/policy"
	rm "$SECRETFS_POLICY"
	run -1 secretctl delete project gone
	holds "$output" "secretctl delete writer w -p gone"
	run -1 secretctl delete domain dgone
	holds "$output" "secretctl delete writer v -d dgone"
	cp "$dir/policy" "$SECRETFS_POLICY"
	secretctl delete writer w --yes
	run -0 secretctl delete project gone
	secretctl delete writer v --yes
	run -0 secretctl delete domain dgone
}

@test "help VERB [NOUN] tells of that verb" {
	run -0 secretctl help create
	holds "$output" "create writer"
	lacks "$output" "get writer"
	run -0 secretctl help create secret
	same "$(secretctl create secret --help)" "$output"
	run -0 secretctl help doctor
	same "$(secretctl doctor --help)" "$output"
	run -2 secretctl help nonsense
	run -2 secretctl help create nonsense
}

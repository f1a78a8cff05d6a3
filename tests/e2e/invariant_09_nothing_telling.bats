#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# Invariant 9: nothing telling at rest. What the real tools leave behind, in
# the store and in the state directory, is searched for all they were given.

load helper

setup() {
	sandbox
	init_store NorthwindProj
}
teardown() { sandbox_end; }

words=(northwindproj flytesnacks development staging production PaymentGateway DatabaseGroup ApiCredential
	hunter2hunter2 'correct horse' SHOWN_AS_ENV github-actions organization project/ secretfs)

# found WORD: files below the store and the state with it in their name or
# text, as it is, in any case, hex or base64.
found() {
	/usr/bin/python3 - "$1" "$SECRETFS_STORE" "$SECRETFS_STATE" <<-'PY'
		import base64, os, sys
		word = sys.argv[1].encode()
		forms = {word.lower(), word.hex().encode()}
		for shift in range(3):
		    core = base64.b64encode(b'\0' * shift + word)
		    core = core.rstrip(b'=')[(shift * 8 + 5) // 6:-1]
		    forms.add(core.lower())
		for top in sys.argv[2:]:
		    for d, _, files in os.walk(top):
		        for f in files:
		            path = os.path.join(d, f)
		            hay = os.path.relpath(path, top).lower().encode() + b'\0' + open(path, 'rb').read().lower()
		            if any(x in hay for x in forms):
		                print(path)
	PY
}

@test "the search finds what lies about in clear" {
	mkdir -p "$SECRETFS_STORE/x"
	for text in 'xx HUNTER2hunter2' 68756e7465723268756e74657232 "$(printf 'hunter2hunter2' | base64)" \
		"$(printf '.hunter2hunter2.' | base64)" "$(printf '..hunter2hunter2' | base64)"; do
		echo "$text" >"$SECRETFS_STORE/x/y"
		[[ -n $(found hunter2hunter2) ]] || fail "not found: $text"
	done
	rm "$SECRETFS_STORE/x/y"
	: >"$SECRETFS_STORE/x/Hunter2Hunter2"
	[[ -n $(found hunter2hunter2) ]]
}

@test "names, scopes, values and writers are nowhere in the store or the state" {
	put PaymentGateway hunter2hunter2
	put PaymentGateway 'correct horse' -p NorthwindProj
	put DatabaseGroup/v1/ApiCredential hunter2hunter2 -p NorthwindProj -d staging --env SHOWN_AS_ENV
	secretctl update secret PaymentGateway --value hunter2hunter2 2>/dev/null >/dev/null
	secretctl create bundle --out "$dir/bundle" -p NorthwindProj -d staging >/dev/null
	mkdir -p "$dir/mnt"
	secretfs "$dir/mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"
	same hunter2hunter2 "$(cat "$dir/mnt/DatabaseGroup/v1/ApiCredential")"
	secretctl delete secret PaymentGateway -p NorthwindProj >/dev/null
	umount "$dir/mnt"
	(($(find "$SECRETFS_STORE" "$SECRETFS_STATE" -type f | wc -l) >= 20))
	for w in "${words[@]}"; do
		hits=$(found "$w")
		[[ -z $hits ]] || fail "'$w' is found in:" "$hits"
	done
	# nor did the daemon's log say a value
	run ! grep -iE "hunter2|correct horse" "$dir/log"
}

@test "small values have one size" {
	put first x -d staging
	ls -l --time-style=+ "$SECRETFS_STORE"/objects/* >"$dir/before"
	for n in 0 1 10 100 200; do
		before=$(find "$SECRETFS_STORE/objects" -type f | sort)
		head -c "$n" /dev/zero | tr '\0' v | secretctl create secret "s$n" -d staging - >/dev/null
		comm -13 <(echo "$before") <(find "$SECRETFS_STORE/objects" -type f | sort) |
			xargs stat -c %s | sort -n | head -n 1 >>"$dir/sizes"
	done
	same 1 "$(sort -u "$dir/sizes" | wc -l)" 'sizes of the values'
}

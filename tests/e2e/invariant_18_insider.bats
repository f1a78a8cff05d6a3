# SPDX-License-Identifier: ISC
#
# Invariant 18 by the command line: what the root accepts, of which date, and who may write after.

# shellcheck disable=SC2154,SC2153 # dir is set by sandbox
load helper
setup() {
	sandbox
	secretctl init >/dev/null
}
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }

@test "restore --accept brings back no writer but those who are named" {
	printf one | secretctl create secret K >/dev/null
	for w in mallory ci other; do secretctl create writer "$w" --out "$dir/$w" >/dev/null; done
	cp -a "$SECRETFS_STORE" "$dir/backup"
	secretctl delete writer mallory --yes >/dev/null
	rm -rf "$SECRETFS_STORE"
	mv "$dir/backup" "$SECRETFS_STORE"
	run -0 secretctl restore --accept --yes --keep-writer ci
	holds "$output" "goes on from version 5 of"
	holds "$output" "writers that stay: ci"
	holds "$output" "writers no more: mallory, other"
	run -0 secretctl get writer
	holds "$output" ci
	lacks "$output" mallory
	printf two | SECRETFS_WRITER_BUNDLE=$dir/ci secretctl update secret K
	for w in mallory other; do
		SECRETFS_WRITER_BUNDLE=$dir/$w run -1 secretctl update secret K - <<<three
		holds "$output" "not permitted"
	done
	same two "$(reveal K)"
}

@test "restore --accept --to: back to an older version of one scope" {
	for v in one two three; do printf %s "$v" | secretctl create secret K --replace >/dev/null; done
	run -2 secretctl restore x --to 3
	run -1 secretctl restore --accept --yes --to 99
	run -2 secretctl restore --accept --yes --to x
	run -0 secretctl restore --accept --yes --to 3
	holds "$output" "goes on from version 3 of"
	holds "$output" "up to version 4"
	same two "$(reveal K)"
	run -0 secretctl check
}

@test "after an accept at an older version another host does not go behind it" {
	export SECRETFS_STATE=$dir/state
	for v in 1 2 3; do printf %s "$v" | secretctl create secret K --replace >/dev/null; done
	cp -a "$SECRETFS_STORE" "$dir/backup"
	for v in $(seq 6); do printf %s "$v" | secretctl create secret K --replace >/dev/null; done
	SECRETFS_STATE=$dir/state-b secretctl get secret K --reveal >/dev/null
	rm -r "$SECRETFS_STORE"
	cp -a "$dir/backup" "$SECRETFS_STORE"
	secretctl restore --accept --yes >/dev/null
	cp -a "$SECRETFS_STORE" "$dir/accepted"
	for v in a b c; do printf %s "$v" | secretctl update secret K >/dev/null; done
	same c "$(SECRETFS_STATE=$dir/state-b reveal K)"
	rm -r "$SECRETFS_STORE"
	cp -a "$dir/accepted" "$SECRETFS_STORE"
	SECRETFS_STATE=$dir/state-b run -1 secretctl get secret K --reveal
	holds "$output" "older than"
}

@test "a bundle of another version says so" {
	secretctl create bundle --out "$dir/x" >/dev/null
	chmod 600 "$dir/x"
	printf 1 | dd of="$dir/x" bs=1 seek=3 conv=notrunc status=none
	python3 - "$dir/x" <<-'P'
		import hashlib, sys
		d = open(sys.argv[1], 'rb').read()[:-32]
		open(sys.argv[1], 'wb').write(d + hashlib.blake2b(d, digest_size=32).digest())
	P
	chmod 400 "$dir/x"
	mkdir "$dir/m"
	run "$B/secretfs" "$dir/m" -f -o "bundle=$dir/x,store=$SECRETFS_STORE"
	holds "$output" "another version of secretfs"
}

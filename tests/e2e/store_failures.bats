#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What may happen to the store while it is mounted: what was shown and what was read before goes on,
# the rest is EIO, one line is logged, nobody spins, and when the store is whole again all is well
# by itself.

# shellcheck disable=SC2154,SC2153 # dir and the paths are set by sandbox
# shellcheck disable=SC2030,SC2031 # a test that moves the store does so for itself
# shellcheck disable=SC2012 # what ls shows is what is tested
load helper

setup() {
	sandbox
	init_store
	put KEY one
	put COLD unread
	mnt=$dir/mnt
	secretctl create bundle --out "$dir/bundle" >/dev/null
}
teardown() {
	umount -l "$dir/small" 2>/dev/null || :
	sandbox_end
}

# serve: the mount, with KEY read once; its scope's id in $scope.
serve() {
	secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
	same one "$(cat "$mnt/KEY")"
	touch "$dir/before"
	put KEY one
	scope=$(find "$SECRETFS_STORE/refs" -type f -newer "$dir/before" -printf %f)
	same one "$(cat "$mnt/KEY")"
}

# said: what was logged beside decisions, since it served.
said() { tail -n +2 "$dir/log" | grep -vE 'secretfs: (granted|refused) '; }
has_said() { said | grep -qE -- "$1"; }
ticks() { pgrep -f "^secretfs .*$mnt( |\$)" | while read -r p; do cat "/proc/$p/stat"; done | awk '{ n += $14 + $15 } END { print n }'; }

# goes_on PATTERN LINES [COLD]: while the store is not whole, over some periods of trying again.
goes_on() {
	local busy
	wait_for 10 has_said "$1" || fail "never logged: $1" "$(cat "$dir/log")"
	same "COLD KEY " "$(ls "$mnt" | tr '\n' ' ')"
	for _ in 1 2 3 4 5; do
		same one "$(timeout 5 cat "$mnt/KEY")"
		same "${3:-OK}" "$(open_errno "$mnt/COLD")"
	done
	busy=$(ticks)
	sleep 4 # what is looked for is that nothing happens
	busy=$(($(ticks) - busy))
	((busy < $(getconf CLK_TCK))) || fail "it was busy for $busy ticks in 4 seconds"
	same one "$(timeout 5 cat "$mnt/KEY")"
	same "$2" "$(said | wc -l)" "lines: $(said)"
}

# heals: by itself, and an update is seen.
heals() {
	wait_for 10 shows COLD unread || fail "$(cat "$dir/log")"
	put KEY healed
	wait_for 10 shows KEY healed || fail "$(cat "$dir/log")"
}
shows() { [[ $(timeout 5 cat "$mnt/$1" 2>/dev/null) == "$2" ]]; }

@test "objects cannot be read" {
	serve
	chmod 0 "$SECRETFS_STORE/objects/$scope"
	open_errno "$mnt/COLD"
	goes_on 'COLD' 1 EIO
	# nor can what is committed meanwhile
	put KEY two
	goes_on 'scope organization: ' 2 EIO
	chmod 0700 "$SECRETFS_STORE/objects/$scope"
	wait_for 10 shows KEY two
	heals
}

@test "refs cannot be read" {
	serve
	chmod 0 "$SECRETFS_STORE/refs"
	touch "$SECRETFS_STORE/refs/$scope"
	goes_on 'Permission denied' 1
	chmod 0700 "$SECRETFS_STORE/refs"
	heals
}

@test "the whole store cannot be read" {
	serve
	chmod 0 "$SECRETFS_STORE"
	touch "$SECRETFS_STORE/refs/$scope"
	wait_for 10 has_said 'Permission denied'
	# the same again for the secret that cannot be read
	open_errno "$mnt/COLD"
	goes_on 'COLD' 2 EIO
	chmod 0700 "$SECRETFS_STORE"
	heals
}

@test "a ref is gone" {
	serve
	mv "$SECRETFS_STORE/refs/$scope" "$dir/ref"
	goes_on 'not found' 1
	mv "$dir/ref" "$SECRETFS_STORE/refs/$scope"
	heals
}

@test "a ref is a FIFO" {
	serve
	cp -p "$SECRETFS_STORE/refs/$scope" "$dir/ref"
	mkfifo "$dir/fifo"
	mv "$dir/fifo" "$SECRETFS_STORE/refs/$scope"
	goes_on 'ALARM: .*cannot be taken' 1
	mv "$dir/ref" "$SECRETFS_STORE/refs/$scope"
	heals
}

@test "objects are FIFOs" {
	serve
	mkdir "$dir/objects"
	for f in "$SECRETFS_STORE/objects/$scope"/*; do
		mv "$f" "$dir/objects"
		mkfifo "$f"
	done
	same EBADMSG "$(open_errno "$mnt/COLD")"
	goes_on 'COLD' 1 EBADMSG
	mv "$dir/objects"/* "$SECRETFS_STORE/objects/$scope"
	heals
}

@test "a ref is an older one" {
	serve
	cp -p "$SECRETFS_STORE/refs/$scope" "$dir/ref"
	put other x
	wait_for 10 shows other x
	secretctl delete secret other >/dev/null
	wait_for 10 test ! -e "$mnt/other"
	cp -p "$SECRETFS_STORE/refs/$scope" "$dir/newest"
	mv "$dir/ref" "$SECRETFS_STORE/refs/$scope"
	goes_on 'ALARM: .*cannot be taken' 1
	mv "$dir/newest" "$SECRETFS_STORE/refs/$scope"
	heals
}

@test "another store is in its place" {
	serve
	mv "$SECRETFS_STORE" "$dir/away"
	SECRETFS_ROOT_KEY=$dir/other.key SECRETFS_STATE=$dir/other.state SECRETFS_POLICY=$dir/other.ini secretctl init >/dev/null
	goes_on 'is it the right store' 3
	rm -r "$SECRETFS_STORE"
	mv "$dir/away" "$SECRETFS_STORE"
	heals
}

@test "the store is moved away, and a copy put in its place later" {
	serve
	cp -a "$SECRETFS_STORE" "$dir/copy"
	mv "$SECRETFS_STORE" "$dir/away"
	same one "$(cat "$mnt/KEY")"
	same OK "$(open_errno "$mnt/COLD")"
	mv "$dir/copy" "$SECRETFS_STORE"
	heals
	has_said 'another store'
}

@test "its directories are replaced by copies" {
	serve
	cp -a "$SECRETFS_STORE" "$dir/copy"
	rm -r "$SECRETFS_STORE"
	mv "$dir/copy" "$SECRETFS_STORE"
	heals
}

@test "the disk of the store is full" {
	mkdir "$dir/small"
	mount -t tmpfs -o size=512k,mode=0700 small "$dir/small"
	cp -a "$SECRETFS_STORE" "$dir/small/store"
	SECRETFS_STORE=$dir/small/store
	serve
	dd if=/dev/zero of="$dir/small/filler" bs=4k status=none || :
	run ! put KEY two
	put KEY two || :
	same one "$(cat "$mnt/KEY")"
	same OK "$(open_errno "$mnt/COLD")"
	rm "$dir/small/filler"
	heals
	same 0 "$(said | grep -c .)"
}

@test "the disk of the state is full" {
	mkdir "$dir/small"
	mount -t tmpfs -o size=64k,mode=0700 small "$dir/small"
	cp -a "$SECRETFS_STATE" "$dir/small/state"
	writers=$SECRETFS_STATE
	SECRETFS_STATE=$dir/small/state serve
	dd if=/dev/zero of="$dir/small/filler" bs=4k status=none || :
	SECRETFS_STATE=$writers put other x
	wait_for 10 shows other x
	SECRETFS_STATE=$writers secretctl delete secret other >/dev/null
	goes_on 'cannot be remembered' 1
	touch "$dir/mark"
	rm "$dir/small/filler"
	stored() { find "$dir/small/state" -type f -newer "$dir/mark" | grep -q .; }
	wait_for 10 stored
	heals
}

@test "a server that dies while a ref is altered: still serving the last good view, with its events after it healed" {
	serve
	put NEW seen
	same seen "$(cat "$mnt/NEW")"
	cp "$SECRETFS_STORE/refs/$scope" "$dir/good"
	printf x | dd of="$SECRETFS_STORE/refs/$scope" bs=1 seek=70 conv=notrunc status=none
	wait_for 10 has_said 'cannot be taken' || fail "$(cat "$dir/log")"
	for _ in 1 2 3; do
		pkill -KILL -f "^secretfs --role server $mnt"
		same one "$(timeout 20 cat "$mnt/KEY")"
		same seen "$(timeout 20 cat "$mnt/NEW")"
		same "COLD KEY NEW " "$(ls "$mnt" | tr '\n' ' ')"
	done
	cp "$dir/good" "$SECRETFS_STORE/refs/.new"
	mv "$SECRETFS_STORE/refs/.new" "$SECRETFS_STORE/refs/$scope"
	heals
}

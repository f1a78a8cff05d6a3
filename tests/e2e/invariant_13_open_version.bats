#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Invariant 13: a version that is open stays what it was, bytes and attributes, whatever becomes of
# its name, as with a file that was replaced or unlinked.

# shellcheck disable=SC2154 # dir is set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt watcher=
	put KEY "the first value"
	mount_at "$mnt"
}

teardown() {
	[[ -z $watcher ]] || kill "$watcher" 2>/dev/null || :
	umount "$dir/bound" 2>/dev/null || :
	sandbox_end
}

# of FD: what fstat says of it, but for how often it is linked.
of() { stat -L -c '%i %s %Y %a %u %g %F' "/proc/self/fd/$1"; }
links() { stat -L -c %h "/proc/self/fd/$1"; }
next_second() { sleep "$(printf '1.%03d' 50)"; }

@test "replaced: size, time, number and extended attributes are its own, linked nowhere" {
	exec 7<"$mnt/KEY"
	before=$(of 7)
	version=$(getfattr --only-values -n user.secretfs.version "/proc/self/fd/7")
	same 1 "$(links 7)"
	next_second
	put KEY new --wait
	same "$before" "$(of 7)" "what was open"
	same 0 "$(links 7)" "its links"
	same 1 "$(stat -c %h "$mnt/KEY")" "links of the new one"
	[[ "$(stat -c '%i %Y' "$mnt/KEY")" != "$(stat -L -c '%i %Y' /proc/self/fd/7)" ]]
	same "$version" "$(getfattr --only-values -n user.secretfs.version "/proc/self/fd/7" 2>/dev/null)" "its version"
	[[ $version != "$(getfattr --only-values -n user.secretfs.version "$mnt/KEY")" ]]
	same "the first value" "$(cat <&7)"
	exec 7<&-
}

@test "deleted: it can be asked, read and opened again by who holds it" {
	exec 7<"$mnt/KEY" 8<"$mnt/KEY"
	before=$(of 7)
	secretctl delete secret KEY --wait >/dev/null
	same ENOENT "$(open_errno "$mnt/KEY")"
	same "$before" "$(of 7)"
	same 0 "$(links 7)"
	same "the first value" "$(cat <&8)"
	cp /proc/self/fd/7 "$dir/copy"
	same "the first value" "$(cat "$dir/copy")"
	same "the first value" "$(cat <&7)"
	getfattr --only-values -n user.secretfs.scope "/proc/self/fd/7" >/dev/null
	exec 7<&- 8<&-
}

@test "deleted: a server that starts anew knows it too" {
	exec 7<"$mnt/KEY"
	before=$(of 7)
	secretctl delete secret KEY --wait >/dev/null
	kill -KILL "$(pgrep -f "^secretfs --role server $mnt")"
	same "$before" "$(of 7)"
	cp /proc/self/fd/7 "$dir/copy"
	same "the first value" "$(cat "$dir/copy")"
	exec 7<&-
}

@test "deleted: nobody else can open it, and who may not, may not" {
	exec 7<"$mnt/KEY"
	touch "$dir/bound"
	mount --bind "$mnt/KEY" "$dir/bound"
	secretctl allow secret KEY --uid 1000 >/dev/null
	same "the first value" "$(as_uid 1000 cat "$dir/bound")"
	secretctl delete secret KEY --wait >/dev/null
	run as_uid 1000 cat "$dir/bound"
	holds "$output" "Stale file handle"
	exec 7<&-
	same ESTALE "$(open_errno "$dir/bound")"
}

@test "deleted and made again: both are there, each with its own" {
	exec 7<"$mnt/KEY"
	before=$(of 7)
	secretctl delete secret KEY --wait >/dev/null
	next_second
	put KEY "made again" --wait
	same "$before" "$(of 7)"
	same "made again" "$(cat "$mnt/KEY")"
	same "the first value" "$(cat <&7)"
	exec 7<&-
}

@test "tail -F that asks by itself follows each rotation" {
	tail ---disable-inotify -s 0.05 --max-unchanged-stats=1 -F "$mnt/KEY" >"$dir/seen" 2>&1 3>&- 4>&- &
	watcher=$!
	wait_for 10 grep -q "the first value" "$dir/seen"
	for i in $(seq 15); do
		put KEY "value $i;" --wait
		wait_for 5 grep -q "value $i;" "$dir/seen" || fail "not seen: value $i; $(cat "$dir/seen")"
	done
}

@test "a version is mapped shared, where the kernel can" {
	run /usr/bin/python3 -c 'import mmap, sys
f = open(sys.argv[1], "rb")
print(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:].decode())' "$mnt/KEY"
	if ((status)) && [[ $output == *Errno\ 19* && $(printf '6.6\n%s\n' "$(uname -r)" | sort -V | head -1) != 6.6 ]]; then
		skip "Linux before 6.6 maps nothing shared that is read directly"
	fi
	same "the first value" "$output"
}

@test "mapped shared, a server that starts anew goes on with it" {
	[[ $(printf '6.6\n%s\n' "$(uname -r)" | sort -V | head -1) == 6.6 ]] || skip "Linux before 6.6"
	kill -KILL "$(pgrep -f "^secretfs --role server $mnt")"
	same "the first value" "$(/usr/bin/python3 -c 'import mmap, sys
f = open(sys.argv[1], "rb")
print(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:].decode())' "$mnt/KEY")"
}

# mapped FILE: its bytes by way of a private mapping, or how that ended.
mapped() {
	/usr/bin/python3 -c 'import mmap, sys
f = open(sys.argv[1], "rb")
print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)[:].decode())' "$1" 2>&1 || echo "ended with $?"
}

@test "a single file that is bound elsewhere is mapped as it is now, after each update" {
	touch "$dir/bound"
	mount --bind "$mnt/KEY" "$dir/bound"
	same "the first value" "$(mapped "$dir/bound")"
	for value in "a longer value than the first" short "as long as now"; do
		put KEY "$value" --wait
		same "$value" "$(mapped "$dir/bound")"
		same "$value" "$(/usr/bin/python3 -c 'import os, sys
f = open(sys.argv[1], "rb"); r, w = os.pipe(); os.sendfile(w, f.fileno(), 0, 100); print(os.read(r, 100).decode())' "$dir/bound")"
		same "${#value}" "$(stat -c %s "$dir/bound")"
	done
}

@test "mapped by way of a bind while the older one is mapped there: never mixed" {
	touch "$dir/bound"
	mount --bind "$mnt/KEY" "$dir/bound"
	/usr/bin/python3 - "$dir/bound" <<-'PY'
		import mmap, os, subprocess, sys
		def map_of(f):
		    return mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
		old = open(sys.argv[1], "rb")
		held = map_of(old)
		assert held[:] == b"the first value"
		subprocess.run(["secretctl", "update", "secret", "KEY", "--wait", "-"], input=b"THE OTHER VALUE", check=True, stdout=2)
		new = open(sys.argv[1], "rb")
		assert new.read() == b"THE OTHER VALUE"
		r, w = os.pipe()
		try:
		    n = os.sendfile(w, new.fileno(), 0, 100)
		    got = os.read(r, 100)
		    assert got == b"THE OTHER VALUE", got
		except OSError as e:
		    assert e.errno == 5, e
		assert held[:] == b"the first value", held[:]
		assert os.pread(old.fileno(), 100, 0) == b"the first value"
		held.close(); old.close(); new.close()
		new = open(sys.argv[1], "rb")
		assert map_of(new)[:] == b"THE OTHER VALUE"
	PY
}

server() { pgrep -f -- "^secretfs --role server $mnt\$"; }
another_than() { local now && now=$(server) && [[ $now != "$1" && $now != *$'\n'* ]]; }

@test "new keys: what was open before is read after them" {
	local old
	exec 7<"$mnt/KEY" 8<"$mnt/KEY"
	old=$(server)
	secretctl rotate scope --begin >/dev/null 2>&1
	wait_for 10 another_than "$old"
	old=$(server)
	secretctl rotate scope --finish --force >/dev/null 2>&1
	wait_for 10 another_than "$old"
	same "the first value" "$(cat <&7)"
	# and by a server that follows one which was killed, or the same bundle
	old=$(server)
	kill -KILL "$old"
	wait_for 10 another_than "$old"
	old=$(server)
	pkill -HUP -f -- "^secretfs $mnt"
	wait_for 10 another_than "$old"
	same "the first value" "$(cat <&8)"
	same "the first value" "$(cat "$mnt/KEY")"
	exec 7<&- 8<&-
}

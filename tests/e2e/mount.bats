#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The mount itself, by secretfs(8): what it shows, to whom, and what happens to
# it while it is there.

# shellcheck disable=SC2154 # dir is set by sandbox
# shellcheck disable=SC2010,SC2012 # what ls shows is what is tested
load helper

setup() {
	sandbox
	init_store
}
teardown() { sandbox_end; }

# mint [FLAG...]: a bundle in $bundle.
mint() {
	bundle=$dir/bundle
	secretctl create bundle --out "$bundle" "$@" >/dev/null
}

# serve [OPTIONS]: mounts at $mnt in the background, log in $dir/log.
serve() {
	mnt=$dir/mnt
	secretfs "$mnt" -o "bundle=$bundle,log=stderr${1:+,$1}" 2>>"$dir/log"
}

daemon() { pgrep -x -f "secretfs $mnt .*" | head -n 1; }

# refused OPTIONS TEXT: the start fails with one line that holds TEXT.
refused() {
	run -1 timeout 10 secretfs -f "$dir/mnt" -o "$1"
	holds "$output" "$2"
	is_not_mounted "$dir/mnt"
}

logged() { grep -qF -- "$1" "$dir/log"; }

# py CODE ARG...: prints what the code prints, or the errno's name.
py() {
	/usr/bin/python3 - "${@:2}" <<-PY
		import ctypes, errno, os, stat, sys, time
		try:
		    $1
		except OSError as e:
		    print(errno.errorcode[e.errno])
	PY
}

# --- what it shows --------------------------------------------------------------

@test "values, exact sizes, groups as directories" {
	put KEY hello
	put empty ""
	put group/v1/Key three
	put group/other o
	head -c 1048576 /dev/urandom >"$dir/big"
	secretctl create secret big --from-file "$dir/big" >/dev/null
	mint
	serve
	same hello "$(cat "$mnt/KEY")"
	same_bytes "$dir/big" "$mnt/big"
	same "" "$(cat "$mnt/empty")"
	same three "$(cat "$mnt/group/v1/Key")"
	same "5 0 1048576 5" "$(stat -c %s "$mnt"/{KEY,empty,big,group/v1/Key} | tr '\n' ' ' | sed 's/ $//')"
	same "KEY big empty group" "$(ls "$mnt" | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
	same "other v1 " "$(ls "$mnt/group" | tr '\n' ' ')"
	same "555 directory 3" "$(stat -c '%a %F %h' "$mnt/group")"
	same "400 regular file 1 0 0" "$(stat -c '%a %F %h %u %g' "$mnt/KEY")"
}

@test "the most specific scope wins, narrow kinds decide" {
	put a org
	put a domain -d development
	put a project -p flytesnacks
	put a both -p flytesnacks -d development
	put b org
	put b domain -d development
	put c org
	put d/x org
	put d project -p flytesnacks
	put other staging -d staging
	mint -p flytesnacks -d development
	serve
	same both "$(cat "$mnt/a")"
	same domain "$(cat "$mnt/b")"
	same org "$(cat "$mnt/c")"
	same project "$(cat "$mnt/d")"
	[[ ! -e $mnt/other ]]
}

@test "names in any case, directories too" {
	put Group/MyKey one
	put other/k two
	mint
	serve
	same one "$(cat "$mnt/Group/MyKey")"
	same one "$(cat "$mnt/group/mykey")"
	same one "$(cat "$mnt/GROUP/MYKEY")"
	same Group "$(ls "$mnt" | head -n 1)"
	same MyKey "$(ls "$mnt/gROUP")"
	# who stands in one spelling stays there while others use another
	(
		cd "$mnt/group"
		same one "$(cat "$mnt/GROUP/mykey" "$dir/../nothing" 2>/dev/null || :)"
		ls "$mnt/Group" "$mnt/GROUP" "$mnt/gROUP" >/dev/null
		same "$mnt/group" "$(/bin/pwd)"
		same one "$(cat mykey)"
	)
	same "$(stat -c %i "$mnt/Group/MyKey")" "$(stat -c %i "$mnt/group/mykey")"
	same "$(stat -c %i "$mnt/Group")" "$(stat -c %i "$mnt/group")"
}

@test "a directory of many names is listed whole, each name once" {
	local i
	for i in $(seq 1000 1299); do put "a-rather-long-name-for-a-secret-$i" "$i"; done
	put group/k x
	mint
	serve
	same 301 "$(ls "$mnt" | sort -u | wc -l)"
	same 303 "$(ls -fa "$mnt" | wc -l)"
	same 300 "$(ls -l "$mnt" | grep -c '^-r--.* 4 .*-name-')"
	# one entry at a time, and from a position gone back to
	same fine "$(py 'exec("""
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
d = ctypes.c_void_p(libc.opendir(sys.argv[1].encode()))
name = lambda: (lambda e: ctypes.string_at(e + 19) if e else None)(libc.readdir(d))
first = [name() for i in range(150)]
where = libc.telldir(d)
rest = []
while (n := name()): rest.append(n)
libc.seekdir(d, ctypes.c_long(where))
again = []
while (n := name()): again.append(n)
assert again == rest and len(set(first + rest)) == 303
libc.rewinddir(d)
assert [name() for i in range(150)] == first
print("fine")
""")' "$mnt")"
}

@test "times are those of the last update" {
	put KEY one
	mint
	serve
	before=$(stat -c %Y "$mnt/KEY")
	((before >= $(date +%s) - 20 && before <= $(date +%s)))
	same "$(stat -c %y "$mnt/KEY")" "$(stat -c %z "$mnt/KEY")"
	put other x
	same "$before" "$(stat -c %Y "$mnt/KEY")"
	one=$(stat -c %y "$mnt/KEY")
	put KEY two
	cat "$mnt/KEY" >/dev/null
	[[ $one != "$(stat -c %y "$mnt/KEY")" ]]
}

@test "extended attributes tell version, scope, updated, expires, and no value" {
	put KEY sesame -p flytesnacks
	secretctl create secret old --expires 2099-01-02T03:04:05Z - <<<x >/dev/null
	mint -p flytesnacks -d development
	serve
	run getfattr -d "$mnt/KEY" "$mnt/old"
	holds "$output" 'user.secretfs.scope="project flytesnacks"'
	holds "$output" 'user.secretfs.expires="2099-01-02T03:04:05Z"'
	holds "$output" 'user.secretfs.version='
	holds "$output" 'user.secretfs.updated="20'
	lacks "$output" sesame
	same 1 "$(grep -c expires <<<"$output")"
	same ENODATA "$(py 'os.getxattr(sys.argv[1], "user.secretfs.value")' "$mnt/KEY")"
}

@test "mmap and sendfile read the same bytes, and newer ones after an update" {
	put KEY first
	mint
	serve
	map='import mmap; f = open(sys.argv[1], "rb"); print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)[:].decode())'
	same first "$(py "$map" "$mnt/KEY")"
	put KEY second
	same second "$(py "$map" "$mnt/KEY")"
	send='f = open(sys.argv[1], "rb"); sys.stdout.flush(); os.sendfile(1, f.fileno(), 0, 100)'
	same second "$(py "$send" "$mnt/KEY")"
	umount "$mnt"
	wait_for 5 no_daemon
	# After the last close the kernel is told to drop what mmap made it keep. (To look whether it
	# did, one would have to open the file, and that drops it too.)
	secretfs -f -d "$mnt" -o "bundle=$bundle" 2>"$dir/debug" 3>&- 4>&- &
	wait_for 5 is_mounted "$mnt"
	cat "$mnt/KEY" >/dev/null
	run ! grep -q 'to forget pages' "$dir/debug"
	same second "$(py "$map" "$mnt/KEY")"
	wait_for 5 grep -q 'to forget pages' "$dir/debug"
}

# --- nobody changes anything -----------------------------------------------------

mutations() {
	local d=$1 f=$1/KEY
	same EROFS "$(py 'os.open(sys.argv[1], os.O_WRONLY)' "$f")"
	same EROFS "$(py 'os.open(sys.argv[1], os.O_RDWR)' "$f")"
	same EROFS "$(py 'os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)' "$f")"
	same EROFS "$(py 'os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)' "$d/new")"
	same EROFS "$(py 'os.truncate(sys.argv[1], 0)' "$f")"
	same EROFS "$(py 'os.unlink(sys.argv[1])' "$f")"
	same EROFS "$(py 'os.rmdir(sys.argv[1])' "$d/g")"
	same EROFS "$(py 'os.mkdir(sys.argv[1])' "$d/new")"
	same EROFS "$(py 'os.mknod(sys.argv[1])' "$d/new")"
	same EROFS "$(py 'os.mkfifo(sys.argv[1])' "$d/new")"
	same EROFS "$(py 'os.symlink("x", sys.argv[1])' "$d/new")"
	same EROFS "$(py 'os.link(sys.argv[1], sys.argv[2])' "$f" "$d/new")"
	same EROFS "$(py 'os.rename(sys.argv[1], sys.argv[2])' "$f" "$d/new")"
	same EROFS "$(py 'os.chmod(sys.argv[1], 0o444)' "$f")"
	same EROFS "$(py 'os.chown(sys.argv[1], 1, 1)' "$f")"
	same EROFS "$(py 'os.utime(sys.argv[1])' "$f")"
	same EROFS "$(py 'os.setxattr(sys.argv[1], "user.x", b"y")' "$f")"
	same EROFS "$(py 'os.removexattr(sys.argv[1], "user.secretfs.scope")' "$f")"
	same EROFS "$(py 'print(os.access(sys.argv[1], os.W_OK) or "EROFS")' "$f")"
	same hello "$(cat "$f")"
}

@test "every change is EROFS, also when somebody remounts it writable" {
	put KEY hello
	put g/k x
	mint
	serve
	mutations "$mnt"
	mount -i -o remount,rw "$mnt"
	findmnt -rn -o OPTIONS "$mnt" | grep -q '^rw'
	mutations "$mnt"
}

# --- changes show -----------------------------------------------------------------

@test "an update shows at the next open, an open handle keeps its version" {
	put KEY old
	mint
	serve
	exec 5<"$mnt/KEY"
	for i in $(seq 30); do
		put KEY "value number $i"
		same "value number $i" "$(cat "$mnt/KEY")"
		same "${#i}" "$(($(stat -c %s "$mnt/KEY") - 13))"
	done
	same old "$(cat <&5)"
	exec 5<&-
}

@test "created, deleted and moved secrets appear and disappear" {
	put KEY x
	mint
	serve
	same ENOENT "$(open_errno "$mnt/new")"
	put new here
	same here "$(cat "$mnt/new")"
	put g/a one
	same one "$(cat "$mnt/g/a")"
	secretctl delete secret new >/dev/null
	same ENOENT "$(open_errno "$mnt/new")"
	secretctl delete secret g/a >/dev/null
	same ENOENT "$(open_errno "$mnt/g/a")"
	put g file
	same file "$(cat "$mnt/g")"
	secretctl delete secret g >/dev/null
	put g/b directory
	same directory "$(cat "$mnt/g/b")"
	same "KEY g " "$(ls "$mnt" | tr '\n' ' ')"
}

@test "an update is a new inode, and whoever holds the old one keeps its size and bytes" {
	put KEY "the older value"
	mint
	serve
	same fine "$(py 'exec("""
import mmap, subprocess
old = open(sys.argv[1], "rb")
held = mmap.mmap(old.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
subprocess.run(["secretctl", "update", "secret", "KEY", "-"], input=b"new", check=True, stdout=2)
new = open(sys.argv[1], "rb")
fresh = mmap.mmap(new.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
assert fresh[:] == b"new", fresh[:]
assert held[:] == b"the older value", held[:]
assert os.pread(old.fileno(), 100, 0) == b"the older value"
assert os.fstat(old.fileno()).st_size == 15 and os.fstat(new.fileno()).st_size == 3
assert os.fstat(old.fileno()).st_ino != os.fstat(new.fileno()).st_ino
assert os.fstat(new.fileno()).st_ino == os.stat(os.path.dirname(sys.argv[1]) + "/key").st_ino
print("fine")
""")' "$mnt/KEY" 3>&- 4>&-)"
}

@test "a single file bound elsewhere serves the current value, with its size" {
	put KEY first
	mint
	serve
	touch "$dir/bound"
	mount --bind "$mnt/KEY" "$dir/bound"
	for value in second-value 3 "the fourth value"; do
		put KEY "$value"
		same "$value" "$(cat "$mnt/KEY")"
		same "$value" "$(cat "$dir/bound")"
		same "${#value}" "$(stat -c %s "$dir/bound")"
	done
	# what goes through the page cache is not mixed, but refused, and read(2) instead
	cp "$dir/bound" "$dir/copy" || cat "$dir/bound" >"$dir/copy"
	same "the fourth value" "$(cat "$dir/copy")"
	umount "$dir/bound"
}

@test "a narrower scope that comes and goes changes the answer" {
	put KEY org
	mint -p flytesnacks -d development
	serve
	same org "$(cat "$mnt/KEY")"
	put KEY narrow -p flytesnacks -d development
	same narrow "$(cat "$mnt/KEY")"
	secretctl delete secret KEY -p flytesnacks -d development >/dev/null
	same org "$(cat "$mnt/KEY")"
}

@test "readers under a stream of updates see whole values, never an older one after a newer" {
	put KEY 0
	mint
	serve
	# shellcheck disable=SC2016 # for python
	py 'exec("""
import subprocess
updater = subprocess.Popen(["sh", "-c", "for i in $(seq 60); do echo -n $i | secretctl update secret KEY - >/dev/null || exit 1; done"])
last, reads = 0, 0
while updater.poll() is None:
    value = int(open(sys.argv[1]).read())
    assert value >= last, (value, last)
    last, reads = value, reads + 1
assert updater.returncode == 0
assert int(open(sys.argv[1]).read()) == 60
assert reads > 60, reads
print("fine")
""")' "$mnt/KEY" >"$dir/out" 2>&1 3>&- 4>&-
	same fine "$(cat "$dir/out")"
}

# --- who may ---------------------------------------------------------------------

@test "stat is open to all, opening is decided by the policy" {
	put KEY hello
	mint
	serve
	same 5 "$(as_uid 1000 stat -c %s "$mnt/KEY")"
	same KEY "$(as_uid 1000 ls "$mnt")"
	same EACCES "$(as_uid 1000 /usr/bin/python3 -c 'import errno, os, sys
try: os.open(sys.argv[1], 0)
except OSError as e: print(errno.errorcode[e.errno])' "$mnt/KEY")"
	logged "refused KEY (organization) to uid 1000"
	run ! as_uid 1000 test -r "$mnt/KEY"
	cat "$mnt/KEY" >/dev/null
	logged "granted KEY (organization) to uid 0"
	lacks "$(cat "$dir/log")" hello
}

@test "policy edits take effect live, supplementary groups count" {
	put KEY hello
	mint
	serve
	same EACCES "$(as_ids 1000 1000 1000,4242 cat "$mnt/KEY" 2>/dev/null || echo EACCES)"
	printf '\n[secret KEY]\nmode = 0440\ngroup = 4242\n' >>"$SECRETFS_POLICY"
	same hello "$(as_ids 1000 1000 1000,4242 cat "$mnt/KEY")"
	same "440 4242" "$(stat -c '%a %g' "$mnt/KEY")"
	run ! as_ids 1000 1000 1000 cat "$mnt/KEY"
	printf 'deny = gid:4242\n' >>"$SECRETFS_POLICY"
	run ! as_ids 1000 1000 1000,4242 cat "$mnt/KEY"
}

@test "a bad edit keeps the last good policy and names the line" {
	put KEY hello
	printf '\n[secret KEY]\nallow = uid:1000\n' >>"$SECRETFS_POLICY"
	mint
	serve
	same hello "$(as_uid 1000 cat "$mnt/KEY")"
	cp "$SECRETFS_POLICY" "$dir/good"
	printf 'nonsense = 1\n' >>"$SECRETFS_POLICY"
	same hello "$(as_uid 1000 cat "$mnt/KEY")"
	wait_for 5 logged "$SECRETFS_POLICY:$(wc -l <"$SECRETFS_POLICY"): "
	rm "$SECRETFS_POLICY"
	same hello "$(as_uid 1000 cat "$mnt/KEY")"
	# mended by renaming a file into place, as editors do
	sed 's/uid:1000/uid:1001/' "$dir/good" >"$dir/etc/new"
	mv "$dir/etc/new" "$SECRETFS_POLICY"
	run ! as_uid 1000 cat "$mnt/KEY"
	same hello "$(as_uid 1001 cat "$mnt/KEY")"
}

@test "expired secrets are EKEYEXPIRED" {
	secretctl create secret KEY --expires 2s - <<<x >/dev/null
	mint
	serve
	same OK "$(open_errno "$mnt/KEY")"
	expired() { [[ $(open_errno "$mnt/KEY") == EKEYEXPIRED ]]; }
	wait_for 10 expired
	logged "expired"
}

@test "one uid cannot open without end" {
	put KEY hello
	mint
	serve
	run py 'exec("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
held = []
try:
    while len(held) < 10000: held.append(os.open(sys.argv[1], 0))
except OSError as e:
    print(errno.errorcode[e.errno], len(held))
""")' "$mnt/KEY"
	same "EMFILE 4096" "$output"
	same hello "$(cat "$mnt/KEY")"
}

# --- a store that lies --------------------------------------------------------------

@test "an altered value is EBADMSG, its neighbours go on" {
	put good fine
	mint
	find "$SECRETFS_STORE/objects" -type f | sort >"$dir/before"
	put bad secret-value
	serve
	find "$SECRETFS_STORE/objects" -type f | sort | comm -13 "$dir/before" - >"$dir/new"
	# Of what the commit wrote, the value is what the mount does not read at its start.
	hit=0
	while read -r f; do
		cp "$f" "$dir/copy"
		printf '\xff' | dd of="$f" bs=1 seek=100 conv=notrunc status=none
		[[ $(open_errno "$mnt/bad") != EBADMSG ]] || hit=$((hit + 1))
		cp "$dir/copy" "$f"
		umount "$mnt"
		wait_for 5 no_daemon
		serve
	done <"$dir/new"
	((hit == 1))
	same fine "$(cat "$mnt/good")"
	same secret-value "$(cat "$mnt/bad")"
	logged "ALARM: bad (organization): failed authentication"
}

@test "a ref that vanishes or rolls back changes nothing and raises an alarm" {
	put KEY one
	mint
	serve
	cp -a "$SECRETFS_STORE/refs" "$dir/refs.old"
	put KEY two
	same two "$(cat "$mnt/KEY")"
	mv "$dir"/refs.old/* "$SECRETFS_STORE/refs/" # each in one step
	same two "$(cat "$mnt/KEY")"
	wait_for 5 logged ALARM
	rm "$SECRETFS_STORE"/refs/*
	same two "$(cat "$mnt/KEY")"
	same 1 "$(grep -c ALARM "$dir/log")"
}

# --- starting -----------------------------------------------------------------------

@test "in the background it returns when the mount answers" {
	put KEY hello
	mint
	serve
	same hello "$(cat "$dir/mnt/KEY")"
	[[ $(findmnt -rn -o FSTYPE,SOURCE "$mnt") == "fuse.secretfs secretfs" ]]
	findmnt -rn -o OPTIONS "$mnt" | grep -q ro,nosuid,nodev,noexec
	# nothing of the caller's is held open
	[[ $(readlink "/proc/$(daemon)/fd/0") == /dev/null ]]
}

@test "SIGTERM and SIGINT unmount and end with 0, with files open too" {
	put KEY hello
	mint
	for signal in TERM INT; do
		secretfs -f "$dir/mnt" -o "bundle=$bundle" 2>>"$dir/log" 3>&- 4>&- &
		pid=$!
		wait_for 5 is_mounted "$dir/mnt"
		exec 5<"$dir/mnt/KEY"
		kill -"$signal" "$pid"
		wait "$pid"
		is_not_mounted "$dir/mnt"
		exec 5<&-
	done
}

@test "umount ends the daemon" {
	mint
	serve
	umount "$mnt"
	wait_for 5 no_daemon
}

@test "mount -t fuse.secretfs, and from fstab" {
	put KEY hello
	mint
	# mount.fuse3 looks where programs are installed, and has no other PATH
	[[ -n ${SECRETFS_TEST_NAMESPACE:-} ]] || skip "needs a mount namespace: run it with make check"
	program=$(command -v secretfs)
	mount -t tmpfs local /usr/local
	mkdir /usr/local/bin
	cp "$program" /usr/local/bin/
	paths=store=$SECRETFS_STORE,policy=$SECRETFS_POLICY,state=$SECRETFS_STATE
	mount -t fuse.secretfs team "$dir/mnt" -o "bundle=$bundle,$paths,ro,_netdev,nofail,x-systemd.automount,noatime" 3>&-
	same hello "$(cat "$dir/mnt/KEY")"
	same team "$(findmnt -rn -o SOURCE "$dir/mnt")"
	umount "$dir/mnt"
	wait_for 5 no_daemon
	printf 'vault %s fuse.secretfs bundle=%s,%s,defaults,noauto 0 0\n' "$dir/mnt" "$bundle" "$paths" >"$dir/fstab"
	mount -T "$dir/fstab" "$dir/mnt" 3>&-
	same hello "$(cat "$dir/mnt/KEY")"
	umount "$dir/mnt"
	wait_for 5 no_daemon
	# one that has ended lets go of its program a moment later
	wait_for 5 umount /usr/local
}

@test "the policy's mount section names the bundle; CREDENTIALS_DIRECTORY is next" {
	put KEY hello
	mint
	printf '\n[mount %s]\nbundle = %s\n' "$dir/mnt" "$bundle" >>"$SECRETFS_POLICY"
	secretfs "$dir/mnt" -o log=stderr 2>>"$dir/log"
	same hello "$(cat "$dir/mnt/KEY")"
	umount "$dir/mnt"
	wait_for 5 no_daemon
	mkdir "$dir/credentials" "$dir/mnt2"
	cp -p "$bundle" "$dir/credentials/bundle"
	CREDENTIALS_DIRECTORY=$dir/credentials secretfs "$dir/mnt2" -o log=stderr 2>>"$dir/log"
	same hello "$(cat "$dir/mnt2/KEY")"
}

@test "readiness is told to the service manager" {
	mint
	/usr/bin/python3 - "$dir/notify" >"$dir/told" 3>&- 4>&- <<-'PY' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		s.settimeout(20)
		told = ""
		while "STOPPING" not in told:
		    told = s.recv(4096).decode()
		    print(told, flush=True)
	PY
	wait_for 5 test -S "$dir/notify"
	NOTIFY_SOCKET=$dir/notify secretfs -f "$dir/mnt" -o "bundle=$bundle" 2>>"$dir/log" 3>&- 4>&- &
	pid=$!
	wait_for 5 grep -q READY=1 "$dir/told"
	is_mounted "$dir/mnt"
	grep -q '^STATUS=' "$dir/told"
	kill "$pid"
	wait "$pid"
	wait_for 5 grep -q STOPPING=1 "$dir/told"
}

@test "JSON lines are JSON" {
	put KEY hello
	mint
	serve log_format=json
	cat "$mnt/KEY" >/dev/null
	run ! as_uid 1000 cat "$mnt/KEY"
	jq -es 'map(select(.event == "open")) | length == 2 and .[0].decision == "granted"
		and .[1].decision == "refused" and .[1].uid == 1000 and .[1].name == "KEY"' "$dir/log"
}

@test "every way the start can fail says what to do" {
	put KEY hello
	mint -p flytesnacks -d development
	refused "" "no bundle for $dir/mnt: say -o bundle=FILE"
	refused "bundle=$dir/none" "$dir/none: no such bundle; mint one with: secretctl create bundle"
	cp "$bundle" "$dir/open"
	chmod 0644 "$dir/open"
	refused "bundle=$dir/open" "chmod 0400 $dir/open"
	echo garbage >"$dir/garbage"
	chmod 0400 "$dir/garbage"
	refused "bundle=$dir/garbage" "not a bundle, or damaged"
	refused "bundle=$bundle,store=$dir/nowhere" "$dir/nowhere: no store is there"
	refused "bundle=$bundle,policy=$dir/nothing" "$dir/nothing: no such policy"
	printf '[mount %s]\nproject = typo\ndomain = development\n' "$dir/mnt" >"$dir/p1"
	refused "bundle=$bundle,policy=$dir/p1" "$dir/p1:2: project typo is not declared"
	printf '[project other]\n[domain development]\n[mount %s]\nproject = other\ndomain = development\n' \
		"$dir/mnt" >"$dir/p2"
	refused "bundle=$bundle,policy=$dir/p2" "this bundle is for project flytesnacks, domain development"
	refused "bundle=$bundle,state=/proc/nothing" "say -o state=none"
	touch "$dir/mnt/file"
	refused "bundle=$bundle" "not empty"
	rm "$dir/mnt/file"
	run -1 timeout 10 secretfs -f "$dir/missing" -o "bundle=$bundle"
	holds "$output" "there is no such directory; make it with: mkdir -p $dir/missing"
	run -1 timeout 10 secretfs -f "$bundle" -o "bundle=$bundle"
	holds "$output" "not a directory"
	run -2 secretfs
	holds "$output" "mount point"
	run -2 secretfs -o frobnicate "$dir/mnt"
	holds "$output" "frobnicate: unknown option"
}

@test "the start refuses a missing scope, a stale store and an altered one" {
	put KEY org
	put KEY narrow -p flytesnacks -d development
	mint -p flytesnacks -d development
	cp -a "$SECRETFS_STORE" "$dir/store.old"
	missing=0
	for ref in "$SECRETFS_STORE"/refs/*; do
		mv "$ref" "$dir/taken"
		if run secretfs "$dir/mnt" -o "bundle=$bundle" && ((status == 0)); then
			umount "$dir/mnt" # the registry's: no mount needs it
			wait_for 5 no_daemon
		else
			missing=$((missing + 1))
			holds "$output" "not found"
			holds "$output" "secretctl create bundle"
		fi
		is_not_mounted "$dir/mnt"
		mv "$dir/taken" "$ref"
	done
	same 4 "$missing"
	put KEY newer
	serve
	umount "$mnt"
	wait_for 5 no_daemon
	refused "bundle=$bundle,store=$dir/store.old" "secretctl restore --accept"
	for ref in "$SECRETFS_STORE"/refs/*; do
		printf '\xff' | dd of="$ref" bs=1 seek=60 conv=notrunc status=none
	done
	refused "bundle=$bundle" "secretctl check"
}

@test "a second mount on top, and a dead one, are recognised" {
	mint
	serve
	refused_here() { run -1 timeout 10 secretfs -f "$dir/mnt" -o "bundle=$bundle" && holds "$output" "$1"; }
	refused_here "mounted here already"
	# all at once: one by one they are started again
	kill_daemons
	wait_for 5 no_daemon
	same ENOTCONN "$(open_errno "$mnt/KEY")"
	serve
	logged "a dead mount is there"
	umount "$mnt"
	is_not_mounted "$mnt"
}

@test "invariant 11: without lockable memory the start fails" {
	put KEY hello
	mint
	chown 1000 "$bundle" "$dir/mnt"
	chmod 0755 "$dir/etc" "$dir/var"
	run -1 as_uid 1000 prlimit --memlock=0 secretfs -f "$dir/mnt" -o "bundle=$bundle,state=none"
	holds "$output" "memory may be locked"
	is_not_mounted "$dir/mnt"
}

@test "without a FUSE device the message says so" {
	mint
	# shellcheck disable=SC2016 # for the inner shell
	run -1 unshare -m sh -c 'mount -t tmpfs none /dev && exec secretfs -f "$0" -o bundle="$1"' "$dir/mnt" "$bundle"
	holds "$output" "modprobe fuse"
}

@test "a user without root mounts what is theirs" {
	[[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
	local user
	user=$(id -u nobody) # fusermount3 asks for a name, and 1000 need not have one
	# and it unmounts by /etc/mtab, which a bare Debian lacks: systemd makes it at boot
	if [[ ! -e /etc/mtab ]]; then
		own_etc
		ln -s ../proc/self/mounts /etc/mtab
	fi
	put KEY hello
	mint
	chown "$user" "$bundle" "$dir/mnt"
	chmod -R a+rX "$SECRETFS_STORE"
	chmod a+rx "$dir/var" "$dir/etc"
	chmod a+r "$SECRETFS_POLICY"
	as_uid "$user" secretfs "$dir/mnt" -o "bundle=$bundle,state=none,log=stderr" 2>>"$dir/log"
	same hello "$(as_uid "$user" cat "$dir/mnt/KEY")"
	logged "only you can read this mount"
	as_uid "$user" fusermount3 -u "$dir/mnt"
	wait_for 5 no_daemon
	run -1 as_uid "$user" secretfs -f "$dir/mnt" -o "bundle=$bundle,state=none,allow_other"
	holds "$output" "user_allow_other"
}

@test "it cannot be traced, and leaves no core" {
	put KEY hello
	mint
	serve
	pid=$(daemon)
	grep -q '^Max core file size *0 *0' "/proc/$pid/limits"
	attach='libc = ctypes.CDLL(None, use_errno=True); print(libc.ptrace(16, int(sys.argv[1]), None, None), errno.errorcode.get(ctypes.get_errno()))'
	same "-1 EPERM" "$(setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
		/usr/bin/python3 -c "import ctypes, errno, sys; $attach" "$pid")"
	run ! setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace cat "/proc/$pid/mem"
}

@test "--help and --version" {
	run -0 secretfs --help
	holds "$output" "-o bundle=FILE"
	run -0 secretfs --version
	[[ $output =~ ^secretfs\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

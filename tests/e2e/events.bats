#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Rotation that everybody hears: watchers of a secret and of its directory, on the host and in a
# container, get the events of an atomic replace for every update.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
# shellcheck disable=SC2030,SC2031 # each test has its own watchers

load helper
load docker

setup() {
	sandbox
	init_store
	mnt=$dir/mnt watchers=()
	mkdir "$dir/logs"
	chmod 0777 "$dir/logs"
}

teardown() {
	kill "${watchers[@]}" 2>/dev/null || :
	pkill -f "inotifywait .*$dir" || :
	docker_stop
	sandbox_end
}

lines() { [[ ! -e $1 ]] || wc -l <"$1"; }
has_lines() { (($(lines "$1") >= $2)); }

# watch_file NAME FILE: by what it reads after each event.
watch_file() {
	sh "$repo/tests/e2e/watch.sh" "$2" "$dir/logs/$1" 3>&- 4>&- &
	watchers+=($!)
}

# watch_dir NAME DIRECTORY: by the events of secrets' names.
watch_dir() {
	inotifywait -m -q --format '%e %f' -o "$dir/logs/$1" "$2" 3>&- 4>&- &
	watchers+=($!)
	wait_for 10 watches $! || fail "inotifywait does not watch"
}
watches() { grep -qs '^inotify wd' /proc/"$1"/fdinfo/*; }

changes() { grep -E '^(MOVED_TO|CREATE|DELETE)' "$dir/logs/$1" | sed 's/,ISDIR//'; }
expect_changes() { [[ $(changes "$1") == "$2" ]]; }

# watch_in_container: both, behind a read-only bind mount, with the host's inotifywait.
watch_in_container() {
	local v=(-v /usr:/usr:ro -v /lib:/lib:ro)
	[[ ! -d /lib64 ]] || v+=(-v /lib64:/lib64:ro)
	cp "$repo/tests/e2e/watch.sh" "$dir/watch.sh"
	docker run -d --name watcher --network none "${v[@]}" -e PATH=/bin:/usr/bin \
		-v "$dir/watch.sh:/watch.sh:ro" -v "$dir/logs:/logs" -v "$mnt:/etc/flyte/secrets:ro" busybox:test \
		sh -c 'inotifywait -m -q --format "%e %f" -o /logs/dir.container /etc/flyte/secrets &
			exec sh /watch.sh /etc/flyte/secrets/KEY /logs/file.container' >/dev/null
}

@test "file and directory, on the host and in a container, see each of 100 updates under readers" {
	local i who
	cc -O2 -static -o "$dir/readers" "$repo/tests/e2e/readers.c"
	docker_start
	put KEY v
	mount_at "$mnt"
	for i in 1 2; do
		"$dir/readers" "$mnt/KEY" v >"$dir/reader.$i" 2>&1 3>&- 4>&- &
		watchers+=($!)
	done
	watch_dir dir.host "$mnt"
	watch_file file.host "$mnt/KEY"
	watch_in_container
	for ((i = 1; i <= 100; i++)); do
		for who in host container; do
			wait_for 20 has_lines "$dir/logs/file.$who.ready" "$i" || fail "the watcher ($who) is not ready for update $i"
		done
		put KEY "v$((i % 10))"
		for who in host container; do
			wait_for 20 has_lines "$dir/logs/file.$who" "$i" || fail "the file's watcher ($who) did not hear update $i"
			wait_for 20 heard "$who" "$i" || fail "the directory's watcher ($who) did not hear update $i"
		done
	done
	for who in host container; do
		same "$(for ((i = 1; i <= 100; i++)); do echo "v$((i % 10))"; done)" "$(cat "$dir/logs/file.$who")" "values after each event ($who)"
		same 100 "$(changes "dir.$who" | grep -c '^MOVED_TO KEY$')" "events of the directory ($who)"
	done
	kill -TERM "${watchers[@]:0:2}"
	wait "${watchers[@]:0:2}" || :
	same 2 "$(cat "$dir"/reader.? | grep -c ' failed 0 wrong 0 ')" "readers without an error: $(cat "$dir"/reader.?)"
}
heard() { (($(changes "dir.$1" | grep -c '^MOVED_TO KEY$') >= $2)); }

@test "created and deleted secrets and groups appear and disappear with events" {
	put KEY v
	mount_at "$mnt"
	watch_dir dir "$mnt"
	put NEW v
	put group/a v
	put group/b v
	secretctl delete secret NEW >/dev/null
	secretctl delete secret group/a >/dev/null
	secretctl delete secret group/b >/dev/null
	wait_for 10 expect_changes dir "MOVED_TO NEW
CREATE group
DELETE NEW
DELETE group" || fail "$(changes dir)"
	same KEY "$(ls "$mnt")"
}

@test "a secret that becomes a group, one from a broader scope, another spelling" {
	put KEY v
	put thing v
	mount_at "$mnt" -p flytesnacks -d development
	watch_dir dir "$mnt"
	put KEY narrow -p flytesnacks
	wait_for 10 expect_changes dir 'MOVED_TO KEY' || fail "$(changes dir)"
	same narrow "$(cat "$mnt/KEY")"
	secretctl delete secret KEY -p flytesnacks >/dev/null
	wait_for 10 expect_changes dir $'MOVED_TO KEY\nMOVED_TO KEY' || fail "$(changes dir)"
	same v "$(cat "$mnt/KEY")"
	put thing/below v -p flytesnacks
	wait_for 10 expect_changes dir $'MOVED_TO KEY\nMOVED_TO KEY\nDELETE thing\nCREATE thing' || fail "$(changes dir)"
	same v "$(cat "$mnt/thing/below")"
}

@test "a batch is there as a whole when its first event comes" {
	local i
	printf 'A=1\nB=1\nC=1\nD=1\n' >"$dir/batch.env"
	secretctl import "$dir/batch.env" >/dev/null
	mount_at "$mnt"
	# reads all four as soon as one has changed
	inotifywait -m -q -e moved_to --format %f "$mnt" 3>&- 4>&- |
		while read -r name; do
			[[ $name == .* ]] || { cat "$mnt"/{A,B,C,D} | tr -d "\n"; echo; } >>"$dir/logs/seen"
		done &
	watchers+=($!)
	wait_for 10 pgrep -f "inotifywait .*$mnt" >/dev/null
	wait_for 10 watches "$(pgrep -f "inotifywait .*$mnt")"
	for ((i = 2; i <= 9; i++)); do
		sed -i "s/=.*/=$i/" "$dir/batch.env"
		secretctl import --replace "$dir/batch.env" >/dev/null
		wait_for 10 has_lines "$dir/logs/seen" $((4 * (i - 1))) || fail "batch $i: $(cat "$dir/logs/seen")"
	done
	same "$(for ((i = 2; i <= 9; i++)); do for _ in 1 2 3 4; do echo "$i$i$i$i"; done; done)" "$(cat "$dir/logs/seen")"
}

@test "by any spelling of the name" {
	local i
	put KEY v
	mount_at "$mnt"
	watch_file file "$mnt/kEy"
	for ((i = 1; i <= 10; i++)); do
		wait_for 10 has_lines "$dir/logs/file.ready" "$i" || fail "not ready for update $i"
		put KEY "v$i"
		wait_for 10 has_lines "$dir/logs/file" "$i" || fail "update $i was not heard"
	done
	same "$(for ((i = 1; i <= 10; i++)); do echo "v$i"; done)" "$(cat "$dir/logs/file")"
}

@test "a single file in a container serves the new value at the next open" {
	local i
	docker_start
	put KEY v0
	mount_at "$mnt"
	docker run -d --name sub --network none -v "$mnt/KEY:/key:ro" busybox:test sleep 1000 >/dev/null
	for ((i = 1; i <= 5; i++)); do
		put KEY "v$i"
		same "v$i" "$(docker exec sub cat /key)"
	done
}

@test "what happens while no server is there is heard afterwards" {
	put KEY v
	put OLD v
	secretctl create bundle --out "$dir/bundle" >/dev/null
	secretfs "$mnt" -o "bundle=$dir/bundle" 3>&- 4>&-
	watch_dir dir "$mnt"
	# the supervisor cannot start another one
	pkill -STOP -f "^secretfs $mnt" || pkill -STOP -o -x secretfs
	pkill -KILL -f "^secretfs --role server $mnt"
	put KEY v2
	put NEW v
	secretctl delete secret OLD >/dev/null
	pkill -CONT -f "^secretfs $mnt" || pkill -CONT -o -x secretfs
	same v2 "$(timeout 20 cat "$mnt/KEY")"
	wait_for 10 expect_changes dir $'DELETE OLD\nMOVED_TO KEY\nMOVED_TO NEW' || fail "$(changes dir)"
}

@test "to an ordinary user's watcher too" {
	local as=(as_uid "$(id -u nobody)")
	put KEY v
	secretctl create bundle --out "$dir/bundle" >/dev/null
	mkdir "$dir/user"
	chown -R nobody "$dir/user" "$dir/bundle" "$dir/var" "$dir/etc"
	"${as[@]}" secretfs "$dir/user" -o "bundle=$dir/bundle,state=none" 3>&- 4>&-
	"${as[@]}" inotifywait -m -q --format '%e %f' -o "$dir/logs/dir" "$dir/user" 3>&- 4>&- &
	watchers+=($!)
	wait_for 10 has_watch_of_nobody || fail "inotifywait does not watch"
	echo v2 | "${as[@]}" secretctl update secret KEY - >/dev/null
	wait_for 10 expect_changes dir 'MOVED_TO KEY' || fail "$(cat "$dir/logs/dir")"
	same v2 "$("${as[@]}" cat "$dir/user/KEY")"
	same EROFS "$("${as[@]}" /usr/bin/python3 -c 'import errno, os, sys
try: os.unlink(sys.argv[1])
except OSError as e: print(errno.errorcode[e.errno])' "$dir/user/KEY")"
	umount "$dir/user"
}
has_watch_of_nobody() { watches "$(pgrep -u nobody inotifywait)"; }

@test "unmounted by hand, the daemon ends; where a container has it, it goes on until that ends" {
	put KEY v
	mount_at "$mnt"
	umount "$mnt"
	wait_for 10 no_daemon || fail "$(daemons)"
	docker_start
	mount_at "$mnt"
	docker run -d --name task --network none -v "$mnt:/etc/flyte/secrets:ro" busybox:test sleep 1000 >/dev/null
	umount "$mnt"
	put KEY v2
	same v2 "$(docker exec task cat /etc/flyte/secrets/KEY)"
	docker rm -f task >/dev/null
	wait_for 10 no_daemon || fail "$(daemons)"
}

@test "tail -F shows every value" {
	local i
	printf '0\n' | secretctl create secret KEY - >/dev/null
	mount_at "$mnt"
	tail -n +1 -s 0.1 -F "$mnt/KEY" >"$dir/logs/tail" 2>/dev/null 3>&- 4>&- &
	watchers+=($!)
	for ((i = 1; i <= 20; i++)); do
		wait_for 10 has_lines "$dir/logs/tail" "$i" || fail "value $i did not come"
		printf '%s\n' "$i" | secretctl update secret KEY - >/dev/null
	done
	wait_for 10 has_lines "$dir/logs/tail" 21
	same "$(seq 0 20)" "$(cat "$dir/logs/tail")"
}

# pair SERIAL: a key and a certificate of it, both made anew, set together.
pair() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=secretfs \
		-set_serial "$1" -keyout "$dir/pair/tls.key" -out "$dir/pair/tls.crt" 2>/dev/null
	secretctl import --replace "$dir/pair" >/dev/null
}
served_serial() {
	openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null
}
serves() { [[ $(served_serial) == "serial=$1" ]]; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

@test "a TLS server reloads its certificate and key when they are rotated, and never a torn pair" {
	local i
	port=$((20000 + RANDOM % 20000))
	mkdir "$dir/pair"
	pair 0x11
	mount_at "$mnt"
	cat >"$dir/stunnel.conf" <<-CONF
		foreground = yes
		pid = $dir/stunnel.pid
		[tls]
		accept = 127.0.0.1:$port
		connect = 127.0.0.1:9
		cert = $mnt/tls.crt
		key = $mnt/tls.key
	CONF
	stunnel "$dir/stunnel.conf" >"$dir/stunnel.log" 2>&1 3>&- 4>&- &
	watchers+=($!)
	local stunnel=$!
	wait_for 10 listens || fail "$(cat "$dir/stunnel.log")"
	wait_for 10 serves 11 || fail "$(served_serial)"
	inotifywait -m -q -e moved_to --format %f "$mnt" 3>&- 4>&- |
		while read -r _; do kill -HUP "$stunnel"; done &
	watchers+=($!)
	wait_for 10 pgrep -f "inotifywait .*$mnt" >/dev/null
	wait_for 10 watches "$(pgrep -f "inotifywait .*$mnt")"
	for ((i = 12; i <= 31; i++)); do
		pair "0x$i"
		wait_for 20 serves "$i" || fail "rotation $i: $(served_serial); $(tail -n 20 "$dir/stunnel.log")"
	done
	lacks "$(cat "$dir/stunnel.log")" 'mismatch'
	lacks "$(cat "$dir/stunnel.log")" 'Failed to reload'
}

@test "how long after a commit a reader and a watcher see it" {
	local i ref
	put KEY 1000
	mount_at "$mnt"
	put KEY 1001
	ref=$(find "$dir/var/store/refs" -type f -printf '%C@ %p\n' | sort -n | sed -n '$s/.* //p') # the scope's
	/usr/bin/python3 "$repo/tests/e2e/latency.py" "$mnt/KEY" "$ref" 100 >"$dir/logs/latency" 2>"$dir/logs/latency.err" 3>&- 4>&- &
	watchers+=($!)
	wait_for 10 has_lines "$dir/logs/latency" 1
	for ((i = 1; i <= 100; i++)); do
		put KEY "$((2000 + i))"
		wait_for 10 has_lines "$dir/logs/latency" $((i + 1)) || fail "update $i: $(cat "$dir/logs/latency.err")"
	done
	sed 1d "$dir/logs/latency" | sort -n >"$dir/logs/sorted"
	echo "# update to visible, 100 updates, beside other tests: p50 $(sed -n 50p "$dir/logs/sorted") us, p99 $(sed -n 99p "$dir/logs/sorted") us" >&3
	same 100 "$(lines "$dir/logs/sorted")"
}

# SPDX-License-Identifier: ISC
#
# secretctl get mount: what a mount tells about itself, whatever happens to it.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
load helper
setup() {
	sandbox
	init_store shop
	put KEY one
	mnt=$dir/mnt
}
teardown() { sandbox_end; }

# of FILTER: of the mount's JSON
of() { secretctl get mount "$mnt" -o json | jq -c "$1"; }
is() { [[ $(of "$1") == "$2" ]]; }
# becomes WANTED FILTER
becomes() { wait_for 10 is "$2" "$1" || same "$1" "$(of "$2")" "$2"; }

# pid_of ROLE: as the mount tells it, and it is alive
pid_of() { of ".$1.pid"; }

# swap FILE FROM: as a whole
swap() {
	cp "$2" "$1.swapped"
	mv "$1.swapped" "$1"
}

tamper() {
	local f=$1
	cp "$f" "$dir/tampered"
	printf '\377\377\377\377' | dd of="$dir/tampered" bs=1 seek=100 conv=notrunc status=none
	swap "$f" "$dir/tampered"
}

# the ref and the object that the commands below it change
changed_by() {
	touch "$dir/before"
	sleep 0.02
	"$@"
	ref=$(find "$SECRETFS_STORE/refs" -type f -newer "$dir/before")
	[[ -f $ref ]]
}

@test "what a mount shows: scopes, epochs, secrets, opens, reads, handles" {
	put TOKEN two -p shop -d production
	mount_at "$mnt" -p shop -d production
	same '["serving","shop","production",2,true]' "$(of '[.state,.project,.domain,.secrets,.here]')"
	same '[[null,null],[null,"production"],["shop",null],["shop","production"]]' \
		"$(of '[.scopes[] | [.project, .domain]]')"
	same '[2,1,1,2]' "$(of '[.scopes[].epoch]')"
	same '[0,0,0,0]' "$(of '[.server.restarts,.supervisor.restarts,.helper.restarts,.upgrades]')"
	same '[null,null,null]' "$(of '[.alarm,.store_fault,.policy_fault]')"
	reloads=$(of .reloads)
	was=$(of .reloaded)

	sleep 1.1 # for a time of whole seconds to be another one
	put TOKEN three -p shop -d production
	becomes '[2,1,1,3]' '[.scopes[].epoch]'
	same $((reloads + 1)) "$(of .reloads)"
	[[ $(of .reloaded) > $was ]]
	put NEW four -p shop
	becomes '[2,1,2,3]' '[.scopes[].epoch]'
	same 3 "$(of .secrets)"

	same '{"granted":0,"denied":0,"failed":0}' "$(of .opens)"
	for _ in 1 2 3; do cat "$mnt/TOKEN" >/dev/null; done
	same EACCES "$(as_uid 4000 /usr/bin/python3 -c 'import errno, sys
try: open(sys.argv[1])
except OSError as e: print(errno.errorcode[e.errno])' "$mnt/TOKEN")"
	same '{"granted":3,"denied":1,"failed":0}' "$(of .opens)"
	(($(of .reads) >= 3))
	(($(of .requests) > $(of .reads)))
	same 0 "$(of .open_handles)"
	exec 5<"$mnt/TOKEN" 6<"$mnt/KEY"
	same 2 "$(of .open_handles)"
	exec 5<&-
	becomes 1 .open_handles
	exec 6<&-
	becomes 0 .open_handles

	table=$(secretctl get mount)
	holds "$table" "$mnt"
	holds "$table" "project shop, domain production"
	holds "$table" "2/1/2/3"
	one=$(secretctl get mount "$mnt/")
	holds "$one" "view:      epoch 3 of project shop, domain production"
	holds "$one" "opens:     5 granted, 1 denied, 0 failed"
}

@test "restarts are counted, and counts survive them; nobody's death leaves a question unanswered" {
	mount_at "$mnt"
	cat "$mnt/KEY" >/dev/null
	granted=$(of .opens.granted)
	for n in 1 2 3; do
		kill -KILL "$(pid_of server)"
		becomes $n .server.restarts
		becomes '"serving"' .state
	done
	same 3 "$(of .server.restarts_lately)"
	same one "$(cat "$mnt/KEY")"
	same $((granted + 1)) "$(of .opens.granted)"
	for n in 1 2 3; do
		kill -KILL "$(pid_of supervisor)"
		# at once: whoever asks is answered by the next one
		becomes $n .supervisor.restarts
		kill -KILL "$(pid_of helper)"
		becomes $n .helper.restarts
	done
	becomes '"serving"' .state
	same 3 "$(of .server.restarts)"
	kill -USR2 "$(pid_of supervisor)"
	becomes 1 .upgrades
	becomes '"serving"' .state
	same 3 "$(of .server.restarts)"
	same one "$(cat "$mnt/KEY")"
	umount "$mnt"
	wait_for 10 no_daemon
	same 0 "$(find "$SECRETFS_RUN" -mindepth 1 | wc -l)"
}

@test "a tampered ref: an alarm that stands, still serving the last good view, and heals" {
	changed_by put KEY two
	mount_at "$mnt"
	epoch=$(of '[.scopes[].epoch]')
	cp "$ref" "$dir/good"
	tamper "$ref"
	becomes true .alarm.standing
	same true "$(of .store_fault.standing)"
	holds "$(of .alarm.text)" "organization"
	holds "$(of .alarm.text)" "last good view"
	same "$epoch" "$(of '[.scopes[].epoch]')"
	same two "$(cat "$mnt/KEY")"
	same '"serving"' "$(of .state)"
	sleep 1 # it is tried again and again
	same '[1,1]' "$(of '[.alarm.count,.store_fault.count]')"
	holds "$(secretctl get mount)" stands
	holds "$(secretctl get mount "$mnt")" "it stands"
	run -1 secretctl doctor
	holds "$output" "an alarm stands"
	swap "$ref" "$dir/good"
	becomes false .alarm.standing
	same false "$(of .store_fault.standing)"
	holds "$(of .alarm.text)" "organization" # the last one still
	holds "$(secretctl get mount)" healed
	lacks "$(secretctl doctor)" "an alarm stands"
	put KEY three
	same three "$(cat "$mnt/KEY")"
}

@test "a server that cannot load: failing, with the alarm, and back by itself" {
	changed_by put KEY two
	mount_at "$mnt"
	cp "$ref" "$dir/good"
	tamper "$ref"
	becomes true .alarm.standing
	chmod 0 "$SECRETFS_STORE/objects" # nor what was shown before
	kill -KILL "$(pid_of server)"
	becomes '"failing"' .state
	same true "$(of .alarm.standing)"
	run -1 secretctl doctor
	holds "$output" "no server stays"
	chmod 0700 "$SECRETFS_STORE/objects"
	swap "$ref" "$dir/good"
	becomes '"serving"' .state
	same false "$(of .alarm.standing)"
	same two "$(cat "$mnt/KEY")"
}

@test "an altered value: the alarm stands until it opens, or is not shown any more" {
	mkdir "$dir/whole"
	objects() { find "$SECRETFS_STORE/objects" -type f | sort; }
	objects >"$dir/had"
	put A "$(head -c 3000 /dev/zero | tr '\0' a)"
	put B "$(head -c 3000 /dev/zero | tr '\0' b)"
	values=$(objects | comm -13 "$dir/had" - | xargs stat -c '%s %n' | awk '$1 > 3000 { print $2 }')
	same 2 "$(wc -l <<<"$values")"
	mount_at "$mnt"
	for f in $values; do
		cp "$f" "$dir/whole"
		chmod u+w "$f"
		tamper "$f"
	done
	for name in A B; do same EBADMSG "$(open_errno "$mnt/$name")"; done
	same '[true,2]' "$(of '[.alarm.standing,.alarm.count]')"
	same 2 "$(of .opens.failed)"
	for f in $values; do swap "$f" "$dir/whole/${f##*/}"; done
	same OK "$(open_errno "$mnt/A")"
	same true "$(of .alarm.standing)"
	put B other
	becomes false .alarm.standing
	same null "$(of .store_fault)"
}

@test "a policy with an error stands as such until it is mended" {
	mount_at "$mnt"
	cp "$SECRETFS_POLICY" "$dir/policy"
	{ cat "$dir/policy" && echo '[nonsense'; } >"$dir/bad"
	swap "$SECRETFS_POLICY" "$dir/bad"
	becomes true .policy_fault.standing
	holds "$(of .policy_fault.text)" "line $(wc -l <"$dir/bad")"
	same one "$(cat "$mnt/KEY")"
	same null "$(of .alarm)"
	swap "$SECRETFS_POLICY" "$dir/policy"
	becomes false .policy_fault.standing
}

@test "umount: gone; a dead daemon's mount: dead, and its socket replaced" {
	mount_at "$mnt"
	mount_at "$dir/mnt2"
	same "$mnt $dir/mnt2" "$(listed)"
	umount "$mnt"
	wait_for 10 gone
	run -1 --separate-stderr secretctl get mount "$mnt"
	holds "$stderr" "no secretfs is mounted at $mnt"
	same "$dir/mnt2" "$(listed)"
	kill_daemons
	wait_for 5 no_daemon
	same 1 "$(find "$SECRETFS_RUN" -name '*.sock' | wc -l)"
	if is_mounted "$dir/mnt2"; then
		same '"dead"' "$(secretctl get mount "$dir/mnt2" -o json | jq .state)"
		holds "$(secretctl get mount)" dead
		holds "$(secretctl get mount -o prometheus)" "secretfs_up{path=\"$dir/mnt2\"} 0"
		umount -l "$dir/mnt2"
	fi
	same "" "$(listed)"
	holds "$(secretctl doctor -o json | jq -r '.[] | select(.check == "socket") | .state + " " + .mend')" "note rm $SECRETFS_RUN/"
	mount_at "$dir/mnt2"
	same '"serving"' "$(secretctl get mount "$dir/mnt2" -o json | jq .state)"
	same 1 "$(find "$SECRETFS_RUN" -mindepth 1 | wc -l)"
	run -2 secretctl get mount -o yml
}
gone() { [[ " $(listed) " != *" $mnt "* ]]; }
# of this test's: others run beside it
listed() { secretctl get mount -o json | jq -r --arg d "$dir/" '.[].path | select(startswith($d))' | paste -sd ' '; }

@test "Prometheus' format: every family once, typed, counters as such, labels escaped" {
	mount_at "$mnt"
	mount_at "$dir/a \"b\\c" -p shop -d production
	cat "$mnt/KEY" >/dev/null
	secretctl get mount -o prometheus >"$dir/metrics"
	umount "$dir/a \"b\c"
	lacks "$(cat "$dir/metrics")" KEY
	/usr/bin/python3 - "$dir" <<-'PY' || fail "$(cat "$dir/metrics")"
		import re, sys
		families, samples, current = {}, {}, None
		for line in open(sys.argv[1] + '/metrics'):
		    assert line.endswith('\n')
		    line = line[:-1]
		    if m := re.fullmatch(r'# HELP ([a-z_]+) (.+)', line):
		        current = m[1]
		        assert current not in families, 'twice: ' + current
		        families[current] = None
		        continue
		    if m := re.fullmatch(r'# TYPE ([a-z_]+) (counter|gauge)', line):
		        assert m[1] == current and families[current] is None
		        families[current] = m[2]
		        assert current.endswith('_total') == (m[2] == 'counter'), current
		        continue
		    m = re.fullmatch(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\d+)', line)
		    assert m, line
		    assert m[1] == current, line
		    labels = dict(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', m[2]))
		    labels = {k: re.sub(r'\\(.)', r'\1', v) for k, v in labels.items()}
		    key = (m[1], *sorted(labels.items()))
		    assert key not in samples, line
		    samples[key] = int(m[3])
		mnt, odd = ('path', sys.argv[1] + '/mnt'), ('path', sys.argv[1] + '/a "b\\c')
		for where in mnt, odd:
		    assert samples['secretfs_up', where] == 1
		    assert samples['secretfs_secrets', where] == 1
		    assert samples['secretfs_alarm', where] == 0
		assert samples['secretfs_opens_total', mnt, ('result', 'granted')] == 1
		assert samples['secretfs_restarts_total', mnt, ('process', 'server')] == 0
		assert samples['secretfs_view_epoch', ('domain', ''), mnt, ('project', '')] == 2
		assert samples['secretfs_view_epoch', ('domain', ''), odd, ('project', 'shop')] == 1
		assert len(samples) > 40
	PY
}

@test "clients that connect and never read hinder neither the mount nor other clients" {
	mount_at "$mnt"
	cat >"$dir/idle.py" <<-'PY'
		import socket, sys, time
		held = []
		for _ in range(400):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    held.append(s)
		print('held', flush=True)
		time.sleep(60)
	PY
	supervisor=$(pid_of supervisor)
	/usr/bin/python3 "$dir/idle.py" "$SECRETFS_RUN"/*.sock >"$dir/idle" 3>&- 4>&- &
	idle=$!
	wait_for 20 test -s "$dir/idle"
	same '"serving"' "$(of .state)"
	put KEY two
	same two "$(timeout 10 cat "$mnt/KEY")"
	kill -KILL "$(pid_of server)"
	same two "$(timeout 10 cat "$mnt/KEY")"
	becomes 1 .server.restarts
	same "$supervisor" "$(pid_of supervisor)"
	(($(find "/proc/$supervisor/fd" -mindepth 1 | wc -l) < 40)) || fail "the supervisor holds on to clients"
	kill "$idle"
	wait "$idle" || :
}

@test "no run directory: one warning, and it mounts" {
	secretctl create bundle --out "$dir/bundle" >/dev/null
	touch "$dir/file"
	secretfs "$mnt" -o "bundle=$dir/bundle,run=$dir/file/run" 2>"$dir/err" 3>&- 4>&-
	same 1 "$(grep -c . "$dir/err")"
	holds "$(cat "$dir/err")" "$dir/file/run: Not a directory"
	same one "$(cat "$mnt/KEY")"
	same '"unknown"' "$(of .state)"
	holds "$(secretctl doctor)" "it has no socket"
}

@test "who may ask: root and who mounted, nobody else; the server does not listen" {
	mount_at "$mnt"
	same 600 "$(stat -c %a "$SECRETFS_RUN"/*.sock)"
	same '"unknown"' "$(as_uid 4000 secretctl get mount "$mnt" -o json | jq .state)"
	same "unknown" "$(as_uid 4000 secretctl get mount 2>/dev/null | awk -v m="$mnt" '$1 == m { print $3 }')"
	# of supervisor, server and helper, who holds what listens there; by now it could be handed on
	kill -KILL "$(pid_of server)"
	becomes 1 .server.restarts
	becomes '"serving"' .state
	inode=$(awk -v d="$SECRETFS_RUN/" 'index($8, d) == 1 && $5 == "0001" { print $7 }' /proc/net/unix | sort -u)
	[[ -n $inode ]]
	holders() {
		local role
		for role in supervisor server helper; do
			! find "/proc/$(pid_of "$role")/fd" -lname "socket:\[$inode\]" | grep -q . || echo "$role"
		done
	}
	same "supervisor helper" "$(holders | paste -sd ' ')"
	# in a default place of its own
	as_uid 0 env -u SECRETFS_RUN XDG_RUNTIME_DIR="$dir" secretctl --help >"$dir/help"
	grep -q 'SECRETFS_RUN  */run/secretfs$' "$dir/help"
	as_uid 4000 env -u SECRETFS_RUN XDG_RUNTIME_DIR="$dir" secretctl --help >"$dir/help"
	grep -q "SECRETFS_RUN  *$dir/secretfs.run\$" "$dir/help"
}

@test "doctor: a server that keeps dying, a stale view and what mends it" {
	mount_at "$mnt"
	finding() { secretctl doctor -o json | jq -r --arg part "$1" '.[] | select(.finding | contains($part)) | .state + " " + .mend'; }
	kill -KILL "$(pid_of server)"
	becomes 1 .server.restarts
	same "note journalctl -t secretfs" "$(finding "was started again 1 times")"
	for n in 2 3 4 5; do
		kill -KILL "$(pid_of server)"
		becomes $n .server.restarts
		becomes '"serving"' .state
	done
	same "mend journalctl -t secretfs" "$(finding "its server keeps dying: 5 times")"

	# a file system that was mounted over the store behind the daemon's back
	cp -a "$SECRETFS_STORE" "$dir/later"
	mount --bind "$dir/later" "$SECRETFS_STORE"
	put KEY two
	same one "$(cat "$mnt/KEY")"
	mend=$(finding "shows epoch 2 of (organization), the store is at 3: a stale view")
	same "mend kill -HUP $(pid_of supervisor)" "$mend"
	eval "${mend#mend }"
	becomes '[3]' '[.scopes[].epoch]'
	same two "$(cat "$mnt/KEY")"
	same "" "$(finding "a stale view")"
	umount "$mnt"
	wait_for 10 no_daemon
	umount "$SECRETFS_STORE"
}

@test "a user's own mount, with every path where it is by default" {
	user=$(id -u nobody) # fusermount3 asks for a name
	install -d -o "$user" -g "$user" "$dir/u" "$dir/u/run"
	own() {
		as_uid "$user" env -u SECRETFS_ROOT_KEY -u SECRETFS_POLICY -u SECRETFS_BUNDLES -u SECRETFS_STORE \
			-u SECRETFS_STATE -u SECRETFS_MOUNT -u SECRETFS_RUN HOME="$dir/u" XDG_RUNTIME_DIR="$dir/u/run" "$@"
	}
	own secretctl init >/dev/null
	printf one | own secretctl create secret KEY - >/dev/null
	own secretctl mount >/dev/null 3>&- 4>&-
	same '["serving",1]' "$(own secretctl get mount "$dir/u/run/secretfs" -o json | jq -c '[.state,.secrets]')"
	same 1 "$(find "$dir/u/run/secretfs.run" -type s -user "$user" -perm 600 | wc -l)"
	own secretctl umount >/dev/null
	same 0 "$(find "$dir/u/run/secretfs.run" -type s | wc -l)"
}

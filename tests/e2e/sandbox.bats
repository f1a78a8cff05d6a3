#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What a burglar in the serving process gets: asked from inside it, by a build
# with hooks (fs/server/hook.c).

# shellcheck disable=SC2154 # dir and repo are set by helper.bash

load helper

setup() {
	sandbox
	init_store
	mnt=$dir/mnt
	put KEY one
	put OTHER two -p flytesnacks
	make -s -C "$repo" BUILD=build/hooks CFLAGS="-O1 -g -DTEST_HOOKS" build/hooks/secretfs >&2
	secretctl create bundle --out "$dir/bundle" >/dev/null
	"$repo/build/hooks/secretfs" "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log" 3>&- 4>&-
}
teardown() { sandbox_end; }

server() { pgrep -x -f "secretfs --role server $mnt" | head -n 1; }

# inside WHAT:ARG: the error that it ends in, within the server.
inside() { timeout 10 getfattr --only-values --absolute-names -n "user.secretfs.hook.$1" "$mnt/KEY"; }

@test "from inside the server: files, other scopes, sockets" {
	status=$(cat "/proc/$(server)/status")
	grep -q $'^CapBnd:\t0000000000000000$' <<<"$status"
	# none, or locking memory alone where root may not raise the limit for it
	grep -qE $'^CapPrm:\t000000000000(0|4)000$' <<<"$status"
	grep -qE $'^Max locked memory +unlimited|^CapPrm:\t0000000000004000$' \
		<(cat "/proc/$(server)/limits" - <<<"$status")
	grep -q $'^NoNewPrivs:\t1$' <<<"$status"
	grep -q $'^Seccomp:\t2$' <<<"$status"
	[[ $(awk '/^Uid/ { print $2 }' <<<"$status") != 0 ]]
	grep -q '^Max core file size *0 *0' "/proc/$(server)/limits"

	for path in /etc/passwd /etc/shadow "$SECRETFS_ROOT_KEY" "$dir/bundle" "$dir/log" /dev/null; do
		same EACCES "$(inside "open:$path")" "open $path"
	done
	for path in /tmp/x "$SECRETFS_STORE/x" "$dir/x"; do
		same EACCES "$(inside "write:$path")" "write $path"
	done
	# of the store by the server's own way to it: its scope, and no other
	tree=
	for fd in /proc/"$(server)"/fd/*; do
		[[ $(stat -L -c %d:%i "$fd" 2>/dev/null) != "$(stat -c %d:%i "$SECRETFS_STORE")" ]] || tree=/proc/self/fd/${fd##*/}
	done
	[[ -n $tree ]]
	ok=0 no=0
	for object in "$SECRETFS_STORE"/objects/*/*; do
		case $(inside "open:$tree/${object#"$SECRETFS_STORE"/}") in
		OK) ok=$((ok + 1)) ;;
		EACCES) no=$((no + 1)) ;;
		*) fail "neither open nor refused: $object" ;;
		esac
	done
	((ok > 0 && no > 0)) || fail "open: $ok, refused: $no"
	same EACCES "$(inside socket:)"
	same one "$(cat "$mnt/KEY")"
}

@test "from inside the server: what ends it, and nobody notices" {
	for what in exec:/bin/true connect:/run/x fork: code:; do
		old=$(server)
		# the request that ends every server is answered with an error in the end
		run inside "$what"
		[[ $output != OK ]] || fail "$what succeeds"
		[[ $(server) != "$old" ]] || fail "$what did not end the server"
		same one "$(timeout 10 cat "$mnt/KEY")"
	done
	grep -q 'signal 31' "$dir/log"
	grep -q 'ALARM: a request' "$dir/log"
}

@test "a policy with names of users is taken up, by a server that can look nobody up" {
	old=$(server)
	run ! readable_by_nobody
	printf '\n[secret KEY]\nallow = user:nobody, group:daemon\n' >>"$SECRETFS_POLICY"
	readable_by_nobody # at once
	same "$old" "$(server)"
	same EACCES "$(inside open:/etc/passwd)"
	run ! grep -E 'user database|Permission denied' "$dir/log"
}
readable_by_nobody() { setpriv --reuid=65534 --clear-groups cat "$mnt/KEY" >/dev/null 2>&1; }

@test "no debugger without CAP_SYS_PTRACE, root or not" {
	attach='libc = ctypes.CDLL(None, use_errno=True); print(libc.ptrace(16, int(sys.argv[1]), None, None), errno.errorcode.get(ctypes.get_errno()))'
	for pid in $(daemon_pids); do
		same "-1 EPERM" "$(setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
			/usr/bin/python3 -c "import ctypes, errno, sys; $attach" "$pid")"
	done
	same "-1 EPERM" "$(setpriv --reuid=65530 --regid=65530 --clear-groups \
		/usr/bin/python3 -c "import ctypes, errno, sys; $attach" "$(server)")"
}

supervisor() {
	local p
	for p in $(daemon_pids); do
		[[ $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) == *--role* ]] || echo "$p"
	done
}

@test "from inside the server: the floors of its own scopes, and of no other" {
	local floor tree='' own=0 others=0 fd
	mkdir "$dir/two"
	secretctl create bundle --out "$dir/bundle2" -p flytesnacks -d development >/dev/null
	"$repo/build/hooks/secretfs" "$dir/two" -o "bundle=$dir/bundle2,log=stderr" 2>>"$dir/log2" 3>&- 4>&-
	for fd in /proc/"$(server)"/fd/*; do
		[[ $(stat -L -c %d:%i "$fd" 2>/dev/null) != "$(stat -c %d:%i "$SECRETFS_STATE")" ]] || tree=/proc/self/fd/${fd##*/}
	done
	[[ -n $tree ]]
	for floor in "$SECRETFS_STATE"/*/*/floor; do
		case $(inside "write:$tree/${floor#"$SECRETFS_STATE"/}") in
		OK) own=$((own + 1)) ;;
		EACCES) others=$((others + 1)) ;;
		*) fail "neither written nor refused: $floor" ;;
		esac
	done
	((own == 1 && others >= 3)) || fail "of its own: $own, refused: $others"
	same EACCES "$(inside "write:$tree/x")" "beside them"
	same EACCES "$(inside "write:$SECRETFS_STATE/x")" "by the path"
}

# without CALL:ERROR...: the daemon where those system calls fail, its log in $output
without() {
	local inject=() call
	while [[ $1 != -- ]]; do
		call=$1 inject+=(-e "inject=${call%:*}:error=${call#*:}")
		shift
	done
	shift
	umount "$mnt" 2>/dev/null || :
	wait_for 10 no_daemon
	run strace -f -o /dev/null -e trace=landlock_create_ruleset,mount_setattr "${inject[@]}" \
		"$repo/build/hooks/secretfs" "$mnt" -o "bundle=$dir/bundle,log=stderr${1:+,$1}" 3>&- 4>&-
}

@test "without Landlock and without a user of its own it does not start, unless told" {
	without landlock_create_ruleset:ENOSYS mount_setattr:EINVAL --
	same 1 "$status"
	holds "$output" 'sandbox=any'
	is_not_mounted "$mnt"
	wait_for 10 no_daemon
	# one of the two is enough
	"$repo/build/hooks/secretfs" "$mnt" -o "bundle=$dir/bundle,log=stderr,sandbox=required" 2>>"$dir/log" 3>&- 4>&-
	same one "$(cat "$mnt/KEY")"
	run -2 secretfs "$mnt" -o "bundle=$dir/bundle,sandbox=none"
}

started_without() {
	umount "$mnt"
	wait_for 10 no_daemon
	local inject=() call
	for call in "${@:2}"; do inject+=(-e "inject=${call%:*}:error=${call#*:}"); done
	: >"$dir/log"
	strace -f -o /dev/null -e trace=landlock_create_ruleset,mount_setattr "${inject[@]}" \
		"$repo/build/hooks/secretfs" -f "$mnt" -o "bundle=$dir/bundle,log=stderr$1" 2>>"$dir/log" 3>&- 4>&- &
	wait_for 20 readable || fail "$(cat "$dir/log")"
}
readable() { [[ -n $(server) ]] && is_mounted "$mnt" && [[ $(timeout 2 cat "$mnt/KEY") == one ]]; }

@test "without either of them it starts, and says so" {
	started_without '' landlock_create_ruleset:ENOSYS
	grep -q 'by its user alone' "$dir/log"
	same EACCES "$(inside "open:$SECRETFS_ROOT_KEY")"
	started_without '' mount_setattr:EINVAL
	grep -q 'the server stays root' "$dir/log"
	same EACCES "$(inside "open:$SECRETFS_ROOT_KEY")"
	# told to, without both: what is promised nowhere
	started_without ,sandbox=any landlock_create_ruleset:ENOSYS mount_setattr:EINVAL
	grep -q 'nothing keeps the server from other files' "$dir/log"
}

@test "user=root is refused" {
	mkdir "$dir/two"
	run -1 secretfs "$dir/two" -o "bundle=$dir/bundle,user=root"
	holds "$output" "user=root"
	is_not_mounted "$dir/two"
}

@test "a server killed while it makes its own view of the store leaves nobody behind" {
	local pid strace
	# killed where it would end the process that held the namespace
	strace -f -o /dev/null -e trace=kill -e inject=kill:signal=SIGKILL:when=1 -p "$(supervisor)" 3>&- 4>&- &
	strace=$!
	wait_for 10 traced "$(supervisor)"
	kill -KILL "$(server)"
	wait_for 10 grep -q 'the server ended' "$dir/log"
	sleep 0.5
	kill -INT "$strace" 2>/dev/null || :
	wait "$strace" || :
	wait_for 10 three_live
	sleep 0.3
	same 3 "$(daemon_pids | wc -l)" "processes"
	for pid in $(daemon_pids); do
		[[ $(cat "/proc/$pid/wchan") != *pause* ]] || fail "one is left: $(ps -o pid,args -p "$pid")"
	done
	same one "$(timeout 10 cat "$mnt/KEY")"
}
traced() { grep -q $'^TracerPid:\t[1-9]' "/proc/$1/status"; }
three_live() { (($(daemon_pids | wc -l) == 3)); }

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

@test "a policy with names of users is taken up, by a server that may still look them up" {
	old=$(server)
	run ! readable_by_nobody
	printf '\n[secret KEY]\nallow = user:nobody, group:daemon\n' >>"$SECRETFS_POLICY"
	wait_for 10 another "$old"
	wait_for 5 readable_by_nobody
	same one "$(setpriv --reuid=65534 --clear-groups cat "$mnt/KEY")"
}
another() { [[ -n $(server) && $(server) != "$1" ]]; }
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

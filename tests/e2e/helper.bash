# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What every end-to-end test starts from: a private place for each path of
# secretfs, the built programs first in PATH, mounts that are always taken
# down again. A bats file says
#
#	load helper
#	setup() { sandbox; }
#	teardown() { sandbox_end; }
#
# Waiting is by polling for what is waited for, never by a fixed sleep.

bats_require_minimum_version 1.5.0

repo=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
readonly repo

# sandbox: a private directory in $dir, $USER_UID's way into it open, every
# path of secretfs below it.
sandbox() {
	local b=${B:-build}
	[[ $b == /* ]] || b=$repo/$b
	[[ -x $b/secretctl && -x $b/secretfs ]] || fail "secretctl or secretfs is not built in $b"
	(($(id -u) == 0)) || fail "the end-to-end tests mount, and act as several users: they need root"
	export PATH=$b:$PATH
	dir=$(mktemp -d "${BATS_RUN_TMPDIR:-/tmp}/e2e.XXXXXX")
	chmod 0755 "$dir"
	# every directory above must let an unprivileged user through; bats makes its own for root alone
	local up=$dir
	chmod a+x "${BATS_RUN_TMPDIR:-$dir}"
	while up=$(dirname "$up") && [[ $up != / ]]; do
		[[ $(stat -c %A "$up") == *x ]] || fail "other users do not get to $up: run it with 'make check T=${BATS_TEST_FILENAME##*/}'"
	done
	export SECRETFS_ROOT_KEY=$dir/etc/root.key
	export SECRETFS_POLICY=$dir/etc/policy.ini
	export SECRETFS_BUNDLES=$dir/etc/bundles
	export SECRETFS_STORE=$dir/var/store
	export SECRETFS_STATE=$dir/var/state
	export SECRETFS_MOUNT=$dir/mnt
	export SECRETFS_RUN=$dir/run
	export HOME=$dir/home
	mkdir "$HOME" "$dir/mnt"
	mkdir -m 1777 "$dir/run" # for daemons of every user
	unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR
	umask 022
}

# sandbox_end: unmounts everything below $dir, and fails the test when a
# daemon of it is still alive afterwards or a zombie is left.
sandbox_end() {
	local status=0
	[[ -n ${dir:-} ]] || return 0
	unmount_all
	wait_for 10 no_daemon || {
		echo "# still running after unmount:" >&2
		daemons >&2
		kill_daemons
		status=1
	}
	if ! wait_for 5 no_zombies; then # one that is just being reaped is none
		zombies >&2
		echo "# zombies are left" >&2
		status=1
	fi
	rm -rf --one-file-system "$dir"
	return "$status"
}

fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# wait_for SECONDS COMMAND...: polls until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# --- what is mounted and running ----------------------------------------------

# The FUSE mounts below $dir, last mounted first.
mounts() {
	findmnt -rn -o TARGET,FSTYPE | awk -v d="$dir/" 'index($1, d) == 1 && $2 ~ /^fuse/ { print $1 }' | tac
}

# Connection number of the FUSE mount at $1, from its device, without
# touching the mount itself.
connection() {
	local dev
	dev=$(findmnt -rn -o MAJ:MIN -- "$1" | tail -n 1)
	[[ -n $dev ]] && echo "${dev##*:}"
}

# A daemon of this test is one whose environment names $dir.
daemon_pids() {
	local p
	for p in $(pgrep -x secretfs); do
		[[ $(tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null) == *"$dir"* ||
			$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) == *"$dir"* ]] && echo "$p"
	done
	return 0
}

daemons() {
	local p
	for p in $(daemon_pids); do ps -o pid,ppid,stat,args -p "$p" --no-headers; done
}

# kill_daemons: all their processes, which start each other again.
kill_daemons() {
	local pids
	while pids=$(daemon_pids) && [[ -n $pids ]]; do
		# shellcheck disable=SC2086 # one word each
		kill -STOP $pids 2>/dev/null || :
		# shellcheck disable=SC2086
		kill -KILL $pids 2>/dev/null || :
	done
}

no_daemon() { [[ -z $(daemon_pids) ]]; }

no_zombies() { [[ -z $(zombies) ]]; }
zombies() { ps -eo stat=,pid=,comm= | awk '$1 ~ /^Z/ && $3 ~ /^secret/'; }

# unmount_all: politely, then by aborting the connection, which nothing can
# block.
unmount_all() {
	local m c
	for m in $(mounts); do
		timeout 10 umount "$m" 2>/dev/null && continue
		c=$(connection "$m")
		mountpoint -q /sys/fs/fuse/connections || mount -t fusectl fusectl /sys/fs/fuse/connections
		[[ -z $c ]] || echo 1 >"/sys/fs/fuse/connections/$c/abort" || :
		timeout 10 umount -l "$m" || :
	done
}

is_mounted() { findmnt -rn -- "$1" >/dev/null; }
is_not_mounted() { ! is_mounted "$1"; }

# --- secretctl, secretfs --------------------------------------------------------

# init_store [PROJECT...]: a fresh store with the projects declared. The
# starter policy declares Flyte's domains and flytesnacks.
init_store() {
	local p
	secretctl init >"$dir/init.out"
	for p in "$@"; do secretctl create project "$p" >/dev/null; done
}

# put NAME VALUE [FLAG...]: creates or replaces a secret.
put() {
	local name=$1 value=$2
	shift 2
	printf %s "$value" | secretctl create secret "$name" --replace "$@" - >/dev/null
}

# mount_at PATH [FLAG...]: mounts through secretctl and waits until it is there.
# The daemon must not hold the file descriptors that bats waits for.
mount_at() {
	local path=$1
	shift
	mkdir -p "$path"
	secretctl mount "$path" "$@" >/dev/null 3>&- 4>&-
	wait_for 10 is_mounted "$path" || fail "no mount at $path"
}

# --- other users ------------------------------------------------------------------

# as_uid UID COMMAND...: as that user and group, without other groups.
as_uid() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$@"
}

# as_ids UID GID GROUPS COMMAND...: GROUPS comma separated.
as_ids() {
	local uid=$1 gid=$2 groups=$3
	shift 3
	setpriv --reuid="$uid" --regid="$gid" --groups="$groups" -- "$@"
}

# --- saying what is expected --------------------------------------------------------

# same WANTED GOT [WHAT]
same() {
	[[ $1 == "$2" ]] || fail "${3:-value}: wanted '$1', got '$2'"
}

# same_bytes FILE FILE
same_bytes() {
	cmp -- "$1" "$2"
}

# holds TEXT PART
holds() {
	[[ $1 == *"$2"* ]] || fail "wanted '$2' in: $1"
}

lacks() {
	[[ $1 != *"$2"* ]] || fail "did not want '$2' in: $1"
}

# errno_of COMMAND...: the errno name that opening a file or such a call ends in.
open_errno() {
	/usr/bin/python3 - "$1" "${2:-r}" <<-'PY'
		import errno, os, sys
		flags = {'r': os.O_RDONLY, 'w': os.O_WRONLY, 'rw': os.O_RDWR, 'c': os.O_WRONLY | os.O_CREAT}
		try:
		    os.close(os.open(sys.argv[1], flags[sys.argv[2]]))
		    print('OK')
		except OSError as e:
		    print(errno.errorcode[e.errno])
	PY
}

# --- prompts ------------------------------------------------------------------------

# at_terminal ANSWER COMMAND...: runs it on a terminal and types ANSWER at each
# prompt that has no echo. What the terminal showed is printed, the exit
# status kept.
at_terminal() {
	ANSWER=$1 expect -f - -- "${@:2}" <<-'EXPECT'
		set timeout 20
		log_user 1
		spawn -noecho {*}$argv
		expect {
			-re {: ?$} { send -- "$env(ANSWER)\r"; exp_continue }
			timeout { puts "no end"; exit 124 }
			eof
		}
		exit [lindex [wait] 3]
	EXPECT
}

# --- the system's own paths -----------------------------------------------------------

# own_etc: a copy of /etc in its place, for a test that changes it; own_etc_end.
own_etc() {
	[[ -n ${SECRETFS_TEST_NAMESPACE:-} ]] ||
		fail "this test mounts over /etc: run it with 'make check T=${BATS_TEST_FILENAME##*/}'"
	mkdir "$dir/etc-copy"
	mount -t tmpfs -o mode=0755 etc "$dir/etc-copy"
	cp -a /etc/. "$dir/etc-copy/"
	mount --move "$dir/etc-copy" /etc
}
own_etc_end() { umount -l /etc; }

# default_paths: for a test of the defaults. A copy of /etc and nothing of ours there, nor in
# /usr/local, /var/lib and /run, in the world that the runner gives each file of tests.
default_paths() {
	local v
	for v in ROOT_KEY POLICY BUNDLES STORE STATE MOUNT RUN; do unset "SECRETFS_$v"; done
	own_etc
	rm -rf /etc/secretfs /etc/flyte
	mount -t tmpfs -o mode=0755 local /usr/local
	mount -t tmpfs -o mode=0755 lib /var/lib
	rm -rf /run/secretfs
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

default_paths_end() {
	umount -l /var/lib /usr/local /etc
}

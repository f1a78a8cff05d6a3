# SPDX-License-Identifier: ISC
#
# secretctl doctor and check --prune: what is wrong with a host, and what lies about in its store.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store p1
	put K one
	secretctl create bundle >/dev/null
}
teardown() { sandbox_end; }

# finding CHECK [PART]: "state mend" of what doctor says of it, where PART is in the finding
finding() {
	secretctl doctor -o json |
		jq -r --arg check "$1" --arg part "${2:-}" \
			'.[] | select(.check == $check and (.finding | contains($part))) | .state + " " + (.mend // "")' | sort -u
}

@test "doctor: nothing to mend on a host that works" {
	mount_at "$dir/mnt"
	run -0 secretctl doctor
	lacks "$output" " mend "
	holds "$output" "$dir/mnt answers"
	run -0 --separate-stderr secretctl doctor -o json
	jq -e 'all(.[]; .state == "ok" or .state == "note")' <<<"$output"
	same "" "$stderr"
}

@test "doctor: fusermount3 cannot unmount without /etc/mtab" {
	[[ -u $(command -v fusermount3) ]] || skip "fusermount3 is not setuid"
	own_etc
	rm -f /etc/mtab
	line=$(finding fusermount3 "only root can unmount")
	holds "$line" "note ln -s "
	bash -c "${line#note }"
	finding=$(finding fusermount3)
	own_etc_end
	holds "$finding" ok
}

@test "doctor: locate's database would hold the names of what is mounted" {
	own_etc
	for conf in 'PRUNEFS="NFS nfs4 tmpfs"' ' PRUNEFS = "NFS"' 'PRUNE_BIND_MOUNTS="yes"'; do
		printf '%s\n' "$conf" >/etc/updatedb.conf
		line=$(finding updatedb)
		[[ $line == "note "* ]] || break
		bash -c "${line#note }"
		grep -q 'fuse.secretfs' /etc/updatedb.conf || break
		[[ $(finding updatedb) == "ok " ]] || break
		line=fixed
	done
	conf=$(cat /etc/updatedb.conf)
	rm /etc/updatedb.conf
	absent=$(finding updatedb)
	own_etc_end
	same fixed "$line" "$conf"
	same "ok " "$absent"
}

@test "doctor: each fault with the command that fixes it, and fixed by it" {
	mended() {
		run -1 secretctl doctor
		line=$(finding "$1" | grep '^mend ')
		bash -c "${line#mend }" >/dev/null
		run -0 secretctl doctor
	}
	chmod 0644 "$SECRETFS_ROOT_KEY"
	mended "root key"
	same 400 "$(stat -c %a "$SECRETFS_ROOT_KEY")"
	chown 4000 "$SECRETFS_ROOT_KEY"
	mended "root key"
	chmod 0666 "$SECRETFS_POLICY"
	mended policy
	chmod 0777 "$SECRETFS_STORE"
	mended store
	chmod 0777 "$SECRETFS_STATE"
	mended state
	chmod 0777 "$SECRETFS_BUNDLES"
	mended bundles
	chmod 0444 "$SECRETFS_BUNDLES/organization.bundle"
	mended bundle
	mv "$SECRETFS_BUNDLES/organization.bundle" "$dir/keep"
	secretctl rotate scope --begin >/dev/null
	secretctl rotate scope --finish >/dev/null
	mv "$dir/keep" "$SECRETFS_BUNDLES/organization.bundle"
	mended bundle
}

@test "doctor: a policy that does not parse, a damaged bundle, a revoked writer" {
	secretctl create writer ci -p p1 >/dev/null
	cp "$SECRETFS_BUNDLES/ci.bundle" "$dir/keep"
	secretctl delete writer ci --yes >/dev/null
	mv "$dir/keep" "$SECRETFS_BUNDLES/ci.bundle"
	same "mend secretctl delete bundle ci" "$(finding bundle | grep mend)"
	secretctl delete bundle ci >/dev/null
	install -m 0400 /dev/null "$SECRETFS_BUNDLES/empty.bundle"
	holds "$(finding bundle)" "mend rm "
	rm "$SECRETFS_BUNDLES/empty.bundle"
	echo '[nonsense' >>"$SECRETFS_POLICY"
	run -1 secretctl doctor
	holds "$output" "\${EDITOR:-vi} +"
}

@test "doctor: a clock behind the newest commit" {
	# for one process, not for the machine
	cat >"$dir/clock.c" <<-'C'
		#define _GNU_SOURCE
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>
		int clock_gettime(clockid_t c, struct timespec *t)
		{
			int r = (int)syscall(SYS_clock_gettime, c, t);
			if (r == 0 && c == CLOCK_REALTIME)
				t->tv_sec -= 3600;
			return r;
		}
	C
	gcc -shared -fPIC -o "$dir/clock.so" "$dir/clock.c"
	same "ok " "$(finding clock)"
	run -1 env LD_PRELOAD="$dir/clock.so" secretctl doctor
	holds "$output" "is before the newest commit (organization)"
	holds "$output" "timedatectl set-ntp true"
	# without the root key, by the bundles
	run -1 env LD_PRELOAD="$dir/clock.so" SECRETFS_ROOT_KEY="$dir/none" secretctl doctor
	holds "$output" "timedatectl set-ntp true"
}

@test "doctor: a stale mount, one that is stuck, one that is recorded only" {
	mount_at "$dir/mnt"
	# shellcheck disable=SC2046 # pids
	kill -STOP $(daemon_pids)
	SECONDS=0
	holds "$(finding mount "$dir")" "mend secretctl umount --lazy $dir/mnt && secretctl mount $dir/mnt"
	((SECONDS < 10))
	# shellcheck disable=SC2046 # pids
	kill -CONT $(daemon_pids)
	kill_daemons
	wait_for 5 no_daemon
	if is_mounted "$dir/mnt"; then
		run -1 secretctl doctor
		holds "$output" "is stale"
		umount -l "$dir/mnt"
	fi
	same "note secretctl mount $dir/mnt" "$(finding mount "$dir")"
}

@test "doctor: locked memory, and the propagation that Docker asks for" {
	mount_at "$dir/mnt"
	mount --make-rprivate /
	holds "$(finding propagation "$dir")" "note mount --make-rshared"
	mount --make-rshared /
	same "ok " "$(finding propagation "$dir")"
	mount --make-rprivate /
	run -1 as_uid 4000 env HOME=/nonexistent sh -c 'ulimit -l 0; secretctl doctor'
	holds "$output" "no memory can be locked"
}

# --- check --prune ------------------------------------------------------------------

objects() { find "$SECRETFS_STORE/objects" -type f | wc -l; }

# stray SCOPEDIR NAME: an object that no commit names
stray() { head -c 300 /dev/urandom >"$1/$(printf %s "$2" | sha256sum | cut -c1-64)"; }

# seen_before SECONDS: as if the checks so far had been that long ago
seen_before() { sed -i -E "s/^[0-9]+/$(($(date +%s) - $1))/" "$SECRETFS_STATE"/*/strays; }

@test "check --prune: only what a check saw a day ago, and never what is named" {
	n=$(objects)
	scope=$(find "$SECRETFS_STORE/objects" -mindepth 1 -maxdepth 1 -type d | head -n 1)
	stray "$scope" a
	stray "$scope" b
	run -0 secretctl check
	holds "$output" "2 strays"
	same 600 "$(stat -c %a "$SECRETFS_STATE"/*/strays)"
	same 2 "$(grep -cE '^[0-9]+ objects/[0-9a-f]+/[0-9a-f]{64}$' "$SECRETFS_STATE"/*/strays)"
	run -0 secretctl check --prune
	same $((n + 2)) "$(objects)"
	seen_before 90000
	stray "$scope" c
	run -0 secretctl check --prune -o json
	same "2 1 true" "$(jq -r '"\(.pruned) \(.strays) \(.whole)"' <<<"$output")"
	same $((n + 1)) "$(objects)"
	# the one that went is forgotten
	same 1 "$(wc -l <"$(echo "$SECRETFS_STATE"/*/strays)")"
	run -0 secretctl check --prune --older-than 2h
	same $((n + 1)) "$(objects)"
	run -0 --separate-stderr secretctl check --prune --older-than 0s
	holds "$stderr" "a writer that is at work"
	same "$n" "$(objects)"
	run -2 secretctl check --older-than 2h
	run -2 secretctl check --prune --older-than soon
	run -0 secretctl check
	same one "$(secretctl get secret K --reveal)"
}

@test "check --prune: what a lost page or commit named is no stray" {
	for n in 1 2 3; do put "K$n" v; done
	cp -a "$SECRETFS_STORE" "$dir/whole"
	# each object lost in turn: nothing of its scope may go
	while read -r lost; do
		rm "$SECRETFS_STORE/$lost"
		left=$(objects)
		if ! secretctl check >/dev/null 2>&1; then
			[[ ! -e $(echo "$SECRETFS_STATE"/*/strays) ]] || seen_before 90000
			secretctl check --prune >/dev/null 2>&1 || :
			same "$left" "$(objects)" "$lost is lost"
		fi
		rm -rf "$SECRETFS_STORE"
		cp -a "$dir/whole" "$SECRETFS_STORE"
	done < <(cd "$dir/whole" && find objects -type f)
	run -0 secretctl check
}

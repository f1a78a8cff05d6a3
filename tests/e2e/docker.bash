# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2154 # dir is set by helper.bash
#
# A real dockerd of the test's own: its data, sockets and images lie below
# $dir, it makes no bridge and no firewall rule, and it ends with the test.
# Needs `sandbox` before. Use:
#
#	docker_start
#	in_container MOUNT COMMAND...
#	docker_stop

# Debian's client beside Debian's daemon, whatever else stands in PATH.
docker_bin=/usr/bin/docker

docker() {
	"$docker_bin" -H "unix://$dir/docker/sock" "$@"
}

docker_answers() {
	kill -0 "$dockerd_pid" 2>/dev/null || return 0 # dead: no use in waiting
	docker version >/dev/null 2>&1
}

# docker_start: a running daemon and the image "busybox:test".
docker_start() {
	mkdir -p "$dir/docker"
	# cgroupfs: the daemon runs where systemd's bus may not know its processes
	# containerd makes directories there, which this test's world is to keep for itself
	[[ -e /opt/containerd || -z ${SECRETFS_TEST_NAMESPACE:-} ]] || mount -n -t tmpfs -o mode=0755 opt /opt
	dockerd --data-root "$dir/docker/data" --exec-root "$dir/docker/exec" \
		--pidfile "$dir/docker/pid" -H "unix://$dir/docker/sock" \
		--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/${dir##*/}-secretfs" \
		--iptables=false --ip6tables=false --bridge=none --storage-driver=vfs \
		>"$dir/docker/log" 2>&1 3>&- 4>&- &
	dockerd_pid=$!
	disown
	if ! wait_for 60 docker_answers || ! docker version >/dev/null; then
		tail -n 40 "$dir/docker/log" >&2
		fail "dockerd does not answer"
	fi
	docker_image
}

# The image: Debian's static busybox and its applets, and nothing else.
docker_image() {
	local root=$dir/docker/image a
	mkdir -p "$root/bin" "$root/etc" "$root/tmp"
	chmod 1777 "$root/tmp"
	cp /bin/busybox "$root/bin/"
	for a in $("$root/bin/busybox" --list); do
		[[ $a == busybox ]] || ln -s busybox "$root/bin/$a"
	done
	printf 'root:x:0:0::/:/bin/sh\ntask:x:1000:1000::/:/bin/sh\n' >"$root/etc/passwd"
	tar -C "$root" -c . | docker import - busybox:test >/dev/null
}

# docker_stop: the containers first, then the daemon, then what it mounted.
docker_stop() {
	local id m
	[[ -n ${dockerd_pid:-} ]] || return 0
	if kill -0 "$dockerd_pid" 2>/dev/null; then
		for id in $(timeout 20 "$docker_bin" -H "unix://$dir/docker/sock" ps -aq 2>/dev/null); do
			timeout 20 "$docker_bin" -H "unix://$dir/docker/sock" rm -f "$id" >/dev/null 2>&1 || :
		done
		kill -TERM "$dockerd_pid"
		wait_for 20 dockerd_is_gone || kill -KILL "$dockerd_pid"
	fi
	pgrep -f -- "$dir/docker/exec/" | xargs -r kill -KILL
	for m in $(findmnt -rn -o TARGET | grep -F "$dir/docker/" | tac); do umount -l "$m" || :; done
	find /sys/fs/cgroup -depth -type d -path "*/${dir##*/}-secretfs*" -exec rmdir {} + 2>/dev/null || :
	dockerd_pid=
}

dockerd_is_gone() { ! kill -0 "$dockerd_pid" 2>/dev/null; }

# in_container MOUNT COMMAND...: as uid 1000, with MOUNT where Flyte's tasks
# look for secrets.
in_container() {
	local source=$1
	shift
	docker run --rm --network none --user 1000:1000 -v "$source:/etc/flyte/secrets:ro" busybox:test "$@"
}

# container_up NAME MOUNT [FLAG...]: one that stays, for `docker exec NAME …`.
container_up() {
	local name=$1 source=$2
	shift 2
	docker run -d --name "$name" --network none --user 1000:1000 \
		-v "$source:/etc/flyte/secrets:ro" "$@" busybox:test sleep 3600 >/dev/null
}

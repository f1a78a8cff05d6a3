# SPDX-License-Identifier: ISC
#
# Idle processors are kept awake while requests come one upon the other, and
# not a moment longer. What holds for the host is what the device says; who
# else asks for it here are other mounts, for milliseconds.

# shellcheck disable=SC2154 # dir and repo are set by helper.bash
load helper
load readers

setup() {
	sandbox
	[[ -c /dev/cpu_dma_latency ]] || fail "no /dev/cpu_dma_latency here"
	init_store shop
	put KEY value:vvvv
	mnt=$dir/mnt
	readers_build
}

teardown() {
	readers_kill
	sandbox_end
}

fact() { [[ $(secretctl get mount "$mnt" -o json | jq -c "$1") == "$2" ]]; }
server() { secretctl get mount "$mnt" -o json | jq .server.pid; }
latency() { od -An -td4 -N4 /dev/cpu_dma_latency | tr -d ' '; }
host_awake() { [[ $(latency) == 0 ]]; }
host_asleep() { ! host_awake; }

# read_apart: a reader and its server, each on a processor of its own, so that
# one has to wake the other whatever else runs here.
read_apart() {
	taskset -a -p -c 1 "$(server)" >/dev/null
	read_on "$mnt/KEY"
	taskset -p -c 0 "${readers[0]}" >/dev/null
}

@test "processors are kept awake for a busy reader, and let go after it" {
	mount_at "$mnt"
	fact .server.awake false
	read_apart
	wait_for 30 fact .server.awake true
	wait_for 30 host_awake
	no_error
	wait_for 10 fact .server.awake false
	wait_for 10 host_asleep
}

@test "a server that is killed meanwhile leaves nothing behind" {
	mount_at "$mnt" -o hang=0
	pid=$(server)
	read_apart
	wait_for 30 fact .server.awake true
	kill -STOP "$pid"
	# now, or let go a moment before: then there was nothing to see
	if fact .server.awake true; then
		wait_for 30 host_awake
	fi
	readers_kill
	kill -KILL "$pid"
	wait_for 10 fact .server.awake false
	wait_for 10 host_asleep
}

@test "not with nolinger" {
	mount_at "$mnt" -o nolinger
	run ls -l "/proc/$(server)/fd"
	lacks "$output" cpu_dma_latency
	secretctl umount "$mnt"
	mount_at "$mnt"
	run ls -l "/proc/$(server)/fd"
	holds "$output" cpu_dma_latency
}

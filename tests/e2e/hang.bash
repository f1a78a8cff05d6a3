# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # dir and repo are set by helper.bash; what is set is for the test
#
# A directory that can be made to hang (hang.c). Needs `sandbox` before. Use:
#
#	hang_build
#	hang_mount DIRECTORY	seen at $hang_at from then on
#	hang_stop, hang_go_on
#	hang_end		in teardown, before sandbox_end

hang_pid=''

hang_build() {
	# shellcheck disable=SC2046 # words
	cc -O2 -D_GNU_SOURCE -o "$dir/hang" "$repo/tests/e2e/hang.c" $(pkg-config --cflags --libs fuse3)
}

hang_mount() {
	hang_at=$dir/hangs
	mkdir -p "$hang_at"
	"$dir/hang" "$1" "$hang_at" >"$dir/hang.out" 2>&1 3>&- 4>&- &
	hang_pid=$!
	wait_for 10 is_mounted "$hang_at"
}

hang_stop() { kill -STOP "$hang_pid"; }
hang_go_on() { kill -CONT "$hang_pid"; }

# hang_end: whoever hangs is let go, and nothing waits for it any more.
hang_end() {
	[[ -n $hang_pid ]] || return 0
	hang_go_on
	umount -l "$hang_at" 2>/dev/null || :
	kill "$hang_pid" 2>/dev/null || :
	wait "$hang_pid" 2>/dev/null || :
	hang_pid=''
}

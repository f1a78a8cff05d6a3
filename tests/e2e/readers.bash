# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2154 # dir and repo are set by helper.bash
#
# Programs that read a secret on and on while something happens to it
# (readers.c). Needs `sandbox` before. Use:
#
#	readers_build
#	read_on FILE	whose value begins with "value:" and goes on with one letter
#	no_error
#	readers_kill	in teardown

readers=() # process ids

readers_build() { cc -O2 -static -o "$dir/readers" "$repo/tests/e2e/readers.c"; }

# read_on FILE [hold]: one more of them.
read_on() {
	"$dir/readers" "$1" value: ${2:+"$2"} >"$dir/reader.${#readers[@]}" 2>&1 3>&- 4>&- &
	readers+=($!)
}

# no_error [MOST]: they end, and each of them saw that many errors at most (0)
# and no wrong value.
no_error() {
	local i n=${#readers[@]}
	kill -TERM "${readers[@]}"
	for i in "${readers[@]}"; do wait "$i" || :; done
	readers=()
	sed 's/^/# /' "$dir"/reader.* >&3
	same "$n" "$(cat "$dir"/reader.* | grep -c " failed [0-${1:-0}] wrong 0 ")" "readers with ${1:-0} errors or fewer: $(cat "$dir"/reader.*)"
}

readers_kill() { kill "${readers[@]}" 2>/dev/null || :; }

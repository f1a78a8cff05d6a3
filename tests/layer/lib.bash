# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# For the layer tests: run in the top directory, report each offence, and
# let `finish` say how it went.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
B=${B:-build}
offences=0

# files [PATHSPEC...]: the project's files, also where git is not there or the
# tree is a tarball.
files() {
	git -c safe.directory="$PWD" ls-files -- "$@" 2>/dev/null && return
	find . -name .git -prune -o -path ./build -prune -o -type f -print | sed 's#^\./##' |
		while IFS= read -r f; do
			local p
			for p in "${@:-*}"; do
				# shellcheck disable=SC2053,SC2254 # a pattern
				case $f in $p) echo "$f" && break ;; esac
			done
		done
}

# offend RULE: takes offences on standard input, one a line.
offend() {
	local line
	while IFS= read -r line; do
		printf '%s: %s\n' "$1" "$line"
		offences=$((offences + 1))
	done
}

finish() {
	((offences == 0))
	exit
}

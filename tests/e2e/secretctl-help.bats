# SPDX-License-Identifier: ISC
#
# --help and the page say the same: every command and flag of one is in the other.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() { sandbox; }
teardown() { sandbox_end; }

page() { mandoc -Tutf8 -O width=1000 "$repo/man/secretctl.1" | col -bx; }

# "create secret" and such, one a line
commands() {
	secretctl --help | awk '/^$/ { n++ } n == 1 && /^  / { print }' | sed -E 's/^  //; s/  +.*//'
}

flags_of() {
	# shellcheck disable=SC2046,SC2086 # words
	secretctl $1 --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
}

@test "every command and flag of --help is in the page" {
	page >"$dir/page"
	commands >"$dir/commands"
	[[ $(wc -l <"$dir/commands") -gt 10 ]]
	while read -r command; do
		grep -qE "^ +secretctl $command( |$)" "$dir/page" || fail "the page lacks: $command"
		for flag in $(flags_of "$command"); do
			grep -qF -e "$flag" "$dir/page" || fail "the page lacks: $flag of $command"
		done
	done <"$dir/commands"
}

@test "every command and flag of the page is in --help" {
	page >"$dir/page"
	commands >"$dir/commands"
	{ flags_of "" && while read -r command; do flags_of "$command"; done <"$dir/commands"; } | sort -u >"$dir/flags"
	grep -oE -- '(^|[^-a-z])--[a-z][a-z-]+' "$dir/page" | grep -oE -- '--[a-z-]+' | sort -u >"$dir/said"
	run -0 comm -13 "$dir/flags" "$dir/said"
	same "" "$output" "flags that are only in the page"
	sed -nE 's/^\.It Nm Cm ([a-z]+( [a-z]+)?)( .*)?$/\1/p' "$repo/man/secretctl.1" | sort -u >"$dir/shown"
	[[ $(wc -l <"$dir/shown") -gt 10 ]]
	while read -r words; do
		grep -qxF -e "$words" -e "${words%% *}" "$dir/commands" || fail "only in the page: $words"
	done <"$dir/shown"
}

@test "the page lints, and has EXAMPLES and EXIT STATUS" {
	run -0 mandoc -Tlint -Wwarning "$repo/man/secretctl.1"
	grep -q '^\.Sh EXAMPLES' "$repo/man/secretctl.1"
	grep -q '^\.Sh EXIT STATUS' "$repo/man/secretctl.1"
}

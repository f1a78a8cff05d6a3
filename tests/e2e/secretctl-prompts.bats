# SPDX-License-Identifier: ISC
#
# Every prompt of secretctl, on a terminal: nothing that is typed is echoed, two answers that
# differ are refused, and Ctrl-C leaves terminal and store as they were.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store
	put OLD old
	secretctl create secret EXPORTED - <<<exported >/dev/null
	printf 'canary-phrase\n' >"$dir/phrase"
	chmod 600 "$dir/phrase"
	secretctl export "$dir/archive" --passphrase-file "$dir/phrase" >/dev/null
}
teardown() { sandbox_end; }

# Prompts that ask for something new, twice; and those that ask for what there is, once.
new_prompts=('create secret K' 'update secret OLD' 'create slot passphrase' 'export FILE')
old_prompts=('restore ARCHIVE --replace' 'get slot'
	'create secret PULL --type image_pull --registry r.example --username u')

# line TEXT: the command line of a prompt
line() {
	local text=${1/FILE/$dir/out}
	echo "${text/ARCHIVE/$dir/archive}"
}

# locked: from now on the root key asks for its passphrase
locked() {
	secretctl create slot passphrase --passphrase-file "$dir/phrase" >/dev/null
	secretctl delete slot file --yes >/dev/null
}

# typed LINES COMMAND...: types a line of LINES at each prompt; prints what the terminal showed
typed() {
	# shellcheck disable=SC2086 # words
	TYPE=$1 expect -f - -- "${@:2}" <<-'EXPECT'
		set timeout 5
		spawn -noecho secretctl {*}$argv
		set n 0
		foreach line [split $env(TYPE) "\n"] {
			expect {
				-re {(: ?|\[y/N\] )$} { send -- "$line\r"; incr n }
				timeout { puts "no prompt"; exit 124 }
				eof { puts "only $n prompts"; exit 125 }
			}
		}
		expect {
			timeout { puts "one prompt more"; exit 123 }
			eof
		}
		exit [lindex [wait] 3]
	EXPECT
}

# whole: the store, the key and the policy are as they were
state() { find "$dir/etc" "$SECRETFS_STORE" "$dir"/out* -type f -exec sha256sum {} + 2>/dev/null | sort; }

@test "no echo, and no word of it in any message" {
	for text in "${new_prompts[@]}"; do
		# shellcheck disable=SC2046 # words
		run -0 typed $'canary-typed\ncanary-typed' $(line "$text")
		lacks "$output" canary
	done
	# the slot of the test above takes the phrase it was given
	secretctl delete slot file --yes >/dev/null
	# shellcheck disable=SC2046 # words
	run -0 typed canary-typed get slot
	lacks "$output" canary
	run -0 typed $'canary-typed\ncanary-phrase' restore "$dir/archive" --replace
	lacks "$output" canary
	run -0 typed $'canary-password\ncanary-typed' create secret PULL --type image_pull --registry r.example --username u
	lacks "$output" canary
	# a wrong one
	run -1 typed canary-wrong get slot
	lacks "$output" canary
}

@test "two that differ are refused, and nothing is done" {
	before=$(state)
	for text in "${new_prompts[@]}"; do
		# shellcheck disable=SC2046 # words
		run -1 typed $'canary-one\ncanary-two' $(line "$text")
		lacks "$output" canary
		holds "$output" differ
		same "$before" "$(state)" "$text"
	done
}

# interrupted LINE...: Ctrl-C in the middle of an answer, in a shell whose terminal is looked at
interrupted() {
	LINE="secretctl $*" expect -f - <<-'EXPECT'
		set timeout 5
		proc wanted {what} {
			global expect_out
			expect {
				-re $what {}
				timeout { puts "no $what"; exit 1 }
				eof { puts "ended before $what"; exit 1 }
			}
		}
		spawn -noecho env PS1=ready>\  sh
		wanted "ready> $"
		send "stty -g | tr -d '\\n' | sed 's/^/before=/;s/\$/./'; echo\r"
		wanted {before=([0-9a-f:]+)\.}
		set before $expect_out(1,string)
		wanted "ready> $"
		send -- "$env(LINE)\r"
		wanted {: $}
		send "canary-ha"
		sleep 0.1
		send "\x03"
		wanted "ready> $"
		send "echo status=\$?.\r"
		wanted {status=130\.}
		wanted "ready> $"
		send "stty -g | tr -d '\\n' | sed 's/^/after=/;s/\$/./'; echo\r"
		wanted {after=([0-9a-f:]+)\.}
		if {$before ne $expect_out(1,string)} { puts "the terminal has changed"; exit 1 }
		send "exit\r"
		expect eof
	EXPECT
}

@test "Ctrl-C at any prompt leaves terminal and store whole" {
	before=$(state)
	for text in "${new_prompts[@]}" "${old_prompts[@]}"; do
		[[ $text != 'get slot' ]] || continue
		run -0 interrupted "$(line "$text")"
		lacks "$output" canary
		same "$before" "$(state)" "$text"
	done
	locked
	before=$(state)
	run -0 interrupted get slot
	lacks "$output" canary
	same "$before" "$(state)" "get slot"
}

@test "asked of nobody: without a terminal a prompt is an error at once" {
	for text in 'create slot passphrase' 'export FILE' 'restore ARCHIVE --replace'; do
		# shellcheck disable=SC2046 # words
		run -1 timeout 10 setsid -w secretctl $(line "$text") </dev/null
		holds "$output" "--passphrase-file"
	done
}

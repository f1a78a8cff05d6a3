# SPDX-License-Identifier: ISC
#
# Completion in the shells themselves: verbs, nouns, flags, names; never a value, never a prompt.

# shellcheck disable=SC2154,SC2016 # dir is set by sandbox; the shells under test expand
load helper
setup() {
	sandbox
	init_store shop
	put MY_KEY canary-value
	put db/PASSWORD canary-value -p shop
	put ONLY_PROD canary-value -p shop -d production
	secretctl create writer shop-ci -p shop >/dev/null
	secretctl create bundle -p shop -d production >/dev/null
}
teardown() { sandbox_end; }

# bash_at WORD...: what bash offers where the last WORD is being typed
bash_at() {
	bash --norc -c '
		. <(secretctl completion bash)
		COMP_WORDS=(secretctl "$@") COMP_CWORD=$#
		_secretctl
		((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"
	' bash "$@" </dev/null | sort | paste -sd ' '
}

@test "bash: verbs, nouns and flags are those of --help" {
	same "$(secretctl --help | awk '/^$/ { n++ } n == 1 && /^  / { print $1 }' | sort -u | paste -sd ' ')" "$(bash_at '')"
	same "umount update" "$(bash_at u)"
	same "bundle domain mount project secret slot writer" "$(bash_at get '')"
	same "$(secretctl update secret --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort | paste -sd ' ')" \
		"$(bash_at update secret --)"
	same "--reveal" "$(bash_at get secret K --re)"
	lacks "$(bash_at get secret -p shop --)" --project
	same "" "$(bash_at nonsense '')"
}

@test "bash: names of secrets, in the scope that is typed" {
	same MY_KEY "$(bash_at get secret '')"
	same MY_KEY "$(bash_at get secrets my)"
	same db/PASSWORD "$(bash_at update secret -p shop '')"
	same ONLY_PROD "$(bash_at delete secret --project=shop --domain production '')"
	same "MY_KEY ONLY_PROD db/PASSWORD" "$(LC_ALL=C bash_at explain -p shop -d production '')"
	same "MY_KEY" "$(bash_at run --secret '')"
	same "A=MY_KEY" "$(bash_at run --secret=A=M | sed 's/^--secret=//')"
	same "" "$(bash_at create secret '')"
	same "" "$(bash_at update secret MY_KEY '')"
}

@test "bash: projects, domains, bundles, writers, choices, files" {
	same "flytesnacks shop" "$(bash_at get secret -p '')"
	same "production" "$(bash_at get secret --domain prod)"
	# as bash splits it
	same "staging" "$(bash_at get secret --domain = stag)"
	same "flytesnacks shop" "$(bash_at get secret --project =)"
	same "flytesnacks shop" "$(bash_at delete project '')"
	same "shop+production shop-ci" "$(bash_at delete bundle '')"
	same shop-ci "$(bash_at rotate writer '')"
	same "bash fish zsh" "$(bash_at completion '')"
	same "json table yaml" "$(bash_at get secret -o '')"
	same "json prometheus table yaml" "$(bash_at get mount -o '')"
	same "file passphrase recovery" "$(bash_at create slot '')"
	touch "$dir/some.env"
	same "$dir/some.env" "$(bash_at import "$dir/so")"
	same "$dir/some.env" "$(bash_at create secret K -f "$dir/so")"
	mount_at "$dir/mnt"
	holds "$(bash_at umount '')" "$dir/mnt"
	holds "$(bash_at get mount '')" "$dir/mnt"
}

@test "without the root key: by the bundles, by a writer's, or from the mount; else nothing, in silence" {
	export SECRETFS_ROOT_KEY=$dir/none
	same ONLY_PROD "$(bash_at get secret -p shop -d production '')"
	same db/PASSWORD "$(SECRETFS_WRITER_BUNDLE=$SECRETFS_BUNDLES/shop-ci.bundle bash_at update secret '')"
	mount_at_root() { SECRETFS_ROOT_KEY=$dir/etc/root.key mount_at "$@"; }
	mount_at_root "$dir/mnt"
	same MY_KEY "$(SECRETFS_STORE=$dir/none bash_at run --secret '')"
	run -0 env SECRETFS_STORE="$dir/none" SECRETFS_MOUNT="$dir/none" SECRETFS_POLICY="$dir/none" \
		secretctl __complete < <(printf '%s\0' get secret '')
	same "" "$output"
}

@test "a root key with a passphrase is not asked for; nothing is changed, nothing is slow" {
	printf 'correct horse\n' >"$dir/phrase"
	chmod 600 "$dir/phrase"
	secretctl create slot passphrase --passphrase-file "$dir/phrase" >/dev/null
	secretctl delete slot file --yes >/dev/null
	before=$(find "$dir/etc" "$dir/var" -type f -exec sha256sum {} + | sort)
	SECONDS=0
	bash_at get secret '' >"$dir/out"
	bash_at get secret -p '' >>"$dir/out"
	((SECONDS < 5))
	holds "$(cat "$dir/out")" flytesnacks
	same "$before" "$(find "$dir/etc" "$dir/var" -type f -exec sha256sum {} + | sort)"
}

@test "no value is in what is offered, and none that is typed on a command line" {
	for words in 'get secret' 'get secret --' 'run --secret' 'update secret MY_KEY' 'explain'; do
		# shellcheck disable=SC2086 # words
		lacks "$(bash_at $words '')" canary
	done
	# the words go by a pipe
	strace -f -qq -e trace=execve -s 200 -o "$dir/trace" bash --norc -c '
		. <(secretctl completion bash)
		COMP_WORDS=(secretctl create secret K canary-typed --) COMP_CWORD=5
		_secretctl'
	grep -q __complete "$dir/trace"
	run ! sh -c "grep __complete '$dir/trace' | grep canary"
}

@test "fish" {
	command -v fish >/dev/null || skip "no fish"
	fish_at() { fish -N -c 'secretctl completion fish | source; complete -C $argv[1]' "$1" | cut -f 1 | sort | paste -sd ' '; }
	same "umount update" "$(fish_at 'secretctl u')"
	same MY_KEY "$(fish_at 'secretctl get secret ')"
	same db/PASSWORD "$(fish_at 'secretctl get secret -p shop ')"
	same "--project=flytesnacks --project=shop" "$(fish_at 'secretctl get secret --project=')"
	same "production" "$(fish_at 'secretctl get secret -d prod')"
	touch "$dir/some.env"
	holds "$(fish_at "secretctl import $dir/so")" "some.env"
}

@test "zsh" {
	command -v zsh >/dev/null || skip "no zsh"
	zsh_at() {
		zsh -f -c '
			compdef() { :; }
			compadd() { print -rl -- "${(P@)@[-1]}"; }
			_files() { print :files; }
			. <(secretctl completion zsh)
			words=(secretctl "$@") CURRENT=$#words
			_secretctl' zsh "$@" </dev/null | sort | paste -sd ' '
	}
	same "umount update" "$(zsh_at u)"
	same MY_KEY "$(zsh_at get secret '')"
	same db/PASSWORD "$(zsh_at get secret -p shop '')"
	same "--project=flytesnacks --project=shop" "$(zsh_at get secret --project=)"
	same ":files" "$(zsh_at import '')"
	same "" "$(zsh_at create secret '')"
}

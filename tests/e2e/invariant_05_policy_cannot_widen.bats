#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# Invariant 5: the policy file cannot widen a scope. Whatever it says, and it
# is let say a lot, a mount shows what its bundle's scopes hold and no more.

load helper

setup() {
	sandbox
	init_store beta
	# the same names in other scopes hold "NOT YOURS"; their own names too
	for s in '-p beta' '-d production' '-p flytesnacks -d production' '-p beta -d development' \
		'-p beta -d production'; do
		# shellcheck disable=SC2086
		put TOKEN 'NOT YOURS' $s
		# shellcheck disable=SC2086
		put "OTHER/$(tr -d ' -' <<<"$s")" 'NOT YOURS' $s
	done
	put ORG organization
	put TOKEN organization
	put group/v1/KEY project -p flytesnacks
	put TOKEN narrow -p flytesnacks -d development
	put DOMAIN domain -d development
	mnt=$dir/mnt
	secretctl create bundle --out "$dir/bundle" -p flytesnacks -d development >/dev/null
	secretctl create bundle --out "$dir/beta" -p beta -d production >/dev/null
	printf '%s\n' DOMAIN ORG TOKEN group group/v1 group/v1/KEY >"$dir/wanted"
	cp "$SECRETFS_POLICY" "$dir/starter.ini"
}
teardown() { sandbox_end; }

serve() {
	secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"
}

# The mount shows exactly the bundle's secrets, and what opens is theirs.
judge() {
	local f got
	find "$mnt" -mindepth 1 -printf '%P\n' | LC_ALL=C sort >"$dir/shown"
	diff "$dir/wanted" "$dir/shown" || fail "shown with the policy:" "$(cat "$SECRETFS_POLICY")"
	while IFS= read -r f; do
		[[ -f $mnt/$f ]] || continue
		got=$(cat "$mnt/$f" 2>/dev/null) || continue
		case $f in
		ORG) same organization "$got" ;;
		DOMAIN) same domain "$got" ;;
		TOKEN) same narrow "$got" ;;
		*KEY) same project "$got" ;;
		esac
		opened=$((opened + 1))
	done <"$dir/shown"
	for f in OTHER OTHER/pbeta OTHER/dproduction other ../store beta production; do
		[[ ! -e $mnt/$f ]] || fail "$f is there with the policy:" "$(cat "$SECRETFS_POLICY")"
	done
}

@test "a policy that names other scopes' secrets, and this mount as theirs" {
	opened=0
	cat >"$SECRETFS_POLICY" <<-INI
		[project flytesnacks]
		[project beta]
		[domain development]
		[domain production]
		[mount $mnt]
		project = beta
		domain = production
		bundle = $dir/beta
		owner = root
		mode = 0444
		[default]
		mode = 0444
		allow = *
		[scope organization]
		allow = *
		[scope project=beta domain=production]
		mode = 0444
		allow = *
		[scope domain=production]
		allow = *
		[secret TOKEN project=beta domain=production]
		allow = *
		[secret OTHER/pbeta]
		allow = *
		[secret OTHER/dproduction domain=production]
		allow = *
	INI
	# it may refuse to start upon such a contradiction; what it may not is to show
	if serve; then
		judge
		((opened > 0))
	else
		is_not_mounted "$mnt"
	fi
}

@test "the same, written while it is mounted" {
	opened=0
	serve
	judge
	before=$opened
	((before == 4))
	sed "s#^\[domain production\]#&\n[mount $mnt]\nproject = beta\ndomain = production\nmode = 0444\n#" \
		"$dir/starter.ini" >"$SECRETFS_POLICY"
	cat >>"$SECRETFS_POLICY" <<-'INI'
		[default]
		allow = *
		mode = 0444
		[secret TOKEN project=beta domain=production]
		allow = *
	INI
	judge
	((opened > before))
}

# policies SEED N: N policies, one a line with newlines as \n. Half of them are well formed and name
# whatever is not the mount's; the others have been cut, mixed and spoilt.
policies() {
	/usr/bin/python3 - "$1" "$2" "$mnt" "$dir" <<-'PY'
		import random, sys
		rnd = random.Random(int(sys.argv[1]))
		mnt, top = sys.argv[3], sys.argv[4]
		scopes = ['organization', 'project=flytesnacks', 'domain=development', 'domain=production',
		          'project=flytesnacks domain=development', 'project=flytesnacks domain=production',
		          'project=beta', 'project=beta domain=production', 'project=beta domain=development']
		names = ['TOKEN', 'ORG', 'DOMAIN', 'OTHER/pbeta', 'OTHER/dproduction', 'group/v1/KEY', 'elsewhere']
		odd = ['[scope project=* domain=*]', '[scope project=.. domain=..]', '[secret *]', '[secret ../TOKEN]',
		       '[scope project=flytesnacks/development]', '[secret OTHER/*]', '[include /etc/passwd]', '[x]',
		       'show = *', 'scope = *', 'bundle = ' + top + '/beta', 'project = beta', 'mode = 07777', 'allow =']
		def some(lines):
		    return ''.join(line + '\n' for line in lines if rnd.random() < .6)
		def access():
		    return some([rnd.choice(['mode = 0444', 'mode = 0400', 'mode = 0440', 'mode = 0004']),
		                 rnd.choice(['owner = 0', 'owner = nobody', 'group = 0']),
		                 rnd.choice(['allow = *', 'allow = uid:0', 'allow = uid:0,\n\tuid:1', 'allow = gid:0']),
		                 rnd.choice(['deny = uid:1', 'deny = gid:7', 'deny = uid:2'])])
		def policy():
		    text = ['[project flytesnacks]\n', '[project beta]\n', '[domain development]\n', '[domain production]\n',
		            '[default]\n' + access()]
		    mount = rnd.choice([mnt, mnt, mnt, '/elsewhere', top])
		    text.append(f'[mount {mount}]\nproject = beta\ndomain = production\n' +
		                some(['mode = 0444', 'owner = 0', f'bundle = {top}/beta']))
		    text += [f'[scope {s}]\n' + access() for s in rnd.sample(scopes, 3)]
		    text += [f'[secret {n}{rnd.choice(["", " " + rnd.choice(scopes)])}]\n' + access()
		             for n in rnd.sample(names, 4)]
		    rnd.shuffle(text)
		    return ''.join(text[rnd.randrange(3):])
		def spoil(text):
		    for _ in range(rnd.randrange(1, 4)):
		        lines = text.split('\n')
		        at = rnd.randrange(len(lines))
		        how = rnd.randrange(4)
		        if how == 0:
		            lines[at:at] = [rnd.choice(odd)]
		        elif how == 1:
		            del lines[at]
		        elif how == 2:
		            lines[at:at] = [lines[rnd.randrange(len(lines))]]
		        text = '\n'.join(lines)
		        if how == 3 and text:
		            at = rnd.randrange(len(text))
		            text = text[:at] + rnd.choice('[]=;#\n \t\x01/*') + text[at + rnd.randrange(3):]
		    return text
		for i in range(int(sys.argv[2])):
		    text = policy() if i % 2 else spoil(policy())
		    print(text.replace('\\', '').replace('\n', '\\n'))
	PY
}

@test "eighty policies, half of them nonsense" {
	opened=0 taken=0
	serve
	while IFS= read -r text; do
		printf '%b' "$text" >"$dir/next.ini"
		mv "$dir/next.ini" "$SECRETFS_POLICY"
		judge
	done < <(policies 5 80)
	taken=$(grep -c 'taken up\|a new server reads it' "$dir/log") || : # with names: by a new server
	refused=$(grep -c 'last good policy stays in force' "$dir/log") || :
	echo "# taken up $taken, refused $refused, opened $opened"
	((taken >= 20 && refused >= 10 && opened >= 150))
}

@test "started with any of two dozen policies" {
	opened=0 started=0
	while IFS= read -r text; do
		printf '%b' "$text" >"$SECRETFS_POLICY"
		if secretfs "$mnt" -o "bundle=$dir/bundle,log=stderr" 2>>"$dir/log"; then
			started=$((started + 1))
			judge
			umount "$mnt"
			wait_for 5 no_daemon
		else
			is_not_mounted "$mnt"
		fi
	done < <(policies 6 24)
	echo "# started $started"
	((started >= 5))
}

# SPDX-License-Identifier: ISC
#
# secretctl import: what it reads stays in locked memory and leaves none behind, a directory's files are
# its own, a message shows the place and never the text, and the usual limit of locked memory is enough.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store
}
teardown() { sandbox_end; }

reveal() { secretctl get secret "$@" --reveal; }

# traced FILE: imports FILE, stopped just before it ends, and prints in how many places of its memory
# the value still is.
left_in_memory() {
	/usr/bin/python3 - "$@" <<-'PY'
		import ctypes, os, signal, sys
		libc = ctypes.CDLL(None, use_errno=True)
		libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
		canary = b'canary-' * 3
		pid = os.fork()
		if pid == 0:
		    libc.ptrace(0, 0, None, None)
		    os.execvp('secretctl', ['secretctl', 'import'] + sys.argv[1:])
		os.waitpid(pid, 0)
		libc.ptrace(0x4200, pid, None, 0x40)  # PTRACE_SETOPTIONS, PTRACE_O_TRACEEXIT
		libc.ptrace(7, pid, None, None)
		while True:
		    _, status = os.waitpid(pid, 0)
		    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
		        sys.exit('it ended unseen')
		    if status >> 8 == (signal.SIGTRAP | 6 << 8):
		        break
		    libc.ptrace(7, pid, None, 0 if os.WSTOPSIG(status) == signal.SIGTRAP else os.WSTOPSIG(status))
		found = 0
		with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as mem:
		    for line in maps:
		        where, mode = line.split()[:2]
		        if 'w' not in mode or '[v' in line:
		            continue
		        start, end = (int(x, 16) for x in where.split('-'))
		        mem.seek(start)
		        try:
		            found += mem.read(end - start).count(canary)
		        except OSError:
		            pass
		libc.ptrace(7, pid, None, None)
		_, status = os.waitpid(pid, 0)
		print(found, os.waitstatus_to_exitcode(status))
	PY
}

@test "nothing of a value is left in memory: YAML, JSON, dotenv, a directory" {
	value=canary-canary-canary-canary-$RANDOM
	printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  PLAIN: "%s"\n  BLOCK: |\n    %s\ndata:\n  B64: %s\n' \
		"$value" "$value" "$(base64 -w0 <<<"$value")" >"$dir/s.yaml"
	printf '{"J":"%s","O":{"in":["%s"]}}' "$value" "$value" >"$dir/s.json"
	printf 'A=%s\nB="%s"\n' "$value" "$value" >"$dir/s.env"
	mkdir "$dir/d"
	printf %s "$value" >"$dir/d/F"
	for from in s.yaml s.json s.env d; do
		run -0 left_in_memory "$dir/$from"
		same "0 0" "${lines[-1]}" "$from"
	done
	same "$value" "$(reveal PLAIN)"
	same "$value" "$(reveal B64)"
	same "$value" "$(reveal J)"
	same "$value" "$(reveal B)"
}

@test "the usual limit of locked memory: a pipe, 10,000 secrets, forty of 1 MiB" {
	mkdir "$dir/big" "$dir/u"
	for i in $(seq 40); do head -c 1048576 /dev/urandom >"$dir/big/F$i"; done
	awk 'BEGIN { for (i = 1; i <= 10000; i++) printf "KEY_%05d=value-%05d\n", i, i }' >"$dir/many.env"
	jq -Rn '[inputs | split("=") | {(.[0]): .[1]}] | add' <"$dir/many.env" >"$dir/many.json"
	printf 'P=1\nQ=2\n' >"$dir/a.env"
	chmod 0755 "$dir/big"
	chown 2000:2000 "$dir/u"
	limited() {
		prlimit --memlock=8388608:8388608 setpriv --reuid=2000 --regid=2000 --clear-groups \
			--bounding-set=-all env -u SECRETFS_STORE -u SECRETFS_ROOT_KEY -u SECRETFS_POLICY \
			-u SECRETFS_STATE -u SECRETFS_BUNDLES -u SECRETFS_MOUNT -u SECRETFS_RUN HOME="$dir/u" "$@"
	}
	limited secretctl init >/dev/null
	run -0 limited secretctl import - <"$dir/a.env"
	# shellcheck disable=SC2016 # for the inner shell
	limited sh -c 'cat "$1" | secretctl import - --replace' sh "$dir/a.env"
	limited secretctl import "$dir/many.env" >/dev/null
	limited secretctl import "$dir/many.json" --group json >/dev/null
	limited secretctl import "$dir/big" --group big >/dev/null
	limited secretctl get secret big/F40 --reveal >"$dir/got"
	same_bytes "$dir/big/F40" "$dir/got"
	same value-07777 "$(limited secretctl get secret json/KEY_07777 --reveal)"
	# and where it is not enough, it says so
	run -1 prlimit --memlock=65536:65536 setpriv --reuid=2000 --regid=2000 --clear-groups --bounding-set=-all \
		env HOME="$dir/u" secretctl import "$dir/many.json" --group again
}

@test "a directory's files are its own: no link leads out, ..data does" {
	mkdir -p "$dir/d" "$dir/k/..2026_11" "$dir/out"
	ln -s "$SECRETFS_ROOT_KEY" "$dir/d/innocent"
	run -1 secretctl import "$dir/d"
	holds "$output" "leads out"
	run -1 secretctl get secret innocent
	rm "$dir/d/innocent"
	ln -s ../out/x "$dir/d/up"
	echo x >"$dir/out/x"
	run -1 secretctl import "$dir/d"
	# a link to a directory outside is not walked
	rm "$dir/d/up"
	ln -s "$dir/out" "$dir/d/sub"
	run -1 secretctl import "$dir/d"
	rm "$dir/d/sub"
	printf one >"$dir/k/..2026_11/A"
	printf two >"$dir/k/..2026_11/B"
	ln -s ..2026_11 "$dir/k/..data"
	ln -s ..data/A "$dir/k/A"
	ln -s ..data/B "$dir/k/B"
	mkfifo "$dir/k/pipe"
	run -0 timeout 20 secretctl import "$dir/k"
	same one "$(reveal A)"
	same two "$(reveal B)"
	ln -s k "$dir/linked" # the directory itself may be a link
	run -0 secretctl import "$dir/linked" --replace
}

@test "a file that is no dotenv shows its line, and nothing of its text" {
	printf 's3cr3t+token/of+mine==\n' >"$dir/token"
	run -1 secretctl import "$dir/token"
	holds "$output" "token:1: "
	lacks "$output" s3cr3t
	printf 'A\033]0;owned\007B=x\n' >"$dir/e"
	run -1 secretctl import "$dir/e"
	lacks "$output" $'\033'
	lacks "$output" $'\007'
	lacks "$output" owned
	# nor does anything else that is printed move the cursor
	run secretctl import "$dir/"$'no\033[31mfile'
	lacks "$output" $'\033'
	run secretctl get secret $'x\033[31m'
	lacks "$output" $'\033'
	run secretctl $'get\033[31m'
	lacks "$output" $'\033'
	run secretctl get secret x --$'fl\033[31mag'
	lacks "$output" $'\033'
	printf '{"bad\\u001b]0;key":"v"}' >"$dir/k.json"
	run -1 secretctl import "$dir/k.json"
	lacks "$output" $'\033'
}

@test "base64 with a NUL in it is refused, not cut" {
	echo '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"QUFB\u0000QkJC"}}' >"$dir/k.json"
	run -1 secretctl import "$dir/k.json"
	holds "$output" "base64"
	run -1 secretctl get secret k
}

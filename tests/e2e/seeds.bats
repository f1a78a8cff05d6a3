# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# The secret commands of Flyte's and Union's user guides, each as it stands
# there but for the program's name, and the ways their tasks read.

load helper

setup() {
	sandbox
	default_paths
	local b=${B:-build}
	[[ $b == /* ]] || b=$repo/$b
	PATH=$b:$PATH
	mkdir "$dir/local"
	# the guides' /local/path/to/my_secret_file and /path/to/file
	my_secret_file=$dir/local/my_secret_file
	printf 'first line\nsecond line, no newline at the end' >"$my_secret_file"
	secretctl init >/dev/null
	secretctl create project my_project
	secretctl create domain my_domain
}

teardown() {
	local m
	for m in $(findmnt -rn -t fuse.secretfs -o TARGET | tac); do umount "$m" || umount -l "$m"; done
	default_paths_end
	sandbox_end
}

# mounted [FLAG...]: at the place the guides name
mounted() {
	secretctl mount "$@" 3>&- 4>&-
	wait_for 10 is_mounted /etc/flyte/secrets
}

@test "Flyte: create a literal string secret" {
	run -0 --separate-stderr secretctl create secret MY_SECRET_KEY my_secret_value
	lacks "$output$stderr" my_secret_value
	mounted
	same my_secret_value "$(cat /etc/flyte/secrets/MY_SECRET_KEY)"
}

@test "Flyte: create a file secret" {
	secretctl create secret MY_SECRET_KEY --from-file "$my_secret_file"
	mounted
	same_bytes "$my_secret_file" /etc/flyte/secrets/MY_SECRET_KEY
}

@test "Flyte: create with project and domain" {
	secretctl create secret  --project my_project --domain development MY_SECRET_KEY my_secret_value
	mounted --project my_project --domain development
	same my_secret_value "$(cat /etc/flyte/secrets/MY_SECRET_KEY)"
}

@test "Flyte: create with either flag alone" {
	secretctl create secret --project my_project MY_SECRET_KEY of_project
	secretctl create secret --domain development MY_OTHER_KEY of_domain
	mounted --project my_project --domain development
	same of_project "$(cat /etc/flyte/secrets/MY_SECRET_KEY)"
	same of_domain "$(cat /etc/flyte/secrets/MY_OTHER_KEY)"
	secretctl mount "$dir/mnt" --project flytesnacks --domain development 3>&- 4>&-
	same ENOENT "$(open_errno "$dir/mnt/MY_SECRET_KEY")"
	same of_domain "$(cat "$dir/mnt/MY_OTHER_KEY")"
}

@test "Flyte: get lists what is only in that project and domain" {
	secretctl create secret MY_SECRET_KEY my_secret_value
	secretctl create secret --project my_project --domain development SCOPED_KEY scoped_value

	run -0 --separate-stderr secretctl get secret
	holds "$output" MY_SECRET_KEY
	lacks "$output" SCOPED_KEY
	lacks "$output$stderr" my_secret_value

	run -0 --separate-stderr secretctl get secret --project my_project --domain development
	holds "$output" SCOPED_KEY
	lacks "$output" MY_SECRET_KEY
	lacks "$output$stderr" scoped_value
}

@test "Flyte: delete" {
	secretctl create secret MY_SECRET_KEY my_secret_value
	secretctl create secret STAYS other
	mounted
	secretctl delete secret MY_SECRET_KEY
	same ENOENT "$(open_errno /etc/flyte/secrets/MY_SECRET_KEY)"
	same other "$(cat /etc/flyte/secrets/STAYS)"
	run -1 secretctl delete secret MY_SECRET_KEY
}

@test "Union: create at the prompt" {
	run -0 at_terminal typed_value secretctl create secret --project my_project --domain my_domain my_secret
	lacks "$output" typed_value
	mounted --project my_project --domain my_domain
	same typed_value "$(cat /etc/flyte/secrets/my_secret)"
}

@test "Union: create from a file with -f" {
	secretctl create secret --project my_project --domain my_domain my_file_secret -f "$my_secret_file"
	mounted --project my_project --domain my_domain
	same_bytes "$my_secret_file" /etc/flyte/secrets/my_file_secret
}

@test "Union: get" {
	printf x | secretctl create secret --project my_project --domain my_domain my_secret
	run -0 secretctl get secret --project my_project --domain my_domain
	holds "$output" my_secret
	run -0 secretctl get secret
	lacks "$output" my_secret
}

@test "Union: update at the prompt" {
	printf old | secretctl create secret --project my_project --domain my_domain my_secret
	mounted --project my_project --domain my_domain
	same old "$(cat /etc/flyte/secrets/my_secret)"
	run -0 at_terminal new_value secretctl update secret --project my_project --domain my_domain my_secret
	lacks "$output" new_value
	same new_value "$(cat /etc/flyte/secrets/my_secret)"
}

@test "Union: delete" {
	printf old | secretctl create secret --project my_project --domain my_domain my_secret
	secretctl delete secret --project my_project --domain my_domain my_secret
	run -0 secretctl get secret --project my_project --domain my_domain
	lacks "$output" my_secret
}

@test "a project or domain that is not declared is refused, and makes no scope" {
	run -1 secretctl create secret --project my_porject --domain my_domain my_secret value </dev/null
	holds "$output" my_project
	run -1 secretctl create secret --project my_project --domain my_doman my_secret value </dev/null
	holds "$output" my_domain
	run -1 secretctl get secret my_secret --project my_project --domain my_domain
}

@test "a task reads with Python's open()" {
	printf 'of a task' | secretctl create secret my_secret
	printf '\n[secret my_secret]\nallow = uid:1000\n' >>/etc/secretfs/policy.ini
	mounted
	run -0 as_uid 1000 /usr/bin/python3 -c '
with open("/etc/flyte/secrets/my_secret", "r") as f:
    print(f.read(), end="")'
	same 'of a task' "$output"
}

# flytekit lower-cases group, version and key, leaves out what is empty,
# looks whether the path exists, and strips what it read.
flytekit_reads() {
	as_uid 1000 /usr/bin/python3 - "$@" <<-'PY'
		import os, sys
		group, version, key = sys.argv[1:4]
		base = os.environ.get("FLYTE_SECRETS_DEFAULT_DIR", "/etc/flyte/secrets")
		prefix = os.environ.get("FLYTE_SECRETS_FILE_PREFIX", "")
		parts = [p.lower() for p in (group, version, prefix + key) if p]
		path = os.path.join(base, *parts)
		if not os.path.exists(path):
		    sys.exit("no secret at " + path)
		with open(path) as f:
		    print(f.read().strip(), end="")
	PY
}

@test "flytekit reads groups in lower case" {
	printf 'of group\n' | secretctl create secret My-Group/DB_Password
	printf 'of version\n' | secretctl create secret My-Group/V2/Token
	printf 'of none\n' | secretctl create secret Plain_Key
	printf '\n[default]\nallow = uid:1000\n' >>/etc/secretfs/policy.ini
	mounted
	same 'of group' "$(flytekit_reads My-Group '' DB_Password)"
	same 'of version' "$(flytekit_reads My-Group V2 Token)"
	same 'of none' "$(flytekit_reads '' '' Plain_Key)"
	# and as it was written
	same 'of group' "$(as_uid 1000 cat /etc/flyte/secrets/My-Group/DB_Password)"
	run -1 flytekit_reads My-Group '' Absent
}

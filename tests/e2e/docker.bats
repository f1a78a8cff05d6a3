# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154 # dir and the like are set by helper.bash
#
# A container of a real Docker, as a user without privileges, reads its
# secrets at /etc/flyte/secrets through a bind mount.

load helper
load docker

secrets=/etc/flyte/secrets

setup_file() {
	sandbox
	export dir dockerd_pid
	init_store shop
	put API_KEY 'key of all'
	put DB_PASSWORD 'password of all'
	put DB_PASSWORD 'password in production' -p shop -d production
	put DB_PASSWORD 'password in development' -p shop -d development
	put ROOT_ONLY 'for the host'
	put Billing/v1/Token 'in a group' -p shop
	cat >>"$SECRETFS_POLICY" <<-'EOF2'

		[default]
		allow = uid:1000

		[secret ROOT_ONLY]
		allow = uid:0
	EOF2
	mount_at "$dir/production" -p shop -d production
	mount_at "$dir/development" -p shop -d development
	docker_start
	container_up production "$dir/production"
	container_up development "$dir/development"
}

teardown_file() {
	docker_stop
	sandbox_end
}

in_production() { docker exec production "$@"; }
in_development() { docker exec development "$@"; }

@test "the container runs as uid 1000, without privileges" {
	same 'uid=1000 gid=1000' "$(in_production id | sed 's/(task)//; s/ groups.*//')"
	same 'CapEff: 0000000000000000' "$(in_production grep CapEff /proc/self/status | tr '\t' ' ')"
}

@test "it reads what its policy permits" {
	same 'key of all' "$(in_production cat $secrets/API_KEY)"
	same 'password in production' "$(in_production cat $secrets/DB_PASSWORD)"
	same 'in a group' "$(in_production cat $secrets/billing/v1/token)"
	run -0 in_production ls $secrets
	holds "$output" API_KEY
	holds "$output" ROOT_ONLY
}

@test "it is refused what its policy does not permit, and may stat it" {
	run -1 in_production cat $secrets/ROOT_ONLY
	holds "$output" 'Permission denied'
	lacks "$output" 'for the host'
	same 12 "$(in_production stat -c %s $secrets/ROOT_ONLY)"
	same 'for the host' "$(cat "$dir/production/ROOT_ONLY")"
}

@test "a policy edit reaches the running container" {
	printf '\n[secret API_KEY]\ndeny = uid:1000\n' >>"$SECRETFS_POLICY"
	wait_for 10 api_key_is_denied || fail "still readable"
	printf '%s\n' "$(head -n -3 "$SECRETFS_POLICY")" >"$SECRETFS_POLICY"
	wait_for 10 api_key_is_readable || fail "still denied"
}
api_key_is_denied() { ! in_production cat $secrets/API_KEY >/dev/null 2>&1; }
api_key_is_readable() { in_production cat $secrets/API_KEY >/dev/null 2>&1; }

@test "a new value is there at the next open after secretctl update" {
	local i
	for i in 1 2 3 4 5; do
		printf 'password %s' "$i" | secretctl update secret DB_PASSWORD -p shop -d production
		same "password $i" "$(in_production cat $secrets/DB_PASSWORD)"
	done
	same 'password in development' "$(in_development cat $secrets/DB_PASSWORD)"
}

@test "an open file keeps the version it opened" {
	printf 'before' | secretctl update secret DB_PASSWORD -p shop -d production
	in_production sh -c "exec 5<$secrets/DB_PASSWORD; : >/tmp/open; until [ -e /tmp/go ]; do sleep 0.1; done; dd bs=4096 <&5 2>/dev/null" \
		>"$dir/kept" 3>&- 4>&- &
	local reader=$!
	wait_for 10 in_production test -e /tmp/open
	printf 'after' | secretctl update secret DB_PASSWORD -p shop -d production
	same after "$(in_production cat $secrets/DB_PASSWORD)"
	in_production touch /tmp/go
	wait "$reader"
	same before "$(cat "$dir/kept")"
}

@test "a secret created and deleted meanwhile appears and is gone" {
	printf 'short life' | secretctl create secret LATE -p shop
	same 'short life' "$(in_production cat $secrets/LATE)"
	same 'short life' "$(in_development cat $secrets/LATE)"
	secretctl delete secret LATE -p shop
	run -1 in_production cat $secrets/LATE
	holds "$output" 'No such file'
}

@test "it cannot write, not even through a bind mount that is read-write" {
	local c
	docker run -d --name writer --network none -v "$dir/production:$secrets" busybox:test sleep 600 >/dev/null
	for c in production writer; do
		run ! docker exec $c touch $secrets/NEW
		holds "$output" 'Read-only'
		run ! docker exec $c sh -c "echo x >$secrets/API_KEY"
		lacks "$output" 'key of all'
		run ! docker exec $c rm -f $secrets/API_KEY
		run ! docker exec $c mv $secrets/API_KEY $secrets/OTHER
		run ! docker exec $c mkdir $secrets/d
		run ! docker exec $c chmod 0777 $secrets/API_KEY
		run ! docker exec $c ln -s x $secrets/link
	done
	same 'key of all' "$(in_production cat $secrets/API_KEY)"
	docker rm -f writer >/dev/null
}

@test "a second container on another mount sees other values for the same names" {
	printf 'here' | secretctl update secret DB_PASSWORD -p shop -d production
	same here "$(in_production cat $secrets/DB_PASSWORD)"
	same 'password in development' "$(in_development cat $secrets/DB_PASSWORD)"
	same 'key of all' "$(in_development cat $secrets/API_KEY)"
}

@test "root in a container gets what the mount shows, by the same rules" {
	same 'for the host' "$(docker run --rm --network none --user 0 -v "$dir/production:$secrets:ro" \
		busybox:test cat $secrets/ROOT_ONLY)"
}

@test "containers come and go while the mount stays" {
	local i
	for i in 1 2 3; do
		same 'key of all' "$(in_container "$dir/production" cat $secrets/API_KEY)"
	done
	is_mounted "$dir/production"
}

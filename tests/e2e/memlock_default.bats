# SPDX-License-Identifier: ISC
#
# secretctl within the limit of locked memory that an ordinary user has by default: 8 MiB.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	mkdir "$dir/user"
	chown 2000:2000 "$dir/user"
	export SECRETFS_ROOT_KEY=$dir/user/root.key SECRETFS_POLICY=$dir/user/policy.ini SECRETFS_BUNDLES=$dir/user/bundles
	export SECRETFS_STORE=$dir/user/store SECRETFS_STATE=$dir/user/state HOME=$dir/user
}
teardown() { sandbox_end; }

limited() { prlimit --memlock=8388608:8388608 setpriv --reuid=2000 --regid=2000 --clear-groups --bounding-set=-all -- "$@"; }

@test "8 MiB of locked memory: ten thousand secrets, forty of 1 MiB, and each verb on them" {
	same 8192 "$(limited bash -c 'ulimit -l')"
	run -0 limited secretctl init
	for ((i = 0; i < 10000; i++)); do echo "K$i=value$i"; done >"$dir/many.env"
	mkdir "$dir/large"
	for ((i = 0; i < 40; i++)); do head -c 1048576 /dev/urandom >"$dir/large/L$i"; done
	run -0 limited secretctl import "$dir/many.env"
	run -0 limited secretctl import "$dir/large" --group big
	run -0 limited secretctl import "$dir/large" --group big --replace --yes
	same 10040 "$(limited secretctl get secret -o json | jq length)"
	same value9999 "$(limited secretctl get secret K9999 --reveal)"
	limited secretctl get secret big/L39 --reveal | cmp - "$dir/large/L39"
	run -0 limited secretctl update secret big/L1 -f "$dir/large/L2"
	run -0 limited secretctl history secret big/L1
	run -0 limited secretctl rollback secret big/L1
	limited secretctl get secret big/L1 --reveal | cmp - "$dir/large/L1"
	run -0 limited secretctl copy secret big/L1 --to-project flytesnacks --yes
	run -0 limited secretctl move secret big/L2 --to-project flytesnacks --yes
	run -0 limited secretctl delete secret K1 --yes
	run -0 limited secretctl create bundle
	run -0 limited secretctl run --secret A=K2 --secret B=K3 -- true
	run -0 limited secretctl explain K2
	run -0 limited secretctl create identity "$dir/user/id"
	recipient=$(grep -oE '[0-9a-f]{64}' <<<"$output" | head -n 1)
	run -0 limited secretctl export "$dir/user/all.sfs" --recipient "$recipient"
	run -0 limited secretctl rotate scope --begin --yes
	run -0 limited secretctl rotate scope --finish --yes
	run -0 limited secretctl check
}

# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# An etcd and a PostgreSQL of a test's own, on free ports of the loopback
# interface, with data in $dir. One that cannot be started fails the test.
# They end with the test's process namespace, or with engines_end.
# shellcheck disable=SC2154,SC2034 # dir is helper.bash's; etcd and postgres are for the tests

engine_pids=()

# end PID [SIGNAL]: and wait until it is gone.
end() {
	kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || return 0
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# certificates: an authority, and a certificate of 127.0.0.1 signed by it, in $dir/tls.
certificates() {
	mkdir -p "$dir/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
		-keyout "$dir/tls/ca.key" -out "$dir/tls/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=etcd \
		-keyout "$dir/tls/key.pem" -out "$dir/tls/request" 2>/dev/null
	openssl x509 -req -in "$dir/tls/request" -CA "$dir/tls/ca.pem" -CAkey "$dir/tls/ca.key" \
		-CAcreateserial -days 2 -extfile <(echo subjectAltName=IP:127.0.0.1) \
		-out "$dir/tls/cert.pem" 2>/dev/null
}

# etcd_start [OPTION...]: $etcd is HOST:PORT. Started again it has what it had.
etcd_start() {
	local scheme=http
	[[ "$*" != *--cert-file* ]] || scheme=https
	etcd_port=${etcd_port:-$(free_port)}
	etcd_peer=${etcd_peer:-$(free_port)}
	etcd=127.0.0.1:$etcd_port
	/usr/bin/etcd --data-dir "$dir/etcd" --log-level error \
		--listen-client-urls "$scheme://$etcd" --advertise-client-urls "$scheme://$etcd" \
		--listen-peer-urls "http://127.0.0.1:$etcd_peer" "$@" >>"$dir/etcd.log" 2>&1 3>&- &
	etcd_pid=$!
	engine_pids+=("$etcd_pid")
	wait_for 20 curl_answers "$scheme://$etcd/health" || fail "etcd did not start" "$(cat "$dir/etcd.log")"
}

curl_answers() {
	python3 - "$1" "$dir/tls/ca.pem" <<-'PY'
		import os, ssl, sys, urllib.request
		context = None
		if sys.argv[1].startswith('https'):
		    context = ssl.create_default_context(cafile=sys.argv[2])
		assert b'true' in urllib.request.urlopen(sys.argv[1], timeout=2, context=context).read()
	PY
} 2>/dev/null

etcd_stop() {
	end "$etcd_pid"
}

# etcd_call VERB JSON: the JSON gateway itself.
etcd_call() {
	python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], sys.argv[2].encode(), timeout=5).read().decode())' \
		"http://$etcd/v3/$1" "$2"
}

# A plain array, so that what is started with & is the program itself.
as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups env -u HOME)

# postgres_start: $postgres is its URL. Started again it has what it had.
postgres_start() {
	local bin
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
	[[ -x $bin/initdb ]] || fail "PostgreSQL is not installed"
	postgres_port=${postgres_port:-$(free_port)}
	postgres=postgresql://postgres@127.0.0.1:$postgres_port/postgres
	if [[ ! -d $dir/postgres ]]; then
		install -d -o postgres "$dir/postgres"
		"${as_postgres[@]}" "$bin/initdb" -D "$dir/postgres" -A trust --no-sync >/dev/null
	fi
	"${as_postgres[@]}" "$bin/postgres" -D "$dir/postgres" -p "$postgres_port" -k "$dir/postgres" \
		-h 127.0.0.1 >>"$dir/postgres.log" 2>&1 3>&- &
	postgres_pid=$!
	engine_pids+=("$postgres_pid")
	wait_for 20 "${as_postgres[@]}" "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" ||
		fail "PostgreSQL did not start" "$(cat "$dir/postgres.log")"
}

postgres_stop() {
	end "$postgres_pid" INT
}

engines_end() {
	local p
	for p in "${engine_pids[@]}"; do end "$p" KILL; done
}

# SPDX-License-Identifier: ISC
#
# A certificate and its key change together: whoever reads both with run --bundle has them of one state.
# ROTATIONS=1000 for a long run.

# shellcheck disable=SC2154 # dir is set by sandbox
load helper
setup() {
	sandbox
	init_store p1
}
teardown() { sandbox_end; }

# A TLS server with the pair that it was given, and a client that trusts that certificate alone. OpenSSL
# refuses a key that is not the certificate's. The name of the pair is printed.
server() {
	cat >"$dir/server.py" <<-'PY'
		import os, socket, ssl, threading
		def file_of(name):
		    fd = os.memfd_create(name)
		    os.write(fd, os.environ[name].encode())
		    return '/proc/self/fd/%d' % fd
		s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		try:
		    s.load_cert_chain(file_of('CERT'), file_of('KEY'))
		except ssl.SSLError:
		    print('mixed')
		    raise SystemExit
		c = ssl.create_default_context(cadata=os.environ['CERT'])
		a, b = socket.socketpair()
		t = threading.Thread(target=lambda: s.wrap_socket(a, server_side=True).sendall(b'x'))
		t.start()
		w = c.wrap_socket(b, server_hostname='localhost')
		w.recv(1)
		t.join()
		print('whole', w.getpeercert()['serialNumber'])
	PY
}

# pairs: ten certificates with keys, in directories
pairs() {
	local i
	for i in 0 1 2 3 4 5 6 7 8 9; do
		mkdir -p "$dir/pair/$i"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
			-addext subjectAltName=DNS:localhost -keyout "$dir/pair/$i/key" -out "$dir/pair/$i/cert" 2>/dev/null
	done
}

rotate() {
	local i
	for ((i = 1; i <= ${ROTATIONS:-200}; i++)); do
		secretctl import "$dir/pair/$((i % 10))" --group web --replace -p p1 -d development --yes >/dev/null || return 1
	done
	: >"$dir/done"
}

@test "a certificate and its key are of one state for run --bundle, rotation after rotation" {
	pairs
	server
	secretctl import "$dir/pair/0" --group web -p p1 -d development >/dev/null
	secretctl create bundle -p p1 -d development --out "$dir/b.bundle" >/dev/null
	rotate 3>&- 4>&- &
	rotating=$!
	while [[ ! -e $dir/done ]] && kill -0 "$rotating" 2>/dev/null; do
		secretctl run --bundle "$dir/b.bundle" --secret CERT=web/cert --secret KEY=web/key -- \
			/usr/bin/python3 "$dir/server.py" >>"$dir/seen" || return 1
	done
	wait "$rotating"
	same 0 "$(grep -c mixed "$dir/seen" || :)" "mixed pairs"
	(($(sort -u "$dir/seen" | wc -l) >= 3)) || fail "no rotation was met: $(sort "$dir/seen" | uniq -c)"
	echo "# ${ROTATIONS:-200} rotations, $(wc -l <"$dir/seen") TLS servers, 0 mixed pairs" >&3
}

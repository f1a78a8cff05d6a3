# SPDX-License-Identifier: ISC
"""
flaky.py PORT HOST:PORT MARK: a proxy that lets requests through and loses answers.

Every second connection on which MARK is asked for ends when the answer comes,
before a byte of it is passed on: what was asked for has been done, and whoever
asked cannot know.
"""
import socket
import sys
import threading

port, target, mark = int(sys.argv[1]), sys.argv[2].rsplit(':', 1), sys.argv[3].encode()
lost = 0


def pump(source, sink, passes):
    """Pass on what comes for as long as passes(data), then end both ways."""
    try:
        while (data := source.recv(65536)) and passes(data):
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    server = socket.create_connection((target[0], int(target[1])))
    asked = threading.Event()
    seen = b''

    def request(data):
        nonlocal seen
        seen = (seen + data)[-70000:]
        if mark in seen:
            asked.set()
        return True

    def answer(_):
        global lost
        if not asked.is_set():
            return True
        asked.clear()
        lost += 1
        if lost % 2:
            print('lost', flush=True)
        return lost % 2 == 0

    threading.Thread(target=pump, args=(client, server, request), daemon=True).start()
    pump(server, client, answer)


listener = socket.create_server(('127.0.0.1', port))
print('ready', flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

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


def pump(source, sink, watch):
    global lost
    seen = b''
    try:
        while data := source.recv(65536):
            if watch is not None:
                seen = (seen + data)[-70000:]
                if mark in seen and not watch.is_set():
                    watch.set()
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def back(source, sink, asked):
    global lost
    try:
        while data := source.recv(65536):
            if asked.is_set():
                asked.clear()
                lost += 1
                if lost % 2:
                    print('lost', flush=True)
                    break
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
    threading.Thread(target=pump, args=(client, server, asked), daemon=True).start()
    back(server, client, asked)


listener = socket.create_server(('127.0.0.1', port))
print('ready', flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

# SPDX-License-Identifier: ISC
"""A service manager of one unit, as small as the tests need it.

    service_manager.py DIR COMMAND...

Does what systemd(1) does for a unit with Type=notify, NotifyAccess=all,
ExitType=cgroup, Restart=always, RestartPreventExitStatus=0 and
FileDescriptorStoreMax=: reads its notification socket, keeps the descriptors
it is sent, watches them, and starts COMMAND again with them when the last of its
processes has ended.

DIR gets the files `main` (pid), `ready`, `starts` (counts), `status` (texts) and
`stored` (names). SIGTERM is `systemctl stop`: it ends when nothing is left.
Stored descriptors that the file `spoil` names are handed over as /dev/null.
"""
import array
import ctypes
import os
import select
import signal
import socket
import sys

PR_SET_CHILD_SUBREAPER = 36
SYS_KCMP = {'x86_64': 312, 'aarch64': 272}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)


class Manager:
    def __init__(self, directory, command):
        self.dir, self.command = directory, command
        self.store = []  # (name, fd)
        self.main, self.ready, self.starts = 0, 0, 0
        self.stopping = False
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(f'{directory}/notify')
        self.socket.setblocking(False)
        self.wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.stop)

    def write(self, name, text):
        with open(f'{self.dir}/{name}.new', 'w') as f:
            f.write(f'{text}\n')
        os.rename(f'{self.dir}/{name}.new', f'{self.dir}/{name}')

    def spoilt(self, name, fd):
        try:
            with open(f'{self.dir}/spoil') as f:
                return os.open('/dev/null', os.O_RDWR) if name in f.read().split() else fd
        except FileNotFoundError:
            return fd

    def start(self):
        self.starts += 1
        pid = os.fork()
        if pid == 0:
            # aside first: the numbers may be taken by one another
            aside = [os.dup2(self.spoilt(name, fd), 100 + i) for i, (name, fd) in enumerate(self.store)]
            for i, fd in enumerate(aside):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(aside), 200)
            os.environ['NOTIFY_SOCKET'] = f'{self.dir}/notify'
            if aside:
                os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(aside)),
                                  LISTEN_FDNAMES=':'.join(name for name, _ in self.store))
            os.execvp(self.command[0], self.command)
        self.main = pid
        self.write('main', pid)
        self.write('starts', self.starts)

    def stop(self, *_):
        self.stopping = True
        if self.main:
            os.kill(self.main, signal.SIGTERM)

    # --- the store

    def same(self, a, b):
        return libc.syscall(SYS_KCMP, os.getpid(), os.getpid(), 0, a, b) == 0

    def put(self, name, fds):
        for fd in fds:
            if any(self.same(fd, other) for _, other in self.store):
                os.close(fd)
            else:
                self.store.append((name, fd))

    def remove(self, gone):
        for name, fd in [e for e in self.store if gone(*e)]:
            self.store.remove((name, fd))
            os.close(fd)

    def message(self):
        data, control, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64), socket.MSG_CMSG_CLOEXEC)
        fds = array.array('i')
        for level, kind, body in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(body)
        fields = dict(line.split('=', 1) for line in data.decode().splitlines())
        name = fields.get('FDNAME', 'stored')
        if fields.get('FDSTORE') == '1':
            self.put(name, fds)
        elif fields.get('FDSTOREREMOVE') == '1':
            self.remove(lambda n, _: n == name)
        if fields.get('READY') == '1':
            self.ready += 1
            self.write('ready', self.ready)
        if 'MAINPID' in fields:
            self.main = int(fields['MAINPID'])
            self.write('main', self.main)
        if 'STATUS' in fields:
            self.write('status', fields['STATUS'])
        self.write('stored', ' '.join(sorted(n for n, _ in self.store)))

    def reap(self):
        """Exit status of the main process if it ended by itself; False: some run; True: none."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                if pid == self.main:
                    self.main = 0
                    if status == 0:
                        self.stopping = True
        except ChildProcessError:
            return True

    def run(self):
        self.start()
        poll = select.poll()
        while True:
            # descriptors whose other side has gone are let go, as systemd does
            watched = {fd: name for name, fd in self.store}
            poll = select.poll()
            for fd in watched:
                poll.register(fd, 0)
            poll.register(self.socket, select.POLLIN)
            poll.register(self.wake, select.POLLIN)
            for fd, _ in poll.poll():
                if fd in watched:
                    self.remove(lambda _, other, fd=fd: other == fd)
                elif fd == self.wake:
                    os.read(self.wake, 100)
            try:
                while True:
                    self.message()
            except BlockingIOError:
                pass
            self.write('stored', ' '.join(sorted(n for n, _ in self.store)))
            if self.reap():
                if self.stopping:
                    return
                self.start()


Manager(sys.argv[1], sys.argv[2:]).run()

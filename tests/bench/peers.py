# SPDX-License-Identifier: ISC
"""The file systems that are compared: how each is made, mounted, watched and taken down."""

import os
import shutil
import signal
import subprocess
import time

MIB = 1024 * 1024
FILES = 8  # of each size, for readers to go round


def run(*args, **kw):
    if 'input' not in kw:
        kw.setdefault('stdin', subprocess.DEVNULL)
    kw.setdefault('stdout', subprocess.PIPE)
    return subprocess.run(args, check=True, text=True, **kw).stdout


def mounts(below):
    """(mount point, device) of what is mounted there, last first."""
    found = []
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        for line in f:
            fields = line.split()
            if fields[4].startswith(below + '/'):
                found.append((fields[4], fields[2]))
    return found[::-1]


def listable(path):
    """Mounted and answering.  Not to be written to before: go-fuse opens a file of its own mount
    first, and waits for ever on a directory that somebody else is creating in."""
    return os.path.ismount(path) and isinstance(os.listdir(path), list)


def abort(device):
    """Free a FUSE connection that nobody answers: a wedged one stops sync(2) for the whole host."""
    control = '/sys/fs/fuse/connections'
    if not os.path.ismount(control):
        subprocess.run(['mount', '-t', 'fusectl', 'fusectl', control], check=False)
    path = f'{control}/{device.split(":")[1]}/abort'
    if os.path.exists(path):
        with open(path, 'w', encoding='ascii') as f:
            f.write('1')


def unmount(path, device=None):
    """Politely; else by aborting the connection, which nothing can block."""
    try:
        subprocess.run(['umount', path], check=True, timeout=10, stderr=subprocess.DEVNULL)
        return
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pass
    for point, dev in mounts(os.path.dirname(path)):
        if point == path:
            abort(device or dev)
    subprocess.run(['umount', '-l', path], check=False, timeout=10, stderr=subprocess.DEVNULL)


class Peer:
    """A mounted file system: files SIZE.NNNNNN at its top, and directories of many names."""

    package = None  # Debian's, when it is one
    color = '#888888'
    encrypts = True  # counts as a peer to be measured against

    def __init__(self, name, top):
        self.name = name
        self.dir = os.path.join(top, name.replace(' ', '_'))
        self.mnt = os.path.join(self.dir, 'mnt')
        self.process = None
        os.makedirs(self.mnt)

    def missing(self):
        """Why it cannot take part, or None."""
        if self.package and not shutil.which(self.package):
            return f"{self.name}: not installed (Debian's package {self.package})"
        return None

    def command(self):
        raise NotImplementedError

    def prepare(self):
        """Make the file system, before it is mounted first."""

    def probe(self):
        """A file whose first reading says that it answers."""
        return os.path.join(self.mnt, '64.000000')

    def spawn(self):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self.dir, 'log'), 'ab'), start_new_session=True)

    def start(self, ready=listable):
        """Seconds from the start to the first answer."""
        begin = time.monotonic()
        self.spawn()
        while not ready(self.mnt):
            if self.process.poll() is not None or time.monotonic() - begin > 60:
                with open(os.path.join(self.dir, 'log'), encoding='utf-8', errors='replace') as f:
                    raise RuntimeError(f'{self.name} does not start: {f.read()[-500:]}')
            time.sleep(0.0002)
        seconds = time.monotonic() - begin
        for point, device in mounts(self.dir):
            if point == self.mnt:
                with open(os.environ['BENCH_DIR'] + '/connections', 'a', encoding='ascii') as f:
                    f.write(device.split(':')[1] + '\n')
        return seconds

    def stop(self):
        if os.path.ismount(self.mnt):
            unmount(self.mnt)
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
                self.process.wait(10)
            self.process = None

    def pids(self):
        """All processes of the daemon: those of its session, and those that name its mount."""
        found = []
        if not self.process:
            return found
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
                    session = int(f.read().rsplit(')', 1)[1].split()[3])
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    named = self.mnt.encode() in f.read().split(b'\0')
            except OSError:
                continue
            if session == self.process.pid or named:
                found.append(int(pid))
        return found

    # --- what is in it ---

    def answers(self, mnt):
        try:
            with open(os.path.join(mnt, os.path.relpath(self.probe(), self.mnt)), 'rb') as f:
                return len(f.read()) > 0
        except OSError:
            return False

    def put_files(self, sizes):
        for size in sizes:
            data = os.urandom(size)
            for i in range(FILES):
                with open(f'{self.mnt}/{size}.{i:06}', 'wb') as f:
                    f.write(data)

    def put_first(self, n):
        """Large files that nobody opens until it is measured how long that takes."""
        data = os.urandom(MIB)
        for i in range(n):
            with open(f'{self.mnt}/first.{i:06}', 'wb') as f:
                f.write(data)

    def put_names(self, counts):
        for n in counts:
            os.mkdir(f'{self.mnt}/names{n}')
            for i in range(n):
                with open(f'{self.mnt}/names{n}/s{i:06}', 'wb') as f:
                    f.write(b'x' * 64)

    def files(self, size):
        return [f'{self.mnt}/{size}.{i:06}' for i in range(FILES)]

    def names(self, n):
        return f'{self.mnt}/names{n}'

    # --- what it uses ---

    def pss(self):
        """Bytes: the proportional set size of all its processes."""
        total = 0
        for pid in self.pids():
            with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
                for line in f:
                    if line.startswith('Pss:'):
                        total += int(line.split()[1]) * 1024
        return total

    def cpu(self):
        """Seconds of CPU so far, to a tick: threads that have ended count too."""
        ticks = 0
        for pid in self.pids():
            with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
                ticks += sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13]))
        return ticks / os.sysconf('SC_CLK_TCK')

    def _threads(self):
        for pid in self.pids():
            for tid in os.listdir(f'/proc/{pid}/task'):
                yield f'/proc/{pid}/task/{tid}'

    def cpu_now(self):
        """Seconds of CPU of the threads that are there, to the nanosecond."""
        total = 0
        for task in self._threads():
            with open(f'{task}/schedstat', encoding='ascii') as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def wakeups(self):
        total = 0
        for task in self._threads():
            with open(f'{task}/status', encoding='ascii') as f:
                for line in f:
                    if line.startswith('voluntary_ctxt_switches'):
                        total += int(line.split()[1])
        return total


class Gocryptfs(Peer):
    package = 'gocryptfs'
    color = '#1f77b4'

    def prepare(self):
        with open(f'{self.dir}/pass', 'w', encoding='ascii') as f:
            f.write('bench\n')
        os.mkdir(f'{self.dir}/store')
        run('gocryptfs', '-init', '-q', '-scryptn', '10', '-passfile', f'{self.dir}/pass', f'{self.dir}/store')

    def command(self):
        return ['gocryptfs', '-fg', '-q', '-allow_other', '-passfile', f'{self.dir}/pass',
                f'{self.dir}/store', self.mnt]

    def put_files(self, sizes):
        # Soon after it answers it opens a file of its own mount (go-fuse, against deadlocks by
        # poll), and waits for ever when another is being created there meanwhile.
        time.sleep(1)
        super().put_files(sizes)


class Securefs(Peer):
    package = 'securefs'
    color = '#2ca02c'

    def prepare(self):
        run('securefs', 'create', '--pbkdf', 'pkcs5-pbkdf2-hmac-sha256', '-r', '1', '--pass',
            'bench', f'{self.dir}/store')

    def command(self):
        return ['securefs', 'mount', '--pass', 'bench', '-o', 'allow_other', f'{self.dir}/store',
                self.mnt]


class Encfs(Peer):
    package = 'encfs'
    color = '#9467bd'

    def prepare(self):
        os.mkdir(f'{self.dir}/store')

    def command(self):
        return ['encfs', '-f', '--standard', '--extpass', 'echo bench', f'{self.dir}/store',
                self.mnt, '--', '-o', 'allow_other']


class Empty(Peer):
    """No encryption and no content: what libfuse costs by itself."""

    color = '#ff7f0e'
    encrypts = False

    def __init__(self, name, top, programs, *flags):
        super().__init__(name, top)
        self.program = f'{programs}/emptyfs'
        self.flags = flags

    def command(self):
        return [self.program, *self.flags, self.mnt]

    def put_files(self, sizes):
        pass

    def put_first(self, n):
        pass

    def put_names(self, counts):
        pass

    def names(self, n):
        return None


class Tmpfs(Peer):
    """No daemon: the limit."""

    color = '#7f7f7f'
    encrypts = False

    def start(self, ready=listable):
        begin = time.monotonic()
        run('mount', '-t', 'tmpfs', 'tmpfs', self.mnt)
        return time.monotonic() - begin


class Secretfs(Peer):
    """Ours: a store of its own with n secrets over the four scopes of project bench in production."""

    color = '#d62728'
    encrypts = False

    def __init__(self, name, top, build, options='', store=None):
        super().__init__(name, top)
        self.build, self.options = build, options
        home = store.dir if store else self.dir
        self.env = dict(
            os.environ, HOME=home, SECRETFS_ROOT_KEY=f'{home}/etc/root.key',
            SECRETFS_POLICY=f'{home}/etc/policy.ini', SECRETFS_BUNDLES=f'{home}/etc/bundles',
            SECRETFS_STORE=f'{home}/store', SECRETFS_STATE=f'{home}/state',
            SECRETFS_MOUNT=self.mnt, SECRETFS_RUN=f'{home}/run')
        self.bundle = f'{home}/bundle'
        self.lists = None

    def ctl(self, *args, **kw):
        return run(f'{self.build}/secretctl', *args, env=self.env, **kw)

    def fill(self, *args):
        """Seconds that the commit took."""
        return float(run(f'{self.build}/bench/fill', *map(str, args), env=self.env))

    def prepare(self):
        self.ctl('init')
        self.ctl('create', 'project', 'bench')
        self.mint()

    def mint(self):
        self.ctl('create', 'bundle', '-p', 'bench', '-d', 'production', '--out', self.bundle)

    def put_secrets(self, n):
        scopes = ((), ('-d', 'production'), ('-p', 'bench'), ('-p', 'bench', '-d', 'production'))
        if n < 100:
            scopes = scopes[:1]
        for i, scope in enumerate(scopes):
            self.fill(*scope, '-f', i * n // len(scopes), n // len(scopes))
        self.lists = n

    def put_files(self, sizes):
        for size in sizes:
            self.fill('-p', 'bench', '-d', 'production', '-s', size, '-x', f'{size}.', FILES)

    def put_first(self, n):
        self.fill('-p', 'bench', '-d', 'production', '-s', MIB, '-x', 'first.', n)

    def command(self):
        options = f'bundle={self.bundle}'
        if self.options:
            options += ',' + self.options
        return [f'{self.build}/secretfs', '-f', '-o', options, self.mnt]

    def spawn(self):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self.env,
            stderr=open(os.path.join(self.dir, 'log'), 'ab'), start_new_session=True)

    def names(self, n):
        return self.mnt if self.lists == n else None

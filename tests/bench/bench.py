# SPDX-License-Identifier: ISC
"""secretfs beside other file systems, in one run; see tests/bench/run.

Every comparison is made in rounds, one after the other through all who take part, so that what
disturbs the machine disturbs all of them; what is told is the median over the rounds, with the
least and the most beside it.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

import peers
import report

KIB, MIB = 1024, peers.MIB


def parse():
    p = argparse.ArgumentParser(prog='tests/bench/run')
    p.add_argument('--quick', action='store_true', help='less of everything, below two minutes')
    p.add_argument('--out', help='directory for JSON and plots')
    p.add_argument('--only', default='', help='comma separated: read,first,stat,list,open,start,'
                   'idle,admin')
    return p.parse_args()


class Plan:
    """How much of everything."""

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 3 if quick else 7
        self.seconds = 0.2 if quick else 0.5
        self.sizes = [64, MIB] if quick else [64, 4 * KIB, 64 * KIB, MIB]
        self.readers = [1, 2, 8]
        self.names = [1000, 10000] if quick else [1000, 10000, 100000]
        self.stores = [10, 1000, 10000] if quick else [10, 1000, 10000, 100000]
        self.idle = 10
        self.drip = 5 if quick else 20
        self.admin = [10, 10000] if quick else [10, 100, 1000, 10000, 100000]
        self.admin_rounds = 5 if quick else 11


class Bench:
    def __init__(self, plan, build, top):
        self.plan, self.build, self.top = plan, build, top
        self.programs = f'{build}/bench'
        self.peers = []  # those compared file by file
        self.stores = {}  # ours by the number of secrets
        self.absent = []
        self.results = {}
        self.notes = []

    def say(self, text):
        print(f'[{time.monotonic() - self.begin:5.0f} s] {text}', file=sys.stderr, flush=True)

    # --- setting up and taking down ---

    def make_ours(self):
        for n in self.plan.stores:
            ours = peers.Secretfs(f'secretfs {n}', self.top, self.build)
            ours.prepare()
            ours.put_secrets(n)
            ours.put_files(self.plan.sizes)
            if n == 1000:
                ours.put_first(4 * self.plan.rounds)
            ours.mint()
            self.stores[n] = ours
        first = self.stores[1000]
        first.name = 'secretfs'
        self.peers.append(first)
        for option, color in (('cache', '#ff9896'),):
            other = peers.Secretfs(f'secretfs -o {option}', self.top, self.build, option, first)
            other.color = color
            self.peers.append(other)

    def make_others(self):
        wanted = [
            peers.Gocryptfs('gocryptfs', self.top), peers.Securefs('securefs', self.top),
            peers.Encfs('encfs', self.top),
            peers.Empty('empty libfuse', self.top, self.programs),
            peers.Empty('empty libfuse mt', self.top, self.programs, '--mt'),
            peers.Tmpfs('tmpfs', self.top),
        ]
        for p in wanted:
            why = p.missing()
            if not why:
                try:
                    p.prepare()
                    p.start()
                    p.put_files(self.plan.sizes)
                    p.put_first(4 * self.plan.rounds)
                    p.put_names(self.plan.names)
                except (OSError, RuntimeError, subprocess.CalledProcessError) as e:
                    why = f'{p.name}: {e}'
            if why:
                self.absent.append(why)
                p.stop()
            else:
                self.peers.append(p)
                self.say(f'{p.name} is there')

    def set_up(self):
        self.make_ours()
        self.say('stores of ' + ', '.join(map(str, self.stores)) + ' secrets are made')
        self.make_others()
        for p in list(self.stores.values()) + self.peers:
            if not p.process and not os.path.ismount(p.mnt):
                p.start()
        for line in self.absent:
            print(f'NOT COMPARED: {line}', flush=True)

    def take_down(self):
        for p in self.peers + list(self.stores.values()):
            try:
                p.stop()
            except (OSError, RuntimeError, subprocess.SubprocessError) as e:
                print(f'bench: {p.name}: {e}', file=sys.stderr)
        for point, device in peers.mounts(self.top):
            peers.unmount(point, device)

    # --- measuring ---

    def load(self, verb, paths, readers=1, seconds=None):
        out = subprocess.run(
            [f'{self.programs}/load', verb, '-n', str(readers), '-t',
             str(seconds or self.plan.seconds), *paths],
            check=True, text=True, stdout=subprocess.PIPE).stdout
        return json.loads(out)

    def record(self, table, key='', who='secretfs', **values):
        cell = self.results.setdefault(table, {}).setdefault(str(key), {}).setdefault(who, {})
        for k, v in values.items():
            cell.setdefault(k, []).append(v)

    def rounds(self, who, n=None):
        """Everyone in turn, another one first in each round."""
        for i in range(n or self.plan.rounds):
            k = i % len(who)
            yield from who[k:] + who[:k]

    def read(self):
        for size in self.plan.sizes:
            for readers in self.plan.readers:
                for p in self.rounds(self.peers):
                    before = p.cpu()
                    r = self.load('read', p.files(size), readers)
                    cpu = (p.cpu() - before) / r['ops'] * 1e6
                    self.record('read', f'{size} x{readers}', p.name, p50=r['p50'], p99=r['p99'],
                                rate=r['rate'], mib=r['rate'] * size / MIB, cpu=cpu)
            self.say(f'read {size} bytes')

    def steps(self):
        for p in self.rounds(self.peers):
            before = p.cpu()
            r = self.load('steps', p.files(64))
            cpu = (p.cpu() - before) / r['ops'] * 1e6
            for step in 'open', 'read', 'end', 'close':
                self.record('steps', step, p.name, p50=r[step])
            self.record('steps', "of it the daemon's CPU", p.name, p50=cpu)

    def first(self):
        """Files that nobody has opened since the mount was made."""
        who = [self.stores[1000]] + [p for p in self.peers if p.encrypts]
        for p in who[1:]:
            p.stop()
            p.start()
        for i, p in enumerate(self.rounds(who)):
            k = i // len(who) * 4
            r = self.load('once', [f'{p.mnt}/first.{j:06}' for j in range(k, k + 4)])
            self.record('first', MIB, p.name, p50=r['p50'], mib=1e6 / r['p50'])

    def stat(self):
        for p in self.rounds(self.peers):
            r = self.load('stat', p.files(64))
            self.record('stat', '', p.name, p50=r['p50'], p99=r['p99'], rate=r['rate'])

    def listing(self):
        """The pages of names are read anew by each opendir; no peer has them in the page cache."""
        for n in self.plan.names:
            who = [p for p in self.peers if p.names(n)]
            if n in self.stores:
                who = [p for p in who if p.name != 'secretfs'] + [self.stores[n]]
            for verb in 'list', 'long':
                for p in self.rounds(who):
                    r = self.load(verb, [p.names(n)], seconds=0.05)
                    name = 'secretfs' if p.name.startswith('secretfs') else p.name
                    self.record(verb, n, name, ms=r['p50'] / 1000)
            self.say(f'list {n} names')

    def open_growth(self):
        for p in self.rounds(list(self.stores.values())):
            r = self.load('read', p.files(64))
            self.record('growth', p.lists, p50=r['p50'], p99=r['p99'])

    def start(self):
        for p in self.rounds(list(self.stores.values())):
            p.stop()
            self.record('start', p.lists, ms=p.start(p.answers) * 1000)

    def memory(self):
        """After everything was listed and some of it read."""
        for p in list(self.stores.values()) + [p for p in self.peers if p.encrypts]:
            ours = p in self.stores.values()
            p.stop()
            seconds = p.start(p.answers)
            if not ours:
                self.record('start', '', p.name, ms=seconds * 1000)
            n = p.lists if ours else 1000
            self.load('long', [p.names(n)], seconds=0.01)
            self.load('read', p.files(64), seconds=0.05)
            self.record('memory', n, 'secretfs' if ours else p.name, kib=p.pss() / KIB)

    def idle(self):
        """All together: nobody does anything."""
        who = [p for p in self.peers if p.process]
        time.sleep(2)  # what the last reading left is over: counted grants
        before = {p: (p.cpu_now(), p.wakeups()) for p in who}
        time.sleep(self.plan.idle)
        for p in who:
            cpu, wakeups = before[p]
            self.record('idle', f'{self.plan.idle} s', p.name, wakeups=p.wakeups() - wakeups,
                        cpu_ms=(p.cpu_now() - cpu) * 1000)

    def drip(self):
        who = [p for p in self.peers if p.process]
        for p in who:
            before = p.cpu_now()
            p.drip = subprocess.Popen([f'{self.programs}/load', 'drip', '-t', str(self.plan.drip),
                                       *p.files(64)], stdout=subprocess.PIPE, text=True)
            p.cpu_before = before
        for p in who:
            r = json.loads(p.drip.communicate()[0])
            self.record('drip', 'one open a second', p.name, p50=r['p50'],
                        core_percent=(p.cpu_now() - p.cpu_before) / self.plan.drip * 100)

    # --- the admin's side ---

    def timed(self, ours, *args, **kw):
        begin = time.monotonic()
        ours.ctl(*args, **kw)
        return (time.monotonic() - begin) * 1000

    def admin(self):
        ours = peers.Secretfs('secretfs admin', self.top, self.build)
        ours.prepare()
        for n in self.plan.admin:
            ours.ctl('create', 'project', f'of{n}')
            seconds = ours.fill('-p', f'of{n}', n)
            self.record('import', n, ms=seconds * 1000)
        for i in range(self.plan.admin_rounds):
            for n in self.plan.admin:
                scope = ('-p', f'of{n}')
                self.record('create', n, ms=self.timed(ours, 'create', 'secret', f'new{i}', '-',
                                                       *scope, input='value'))
                self.record('update', n, ms=self.timed(ours, 'update', 'secret', 's000001', '-',
                                                       *scope, input=f'value {i}'))
        for n in self.plan.admin:
            for _ in range(3):
                self.record('list all', n, ms=self.timed(ours, 'get', 'secret', '-p', f'of{n}',
                                                         '-o', 'json'))
        for n, store in self.stores.items():
            self.record('check', n, ms=self.timed(store, 'check'))

    def run(self, only):
        self.begin = time.monotonic()
        parts = {'read': [self.read, self.steps], 'first': [self.first], 'stat': [self.stat],
                 'list': [self.listing], 'open': [self.open_growth],
                 'idle': [self.idle, self.drip], 'start': [self.start, self.memory],
                 'admin': [self.admin]}
        load_before = os.getloadavg()[0]
        try:
            self.set_up()
            for name, steps in parts.items():
                if only and name not in only:
                    continue
                for step in steps:
                    step()
                    self.say(f'{step.__name__} done')
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.take_down()
        return {'machine': machine(load_before), 'rounds': self.plan.rounds,
                'peers': [{'name': p.name, 'encrypts': p.encrypts, 'color': p.color}
                          for p in self.peers],
                'absent': self.absent, 'seconds': time.monotonic() - self.begin,
                'samples': self.results, 'medians': medians(self.results)}


def machine(load_before):
    model = 'unknown'
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        for line in f:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
    return {'cpu': model, 'cores': os.cpu_count(), 'kernel': platform.release(),
            'load': [load_before, os.getloadavg()[0]],
            'date': time.strftime('%Y-%m-%d', time.gmtime())}


def medians(results):
    return {t: {k: {w: {m: statistics.median(v) for m, v in cell.items()}
                    for w, cell in row.items()} for k, row in table.items()}
            for t, table in results.items()}


def main():
    args = parse()
    build = os.path.abspath(os.environ.get('B', 'build'))
    out = os.path.abspath(args.out or f'{build}/bench')
    os.makedirs(out, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    bench = Bench(Plan(args.quick), build, os.environ['BENCH_DIR'])
    try:
        data = bench.run(set(filter(None, args.only.split(','))))
    except KeyboardInterrupt:
        return 130
    with open(f'{out}/bench.json', 'w', encoding='utf-8') as f:
        json.dump(data, f, indent=1)
    text = report.text(data)
    with open(f'{out}/bench.txt', 'w', encoding='utf-8') as f:
        f.write(text)
    print(text)
    report.plot(data, out)
    print(f'written: {out}/bench.txt, bench.json and *.svg')
    return 0


if __name__ == '__main__':
    sys.exit(main())

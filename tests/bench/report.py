# SPDX-License-Identifier: ISC
"""Tables, verdicts and plots from what bench.py measured."""

import shutil
import subprocess

# What each measure is called, its unit, and how it is printed.
TABLES = [
    ('read', 'p50', 'open + read + close, p50', 'us'),
    ('read', 'p99', 'open + read + close, p99', 'us'),
    ('read', 'rate', 'opens a second, all readers', '/s'),
    ('read', 'cpu', "daemon's CPU per open", 'us'),
    ('steps', 'p50', 'where the time of 64 bytes goes: each call, p50', 'us'),
    ('first', 'p50', 'first open of a file since the mount was made', 'us'),
    ('stat', 'p50', 'stat, p50', 'us'),
    ('list', 'ms', 'readdir of N names', 'ms'),
    ('long', 'ms', 'ls -l of N names', 'ms'),
    ('growth', 'p50', 'open of 64 B in a mount of N secrets', 'us'),
    ('start', 'ms', 'start to first answer (peers derive their key from a passphrase, with the least work they allow)', 'ms'),
    ('memory', 'kib', 'proportional set size with N names', 'KiB'),
    ('idle', 'wakeups', 'wake-ups when idle', ''),
    ('idle', 'cpu_ms', 'CPU when idle', 'ms'),
    ('drip', 'core_percent', 'CPU at one open a second', '% of a core'),
    ('import', 'ms', 'import of N secrets in one commit (library)', 'ms'),
    ('create', 'ms', 'secretctl create, in a scope of N', 'ms'),
    ('update', 'ms', 'secretctl update, in a scope of N', 'ms'),
    ('list all', 'ms', 'secretctl get secret, a scope of N', 'ms'),
    ('check', 'ms', 'secretctl check, a store of N', 'ms'),
]


def number(x):
    if x >= 1000:
        return f'{x:,.0f}'
    return f'{x:.3g}' if x < 100 else f'{x:.0f}'


def grid(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = []
    for r in rows:
        lines.append('  ' + r[0].ljust(widths[0]) + '  ' +
                     '  '.join(c.rjust(w) for c, w in zip(r[1:], widths[1:])))
    return '\n'.join(lines)


def table(data, name, measure):
    """Rows are who, columns are the keys; median with least and most."""
    samples = data['samples'].get(name, {})
    keys = list(samples)
    who = []
    for row in samples.values():
        who += [w for w in row if w not in who]
    order = {p['name']: i for i, p in enumerate(data['peers'])}
    who.sort(key=lambda w: order.get(w, -1))
    rows = [[''] + [k or 'all' for k in keys]]
    for w in who:
        cells = []
        for k in keys:
            values = samples[k].get(w, {}).get(measure)
            if not values:
                cells.append('-')
                continue
            m = data['medians'][name][k][w][measure]
            spread = f' [{number(min(values))}..{number(max(values))}]' if len(values) > 1 else ''
            cells.append(number(m) + spread)
        rows.append([w] + cells)
    return grid(rows)


# --- verdicts ---


class Judge:
    def __init__(self, data):
        self.m = data['medians']
        self.encrypting = [p['name'] for p in data['peers'] if p['encrypts']]
        self.rows = [['', 'measured', 'target', '']]

    def get(self, table, key, who, measure):
        try:
            return self.m[table][str(key)][who][measure]
        except KeyError:
            return None

    def best(self, table, key, measure, most=False, who=None):
        found = [v for v in (self.get(table, key, w, measure) for w in who or self.encrypting)
                 if v is not None]
        return (max if most else min)(found) if found else None

    def add(self, what, value, limit, at_least=False, unit=''):
        if value is None:
            self.rows.append([what, 'not measured', '', '?'])
            return
        good = value >= limit if at_least else value <= limit
        sign = '>=' if at_least else '<='
        self.rows.append([what, f'{value:.3g}{unit}', f'{sign} {limit:.3g}{unit}',
                          'met' if good else 'NOT MET'])

    def ratio(self, what, a, b, limit, at_least=False):
        self.add(what, a / b if a is not None and b else None, limit, at_least, 'x')


def verdicts(data):
    j = Judge(data)
    ours, cache = 'secretfs', 'secretfs -o cache'
    one, two, eight, large = '64 x1', '64 x2', '64 x8', '1048576 x1'
    empty = ['empty libfuse', 'empty libfuse mt']
    p50 = j.get('read', one, ours, 'p50')
    j.ratio('1 p50 of 64 B to the best peer', p50, j.best('read', one, 'p50'), 1 / 2)
    j.ratio('1 p50 of 64 B to empty libfuse, one thread', p50,
            j.get('read', one, empty[0], 'p50'), 1)
    j.ratio('1 p50 of 64 B to empty libfuse, threads', p50, j.get('read', one, empty[1], 'p50'), 1)
    hot = j.get('read', one, cache, 'p50')
    j.ratio('1 -o cache to the best peer', hot, j.best('read', one, 'p50'), 1 / 6)
    j.ratio('1 -o cache to tmpfs', hot, j.get('read', one, 'tmpfs', 'p50'), 5)
    for n, key, least in ((2, two, 1.4), (8, eight, 1)):
        j.ratio(f'2 opens/s of {n} readers to the best peer', j.get('read', key, ours, 'rate'),
                j.best('read', key, 'rate', True), least, True)
    for key in one, two, eight:
        j.ratio(f'2 p99 of {key} to the best peer', j.get('read', key, ours, 'p99'),
                j.best('read', key, 'p99'), 1)
    best = j.best('read', large, 'p50')
    j.ratio('3 throughput of 1 MiB to the best peer', best, j.get('read', large, ours, 'p50'), 1,
            True)
    first = j.get('first', 1048576, ours, 'p50')
    j.ratio('3 its first open to that', best, first, 1 / 2, True)
    j.ratio('3 its first open to that of the best peer', j.best('first', 1048576, 'p50'), first,
            1 / 2, True)
    j.add('4 start with 1,000', j.get('start', 1000, ours, 'ms'), 50, unit=' ms')
    j.add('4 start with 100,000', j.get('start', 100000, ours, 'ms'), 1000, unit=' ms')
    n = max([int(k) for k in j.m.get('memory', {})] + [0])
    small, much = (j.get('memory', k, ours, 'kib') for k in (1000, n))
    j.add('4 memory with 1,000', small and small / 1024, 8, unit=' MiB')
    j.add('4 memory of each further secret',
          (much - small) * 1024 / (n - 1000) if much and n > 1000 else None, 300, unit=' B')
    for n in 1000, 10000, 100000:
        if str(n) in j.m.get('list', {}):
            j.ratio(f'4 ls of {n:,} to the best peer', j.get('list', n, ours, 'ms'),
                    j.best('list', n, 'ms'), 1)
    j.ratio('4 open at 100,000 to open at 10', j.get('growth', 100000, ours, 'p50'),
            j.get('growth', 10, ours, 'p50'), 1.2)
    for key in j.m.get('idle', {}):
        j.add(f'5 wake-ups in {key}', j.get('idle', key, ours, 'wakeups'), 0)
        j.add(f'5 CPU in {key}', j.get('idle', key, ours, 'cpu_ms'), 0, unit=' ms')
    for key in j.m.get('drip', {}):
        j.add(f'5 CPU at {key}', j.get('drip', key, ours, 'core_percent'), 1, unit=' %')
    j.ratio('6 update in a scope of 10,000 to one of 10', j.get('update', 10000, ours, 'ms'),
            j.get('update', 10, ours, 'ms'), 2)
    imported = j.get('import', 10000, ours, 'ms')
    j.add('6 import of 10,000', imported and imported / 1000, 10, unit=' s')
    return j.rows


def text(data):
    m = data['machine']
    out = [f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, {m['date']}; load "
           f"{m['load'][0]:.1f} before and {m['load'][1]:.1f} after; {data['rounds']} rounds, "
           f"median [least..most], {data['seconds']:.0f} s", '']
    out += [f'NOT COMPARED: {a}' for a in data['absent']]
    for name, measure, title, unit in TABLES:
        if name in data['samples']:
            out += ['', f'{title}{f" ({unit})" if unit else ""}', table(data, name, measure)]
    out += ['', 'It must show', grid(verdicts(data)), '']
    return '\n'.join(out)


# --- plots ---


def gnuplot(script):
    subprocess.run(['gnuplot'], input=script, text=True, check=True)


def quoted(s):
    return '"' + str(s).replace('"', '') + '"'


def plot_bars(data, out, file, title, ylabel, name, measure, keys, log=True):
    """Groups of bars, one group a key."""
    who = [p for p in data['peers']
           if any(p['name'] in data['medians'][name].get(k, {}) for k in keys)]
    if not who:
        return
    lines = ['$d << EOD']
    for k in keys:
        row = data['medians'][name].get(k, {})
        lines.append(' '.join([quoted(k)] + [
            str(row[p['name']][measure]) if p['name'] in row else 'NaN' for p in who]))
    lines += ['EOD', 'set terminal svg size 900,480 font "sans,13" background "white"',
              f'set output {quoted(f"{out}/{file}.svg")}', f'set title {quoted(title)}',
              f'set ylabel {quoted(ylabel)}', 'set style data histogram',
              'set style histogram clustered gap 1', 'set style fill solid 0.9',
              'set grid ytics', 'set key outside right', 'set logscale y' if log else
              'set yrange [0:*]']
    parts = [f'$d using {i + 2}{":xtic(1)" if i == 0 else ""} title {quoted(p["name"])} '
             f'linecolor rgb "{p["color"]}"' for i, p in enumerate(who)]
    lines.append('plot ' + ', '.join(parts))
    gnuplot('\n'.join(lines) + '\n')


def plot_lines(data, out, file, title, ylabel, series):
    """series: (label, colour, table, who, measure), over the number of secrets."""
    blocks, parts = [], []
    for i, (label, color, name, who, measure) in enumerate(series):
        points = [(int(k), row[who][measure]) for k, row in data['medians'].get(name, {}).items()
                  if k and who in row]
        if not points:
            continue
        blocks += [f'$s{i} << EOD'] + [f'{x} {y}' for x, y in sorted(points)] + ['EOD']
        parts.append(f'$s{i} using 1:2 with linespoints linewidth 2 pointtype 7 '
                     f'linecolor rgb "{color}" title {quoted(label)}')
    if parts:
        gnuplot('\n'.join(blocks + [
            'set terminal svg size 900,480 font "sans,13" background "white"',
            f'set output {quoted(f"{out}/{file}.svg")}', f'set title {quoted(title)}',
            f'set ylabel {quoted(ylabel)}', 'set xlabel "secrets"', 'set logscale xy', 'set grid',
            'set key outside right', 'plot ' + ', '.join(parts)]) + '\n')


def plot(data, out):
    if not shutil.which('gnuplot'):
        print('NO PLOTS: gnuplot is not installed')
        return
    read = list(data['medians'].get('read', {}))
    if read:
        one = [k for k in read if k.endswith(' x1')]
        small = [k for k in read if k.startswith('64 ')]
        plot_bars(data, out, 'latency', 'open + read + close, one reader (bytes x readers), p50',
                  'microseconds', 'read', 'p50', one)
        plot_bars(data, out, 'readers', '64 bytes, 1, 2 and 8 readers', 'opens a second', 'read',
                  'rate', small, log=False)
        plot_bars(data, out, 'tail', '64 bytes, 1, 2 and 8 readers, p99', 'microseconds', 'read',
                  'p99', small)
    colors = [(p['name'], p['color']) for p in data['peers'] if not p['name'].startswith('empty')]
    for file, name, title in (('list', 'list', 'readdir'), ('long', 'long', 'ls -l')):
        plot_lines(data, out, file, title, 'milliseconds',
                   [(w, c, name, w, 'ms') for w, c in colors])
    plot_lines(data, out, 'memory', 'proportional set size', 'KiB',
               [(w, c, 'memory', w, 'kib') for w, c in colors])
    plot_lines(data, out, 'admin', "the admin's side, and the start of a mount", 'milliseconds', [
        (label, color, name, 'secretfs', 'ms') for label, color, name in (
            ('create', '#1f77b4', 'create'), ('update', '#ff7f0e', 'update'),
            ('get (all)', '#2ca02c', 'list all'), ('import', '#d62728', 'import'),
            ('check', '#9467bd', 'check'), ('mount starts', '#8c564b', 'start'))])

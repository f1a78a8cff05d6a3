#!/usr/bin/python3 -I
# SPDX-License-Identifier: ISC
"""Reads a store, written from the page secretfs-store(5) and nothing else.

    reader.py --bundle FILE STORE             what a bundle opens; a writer's, no values
    reader.py --root-key FILE STORE           every scope, by the root
    reader.py --archive FILE                  an archive

It verifies what the page says that a reader must, and then prints JSON: the
scopes, with each secret and its value in base64, and for a bundle which
secrets of them a mount shows (an expired one has no value then). If anything is refused nothing is printed, and
the exit status is 1. It writes nothing.

    --state DIR    take the floors there into account
    --history      the values of older versions too, and the commits back to
                   the first one
    --now T        the clock, in seconds since 1970
    --passphrase-file FILE, --code-file FILE
                   the way into the root key, instead of a slot's key file
    --passphrase-file FILE, --identity FILE
                   the way into an archive
    --scope P/D    for the root: this scope too, though the registry does not
                   declare it; P, D or both may be empty
"""

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import struct
import sys
import time

import nacl.bindings as sodium
import nacl.exceptions

REF, COMMIT, PAGE, VALUE, FLOOR = b'sfs1ref ', b'sfs2comm', b'sfs1page', b'sfs1vobj', b'sfs2flor'
REF_MAX, OBJECT_MAX, BUNDLE_MAX, PAGE_MAX, VALUE_MAX = 4096, 1433600, 4095, 65536, 1048576
PAGES_MAX, TIME_END = 1024, 1 << 62
TYPES = ('regular', 'json', 'image_pull')
DISCONTINUITY, ROTATION = 1, 2


class Refused(Exception):
    """The store, or a key to it, does not hold what the page asks of it."""


class OutOfDate(Refused):
    """It is of a generation that the reader has no keys of."""


class Missing(Refused):
    """A file is not there."""


class NoRef(Missing):
    """A ref is not there."""


def require(condition, what, kind=Refused):
    if not condition:
        raise kind(what)


# --- notation and primitives --------------------------------------------------

class Parser:
    """Takes a structure apart, exactly."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, n):
        require(n <= len(self.data) - self.at, self.what + ' is cut short')
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack('<' + form, self.take(struct.calcsize('<' + form)))[0]

    def u8(self): return self.number('B')
    def u16(self): return self.number('H')
    def u32(self): return self.number('I')
    def u64(self): return self.number('Q')

    def str(self):
        s = self.take(self.u8())
        require(b'\0' not in s, self.what + ' has a NUL in a string')
        return s

    def more(self):
        return self.at < len(self.data)

    def end(self):
        require(not self.more(), self.what + ' has bytes left over')


def u8(n): return struct.pack('<B', n)
def u16(n): return struct.pack('<H', n)
def u32(n): return struct.pack('<I', n)
def u64(n): return struct.pack('<Q', n)
def pstr(s): return u8(len(s)) + s


def H(n, m):
    return hashlib.blake2b(m, digest_size=n).digest()


def MAC(k, m):
    return hashlib.blake2b(m, key=k, digest_size=32).digest()


def KDF(k, n, number, ctx):
    return hashlib.blake2b(b'', key=k, digest_size=n, salt=u64(number) + bytes(8),
                           person=ctx + bytes(8)).digest()


def aead_open(k, nonce, ad, sealed, what):
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, ad, nonce, k)
    except (nacl.exceptions.CryptoError, ValueError):
        raise Refused(what + ' does not open') from None


def verify(pk, signature, m, what):
    try:
        sodium.crypto_sign_open(signature + m, pk)
    except (nacl.exceptions.CryptoError, ValueError):
        raise Refused(what + ' has a bad signature') from None


def x25519(sk, pk, what):
    try:
        shared = sodium.crypto_scalarmult(sk, pk)
    except (nacl.exceptions.CryptoError, ValueError):
        shared = bytes(32)
    require(shared != bytes(32), what + ' has a key of small order')
    return shared


def padded(length):
    if length <= 256:
        return 256
    e = length.bit_length() - 1
    s = e.bit_length()
    m = (1 << (e - s)) - 1
    return (length + m) & ~m


# --- names ----------------------------------------------------------------------

COMPONENT = re.compile(rb'[A-Za-z0-9_-][A-Za-z0-9._-]*')
ENV = re.compile(rb'[A-Z_][A-Z0-9_]*')


def fold(name):
    return bytes(c + 32 if 65 <= c <= 90 else c for c in name)


def order(name):
    """Sorts as the page orders names."""
    return fold(name).replace(b'/', b'\0')


def below(name, other):
    return fold(name).startswith(fold(other) + b'/')


def valid_name(name):
    parts = name.split(b'/')
    return len(name) <= 253 and len(parts) <= 3 and all(COMPONENT.fullmatch(p) for p in parts)


def scope_names(*parts):
    """A project and a domain, or one of them, as they count."""
    for part in parts:
        require(part == b'' or (len(part) <= 63 and COMPONENT.fullmatch(part)), 'there is no such project or domain')
    return [fold(part) for part in parts]


def env_name(name, env):
    if env:
        return env
    made = bytes(c if 48 <= c <= 57 or 65 <= c <= 90 else 95 for c in name.upper())
    return made if ENV.fullmatch(made) else b''


# --- files ------------------------------------------------------------------------

def read_file(path, limit, what, at=None):
    """At most limit bytes of a regular file. With at, path is a tuple below it, and no part a link."""
    parts, held = path if at is not None else (path,), []
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (os.O_NOFOLLOW if at is not None else 0)
    try:
        for part in parts[:-1]:
            at = os.open(part, flags | os.O_DIRECTORY, dir_fd=at)
            held.append(at)
        fd = os.open(parts[-1], flags, dir_fd=at)
        held.append(fd)
        require(stat.S_ISREG(os.fstat(fd).st_mode), what + ' is no regular file')
        data = b''
        while len(data) <= limit and (more := os.read(fd, min(limit + 1 - len(data), 1 << 20))):
            data += more
    except FileNotFoundError:
        raise Missing(what + ' is not there') from None
    except OSError as e:
        raise Refused('%s: %s' % (what, e.strerror)) from None
    finally:
        for fd in held:
            os.close(fd)
    require(len(data) <= limit, what + ' is too long')
    return data


# --- keys -------------------------------------------------------------------------

class Root:
    def __init__(self, root):
        self.pk, self.sk = sodium.crypto_sign_seed_keypair(KDF(root, 32, 1, b'sfs1root'))
        self.k = KDF(root, 32, 2, b'sfs1root')
        self.k_reg = KDF(root, 32, 3, b'sfs1root')
        self.k_slots = KDF(root, 32, 4, b'sfs1root')
        self.store_id = H(16, self.pk)

    def base(self, project, domain):
        return MAC(self.k, pstr(project) + pstr(domain))


class Floor:
    def __init__(self, epoch=0, grant_epoch=0, id=bytes(32), grant=bytes(32)):
        self.epoch, self.grant_epoch, self.id, self.grant = epoch, grant_epoch, id, grant

    @classmethod
    def parse(cls, p):
        return cls(p.u64(), p.u64(), p.take(32), p.take(32))


class Scope:
    """What a reader has of one scope."""

    def __init__(self, root_pk, scope_id, project=b'', domain=b'', registry=False):
        self.root_pk, self.store_id, self.id = root_pk, H(16, root_pk), scope_id
        self.project, self.domain, self.registry = project, domain, registry
        self.floor, self.generations = Floor(), {}

    def __str__(self):
        if self.registry:
            return 'registry'
        return '%s/%s' % (self.project.decode(), self.domain.decode())

    def keys(self, gen, what):
        """K_meta, sk and pk of a generation; a writer has no sk."""
        require(gen != 0, what + ' is of generation 0')
        require(gen in self.generations, '%s is of generation %d: the keys are out of date' % (what, gen),
                OutOfDate)
        return self.generations[gen]

    def refuse_older(self, k_meta, tag, ad, data, what):
        try:
            aead_open(k_meta, data[4:28], b'sfs1' + tag[4:] + ad, data[28:], what)
        except Refused:
            return
        raise Refused(what + ' is of another version of secretfs')

    def unseal(self, tag, data, what):
        """The generation and the body of an envelope."""
        require(len(data) >= 300, what + ' is too short')
        gen, = struct.unpack('<I', data[:4])
        k_meta = self.keys(gen, what)[0]
        ad = self.store_id + self.id + u32(gen)
        try:
            inner = aead_open(k_meta, data[4:28], tag + ad, data[28:], what)
        except Refused:
            if tag in (COMMIT, FLOOR):
                self.refuse_older(k_meta, tag, ad, data, what)
            raise
        length, = struct.unpack('<I', inner[:4])
        require(length <= len(inner) - 4, what + ' states a wrong length')
        require(len(inner) == padded(4 + length), what + ' is padded to a wrong size')
        require(not any(inner[4 + length:]), what + ' is not padded with zeros')
        return gen, inner[4:4 + length]


class RootScope(Scope):
    """A scope by the root, which has the keys of every generation."""

    def __init__(self, root, base, *names, **more):
        super().__init__(root.pk, KDF(base, 16, 0, b'sfs1scid'), *names, **more)
        self.base = base

    def keys(self, gen, what):
        if gen not in self.generations and gen != 0:
            self.generations[gen] = generation(self.base, gen)
        return super().keys(gen, what)


def generation(base, gen):
    sk = H(32, KDF(base, 32, gen, b'sfs1seal'))
    return KDF(base, 32, gen, b'sfs1meta'), sk, sodium.crypto_scalarmult_base(sk)


# --- the root key -----------------------------------------------------------------

def parse_slots(data):
    p = Parser(data, 'the root key file')
    require(p.take(8) == b'sfs1slot', 'the root key file is none')
    n = p.u8()
    require(1 <= n <= 16, 'the root key file has a wrong number of slots')
    slots = []
    for _ in range(n):
        kind, label, created = p.u8(), p.str(), p.u64()
        payload = p.take(p.u16())
        require(COMPONENT.fullmatch(label) and len(label) <= 31, 'a slot has a wrong label')
        require(label not in [s[1] for s in slots], 'two slots have one label')
        require(kind in (1, 2, 3) and len(payload) == (104, 104, 112)[kind - 1], 'a slot has a wrong form')
        if kind == 2:
            opslimit, memlimit = struct.unpack('<QQ', payload[16:32])
            require(1 <= opslimit <= 64 and 8192 <= memlimit <= 1 << 32, 'a slot asks for wrong limits')
        slots.append((kind, label, created, payload))
    covered = data[:p.at]
    mac = p.take(32)
    p.end()
    return slots, covered, mac


def decode(code):
    """The seed in a recovery code."""
    digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    code = re.sub(r'[-\s]', '', code).upper().translate(str.maketrans('OIL', '011'))
    require(len(code) == 55 and all(c in digits for c in code), 'that is no recovery code')
    n = 0
    for c in code:
        n = n << 5 | digits.index(c)
    require(n & 7 == 0, 'that is no recovery code')
    whole = (n >> 3).to_bytes(34, 'big')
    require(H(32, b'sfs1code' + whole[:32])[:2] == whole[32:], 'the recovery code is mistyped')
    return whole[:32]


def argon2id(passphrase, salt, opslimit, memlimit):
    return sodium.crypto_pwhash_alg(32, passphrase, salt, opslimit, memlimit, sodium.crypto_pwhash_ALG_ARGON2ID13)


def open_slot(slot, passphrase=None, code=None):
    """The root in a slot, or None if it is not for what is at hand."""
    kind, label, _, payload = slot
    ad = b'sfs1slot' + u8(kind) + label
    what = 'the slot %s' % label.decode()
    if kind == 1 and passphrase is None and code is None:
        return aead_open(payload[:32], payload[32:56], ad, payload[56:], what)
    if kind == 2 and passphrase is not None:
        k = argon2id(passphrase, payload[:16], *struct.unpack('<QQ', payload[16:32]))
        return aead_open(k, payload[32:56], ad, payload[56:], what)
    if kind == 3 and code is not None:
        pk, sk = sodium.crypto_box_seed_keypair(decode(code))
        require(pk == payload[:32], what + ' is for another code')
        try:
            return sodium.crypto_box_seal_open(payload[32:], pk, sk)
        except nacl.exceptions.CryptoError:
            raise Refused(what + ' does not open') from None
    return None


def open_root(data, **way):
    slots, covered, mac = parse_slots(data)
    why = 'no slot of the root key file is for this way in'
    for slot in slots:
        try:
            found = open_slot(slot, **way)
        except Refused as e:
            why = str(e)
            continue
        if found is not None:
            root = Root(found)
            require(MAC(root.k_slots, covered) == mac, 'the root key file has been altered')
            return root
    raise Refused(why)


# --- bundles ----------------------------------------------------------------------

def parse_bundle(data):
    """The scopes of a bundle, broadest first; its project and domain; whether it is a writer's."""
    writer = data[:8] == b'sfs2wtr '
    require(data[:3] + data[4:8] not in (b'sfswtr ', b'sfsrdr ') or data[3:4] == b'2',
            'the bundle is of another version of secretfs')
    require(writer or data[:8] == b'sfs2rdr ', 'that is no bundle')
    require(len(data) >= 40 and H(32, data[:-32]) == data[-32:], 'the bundle is damaged')
    p = Parser(data[8:-32], 'the bundle')
    root_pk = p.take(32)
    project, domain = p.str(), p.str()
    require([project, domain] == scope_names(project, domain), 'the bundle has names in upper case')
    if writer:
        names = [(project, domain)]
        require(len(p.str()) <= 63, 'the bundle names a writer with too many bytes')
    else:
        require(bool(project) == bool(domain), 'the bundle has only one of project and domain')
        names = [(b'', b''), (b'', domain), (project, b''), (project, domain)] if project else [(b'', b'')]
        require(p.u8() == len(names), 'the bundle has a wrong number of scopes')
    scopes = []
    for pair in names:
        scope = Scope(root_pk, p.take(16), *pair)
        scope.floor = Floor.parse(p)
        count, last = p.u8(), None
        require(1 <= count <= 2, 'the bundle has a wrong number of generations')
        for _ in range(count):
            gen, k_meta, key = p.u32(), p.take(32), p.take(32)
            require(gen != 0 and (last is None or gen == last - 1), 'the bundle has wrong generations')
            scope.generations[gen] = (k_meta, None, key) if writer else (k_meta, key, sodium.crypto_scalarmult_base(key))
            last = gen
        scopes.append(scope)
    if writer:
        p.take(32)  # the seed of its key: nothing here signs
    p.end()
    return scopes, project, domain, writer


# --- commits ----------------------------------------------------------------------

class Grant:
    def __init__(self, scope, gen, data):
        p = Parser(data, 'a grant')
        require(len(data) >= 64, 'a grant is cut short')
        verify(scope.root_pk, data[-64:], b'sfs2grnt' + scope.store_id + scope.id + data[:-64], 'a grant')
        p = Parser(data[:-64], 'a grant')
        self.gen, self.pk, self.epoch = p.u32(), p.take(32), p.u64()
        self.after, self.flags, self.hash = p.take(32), p.u8(), H(32, data)
        require(self.flags & ~(DISCONTINUITY | ROTATION) == 0, 'a grant has unknown flags')
        if self.flags & DISCONTINUITY:
            self.base, self.base_epoch, self.since = p.take(32), p.u64(), p.u64()
        self.writers = {}
        n = p.u16()
        require(n <= 256, 'a grant has too many writers')
        for _ in range(n):
            key, name = p.take(32), p.str()
            require(len(name) <= 63, 'a grant names a writer with too many bytes')
            self.writers[key] = name
        p.end()
        require(self.gen == gen, 'a grant is of another generation than its commit')
        require(self.pk == scope.keys(gen, 'a grant')[2], 'a grant is for another key')


class Commit:
    def __init__(self, scope, id, gen, body):
        self.id, self.gen = id, gen
        p = Parser(body, 'a commit')
        grant = p.take(p.u32())
        self.grant = Grant(scope, gen, grant)
        require(len(body) - p.at >= 64, 'a commit is cut short')
        state, signature = body[p.at:-64], body[-64:]
        p = Parser(state, 'a commit')
        self.epoch, self.prev, self.jump, self.jump_epoch = p.u64(), p.take(32), p.take(32), p.u64()
        self.time, self.writer, self.swept = p.u64(), p.take(32), p.u64()
        n = p.u32()
        require(n <= PAGES_MAX, 'a commit names too many pages')
        self.pages = [(p.take(32), p.str()) for _ in range(n)]
        self.retired = [p.take(32) for _ in range(p.u32())]
        p.end()
        for i, (_, first) in enumerate(self.pages):
            require(valid_name(first), 'a commit names a page by no valid name')
            require(i == 0 or order(first) > order(self.pages[i - 1][1]), 'a commit has pages out of order')
        require(self.epoch >= 1, 'a commit has epoch 0')
        require(self.swept < self.epoch, 'a commit has swept itself')
        require(self.time < TIME_END, 'a commit is of a time beyond all others')
        if self.epoch == 1:
            require(self.jump_epoch == 0 and self.prev == bytes(32), 'a first commit has one before')
            require(self.grant.after == bytes(32), 'a first commit has a grant that is not the first')
        else:
            require(1 <= self.jump_epoch < self.epoch, 'a commit jumps to a wrong epoch')
        require(self.writer in self.grant.writers, 'a commit is by none of its writers')
        verify(self.writer, signature,
               b'sfs2cmit' + scope.store_id + scope.id + u32(gen) + H(32, grant) + state, 'a commit')


class Record:
    def __init__(self, p, versions=True):
        self.name = p.str()
        require(valid_name(self.name), 'a record has no valid name')
        kind = p.u8()
        require(kind < len(TYPES), 'a record has an unknown type')
        self.type, self.env = TYPES[kind], p.str()
        require(self.env == b'' or ENV.fullmatch(self.env), 'a record has no valid env')
        self.expires, self.created = p.u64(), p.u64()
        self.n = p.u8()
        require(1 <= self.n <= 64, 'a record has a wrong number of versions')
        self.versions = [Version(p) for _ in range(self.n)] if versions else []


class Version:
    def __init__(self, p):
        self.id, self.set_epoch, self.time = p.take(32), p.u64(), p.u64()
        self.gen, self.length, self.writer = p.u32(), p.u32(), p.take(8)
        require(self.set_epoch >= 1, 'a version has set_epoch 0')
        require(self.gen >= 1, 'a version is of generation 0')
        require(self.length <= VALUE_MAX, 'a version is too long')


# --- reading ----------------------------------------------------------------------

class Reader:
    """One scope of a store directory."""

    def __init__(self, store, scope):
        self.store, self.scope = store, scope

    def object(self, id, tag, what):
        data = read_file(('objects', self.scope.id.hex(), id.hex()), OBJECT_MAX, what, self.store)
        require(H(32, data) == id, what + ' is not the one that was asked for')
        return self.scope.unseal(tag, data, what)

    def ref(self):
        try:
            data = read_file(('refs', self.scope.id.hex()), REF_MAX, 'the ref', self.store)
        except Missing as e:
            raise NoRef(str(e)) from None
        _, body = self.scope.unseal(REF, data, 'the ref')
        require(len(body) == 32, 'the ref has a wrong size')
        return body

    def commit(self, id):
        gen, body = self.object(id, COMMIT, 'commit %s' % id.hex()[:8])
        return Commit(self.scope, id, gen, body)

    def follows(self, commit, id, grant_epoch, grant):
        """May the commit come right after one with that grant?"""
        return commit.grant.hash == grant or (commit.grant.epoch > grant_epoch and commit.grant.after == id)

    def jumped(self, commit, epoch):
        """Where its jump leads, no further back than epoch, or None if it does not hold."""
        if not epoch < commit.jump_epoch < commit.epoch - 1:
            return None
        try:
            to = self.commit(commit.jump)
        except Refused:
            return None
        return to if to.epoch == commit.jump_epoch and to.grant.hash == commit.grant.hash else None

    def descends(self, commit, floor, jumps):
        if commit.epoch <= floor.epoch:
            return commit.epoch == floor.epoch and commit.id == floor.id
        while True:
            if jumps and (commit.jump_epoch, commit.jump, commit.grant.hash) == (floor.epoch, floor.id, floor.grant):
                return True
            if commit.epoch - 1 == floor.epoch:
                return commit.prev == floor.id and self.follows(commit, floor.id, floor.grant_epoch, floor.grant)
            to = self.jumped(commit, floor.epoch) if jumps else None
            if to is None:
                to = self.commit(commit.prev)
                require(to.epoch == commit.epoch - 1, 'a commit has another epoch than was promised')
                if not self.follows(commit, to.id, to.grant.epoch, to.grant.hash):
                    return False
            commit = to

    def fresh(self, commit, floor):
        if floor.epoch == 0:
            return
        grant, jumps = commit.grant, commit.grant.hash == floor.grant
        if not jumps:
            require(grant.epoch > floor.grant_epoch, 'the grant is older than one that was accepted')
            if grant.flags & DISCONTINUITY and grant.since > floor.grant_epoch:
                floor = Floor(grant.base_epoch, grant.since - 1, grant.base, b'')
        require(self.descends(commit, floor, jumps), 'the newest commit does not descend from one that was accepted')

    def page(self, id, first):
        what = 'the page of %s' % first.decode()
        _, body = self.object(id, PAGE, what)
        require(len(body) <= PAGE_MAX, what + ' is too long')
        p, records = Parser(body, what), []
        while p.more():
            records.append(Record(p))
        require(records and records[0].name == first, what + ' begins with another name')
        return records

    def value(self, record, version):
        scope = self.scope
        what = 'the value of %s' % record.name.decode()
        gen, body = self.object(version.id, VALUE, what)
        require(gen == version.gen, what + ' is of another generation')
        require(len(body) == version.length + 48, what + ' has another length')
        _, sk, pk = scope.keys(gen, what)
        epk = body[:32]
        k = H(64, x25519(sk, epk, what) + epk + pk)[32:]
        ad = b'sfs1valu' + scope.store_id + scope.id + u32(gen) + u64(version.set_epoch) + fold(record.name)
        return aead_open(k, bytes(24), ad, body[32:], what)

    def read(self, history=False, values=True):
        """The newest commit and all records, each with its newest value."""
        commit = self.commit(self.ref())
        self.fresh(commit, self.scope.floor)
        records = []
        for id, first in commit.pages:
            records += self.page(id, first)
        for last, record in zip(records, records[1:]):
            require(order(record.name) > order(last.name) and not below(record.name, last.name),
                    'a page has %s out of order' % record.name.decode())
        for record in records:
            wanted = record.versions[:None if history else 1] if values else []
            record.values = [self.value(record, v) for v in wanted]
        if history:
            older = commit
            while older.epoch > 1:
                promised = older.epoch - 1
                older = self.commit(older.prev)
                require(older.epoch == promised, 'a commit has another epoch than was promised')
        return commit, records


def stored_floor(state, scope):
    """The floor that a state directory keeps, or none."""
    try:
        data = read_file((scope.store_id.hex(), scope.id.hex(), 'floor'), REF_MAX, 'the floor', state)
    except Missing:
        return Floor()
    gen, = struct.unpack('<I', data[:4]) if len(data) >= 300 else (0,)
    if gen != 0 and scope.generations and gen < min(scope.generations):
        return Floor()  # of keys gone by; the bundle's floor is newer
    _, body = scope.unseal(FLOOR, data, 'the floor')
    p = Parser(body, 'the floor')
    floor = Floor.parse(p)
    p.end()
    return floor


def later(a, b):
    return b if (b.grant_epoch, b.epoch) > (a.grant_epoch, a.epoch) else a


def shown(scopes):
    """What a mount shows of scopes, broadest first: pairs of a scope and a record."""
    names, out = [], []
    for scope, _, records in reversed(scopes):
        for record in records:
            name = fold(record.name)
            if not any(name == n or below(name, n) or below(n, name) for n in names):
                out.append((scope, record))
        names = [fold(r.name) for _, r in out]
    return sorted(out, key=lambda pair: order(pair[1].name))


# --- archives ---------------------------------------------------------------------

def open_archive(data, passphrase=None, identity=None):
    """The messages in an archive, and the hash of what stands before the last."""
    p = Parser(data, 'the archive')
    require(p.take(8) == b'sfs2arch', 'that is no archive')
    kind = p.u8()
    require(kind in (1, 2), 'the archive is of an unknown kind')
    if kind == 1:
        require(passphrase is not None, 'the archive asks for a passphrase')
        salt, opslimit, memlimit = p.take(16), p.u64(), p.u64()
        require(1 <= opslimit <= 64 and 8192 <= memlimit <= 1 << 32, 'the archive asks for wrong limits')
        key = argon2id(passphrase, salt, opslimit, memlimit)
    else:
        require(identity is not None, 'the archive asks for an identity')
        try:
            key = sodium.crypto_box_seal_open(p.take(80), sodium.crypto_scalarmult_base(identity), identity)
        except nacl.exceptions.CryptoError:
            raise Refused('the archive is for another identity') from None
        require(len(key) == 32, 'the archive has a wrong key')
    stream = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(stream, p.take(24), key)
    messages, ad, last = [], H(32, data[:p.at]), False
    while not last:
        before = p.at
        sealed = p.take(p.u32())
        try:
            message, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(stream, sealed, ad)
        except (nacl.exceptions.CryptoError, ValueError):
            raise Refused('the archive does not open') from None
        last = tag == sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
        ad = None
        messages.append(message)
    p.end()
    return messages, H(32, data[:before])


def read_archive(messages, digest):
    """What an archive declares, its secrets with all their versions, and whose it is."""
    declared, scopes, left, ended = [], [], 0, False
    for i, message in enumerate(messages):
        p = Parser(message, 'a message of the archive')
        kind = p.u8()
        require(not ended and (kind == 4) == (left > 0), 'the archive has messages out of order')
        if kind in (1, 2):
            project, domain = p.str(), p.str()
            require([project, domain] == scope_names(project, domain), 'the archive has names in upper case')
            if kind == 1:
                require(bool(project) != bool(domain), 'the archive declares neither project nor domain')
                declared.append({'project': project.decode(), 'domain': domain.decode()})
            else:
                scopes.append({'project': project.decode(), 'domain': domain.decode(), 'secrets': []})
        elif kind == 3:
            require(scopes, 'the archive has a secret of no scope')
            r = Record(p, versions=False)
            left = r.n
            versions = []
            scopes[-1]['secrets'].append({
                'name': r.name.decode(), 'type': r.type, 'env': env_name(r.name, r.env).decode(),
                'created': r.created, 'expires': r.expires, 'versions': versions})
        elif kind == 4:
            when, writer = p.u64(), p.take(8)
            value = p.take(len(message) - p.at)
            require(len(value) <= VALUE_MAX, 'the archive has a value that is too long')
            versions.append({'time': when, 'writer': writer.hex(), 'value': base64.b64encode(value).decode()})
            left -= 1
        elif kind == 5:
            require(p.u64() == i, 'the archive counts its messages wrong')
            root_pk, signature = p.take(32), p.take(64)
            verify(root_pk, signature, b'sfs2asig' + root_pk + u64(i) + digest, 'the archive')
            ended = True
        else:
            raise Refused('the archive has an unknown message')
        p.end()
    require(ended, 'the archive has no end')
    return {'from': H(16, root_pk).hex(), 'declared': declared, 'scopes': scopes}


# --- the program ------------------------------------------------------------------

def describe(scope, commit, records, now, mount):
    def encoded(record, i):
        if i >= len(record.values) or (mount and expired(record)):
            return None
        return base64.b64encode(record.values[i]).decode()

    def expired(record):
        return record.expires != 0 and record.expires <= max(now, commit.time // 1000000000)

    return {
        'scope_id': scope.id.hex(), 'registry': scope.registry,
        'project': scope.project.decode(), 'domain': scope.domain.decode(),
        'commit': commit.id.hex(), 'epoch': commit.epoch, 'gen': commit.gen, 'grant_epoch': commit.grant.epoch,
        'writer': commit.writer.hex(), 'pages': len(commit.pages),
        'writers': {k.hex(): name.decode('utf-8', 'replace') for k, name in commit.grant.writers.items()},
        'secrets': [{
            'name': r.name.decode(), 'type': r.type, 'env': env_name(r.name, r.env).decode(),
            'created': r.created, 'expires': r.expires, 'expired': expired(r),
            'value': encoded(r, 0),
            'versions': [{
                'set_epoch': v.set_epoch, 'time': v.time, 'gen': v.gen, 'length': v.length,
                'writer': v.writer.hex(), 'value': encoded(r, i),
            } for i, v in enumerate(r.versions)],
        } for r in records],
    }


def registered(records):
    """The scopes that the registry declares."""
    projects, domains = [], []
    for r in records:
        kind, _, name = r.name.partition(b'/')
        require(kind in (b'project', b'domain') and name, 'the registry declares something else')
        (projects if kind == b'project' else domains).extend(scope_names(name))
    return [(p, d) for p in [b''] + projects for d in [b''] + domains]


def main():
    args = argparse.ArgumentParser(description='Read a secretfs store.')
    key = args.add_mutually_exclusive_group(required=True)
    key.add_argument('--bundle')
    key.add_argument('--root-key')
    key.add_argument('--archive')
    args.add_argument('--state')
    args.add_argument('--history', action='store_true')
    args.add_argument('--now', type=int, default=int(time.time()))
    args.add_argument('--passphrase-file')
    args.add_argument('--code-file')
    args.add_argument('--identity')
    args.add_argument('--scope', action='append', default=[])
    args.add_argument('store', nargs='?')
    args = args.parse_args()

    way = {}
    if args.passphrase_file is not None:
        way['passphrase'] = read_file(args.passphrase_file, 4096, 'the passphrase').split(b'\n')[0]
    if args.code_file is not None:
        way['code'] = read_file(args.code_file, 4096, 'the recovery code').decode('ascii', 'replace')
    if args.archive is not None:
        if args.identity is not None:
            digits = read_file(args.identity, 65, 'the identity')
            require(re.fullmatch(rb'[0-9a-f]{64}\n', digits), 'that is no identity')
            way['identity'] = bytes.fromhex(digits.decode())
        archive = read_file(args.archive, sys.maxsize - 1, 'the archive')
        json.dump(read_archive(*open_archive(archive, **way)), sys.stdout, indent=1)
        print()
        return

    store = os.open(args.store, os.O_RDONLY | os.O_DIRECTORY)
    state = None if args.state is None else os.open(args.state, os.O_RDONLY | os.O_DIRECTORY)

    def read(scope, values=True):
        try:
            if state is not None:
                scope.floor = later(scope.floor, stored_floor(state, scope))
            return (scope, *Reader(store, scope).read(args.history, values))
        except Refused as e:
            raise type(e)('%s: %s' % (scope, e)) from None

    out, found = {}, []
    if args.bundle is not None:
        scopes, project, domain, writer = parse_bundle(read_file(args.bundle, BUNDLE_MAX, 'the bundle'))
        out.update(project=project.decode(), domain=domain.decode())
        for scope in scopes:
            found.append(read(scope, values=not writer))
        if not writer:
            out['shown'] = [{'name': r.name.decode(), 'project': s.project.decode(), 'domain': s.domain.decode()}
                            for s, r in shown(found)]
    else:
        root = open_root(read_file(args.root_key, 65536, 'the root key file'), **way)
        out['store_id'] = root.store_id.hex()
        found.append(read(RootScope(root, root.k_reg, registry=True)))
        pairs = registered(found[0][2]) + [tuple(scope_names(*s.encode().split(b'/'))) for s in args.scope]
        for project, domain in dict.fromkeys(pairs):
            scope = RootScope(root, root.base(project, domain), project, domain)
            try:
                found.append(read(scope))
            except NoRef:
                if scope.floor.epoch != 0:
                    raise
                # else nobody has used it
    out['scopes'] = [describe(*one, args.now, args.bundle is not None) for one in found]
    json.dump(out, sys.stdout, indent=1)
    print()


if __name__ == '__main__':
    try:
        main()
    except Refused as e:
        sys.exit('reader.py: refused: %s' % e)

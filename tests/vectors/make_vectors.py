#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Prints vectors.json: a tiny store made from nothing but secretfs-store(5).

It shares no code with the programs, and everything that is random in a real
store follows from a label here, so that it prints the same bytes each time.
tests/unit/test_vectors.c reads them with the real code.
"""

import hashlib
import json
import struct

from nacl import bindings as sodium
from nacl.pwhash import argon2id


def hash_(n, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=n).digest()


def mac(key, message):
    return hashlib.blake2b(message, key=key, digest_size=32).digest()


def kdf(key, n, number, ctx):
    return hashlib.blake2b(
        key=key, digest_size=n, salt=struct.pack("<QQ", number, 0), person=ctx + bytes(8)
    ).digest()


def u8(v):
    return struct.pack("<B", v)


def u16(v):
    return struct.pack("<H", v)


def u32(v):
    return struct.pack("<I", v)


def u64(v):
    return struct.pack("<Q", v)


def str8(s):
    data = s.encode("ascii")
    return u8(len(data)) + data


def chance(n, label):
    """What is random in a real store."""
    return hash_(n, b"secretfs test vectors: ", label.encode("ascii"))


def aead(key, nonce, ad, message):
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(message, ad, nonce, key)


def sign(sk, message):
    return sodium.crypto_sign(message, sk)[:64]


def base_point(sk):
    return sodium.crypto_scalarmult_base(sk)


def padded(n):
    if n <= 256:
        return 256
    e = n.bit_length() - 1
    step = 1 << (e - e.bit_length())
    return (n + step - 1) // step * step


ROOT = bytes(range(32))
ROOT_PK, ROOT_SK = sodium.crypto_sign_seed_keypair(kdf(ROOT, 32, 1, b"sfs1root"))
STORE_ID = hash_(16, ROOT_PK)
K = kdf(ROOT, 32, 2, b"sfs1root")
K_REG = kdf(ROOT, 32, 3, b"sfs1root")
K_SLOTS = kdf(ROOT, 32, 4, b"sfs1root")
CI_PK, CI_SK = sodium.crypto_sign_seed_keypair(chance(32, "writer ci"))


class Scope:
    def __init__(self, project="", domain="", base=None):
        self.project, self.domain = project, domain
        self.base = base or mac(K, str8(project) + str8(domain))
        self.id = kdf(self.base, 16, 0, b"sfs1scid")

    def meta(self, gen):
        return kdf(self.base, 32, gen, b"sfs1meta")

    def sk(self, gen):
        return hash_(32, kdf(self.base, 32, gen, b"sfs1seal"))

    def pk(self, gen):
        return base_point(self.sk(gen))

    def envelope(self, tag, gen, body, label):
        nonce = chance(24, "nonce " + label)
        plain = u32(len(body)) + body
        plain += bytes(padded(len(plain)) - len(plain))
        ad = tag + STORE_ID + self.id + u32(gen)
        return u32(gen) + nonce + aead(self.meta(gen), nonce, ad, plain)

    def value(self, gen, set_epoch, name, value, label):
        esk = chance(32, "ephemeral " + label)
        epk = base_point(esk)
        shared = sodium.crypto_scalarmult(esk, self.pk(gen))
        key = hash_(64, shared, epk, self.pk(gen))[32:]
        ad = b"sfs1valu" + STORE_ID + self.id + u32(gen) + u64(set_epoch)
        ad += name.lower().encode("ascii")
        return epk + aead(key, bytes(24), ad, value)

    def grant(self, gen, epoch, after, writers, flags=0):
        fields = u32(gen) + self.pk(gen) + u64(epoch) + after + u8(flags)
        fields += u16(len(writers)) + b"".join(pk + str8(name) for pk, name in writers)
        return fields + sign(ROOT_SK, b"sfs2grnt" + STORE_ID + self.id + fields)

    def commit(self, gen, grant, pair, epoch, prev, jump, time, pages, retired, swept=0):
        pk, sk = pair
        state = u64(epoch) + prev + jump[0] + u64(jump[1]) + u64(time) + pk + u64(swept)
        state += u32(len(pages)) + b"".join(i + str8(first) for i, first in pages)
        state += u32(len(retired)) + b"".join(retired)
        message = b"sfs2cmit" + STORE_ID + self.id + u32(gen) + hash_(32, grant) + state
        return u32(len(grant)) + grant + state + sign(sk, message)


def record(name, type_, env, expires, created, versions):
    out = str8(name) + u8(type_) + str8(env) + u64(expires) + u64(created) + u8(len(versions))
    for id_, set_epoch, time, gen, length, writer in versions:
        out += id_ + u64(set_epoch) + u64(time) + u32(gen) + u32(length) + writer[:8]
    return out


SCOPES = [
    Scope(),
    Scope("", "development"),
    Scope("flytesnacks", ""),
    Scope("flytesnacks", "development"),
]
REGISTRY = Scope(base=K_REG)
TIME = 1_700_000_000 * 10**9  # 2023-11-14 22:13:20 UTC


def make_store(s):
    """Six commits: the first; a writer granted; two secrets set by it; one of them updated; a
    rotation begun; and finished."""
    objects = []
    root, ci = (ROOT_PK, ROOT_SK), (CI_PK, CI_SK)

    def put(tag, kind, body, label, gen=1, **more):
        sealed = s.envelope(tag, gen, body, label)
        id_ = hash_(32, sealed)
        entry = {"kind": kind, "id": id_.hex(), "gen": gen, "sealed": sealed.hex()}
        objects.append(entry | {"body": body.hex()} | more)
        return id_

    def put_value(set_epoch, name, value, label, gen=1):
        body = s.value(gen, set_epoch, name, value, label)
        more = {"name": name, "set_epoch": set_epoch, "value": value.hex()}
        id_ = put(b"sfs1vobj", "value", body, label, gen, **more)
        return id_, set_epoch, TIME + (set_epoch - 1) * 10**9, gen, len(value), CI_PK

    none = bytes(32)
    grant1 = s.grant(1, 1, none, [(ROOT_PK, "root")])

    body = s.commit(1, grant1, root, 1, none, (none, 0), TIME, [], [])
    c1 = put(b"sfs2comm", "commit", body, "commit 1", epoch=1)
    grant2 = s.grant(1, 2, c1, [(ROOT_PK, "root"), (CI_PK, "ci")])
    body = s.commit(1, grant2, root, 2, c1, (c1, 1), TIME + 10**9, [], [])
    c2 = put(b"sfs2comm", "commit", body, "commit 2", epoch=2)

    old = put_value(3, "DB/Password", b"correct horse", "value 1")
    token = put_value(3, "token", b"", "value 2")
    token_record = record("token", 0, "", 0, token[2], [token])
    first = record("DB/Password", 0, "PGPASSWORD", 0, old[2], [old])
    page1 = put(b"sfs1page", "page", first + token_record, "page 1")
    body = s.commit(
        1, grant2, ci, 3, c2, (c2, 2), TIME + 2 * 10**9, [(page1, "DB/Password")], []
    )
    c3 = put(b"sfs2comm", "commit", body, "commit 3", epoch=3)

    new = put_value(4, "DB/Password", b"battery staple" * 20, "value 3")
    second = record("DB/Password", 1, "PGPASSWORD", 4102444800, old[2], [new, old])
    page2 = put(b"sfs1page", "page", second + token_record, "page 2")
    body = s.commit(
        1, grant2, ci, 4, c3, (c1, 1), TIME + 3 * 10**9, [(page2, "DB/Password")], [page1]
    )
    c4 = put(b"sfs2comm", "commit", body, "commit 4", epoch=4)

    grant3 = s.grant(1, 3, c4, [(ROOT_PK, "root"), (CI_PK, "ci")], flags=2)
    pages = [(page2, "DB/Password")]
    body = s.commit(1, grant3, root, 5, c4, (c4, 4), TIME + 4 * 10**9, pages, [])
    c5 = put(b"sfs2comm", "commit", body, "commit 5", epoch=5)

    new2 = put_value(4, "DB/Password", b"battery staple" * 20, "value 4", 2)
    old2 = put_value(3, "DB/Password", b"correct horse", "value 5", 2)
    token2 = put_value(3, "token", b"", "value 6", 2)
    third = record("DB/Password", 1, "PGPASSWORD", 4102444800, old[2], [new2, old2])
    third += record("token", 0, "", 0, token[2], [token2])
    page3 = put(b"sfs1page", "page", third, "page 3", 2)
    grant4 = s.grant(2, 4, c5, [(ROOT_PK, "root"), (CI_PK, "ci")])
    pages, retired = [(page3, "DB/Password")], [new[0], old[0], token[0], page2]
    body = s.commit(2, grant4, root, 6, c5, (c5, 5), TIME + 5 * 10**9, pages, retired)
    c6 = put(b"sfs2comm", "commit", body, "commit 6", 2, epoch=6)

    ref = s.envelope(b"sfs1ref ", 2, c6, "ref")
    floor_body = u64(2) + u64(2) + c2 + hash_(32, grant2)
    floor = s.envelope(b"sfs2flor", 1, floor_body, "floor")
    return {
        "project": s.project,
        "domain": s.domain,
        "ref": {"gen": 2, "sealed": ref.hex(), "body": c6.hex()},
        "floor": {"gen": 1, "sealed": floor.hex(), "body": floor_body.hex()},
        "grant2": grant2.hex(),
        "objects": objects,
        "latest": [
            {
                "name": "DB/Password",
                "type": "json",
                "env": "PGPASSWORD",
                "expires": 4102444800,
                "versions": 2,
                "value": (b"battery staple" * 20).hex(),
            },
            {
                "name": "token",
                "type": "regular",
                "env": "",
                "expires": 0,
                "versions": 1,
                "value": "",
            },
        ],
    }


def summed(data):
    return data + hash_(32, data)


def bundles(s, commit4, grant2):
    floor = u64(4) + u64(2) + commit4 + hash_(32, grant2)
    nothing = u64(0) + u64(0) + bytes(64)
    reader = b"sfs2rdr " + ROOT_PK + str8(s.project) + str8(s.domain) + u8(4)
    for at in SCOPES:
        reader += at.id + (floor if at is s else nothing)
        reader += u8(2) if at is s else u8(1)
        for gen in (2, 1) if at is s else (1,):
            reader += u32(gen) + at.meta(gen) + at.sk(gen)
    writer = b"sfs2wtr " + ROOT_PK + str8(s.project) + str8(s.domain) + str8("ci") + s.id
    writer += floor + u8(2)
    for gen in 2, 1:
        writer += u32(gen) + s.meta(gen) + s.pk(gen)
    writer += chance(32, "writer ci")
    return {"reader": summed(reader).hex(), "writer": summed(writer).hex()}


def base32(data):
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    n = (len(data) * 8 + 4) // 5
    text = "".join(digits[bits >> 5 * (n - 1 - i) & 31] for i in range(n))
    return "-".join(text[i : i + 5] for i in range(0, n, 5))


def slots():
    def slot(type_, label, payload):
        return u8(type_) + str8(label) + u64(1_700_000_000) + u16(len(payload)) + payload

    def box(key, type_, label):
        nonce = chance(24, "slot " + label)
        return nonce + aead(key, nonce, b"sfs1slot" + u8(type_) + label.encode("ascii"), ROOT)

    file_key = chance(32, "slot key")
    phrase, salt = b"pass phrase", chance(16, "slot salt")
    phrase_key = argon2id.kdf(32, phrase, salt, opslimit=1, memlimit=8192)
    seed = chance(32, "slot seed")
    sk = hashlib.sha512(seed).digest()[:32]
    pk = base_point(sk)
    esk = chance(32, "slot ephemeral")
    epk = base_point(esk)
    sealed = epk + sodium.crypto_box(ROOT, hash_(24, epk, pk), pk, esk)
    table = b"sfs1slot" + u8(3)
    table += slot(1, "file", file_key + box(file_key, 1, "file"))
    table += slot(2, "admin", salt + u64(1) + u64(8192) + box(phrase_key, 2, "admin"))
    table += slot(3, "paper", pk + sealed)
    return {
        "table": (table + mac(K_SLOTS, table)).hex(),
        "passphrase": phrase.decode("ascii"),
        "code": base32(seed + hash_(32, b"sfs1code", seed)[:2]),
    }


def scope_vectors(s):
    out = {"base": s.base.hex(), "scope_id": s.id.hex(), "generations": []}
    for gen in 1, 2:
        out["generations"].append(
            {
                "gen": gen,
                "K_meta": s.meta(gen).hex(),
                "sk": s.sk(gen).hex(),
                "pk": s.pk(gen).hex(),
            }
        )
    return out


def main():
    s = SCOPES[3]
    store = make_store(s)
    commit4 = next(o["id"] for o in store["objects"] if o.get("epoch") == 4)
    print(
        json.dumps(
            {
                "root": ROOT.hex(),
                "root_pk": ROOT_PK.hex(),
                "store_id": STORE_ID.hex(),
                "K": K.hex(),
                "K_reg": K_REG.hex(),
                "K_slots": K_SLOTS.hex(),
                "scopes": [
                    {"project": i.project, "domain": i.domain} | scope_vectors(i) for i in SCOPES
                ],
                "registry": scope_vectors(REGISTRY),
                "padded": [
                    [n, padded(n)]
                    for n in (4, 255, 256, 257, 272, 273, 1000, 9000, 65540, 65536, 1048628)
                ],
                "name_order": ["a", "a/b", "A/b/c", "a-b", "A.b", "a0", "Ab", "b", "b_"],
                "store": store,
                "bundles": bundles(s, bytes.fromhex(commit4), bytes.fromhex(store["grant2"])),
                "slots": slots(),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""shapes PAGE [COMMAND]: the commands whose shape the page tells, or whether what is on standard
input, JSON or YAML, has the shape of one of them, with no member more and none less."""

import base64
import re
import sys

import yaml

TOKEN = re.compile(r"\s*([\[\]{}(),:]|[a-z_0-9]+\??|\?)")


def page(path):
    """command -> its shape, as text"""
    text = open(path, encoding="utf-8").read()
    shapes = {}
    for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", text, re.M | re.S):
        for command, shape in re.findall(r"^(\S.*):\n((?:\t.*\n)+)", block, re.M):
            shapes[command] = shape
    return shapes


class Shape:
    """Reads a shape, and holds a value against it."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.tree = self.one()
        assert not self.tokens, self.tokens

    def take(self, wanted=None):
        t = self.tokens.pop(0)
        assert wanted is None or t == wanted, (t, wanted)
        return t

    def nullable(self, tree):
        if self.tokens and self.tokens[0] == "?":
            self.take()
            return ("null", tree)
        return tree

    def one(self):
        t = self.take()
        if t == "[":
            tree = ("array", self.one())
            self.take("]")
            return self.nullable(tree)
        if t == "{":
            members = {}
            while True:
                optional = self.tokens[0] == "("
                if optional:
                    self.take()
                name = self.take()
                self.take(":")
                members[name] = (optional, self.one())
                if optional:
                    self.take(")")
                if self.take() == "}":
                    return self.nullable(("object", members))
        assert t.rstrip("?") in ("string", "integer", "true", "time", "base64"), t
        return ("null", (t[:-1],)) if t.endswith("?") else self.nullable((t,))


def is_time(v):
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", v) is not None


def hold(v, tree, where):
    kind = tree[0]
    if kind == "null":
        if v is not None:
            hold(v, tree[1], where)
    elif kind == "array":
        assert isinstance(v, list), where
        for i, e in enumerate(v):
            hold(e, tree[1], f"{where}[{i}]")
    elif kind == "object":
        assert isinstance(v, dict), where
        more = set(v) - set(tree[1])
        assert not more, f"{where}: not on the page: {sorted(more)}"
        for name, (optional, member) in tree[1].items():
            assert optional or name in v, f"{where}: {name} is not there"
            if name in v:
                hold(v[name], member, f"{where}.{name}")
    elif kind == "integer":
        assert isinstance(v, int) and not isinstance(v, bool), f"{where}: {v!r}"
    elif kind == "true":
        assert isinstance(v, bool), f"{where}: {v!r}"
    else:
        assert isinstance(v, str), f"{where}: {v!r}"
        assert kind != "time" or is_time(v), f"{where}: {v!r}"
        if kind == "base64":
            base64.b64decode(v, validate=True)


def main():
    shapes = page(sys.argv[1])
    if len(sys.argv) == 2:
        print("\n".join(shapes))
        return
    hold(yaml.safe_load(sys.stdin), Shape(shapes[sys.argv[2]]).tree, sys.argv[2])


main()

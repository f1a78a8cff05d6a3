# SPDX-License-Identifier: ISC
"""What the fault tests share: a sandbox whose state can be told, kept and put back."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ.get("B", "build")
SECRETCTL = os.path.join(BUILD, "secretctl")
SCOPES = [[], ["-p", "flytesnacks"], ["-d", "development"], ["-p", "flytesnacks", "-d", "development"]]

PATHS = {
    "SECRETFS_ROOT_KEY": "etc/root.key",
    "SECRETFS_POLICY": "etc/policy.ini",
    "SECRETFS_BUNDLES": "etc/bundles",
    "SECRETFS_STORE": "var/store",
    "SECRETFS_STATE": "var/state",
    "SECRETFS_MOUNT": "mnt",
}


class Bad(Exception):
    """An invariant does not hold."""


class Sandbox:
    def __init__(self):
        # beneath a memory file system where there is one: thousands of copies are made
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.top = tempfile.mkdtemp(prefix="secretfs-fault.", dir=base)
        self.dir = os.path.join(self.top, "s")
        self.kept = os.path.join(self.top, "kept")
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": self.dir}
        self.env.update({k: os.path.join(self.dir, v) for k, v in PATHS.items()})
        os.mkdir(self.dir)

    def close(self):
        shutil.rmtree(self.top)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, args, before=(), stdin=""):
        try:
            return subprocess.run(
                [*before, SECRETCTL, *args],
                env=self.env,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise Bad(f"secretctl {' '.join(args)} hangs") from e

    def must(self, args, stdin=""):
        p = self.run(args, stdin=stdin)
        if p.returncode != 0:
            raise Bad(f"secretctl {' '.join(args)}: exit {p.returncode}: {p.stderr.strip()}")
        return p.stdout

    def keep(self):
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.dir, self.kept, symlinks=True)

    def restore(self):
        shutil.rmtree(self.dir)
        shutil.copytree(self.kept, self.dir, symlinks=True)

    def secrets(self):
        """Every secret of every scope with its value, and nothing that depends on the clock."""
        found = {}
        for scope in SCOPES:
            p = self.run(["get", "secret", *scope, "--output", "json"])
            if p.returncode != 0:
                raise Bad(f"list of {scope}: exit {p.returncode}: {p.stderr.strip()}")
            for rec in json.loads(p.stdout or "[]"):
                value = self.must(["get", "secret", rec["name"], *scope, "--reveal"])
                key = " ".join([rec["name"], *scope])
                found[key] = (value, rec["type"], rec["env"], rec["size"], rec["expires"])
        return found

    def facets(self):
        """The parts that a command changes one after the other."""
        policy = ""
        if os.path.exists(self.path("etc/policy.ini")):
            with open(self.path("etc/policy.ini"), encoding="utf-8") as f:
                policy = f.read()
        bundles = self.path("etc/bundles")
        return {
            "secrets": self.secrets(),
            "declared": self.must(["get", "project"]) + self.must(["get", "domain"]),
            "policy": policy,
            "bundles": sorted(n for n in os.listdir(bundles) if not n.startswith(".")),
        }


class Command:
    """One write command: what makes the ground for it, its words, and what it reads."""

    def __init__(self, words, *ground, stdin=""):
        self.words = words.split()
        self.ground = [g.split() for g in ground]
        self.stdin = stdin

    def __str__(self):
        return " ".join(self.words)


PD = " -p flytesnacks -d development"

COMMANDS = [
    Command("create secret NEW -", "create secret OLD --generate", stdin="new value"),
    Command("create secret group/NEW -" + PD, stdin="first of its scope"),
    Command("update secret KEY -", stdin="after"),
    Command("create secret KEY - --replace" + PD, "create secret KEY --generate" + PD, stdin="after"),
    Command("delete secret KEY"),
    Command("create project other"),
    Command("delete project other", "create project other"),
    Command("create bundle" + PD),
]


def ground(sandbox, command=None):
    """An initialised store with a secret KEY in it, and what the command needs."""
    shutil.rmtree(sandbox.dir)
    os.mkdir(sandbox.dir)
    sandbox.must(["init"])
    sandbox.must(["create", "secret", "KEY", "-"], stdin="before")
    for words in command.ground if command else []:
        sandbox.must(words)
    sandbox.keep()


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0

    def result(self, name, problems, note=""):
        self.n += 1
        self.failed += bool(problems)
        for p in problems[:20]:
            print(f"  {p}")
        if len(problems) > 20:
            print(f"  and {len(problems) - 20} more")
        print(f"{'not ' if problems else ''}ok {self.n} - {name}{note}", flush=True)

    def skip(self, name, reason):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {reason}", flush=True)

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)

# SPDX-License-Identifier: ISC
"""What the fault tests share: a sandbox whose state can be told, kept and put back."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ.get("B", "build")
SECRETCTL = os.path.join(BUILD, "secretctl")

PATHS = {
    "SECRETFS_ROOT_KEY": "etc/root.key",
    "SECRETFS_POLICY": "etc/policy.ini",
    "SECRETFS_BUNDLES": "etc/bundles",
    "SECRETFS_STORE": "var/store",
    "SECRETFS_STATE": "var/state",
    "SECRETFS_MOUNT": "mnt",
    "SECRETFS_RUN": "run",
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
        self.recipient = ""
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": self.dir}
        self.env.update({k: os.path.join(self.dir, v) for k, v in PATHS.items()})
        os.mkdir(self.dir)

    def close(self):
        shutil.rmtree(self.top)

    def path(self, name):
        return os.path.join(self.dir, name)

    def fill(self, args):
        """Command words with what only the sandbox knows."""
        return [a.replace("DIR/", self.dir + "/").replace("RECIPIENT", self.recipient) for a in args]

    def run(self, args, before=(), stdin=""):
        try:
            return subprocess.run(
                [*before, SECRETCTL, *self.fill(args)],
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
        p = self.run(["get", "secret", "--all", "--output", "json"])
        if p.returncode != 0:
            raise Bad(f"list: exit {p.returncode}: {p.stderr.strip()}")
        for rec in json.loads(p.stdout or "[]"):
            scope = []
            for flag, key in (("-p", "project"), ("-d", "domain")):
                scope += [flag, rec[key]] if rec.get(key) else []
            value = self.must(["get", "secret", rec["name"], *scope, "--reveal"])
            key = " ".join([rec["name"], *scope])
            found[key] = (value, rec["type"], rec["env"], rec["size"], rec["expires"])
        return found

    def facets(self):
        """The parts that a command changes one after the other."""
        policy = ""
        if os.path.exists(self.path("etc/policy.ini")):
            with open(self.path("etc/policy.ini"), encoding="utf-8") as f:
                policy = re.sub("^key = .*", "key =", f.read(), flags=re.MULTILINE)
        bundles = self.path("etc/bundles")
        return {
            "secrets": self.secrets(),
            "declared": self.must(["get", "project"]) + self.must(["get", "domain"]),
            "writers": [w.split()[:2] for w in self.must(["get", "writer"]).splitlines()],
            "policy": policy,
            "bundles": sorted(n for n in os.listdir(bundles) if not n.startswith(".")),
            "archive": self.archive(),
        }

    def archive(self):
        """What an archive holds, if there is one: it is whole, or this raises."""
        if not os.path.exists(self.path("all.sfs")):
            return None
        return self.must(["restore", "DIR/all.sfs", "--identity", "DIR/id", "--replace", "--dry-run"])


class Command:
    """One write command: what makes the ground for it, its words, and what it reads."""

    def __init__(self, words, *ground, stdin="", two_scopes=False, undo="", aside=(), warns=()):
        self.words = words.split()
        self.ground = [g.split() for g in ground]
        self.stdin = stdin
        self.undo = undo.split()  # what the command says is to be done first, when it was cut short
        self.warns = warns  # parts that it may leave undone with a warning, to be run again
        self.aside = aside  # parts that are a record only: a warning is enough when it is not made
        self.two_scopes = two_scopes  # two commits: between them both the old and the new are there

    def __str__(self):
        return " ".join(self.words)


EXPORT = "export DIR/all.sfs --recipient RECIPIENT"
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
    Command("move secret KEY MOVED"),
    Command("move secret KEY --to-project flytesnacks --replace", two_scopes=True),
    Command("rollback secret KEY", "update secret KEY --generate"),
    Command("deny secret KEY --uid 1000"),
    Command("create writer ci", undo="delete writer ci", aside=["policy"]),
    Command("delete writer ci --yes", "create writer ci", warns=["policy"]),
    Command(EXPORT),
    Command(EXPORT + " --replace", EXPORT, "create secret MORE --generate"),
]


def ground(sandbox, command=None):
    """An initialised store with a secret KEY in it, and what the command needs."""
    shutil.rmtree(sandbox.dir)
    os.mkdir(sandbox.dir)
    sandbox.must(["init"])
    sandbox.must(["create", "secret", "KEY", "-"], stdin="before")
    if command and "RECIPIENT" in command.words:
        sandbox.recipient = sandbox.must(["create", "identity", "DIR/id"]).split()[-1]
    for words in command.ground if command else []:
        sandbox.must(words)
    sandbox.keep()


def judge(sandbox, command, p, old, new):
    """Old or new; p's exit status (negative: it died) says which; the command can be run again."""
    said = f"exit {p.returncode}: {' / '.join(p.stderr.split(chr(10)))[:200]}"
    c = sandbox.run(["check"])
    if c.returncode != 0:
        raise Bad(f"{said}; then check: {c.stdout.strip()} {c.stderr.strip()}")
    old, new = ({k: v for k, v in f.items() if k not in command.aside} for f in (old, new))
    now = sandbox.facets()
    now = {k: v for k, v in now.items() if k not in command.aside}
    for k in now:
        either = (old[k], new[k])
        if command.two_scopes and k == "secrets":
            either += ({**old[k], **new[k]},)
        if now[k] not in either:
            raise Bad(f"{said}; {k} is neither the old nor the new: {now[k]}")
    undone = {k for k in now if now[k] != new[k]}
    # --yes says the effect as a warning, too
    warnings = [w for w in p.stderr.splitlines() if "warning: " in w and "is void for good" not in w]
    warned = warnings and undone <= set(command.warns)
    if p.returncode == 0 and undone and not warned:
        raise Bad(f"{said}, but it is not done")
    # the policy comes first, and is mirrored into the store by the next command, which is our look
    mirrored = command.words[0] == "create" and command.words[1] in ("project", "domain")
    if p.returncode > 0 and now == new and "power cut" not in p.stderr and not mirrored:
        raise Bad(f"{said}, but it is done")
    if now != new:
        again = sandbox.run(command.words, stdin=command.stdin)
        if again.returncode != 0 and command.undo and " ".join(command.undo) in again.stderr:
            sandbox.must(command.undo + ["--yes"])
            again = sandbox.run(command.words, stdin=command.stdin)
        if again.returncode != 0:
            raise Bad(f"{said}; run again: exit {again.returncode}: {again.stderr.strip()}")
        then = sandbox.facets()
        if any(then[k] != new[k] for k in new):
            raise Bad(f"{said}; run again, it is not done")
    strays = [f for f in os.listdir(sandbox.path("var/store/refs")) if f.startswith(".")]
    if now != new and strays:
        raise Bad(f"run again, it leaves {strays}")


def judge_init(sandbox, _, p):
    if p.returncode != 0 and not os.path.exists(sandbox.path("etc/root.key")):
        sandbox.must(["init"])
    sandbox.must(["create", "secret", "FIRST", "-"], stdin="value")
    sandbox.must(["check"])
    if sandbox.secrets()["FIRST"][0] != "value" or "flytesnacks" not in sandbox.facets()["declared"]:
        raise Bad("it is not whole")


def prepare(sandbox, command):
    """What judges a run of the command."""
    if command.words == ["init"]:
        shutil.rmtree(sandbox.dir)
        os.mkdir(sandbox.dir)
        sandbox.keep()
        return judge_init
    ground(sandbox, command)
    old = sandbox.facets()
    p = sandbox.run(command.words, stdin=command.stdin)
    if p.returncode != 0:
        raise Bad(f"without a fault: exit {p.returncode}: {p.stderr.strip()}")
    new = sandbox.facets()
    return lambda s, c, run: judge(s, c, run, old, new)


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

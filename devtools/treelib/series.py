# SPDX-License-Identifier: GPL-2.0
"""Mail-format patches: parse, apply without fuzz, make their diffs anew."""
import os
import re
import subprocess

from . import util
from .util import PATCHES, Trouble

SERIES = os.path.join(PATCHES, "series")
_START = re.compile(rb"^(diff --git |--- a/|--- /dev/null)", re.M)
_TAIL = re.compile(rb"^-- \n[^\n]*\n+\Z", re.M)


def git(args: list[str], cwd: str) -> subprocess.CompletedProcess:
    """git as if there were no repository around and no user configuration."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update(GIT_CEILING_DIRECTORIES=os.path.dirname(cwd), GIT_CONFIG_GLOBAL="/dev/null",
               GIT_CONFIG_SYSTEM="/dev/null", LC_ALL="C")
    return subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, check=False)


class Patch:
    """One patch file: header (kept to the byte), diff, mail signature."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = os.path.join(PATCHES, name)
        data = util.read(self.path)
        if data is None:
            raise Trouble(f"patches/series names {name}, which does not exist")
        start = _START.search(data)
        tail = _TAIL.search(data, start.start() if start else 0)
        end = tail.start() if tail else len(data)
        cut = start.start() if start else end
        self.header, self.diff, self.tail = data[:cut], data[cut:end], data[end:]

    def paths(self) -> list[str]:
        """Every file that the diff touches."""
        found = []
        for m in re.finditer(rb"^(?:--- a/|\+\+\+ b/)([^\t\n]+)", self.diff, re.M):
            path = m.group(1).decode()
            if path not in found:
                found.append(path)
        return found

    def text(self, diff: bytes) -> bytes:
        return self.header + diff + self.tail


def load() -> list[Patch]:
    """The series; a file may belong to one patch only."""
    names = [ln.split("#")[0].strip() for ln in (util.read(SERIES) or b"").decode().splitlines()]
    patches = [Patch(n) for n in names if n]
    owner: dict[str, str] = {}
    for p in patches:
        for path in p.paths():
            if path in owner:
                raise Trouble(f"{path} is in {owner[path]} and in {p.name}: "
                              "patches must touch disjoint files")
            owner[path] = p.name
    return patches


def apply(patch: Patch, before: dict[str, bytes | None]) -> dict[str, tuple[bytes, int] | None]:
    """Apply one patch to these files, with zero fuzz. Content and mode after."""
    work = os.path.join(util.fresh_dir(os.path.join(util.BUILD, "scratch")), "w")
    os.makedirs(work)
    for path, data in before.items():
        if data is not None:
            util.write(os.path.join(work, path), data)
    if patch.diff:
        done = git(["apply", "-p1", "--whitespace=nowarn", patch.path], work)
        if done.returncode:
            raise Trouble(f"{patch.name} does not apply:\n{done.stderr.decode()}")
    after: dict[str, tuple[bytes, int] | None] = {}
    for path in before:
        data = util.read(os.path.join(work, path))
        after[path] = None if data is None else (data, util.mode_of(os.path.join(work, path)))
    return after


def make_diff(before: dict[str, bytes | None], after: dict[str, bytes | None],
              modes: dict[str, int]) -> bytes:
    """The diff between two states of some files, the same bytes every time."""
    work = util.fresh_dir(os.path.join(util.BUILD, "scratch"))
    for side, files in (("a", before), ("b", after)):
        os.makedirs(os.path.join(work, side))
        for path, data in files.items():
            if data is not None:
                util.write(os.path.join(work, side, path), data, modes.get(path, 0o644))
    done = git(["-c", "diff.algorithm=myers", "diff", "--no-index", "--no-color", "--no-ext-diff",
                "--no-renames", "--no-prefix", "--no-textconv", "-U3", "a", "b"], work)
    if done.returncode > 1:
        raise Trouble(f"git diff: {done.stderr.decode()}")
    # A file on one side only gets that side's letter twice.
    text = re.sub(rb"^diff --git [ab]/(\S+) [ab]/(\S+)$", rb"diff --git a/\1 b/\2",
                  done.stdout, flags=re.M)
    return re.sub(rb"^index [0-9a-f.]+( \d+)?\n", b"", text, flags=re.M)

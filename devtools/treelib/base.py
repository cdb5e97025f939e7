# SPDX-License-Identifier: GPL-2.0
"""The base source: Debian's tarball, or the tree that LINUX= names."""
import fnmatch
import glob
import os
import shutil
import subprocess

from . import util
from .util import TREE, Trouble, say

PRISTINE = os.path.join(util.BUILD, "pristine")
MANIFEST = os.path.join(util.BUILD, "manifest")
# Things that editors, patch(1) and tools leave about; never part of a patch.
LITTER = ("*.orig", "*.rej", "*~", ".*.swp", "*.pyc", "*.o", "*.cmd", "*.mod",
          "tags", "TAGS", "cscope.*", ".checkpatch-camelcase.*")
NOT_SOURCE = ("/.git", "/.config*", "/include/config", "/include/generated",
              "/arch/*/include/generated", "*.o", "*.a", ".*.cmd", "/vmlinux*",
              "/System.map", "/.version")


def find() -> str:
    """Where the source comes from: a directory or a tarball."""
    linux = os.environ.get("LINUX")
    if linux:
        if not os.path.isfile(os.path.join(linux, "Makefile")):
            raise Trouble(f"LINUX={linux} is not a kernel tree")
        return os.path.realpath(linux)
    found = sorted(glob.glob("/usr/src/linux-source-6.12.tar.*"))
    if not found:
        raise Trouble("no linux-source-6.12 tarball in /usr/src (make deps installs it)")
    return found[0]


def ident(source: str) -> str:
    """Changes when another base must be unpacked."""
    if os.path.isdir(source):
        head = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"],
                              capture_output=True, text=True, check=False).stdout.strip()
        return f"{source} {head} {util.digest(util.read(os.path.join(source, 'Makefile')))}"
    st = os.stat(source)
    return f"{source} {st.st_size} {int(st.st_mtime)}"


def unpack(source: str) -> None:
    """Unpack the base in place of the present tree, with a new manifest."""
    new = util.fresh_dir(TREE + ".new")
    say(f"  UNPACK   {source}")
    if os.path.isdir(source):
        exclude = [f"--exclude={p}" for p in NOT_SOURCE]
        subprocess.run(["rsync", "-a", *exclude, source + "/", new + "/"], check=True)
    else:
        subprocess.run(["tar", "-xf", source, "-C", new, "--strip-components=1",
                        "--no-same-owner"], check=True)
    # Objects made from another base look newer than this one's files.
    for stale in glob.glob(os.path.join(util.BUILD, "kernel*")) + \
            glob.glob(os.path.join(util.BUILD, "off*")):
        shutil.rmtree(stale, ignore_errors=True)
    shutil.rmtree(PRISTINE, ignore_errors=True)
    shutil.rmtree(TREE, ignore_errors=True)
    os.rename(new, TREE)
    save_manifest(scan())


def scan() -> dict[str, tuple[int, int]]:
    """Size and mtime of every regular file in the tree."""
    found: dict[str, tuple[int, int]] = {}
    todo = [""]
    while todo:
        rel = todo.pop()
        with os.scandir(os.path.join(TREE, rel)) as it:
            for e in it:
                path = rel + e.name
                if e.is_dir(follow_symlinks=False):
                    if e.name not in ("__pycache__", ".git"):
                        todo.append(path + "/")
                elif e.is_file(follow_symlinks=False):
                    st = e.stat(follow_symlinks=False)
                    found[path] = (st.st_size, st.st_mtime_ns)
    return found


def save_manifest(entries: dict[str, tuple[int, int]]) -> None:
    text = "".join(f"{s} {m} {p}\n" for p, (s, m) in sorted(entries.items()))
    util.write(MANIFEST, text.encode())


def load_manifest() -> dict[str, tuple[int, int]]:
    out = {}
    with open(MANIFEST, encoding="utf-8") as f:
        for line in f:
            size, mtime, path = line.rstrip("\n").split(" ", 2)
            out[path] = (int(size), int(mtime))
    return out


def is_litter(path: str) -> bool:
    name = os.path.basename(path)
    return any(fnmatch.fnmatch(name, pat) for pat in LITTER)


class Pristine:
    """Copies of the base's files, just of those that something touches."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.manifest = load_manifest()

    def exists(self, path: str) -> bool:
        return path in self.manifest

    def fetch(self, paths: list[str]) -> None:
        """Make sure that build/pristine holds every one of these paths."""
        want = [p for p in paths
                if self.exists(p) and not os.path.exists(os.path.join(PRISTINE, p))]
        unpack_these = []
        for path in want:
            here = os.path.join(TREE, path)
            st = os.stat(here) if os.path.exists(here) else None
            if st and (st.st_size, st.st_mtime_ns) == self.manifest[path]:
                util.write(os.path.join(PRISTINE, path), util.read(here) or b"",
                           util.mode_of(here))
            else:
                unpack_these.append(path)
        if unpack_these:
            self._extract(unpack_these)

    def _extract(self, paths: list[str]) -> None:
        os.makedirs(PRISTINE, exist_ok=True)
        if os.path.isdir(self.source):
            for p in paths:
                src = os.path.join(self.source, p)
                util.write(os.path.join(PRISTINE, p), util.read(src) or b"", util.mode_of(src))
            return
        say(f"  EXTRACT  {len(paths)} pristine file(s)")
        subprocess.run(["tar", "-xf", self.source, "-C", PRISTINE, "--strip-components=1",
                        "--no-same-owner", "--wildcards", "--no-wildcards-match-slash",
                        *[f"*/{p}" for p in paths]], check=True)

    def content(self, path: str) -> bytes | None:
        """The base's content; fetch() first. None: the base has no such file."""
        if not self.exists(path):
            return None
        data = util.read(os.path.join(PRISTINE, path))
        if data is None:
            raise Trouble(f"{path}: pristine copy is gone, remove build/linux and retry")
        return data

    def mode(self, path: str) -> int:
        return util.mode_of(os.path.join(PRISTINE, path))

# SPDX-License-Identifier: GPL-2.0
"""Assemble build/linux, and turn edits made there back into patches.

The state file says what was last written for every path, so that an edit made
in build/linux is told apart from a file that is merely out of date. A file
whose content would not change is not written: make(1) goes by mtime.
"""
import glob
import json
import os
from collections.abc import Callable

from . import base, series, util
from .util import TREE, Trouble, say

STATE = os.path.join(util.BUILD, "tree.json")
OVERLAY_LIST = os.path.join(util.TOP, "devtools", "overlay.list")


class State:
    """What the last assembly did."""

    def __init__(self) -> None:
        saved = json.loads(util.read(STATE) or b"{}")
        self.base: str = saved.get("base", "")
        self.files: dict[str, str | None] = saved.get("files", {})
        self.overlay: dict[str, str] = saved.get("overlay", {})
        self.pending: dict[str, str] = saved.get("pending", {})
        self.diffs: dict[str, str] = saved.get("diffs", {})

    def save(self) -> None:
        util.write(STATE, json.dumps(vars(self), indent=1, sort_keys=True).encode())

    def key(self, matches: Callable[[str], bool]) -> str:
        """Changes when the base or one of the matching files that we put changes."""
        parts = [self.base]
        parts += [f"{path} {util.digest(util.read(os.path.join(TREE, path)))}"
                  for path in sorted([*self.files, *self.overlay]) if matches(path)]
        return "\n".join(parts) + "\n"


class Tree:
    """build/linux with everything that is known of it."""

    def __init__(self) -> None:
        self.source = base.find()
        self.ident = base.ident(self.source)
        self.state = State()
        self.force = os.environ.get("FORCE") == "1"

    # -- queries ---------------------------------------------------------

    def current(self, path: str) -> bytes | None:
        return util.read(os.path.join(TREE, path))

    def paths_of(self, patch: series.Patch) -> list[str]:
        """Files of a patch, with those that patch-add promised to it."""
        paths = patch.paths()
        return paths + [p for p, name in self.state.pending.items()
                        if name == patch.name and p not in paths]

    def produced(self, patches: list[series.Patch],
                 pristine: base.Pristine) -> dict[str, tuple[bytes, int] | None]:
        """What the patches make of every file they touch."""
        out: dict[str, tuple[bytes, int] | None] = {}
        for patch in patches:
            paths = self.paths_of(patch)
            pristine.fetch(paths)
            out.update(series.apply(patch, {p: pristine.content(p) for p in paths}))
        return out

    def strays(self, patches: list[series.Patch], pristine: base.Pristine) -> list[str]:
        """Files that differ from the base but are in no patch and not ours."""
        known = {p for patch in patches for p in self.paths_of(patch)}
        now = base.scan()
        odd = [p for p, stat in now.items() if pristine.manifest.get(p) != stat]
        odd += [p for p in pristine.manifest if p not in now]
        odd = [p for p in odd if p not in known and p not in self.state.overlay
               and not base.is_litter(p)]
        pristine.fetch(odd)
        return sorted(p for p in odd if self.current(p) != pristine.content(p))

    def edited(self, produced: dict[str, tuple[bytes, int] | None]) -> list[str]:
        """Files of patches whose content is not what the patches make."""
        return sorted(p for p, want in produced.items()
                      if self.current(p) != (want[0] if want else None))

    # -- assemble --------------------------------------------------------

    def assemble(self) -> None:
        if self.state.base != self.ident or not os.path.isdir(TREE):
            self._new_base()
        pristine = base.Pristine(self.source)
        patches = series.load()
        produced = self.produced(patches, pristine)
        gone = [p for p in self.state.files if p not in produced]
        pristine.fetch(gone)
        for path in gone:
            data = pristine.content(path)
            produced[path] = None if data is None else (data, pristine.mode(path))
        overlay = overlay_files()
        self._check_conflicts(produced, pristine, overlay)
        for path, want in produced.items():
            self._put(path, want, pristine)
        self._put_overlay(overlay)
        self.state.diffs = {p.name: util.digest(p.diff) or "" for p in patches}
        self.state.save()

    def _new_base(self) -> None:
        if self.state.base and os.path.isdir(TREE) and not self.force:
            dirty = [p for p, sha in self.state.files.items()
                     if util.digest(self.current(p)) != sha]
            if dirty:
                raise Trouble("another base, but these have edits (make refresh-patches, "
                              "or FORCE=1):\n  " + "\n  ".join(dirty))
        base.unpack(self.source)
        pending = self.state.pending
        util.remove(STATE)
        self.state = State()
        self.state.base, self.state.pending = self.ident, pending
        self.state.save()

    def _is_edited(self, path: str, want: bytes | None, pristine: base.Pristine) -> bool:
        now = self.current(path)
        if now == want:
            return False
        if path in self.state.files:
            return util.digest(now) != self.state.files[path]
        return now != pristine.content(path)

    def _check_conflicts(self, produced: dict[str, tuple[bytes, int] | None],
                         pristine: base.Pristine, overlay: dict[str, str]) -> None:
        """Before anything is written: no edit may be lost."""
        if self.force:
            return
        lost = []
        for path, entry in produced.items():
            want = entry[0] if entry else None
            if not self._is_edited(path, want, pristine):
                continue
            if path in self.state.files and self.state.files[path] == util.digest(want):
                say(f"  KEEP     build/linux/{path}: edits that no patch has yet")
            elif self.state.pending.get(path):
                say(f"  KEEP     build/linux/{path}: edits for {self.state.pending[path]}")
            else:
                lost.append(path)
        for path, src in overlay.items():
            now = self.current(path)
            if now is not None and now != util.read(src) and \
                    util.digest(now) != self.state.overlay.get(path):
                lost.append(path)
        if lost:
            raise Trouble("edited in build/linux and changed outside too; refusing to lose "
                          "edits (FORCE=1 does):\n  " + "\n  ".join(lost))

    def _put(self, path: str, want: tuple[bytes, int] | None, pristine: base.Pristine) -> None:
        data = want[0] if want else None
        if self._is_edited(path, data, pristine) and not self.force:
            return
        full = os.path.join(TREE, path)
        if self.current(path) != data:
            say(f"  PATCH    {path}")
            if want is None:
                util.remove(full)
            else:
                util.write(full, want[0], want[1])
        self.state.files[path] = util.digest(data)

    def _put_overlay(self, overlay: dict[str, str]) -> None:
        for path in [p for p in self.state.overlay if p not in overlay]:
            say(f"  REMOVE   {path}")
            util.remove(os.path.join(TREE, path))
        self.state.overlay = {p: d for p, d in self.state.overlay.items() if p in overlay}
        copied = []
        for path, src in overlay.items():
            data = util.read(src)
            if data is None:
                continue
            full = os.path.join(TREE, path)
            if self.current(path) != data:
                copied.append(path)
                util.write(full, data, util.mode_of(src))
            elif util.mode_of(full) != util.mode_of(src):
                os.chmod(full, util.mode_of(src))
            self.state.overlay[path] = util.digest(data) or ""
        if copied:
            more = f" and {len(copied) - 3} more" if len(copied) > 3 else ""
            say(f"  COPY     {', '.join(copied[:3])}{more}")

    # -- patches ---------------------------------------------------------

    def need_assembled(self) -> None:
        if self.state.base != self.ident or not os.path.isdir(TREE):
            raise Trouble("build/linux is not there or of another base: run make tree first")

    def refresh(self) -> None:
        """Write the tree's state of every patched file into its patch."""
        self.need_assembled()
        pristine = base.Pristine(self.source)
        patches = series.load()
        for patch in patches:
            if self.state.diffs.get(patch.name) != util.digest(patch.diff) and not self.force:
                raise Trouble(f"{patch.name} changed since the last make tree: run that first")
        for patch in patches:
            self._refresh_one(patch, pristine)
        self.state.save()
        strays = self.strays(series.load(), pristine)
        if strays:
            raise Trouble("changed, but in no patch (devtools/patch-add PATCH PATH):\n  "
                          + "\n  ".join(strays))

    def _refresh_one(self, patch: series.Patch, pristine: base.Pristine) -> None:
        paths = self.paths_of(patch)
        pristine.fetch(paths)
        before = {p: pristine.content(p) for p in paths}
        after = {p: self.current(p) for p in paths}
        modes = {p: util.mode_of(os.path.join(TREE, p)) for p in paths if after[p] is not None}
        diff = series.make_diff(before, after, modes)
        if not diff and patch.diff:
            raise Trouble(f"{patch.name} would become empty: remove it from patches/series")
        if diff != patch.diff:
            say(f"  REFRESH  patches/{patch.name}")
            util.write(patch.path, patch.text(diff))
        self.state.diffs[patch.name] = util.digest(diff) or ""
        for path in paths:
            self.state.files[path] = util.digest(after[path])
            if before[path] != after[path]:
                self.state.pending.pop(path, None)

    def verify(self) -> None:
        """Patches apply, refresh would change nothing, no edit is unsaved."""
        self.need_assembled()
        pristine = base.Pristine(self.source)
        patches = series.load()
        wrong = []
        for patch in patches:
            paths = patch.paths()
            pristine.fetch(paths)
            before = {p: pristine.content(p) for p in paths}
            after = series.apply(patch, before)
            diff = series.make_diff(before, {p: v[0] if v else None for p, v in after.items()},
                                    {p: v[1] for p, v in after.items() if v})
            if diff != patch.diff:
                wrong.append(f"{patch.name}: make refresh-patches would change it")
        produced = self.produced(patches, pristine)
        wrong += [f"{p}: build/linux has edits that are not in patches/"
                  for p in self.edited(produced)]
        wrong += [f"{p}: changed in build/linux, but in no patch"
                  for p in self.strays(patches, pristine)]
        if wrong:
            raise Trouble("\n".join(wrong))

    def add(self, name: str, paths: list[str]) -> None:
        """Give files of the tree to a patch."""
        self.need_assembled()
        name = os.path.basename(name)
        patches = series.load()
        patch = next((p for p in patches if p.name == name), None)
        if patch is None:
            raise Trouble(f"{name} is not in patches/series")
        pristine = base.Pristine(self.source)
        for path in paths:
            for other in patches:
                if path in self.paths_of(other) and other is not patch:
                    raise Trouble(f"{path} is in {other.name} already")
            if path in self.state.overlay:
                raise Trouble(f"{path} is one of our own files, not the kernel's")
            self.state.pending[path] = name
        pristine.fetch(paths)
        self.state.diffs.setdefault(name, util.digest(patch.diff) or "")
        self._refresh_one(patch, pristine)
        self.state.save()


def overlay_files() -> dict[str, str]:
    """Our own files: path in the tree -> path in the repository."""
    out: dict[str, str] = {}
    for line in (util.read(OVERLAY_LIST) or b"").decode().splitlines():
        pattern = line.split("#")[0].strip()
        if not pattern:
            continue
        for hit in glob.glob(os.path.join(util.TOP, pattern)):
            if os.path.isfile(hit):
                out[os.path.relpath(hit, util.TOP)] = hit
            for where, _, names in os.walk(hit):
                for name in names:
                    full = os.path.join(where, name)
                    if "__pycache__" not in full and not base.is_litter(full):
                        out[os.path.relpath(full, util.TOP)] = full
    return out

# SPDX-License-Identifier: GPL-2.0
"""The tests that there are, found without running any of them."""
import fnmatch
import glob
import os
import re
import subprocess

from . import paths


class Pattern:
    """T=pattern: a shell glob or a piece of an item's name."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __call__(self, item: str) -> bool:
        if not self.text:
            return True
        return self.text in item or fnmatch.fnmatch(item, self.text) or \
            fnmatch.fnmatch(item.split("/")[-1], self.text)


def binaries() -> dict[str, list[str]]:
    """Test program -> names of its tests, as the program itself lists them.

    A program that was not built has an empty list, which is a failure.
    """
    out = {}
    for source in sorted(glob.glob(os.path.join(paths.ASSEMBLED, "*_test.c"))):
        name = os.path.basename(source).removesuffix(".c")
        binary = os.path.join(paths.BINARIES, name)
        out[name] = []
        if os.path.exists(binary):
            done = subprocess.run([binary, "-l"], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            out[name] = parse_list(done.stderr)
    return out


def is_round_trip(name: str) -> bool:
    """Does a test program use the round trips that can inject faults?"""
    with open(os.path.join(paths.ASSEMBLED, name + ".c"), encoding="utf-8") as f:
        return '#include "cr.h"' in f.read()


def parse_list(text: str) -> list[str]:
    """Undo the harness's table: per fixture a column of variants, one of tests."""
    names: list[str] = []
    fixture, variants, tests = "", [], []

    def close() -> None:
        for v in variants or [""]:
            names.extend(f"{fixture}.{v}.{t}" if v else f"{fixture}.{t}" for t in tests)

    for line in text.split("\n"):
        if line.startswith("# FIXTURE") or not line:
            continue
        if line.startswith("-----"):
            close()
            fixture, variants, tests = "", [], []
            continue
        words = line.split()
        if not line.startswith(" "):
            fixture = words.pop(0)
        # An empty last column leaves the blank that separates it.
        if not line.endswith(" "):
            tests.append(words.pop())
        if words:
            variants.append(words[0])
    close()
    return names


def scripts(kind: str) -> dict[str, list[str]]:
    """Script of programs/, command/ or twoboot/ -> its declared cases."""
    out = {}
    for path in sorted(glob.glob(os.path.join(paths.SELFTESTS, kind, "*.sh"))):
        with open(path, encoding="utf-8") as f:
            out[os.path.basename(path).removesuffix(".sh")] = \
                re.findall(r"^# PLAN: +(.*\S)", f.read(), re.M)
    return out


def second_kernel(name: str) -> str:
    """The kernel that a script of twoboot/ has its second boot on."""
    with open(os.path.join(paths.SELFTESTS, "twoboot", name + ".sh"), encoding="utf-8") as f:
        m = re.search(r"^# SECOND: +(\w+)", f.read(), re.M)
    return m.group(1) if m else "plain"


def kunit() -> dict[str, list[str]]:
    """KUnit suite -> its cases, from the sources."""
    out: dict[str, list[str]] = {}
    for top in ("checkpoint", "arch/*/checkpoint"):
        for path in glob.glob(os.path.join(paths.TOP, top, "**", "*.c"), recursive=True):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            arrays = {m.group(1): re.findall(r"KUNIT_CASE\w*\(\s*(\w+)", m.group(2))
                      for m in re.finditer(r"struct kunit_case (\w+)\[\] = \{(.*?)\n\};",
                                           text, re.S)}
            for m in re.finditer(r"struct kunit_suite \w+ = \{(.*?)\n\};", text, re.S):
                name = re.search(r'\.name\s*=\s*"([^"]+)"', m.group(1))
                cases = re.search(r"\.test_cases\s*=\s*(\w+)", m.group(1))
                if name and cases:
                    out[name.group(1)] = arrays.get(cases.group(1), [])
    return out

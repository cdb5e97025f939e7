# SPDX-License-Identifier: GPL-2.0
"""Whole sweeps over images that are damaged, or whose streams fail, in guests;
and ckpt info on damaged images, on the host.

A sweep is cut into parts of places that lie side by side, K/N for each Nth from
the Kth on. One part takes as long as another, and any of them can be done, or
done again, by itself.
"""
import os
import subprocess
import time

from . import boots, guest, lists, paths, report
from .report import Verdict

PROGRAMS = {"fuzz": ("image_sweep_test",), "streams": ("write_sweep_test", "read_sweep_test")}
# Two guests, as elsewhere: each has a processor that emulates for it.
GUESTS = 2
# It tells of its progress every ten seconds, and of a machine that is slow.
SILENCE = 20 * 60
DAYS = 7 * 24 * 3600


def parts(text: str) -> list[tuple[int, int]]:
    """K/N -> that part, dealt to the guests."""
    k, n = (int(word) for word in text.split("/"))
    if not 0 <= k < n:
        raise ValueError(f"{text}: a part is K/N with K from 0 to N - 1")
    return [(k + n * i, n * GUESTS) for i in range(GUESTS)]


class Progress:
    """Prints what the sweeps say, line by line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rest = b""

    def __call__(self, text: bytes) -> None:
        *lines, self.rest = (self.rest + text).split(b"\n")
        for line in lines:
            if line.startswith(b"# swept") or b"without a word" in line:
                print(f"{self.name}: {line[2:].decode(errors='replace')}", flush=True)


def sweep(rep: report.Report, what: str, kind: str, part: tuple[int, int], bits: int) -> None:
    """One part of all sweeps, in one boot."""
    where = f"{part[0]}/{part[1]}/{bits}"
    name = f"{kind} {what} {where}"
    job = boots.programs_job(list(PROGRAMS[what]), f"CKPT_SWEEP={where}")
    result = guest.Guest(name.replace("/", "-").replace(" ", "-"), kind, job, cmdline=boots.NO_KUNIT,
                         timeout=DAYS, silence=SILENCE).run(Progress(name))
    binaries = lists.binaries()
    plan = {program: binaries.get(program, []) for program in PROGRAMS[what]}
    rep.group(name, boots.step_verdicts(name + " ", result, plan) +
              boots.boot_verdicts(name + " ", result, list(plan)), result.seconds)


def command(rep: report.Report) -> None:
    """The command's reader, with sanitizers, on the host."""
    start = time.monotonic()
    done = subprocess.run(["make", "-C", os.path.join(paths.TOP, "tools/checkpoint"), "check"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, errors="replace", check=False)
    said = done.stdout.strip().split("\n")
    for line in said:
        if line.startswith("fuzz: "):
            print(line, flush=True)
    rep.group("ckpt fuzz", [Verdict("ckpt fuzz", "fail" if done.returncode else "pass",
                                    "\n".join(said[-40:]) if done.returncode else "")],
              time.monotonic() - start)


def tasks(rep: report.Report, what: str, kind: str, part: str, bits: int) -> list:
    """(function, arguments) of everything to run, the longest first."""
    return [(sweep, rep, what, kind, p, bits) for p in parts(part)] + (
        [(command, rep)] if what == "fuzz" else [])

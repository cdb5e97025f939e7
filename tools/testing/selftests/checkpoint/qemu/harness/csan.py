# SPDX-License-Identifier: GPL-2.0
"""Data races, as KCSAN reports them: which are ours, and which are not.

A race is ours if one of the two accesses was made by a function of ours, or by
what the compiler inlined there. One further down a call of ours is in code
that others call as well: it is listed, and so is any elsewhere in the kernel.
"""
import collections
import dataclasses
import glob
import os
import re
import subprocess

from . import boots, guest, lists, paths, report
from .report import Verdict

# What does much at once, or waits for others.
TESTS = ("storm_test", "busy_test", "busy_restart_test", "kill_test", "thread_test",
         "process_test", "signal_test", "pipe_test", "shared_memory_test", "files_test",
         "generation_test")
OURS = ("checkpoint/*.o", "arch/x86/checkpoint/*.o")
# Functions of ours in files of others: patches/ has them.
PATCHED = {"cgroup_freeze_hold", "cgroup_freeze_release", "cgroup_freeze_held", "mm_install"}
_BEGIN = re.compile(r"^BUG: KCSAN: (\S+) in (.*)$")
_ACCESS = re.compile(r"^(?:read|write|race at unknown origin|assert no)\b.*(?:by |:$)|^race at unknown")
_FRAME = re.compile(r"^ (?:\[inline\] )?([\w.]+)\+0x[0-9a-f]+/0x[0-9a-f]+")
_END = re.compile(r"^=+$")
_TIME = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")


@dataclasses.dataclass
class Race:
    """One report: its title, and the functions of each stack, innermost first."""
    title: str
    stacks: list[list[str]]
    text: list[str]


def plain(name: str) -> str:
    """A function without what the compiler appended."""
    return re.sub(r"\.(isra|constprop|part|cold)\b.*", "", name)


def split(log: str) -> tuple[list[Race], str]:
    """The reports of a log, and the log without them."""
    races: list[Race] = []
    rest: list[str] = []
    inside: Race | None = None
    for line in log.split("\n"):
        bare = _TIME.sub("", line)
        if m := _BEGIN.match(bare):
            inside = Race(m.group(2), [], [bare])
            races.append(inside)
        elif inside is None:
            rest.append(line)
        elif _END.match(bare):
            inside = None
        else:
            inside.text.append(bare)
            if _ACCESS.match(bare):
                inside.stacks.append([])
            elif (m := _FRAME.match(bare)) and inside.stacks:
                inside.stacks[-1].append(plain(m.group(1)))
    return races, "\n".join(rest)


def functions() -> set[str]:
    """Every function of ours, from the objects that were linked."""
    found = set(PATCHED)
    for pattern in OURS:
        for path in glob.glob(os.path.join(paths.KERNELS["csan"], pattern)):
            text = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
            found |= {plain(m) for m in re.findall(r" [tT] ([\w.]+)$", text, re.M)}
    return found


def judge(races: list[Race], ours: set[str]) -> list[Verdict]:
    """One verdict for all; what is not ours is told."""
    bad = [r for r in races if any(s and s[0] in ours for s in r.stacks)]
    near = [r for r in races if r not in bad and any(ours & set(s) for s in r.stacks)]
    far = [r for r in races if r not in bad and r not in near]
    print(f"  {len(races)} races: {len(bad)} in ours, {len(near)} further down our calls, "
          f"{len(far)} elsewhere", flush=True)
    for what, some in (("further down", near), ("elsewhere", far)):
        for title, nr in collections.Counter(r.title for r in some).most_common():
            print(f"    {what}: {nr:4} {title}", flush=True)
    if not bad:
        return [Verdict("csan races", "pass")]
    return [Verdict("csan races", "fail", f"{r.title}\n" + "\n".join(r.text)) for r in bad]


def csan(rep: report.Report, match: lists.Pattern, seconds: int) -> None:
    """The fast part of the suite, and a storm, in one boot."""
    plan = {name: cases for name, cases in lists.binaries().items()
            if name in TESTS and match(f"csan/{name}")}
    one = guest.Guest("csan", "csan", boots.programs_job(list(plan), f"CKPT_SECONDS={seconds}"),
                      [guest.Disk("debian", paths.DEBIAN)], boots.NO_KUNIT,
                      timeout=boots.LONG_TIMEOUT)
    result = one.run()
    races, result.log = split(result.log)
    verdicts = boots.step_verdicts("csan ", result, plan)
    verdicts += boots.boot_verdicts("csan ", result, list(plan), "csan")
    verdicts += judge(races, functions())
    rep.group("csan", verdicts, result.seconds)

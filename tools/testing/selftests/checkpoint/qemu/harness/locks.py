# SPDX-License-Identifier: GPL-2.0
"""How long the calls hold locks: a report rather than a verdict."""
import re

from . import boots, guest, lists, paths, report

PROGRAM = "lock_hold_test"


def locks(rep: report.Report) -> None:
    """The program that measures, in one boot of the kernel that can."""
    plan = {PROGRAM: lists.binaries().get(PROGRAM, [])}
    result = guest.Guest("lockstat", "lockstat", boots.programs_job(list(plan)),
                         [guest.Disk("debian", paths.DEBIAN)], boots.NO_KUNIT).run()
    step = result.step(PROGRAM)
    for line in re.findall(r"^# (lock: .*)$", step.output if step else "", re.M):
        print(f"  {line}", flush=True)
    verdicts = boots.step_verdicts("locks ", result, plan)
    verdicts += boots.boot_verdicts("locks ", result, list(plan), "lockstat")
    rep.group("locks", verdicts, result.seconds)

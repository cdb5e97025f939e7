# SPDX-License-Identifier: GPL-2.0
"""How long the calls hold locks: a report rather than a verdict."""
import re

from . import boots, guest, lists, report

PROGRAM = "lock_hold_test"


def locks(rep: report.Report) -> None:
    """The program that measures, in one boot of the kernel that can.

    A microsecond is a thousand instructions there.
    """
    plan = {PROGRAM: lists.binaries().get(PROGRAM, [])}
    job = boots.programs_job(list(plan)).replace("verdict\n", "facts\n")
    result = guest.Guest("lockstat", "lockstat", job, [], boots.NO_KUNIT,
                         timeout=boots.LONG_TIMEOUT, counts=True).run()
    step = result.step(PROGRAM)
    for line in re.findall(r"^# (lock: .*)$", step.output if step else "", re.M):
        print(f"  {line}", flush=True)
    verdicts = boots.step_verdicts("locks ", result, plan)
    verdicts += boots.boot_verdicts("locks ", result, list(plan), "bare")
    rep.group("locks", verdicts, result.seconds)

# SPDX-License-Identifier: GPL-2.0
"""One boot in which everything is measured, and what becomes of the numbers.

Whether a goal is met is told, and decides nothing: the run fails when a row did
not come to its end, or when one of ours did not come back as it was.
"""
import hashlib
import os
import re
import time

from .. import boots, cost, guest, lists, paths
from ..report import Report, Verdict
from . import plot, rows, samples, table

OUT = os.path.join(paths.BUILD, "bench")
EXTRA = os.path.join(paths.BUILD, "bench.cpio")
CPU = "tuned"
# Room for a load of 1 GiB and four images of it, and for 8 GiB that CRIU makes of holes;
# the loads of a quick run are a quarter as large.
ROOM = {False: "14G", True: "6G"}
# For a kernel that also serves for tests: none of what they want.
BARE = boots.NO_KUNIT + " slab_debug=-"
TIMEOUT = 4 * 3600
PREPARE = ("mount -o remount,size=90% /tmp\n"
           "run version /sbin/criu --version\n"
           "run check /sbin/criu check\n"
           "run flags grep -m 1 ^flags /proc/cpuinfo\n"
           # what is only done once, such as CRIU's look at the kernel
           "run warm /bin/bench -n 1 idle 0\n")


def machine(quick: bool) -> list[str]:
    """All of its memory is there before the guest runs: no first touch is the host's."""
    return ["-m", ROOM[quick], "-mem-prealloc"]


def head(result: guest.Result, kernel: str, counting: bool, quick: bool) -> str:
    """On what all this was measured."""
    with open(os.path.join(paths.KERNELS[kernel], ".config"), "rb") as f:
        config = hashlib.sha256(f.read()).hexdigest()[:16]

    def said(name: str) -> str:
        step = result.step(name)
        # before it comes to its verdict, CRIU may complain of what is not used here
        return step.output.strip().split("\n")[-1] if step else "nothing"

    return "\n".join([
        *(["INSTRUCTIONS, not times: what is called a millisecond is a million of them."]
          if counting else []),
        time.strftime("Measured on %Y-%m-%d, emulated (QEMU TCG): ratios are not those of metal."),
        f"-cpu {guest.CPUS[CPU]}, 2 processors",
        ' '.join(machine(quick)),
        f"kernel: plain.config{' and bench.config' if kernel == 'bench' else ''}, "
        f".config sha256 {config}",
        f"CRIU: {said('version')}; criu check: {said('check')}",
        "Times are medians (and the least). Ratios are medians of ratios of one round, with a",
        "bootstrap interval of 95 %. frozen: by the system's own account; gap: the longest time",
        "between two beats, 1 ms apart, of the load. memory: what the tasks hold after a restart.",
    ])


def job(todo: list[rows.Row]) -> str:
    return PREPARE + "".join(f"run {row.name} /bin/{row.command}\n" for row in todo) + "facts\n"


def verdict(row: rows.Row, found: samples.Samples, step: guest.Step | None) -> Verdict:
    """Ours must work. What this kernel does not have, and CRIU, may fail."""
    ours = [f"{s}: {why}" for s, why in found.failures.items()
            if not s.startswith(rows.CRIU) and "not available" not in why]
    if not found.complete:
        tail = "\n".join((step.output if step else "").split("\n")[-5:])
        return Verdict(f"bench {row.name}", "fail", f"did not come to its end\n{tail}")
    if ours:
        return Verdict(f"bench {row.name}", "fail", "\n".join(ours))
    return Verdict(f"bench {row.name}", "pass")


def bench(rep: Report, kernel: str, match: lists.Pattern, quick: bool, more: bool,
          counting: bool) -> None:
    """With @counting the guest's clock counts instructions, on one processor."""
    todo = [row for row in rows.rows(quick, more) if match(f"bench/{row.name}")]
    out = OUT + "-instructions" if counting else OUT
    os.makedirs(out, exist_ok=True)
    one = guest.Guest("bench", kernel, job(todo), cmdline=BARE, cpu=CPU, timeout=TIMEOUT,
                      more=machine(quick) + (cost.COUNTING if counting else []), extra=[EXTRA])
    result = one.run(progress)
    measured, verdicts = [], []
    with open(os.path.join(out, "samples.txt"), "w", encoding="utf-8") as f:
        for row in todo:
            step = result.step(row.name)
            found = samples.parse(step.output if step else "")
            measured.append((row, found))
            verdicts.append(verdict(row, found, step))
            f.write(f"# {row.name}: {row.command}\n{step.output if step else ''}")
    text = table.text(head(result, kernel, counting, quick), measured)
    with open(os.path.join(out, "table.txt"), "w", encoding="utf-8") as f:
        f.write(text)
    print(text)
    for path in plot.draw(measured, out):
        print(f"  {os.path.relpath(path, paths.TOP)}")
    if not result.done:
        verdicts.append(Verdict("bench boot", "fail", result.ending + "\n" + result.log[-3000:]))
    rep.group("bench", verdicts, result.seconds)


def progress(text: bytes) -> None:
    """Only what fails and what ends is shown while it runs."""
    for line in re.findall(rb"^(?:failed.*)$", text, re.M):
        print("  " + line.decode(errors="replace"), flush=True)

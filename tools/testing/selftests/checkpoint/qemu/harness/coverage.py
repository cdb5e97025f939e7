# SPDX-License-Identifier: GPL-2.0
"""Which lines of the subsystem the tests run, by the kernel's own gcov."""
import base64
import glob
import io
import os
import re
import shutil
import subprocess
import tarfile

from . import boots, guest, paths, report
from .report import Verdict

# Sizes in debugfs are zero: the counts are read into plain files first.
COLLECT = ("cd /sys/kernel/debug/gcov && for f in $(find . -name '*.gcda'); do "
           "mkdir -p /tmp/gcov/${f%/*} && cat $f > /tmp/gcov/$f; done; "
           "tar -C /tmp/gcov -cz . | base64")
COLLECT_NAME = "counts"


def coverage(rep: report.Report, tests: dict[str, list[str]], points: str) -> None:
    """Every selftest in one boot, the round trips with faults as well."""
    faults = [name for name in tests if boots.lists.is_round_trip(name)]
    job = "".join(f"run {name} /tests/{name}\n" for name in tests)
    job += "".join(f"run fault-{name} env CR_FAULT={points} /tests/{name}\n" for name in faults)
    job += f"run {COLLECT_NAME} sh -c '{COLLECT.replace(chr(39), chr(34))}'\nverdict\n"
    one = guest.Guest("coverage", "coverage", job, [guest.Disk("debian", paths.DEBIAN)],
                      boots.NO_KUNIT, timeout=boots.LONG_TIMEOUT)
    result = one.run()
    verdicts = boots.step_verdicts("coverage ", result, tests)
    verdicts += boots.step_verdicts("coverage ", result, {f"fault-{n}": tests[n] for n in faults})
    verdicts += boots.boot_verdicts("coverage ", result, list(tests))
    step = result.step(COLLECT_NAME)
    if step is None or step.status != 0:
        verdicts.append(Verdict("coverage counts", "fail", result.ending))
    else:
        summarize(step.output)
    rep.group("coverage", verdicts, result.seconds)


def summarize(text: str) -> None:
    """Source lines with their counts into build/coverage, totals to the screen."""
    shutil.rmtree(paths.COVERAGE, ignore_errors=True)
    os.makedirs(paths.COVERAGE)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:gz") as tar:
        tar.extractall(paths.COVERAGE)
    kernel = paths.KERNELS["coverage"]
    for counts in sorted(glob.glob(os.path.join(paths.COVERAGE, "**", "*.gcda"), recursive=True)):
        place = os.path.relpath(counts, paths.COVERAGE)
        notes = os.path.join("/", os.path.dirname(place), os.path.basename(place)[:-5] + ".gcno")
        shutil.copy(notes, counts[:-5] + ".gcno")
        subprocess.run(["gcov", "-p", "-o", os.path.dirname(counts), counts], cwd=paths.COVERAGE,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ran = total = 0
    for path in sorted(glob.glob(os.path.join(paths.COVERAGE, "*.gcov"))):
        source, lines, missed = read_gcov(path)
        source = os.path.relpath(os.path.join(kernel, source), paths.TREE)
        if not re.fullmatch(r"(arch/\w+/)?checkpoint/\w+\.c", source):
            os.unlink(path)
            continue
        os.rename(path, os.path.join(paths.COVERAGE, source.replace("/", "-") + ".gcov"))
        ran, total = ran + lines - missed, total + lines
        print(f"  {100 * (lines - missed) / lines:5.1f} %  {lines - missed:4} of {lines:4} lines  "
              f"{source}")
    if total:
        print(f"  {100 * ran / total:5.1f} %  {ran} of {total} lines; see build/coverage/*.gcov")


def read_gcov(path: str) -> tuple[str, int, int]:
    """The source's name, its lines with code, and those that never ran."""
    with open(path, encoding="utf-8") as f:
        rows = [row.split(":", 2) for row in f]
    source = next(row[2].strip()[7:] for row in rows if row[2].startswith("Source:"))
    code = [row[0].strip() for row in rows if row[0].strip() != "-"]
    return source, len(code), sum(c.startswith(("#####", "=====")) for c in code)

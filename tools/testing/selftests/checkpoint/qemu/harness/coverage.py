# SPDX-License-Identifier: GPL-2.0
"""Which lines of the subsystem the tests run, by the kernel's own gcov.

Told for all lines, and for those that make an error or pass one on.
"""
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
# The program that fails at so many points, as it has something of everything.
THOROUGH, POINTS = "everything_test", "1000"
ERROR = re.compile(r"\b(ckpt_(err|fail|refuse|refuse_outside|axis)|broken|PTR_ERR|ERR_PTR|ERR_CAST)\(|"
                   r"\breturn (err|ret|error)\b|-E[A-Z0-9]+\b|\bgoto \w+")

# Source -> its lines: how often it ran or a dash, number, text.
Lines = dict[str, list[list[str]]]


def coverage(rep: report.Report, tests: dict[str, list[str]], scripts: dict[str, list[str]],
             kunit: dict[str, list[str]] | None, points: str) -> None:
    """Every test, and the round trips with faults as well, in a boot of each sort."""
    faults = {f"fault-{name}": cases for name, cases in tests.items()
              if boots.lists.is_round_trip(name)}
    jobs = {
        "tests": (tests, "".join(f"run {name} /tests/{name}\n" for name in tests)),
        "faults": (faults, "".join(
            f"run {name} env CR_FAULT={POINTS if name[6:] == THOROUGH else points} "
            f"/tests/{name[6:]}\n" for name in faults)),
        "scripts": (scripts, "".join(f"run {name} sh /tests/{name}.sh\n" for name in scripts)),
    }
    shutil.rmtree(paths.COVERAGE, ignore_errors=True)
    os.makedirs(paths.COVERAGE)
    lines: Lines = {}
    for name, (plan, job) in jobs.items():
        if plan or (kunit and name == "tests"):
            run_boot(rep, f"coverage-{name}", job, plan, kunit if name == "tests" else None, lines)
    summarize(lines)


def run_boot(rep: report.Report, name: str, job: str, plan: dict[str, list[str]],
             kunit: dict[str, list[str]] | None, lines: Lines) -> None:
    job += f"run {COLLECT_NAME} sh -c '{COLLECT.replace(chr(39), chr(34))}'\nfacts\n"
    one = guest.Guest(name, "coverage", job, [guest.Disk("debian", paths.DEBIAN)],
                      "" if kunit else boots.NO_KUNIT, timeout=boots.LONG_TIMEOUT)
    result = one.run()
    verdicts = boots.step_verdicts(f"{name} ", result, plan)
    if kunit:
        verdicts += report.kunit(f"{name} kunit ", kunit, result.log)
    # memory is measured elsewhere
    verdicts += boots.boot_verdicts(f"{name} ", result, list(plan), "bare",
                                    boots.TESTED if kunit else boots.CLEAN)
    step = result.step(COLLECT_NAME)
    if step is None or step.status != 0:
        verdicts.append(Verdict(f"{name} counts", "fail", result.ending))
    else:
        add_counts(lines, os.path.join(paths.COVERAGE, name), step.output)
    rep.group(name, verdicts, result.seconds)


def add_counts(lines: Lines, where: str, text: str) -> None:
    """The counts of a boot, its archive of them in base64, on top of those before."""
    os.makedirs(where)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:gz") as tar:
        tar.extractall(where)
    for counts in sorted(glob.glob(os.path.join(where, "**", "*.gcda"), recursive=True)):
        place = os.path.relpath(counts, where)
        notes = os.path.join("/", os.path.dirname(place), os.path.basename(place)[:-5] + ".gcno")
        shutil.copy(notes, counts[:-5] + ".gcno")
        subprocess.run(["gcov", "-p", "-o", os.path.dirname(counts), counts], cwd=where,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for path in sorted(glob.glob(os.path.join(where, "*.gcov"))):
        source, rows = read_gcov(path)
        source = os.path.relpath(os.path.join(paths.KERNELS["coverage"], source), paths.TREE)
        if re.fullmatch(r"(arch/\w+/)?checkpoint/\w+\.c", source):
            before = lines.setdefault(source, rows)
            for old, new in zip(before, rows) if before is not rows else ():
                old[0] = new[0] if not did_run(old[0]) else old[0]
    shutil.rmtree(where)


def read_gcov(path: str) -> tuple[str, list[list[str]]]:
    """The source's name, and its lines: how often it ran, number, text."""
    with open(path, encoding="utf-8") as f:
        rows = [row.rstrip("\n").split(":", 2) for row in f]
    source = next(row[2].strip()[7:] for row in rows if row[2].startswith("Source:"))
    return source, [row for row in rows if row[1].strip() != "0"]


def did_run(times: str) -> bool:
    return not times.strip().startswith(("#####", "=====", "-"))


def summarize(lines: Lines) -> None:
    """Source lines with their counts into build/coverage, totals to the screen."""
    all_ran = all_lines = errors_ran = errors = 0
    for source, rows in sorted(lines.items()):
        path = os.path.join(paths.COVERAGE, source.replace("/", "-") + ".gcov")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(":".join(row) + "\n" for row in rows)
        code = [(text, did_run(times)) for times, _, text in rows if times.strip() != "-"]
        ran = sum(did for _, did in code)
        faulty = [did for text, did in code if ERROR.search(text)]
        all_ran, all_lines = all_ran + ran, all_lines + len(code)
        errors_ran, errors = errors_ran + sum(faulty), errors + len(faulty)
        print(f"  {100 * ran / len(code):5.1f} %  {ran:4} of {len(code):4} lines, "
              f"{sum(faulty):3} of {len(faulty):3} of errors  {source}")
    if all_lines and errors:
        print(f"  {100 * all_ran / all_lines:5.1f} %  {all_ran} of {all_lines} lines; "
              "see build/coverage/*.gcov")
        print(f"  {100 * errors_ran / errors:5.1f} %  {errors_ran} of {errors} lines that make an "
              "error or pass one on")

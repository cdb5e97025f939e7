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
ERROR = re.compile(r"\b(ckpt_(err|fail|refuse|refuse_outside|axis)|broken|PTR_ERR|ERR_PTR|ERR_CAST)\(|"
                   r"\breturn (err|ret|error)\b|-E[A-Z0-9]+\b|\bgoto \w+")


def coverage(rep: report.Report, tests: dict[str, list[str]], scripts: dict[str, list[str]],
             kunit: dict[str, list[str]] | None, points: str) -> None:
    """Every test in one boot, the round trips with faults as well."""
    faults = [name for name in tests if boots.lists.is_round_trip(name)]
    job = "".join(f"run {name} /tests/{name}\n" for name in tests)
    job += "".join(f"run fault-{name} env CR_FAULT={points} /tests/{name}\n" for name in faults)
    job += "".join(f"run {name} sh /tests/{name}.sh\n" for name in scripts)
    job += f"run {COLLECT_NAME} sh -c '{COLLECT.replace(chr(39), chr(34))}'\nverdict\n"
    one = guest.Guest("coverage", "coverage", job, [guest.Disk("debian", paths.DEBIAN)],
                      "" if kunit else boots.NO_KUNIT, timeout=boots.LONG_TIMEOUT)
    result = one.run()
    verdicts = boots.step_verdicts("coverage ", result, tests | scripts)
    verdicts += boots.step_verdicts("coverage ", result, {f"fault-{n}": tests[n] for n in faults})
    if kunit:
        verdicts += report.kunit("coverage kunit ", kunit, result.log)
    verdicts += boots.boot_verdicts("coverage ", result, [*tests, *scripts], "coverage",
                                    boots.TESTED if kunit else boots.CLEAN)
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
    all_ran = all_lines = errors_ran = errors = 0
    for path in sorted(glob.glob(os.path.join(paths.COVERAGE, "*.gcov"))):
        source, rows = read_gcov(path)
        source = os.path.relpath(os.path.join(kernel, source), paths.TREE)
        if not re.fullmatch(r"(arch/\w+/)?checkpoint/\w+\.c", source):
            os.unlink(path)
            continue
        os.rename(path, os.path.join(paths.COVERAGE, source.replace("/", "-") + ".gcov"))
        ran = sum(did for _, did in rows)
        all_ran, all_lines = all_ran + ran, all_lines + len(rows)
        faulty = [did for text, did in rows if ERROR.search(text)]
        errors_ran, errors = errors_ran + sum(faulty), errors + len(faulty)
        print(f"  {100 * ran / len(rows):5.1f} %  {ran:4} of {len(rows):4} lines  {source}")
    if all_lines and errors:
        print(f"  {100 * all_ran / all_lines:5.1f} %  {all_ran} of {all_lines} lines; "
              "see build/coverage/*.gcov")
        print(f"  {100 * errors_ran / errors:5.1f} %  {errors_ran} of {errors} lines that make an "
              "error or pass one on")


def read_gcov(path: str) -> tuple[str, list[tuple[str, bool]]]:
    """The source's name, and its lines with code: text, and whether it ran."""
    with open(path, encoding="utf-8") as f:
        rows = [row.split(":", 2) for row in f]
    source = next(row[2].strip()[7:] for row in rows if row[2].startswith("Source:"))
    return source, [(row[2], not row[0].strip().startswith(("#####", "=====")))
                    for row in rows if row[0].strip() != "-"]

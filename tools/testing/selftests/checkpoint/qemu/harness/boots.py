# SPDX-License-Identifier: GPL-2.0
"""The boots that make up the test run: what each runs, and its verdicts."""
import os
import re
import subprocess

from . import guest, lists, paths, report, splat
from .report import Verdict

NO_KUNIT = "kunit.enable=0"
LONG_TIMEOUT = 12 * 3600
# What the runner does at the end of a boot.
GROWTH_PROGRAM = "soak_test"
GROWTH_CASE = "soak.of_cycles_leaves_nothing_and_changes_nothing"
# What /proc/sys/kernel/tainted says of a kernel that is well, and of one that
# is well after it ran KUnit's suites, which set TAINT_TEST.
CLEAN, TESTED = "0", str(1 << 18)


def programs_job(tests: list[str], env: str = "") -> str:
    return "".join(f"run {name} env {env} /tests/{name}\n" for name in tests) + "verdict\n"


def scripts_job(kind: str, names: list[str], arg: str = "") -> str:
    return "".join(f"run {name} sh /tests/{kind}/{name}.sh {arg}\n" for name in names) + "verdict\n"


def boot_verdicts(prefix: str, result: guest.Result, tests: list[str],
                  kernel: str = "plain", tainted: str = CLEAN) -> list[Verdict]:
    """What concerns the boot as a whole: its end, its log, its leaks."""
    out = []
    splats = splat.find(result.log)
    outside = [text for test, text in splats if test not in tests]
    if not result.done:
        tail = "\n".join(result.log.rstrip().split("\n")[-40:])
        blamed = [test for test, _ in splats if test in tests]
        out.append(Verdict(prefix + "boot", "fail", f"{result.ending}" + (
            f" in {blamed[-1]}" if blamed else f"\n{outside[-1] if outside else tail}")))
    elif outside:
        out.append(Verdict(prefix + "boot", "fail", f"the kernel complained\n{outside[0]}"))
    elif result.facts.get("tainted") != tainted:
        out.append(Verdict(prefix + "boot", "fail",
                           f"the kernel is tainted: {result.facts.get('tainted')}"))
    else:
        out.append(Verdict(prefix + "boot", "pass"))
    if kernel == "debug":
        out += debug_verdicts(prefix, result)
    elif kernel != "bare" and GROWTH_CASE in lists.binaries().get(GROWTH_PROGRAM, []):
        out += growth_verdicts(prefix, result)
    return out


def growth_verdicts(prefix: str, result: guest.Result) -> list[Verdict]:
    """Restarts at the end of a boot need no more memory from one to the next."""
    step = result.step("growth") or guest.Step("growth")
    ending = result.ending if step.status is None else f"exit status {step.status}"
    found = report.judge("", [GROWTH_CASE], step.output, step.status, ending)
    bad = next((v for v in found if v.state != "pass"), None)
    return [Verdict(prefix + "growth", bad.state, bad.why) if bad else
            Verdict(prefix + "growth", "pass")]


def debug_verdicts(prefix: str, result: guest.Result) -> list[Verdict]:
    locks, leaks = result.facts.get("lockdep"), result.step("kmemleak")
    out = [Verdict(prefix + "lockdep", "pass") if locks == "1" else
           Verdict(prefix + "lockdep", "fail", f"lockdep was not on at the end ({locks})")]
    if leaks is None or leaks.status != 0:
        out.append(Verdict(prefix + "kmemleak", "fail", f"missing: {result.ending}"))
    elif leaks.output.strip():
        out.append(Verdict(prefix + "kmemleak", "fail", "leaks\n" + leaks.output.rstrip()))
    else:
        out.append(Verdict(prefix + "kmemleak", "pass"))
    return out


def step_verdicts(prefix: str, result: guest.Result, plan: dict[str, list[str]]) -> list[Verdict]:
    """Verdicts of every program of a boot, splats included."""
    splats = dict(splat.find(result.log))
    out = []
    for name, cases in plan.items():
        step = result.step(name) or guest.Step(name)
        ending = result.ending if step.status is None else f"exit status {step.status}"
        verdicts = report.judge(f"{prefix}{name}: ", cases, step.output, step.status, ending)
        if name in splats:
            verdicts.append(Verdict(f"{prefix}{name}: kernel log", "fail",
                                    f"the kernel complained\n{splats[name]}"))
        out += verdicts
    return out


def run_tests(rep: report.Report, kind: str, shard: str, plan: dict[str, list[str]],
              with_kunit: dict[str, list[str]] | None) -> None:
    """The static test programs, in one boot; perhaps the KUnit suites too."""
    name = f"{kind}{shard}"
    # Tests that need a file system on a disk use Debian's.
    one = guest.Guest(name, kind, programs_job(list(plan)), [guest.Disk("debian", paths.DEBIAN)],
                      cmdline="" if with_kunit is not None else NO_KUNIT)
    result = one.run()
    prefix = f"{kind} "
    verdicts = step_verdicts(prefix, result, plan)
    if with_kunit is not None:
        verdicts += report.kunit(f"{kind} kunit ", with_kunit, result.log)
    verdicts += boot_verdicts(f"{name} ", result, list(plan), kind,
                              TESTED if with_kunit else CLEAN)
    rep.group(name, verdicts, result.seconds)


def run_bare(rep: report.Report, plan: dict[str, list[str]]) -> None:
    """Tests that measure what objects take, with none made longer by a checker."""
    name = "plain-bare"
    one = guest.Guest(name, "plain", programs_job(list(plan)).replace("verdict\n", "facts\n"),
                      [guest.Disk("debian", paths.DEBIAN)], NO_KUNIT + " slab_debug=-")
    result = one.run()
    verdicts = step_verdicts("plain ", result, plan)
    verdicts += boot_verdicts(f"{name} ", result, list(plan), "bare")
    rep.group(name, verdicts, result.seconds)


def run_long(rep: report.Report, kind: str, shard: str, plan: dict[str, list[str]],
             env: str, kernel: str = "debug") -> None:
    """Test programs once more, told to be thorough."""
    name = f"{kind}{shard}"
    one = guest.Guest(name, kernel, programs_job(list(plan), env),
                      [guest.Disk("debian", paths.DEBIAN)], NO_KUNIT, timeout=LONG_TIMEOUT)
    result = one.run()
    verdicts = step_verdicts(f"{name} ", result, plan)
    verdicts += boot_verdicts(f"{name} ", result, list(plan), kernel)
    rep.group(name, verdicts, result.seconds)
    for step in result.steps:
        for line in re.findall(r"^# (\d+ (?:images|kills|calls|cycles|generations)\b.*)$",
                               step.output, re.M)[-1 if kind == "campaign" else -5:]:
            print(f"  {line}", flush=True)


def run_scripts(rep: report.Report, kind: str, plan: dict[str, list[str]]) -> None:
    """The scripts of programs/ or command/, in one plain boot."""
    disks = [guest.Disk("debian", paths.DEBIAN)] if os.path.exists(paths.DEBIAN) else []
    result = guest.Guest(kind, "plain", scripts_job(kind, list(plan)), disks, NO_KUNIT).run()
    verdicts = step_verdicts(f"{kind} ", result, plan)
    verdicts += boot_verdicts(f"{kind} ", result, list(plan))
    rep.group(kind, verdicts, result.seconds)


def make_scratch() -> str:
    """An empty disk."""
    scratch = os.path.join(paths.RUNS, "scratch.img")
    os.makedirs(paths.RUNS, exist_ok=True)
    if os.path.exists(scratch):
        os.unlink(scratch)
    with open(scratch, "wb") as f:
        f.truncate(512 << 20)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", scratch], check=True)
    return scratch


def run_phase(scratch: str, phase: str, kind: str,
              names: list[str]) -> tuple[guest.Result, list[Verdict]]:
    """One boot of two, and its verdicts but for those of the scripts."""
    disks = [guest.Disk("scratch", scratch, snapshot=False)]
    if os.path.exists(paths.DEBIAN):
        disks.append(guest.Disk("debian", paths.DEBIAN))
    title = f"twoboot-{phase}" + (f"-{kind}" if kind != "plain" else "")
    job = scripts_job("twoboot", names, phase)
    if kind == "debug":
        job = job.replace("verdict\n", "facts\n")  # leaks and growth are looked for elsewhere
    result = guest.Guest(title, kind, job, disks, NO_KUNIT).run()
    return result, boot_verdicts(title + " ", result, names,
                                 "bare" if kind == "debug" else kind) + [
        Verdict(f"{title} {test}: kernel log", "fail", f"the kernel complained\n{text}")
        for test, text in splat.find(result.log) if test in names]


def run_twoboot(rep: report.Report, plan: dict[str, list[str]]) -> None:
    """Every script's first phase in one boot, its second in the next.

    Some have their second boot on another kernel, if that was built.
    """
    scratch = make_scratch()
    result, verdicts = run_phase(scratch, "phase1", "plain", list(plan))
    seconds = result.seconds
    for kind in paths.KERNELS:
        part = {n: cases for n, cases in plan.items() if lists.second_kernel(n) == kind}
        if part and not os.path.exists(os.path.join(paths.KERNELS[kind], "bzImage")):
            verdicts += [Verdict(f"twoboot {n}: {case}", "skip", f"no {kind} kernel was built")
                         for n, cases in part.items() for case in cases]
        elif part:
            second, more = run_phase(scratch, "phase2", kind, list(part))
            seconds += second.seconds
            verdicts += more
            for name, cases in part.items():
                verdicts += both_phases(name, cases, [result.step(name), second.step(name)])
    os.unlink(scratch)
    rep.group("twoboot", verdicts, seconds)


def both_phases(name: str, cases: list[str], steps: list[guest.Step | None]) -> list[Verdict]:
    """A case reports in the one boot or in the other."""
    ran = [step or guest.Step(name) for step in steps]
    bad = next((s.status for s in ran if s.status != 0), 0)
    return report.judge(f"twoboot {name}: ", cases, "\n".join(s.output for s in ran), bad,
                        f"exit status of the phases {[s.status for s in ran]}")


def shards(plan: dict[str, list[str]], count: int) -> list[dict[str, list[str]]]:
    """Deal the programs out so that every boot has about as many tests."""
    out: list[dict[str, list[str]]] = [{} for _ in range(count)]
    for name in sorted(plan, key=lambda n: (-len(plan[n]), n)):
        least = min(out, key=lambda s: sum(len(v) for v in s.values()))
        least[name] = plan[name]
    return [s for s in out if s]


def selected(pattern: lists.Pattern, kind: str, plan: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: cases for name, cases in plan.items() if pattern(f"{kind}/{name}")}

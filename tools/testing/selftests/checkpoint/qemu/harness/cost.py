# SPDX-License-Identifier: GPL-2.0
"""What it costs to have the subsystem and not to use it.

The tree as it was before the patches is built too. In both kernels everyday work
is counted in instructions, and the kernel's own selftests of the patched
subsystems run: they must say the same.
"""
import collections
import os
import re
import shutil
import subprocess

from . import boots, guest, lists, paths
from .report import Report, Verdict

BASE = "base"
KSELFTESTS = os.path.join(paths.BUILD, "kselftests")
# Directory -> programs, of the subsystems that patches touch or that the calls build on.
SUITES = {
    "cgroup": ("test_core", "test_freezer", "test_kill", "test_pids"),
    "clone3": ("clone3", "clone3_clear_sighand", "clone3_set_tid"),
    "core": ("close_range_test",),
    "filesystems/eventfd": ("eventfd_test",),
    "futex/functional": ("futex_wait", "futex_wait_timeout", "futex_wait_wouldblock",
                         "futex_requeue", "futex_waitv"),
    "ipc": ("msgque",),
    "kcmp": ("kcmp_test",),
    "membarrier": ("membarrier_test_single_thread", "membarrier_test_multi_thread"),
    "memfd": ("memfd_test",),
    "mm": ("madv_populate", "map_fixed_noreplace", "mremap_dontunmap", "mremap_test",
           "soft-dirty"),
    "pid_namespace": ("regression_enomem",),
    "pidfd": ("pidfd_fdinfo_test", "pidfd_getfd_test", "pidfd_open_test", "pidfd_poll_test",
              "pidfd_wait"),
    "prctl": ("set-anon-vma-name-test", "set-process-name"),
    "proc": ("proc-pid-vm", "proc-self-syscall", "proc-uptime-001"),
    "ptrace": ("get_syscall_info", "peeksiginfo", "vmaccess"),
    "rlimits": ("rlimits-per-userns",),
    "rseq": ("basic_test",),
    "seccomp": ("seccomp_bpf",),
    "sigaltstack": ("sas",),
    "timers": ("nanosleep", "posix_timers"),
    "tty": ("tty_tstamp_update",),
    "x86": ("fsgsbase_64", "sigreturn_64", "syscall_nt_64"),
}
# A test whose verdict depends on the load may differ once.
ATTEMPTS = 3


def build_suites() -> dict[str, str]:
    """Name -> static program, of those that can be built here."""
    shutil.rmtree(KSELFTESTS, ignore_errors=True)
    tests = os.path.join(paths.TREE, "tools/testing/selftests")
    headers = os.path.join(paths.BUILD, "headers/usr/include")
    out = {}
    for suite, programs in SUITES.items():
        where = os.path.join(KSELFTESTS, suite)
        os.makedirs(where)
        for program in programs:
            subprocess.run(["make", "-s", "-C", os.path.join(tests, suite), f"OUTPUT={where}",
                            f"KHDR_INCLUDES=-isystem {headers}", "USERLDFLAGS=-static",
                            "LDFLAGS=-static -pthread", os.path.join(where, program)],
                           check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if os.path.exists(os.path.join(where, program)):
                out[f"{suite}/{program}"] = os.path.join(where, program)
    # made beside the sources
    for name in ("local_config.h", "local_config.mk"):
        if os.path.exists(os.path.join(tests, "mm", name)):
            os.unlink(os.path.join(tests, "mm", name))
    return out


def make_disk(programs: dict[str, str]) -> guest.Disk:
    root, image = os.path.join(KSELFTESTS, "root"), os.path.join(paths.RUNS, "kselftests.img")
    for name, path in programs.items():
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        subprocess.run(["strip", "-o", os.path.join(root, name), path], check=True)
    os.makedirs(paths.RUNS, exist_ok=True)
    with open(image, "wb") as f:
        f.truncate(256 << 20)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image], check=True)
    return guest.Disk("scratch", image)


def said(step: guest.Step | None) -> dict[str, str]:
    """What a program said of its tests, numbers left out: they may be reused."""
    if step is None:
        return {"": "did not run"}
    out = {"exit status": str(step.status)}
    seen: collections.Counter[str] = collections.Counter()
    for verdict, name in re.findall(r"^\s*(ok|not ok) \d+ ?-?(.*)$", step.output, re.M):
        name = re.sub(r"\d+", "N", name.strip())
        seen[name] += 1
        out[f"{name} ({seen[name]})"] = verdict
    return out


def run_suites(kernel: str, disk: guest.Disk, programs: list[str]) -> guest.Result:
    job = "".join(f"cd /scratch/{os.path.dirname(name)}\n"
                  f"run {name} timeout 300 ./{os.path.basename(name)}\n" for name in programs)
    return guest.Guest(f"cost-tests-{kernel}", kernel, job + "cd /\nverdict\n", [disk],
                       boots.NO_KUNIT + " panic_on_warn=0").run()


def compare_suites(rep: Report, match: lists.Pattern) -> None:
    built = build_suites()
    wanted = [f"{suite}/{program}" for suite, some in SUITES.items() for program in some]
    verdicts = [Verdict(f"kselftest {name}", "skip", "it does not build here")
                for name in wanted if name not in built]
    todo = [name for name in built if match(f"cost/{name}")]
    disk = make_disk(built)
    differing: dict[str, str] = {}
    seconds = 0.0
    for _ in range(ATTEMPTS):
        results = {kernel: run_suites(kernel, disk, todo) for kernel in (BASE, "plain")}
        seconds += sum(r.seconds for r in results.values())
        again = []
        for name in todo:
            before, after = (said(results[k].step(name)) for k in (BASE, "plain"))
            if before == after:
                counts = collections.Counter(after.values())
                print(f"  {name}: exit status {after.get('exit status')}, {counts['ok']} ok, "
                      f"{counts['not ok']} not ok in both", flush=True)
                verdicts.append(Verdict(f"kselftest {name}", "pass"))
                continue
            differing[name] = "\n".join(
                f"{what}: {before.get(what)} without, {after.get(what)} with"
                for what in sorted({*before, *after}) if before.get(what) != after.get(what))
            again.append(name)
        todo = again
        if not todo:
            break
    verdicts += [Verdict(f"kselftest {name}", "fail", differing[name]) for name in todo]
    rep.group("kselftests", verdicts, seconds)


def count(kernel: str) -> tuple[dict[str, int], float]:
    one = guest.Guest(f"cost-{kernel}", kernel, "run prog_cost /tests/prog_cost\n", [],
                      boots.NO_KUNIT, counts=True)
    result = one.run()
    step = result.step("prog_cost") or guest.Step("prog_cost")
    return {name: int(number) for name, number in
            re.findall(r"^([a-z0-9-]+) (\d+)$", step.output, re.M)}, result.seconds


def compare_work(rep: Report) -> None:
    """Prints the figures; that there are some is all that can fail."""
    (before, one), (after, other) = count(BASE), count("plain")
    print(f"  {'instructions of':20} {'without':>10} {'with':>10}")
    for name, number in before.items():
        now = after.get(name, 0)
        print(f"  {name:20} {number:10} {now:10} {100 * (now - number) / number:+7.2f} %")
    good = before and before.keys() == after.keys()
    rep.group("work", [Verdict("cost of everyday work", "pass" if good else "fail",
                               f"{before} without, {after} with")], one + other)


def tasks(rep: Report, match: lists.Pattern) -> list:
    out: list = [(compare_work, rep)] if match("cost/work") else []
    return out + [(compare_suites, rep, match)]

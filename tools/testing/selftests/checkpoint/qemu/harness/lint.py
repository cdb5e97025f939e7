# SPDX-License-Identifier: GPL-2.0
"""Checks that need no guest. Every step is one test, silent when it passes."""
import glob
import os
import re
import subprocess
import time
from collections.abc import Callable

from . import paths, selfcheck
from .report import Report, Verdict

CODE = ("checkpoint", "arch/*/checkpoint", "arch/*/include/asm/checkpoint.h",
        "include/linux/checkpoint*.h", "include/uapi/linux/checkpoint*.h", "kernel/cgroup/hold.c",
        "kernel/cgroup_freezer.c", "include/trace/events/checkpoint.h")
USER_CODE = ("tools/checkpoint", "tools/testing/selftests/checkpoint")
# MAINTAINERS is not ours to change; the patches of a series stay in it.
NOT_FOR_US = "FILE_PATH_CHANGES"
# Trace headers, tests and tables of rows are written in macros that checkpatch
# cannot parse, nor can it DEFINE_FREE(), CLASS() and VMA_ITERATOR(); messages
# are not broken, so that they can be searched for; Elf64_Ehdr has its name.
NOT_FOR_FILES = ("MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_ARG_REUSE,TRAILING_SEMICOLON,"
                 "COMPLEX_MACRO,BRACKET_SPACE,MACRO_ARG_PRECEDENCE,LINE_SPACING,"
                 "SUSPECT_CODE_INDENT,UNCOMMENTED_DEFINITION,CAMELCASE,LONG_LINE_STRING")
# Advice that only makes sense inside the kernel, for the command and the tests.
NOT_FOR_USERS = ("PREFER_DEFINED_ATTRIBUTE_MACRO,ARRAY_SIZE,VOLATILE,ENOSYS,USE_NEGATIVE_ERRNO,"
                 "STRCPY,STRLCPY,STRNCPY,SSCANF_TO_KSTRTO,AVOID_EXTERNS,MACRO_WITH_FLOW_CONTROL,"
                 "COMPLEX_MACRO,CONSTANT_CONVERSION,PREFER_FALLTHROUGH,CONSIDER_KSTRTO,"
                 "NEW_TYPEDEFS,PREFER_SCNPRINTF,SYMBOLIC_PERMS,MEMORY_BARRIER,BIT_MACRO,"
                 "EMBEDDED_FUNCTION_NAME,FUNCTION_ARGUMENTS,OPEN_ENDED_LINE,MULTIPLE_ASSIGNMENTS,SPACING")


def run(args: list[str], cwd: str = paths.TOP,
        env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(args, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def sources(tops: tuple[str, ...], suffixes: tuple[str, ...] = (".c", ".h")) -> list[str]:
    """Our own files below these places, relative to the top."""
    found = []
    for pattern in tops:
        for top in glob.glob(os.path.join(paths.TOP, pattern)):
            if os.path.isfile(top):
                found.append(top)
            for where, _, names in os.walk(top):
                found += [os.path.join(where, n) for n in names]
    return sorted(os.path.relpath(f, paths.TOP) for f in found if f.endswith(suffixes))


def all_files() -> list[str]:
    """Everything that is or would be committed; without git, everything."""
    status, text = run(["git", "ls-files", "-co", "--exclude-standard"])
    if status == 0:
        return [f for f in text.splitlines() if os.path.isfile(os.path.join(paths.TOP, f))]
    tops = sorted(set(os.listdir(paths.TOP)) - {".git", "build"})
    return sources(tuple(tops), ("",))


def checkpatch(args: list[str], ignore: str) -> str:
    # Without --no-tree it would ask for the maintainers of every file.
    _, text = run(["scripts/checkpatch.pl", "--no-tree", "--root=.", "--strict", "--terse",
                   "--show-types", "--no-summary", "--ignore", ignore, *args], paths.TREE)
    return text


def checkpatch_kernel() -> str:
    files = sources(CODE)
    return checkpatch(["--file", *files], f"{NOT_FOR_US},{NOT_FOR_FILES}") if files else ""


def checkpatch_user() -> str:
    files = sources(USER_CODE)
    if not files:
        return ""
    text = checkpatch(["--file", *files], f"{NOT_FOR_US},{NOT_FOR_FILES},{NOT_FOR_USERS}")
    # It takes the pointer of FIXTURE_DATA(name) *self for a multiplication.
    return "\n".join(ln for ln in text.splitlines() if "around that '*'" not in ln)


def checkpatch_patches() -> str:
    files = sorted(glob.glob(os.path.join(paths.TOP, "patches", "*.patch")))
    return checkpatch(files, NOT_FOR_US) if files else ""


def sparse() -> str:
    """Only what sparse says about our files: headers elsewhere are not ours.

    It cannot follow guard() and __free(), so lock contexts are left out, and it
    takes every siglock for a pointer under RCU, here as in all of the kernel.
    """
    ours = ("checkpoint/", "arch/x86/checkpoint/")
    files = sources(tuple(d.rstrip("/") for d in ours), (".c",))
    targets = [d for d in ours if any(f.startswith(d) for f in files)]
    if not targets:
        return ""
    env = dict(os.environ, MAKE_ARGS="C=2 CHECK=sparse CF=-Wno-context -k",
               MAKE_TARGETS=" ".join(targets))
    status, text = run(["devtools/kernel", "kernel", os.path.join(paths.QEMU_DIR, "plain.config")],
                       env=env)
    text = text.replace(paths.TREE + "/", "").replace("../linux/", "")
    siglock = set(re.findall(r"^(\S+:\d+:\d+): +got struct spinlock \[noderef\] __rcu", text, re.M))
    place = r"((?:arch/x86/)?(?:include/\w+/)?checkpoint[\w/.-]*:\d+:\d+): (?:warning|error)"
    bad = [ln for ln in text.splitlines()
           if (m := re.match(place, ln)) and m.group(1) not in siglock]
    if status:
        bad.append(f"make failed\n{text[-3000:]}")
    checked = set(re.findall(r"^  CHECK +(\S+)", text, re.M))
    if not checked & set(files):
        bad.append("sparse looked at none of our files: is checkpoint/ part of the build?")
    return "\n".join(bad)


def kernel_doc() -> str:
    files = sources(CODE)
    if not files:
        return ""
    status, text = run(["scripts/kernel-doc", "-none", "-Werror", *files], paths.TREE)
    return text or (f"kernel-doc failed: {status}" if status else "")


def spdx() -> str:
    bad = []
    for name in all_files():
        if name == "COPYING" or name.startswith(("LICENSES/", "patches/")):
            continue
        with open(os.path.join(paths.TOP, name), "rb") as f:
            data = f.read(4096)
        if data and b"SPDX-License-Identifier: " not in b"\n".join(data.split(b"\n")[:4]):
            bad.append(f"{name}: no SPDX-License-Identifier in its first lines")
    return "\n".join(bad)


def patches() -> str:
    status, text = run(["devtools/tree", "verify"])
    return text or "devtools/tree verify failed" if status else ""


def scripts() -> str:
    """Shell and Python files parse."""
    bad = ""
    for name in all_files():
        full = os.path.join(paths.TOP, name)
        with open(full, "rb") as f:
            head = f.readline()
            text = head + f.read()
        if b"python" in head and head.startswith(b"#!") or name.endswith(".py"):
            try:
                compile(text, name, "exec")
            except SyntaxError as e:
                bad += f"{name}: {e}\n"
        elif head.startswith(b"#!") and head.rstrip().endswith(b"sh"):
            bad += run(["bash" if b"bash" in head else "sh", "-n", name])[1]
    return bad


def host_program(name: str, files: list[str]) -> str:
    """A program of tools/checkpoint for this machine; its path."""
    out = os.path.join(paths.BUILD, "lint", name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    status, text = run(["gcc", "-O1", "-D_GNU_SOURCE", "-Iinclude/uapi", "-o", out, *files])
    if status:
        raise RuntimeError(text)
    return out


def ckpt() -> str:
    return host_program("ckpt", sorted(glob.glob(f"{paths.TOP}/tools/checkpoint/*.c")))


def fields() -> str:
    """ckpt info shows every field that the header declares."""
    status, text = run(["tools/checkpoint/tests/fields.py", "include/uapi/linux/checkpoint_image.h",
                        ckpt(), host_program("genimage", ["tools/checkpoint/tests/genimage.c"])])
    return text if status else ""


def manual() -> str:
    """The man pages are well formed, and agree with command, header and kernel."""
    status, text = run(["tools/checkpoint/tests/manual.py", ".", ckpt()])
    return text if status else ""


STEPS: dict[str, Callable[[], str]] = {
    "checkpatch-kernel": checkpatch_kernel,
    "checkpatch-user": checkpatch_user,
    "checkpatch-patches": checkpatch_patches,
    "kernel-doc": kernel_doc,
    "spdx": spdx,
    "patches": patches,
    "scripts": scripts,
    "fields": fields,
    "manual": manual,
    "harness": selfcheck.complaints,
    "sparse": sparse,
}


def lint(rep: Report, names: list[str]) -> None:
    for name in names:
        start = time.monotonic()
        said = STEPS[name]().strip()
        count = len(said.splitlines())
        verdict = Verdict(f"lint {name}", "fail", f"{count} complaints\n{said}") if said else \
            Verdict(f"lint {name}", "pass")
        rep.group(f"lint {name}", [verdict], time.monotonic() - start)

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Do the man pages say what the command, the header and the kernel have?

usage: manual.py TOP CKPT

Options of each command against its --help; flags and structs of the system
calls against the header; errors that the kernel's part gives by name.
"""
import glob
import re
import subprocess
import sys

COMMANDS = ("run", "checkpoint", "restart", "check", "info")


def read(path: str) -> str:
    with open(path, encoding="utf-8") as f:
        return f.read()


def section(page: str, name: str) -> str:
    m = re.search(rf'^\.SH "?{name}"?\n(.*?)(?=^\.SH )', page, re.M | re.S)
    return m[1] if m else ""


def tags(text: str) -> str:
    """What is explained: the lines behind .TP and .TQ, as they are read."""
    lines = "\n".join(re.findall(r"^\.T[PQ]\n(.*)$", text, re.M))
    return re.sub(r"\\f[A-Z]", "", lines.replace("\\-", "-")).replace("\\ ", " ")


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", text)) - {"-h", "--help"}


def check_options(page: str, ckpt: str) -> list[str]:
    bad = []
    for c in COMMANDS:
        help_text = subprocess.run([ckpt, c, "--help"], check=True, capture_output=True,
                                   text=True).stdout
        has = options("\n".join(re.findall(r"^  +(-.*?)(?:  |$)", help_text, re.M)))
        told = options(tags(section(page, f"CKPT {c.upper()}")))
        bad += [f"ckpt.1: {c}: {o} is not explained" for o in sorted(has - told)]
        bad += [f"ckpt.1: {c}: there is no {o}" for o in sorted(told - has)]
    return bad


def members(text: str, struct: str) -> list[str]:
    m = re.search(rf"^struct {struct} \{{\n(.*?)^\}}", text, re.M | re.S)
    body = re.sub(r"/\*.*?\*/", "", m[1] if m else "")
    return [" ".join(line.split()) for line in body.split(";") if line.strip()]


def check_calls(header: str, pages: dict[str, str]) -> list[str]:
    bad = []
    for call in ("checkpoint", "restart"):
        page = pages[f"{call}.2"]
        for flag in re.findall(rf"^#define ({call.upper()}_\w+)\s+\(1ULL", header, re.M):
            if flag not in tags(page):
                bad.append(f"{call}.2: {flag} is not explained")
        for struct in re.findall(r"^struct (\w+) \{", page, re.M):
            if members(page, struct) != members(header, struct):
                bad.append(f"{call}.2: struct {struct} is another one in the header")
    return bad


def check_errors(top: str, pages: dict[str, str]) -> list[str]:
    """Errors with a message; others come from what is called."""
    bad = []
    source = "".join(read(f) for d in ("checkpoint", "arch/*/checkpoint")
                     for f in sorted(glob.glob(f"{top}/{d}/*.c")))
    for call, logs in (("checkpoint", r"ckpt_err\(save"), ("restart", r"ckpt_fail\(load, \w+")):
        told = tags(section(pages[f"{call}.2"], "ERRORS"))
        errors = set(re.findall(rf"{logs},\s*-(E\w+)", source))
        describe = re.search(rf"/\*\*\n \* sys_{call} .*?\*/", source, re.S)
        errors |= set(re.findall(r"-(E\w+)", describe[0] if describe else ""))
        bad += [f"{call}.2: {e} is not explained" for e in sorted(errors)
                if not re.search(rf"\b{e}\b", told)]
    return bad


def main() -> int:
    top, ckpt = sys.argv[1:]
    paths = sorted(glob.glob(f"{top}/tools/checkpoint/man/*.[12]"))
    pages = {p.split("/")[-1]: read(p) for p in paths}
    header = read(f"{top}/include/uapi/linux/checkpoint.h")
    lint = subprocess.run(["mandoc", "-T", "lint", *paths], capture_output=True, text=True,
                          check=False)
    bad = (lint.stdout + lint.stderr).splitlines()
    bad += check_options(pages["ckpt.1"], ckpt) + check_calls(header, pages) + \
        check_errors(top, pages)
    print("\n".join(bad) or f"manual: {len(pages)} pages: fine")
    return 1 if bad else 0


sys.exit(main())

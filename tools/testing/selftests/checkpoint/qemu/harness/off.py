# SPDX-License-Identifier: GPL-2.0
"""With CONFIG_CHECKPOINT=n the objects of patched files keep their size.

The patched files' objects are built from build/linux and from a pristine twin
of it, both with the option off, and their sections' sizes are compared.
"""
import glob
import json
import os
import subprocess
import time

from . import paths
from .report import Report, Verdict

OFF = os.path.join(paths.BUILD, "off")
TWIN = os.path.join(OFF, "linux")
# Two system call numbers are taken whether or not there is code behind them.
EXCEPT = ("kernel/sys_ni.o", "arch/x86/entry/syscall_64.o", "arch/x86/entry/syscall_32.o")


def state() -> dict:
    with open(os.path.join(paths.BUILD, "tree.json"), encoding="utf-8") as f:
        return json.load(f)


def make_twin(st: dict) -> None:
    """Hard links to build/linux, with what we changed put back."""
    stamp = os.path.join(OFF, "base")
    os.makedirs(OFF, exist_ok=True)
    old = ""
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as f:
            old = f.read()
    if old != st["base"]:
        subprocess.run(["rm", "-rf", TWIN], check=True)
        subprocess.run(["cp", "-al", paths.TREE, TWIN], check=True)
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(st["base"])
    for path in [*st["files"], *st["overlay"]]:
        here, pristine = os.path.join(TWIN, path), os.path.join(paths.BUILD, "pristine", path)
        if os.path.exists(pristine):
            if subprocess.run(["cmp", "-s", here, pristine], check=False).returncode:
                # Never through the link: it would change build/linux too.
                subprocess.run(["cp", "--remove-destination", pristine, here], check=True)
        elif os.path.lexists(here):
            os.unlink(here)


def objects(sources: list[str]) -> dict[str, list[str]]:
    """Source -> the objects of the plain build that are made of it."""
    built = paths.KERNELS["plain"]
    out: dict[str, list[str]] = {}
    indirect = []
    for src in sources:
        obj = src.rsplit(".", 1)[0] + ".o"
        if os.path.exists(os.path.join(built, obj)):
            out[src] = [obj]
        else:
            indirect.append(src)
    if indirect:
        out.update({src: [] for src in indirect})
        for cmd in glob.glob(os.path.join(built, "**", ".*.o.cmd"), recursive=True):
            with open(cmd, encoding="utf-8", errors="replace") as f:
                text = f.read()
            for src in indirect:
                if f"/{src} " in text:
                    where, name = os.path.split(cmd)
                    out[src].append(os.path.relpath(os.path.join(where, name[1:-4]), built))
    return out


def build(name: str, tree: str, targets: list[str]) -> str:
    """Configure and build just these objects. The error text, if any."""
    fragment = os.path.join(OFF, "off.config")
    plain = os.path.join(paths.QEMU_DIR, "plain.config")
    with open(plain, encoding="utf-8") as f:
        text = "".join(ln for ln in f if not ln.startswith(("CONFIG_CHECKPOINT=",
                                                            "CONFIG_CHECKPOINT_KUNIT")))
    with open(fragment, "w", encoding="utf-8") as f:
        f.write(text)
    env = dict(os.environ, SRC_TREE=tree, MAKE_TARGETS=" ".join(targets))
    done = subprocess.run([os.path.join(paths.TOP, "devtools/kernel"), name, fragment], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout if done.returncode else ""


def sizes(name: str, obj: str) -> list[int]:
    text = subprocess.run(["size", os.path.join(paths.BUILD, name, obj)], check=True,
                          capture_output=True, text=True).stdout
    return [int(n) for n in text.splitlines()[1].split()[:3]]


def off(rep: Report) -> None:
    start = time.monotonic()
    # A cached object has the paths of the tree that it was compiled in.
    os.environ["CCACHE_DISABLE"] = "1"
    st = state()
    make_twin(st)
    sources = sorted(p for p in st["files"] if p.endswith((".c", ".S"))
                     and os.path.exists(os.path.join(paths.BUILD, "pristine", p)))
    by_source = objects(sources)
    wanted = sorted({o for objs in by_source.values() for o in objs} - set(EXCEPT))
    verdicts = [Verdict(f"off {src}", "skip", "not part of the plain kernel")
                for src, objs in by_source.items() if not objs]
    trouble = ""
    if wanted:
        trouble = build("off/pristine", TWIN, wanted) or build("off/patched", paths.TREE, wanted)
    if trouble:
        verdicts.append(Verdict("off build", "fail", "build failed\n" + trouble))
    else:
        verdicts += [compare(obj) for obj in wanted]
    if not verdicts:
        verdicts.append(Verdict("off", "skip", "no patch touches an object"))
    rep.group("off", verdicts, time.monotonic() - start)


def compare(obj: str) -> Verdict:
    before, after = sizes("off/pristine", obj), sizes("off/patched", obj)
    if before == after:
        return Verdict(f"off {obj}", "pass")
    return Verdict(f"off {obj}", "fail",
                   f"text, data, bss were {before}, are {after} with CONFIG_CHECKPOINT=n")

# SPDX-License-Identifier: GPL-2.0
"""Curves, by gnuplot: times against size and against the number of tasks."""
import os
import statistics
import subprocess

from . import rows, samples

LOADS = {"memory": "MiB of memory", "tree": "processes", "threads": "threads"}
# file name -> title, and of each system which metric is drawn; floors by load
CURVES = {
    "save": ("Time of a checkpoint", "save",
             {"memory": ("write", "fork"), "tree": ("freeze",), "threads": ("freeze",)}),
    "frozen": ("Time frozen", "frozen",
               {"memory": ("fork",), "tree": ("freeze",), "threads": ("freeze",)}),
    "restart": ("Time of a restart", "restart",
                {"memory": ("read",), "tree": ("processes",), "threads": ("threads",)}),
}
Measured = list[tuple[rows.Row, samples.Samples]]


def points(measured: Measured, load: str, term: tuple[str, str]) -> list[tuple[int, float]]:
    found: dict[int, float] = {}
    for row, s in measured:
        if row.load == load and s.of(term):
            # of two rows of one load the first counts
            found.setdefault(row.size, statistics.median(s.of(term).values()))
    return sorted(found.items())


def script(title: str, xlabel: str, out: str, curves: dict[str, list[tuple[int, float]]]) -> str:
    data = "".join(f"$d{i} << EOD\n" + "".join(f"{x} {y}\n" for x, y in some) + "EOD\n"
                   for i, some in enumerate(curves.values()))
    lines = ", ".join(f"$d{i} title '{name}' with linespoints lw 2"
                      for i, name in enumerate(curves))
    return (f"set terminal svg size 640,420 background 'white'\nset output '{out}'\n"
            f"set title '{title}'\nset xlabel '{xlabel}'\nset ylabel 'ms, median'\n"
            "set logscale xy\nset grid\nset key left top\n"
            f"{data}plot {lines}\n")


def license_it(name: str) -> None:
    """Some of them are part of the documentation."""
    with open(name, encoding="utf-8") as f:
        head, rest = f.read().split("\n", 1)
    with open(name, "w", encoding="utf-8") as f:
        f.write(f"{head}\n<!-- SPDX-License-Identifier: GPL-2.0 -->\n{rest}")


def draw(measured: Measured, where: str) -> list[str]:
    """The files made. A curve needs two points, a picture a curve."""
    made = []
    for kind, (title, metric, floors) in CURVES.items():
        for load, xlabel in LOADS.items():
            terms = {"system call": (rows.CALL, metric), "CHECKPOINT_COW": (rows.COW, metric),
                     "CRIU": (rows.CRIU, metric),
                     **{f"floor: {f}": (rows.FLOOR, f) for f in floors[load]}}
            curves = {name: some for name, term in terms.items()
                      if len(some := points(measured, load, term)) > 1}
            if curves:
                out = os.path.join(where, f"{kind}-{load}.svg")
                subprocess.run(["gnuplot"], check=True, text=True,
                               input=script(title, xlabel, out, curves))
                license_it(out)
                made.append(out)
    return made

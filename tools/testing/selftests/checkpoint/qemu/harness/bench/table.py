# SPDX-License-Identifier: GPL-2.0
"""The table: what each system took, and the goals beside the results."""
import statistics

from . import rows, samples, stats

TIMES = ("save", "frozen", "gap", "restart")
NAMES = {rows.CALL: "system call", rows.TOOL: "ckpt", rows.COW: "copy on write",
         rows.CRIU: "CRIU", rows.CRIU_STEPS: "CRIU pre-dump"}


def short(value: float) -> str:
    """Three digits are all that a measurement of this kind has."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def size(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{short(value)} {unit}"
        value /= 1024
    return f"{short(value)} GiB"


def median_and_least(values: dict[int, float]) -> str:
    if not values:
        return "-"
    return f"{short(statistics.median(values.values()))} ({short(min(values.values()))})"


def system_line(name: str, found: samples.Samples) -> str:
    cells = [f"{median_and_least(found.of((name, t))):>15}" for t in TIMES]
    for metric in ("bytes", "memory"):
        values = found.of((name, metric)).values()
        cells.append(f"{size(statistics.median(values)) if values else '-':>9}")
    files = found.of((name, "files")).values()
    cells.append(f"{int(statistics.median(files)) if files else '-':>6}")
    return f"  {NAMES[name]:14}" + "".join(cells)


def judge(goal: rows.Goal, found: samples.Samples) -> tuple[str, str]:
    """(met, not met or no result; the numbers or the reason)"""
    upper = samples.sums(found, goal.upper)
    values = (stats.ratios(upper, samples.sums(found, goal.lower)) if goal.lower
              else list(upper.values()))
    if not values:
        whys = [f"{NAMES.get(s, s)}: {found.failures[s]}"
                for s in dict.fromkeys(s for s, _ in goal.upper + goal.lower)
                if s in found.failures]
        return "no result", "; ".join(whys) or "not measured"
    median = statistics.median(values)
    low, high = stats.interval(values)
    return ("met" if goal.met(median) else "not met",
            f"{short(median)} ({short(low)} to {short(high)})")


def row_text(row: rows.Row, found: samples.Samples) -> str:
    out = [f"{row.name}: {row.what}; {row.rounds} rounds" +
           ("" if found.complete else ", NOT COMPLETE")]
    head = "".join(f"{t + ', ms':>15}" for t in TIMES)
    out.append(f"  {'':14}{head}{'image':>9}{'memory':>9}{'files':>6}")
    out += [system_line(s, found) for s in row.systems]
    floors = [f"{f} {median_and_least(found.of((rows.FLOOR, f)))}" for f in row.floors]
    before = found.of((rows.FLOOR, "memory")).values()
    if before:
        floors.append(f"memory {size(statistics.median(before))}")
    out.append(f"  {'floors':14}  " + ", ".join(floors))
    if row.native:
        out.append(f"  {'CRIU 4.2':14}  on metal: {row.native}")
    for goal in row.goals:
        verdict, numbers = judge(goal, found)
        out.append(f"  {verdict:9}  {goal.what:34} {goal.relation} {goal.bound:<5g}  {numbers}")
    # whatever failed is said, even where some rounds went well
    out += [f"  failed     {NAMES.get(s, s)}: {why}" for s, why in found.failures.items()]
    return "\n".join(out)


def text(head: str, measured: list[tuple[rows.Row, samples.Samples]]) -> str:
    count: dict[str, int] = {}
    for row, found in measured:
        for goal in row.goals:
            verdict = judge(goal, found)[0]
            count[verdict] = count.get(verdict, 0) + 1
    last = ", ".join(f"{nr} {verdict}" for verdict, nr in sorted(count.items()))
    return "\n\n".join([head, *(row_text(r, s) for r, s in measured), f"goals: {last}"]) + "\n"

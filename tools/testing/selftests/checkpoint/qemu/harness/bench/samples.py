# SPDX-License-Identifier: GPL-2.0
"""What the guest printed for a row, as numbers.

A system that failed at anything in a round, its load's verification included, has
no numbers for that round.
"""
import dataclasses
import re

_SAMPLE = re.compile(r"^sample (\d+) (\S+) (\S+) (\d+)$", re.M)
_FAILED = re.compile(r"^failed (\d+) (\S+) (\S+) (.*)$", re.M)
_NOT_TIMES = ("bytes", "files", "memory")


@dataclasses.dataclass
class Samples:
    """(system, metric) -> round -> milliseconds, bytes or a count; what failed, and why."""
    values: dict[tuple[str, str], dict[int, float]] = dataclasses.field(default_factory=dict)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    complete: bool = False

    def of(self, term: tuple[str, str]) -> dict[int, float]:
        return self.values.get(term, {})

    def systems(self) -> list[str]:
        return list(dict.fromkeys([s for s, _ in self.values] + list(self.failures)))


def parse(text: str) -> Samples:
    out = Samples(complete=bool(re.search(r"^done$", text, re.M)))
    bad = set()
    for nr, system, step, why in _FAILED.findall(text):
        # one floor may fail without the others
        if system != "floor":
            bad.add((int(nr), system))
        out.failures.setdefault(system, f"{step}: {why}")
    for nr, system, metric, value in _SAMPLE.findall(text):
        if (int(nr), system) not in bad:
            number = int(value) if metric in _NOT_TIMES else int(value) / 1e6
            out.values.setdefault((system, metric), {})[int(nr)] = number
    return out


def sums(samples: Samples, terms: tuple[tuple[str, str], ...]) -> dict[int, float]:
    """Round -> sum, of the rounds that have all of them."""
    each = [samples.of(t) for t in terms]
    return {nr: sum(e[nr] for e in each) for nr in each[0] if all(nr in e for e in each)}

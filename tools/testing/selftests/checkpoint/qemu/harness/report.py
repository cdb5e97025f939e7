# SPDX-License-Identifier: GPL-2.0
"""Collects verdicts and prints them; the last line is the summary."""
import dataclasses
import re
import threading

from . import splat

_TAP = re.compile(r"^\s*(not ok|ok)\s+\d+\s*(?:-\s+)?(.*?)\s*(?:#\s*(SKIP|XFAIL|XPASS)\b\s*(.*))?$")


@dataclasses.dataclass
class Verdict:
    """What became of one test. State: pass, fail or skip."""
    name: str
    state: str
    why: str = ""


class Report:
    """Thread-safe list of verdicts."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.lock = threading.Lock()

    def group(self, title: str, verdicts: list[Verdict], seconds: float | None = None) -> None:
        """Add what belongs together and print it as one block."""
        count = {s: sum(v.state == s for v in verdicts) for s in ("pass", "fail", "skip")}
        with self.lock:
            self.verdicts += verdicts
            took = f" ({seconds:.0f} s)" if seconds is not None else ""
            print(f"{title}: {count['pass']} passed, {count['fail']} failed, "
                  f"{count['skip']} skipped{took}", flush=True)
            for v in verdicts:
                if v.state != "pass":
                    self._show(v)

    @staticmethod
    def _show(v: Verdict) -> None:
        first, *rest = v.why.split("\n") if v.why else [""]
        print(f"  {v.state.upper()} {v.name}{': ' + first if first else ''}")
        for line in rest[:90]:
            print(f"      {line}")
        if len(rest) > 90:
            print(f"      ... {len(rest) - 90} more lines")

    def finish(self) -> int:
        """Print all failures once more and the summary. The exit status."""
        count = {s: sum(v.state == s for v in self.verdicts) for s in ("pass", "fail", "skip")}
        failed = [v for v in self.verdicts if v.state == "fail"]
        if failed:
            print("\nFailed:")
        for v in failed:
            print(f"  {v.name}: {v.why.splitlines()[0] if v.why else ''}")
        print(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped",
              flush=True)
        return 1 if failed or not self.verdicts else 0


def judge(prefix: str, expected: list[str], output: str, status: int | None,
          ending: str) -> list[Verdict]:
    """Verdicts of one program that prints TAP, by the list known beforehand.

    What did not report has failed, what was not expected has failed too, and
    so has a program whose exit status tells of a failure that no line names.
    """
    said: dict[str, Verdict] = {}
    for line in output.splitlines():
        m = _TAP.match(line)
        if not m:
            continue
        word, name, directive, reason = m.groups()
        if name in said:
            said[name] = Verdict(prefix + name, "fail", "reported twice")
        elif word == "not ok" and directive != "XFAIL" or directive == "XPASS":
            said[name] = Verdict(prefix + name, "fail", excerpt(output, name))
        elif directive in ("SKIP", "XFAIL"):
            said[name] = Verdict(prefix + name, "skip", reason or directive.lower())
        else:
            said[name] = Verdict(prefix + name, "pass")
    tail = "\n".join(output.rstrip().split("\n")[-40:])
    out = []
    for name in expected:
        out.append(said.pop(name, None) or
                   Verdict(prefix + name, "fail", f"missing: {ending}\n{tail}".rstrip()))
        if "missing:" in out[-1].why:
            tail = ""  # once is enough
    out += [Verdict(v.name, "fail", "reported, but not on the list of tests")
            for v in said.values()]
    if not expected:
        out.append(Verdict(prefix + "list", "fail", "has no tests"))
    # 4 is kselftest's way to say that everything was skipped.
    if status not in (0, 4) and all(v.state != "fail" for v in out):
        out.append(Verdict(prefix + "exit", "fail", f"exit status {status}\n{tail}"))
    return out


def excerpt(output: str, name: str) -> str:
    """What a failing test printed: from its RUN line, or the last lines."""
    text = output.split("\n")
    start = next((i for i, ln in enumerate(text) if re.search(rf"RUN +{re.escape(name)} ", ln)),
                 None)
    end = next((i for i, ln in enumerate(text) if ln.startswith("not ok") and name in ln), None)
    if end is None:
        end = len(text)
    if start is None or start > end:
        start = max(0, end - 30)
    return "\n".join(["failed", *text[start:end + 1]])


def kunit(prefix: str, expected: dict[str, list[str]], log: str) -> list[Verdict]:
    """Verdicts of the KUnit suites, whose KTAP is in the kernel log."""
    said: dict[tuple[str, str], Verdict] = {}
    suite = None
    text = splat.lines(log)
    for i, line in enumerate(text):
        if m := re.match(r"\s*# Subtest: (\S+)", line):
            # Parameterised cases open a subtest inside their suite's.
            if line.startswith("    # "):
                suite = m.group(1)
        elif suite and (m := re.match(r"    (ok|not ok) \d+ (\S+)(?: # SKIP ?(.*))?", line)):
            name = f"{prefix}{suite}.{m.group(2)}"
            if m.group(1) == "not ok":
                v = Verdict(name, "fail", "failed\n" + "\n".join(text[max(0, i - 15):i + 1]))
            elif m.group(3) is not None:
                v = Verdict(name, "skip", m.group(3))
            else:
                v = Verdict(name, "pass")
            said[(suite, m.group(2))] = v
        elif m := re.match(r"(ok|not ok) \d+ (\S+)", line):
            suite = None
    out = []
    for s, cases in expected.items():
        for case in cases:
            out.append(said.pop((s, case), None) or
                       Verdict(f"{prefix}{s}.{case}", "fail", "missing: not in the kernel log"))
    out += [v for (s, _), v in said.items() if s.startswith("checkpoint")]
    return out

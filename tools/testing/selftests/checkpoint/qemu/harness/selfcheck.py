# SPDX-License-Identifier: GPL-2.0
"""The harness must see every way in which a test can go wrong."""
import contextlib
import io
import unittest

from . import csan, fuzz, guest, lists, report, splat
from .bench import boot, plot, rows, samples, stats, table

PASSING = "TAP version 13\n1..2\nok 1 global.a\nok 2 global.b # SKIP no such thing\n"


def states(expected: list[str], output: str, status: int | None = 0) -> dict[str, str]:
    found = report.judge("", expected, output, status, "ended")
    return {v.name: v.state for v in found}


class Judge(unittest.TestCase):
    def test_pass_and_skip(self) -> None:
        self.assertEqual(states(["global.a", "global.b"], PASSING),
                         {"global.a": "pass", "global.b": "skip"})

    def test_fail(self) -> None:
        self.assertEqual(states(["global.a"], "not ok 1 global.a\n", 1), {"global.a": "fail"})

    def test_missing(self) -> None:
        self.assertEqual(states(["global.a", "global.b", "global.c"], PASSING)["global.c"], "fail")

    def test_unexpected(self) -> None:
        self.assertEqual(states(["global.a"], PASSING)["global.b"], "fail")

    def test_twice(self) -> None:
        self.assertEqual(states(["x"], "ok 1 x\nok 2 x\n"), {"x": "fail"})

    def test_exit_status(self) -> None:
        self.assertEqual(states(["x"], "ok 1 x\n", 139), {"x": "pass", "exit": "fail"})
        self.assertEqual(states(["x"], "ok 1 x\n", None), {"x": "pass", "exit": "fail"})

    def test_no_tests(self) -> None:
        self.assertEqual(states([], ""), {"list": "fail"})


class Kunit(unittest.TestCase):
    LOG = ("[    0.1] KTAP version 1\n[    0.1]     KTAP version 1\n"
           "[    0.1]     # Subtest: checkpoint_x\n[    0.1]     ok 1 a\n"
           "[    0.1]     not ok 2 b\n[    0.1] not ok 1 checkpoint_x\n")

    def test_states(self) -> None:
        found = report.kunit("", {"checkpoint_x": ["a", "b", "c"]}, self.LOG)
        self.assertEqual({v.name: v.state for v in found},
                         {"checkpoint_x.a": "pass", "checkpoint_x.b": "fail",
                          "checkpoint_x.c": "fail"})


class Splat(unittest.TestCase):
    def test_blame(self) -> None:
        log = ("[    1.0] @@mark begin a_test\n[    1.1] ok\n[    1.2] @@mark end a_test\n"
               "[    1.3] @@mark begin b_test\n"
               "[    1.4] WARNING: possible circular locking dependency detected\n"
               "[    1.5] @@mark end b_test\n[    1.6] BUG: KASAN: use-after-free in x\n")
        self.assertEqual([test for test, _ in splat.find(log)], ["b_test", None])

    def test_quiet(self) -> None:
        self.assertEqual(splat.find("[    1.0] loop: module loaded\n"), [])


class Csan(unittest.TestCase):
    RACE = ("[    1.1] {0}\n[    1.2] BUG: KCSAN: data-race in x / y\n\n"
            "[    1.3] write to 0xffff of 4 bytes by task 12 on cpu 0:\n[    1.4]  {1}+0x10/0x20\n"
            "[    1.5]  ckpt_run+0x1/0x2\n\n"
            "[    1.6] read to 0xffff of 4 bytes by task 13 on cpu 1:\n[    1.7]  {2}+0x1/0x2\n"
            "[    1.8] {0}\n[    2.0] WARNING: x\n")

    def state(self, writer: str, reader: str) -> str:
        races, rest = csan.split(self.RACE.format("=" * 66, writer, reader))
        self.assertEqual(rest, f"[    1.1] {'=' * 66}\n[    2.0] WARNING: x\n")
        with contextlib.redirect_stdout(io.StringIO()):
            return csan.judge(races, {"ckpt_gate", "ckpt_run"})[0].state

    def test_ours(self) -> None:
        self.assertEqual(self.state("ckpt_gate.isra.0", "do_exit"), "fail")
        self.assertEqual(self.state("do_exit", "ckpt_gate"), "fail")

    def test_not_ours(self) -> None:
        self.assertEqual(self.state("do_exit", "schedule"), "pass")


class Protocol(unittest.TestCase):
    def decode(self, data: bytes, size: int) -> guest.Decoder:
        d = guest.Decoder("abc", None)
        for i in range(0, len(data), size):
            d.feed(data[i:i + size])
        d.finish()
        return d

    def test_any_chunks(self) -> None:
        data = (b"\n@@abc begin x\nout\n@@put\n\n@@abc end x 3\n\n@@abc tainted 0\n"
                b"\n@@abc begin y\nlost\n@@xyz end y 0\n@@ab")
        for size in (1, 2, 7, 1000):
            d = self.decode(data, size)
            self.assertEqual([(s.name, s.output, s.status) for s in d.steps],
                             [("x", "out\n@@put\n", 3), ("y", "lost\n@@xyz end y 0\n@@ab", None)])
            self.assertEqual((d.facts, d.done), ({"tainted": "0"}, False))


class Lists(unittest.TestCase):
    def test_table(self) -> None:
        rule = "-" * 80
        text = (f"{'# FIXTURE':20s} {'VARIANT':25s} TEST\n{'global':20s} {'':25s} a\n"
                f"{'':20s} {'':25s} b\n{rule}\n{'fx':20s} {'v1':25s} c\n{'':20s} {'v2':25s} \n")
        self.assertEqual(lists.parse_list(text), ["global.a", "global.b", "fx.v1.c", "fx.v2.c"])


class Fuzz(unittest.TestCase):
    def test_parts_meet_every_place_once(self) -> None:
        halves = fuzz.parts("0/3") + fuzz.parts("1/3") + fuzz.parts("2/3")
        taken = [place for k, n in halves for place in range(100) if place % n == k]
        self.assertEqual(sorted(taken), list(range(100)))

    def test_bad_part(self) -> None:
        for text in ("3/3", "-1/3", "1", "a/b"):
            self.assertRaises(ValueError, fuzz.parts, text)


class Bench(unittest.TestCase):
    TEXT = ("sample 0 call save 2000000\nsample 0 criu save 20000000\nsample 0 floor fork 1000000\n"
            "sample 1 call save 3000000\nsample 1 criu save 90000000\n"
            "failed 1 criu verify not as it was\nsample 2 criu save 50000000\ndone\n")
    ROW = rows.Row("W", "a load", "idle", 0, 3, ("fork",), (rows.CALL, rows.CRIU), (
        rows.over_criu("save", 10, rows.CALL), rows.over_floor("save", ("fork",), 1),
        rows.frozen(2)))

    def test_failed_round_has_no_times(self) -> None:
        found = samples.parse(self.TEXT)
        self.assertEqual(found.of(("criu", "save")), {0: 20.0, 2: 50.0})
        self.assertEqual(found.failures, {"criu": "verify: not as it was"})
        self.assertTrue(found.complete)
        self.assertFalse(samples.parse(self.TEXT.replace("done", "")).complete)

    def test_ratios_are_of_one_round(self) -> None:
        self.assertEqual(stats.ratios({0: 4.0, 1: 9.0, 2: 5.0}, {0: 2.0, 1: 3.0, 3: 1.0}),
                         [2.0, 3.0])
        self.assertEqual(samples.sums(samples.parse(self.TEXT), (("call", "save"),
                                                                 ("floor", "fork"))), {0: 3.0})

    def test_interval(self) -> None:
        self.assertEqual(stats.interval([7.0]), (7.0, 7.0))
        values = [float(n) for n in range(1, 102)]
        low, high = stats.interval(values)
        self.assertTrue(40 < low < 51 < high < 62, (low, high))
        self.assertEqual(stats.interval(values), (low, high))

    def test_goals(self) -> None:
        found = samples.parse(self.TEXT)
        self.assertEqual([table.judge(g, found) for g in self.ROW.goals],
                         [("met", "10.0 (10.0 to 10.0)"), ("not met", "2.00 (2.00 to 2.00)"),
                          ("no result", "CRIU: verify: not as it was")])

    def test_one_that_failed_is_no_infinity(self) -> None:
        found = samples.parse("sample 0 call save 1\nfailed 0 criu save no such thing\ndone\n")
        self.assertEqual(table.judge(self.ROW.goals[0], found),
                         ("no result", "CRIU: save: no such thing"))
        self.assertIn("failed     CRIU: save: no such thing", table.row_text(self.ROW, found))

    def test_table(self) -> None:
        text = table.text("head", [(self.ROW, samples.parse(self.TEXT))])
        self.assertIn("goals: 1 met, 1 no result, 1 not met", text)
        self.assertIn("2.50 (2.00)", text)
        self.assertIn("fork 1.00 (1.00)", text)

    def test_verdicts(self) -> None:
        def state(text: str) -> str:
            return boot.verdict(self.ROW, samples.parse(text), None).state
        self.assertEqual(state(self.TEXT), "pass")
        self.assertEqual(state(self.TEXT.replace("done", "")), "fail")
        self.assertEqual(state("failed 0 call verify no\ndone\n"), "fail")
        self.assertEqual(state("failed 0 cow save not available: x\ndone\n"), "pass")

    def test_rows_have_names_of_their_own(self) -> None:
        for quick in (True, False):
            names = [row.name for row in rows.rows(quick, True)]
            self.assertEqual(len(names), len(set(names)))

    def test_points(self) -> None:
        measured = [(rows.memory(size, 1), samples.parse(f"sample 0 call save {size}000000\n"))
                    for size in (64, 16)]
        self.assertEqual(plot.points(measured, "memory", ("call", "save")), [(16, 16.0), (64, 64.0)])


def complaints() -> str:
    """What went wrong, nothing if all is well."""
    result = unittest.TestResult()
    tests = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(c)
                               for c in (Judge, Kunit, Splat, Protocol, Lists, Fuzz, Bench))
    tests.run(result)
    if result.testsRun == 0:
        return "no test ran"
    return "\n".join(f"{t}\n{why}" for t, why in result.errors + result.failures)

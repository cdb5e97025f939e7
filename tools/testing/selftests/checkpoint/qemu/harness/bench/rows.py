# SPDX-License-Identifier: GPL-2.0
"""What is measured, and what is to be reached: the rows of the table.

A goal is a ratio of sums of times of one round, or the time itself where there is
nothing to divide by. CRIU's time over ours is to be large, ours over a floor small.
"""
import dataclasses
import operator

Term = tuple[str, str]  # system, metric
CALL, TOOL, COW, CRIU, CRIU_STEPS, FLOOR = "call", "ckpt", "cow", "criu", "criu-pre", "floor"


@dataclasses.dataclass(frozen=True)
class Goal:
    """@upper over @lower, sums both, is to be at least, or at most, @bound."""
    what: str
    upper: tuple[Term, ...]
    lower: tuple[Term, ...]
    relation: str
    bound: float

    def met(self, value: float) -> bool:
        return {">=": operator.ge, "<=": operator.le}[self.relation](value, self.bound)


@dataclasses.dataclass(frozen=True)
class Row:
    """One load of one size. @size is in MiB for memory, else a number of things."""
    name: str
    what: str
    load: str
    size: int
    rounds: int
    floors: tuple[str, ...] = ()
    systems: tuple[str, ...] = (CALL, TOOL, CRIU)
    goals: tuple[Goal, ...] = ()
    native: str = ""  # what CRIU 4.2 took on metal, where that was measured

    @property
    def command(self) -> str:
        return (f"bench -n {self.rounds} -s {','.join(self.systems)} "
                f"-f '{','.join(self.floors)}' {self.load} {self.size}")


def over_criu(metric: str, bound: float, ours: str = TOOL) -> Goal:
    """The same of CRIU over ours; tools are compared with tools."""
    return Goal(f"{metric}: CRIU / {ours}", ((CRIU, metric),), ((ours, metric),), ">=", bound)


def over_steps(metric: str, bound: float, ours: str) -> Goal:
    return Goal(f"{metric}: CRIU pre-dump / {ours}", ((CRIU_STEPS, metric),), ((ours, metric),),
                ">=", bound)


def over_floor(metric: str, floors: tuple[str, ...], bound: float, ours: str = CALL) -> Goal:
    return Goal(f"{metric}: {ours} / {' + '.join(floors)}", ((ours, metric),),
                tuple((FLOOR, f) for f in floors), "<=", bound)


def at_most(metric: str, ms: float, ours: str = CALL) -> Goal:
    return Goal(f"{metric}: {ours}, ms", ((ours, metric),), (), "<=", ms)


def not_larger(metric: str, bound: float, by: Term) -> Goal:
    return Goal(f"{metric}: {CALL} / {by[0]}'s {by[1]}", ((CALL, metric),), (by,), "<=", bound)


def frozen(bound: float, ours: str = CALL) -> Goal:
    """Each by what it says itself; the gap that the target saw is beside it."""
    return over_criu("frozen", bound, ours)


IDLE = (frozen(20), over_criu("save", 5), over_criu("restart", 5),
        over_floor("save", ("fork", "freeze"), 3), not_larger("bytes", 0.5, (CRIU, "bytes")))
MEMORY = (over_floor("save", ("write",), 1), over_criu("save", 1), frozen(10),
          over_floor("frozen", ("fork",), 1.5), over_criu("restart", 3),
          over_floor("restart", ("read",), 1))
HUGE = (over_floor("save", ("write",), 1), at_most("frozen", 2), frozen(10),
        over_criu("restart", 3), over_floor("restart", ("read-huge",), 1))
WITH_COW = (over_criu("save", 5, COW), over_floor("save", ("fork",), 2, COW), frozen(10, COW),
            over_floor("frozen", ("fork",), 1.5, COW))
FAMILY = (not_larger("bytes", 1.05, (FLOOR, "memory")),
          Goal("memory after restart / before", ((CALL, "memory"),), ((FLOOR, "memory"),),
               "<=", 1.05), over_criu("bytes", 5, CALL))
SPARSE = (over_criu("save", 5), frozen(20), over_criu("restart", 4),
          not_larger("bytes", 1.02, (FLOOR, "memory")))
AREAS = (over_criu("save", 8), over_criu("restart", 6), over_floor("restart", ("areas",), 2))
TREE = (frozen(50), over_criu("save", 30), over_criu("restart", 12),
        over_floor("restart", ("processes",), 1.7), over_floor("frozen", ("freeze",), 2),
        not_larger("bytes", 0.5, (CRIU, "bytes")))
THREADS = (over_criu("save", 15), frozen(12), over_criu("restart", 30),
           over_floor("restart", ("threads",), 2), not_larger("bytes", 0.5, (CRIU, "bytes")))
DESCRIPTORS = (over_criu("save", 40), over_criu("restart", 4),
               over_floor("restart", ("open",), 1.3))
PIPES = (over_criu("save", 8), over_criu("restart", 8), over_floor("restart", ("pipes",), 1.2))
STALL = (over_criu("gap", 20, CALL), over_criu("gap", 20, COW), over_steps("gap", 5, COW),
         over_floor("gap", ("fork",), 1.3, COW))
PREFORK = (over_criu("bytes", 5, CALL), not_larger("bytes", 1.05, (FLOOR, "memory")))


# On another machine than this guest is: ratios may be compared, times may not.
NATIVE = {
    "W1": "save 5.4 ms, frozen 1.8, restart 5.7",
    "W2-1024": "save 430 ms, frozen 420, restart 510",
    "W3": "save 47 ms, frozen 40, restart 38",
    "W4": "save 15 ms, frozen 11, restart 18",
    "W5-1000": "save 1900 to 2600 ms, frozen 1840, restart 2500",
    "W6-10000": "save 2150 ms, frozen 1450, restart 7500",
    "W7a": "save 380 to 508 ms, frozen 380, restart 53 to 81",
    "W8": "save 64 to 103 ms, frozen 55, restart 112 to 161",
}


def memory(size: int, rounds: int) -> Row:
    return Row(f"W2-{size}", f"{size} MiB of memory, random data, small pages", "memory", size,
               rounds, ("fork", "write", "read"), goals=MEMORY)


def memory_cow(size: int, rounds: int) -> Row:
    return Row(f"W2-cow-{size}", f"{size} MiB of memory, small pages, CHECKPOINT_COW", "memory",
               size, rounds, ("fork",), (COW, CRIU), WITH_COW)


def tree(size: int, rounds: int) -> Row:
    return Row(f"W5-{size}", f"tree of {size} processes, some with sessions of their own", "tree",
               size, rounds, ("freeze", "processes"), goals=TREE)


def threads(size: int, rounds: int) -> Row:
    return Row(f"W6-{size}", f"one process of {size} threads", "threads", size, rounds,
               ("freeze", "threads"), goals=THREADS)


def rows(quick: bool, more: bool = False) -> list[Row]:
    """Smaller and fewer of them if quick, or the largest as well."""
    many, some = (5, 3) if quick else (15, 5)
    sizes = (64, 256) if quick else (64, 256, 1024)
    big, few = sizes[-1], 3
    out = [Row("W1", "one idle process", "idle", 0, many, ("fork", "freeze", "exec"), goals=IDLE)]
    out += [memory(size, some if size < big else few) for size in sizes]
    out += [memory_cow(size, some if size < big else few) for size in sizes]
    out += [
        Row("W2-thp", f"{big} MiB of memory, huge pages", "huge", big, few,
            ("fork", "write", "read-huge"), goals=HUGE),
        Row("W2-heap", f"{big} MiB of a heap, small pages where huge ones may be", "heap", big, few,
            ("fork", "write", "read"), goals=MEMORY),
        Row("W2-cow-thp", f"{big} MiB of memory, huge pages, CHECKPOINT_COW", "huge", big, few,
            ("fork",), (COW, CRIU), WITH_COW),
        Row("W2-stall", f"stall of a program that dirties {big} MiB all the time", "dirtier", big,
            few, ("fork",), (CALL, COW, CRIU, CRIU_STEPS), STALL),
        Row("W2f", f"8 processes that share {big // 4} MiB since fork()", "family", big // 4,
            some, (), (CALL, CRIU), FAMILY),
        Row("W3", f"{8 * big} MiB of addresses, 1 page in 256 touched", "sparse", 8 * big, some,
            ("fork", "write"), goals=SPARSE),
        Row("W4", "1000 areas of memory", "areas", 1000, many, ("areas",), goals=AREAS),
    ]
    out += [tree(size, some if size < 1000 else few)
            for size in ((10, 100) if quick else (10, 100, 1000))]
    out += [threads(size, some) for size in ((100, 1000) if quick else (10, 100, 1000))]
    if more:
        out += [tree(5000, few), threads(10000, few)]
    files, pipes, shared = (1000, 100, 4) if quick else (10000, 1000, 16)
    out += [
        Row("W7a", f"{files} descriptors of one file", "descriptors", files, some, ("open",),
            goals=DESCRIPTORS),
        Row("W8", f"{pipes} full pipes", "pipes", pipes, some, ("pipes",), goals=PIPES),
        Row("W11", f"51 processes of a prefork server, {shared} MiB shared copy-on-write",
            "prefork", shared, some, (), (CALL, CRIU), PREFORK),
    ]
    return [dataclasses.replace(row, native=NATIVE.get(row.name, "")) if not quick else row
            for row in out]

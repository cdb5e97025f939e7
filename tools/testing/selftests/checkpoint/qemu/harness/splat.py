# SPDX-License-Identifier: GPL-2.0
"""Finds what a kernel log says about bugs, and in which test it said so."""
import re

# Lockdep does not obey panic_on_warn, so the log decides, not the panic.
_SPLAT = re.compile("|".join((
    r"\bWARNING: ", r"\bBUG: ", r"kernel BUG at", r"Kernel panic", r"\bOops\b",
    r"general protection fault, ", r"unable to handle", r"KASAN: ", r"UBSAN: ", r"KFENCE: ",
    r"refcount_t: ", r"ODEBUG: ", r"list_(add|del) corruption", r"\bINFO: task .* blocked for",
    r"INFO: rcu", r"\bINFO: trying to register", r"INFO: possible", r"rcu: INFO: ",
    r"suspicious RCU usage", r"DEBUG_LOCKS_WARN_ON", r"turning off the locking",
    r"BUG: MAX_", r"Bad page (state|map)", r"bad_page", r"unregister_netdevice: waiting",
    r"ref_tracker: ", r"soft lockup", r"hard LOCKUP", r"workqueue lockup", r"stack segment:",
    r"double fault", r"sleeping function called", r"scheduling while atomic",
    r"page_table_check", r"------------\[ cut here", r"VFS: Busy inodes", r"slab .*corrupt",
    r"[Pp]oison overwritten",
    # what device-mapper makes fails on purpose
    r"EXT4-fs error (?!\(device dm-)")))
_MARK = re.compile(r"@@mark (begin|end) (\S+)")
_TIME = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")


def lines(log: str) -> list[str]:
    """The log without time stamps."""
    return [_TIME.sub("", line) for line in log.split("\n")]


def excerpt(text: list[str]) -> str:
    """The splat itself, without the panic that it caused."""
    for i, line in enumerate(text[1:], 1):
        if "---[ end trace" in line or line.startswith("Kernel panic - not syncing: ") and \
                ("panic_on_warn" in line or "Fatal" in line):
            return "\n".join(text[:i + 1])
    return "\n".join(text)


def find(log: str) -> list[tuple[str | None, str]]:
    """(test, excerpt) for the first splat of each test; None: outside of any."""
    found: dict[str | None, str] = {}
    inside: str | None = None
    text = lines(log)
    for i, line in enumerate(text):
        m = _MARK.search(line)
        if m:
            inside = m.group(2) if m.group(1) == "begin" else None
        elif inside not in found and _SPLAT.search(line):
            found[inside] = excerpt(text[i:i + 70])
    return list(found.items())

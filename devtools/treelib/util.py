# SPDX-License-Identifier: GPL-2.0
"""Small helpers shared by the tree tools."""
import hashlib
import os
import shutil
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(TOP, "build")
TREE = os.path.join(BUILD, "linux")
PATCHES = os.path.join(TOP, "patches")


class Trouble(Exception):
    """An error to tell the user about, without a traceback."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read(path: str) -> bytes | None:
    """Content of a file, None if it does not exist."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha1(data).hexdigest()


def write(path: str, data: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step. The new inode keeps hard links intact."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tmp = path + ".tmp~"
    with open(tmp, "wb") as f:
        f.write(data)
    os.chmod(tmp, mode)
    os.rename(tmp, path)


def mode_of(path: str) -> int:
    return 0o755 if os.stat(path).st_mode & 0o100 else 0o644


def remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def fresh_dir(path: str) -> str:
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does 'ckpt info --json' show every field of every record, with its value?

usage: fields.py HEADER CKPT GENIMAGE

The structs are taken from the text of the header, and an image that has every
type of record is decoded by them here, apart from ckpt's own tables.
"""
import json
import re
import subprocess
import sys

WIDTH = {"__u8": 1, "__le16": 2, "__le32": 4, "__le64": 8}


class Member:
    def __init__(self, kind: str, name: str, dims: list[int]) -> None:
        self.kind, self.name, self.dims = kind, name, dims
        self.count = 1
        for d in dims:
            self.count *= d


class Header:
    """The structs and record types that a header declares."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        number = {m[1]: int(m[2]) for m in re.finditer(r"#define (\w+)\s+(\d+)\s*$", text, re.M)}
        self.structs: dict[str, list[Member]] = {}
        for m in re.finditer(r"struct (\w+) \{(.*?)\n\};", text, re.S):
            self.structs[m[1]] = [self.member(line, number) for line in m[2].split(";")
                                  if line.strip()]
        enum = re.search(r"enum ckpt_record_type \{(.*?)\n\};", text, re.S)
        assert enum, "no enum ckpt_record_type"
        self.types = {int(m[2]): m[1] for m in re.finditer(r"CKPT_REC_(\w+)\s*=\s*(\d+)", enum[1])}

    @staticmethod
    def member(line: str, number: dict[str, int]) -> Member:
        m = re.fullmatch(r"\s*(?:struct )?(\w+)\s+(\w+)((?:\[\w+\])*)", line)
        assert m, f"cannot read '{line.strip()}'"
        dims = [number[d] if d in number else int(d) for d in re.findall(r"\[(\w+)\]", m[3])]
        return Member(m[1], m[2], dims)

    def size(self, kind: str) -> int:
        if kind in WIDTH:
            return WIDTH[kind]
        return sum(self.size(m.kind) * m.count for m in self.structs[kind])

    def decode(self, struct: str, data: bytes) -> dict:
        """Members by name, integers as such, bytes as bytes; aligned without holes."""
        out, at = {}, 0
        for m in self.structs[struct]:
            size = self.size(m.kind)
            assert m.kind not in WIDTH or at % size == 0, f"{struct}.{m.name} is not aligned"
            raw = data[at:at + size * m.count]
            at += len(raw)
            if m.kind == "__u8":
                out[m.name] = raw
            elif m.kind in WIDTH:
                out[m.name] = shape([int.from_bytes(raw[i:i + size], "little")
                                     for i in range(0, len(raw), size)], m.dims)
            elif m.dims:
                out[m.name] = [self.decode(m.kind, raw[i:i + size])
                               for i in range(0, len(raw), size)]
            else:
                out.update(self.decode(m.kind, raw))
        return out


def shape(flat: list, dims: list[int]):
    if not dims:
        return flat[0]
    if len(dims) == 1:
        return flat
    step = len(flat) // dims[0]
    return [shape(flat[i:i + step], dims[1:]) for i in range(0, len(flat), step)]


def unescape(text: str) -> bytes:
    return re.sub(rb"\\(?:x([0-9a-f]{2})|\\)",
                  lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\\", text.encode())


def same(want, shown) -> bool:
    """Is what is shown the value that was decoded, in one of the forms it may have?"""
    if isinstance(want, list):
        used = want[:len(shown)]
        rest = want[len(shown):]
        return all(map(same, used, shown)) and not any(is_set(w) for w in rest)
    if isinstance(want, dict):
        return not compare(want, shown)
    if isinstance(want, bytes):
        return shown.replace("-", "") == want.hex() or unescape(shown) == want.rstrip(b"\0")
    if isinstance(shown, str):
        return int(shown, 16) == want
    bits = 64 if want >> 32 else 32
    return shown in (want, want - (1 << bits))


def is_set(value) -> bool:
    return any(is_set(v) for v in value.values()) if isinstance(value, dict) else bool(value)


def compare(want: dict, shown: dict) -> list[str]:
    bad = []
    for name, value in want.items():
        if name.startswith("__reserved"):
            continue
        if name not in shown:
            bad.append(f"{name} is not shown")
        elif not same(value, shown[name]):
            bad.append(f"{name} is shown as {shown[name]}, and is {value}")
    return bad


def encode(header: Header, value) -> bytes:
    """A part of a tail, back from what is shown of it."""
    if isinstance(value, str):
        hexed = re.fullmatch(r"(?:[0-9a-f]{2})+", value)
        return bytes.fromhex(value) if hexed else unescape(value)
    out = b""
    for v in value:
        if isinstance(v, int):
            out += v.to_bytes(4, "little")
            continue
        struct = next(s for s, members in header.structs.items()
                      if {m.name for m in members if "__" not in m.name} == set(v))
        header.seen.add(struct)
        for m in header.structs[struct]:
            number = v.get(m.name, 0)
            number = int(number, 16) if isinstance(number, str) else number
            out += number.to_bytes(header.size(m.kind), "little")
    return out


def check_record(header: Header, image: bytes, at: int, shown: dict) -> tuple[list[str], int]:
    """Complaints about the record at this offset, and where it ends."""
    raw = header.decode("ckpt_record", image[at:])
    name = header.types[raw["type"]]
    data = image[at + header.size("ckpt_record"):][:raw["len"]]
    bad = compare(raw, shown["framing"])
    if shown["record"] != name:
        bad.append(f"is called {shown['record']}")
    struct = "ckpt_" + name.lower()
    want, size = {}, 0
    if struct in header.structs and raw["fixed"] == header.size(struct):
        want, size = header.decode(struct, data), header.size(struct)
        header.seen |= {struct} | {m.kind for m in header.structs[struct]}
        bad += compare(want, shown)
    elif raw["fixed"]:
        bad.append(f"has {raw['fixed']} bytes of struct, which is not struct {struct}")
    # pages of contents are shown by nobody
    if size == raw["fixed"] and name != "CONTENT":
        own = {"record", "framing", "data_pages", *want}
        tail = b"".join(encode(header, v) for k, v in shown.items() if k not in own)
        rest = data[(size + 7) & ~7:]
        if rest.rstrip(b"\0") != tail.rstrip(b"\0") or len(rest) - len(tail) not in range(8):
            bad.append(f"has another tail: {tail!r} is shown, and it is {rest!r}")
    return [f"{name} at {at}: {b}" for b in bad], at + header.size("ckpt_record") + raw["len"]


def main() -> int:
    header_path, ckpt, genimage = sys.argv[1:]
    with open(header_path, encoding="ascii") as f:
        header = Header(f.read())
    image = subprocess.run([genimage, "new"], check=True, capture_output=True).stdout
    done = subprocess.run([ckpt, "info", "--json", "-"], input=image, check=False,
                          capture_output=True)
    if done.returncode:
        print(f"the image is not sound: {done.stderr.decode()}")
        return 1
    info = json.loads(done.stdout)

    at = header.size("ckpt_preamble")
    header.seen = {"ckpt_preamble", "ckpt_record"}
    bad = compare(header.decode("ckpt_preamble", image), info["preamble"])
    types = set()
    for shown in info["records"]:
        # zeros in front of a content block
        if not any(image[at:at + 8]):
            at = (at + 4095) & ~4095
        more, at = check_record(header, image, at, shown)
        bad += more
        types.add(shown["record"])
    if at != len(image):
        bad.append(f"{len(image) - at} bytes of records are not shown")
    bad += [f"no {t} is in the image: genimage has to make one"
            for t in header.types.values() if t not in types]
    bad += [f"struct {s} is shown nowhere" for s in header.structs if s not in header.seen]
    print("\n".join(bad) or f"fields: {len(info['records'])} records of {len(types)} types: fine")
    return 1 if bad else 0


sys.exit(main())

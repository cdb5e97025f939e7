# SPDX-License-Identifier: GPL-2.0
"""One boot of one guest: start QEMU, follow the results, say how it ended.

The kernel's console goes to a file, the results to another through a virtio
port. Only the guest's "done" line makes a boot complete: whatever else ends
it, a panic, a hang or a lost QEMU, leaves that line out.
"""
import ctypes
import dataclasses
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from . import paths

# Every checker stays on for correctness. String instructions with the fast
# flags are emulated byte by byte, so benchmarks turn those off.
CPUS = {
    "max": "max",
    "tuned": "max,erms=off,fsrm=off,smap=off,smep=off,pku=off,la57=off,umip=off",
}
MEMORY = {"debug": "3G"}
# A splat ends the boot. The watchdogs find what hangs, not what is slow:
# emulation on a busy machine can stall a processor for many seconds.
CMDLINE = ("console=ttyS0 loglevel=7 printk.devkmsg=on panic=-1 panic_on_warn=1 oops=panic "
           "softlockup_panic=1 hung_task_panic=1 watchdog_thresh=60 "
           "sysctl.kernel.hung_task_timeout_secs=300 sysctl.kernel.panic_on_rcu_stall=1 "
           "rcupdate.rcu_cpu_stall_timeout=300 workqueue.watchdog_thresh=300")
# An interrupt while the processor is being identified finds LA57 forgotten for
# a moment, and KASAN then takes every address to be wild: no5lvl. With red zones
# every object of every cache is counted, by its own name: what is left behind in
# them can be told to the last one. What is free is filled, so that it can be told
# from what was set. A data race is reported, and the boot goes on to the next;
# emulation is slow, so an access is watched for longer than usual.
KIND_CMDLINE = {"plain": " slab_debug=Z", "base": " slab_debug=Z",
                "debug": " kmemleak=on no5lvl slab_debug=P",
                "csan": " panic_on_warn=0 kcsan.udelay_task=300 kcsan.skip_watch=2000"}
BOOT_TIMEOUT = 30 * 60


@dataclasses.dataclass
class Disk:
    """A disk; the guest finds it by its serial number."""
    serial: str
    path: str
    snapshot: bool = True


@dataclasses.dataclass
class Step:
    """One program that the guest ran. No status: it never ended."""
    name: str
    output: str = ""
    status: int | None = None


@dataclasses.dataclass
class Result:
    """How a boot went."""
    steps: list[Step]
    facts: dict[str, str]
    log: str
    done: bool
    ending: str
    seconds: float

    def step(self, name: str) -> Step | None:
        return next((s for s in self.steps if s.name == name), None)


class Decoder:
    """Splits the port's bytes into the steps' output and protocol lines."""

    def __init__(self, nonce: str, on_output: Callable[[bytes], None] | None) -> None:
        self.mark = re.compile(rb"\n@@" + nonce.encode() + rb" ([^\n]*)\n")
        self.keep = len(nonce) + 200
        self.on_output = on_output
        self.buffer = b""
        self.steps: list[Step] = []
        self.facts: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.open = False
        self.done = False

    def feed(self, data: bytes) -> None:
        self.buffer += data
        while m := self.mark.search(self.buffer):
            self._text(self.buffer[:m.start()])
            self.buffer = self.buffer[m.end():]
            self._line(m.group(1).decode(errors="replace"))
        # The tail may be the beginning of a protocol line.
        cut = self.buffer.rfind(b"\n@@", max(0, len(self.buffer) - self.keep))
        if cut < 0:
            cut = len(self.buffer) - (2 if self.buffer.endswith(b"\n@") else
                                      1 if self.buffer.endswith(b"\n") else 0)
        self._text(self.buffer[:cut])
        self.buffer = self.buffer[cut:]

    def finish(self) -> None:
        self._text(self.buffer)
        self.buffer = b""
        self._close()

    def _text(self, text: bytes) -> None:
        if text and self.open:
            self.parts.append(text)
            if self.on_output:
                self.on_output(text)

    def _close(self) -> None:
        if self.open:
            self.steps[-1].output = b"".join(self.parts).decode(errors="replace")
        self.parts, self.open = [], False

    def _line(self, line: str) -> None:
        words = line.split()
        verb = words[0] if words else ""
        if verb == "begin":
            self._close()
            self.steps.append(Step(words[1]))
            self.open = True
        elif verb == "end":
            self._close()
            self.steps[-1].status = int(words[2])
        elif verb == "done":
            self.done = True
        elif len(words) > 1:
            self.facts[verb] = words[1]


def cpio_file(name: str, data: bytes) -> bytes:
    """An archive of one file in the newc format, padded like cpio(1) does."""
    def entry(path: str, mode: int, body: bytes) -> bytes:
        raw = path.encode() + b"\0"
        fields = [0, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(raw), 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        return head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4)
    out = entry(name, 0o100644, data) + entry("TRAILER!!!", 0, b"")
    return out + b"\0" * (-len(out) % 512)


def die_with_parent() -> None:
    """A harness that is killed must not leave guests behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def qemu_args(kind: str, initrd: str, cmdline: str, disks: list[Disk],
              cpu: str = "max", memory: str | None = None, counts: bool = False) -> list[str]:
    """The command line that tests, the shell and the demonstration share.

    Where the guest counts, one instruction is one nanosecond of its clock, whatever
    the machine does meanwhile, and there is one processor.

    The ACPI timer and the HPET of a full machine let the kernel calibrate its
    clock whatever the load of the host; a microvm, which boots faster, hangs.
    """
    args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-machine", "q35,smm=off,sata=off,usb=off,smbus=off",
            *(["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"]
              if counts else ["-accel", "tcg,thread=multi", "-smp", "2"]),
            "-cpu", CPUS[cpu], "-m", memory or MEMORY.get(kind, "2G"),
            "-kernel", os.path.join(paths.KERNELS[kind], "bzImage"),
            "-initrd", initrd, "-append", cmdline,
            "-device", "virtio-rng-pci"]
    for i, d in enumerate(disks):
        snap = "on" if d.snapshot else "off"
        args += ["-drive", f"if=none,id=disk{i},format=raw,file={d.path},snapshot={snap}",
                 "-device", f"virtio-blk-pci,drive=disk{i},serial={d.serial}"]
    return args


class Guest:
    """A guest that runs one job, a piece of shell for the runner."""

    def __init__(self, name: str, kind: str, job: str, disks: list[Disk] | None = None,
                 cmdline: str = "", cpu: str = "max", timeout: float = BOOT_TIMEOUT,
                 silence: float | None = None, more: list[str] | None = None,
                 extra: list[str] | None = None, counts: bool = False) -> None:
        self.name, self.kind, self.job = name, kind, job
        self.disks = disks or []
        self.cmdline = CMDLINE + KIND_CMDLINE.get(kind, "") + (" " + cmdline if cmdline else "")
        self.cpu, self.timeout = cpu, timeout
        self.silence = silence  # for what tells of its progress: how long it may say nothing
        self.more = more or []  # arguments of QEMU; the last of a kind counts
        self.extra = extra or []  # archives that are unpacked after the common one
        self.counts = counts
        self.dir = os.path.join(paths.RUNS, name)

    def run(self, on_output: Callable[[bytes], None] | None = None) -> Result:
        """Boot and run the job. What goes down before the job began is booted once more.

        On a busy machine an emulated clock may leap while it is calibrated, and the
        watchdogs then end the boot.
        """
        result = self._boot(on_output)
        if not result.done and not result.steps and "went down" in result.ending:
            print(f"  {self.name}: {result.ending} before its first test; booting again",
                  flush=True)
            result = self._boot(on_output)
        return result

    def _boot(self, on_output: Callable[[bytes], None] | None) -> Result:
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        nonce = secrets.token_hex(8)
        decoder = Decoder(nonce, on_output)
        results = os.path.join(self.dir, "results")
        serial = os.path.join(self.dir, "console.log")
        initrd = os.path.join(self.dir, "initrd")
        with open(initrd, "wb") as out:
            for archive in (paths.INITRAMFS, *self.extra):
                with open(archive, "rb") as f:
                    shutil.copyfileobj(f, out)
            out.write(cpio_file("job", f"nonce={nonce}\n{self.job}\n".encode()))
        open(results, "wb").close()
        args = qemu_args(self.kind, initrd, self.cmdline, self.disks, self.cpu,
                         counts=self.counts)
        args += [*self.more, "-serial", f"file:{serial}", "-device", "virtio-serial-pci",
                 "-chardev", f"file,id=results,path={results}",
                 "-device", "virtserialport,chardev=results,name=results"]
        start = time.monotonic()
        with open(os.path.join(self.dir, "qemu.log"), "wb") as err, \
                subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                 preexec_fn=die_with_parent) as qemu:
            try:
                ending = self._follow(qemu, results, decoder, start)
            finally:
                qemu.kill()
                os.unlink(initrd)
        log = ""
        if os.path.exists(serial):
            with open(serial, "rb") as f:
                log = f.read().decode(errors="replace").replace("\r", "")
        with open(os.path.join(self.dir, "qemu.log"), "rb") as f:
            complaint = f.read().decode(errors="replace").strip()
        if complaint and not decoder.done:
            ending += "\nqemu: " + complaint
        return Result(decoder.steps, decoder.facts, log, decoder.done, ending,
                      time.monotonic() - start)

    def _follow(self, qemu: subprocess.Popen, results: str, decoder: Decoder,
                start: float) -> str:
        heard = start
        with open(results, "rb") as f:
            while True:
                ended = qemu.poll() is not None
                data = f.read()
                if data:
                    heard = time.monotonic()
                    decoder.feed(data)
                elif ended:
                    decoder.finish()
                    return "complete" if decoder.done else "the guest went down"
                elif time.monotonic() - start > self.timeout:
                    decoder.finish()
                    return f"no end within {self.timeout:.0f} s"
                elif self.silence and time.monotonic() - heard > self.silence:
                    decoder.finish()
                    return f"nothing said for {self.silence:.0f} s"
                else:
                    time.sleep(0.05)

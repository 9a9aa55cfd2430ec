# SPDX-License-Identifier: GPL-2.0-only
"""QEMU: which one, with which flags, and the conversation with the guest."""

import ctypes
import os
import platform
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time

from . import packages, rootfs, verdict
from .base import RigError, TOP, VM, call, lock, say, write_atomically

# Ports of the guest's virtio-serial device, and what comes out of each.
PORTS = ("out", "status", "daemon")

# On a busy host the guest's timer may come too late for the kernel's check of it,
# which panics then.
APPEND = ("console=ttyS0 loglevel=7 printk.time=1 panic=-1 panic_on_warn=1 "
          "oops=panic nokaslr no_timer_check mitigations=off random.trust_cpu=on "
          "net.ifnames=0 rdinit=/init")
# How often the console is looked at.
LOOK_S = 3
# A string instruction counts once per iteration, which would drown the rest.
ICOUNT_CPU = "max,-erms,-fsrm,-fsrs,-fzrm,-fsrc,family=15,model=107,stepping=1"


class Qemu:
    """A QEMU of version 9 or later: the machine's, or one of the backports."""

    def __init__(self):
        self.environment = dict(os.environ)
        self.data = None
        system = shutil.which("qemu-system-x86_64")
        if system and self._version(system) >= 9:
            self.program = system
            return
        root = packages.unpack(["qemu-system-x86"], VM / "qemu",
                               dependencies=True)
        libraries = f"{root}/usr/lib/x86_64-linux-gnu"
        self.program = f"{root}/usr/bin/qemu-system-x86_64"
        self.environment["LD_LIBRARY_PATH"] = \
            f"{libraries}:{root}/lib/x86_64-linux-gnu"
        self.environment["QEMU_MODULE_DIR"] = f"{libraries}/qemu"
        self.data = root / "usr" / "share"

    @staticmethod
    def _version(program):
        text = subprocess.run([program, "--version"], check=False,
                              stdout=subprocess.PIPE).stdout.decode()
        found = re.search(r"version (\d+)", text)
        return int(found.group(1)) if found else 0

    def firmware(self):
        """Where QEMU finds its firmware, and the small one that is quick."""
        if not self.data:
            return ["-bios", "qboot.rom"]
        return ["-L", self.data / "qemu", "-L", self.data / "seabios",
                "-bios", self.data / "qemu" / "qboot.rom"]


def flags(options, accelerator):
    """The machine: deterministic when instructions are counted, else quick."""
    if options.icount:
        return ["-accel", "tcg,thread=single", "-smp", "1",
                "-icount", "shift=0,sleep=off", "-cpu", ICOUNT_CPU,
                "-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host", "-smp", str(options.smp)]
    return ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max",
            "-smp", str(options.smp)]


def frequency():
    """The frequency of the host's time stamp counter in kHz, or 0 where it has none."""
    if platform.machine() != "x86_64":
        return 0
    source = TOP / "selftests" / "vm" / "tsc.c"
    program = VM / "tsc"
    with lock("tsc"):
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            made = program.with_name(".tsc")
            call(["gcc", "-O2", "-o", made, source])
            os.replace(made, program)
    return int(call([program]))


def append(kernel, options, accelerator):
    """The kernel's command line."""
    text = APPEND + kernel.append
    if options.icount:
        return text + " tsc=reliable clocksource=tsc"
    # An emulated CPU's counter is the host's. On a busy host the guest may find the frequency to
    # be a quarter of what it is; then its time runs four times too fast, and jumps.
    if accelerator == "tcg" and (khz := frequency()):
        text += f" tsc_early_khz={khz}"
    return text


def network(options):
    """User networking; no card at all where it would disturb the counting."""
    if options.icount and not options.publish and not options.trace_net:
        return ["-nic", "none"]
    user = "user,id=net0,ipv6=off"
    for item in options.publish:
        host, _, guest = item.partition(":")
        if not (host.isdigit() and guest.isdigit()):
            raise RigError(f"--publish {item}: HOSTPORT:GUESTPORT is expected")
        user += f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
    argv = ["-netdev", user, "-device", "virtio-net-pci,netdev=net0,romfile="]
    if options.trace_net:
        argv += ["-object", "filter-dump,id=dump0,netdev=net0,"
                 f"file={os.path.abspath(options.trace_net)}"]
    return argv


def _die_with_parent():
    """No guest outlives a rig that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Guest:
    """One boot: starts QEMU, passes the guest's words on, collects its status."""

    def __init__(self, qemu, kernel, initrd, options, accelerator, where,
                 extra=""):
        self.console = where / "console.log"
        self.errors = where / "qemu.log"
        self.daemon_log = where / "kschanneld.log"
        self.impatient = kernel.one_report
        self.status = None
        self.faults = []
        self.done = False
        self.complained = False
        self.console_size = 0
        self.times = {}
        self.console.touch()
        self.start = time.monotonic()
        argv = [qemu.program, *qemu.firmware(), "-M", "q35", "-nodefaults",
                "-no-user-config", "-no-reboot", "-display", "none",
                "-m", options.mem, *flags(options, accelerator),
                *network(options),
                *(rootfs.drive(options.image) if options.image else []),
                "-kernel", kernel.image,
                "-initrd", initrd, "-append", f"{append(kernel, options, accelerator)} {extra}",
                "-serial", f"file:{self.console}",
                "-device", "virtio-serial-pci"]
        self.pipes = {}
        ends = []
        for number, port in enumerate(PORTS, 1):
            ours, theirs = os.pipe()
            self.pipes[ours] = port
            ends.append(theirs)
            argv += ["-add-fd", f"fd={theirs},set={number}",
                     "-chardev", f"file,id={port},"
                     f"path=/dev/fdset/{number},append=on",
                     "-device", f"virtserialport,chardev={port},name={port}"]
        if options.shell:
            argv += ["-chardev", "stdio,id=shell,signal=off",
                     "-device", "virtconsole,chardev=shell"]
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [str(a) for a in argv], env=qemu.environment, stderr=errors,
                stdin=None if options.shell else subprocess.DEVNULL,
                stdout=None if options.shell else errors,
                pass_fds=ends, preexec_fn=_die_with_parent,
                start_new_session=not options.shell)
        for end in ends:
            os.close(end)

    def _status_line(self, line):
        word, _, rest = line.partition(" ")
        self.times[word] = time.monotonic() - self.start
        if word == "exit":
            self.status = int(rest)
        elif word == "fault":
            self.faults.append(rest)
        elif word == "done":
            self.done = True

    def _has_complained(self):
        """Whether a report of the kernel, complete, should end the run now."""
        if not self.impatient or self.status is not None:
            return False
        size = self.console.stat().st_size
        grown, self.console_size = size != self.console_size, size
        if grown and not self.complained:
            text = self.console.read_text(encoding="utf-8", errors="replace")
            self.complained = bool(verdict.complaints(text))
        return self.complained and not grown

    def wait(self, timeout, output):
        """Until the guest is off; True unless that took too long."""
        pending = b""
        looked = self.start
        deadline = self.start + timeout if timeout else None
        selector = selectors.DefaultSelector()
        for pipe in self.pipes:
            selector.register(pipe, selectors.EVENT_READ)
        with open(self.daemon_log, "wb") as daemon_log:
            while selector.get_map():
                left = deadline - time.monotonic() if deadline else None
                if left is not None and left <= 0:
                    return False
                now = time.monotonic()
                if now - looked >= LOOK_S:
                    looked = now
                    if self._has_complained():
                        self.faults.append("stopped at the first report")
                        return True
                for key, _ in selector.select(
                        LOOK_S if left is None else min(left, LOOK_S)):
                    data = os.read(key.fd, 65536)
                    port = self.pipes[key.fd]
                    if not data:
                        selector.unregister(key.fd)
                        os.close(key.fd)
                    elif port == "out":
                        output.write(data)
                        output.flush()
                    elif port == "daemon":
                        daemon_log.write(data)
                        daemon_log.flush()
                    else:
                        *lines, pending = (pending + data).split(b"\n")
                        for line in lines:
                            self._status_line(line.decode(errors="replace"))
        self.process.wait()
        self.times["off"] = time.monotonic() - self.start
        return True

    def kill(self):
        """Make sure that QEMU is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def accelerator(qemu, kernel, initrd, options, where):
    """"kvm" where a guest boots with it, else "tcg"; tried once per boot."""
    if options.icount or options.tcg or \
            not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    known = VM / f"accelerator-{boot}"
    with lock("accelerator"):
        if known.exists():
            return known.read_text(encoding="ascii").strip()
        say("trying whether KVM boots a guest")
        home = where / "probe"
        home.mkdir()
        guest = Guest(qemu, kernel, initrd, options, "kvm", home, "rig.probe")
        try:
            works = guest.wait(15, sys.stdout.buffer) and guest.status == 0
        finally:
            guest.kill()
        name = "kvm" if works else "tcg"
        say(f"using {name.upper()}")
        write_atomically(known, name + "\n")
        return name

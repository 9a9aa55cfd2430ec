# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU with the plugin that counts."""

import shlex

from rig import qemu
from rig.base import BUILD, call, write_atomically

BENCH = BUILD / "bench"


def make(program):
    """A script that is found instead of the machine's QEMU; PROGRAM has the marks.
    Returns its directory and the file that will hold the counts."""
    home = BENCH / "profile"
    counts = home / "counts"
    home.mkdir(parents=True, exist_ok=True)
    counts.unlink(missing_ok=True)
    address = {}
    for line in call(["nm", program]).splitlines():
        words = line.split()
        address[words[-1]] = words[0]
    emulator = qemu.Qemu()
    environment = " ".join(
        f"{name}={shlex.quote(emulator.environment[name])}"
        for name in ("LD_LIBRARY_PATH", "QEMU_MODULE_DIR")
        if name in emulator.environment)
    extra = []
    if emulator.data:
        extra = ["-L", emulator.data / "qemu", "-L", emulator.data / "seabios"]
    words = " ".join(shlex.quote(str(w)) for w in (
        emulator.program, *extra, "-plugin",
        f"{BENCH}/libprofile.so,begin=0x{address['ksb_mark_begin']},"
        f"end=0x{address['ksb_mark_end']},out={counts}"))
    script = home / "qemu-system-x86_64"
    write_atomically(script, f"#!/bin/sh\n"
                     f"[ \"$1\" = --version ] && exec env {environment} "
                     f"{shlex.quote(str(emulator.program))} --version\n"
                     f"exec env {environment} {words} \"$@\"\n")
    script.chmod(0o755)
    return home, counts

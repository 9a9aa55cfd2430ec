# SPDX-License-Identifier: GPL-2.0-only
"""Places in the tree, errors, locks and progress messages."""

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
BUILD = TOP / "build"
VM = BUILD / "vm"
KERNELS = BUILD / "kernels"
GUEST = TOP / "selftests" / "vm" / "guest"


class RigError(Exception):
    """Something that the rig needs is missing or failed; the text says what."""


def say(text):
    """Progress goes to stderr: stdout belongs to the guest's command."""
    print(f"vm: {text}", file=sys.stderr, flush=True)


def which(name):
    """A program of the host; those in sbin count even where PATH lacks it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") +
                         ":/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        raise RigError(f"{name} is not installed; 'make deps' installs "
                       "what the tests need")
    return found


def call(argv, **kwargs):
    """Run a program; its output is shown only when it fails."""
    argv = [which(argv[0]), *(str(a) for a in argv[1:])]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **kwargs)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        words = " ".join(argv)
        raise RigError(f"'{words}' failed ({done.returncode}):\n{text}")
    return text


def machine():
    """The release of Debian that this machine has."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME")
    except OSError:
        return None


def environment():
    """Without what a make that called us would tell another one."""
    return {k: v for k, v in os.environ.items()
            if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}


@contextlib.contextmanager
def lock(name):
    """Runs may overlap; what they cache is made by one of them at a time."""
    VM.mkdir(parents=True, exist_ok=True)
    with open(VM / f".{name}.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_atomically(path, data):
    """A reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.replace(temporary, path)

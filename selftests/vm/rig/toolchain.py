# SPDX-License-Identifier: GPL-2.0
"""The tools of another release of Debian: its kernels' headers come with programs that
need its libc, and were configured for its compiler. They are a Debian in a directory that
is kept."""

import os
import shutil

from . import debian
from .base import KERNELS, TOP, VM, lock, say, write_atomically

HOME = VM / "toolchain"
# What Debian's linux-headers and linux-kbuild depend on, and make.
TOOLS = {
    "trixie": ("gcc-14", "libc6-dev", "make", "libelf1t64", "libssl3t64", "pahole", "zlib1g"),
}


def _tree(release):
    """The directory, made anew only when other packages are wanted."""
    tree = HOME / release
    stamp = HOME / f"{release}.made"
    wanted = " ".join(TOOLS[release])
    with lock(f"toolchain-{release}"):
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return tree
        debian.possible()
        say(f"installing Debian {release} with {wanted}")
        stamp.unlink(missing_ok=True)
        fresh = HOME / f"{release}.new"
        for old in (fresh, tree):
            shutil.rmtree(old, ignore_errors=True)
        fresh.mkdir(parents=True)
        debian.install(fresh, TOOLS[release], release)
        os.replace(fresh, tree)
        write_atomically(stamp, wanted)
    return tree


def run(release, argv):
    """Run a command of that release on this tree of sources and on the kernels."""
    debian.possible()
    return debian.run(_tree(release), argv,
                      dict.fromkeys([TOP, KERNELS.resolve()]))

# SPDX-License-Identifier: GPL-2.0
"""Other releases of Debian with all that the build and the tests need, each in a directory
that is kept. What belongs to a release is built there: modules for its kernels, whose
headers come with programs that need its libc and were configured for its compiler; and the
programs, with its libraries."""

import os
import shutil

from . import debian
from .base import BUILD, GUEST, KERNELS, TOP, VM, call, lock, say, write_atomically

HOME = VM / "toolchain"
DEPS = GUEST.parent / "deps"
RESOLVER = "/etc/resolv.conf"


def _tree(release):
    """The directory, made anew only when other packages are wanted."""
    tree = HOME / release
    stamp = HOME / f"{release}.made"
    wanted = call([DEPS, "--list"]).split()
    with lock(f"toolchain-{release}"):
        if stamp.exists() and stamp.read_text(encoding="ascii").split() == wanted:
            return tree
        debian.possible()
        say(f"installing Debian {release} with " + " ".join(wanted))
        stamp.unlink(missing_ok=True)
        fresh = HOME / f"{release}.new"
        for old in (fresh, tree):
            shutil.rmtree(old, ignore_errors=True)
        fresh.mkdir(parents=True)
        debian.install(fresh, wanted, release)
        os.replace(fresh, tree)
        write_atomically(stamp, " ".join(wanted))
    return tree


def products(release):
    """What build/ is called, as seen from here, for what is built in that release."""
    return BUILD / release if release else BUILD


def run(release, argv):
    """Run a command of that release on this tree of sources and on the kernels."""
    debian.possible()
    return debian.run(_tree(release), argv,
                      {path: path for path in (TOP, KERNELS.resolve())})


def command(release, argv):
    """The command line that runs a command of that release on this tree of sources, with a
    build/ of its own."""
    debian.possible()
    out = products(release)
    out.mkdir(parents=True, exist_ok=True)
    return debian.command(_tree(release), ["env", "-C", TOP, *argv],
                          {TOP: TOP, BUILD: out, RESOLVER: RESOLVER})

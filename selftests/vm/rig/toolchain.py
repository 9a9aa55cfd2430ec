# SPDX-License-Identifier: GPL-2.0-only
"""Other releases of Debian with all that the build and the tests need, each in a directory
that is kept. What belongs to a release is built there: modules for its kernels, whose
headers come with programs that need its libc and were configured for its compiler; and the
programs, with its libraries."""

import hashlib
import inspect
import os
import shutil

from . import debian
from .base import BUILD, GUEST, KERNELS, TOP, VM, call, lock, say

HOME = VM / "toolchain"
# Of a release; each is a gigabyte.
KEEP = 2
DEPS = GUEST.parent / "deps"
RESOLVER = "/etc/resolv.conf"


def _key(release, wanted):
    """Changes when the directory would: by the release, the packages and the way it is
    made."""
    recipe = inspect.getsource(debian)
    return hashlib.sha256("\n".join([release, recipe, *wanted]).encode()).hexdigest()[:16]


def _tidy(release, tree):
    """Only the directories that were used last are kept."""
    os.utime(tree)
    old = sorted(tree.parent.glob(f"{release}-*"), key=lambda p: p.stat().st_mtime)
    for path in old[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)


def kept(home, release, wanted):
    """The directory with these packages below HOME, made anew only when others are wanted, or
    it is made otherwise. Its name says which, as sources of different age may have a build/vm
    in common."""
    tree = home / f"{release}-{_key(release, wanted)}"
    with lock(f"{home.name}-{release}"):
        if not tree.exists():
            debian.possible()
            say(f"installing Debian {release} with " + " ".join(wanted))
            fresh = home / f"new-{release}"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            debian.install(fresh, wanted, release)
            os.replace(fresh, tree)
        _tidy(release, tree)
    return tree


def _tree(release):
    return kept(HOME, release, call([DEPS, "--list"]).split())


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

# SPDX-License-Identifier: GPL-2.0-only
"""A Debian of some release in a directory, and commands that run in it."""

import os
import shutil

from . import packages
from .base import RigError, call, environment, which

# What no test reads.
SMALL = """path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
"""
# Services are started by the tests.
NO_SERVICES = "#!/bin/sh\nexit 101\n"


def possible():
    """Say what is missing for any of this."""
    if os.geteuid() != 0:
        raise RigError("a root file system can be made and used by root only")
    for program in ("debootstrap", "unshare"):
        which(program)


def command(tree, argv, binds=None):
    """The command line that runs a command in the tree, as programs expect it: with /proc
    and terminals.
    BINDS are files and directories of this machine by the names that they have there."""
    pairs = []
    for there, here in (binds or {}).items():
        place = tree / str(there).lstrip("/")
        if os.path.isdir(here):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.touch()
        pairs += [here, there]
    script = ('tree=$1; shift; mount -t proc proc "$tree/proc" && '
              'mount -t devpts -o newinstance,ptmxmode=0666 devpts "$tree/dev/pts" || exit; '
              'while [ "$1" != -- ]; do mount --bind "$1" "$tree$2" || exit; shift 2; done; '
              'shift; exec chroot "$tree" env '
              'DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 '
              'PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"')
    return ["unshare", "--mount", "sh", "-c", script, "sh", tree, *pairs, "--", *argv]


def run(tree, argv, binds=None):
    """Run a command in the tree; what it says."""
    return call(command(tree, argv, binds), env=environment())


def _apt_settings():
    """How this machine fetches packages, proxies and all."""
    lines = call(["apt-config", "dump"]).splitlines()
    return "".join(f"{line}\n" for line in lines
                   if line.startswith("Acquire::"))


def install(tree, names, release):
    """Install Debian with these packages into an empty directory."""
    found, release = packages.mirrors_of(release)
    call(["debootstrap", "--variant=minbase", release, tree, found[release]])
    etc = tree / "etc"
    (etc / "dpkg/dpkg.cfg.d/small").write_text(SMALL, encoding="ascii")
    (etc / "apt/sources.list").unlink(missing_ok=True)
    (etc / "apt/sources.list.d/debian.sources").write_text(
        packages.stanzas(found), encoding="ascii")
    host = etc / "apt/apt.conf.d/90host"
    host.write_text(_apt_settings(), encoding="utf-8")
    resolver = etc / "resolv.conf"
    resolver.unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", resolver)
    no_services = tree / "usr/sbin/policy-rc.d"
    no_services.write_text(NO_SERVICES, encoding="ascii")
    no_services.chmod(0o755)
    run(tree, ["apt-get", "-q", "update"])
    run(tree, ["apt-get", "-q", "-y", "--no-install-recommends", "install", *names])
    run(tree, ["apt-get", "clean"])
    for file in (host, resolver, no_services):
        file.unlink()
    shutil.rmtree(tree / "var/lib/apt/lists")

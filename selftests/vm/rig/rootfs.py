# SPDX-License-Identifier: GPL-2.0-only
"""Root file systems: this machine's Debian release, or another, with the packages
that a test names, as a disk image that is kept."""

import hashlib
import inspect
import os
import shutil
import sys

from . import debian, packages
from .base import VM, call, lock, say, which

HOME = VM / "rootfs"
# Images that are kept; they are large.
KEEP = 5
# What kschanneld and its tools are linked with, and what tests take for granted. Where a
# release has renamed a library's package but not the library, the old name will do.
BASE = ("libgnutls30", "libnl-genl-3-200", "libjson-c5", "libev4", "libinih1",
        "libseccomp2", "libcap-ng0", "libbpf1", "libsmartcols1", "openssl",
        "ca-certificates", "curl", "iproute2", "procps", "util-linux", "python3", "tcpdump")
# Room in the image for what tests write; the file is sparse.
ROOM = 1 << 30
USERS = (("passwd", "kschannel:x:990:990:kschanneld:/nonexistent:/bin/false\n"
                    "user:x:1000:1000:a user:/tmp:/bin/sh\n"),
         ("group", "kschannel:x:990:\nuser:x:1000:\n"))


def _fill(tree, names, release):
    """Install Debian with these packages into an empty directory."""
    debian.install(tree, [*BASE, *names], release)
    for name, lines in USERS:
        with open(tree / "etc" / name, "a", encoding="ascii") as file:
            file.write(lines)


def _write(tree, image):
    """Make a file system with what is in the tree."""
    used = int(call(["du", "-s", "--block-size=1", tree]).split()[0])
    with open(image, "wb") as file:
        file.truncate((used * 5 // 4 + ROOM) >> 20 << 20)
    # it is not needed after a crash
    call(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0",
          "-d", tree, image])


def _key(names, release):
    """Changes when the image would: by the release, the packages and the way it is
    made."""
    _, release = packages.mirrors_of(release)
    recipe = [inspect.getsource(m) for m in (sys.modules[__name__], debian)]
    text = "\n".join([release, *recipe, *names])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tidy(image):
    """Only the images that were used last are kept."""
    os.utime(image)
    old = sorted(HOME.glob("*.ext4"), key=lambda p: p.stat().st_mtime)
    for path in old[:-KEEP]:
        path.unlink()


def make(names, release=None):
    """The image of a Debian, this machine's release unless one is named, with these
    packages. Nothing writes to it: a guest's changes go to a file of its own."""
    names = sorted(set(names))
    image = HOME / f"{_key(names, release)}.ext4"
    with lock("rootfs"):
        if not image.exists():
            debian.possible()
            which("mke2fs")
            say(" ".join(["installing Debian", *filter(None, [release]), "with", *names]))
            tree = HOME / f"{image.stem}.tree"
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir(parents=True)
            fresh = image.with_suffix(".new")
            try:
                _fill(tree, names, release)
                _write(tree, fresh)
            finally:
                shutil.rmtree(tree, ignore_errors=True)
            os.replace(fresh, image)
        _tidy(image)
    return image


def drive(image):
    """QEMU's arguments for it."""
    return ["-drive", "if=none,id=root,format=raw,snapshot=on,cache=unsafe,"
            f"file={image}", "-device", "virtio-blk-pci,drive=root"]

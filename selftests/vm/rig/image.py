# SPDX-License-Identifier: GPL-2.0-only
"""The guest's initramfs: a base that is kept, and a part made for each run."""

import hashlib
import os
import shlex
import shutil
from pathlib import Path

from . import kernels, packages, toolchain
from .archive import Archive
from .base import GUEST, RigError, TOP, VM, call, environment, lock, which

# Programs of the host that go into every guest, with their libraries.
PROGRAMS = ("openssl", "gnutls-cli", "gnutls-serv", "certtool", "curl", "ip",
            "tc", "ss", "nft", "modprobe", "insmod", "rmmod", "lsmod")

PASSWD = """root:x:0:0:root:/root:/bin/sh
kschannel:x:990:990:kschanneld:/nonexistent:/bin/false
user:x:1000:1000:a user:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUP = """root:x:0:
kschannel:x:990:
user:x:1000:
nogroup:x:65534:
"""
NSSWITCH = """passwd: files
group: files
hosts: files dns
"""


def _base(kernel):
    """What depends on the machine and the kernel only."""
    # The dynamic busybox: its httpd and wget can be run with a preloaded
    # library, which the static one would ignore. It can't be installed
    # beside the static one, so it is unpacked.
    tools = packages.unpack(["busybox"], VM / "tools")
    # where Debian 13 has it, and Debian 12
    busybox = next(path for path in (tools / "usr/bin/busybox", tools / "bin/busybox")
                   if path.exists())
    archive = Archive()
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.link("/" + name, "usr/" + name)
    for name in ("proc", "sys", "dev", "run", "mnt", "etc", "opt", "root",
                 "usr/local/bin", "usr/sbin", "usr/lib64", "var/empty"):
        archive.directory(name)
    archive.directory("/tmp", 0o1777)
    archive.link("/var/run", "../run")
    archive.link("/var/tmp", "../tmp")
    archive.file(busybox, "/usr/bin/busybox")
    for applet in call([busybox, "--list"]).split():
        if applet not in ("busybox", "tc", "ip", "ss"):
            archive.link(f"/usr/bin/{applet}", "busybox")
    for name in PROGRAMS:
        archive.entries.pop(f"/usr/bin/{name}", None)
        archive.file(which(name), f"/usr/bin/{name}")
    archive.link("/usr/sbin/modprobe", "../bin/modprobe")
    archive.file("/etc/ssl/openssl.cnf")
    archive.link("/usr/lib/ssl", "../../etc/ssl")
    for distributions in ("/usr/lib/tc", "/usr/lib/x86_64-linux-gnu/tc"):
        for file in Path(distributions).glob("*.dist"):
            archive.file(file)
    archive.text("/etc/passwd", PASSWD)
    archive.text("/etc/group", GROUP)
    archive.file(GUEST / "hosts", "/etc/hosts", libraries=False)
    archive.text("/etc/nsswitch.conf", NSSWITCH)
    for file in ("/etc/protocols", "/etc/services"):
        if os.path.exists(file):
            archive.file(file)
    release = kernel.release
    archive.tree(kernels.module_tree(kernel), f"/usr/lib/modules/{release}",
                 libraries=False)
    return archive


def build_daemon(release=None):
    """Build kschanneld and what belongs to it, on this machine or in a release of Debian."""
    argv = ["make", "-C", TOP, "--no-print-directory", "daemon"]
    if release:
        argv = toolchain.command(release, argv)
    with lock("daemon"):
        call(argv, env=environment())


def base(kernel):
    """The base image, open, made anew only when its content changes. Another run that shares
    build/vm with us may replace it before it is read."""
    archive = _base(kernel)
    digest = hashlib.sha256(archive.signature().encode()).hexdigest()[:16]
    path = VM / f"base-{kernel.name}-{digest}.cpio"
    with lock("base"):
        if not path.exists():
            for old in VM.glob(f"base-{kernel.name}-*.cpio"):
                old.unlink()
            temporary = path.with_suffix(".new")
            with open(temporary, "wb") as file:
                archive.write(file)
            os.replace(temporary, path)
        return open(path, "rb")


def split_with(item):
    """--with FILE[:DEST] as a pair; DEST is /opt/NAME unless it is given."""
    source, _, dest = item.partition(":")
    name = Path(source).resolve().name
    if not os.path.exists(source):
        raise RigError(f"--with {source}: there is no such file")
    if not dest:
        dest = f"/opt/{name}"
    elif dest.endswith("/"):
        dest += name
    if not dest.startswith("/"):
        raise RigError(f"--with {item}: {dest} is not an absolute path")
    return source, dest


def _add_with(archive, items, libraries):
    """Put the --with files in; returns the directories to search for CMD."""
    path = ["/opt"]
    for item in items:
        source, dest = split_with(item)
        if os.path.isdir(source):
            archive.tree(source, dest, libraries)
            path.append(dest)
        else:
            archive.file(source, dest, libraries=libraries)
            path.append(os.path.dirname(dest))
    return ":".join(dict.fromkeys(path))


def for_run(options, module, pki):
    """The archive with what only this run needs."""
    archive = Archive()
    archive.file(GUEST / "init", "/init")
    archive.file(GUEST / "ksc-daemon", "/usr/bin/ksc-daemon")
    if module:
        archive.file(module, "/rig/kschannel.ko", libraries=False)
    # a Debian has the libraries of what was built for it
    libraries = not options.image
    daemon = toolchain.products(options.release) / "daemon"
    for name in ("kschanneld", "kschannelctl"):
        if (daemon / name).exists():
            archive.file(daemon / name, f"/usr/bin/{name}", libraries)
    for library in daemon.glob("libkschannel*.so*"):
        archive.file(library, f"/usr/lib/x86_64-linux-gnu/{library.name}", libraries)
    archive.file(GUEST.parent / "kschanneld.conf",
                 "/etc/kschannel/kschanneld.conf")
    for file in pki.iterdir():
        archive.text(f"/etc/kschannel/{file.name}", file.read_bytes(),
                     0o600 if file.suffix == ".key" else 0o644)
    # Programs that trust what the system trusts then trust the test CA.
    authority = (pki / "ca.pem").read_bytes()
    archive.text("/etc/ssl/certs/ca-certificates.crt", authority)
    archive.text("/etc/ssl/cert.pem", authority)
    path = _add_with(archive, options.with_files, libraries)
    settings = {
        "RIG_PATH": path,
        "RIG_MODULE": "yes" if module else "",
        "RIG_DAEMON": "yes" if options.daemon else "",
        "RIG_ROOTFS": "yes" if options.image else "",
        "RIG_SHELL": "yes" if options.shell else "",
        "RIG_COMMAND": " ".join(shlex.quote(a) for a in options.command),
    }
    archive.text("/rig/run", "".join(f"{k}={shlex.quote(v)}\n"
                                     for k, v in settings.items()))
    return archive


def make(kernel, options, module, pki, where):
    """Write the initramfs: archives may simply follow one another."""
    run = for_run(options, module, pki)
    with open(where, "wb") as file:
        with base(kernel) as source:
            shutil.copyfileobj(source, file, 1 << 20)
        run.write(file)
    return where


def have_daemon(release=None):
    """Whether the daemon was built."""
    return (toolchain.products(release) / "daemon" / "kschanneld").exists()

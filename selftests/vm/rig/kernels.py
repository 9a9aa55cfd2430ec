# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: where each comes from, its headers, and the modules it needs."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import debug, packages, toolchain
from .base import BUILD, KERNELS, RigError, TOP, call, lock, machine, say, \
    write_atomically

# Debian's cloud flavour has every module that the tests use, in a third of
# the download. A release of Debian that they come from and that is later than this machine's
# has the tools to build modules for them; the name of the package with the image has theirs.
RELEASES = ("bookworm", "trixie")
DEBIAN = {
    "6.1": ("bookworm", r"linux-image-(6\.1\.0-\d+-cloud-amd64)-unsigned"),
    "6.12": (None, r"linux-image-(6\.12\.[\d.]+\+deb\d+(?:\.\d+)?-cloud-amd64)-unsigned"),
    "7.2": ("trixie", r"linux-binary-(7\.2\.[\d.]+\+deb\d+(?:\.\d+)?-cloud-amd64)"),
    "7.3": ("trixie", r"linux-binary-(7\.3\.[\d.]+\+deb\d+(?:\.\d+)?-cloud-amd64)"),
}

# For the debug kernel. KASAN would report but once otherwise. An object that was just allocated
# still has the allocator's pointer to the next one, and so kmemleak would find the next one in
# use: init_on_alloc. What looks like a lockup elsewhere may be an emulated machine with
# sanitizers at work.
DEBUG_APPEND = (" kmemleak=on kasan_multi_shot init_on_alloc=1"
                " watchdog_thresh=60 workqueue.watchdog_thresh=120"
                " sysctl.kernel.hung_task_timeout_secs=300")
# How much longer things may take on it.
DEBUG_SLOWER = 10

# The compiler's, and the analyzer's, in files of ours, and those of the step that links the
# module
WARNINGS = re.compile(r"^(?:(?:kernel|uapi)/\S+ (?:warning|error): .*|WARNING: .*)$", re.M)

# What the guest may modprobe; dependencies follow by modules.dep.
MODULES = """
    aesni-intel ghash-clmulni-intel gcm ccm ctr cbc ecb cmac hmac seqiv
    sha256_generic sha512_generic sha256-ssse3 sha512-ssse3 cryptd
    chacha chacha-x86_64 chacha_generic poly1305-x86_64 poly1305_generic
    chacha20poly1305 authenc crypto_user tcrypt algif_aead af_alg
    virtio_net virtio_blk virtio_console virtio_pci virtio_rng virtio_mmio
    veth dummy bridge ipv6 tun ifb
    sch_netem sch_tbf sch_fq sch_htb sch_prio sch_ingress cls_u32 cls_matchall
    act_mirred act_gact act_police
    tls tcp_diag inet_diag udp_diag raw_diag unix_diag netlink_diag
    tcp_bbr tcp_dctcp
    nf_tables nft_ct nft_chain_nat nft_nat nft_redir nft_reject_inet nft_limit nft_log smc
    x_tables ip_tables iptable_filter ip6_tables ip6table_filter
    xt_tcpudp xt_statistic xt_length xt_u32 xt_string ipt_REJECT xt_bpf
    af_packet_diag vsock vsock_loopback overlay kcm
""".split()


@dataclass
class Kernel:
    """A kernel that can be booted, and built against."""
    name: str
    release: str
    image: Path
    headers: Path
    modules: Path
    # The release of Debian whose tools build for it, if they are not this machine's.
    tools: str = None
    append: str = ""
    slower: int = 1
    # Whether a run ends when the kernel complains, whatever else there is to do.
    one_report: bool = False


def _fix_headers(root):
    """The header Makefiles and links name places on an installed system."""
    root = root.resolve()
    for makefile in root.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text(encoding="utf-8")
        fixed = re.sub(r"(?<![\w/.-])/usr/src/", f"{root}/usr/src/", text)
        if fixed != text:
            makefile.write_text(fixed, encoding="utf-8")
    for link in root.glob("usr/src/linux-headers-*/*"):
        if link.is_symlink() and os.readlink(link).startswith("/"):
            target = root / os.readlink(link).lstrip("/")
            link.unlink()
            link.symlink_to(target)


def _later(release):
    """Whether it is later than this machine's, as any is that we know where that isn't."""
    return machine() not in RELEASES[RELEASES.index(release):]


def _debian(name):
    """Get one of Debian's kernels; its release is settled at the first use."""
    pinned = KERNELS / name / "package"
    debian, pattern = DEBIAN[name]
    if debian == machine():
        debian = None
    with lock(f"kernel-{name}"):
        if pinned.exists():
            package = pinned.read_text(encoding="ascii").strip()
        else:
            package = packages.newest(pattern, debian)
        release = re.fullmatch(pattern, package).group(1)
        base = release.replace("-cloud-amd64", "")
        kbuild = base if name != "6.1" else "6.1"
        names = [package, f"linux-headers-{release}", f"linux-headers-{base}-common",
                 f"linux-kbuild-{kbuild}"]
        if package.startswith("linux-binary-"):
            names += [f"linux-base-{release}", f"linux-modules-{release}"]
        root = packages.unpack(names, KERNELS / name / "root", release=debian)
        _fix_headers(root)
        if not pinned.exists():
            write_atomically(pinned, package + "\n")
    tree = root / "lib" / "modules" / release
    if not tree.exists():
        tree = root / "usr" / "lib" / "modules" / release
    if not (tree / "modules.dep").exists():
        with lock(f"depmod-{name}"):
            call(["depmod", "-b", tree.parents[2], release])
    image = root / "boot" / f"vmlinuz-{release}"
    return Kernel(name, release, image if image.exists() else tree / "vmlinuz",
                  root / "usr" / "src" / f"linux-headers-{release}", tree,
                  debian if debian and _later(debian) else None)


def _built(name):
    """A kernel built elsewhere: build/kernels/NAME/{bzImage,modules,headers}."""
    home = KERNELS / name
    headers = home / "headers"
    text = (headers / "include/generated/utsrelease.h").read_text(
        encoding="ascii")
    release = re.search(r'UTS_RELEASE "(.*)"', text).group(1)
    modules = home / "modules" / "lib" / "modules" / release
    return Kernel(name, release, home / "bzImage", headers.resolve(), modules)


def _debug():
    """The kernel with sanitizers."""
    debug.make()
    kernel = _built("debug")
    kernel.append = DEBUG_APPEND
    kernel.slower = DEBUG_SLOWER
    kernel.one_report = True
    return kernel


def get(name):
    """The kernel called NAME on the command line."""
    if name == "debug":
        return _debug()
    if (KERNELS / name / "bzImage").exists():
        return _built(name)
    if name in DEBIAN:
        return _debian(name)
    raise RigError(f"unknown kernel '{name}': there is " +
                   ", ".join(sorted(DEBIAN)) +
                   ", debug, and what is built into build/kernels/NAME")


def kbuild(kernel, *argv):
    """Run make on something that is built for KERNEL, below this tree; returns what it
    says."""
    argv = ["make", *argv]
    return toolchain.run(kernel.tools, argv) if kernel.tools else call(argv)


def build_module(kernel):
    """Build kschannel.ko for KERNEL and return its path."""
    if not (TOP / "Kbuild").exists():
        raise RigError("there is no Kbuild file, hence no module to build; "
                       "--no-module runs the command without it")
    # Windows of races can be widened in the kernel that has the sanitizers.
    text = kbuild(kernel, "-C", TOP, "--no-print-directory", "modules",
                  f"KDIR={kernel.headers}",
                  f"KSC_FAILPOINTS={int(kernel.name == 'debug')}")
    if "[M]" in text:
        say(f"built kschannel.ko for {kernel.release}")
    return BUILD / "modules" / kernel.release / "kschannel.ko"


def warnings(kernel, home, *more):
    """Build the module anew for KERNEL below HOME, with the warnings that kbuild leaves out;
    returns these, and all that was said."""
    place = home / "modules" / kernel.release
    shutil.rmtree(place, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    try:
        text = kbuild(kernel, "-C", TOP, "--no-print-directory", "modules", "W=1",
                      f"KDIR={kernel.headers}", f"BUILD={home}", *more)
    except RigError as error:
        text = str(error)
    text = text.replace(f"{place}/", "")
    return list(dict.fromkeys(WARNINGS.findall(text))), text


def _dependencies(tree):
    """modules.dep as a mapping of file to files, and of module name to file."""
    depends, by_name = {}, {}
    for line in (tree / "modules.dep").read_text(encoding="ascii").splitlines():
        file, _, rest = line.partition(":")
        depends[file] = rest.split()
        stem = Path(file).name.split(".ko")[0].replace("-", "_")
        by_name[stem] = file
    return depends, by_name


def module_tree(kernel):
    """A /lib/modules/RELEASE with what the guest may load, ready for modprobe."""
    home = KERNELS / kernel.name / "guest-modules"
    base = home / "lib" / "modules" / kernel.release
    stamp = home / ".made"
    wanted = " ".join(MODULES)
    with lock(f"module-tree-{kernel.name}"):
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return base
        shutil.rmtree(home, ignore_errors=True)
        depends, by_name = _dependencies(kernel.modules)
        files = set()
        for name in MODULES:
            file = by_name.get(name.replace("-", "_"))
            if file:
                files.update([file, *depends[file]])
        for file in files:
            target = base / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kernel.modules / file, target)
            # Unpacked here and not in the guest, where it takes seconds.
            if target.suffix == ".xz":
                call(["xz", "-d", target])
        for name in ("modules.order", "modules.builtin",
                     "modules.builtin.modinfo"):
            if (kernel.modules / name).exists():
                shutil.copy(kernel.modules / name, base / name)
        call(["depmod", "-b", home, kernel.release])
        stamp.write_text(wanted, encoding="ascii")
    return base

# SPDX-License-Identifier: GPL-2.0-only
"""The debug kernel: built once from Debian's linux-source, with sanitizers.

build/kernels/debug/ gets src/ (the source), out/ (kbuild's products), and what
the rig uses: bzImage, headers (a link to out/) and modules/. A build that was
interrupted goes on where it was.
"""

import os
import re
import shutil
import subprocess
import time

from . import packages
from .base import KERNELS, RigError, TOP, call, environment, lock, say, \
    write_atomically

PACKAGE = "linux-source-6.12"
HOME = KERNELS / "debug"
SRC, OUT = HOME / "src", HOME / "out"
CONFIG = TOP / "selftests" / "vm" / "debug.config"
STAMP = HOME / "built"
PROGRESS_S = 120


def _options():
    """What debug.config asks for, without its comments."""
    return [line for line in CONFIG.read_text(encoding="ascii").splitlines()
            if line.startswith("CONFIG_")]


def _source():
    """Unpack the kernel's source; which release that is, is settled by it."""
    if (SRC / "Makefile").exists():
        return
    root = packages.unpack([PACKAGE], HOME / "package")
    archive = next(root.glob("usr/src/linux-source-*.tar.xz"))
    say("unpacking the kernel's source")
    fresh = HOME / "src.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    call(["tar", "-C", fresh, "--strip-components=1", "-xf", archive])
    os.replace(fresh, SRC)
    shutil.rmtree(root)


def _configure(options):
    """Make .config, and see that nothing asked for fell out of it."""
    OUT.mkdir(exist_ok=True)
    wanted = HOME / "debug.config"
    write_atomically(wanted, "\n".join(options) + "\n")
    call(["make", "-C", SRC, f"O={OUT}", f"KCONFIG_ALLCONFIG={wanted}",
          "allnoconfig"], env=environment())
    made = (OUT / ".config").read_text(encoding="ascii").splitlines()
    names = {line.partition("=")[0] for line in made}
    lost = [o for o in options
            if (o.partition("=")[0] in names if o.endswith("=n")
                else o not in made)]
    if lost:
        raise RigError("debug.config: not possible as configured: " +
                       ", ".join(lost))


def _make():
    """Build kernel and modules, with a word now and then."""
    say("building the debug kernel; once, 40 minutes of one CPU")
    began = said = time.monotonic()
    count = 0
    log = HOME / "build.log"
    with open(log, "wb") as file, subprocess.Popen(
            ["make", "-C", SRC, f"O={OUT}", f"-j{os.cpu_count() or 1}",
             "bzImage", "modules"], env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            file.write(line)
            count += line.startswith(b"  CC")
            now = time.monotonic()
            if now - said >= PROGRESS_S:
                said = now
                say(f"debug kernel: {count} files compiled in "
                    f"{(now - began) / 60:.0f} minutes")
    if process.returncode:
        text = log.read_text(encoding="utf-8", errors="replace")
        raise RigError("the debug kernel could not be built; " +
                       f"{log} ends with:\n" +
                       "\n".join(text.splitlines()[-30:]))


def _install():
    """Put what the rig uses where it looks for it."""
    shutil.rmtree(HOME / "modules", ignore_errors=True)
    call(["make", "-C", SRC, f"O={OUT}", f"INSTALL_MOD_PATH={HOME}/modules",
          "modules_install"], env=environment())
    text = (OUT / "include/generated/utsrelease.h").read_text(encoding="ascii")
    release = re.search(r'UTS_RELEASE "(.*)"', text).group(1)
    # Links back into the build, which module_tree() has no use for.
    for name in ("build", "source"):
        (HOME / "modules" / "lib" / "modules" / release /
         name).unlink(missing_ok=True)
    call(["depmod", "-b", HOME / "modules", release])
    headers = HOME / "headers"
    headers.unlink(missing_ok=True)
    headers.symlink_to("out")
    shutil.rmtree(HOME / "guest-modules", ignore_errors=True)
    image = HOME / "bzImage.new"
    shutil.copy(OUT / "arch" / "x86" / "boot" / "bzImage", image)
    os.replace(image, HOME / "bzImage")


def make():
    """Build it unless it was built from this configuration already."""
    options = _options()
    stamp = "\n".join(options) + "\n"
    with lock("kernel-debug"):
        if STAMP.exists() and STAMP.read_text(encoding="ascii") == stamp:
            return
        HOME.mkdir(parents=True, exist_ok=True)
        _source()
        _configure(options)
        _make()
        _install()
        write_atomically(STAMP, stamp)

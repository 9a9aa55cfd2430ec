# SPDX-License-Identifier: GPL-2.0-only
"""systemd in the virtual machine, for services as their packages have them."""

import subprocess
from pathlib import Path

from world import await_that, is_listening

# A machine within the machine: processes, mounts and cgroups of its own, the network
# of all. Services' files in /run have to be new, too, and /tmp gets emptied.
BOOT = """
umount -l /sys/fs/cgroup &&
mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
mount -t tmpfs -o mode=755 tmpfs /run &&
mount -t tmpfs -o mode=1777 tmpfs /tmp &&
exec env -i container=test PATH="$PATH" \\
    /lib/systemd/systemd --unit=basic.target
"""


class Systemd:
    """systemd as PID 1 of the machine within, while this is entered."""

    def __init__(self, world):
        self.world = world
        self.outside = None
        self.pid = None

    def __enter__(self):
        with open(self.world.home / "systemd.log", "wb") as log:
            # systemd would sort out for itself what is ours
            self.outside = subprocess.Popen(
                ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--cgroup",
                 "--mount-proc", "sh", "-c", BOOT], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=self._own_cgroup)
        children = Path(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children")
        await_that(lambda: children.read_text(encoding="ascii").split(), "systemd")
        self.pid = children.read_text(encoding="ascii").split()[0]
        await_that(lambda: self.run("systemctl", "is-active", "basic.target",
                                    wanted=None) == b"active\n", "basic.target")
        return self

    @staticmethod
    def _own_cgroup():
        """systemd takes the one that it is in for the root."""
        own = Path("/proc/self/cgroup").read_text(encoding="ascii")
        home = Path(f"/sys/fs/cgroup{own.split(':')[-1].strip()}/systemd")
        home.mkdir(exist_ok=True)
        (home / "cgroup.procs").write_text("0", encoding="ascii")

    def __exit__(self, *_):
        self.outside.kill()
        self.outside.wait()
        # PID 1 is a zombie when all others are gone
        await_that(self._is_over, "the end of systemd")
        for file in Path("/etc/systemd/system").glob("*/kschannel.conf"):
            file.unlink()

    def _is_over(self):
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return True
        return stat.rpartition(")")[2].split()[0] == "Z"

    def run(self, *argv, wanted=0, given=b""):
        """Run a command in the machine within; what it says."""
        done = subprocess.run(["nsenter", "-t", self.pid, "-p", "-m", "-C", "-r", "-w", "--",
                               *argv],
                              check=False, input=given, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert wanted in (done.returncode, None), \
            f"{argv}: status {done.returncode}: {done.stdout.decode(errors='replace')}"
        return done.stdout

    def log(self, unit, *more, wanted=0):
        """What a unit has logged."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, *more,
                        wanted=wanted)

    def restart(self, unit, port):
        """Restart a service and wait until it listens."""
        self.run("systemctl", "restart", unit)
        await_that(lambda: is_listening(port), f"{unit} to listen")

# SPDX-License-Identifier: GPL-2.0-only
"""Services as their packages have them, under systemd, protected by "kschannelctl
enable"."""

import os
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from database import CLUSTER, VERSION, message
from lone import can_bpf, need_bpf
from within import Systemd
from world import CA, NAME, await_that, is_listening, secret, tls

HERE = Path(__file__).resolve().parent
CONFIGURATION = Path("/etc/kschannel/kschanneld.conf")
REDIS = 6379
POSTGRES = 5432
DATABASE = f"postgresql@{VERSION}-main"
LIBRARY = "/usr/lib/x86_64-linux-gnu/libkschannel-preload.so"
DROP_IN = "/etc/systemd/system/{}.service.d/kschannel.conf"


def redis_over_tls(world):
    """A value, there and back."""
    cli = ["redis-cli", "--tls", "--cacert", CA, "--sni", NAME, "-h", NAME, "-p", REDIS]
    assert world.run([*cli, "-x", "set", "k"], input=secret(10000)) == b"OK\n"
    assert world.run([*cli, "get", "k"]) == secret(10000) + b"\n"


def redis_in_the_clear(world):
    """Without TLS at either end."""
    assert world.run(["redis-cli", "-h", NAME, "-p", REDIS, "ping"]) == b"PONG\n"


def enable_and_disable(world, way):
    """Redis' own unit: plain, protected, plain again."""
    with Systemd(world) as systemd:
        systemd.restart("redis-server", REDIS)
        redis_in_the_clear(world)
        said = systemd.run("kschannelctl", "enable", "--way", way, "redis-server")
        assert b"redis-server.service" in said and way.encode() in said, said
        # from its next start on
        redis_in_the_clear(world)
        systemd.restart("redis-server", REDIS)
        with world.wire(REDIS):
            redis_over_tls(world)
        systemd.run("kschannelctl", "disable", "redis-server")
        assert not os.path.exists(DROP_IN.format("redis-server"))
        systemd.restart("redis-server", REDIS)
        redis_in_the_clear(world)
        systemd.run("systemctl", "stop", "redis-server")


def test_unit_preload(world):
    """a unit, enabled and disabled, by a preloaded library"""
    enable_and_disable(world, "preload")


def test_unit_bpf(world):
    """a unit, enabled and disabled, by a BPF program"""
    need_bpf()
    enable_and_disable(world, "bpf")


def test_unit_guarded(world):
    """a unit that is guarded: a program that drops the library can't connect"""
    with Systemd(world) as systemd:
        systemd.run("kschannelctl", "enable", "--guard", "--way", "preload", "redis-server")
        systemd.restart("redis-server", REDIS)
        with world.wire(REDIS):
            redis_over_tls(world)
        cgroup = systemd.run("systemctl", "show", "--property=ControlGroup", "--value",
                             "redis-server").decode().strip()
        said = systemd.run("sh", "-c", f"echo 0 >/sys/fs/cgroup{cgroup}/cgroup.procs && "
                           f"exec redis-cli -h 127.0.0.1 -p {REDIS} ping", wanted=1)
        assert b"Operation not permitted" in said, said
        systemd.run("systemctl", "stop", "redis-server")
        systemd.run("kschannelctl", "disable", "redis-server")


EARLY = """[Service]
ExecStartPre=/usr/bin/env -u LD_PRELOAD bash -c ': </dev/tcp/127.0.0.1/{port}'
ExecStart=/bin/sleep 1000
"""


def test_unit_early(world):
    """a guard is there before what a unit runs before its program"""
    unit = Path("/etc/systemd/system/early.service")
    with socket.create_server(("127.0.0.1", 0)) as server, Systemd(world) as systemd:
        unit.write_text(EARLY.format(port=server.getsockname()[1]), encoding="ascii")
        try:
            systemd.run("systemctl", "daemon-reload")
            systemd.run("systemctl", "start", "early")
            systemd.run("kschannelctl", "enable", "--guard", "--way", "preload", "early")
            systemd.run("systemctl", "restart", "early", wanted=1)
            said = systemd.run("systemctl", "show", "--property=Result", "early")
            assert said == b"Result=exit-code\n", said
            systemd.run("kschannelctl", "disable", "early")
            systemd.run("systemctl", "restart", "early")
            systemd.run("systemctl", "stop", "early")
        finally:
            unit.unlink()


def asked_by(peer):
    """The server of a database authenticates the client."""
    with peer, peer.makefile("rwb") as file:
        file.write(message(b"", struct.pack(">I", 3 << 16) + b"user\0postgres\0\0"))
        file.flush()
        assert file.read(1) == b"R"


def test_unit_database(world):
    """PostgreSQL's unit, by a BPF program"""
    need_bpf()
    with Systemd(world) as systemd:
        systemd.run("kschannelctl", "enable", "--way", "bpf", DATABASE)
        systemd.restart(DATABASE, POSTGRES)
        with world.wire(POSTGRES):
            asked_by(tls(POSTGRES))
        systemd.run("kschannelctl", "disable", DATABASE)
        systemd.restart(DATABASE, POSTGRES)
        asked_by(socket.create_connection((NAME, POSTGRES)))


def test_unit_environment(world):
    """PostgreSQL's unit clears the environment: it does not start, or a file helps"""
    environment = Path(CLUSTER) / "environment"
    before = environment.read_text(encoding="ascii")
    with Systemd(world) as systemd:
        systemd.restart(DATABASE, POSTGRES)
        systemd.run("kschannelctl", "enable", "--way", "preload", DATABASE)
        # until then it goes on as it was, and an audit tells
        with socket.create_connection((NAME, POSTGRES)):
            found = world.run(["kschannelctl", "audit"], wanted=1).decode()
            assert re.search(rf"^postgresql +require +accept +\S+:{POSTGRES} ", found, re.M), found
        systemd.run("systemctl", "restart", DATABASE, wanted=1)
        assert not is_listening(POSTGRES)
        said = systemd.run("systemctl", "show", "--property=ExecStartPost", "--value", DATABASE)
        assert b"preloaded $MAINPID" in said and b"status=1" in said, said
        environment.write_text(f"{before}LD_PRELOAD = '{LIBRARY}'\n", encoding="ascii")
        try:
            systemd.restart(DATABASE, POSTGRES)
            with world.wire(POSTGRES):
                asked_by(tls(POSTGRES))
        finally:
            environment.write_text(before, encoding="ascii")
        # rather no server than one without protection
        systemd.run("kschannelctl", "enable", "--guard", "--way", "preload", DATABASE)
        systemd.run("systemctl", "restart", DATABASE, wanted=1)
        assert not is_listening(POSTGRES)
        systemd.run("kschannelctl", "disable", DATABASE)


HERE_CONF = b"""[Service]
ExecStartPre=
ExecStart=
ExecStart=/usr/bin/kschanneld
ExecReload=
ExecReload=/usr/bin/kschanneld --reload
WatchdogSec=15
"""


# What keeps TLS up, whatever happens to the daemon, and its keys to itself
LASTING = {
    "StartLimitIntervalUSec": "0",
    "Restart": "always",
    "WatchdogUSec": "15s",
    "MemoryMax": "2147483648",
    "MemorySwapMax": "0",
    "LimitMEMLOCK": "infinity",
    "LimitCORE": "0",
    "OOMPolicy": "continue",
    "OOMScoreAdjust": "-500",
    "SystemCallArchitectures": "native",
}


class OwnDaemon(Systemd):
    """systemd, which runs the daemon by the daemon's own unit."""

    UNIT = "kschanneld.service"
    SOCKET = "kschanneld-context.socket"
    INSTALLED = [Path("/etc/systemd/system") / unit for unit in (UNIT, SOCKET)]

    def __enter__(self):
        subprocess.run(["ksc-daemon", "stop"], check=True)
        super().__enter__()
        for installed in self.INSTALLED:
            shutil.copy(HERE / installed.name, installed)
        # the module is loaded, and not where modprobe looks; nor is the daemon installed
        self.run("mkdir", "-p", f"/run/systemd/system/{self.UNIT}.d")
        self.run("tee", f"/run/systemd/system/{self.UNIT}.d/here.conf", given=HERE_CONF)
        return self

    def __exit__(self, *why):
        super().__exit__(*why)
        for installed in self.INSTALLED:
            installed.unlink(missing_ok=True)
        subprocess.run(["ksc-daemon", "start"], check=True)

    def main_pid(self):
        """The daemon's; 0 while there is none."""
        return int(self.run("systemctl", "show", "--property=MainPID", "--value", self.UNIT))

    def await_other(self, pid):
        """Wait until another daemon is ready than that."""
        await_that(lambda: self.main_pid() != pid and
                   self.run("systemctl", "is-active", self.UNIT, wanted=None) == b"active\n",
                   "the next daemon")

    def reload(self, configuration, wanted=0):
        """What a reload with another configuration says."""
        CONFIGURATION.write_bytes(configuration)
        return self.run("systemctl", "reload", self.UNIT, wanted=wanted)


def test_unit_daemon(world):
    """the daemon's own unit: confined before it is ready, told to load again, and stopped"""
    with OwnDaemon(world) as systemd:
        systemd.run("systemctl", "start", systemd.UNIT)
        pid = systemd.run("systemctl", "show", "--property=MainPID", "--value", systemd.UNIT)
        status = systemd.run("cat", f"/proc/{int(pid)}/status").decode()
        assert re.search(r"^Seccomp:\s+2$", status, re.M), status
        assert re.search(r"^CapPrm:\s+0+1000$", status, re.M), status
        beat = ["systemctl", "show", "--property=WatchdogTimestampMonotonic", systemd.UNIT]
        first = systemd.run(*beat)
        systemd.run("kschannelctl", "enable", "--way", "preload", "redis-server")
        for again in ("start", "reload"):
            systemd.run("systemctl", again, systemd.UNIT)
            systemd.restart("redis-server", REDIS)
            with world.wire(REDIS):
                redis_over_tls(world)
        await_that(lambda: systemd.run(*beat) != first, "a sign of life")
        said = systemd.run("systemctl", "show", f"--property={','.join(LASTING)}", systemd.UNIT)
        assert dict(line.split("=", 1) for line in said.decode().splitlines()) == LASTING, said
        configuration = CONFIGURATION.read_bytes()
        systemd.reload(configuration + b"[nonsense]\n", wanted=1)
        systemd.reload(configuration)
        for _ in range(8):
            pid = systemd.main_pid()
            # the others end with it; to kill all at once fails where one has just gone
            systemd.run("kill", "-KILL", f"{pid}")
            # systemd calls it active until it has heard of its end
            systemd.await_other(pid)
        systemd.run("kschannelctl", "disable", "redis-server")
        systemd.run("systemctl", "stop", "redis-server", systemd.UNIT)
        said = systemd.run("systemctl", "show", "--property=Result", systemd.UNIT)
        assert said == b"Result=success\n", said


# Says what is no message, and tells whether the connection is closed for it
NO_MESSAGE = """
import os, socket
os.setgid(65534)
os.setuid(65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
    s.connect("/run/kschannel/context.sock")
    s.send(b"x")
    s.settimeout(60)
    try:
        print(s.recv(1))
    except ConnectionResetError:
        print(b"")
"""


def test_unit_daemon_context(world):
    """an application with contexts connects to the manager's socket, and waits for a daemon"""
    with OwnDaemon(world) as systemd:
        systemd.run("systemctl", "start", systemd.UNIT)
        said = systemd.run("stat", "-c", "%F %a", "/run/kschannel/context.sock")
        assert said == b"socket 666\n", said
        for signal in ("TERM", "KILL"):
            pid = systemd.main_pid()
            assert systemd.run("python3", "-c", NO_MESSAGE) == b"b''\n"
            systemd.run("systemctl", "kill", f"--signal={signal}", systemd.UNIT)
            assert systemd.run("python3", "-c", NO_MESSAGE) == b"b''\n"
            systemd.await_other(pid)
        systemd.run("systemctl", "stop", systemd.SOCKET, systemd.UNIT)
        said = systemd.run("journalctl", "-o", "cat", "-u", systemd.UNIT).decode()
        assert "event=no-context-socket" not in said, said


def test_unit_daemon_hangs(world):
    """a daemon that hangs is ended, and started again"""
    with OwnDaemon(world) as systemd:
        systemd.run("systemctl", "start", systemd.UNIT)
        pid = systemd.main_pid()
        systemd.run("kill", "-STOP", f"{pid}")
        systemd.await_other(pid)
        said = systemd.log(systemd.UNIT).decode()
        assert "Watchdog timeout" in said, said
        systemd.run("kschannelctl", "enable", "--way", "preload", "redis-server")
        systemd.restart("redis-server", REDIS)
        with world.wire(REDIS):
            redis_over_tls(world)
        systemd.run("kschannelctl", "disable", "redis-server")
        systemd.run("systemctl", "stop", "redis-server", systemd.UNIT)


def test_unit_daemon_reload(world):
    """a reload finds what a start does: others' keys, new accounts, new directories"""
    configuration = CONFIGURATION.read_bytes()
    there = Path("/etc/kschannel-renewed")
    named = configuration.replace(b"log-level = info\n", b"log-level = info\nuser = daemon\n")
    renewed = named.replace(b"/etc/kschannel/server.key", b"/etc/kschannel-renewed/key")
    assert named != configuration and renewed != named
    passwd = Path("/etc/passwd").read_bytes()
    try:
        with OwnDaemon(world) as systemd:
            CONFIGURATION.write_bytes(named)
            systemd.run("systemctl", "start", systemd.UNIT)
            pid = systemd.main_pid()
            status = systemd.run("cat", f"/proc/{pid}/status").decode()
            assert not re.search(r"^Uid:\s+0", status, re.M), status
            group = f"/sys/fs/cgroup/system.slice/{systemd.UNIT}/cgroup.procs"
            pids = systemd.run("cat", group).split()
            pids.remove(f"{pid}".encode())
            reader = int(pids[0])
            status = systemd.run("cat", f"/proc/{reader}/status").decode()
            assert re.search(r"^CapPrm:\s+0+4$", status, re.M), status
            assert re.search(r"^CapBnd:\s+0+$", status, re.M), status
            assert re.search(r"^Seccomp:\s+2$", status, re.M), status
            # owned by a UID without an account, as by tools for certificates
            there.mkdir(mode=0o700)
            shutil.copy("/etc/kschannel/server.key", there / "key")
            os.chmod(there / "key", 0o600)
            os.chown(there / "key", 4711, 4711)
            os.chown(there, 4711, 4711)
            renewed_passwd = Path("/etc/passwd.new")
            renewed_passwd.write_bytes(passwd + b"newcomer:x:4711:4711::/:/bin/sh\n")
            renewed_passwd.rename("/etc/passwd")
            only = renewed.replace(b"/key\n", b"/key\nusers = root, redis, newcomer\n")
            systemd.reload(only)
            systemd.run("kschannelctl", "enable", "--way", "preload", "redis-server")
            systemd.restart("redis-server", REDIS)
            with world.wire(REDIS):
                redis_over_tls(world)
            systemd.reload(only.replace(b"newcomer", b"nobody-there"), wanted=1)
            said = systemd.run("kschanneld", "--reload", wanted=1)
            assert b"the configuration is unchanged" in said, said
            # with its reader the daemon ends, for another that has one
            CONFIGURATION.write_bytes(only)
            systemd.run("kill", "-KILL", f"{reader}")
            systemd.await_other(pid)
            redis_over_tls(world)
            systemd.reload(only)
            systemd.run("kschannelctl", "disable", "redis-server")
            systemd.run("systemctl", "stop", "redis-server", systemd.UNIT)
    finally:
        CONFIGURATION.write_bytes(configuration)
        Path("/etc/passwd").write_bytes(passwd)
        shutil.rmtree(there, ignore_errors=True)


def test_unit_without_library(world):
    """a unit that needs the library does not start without"""
    away = f"{LIBRARY}.away"
    with Systemd(world) as systemd:
        systemd.run("kschannelctl", "enable", "--way", "preload", "redis-server")
        os.rename(LIBRARY, away)
        try:
            said = systemd.run("systemctl", "restart", "redis-server", wanted=1)
            assert not is_listening(REDIS), said
        finally:
            os.rename(away, LIBRARY)


def test_unit_template(world):
    """a template is enabled for all its instances, whose order and libraries stay"""
    with Systemd(world) as systemd:
        systemd.run("sh", "-c", "printf '[Service]\\nExecStart=/bin/sleep 1000\\n"
                    "Environment=LD_PRELOAD=/nowhere.so\\n' >/etc/systemd/system/t@.service")
        try:
            systemd.run("systemctl", "daemon-reload")
            for _ in "12":
                systemd.run("kschannelctl", "enable", "--way", "preload", "t@")
            said = systemd.run("systemctl", "show", "--property=After,Environment,ExecPaths",
                               "t@1").decode()
            assert "kschanneld.service" in said, said
            assert "libkschannel-preload.so:/nowhere.so\n" in said, said
            assert said.count("preload.so") == 1, said
            assert "ExecPaths=/" not in said, said
            systemd.run("systemctl", "start", "t@1")
            systemd.run("systemctl", "stop", "t@1")
            said = systemd.run("kschannelctl", "units").split()
            assert said[3:] == [b"t@.service", b"preload", b"no"], said
            systemd.run("kschannelctl", "disable", "--all")
            said = systemd.run("systemctl", "show", "--property=Environment", "t@1")
            assert said == b"Environment=LD_PRELOAD=/nowhere.so\n", said
        finally:
            os.unlink("/etc/systemd/system/t@.service")


def test_unit_without_command(world):
    """a unit fails, and is not skipped, when kschannelctl has gone"""
    need_bpf()
    command = shutil.which("kschannelctl")
    unit = Path("/etc/systemd/system/without.service")
    with Systemd(world) as systemd:
        # one that is not started again and again
        unit.write_text("[Service]\nExecStart=/bin/sleep 1000\n", encoding="ascii")
        systemd.run("systemctl", "daemon-reload")
        systemd.run("kschannelctl", "enable", "--way", "bpf", unit.name)
        os.rename(command, f"{command}.away")
        try:
            systemd.run("systemctl", "start", unit.name, wanted=1)
            said = systemd.run("systemctl", "is-failed", unit.name, wanted=None)
            assert said == b"failed\n", said
        finally:
            os.rename(f"{command}.away", command)
            systemd.run("kschannelctl", "disable", unit.name)
            unit.unlink()


def test_unit_refused(world):
    """a unit that is not there is not enabled, nor one whose program is static"""
    with Systemd(world) as systemd:
        said = systemd.run("kschannelctl", "enable", "redis-serfer", wanted=1)
        assert b"no service redis-serfer.service" in said, said
        systemd.run("sh", "-c", "printf '[Service]\\nExecStart=/opt/programs/static serve 1\\n'"
                    " >/run/systemd/system/static.service")
        systemd.run("systemctl", "daemon-reload")
        # without the BPF program that is so unless one says otherwise, and there are no sockets
        for way in ([["--way", "preload"]] if can_bpf() else [["--way", "preload"], []]):
            said = systemd.run("kschannelctl", "enable", *way, "static", wanted=1)
            assert b"statically linked" in said, said
        if not can_bpf():
            write_units(systemd, SOCKETS)
            said = systemd.run("kschannelctl", "enable", "passed.socket", wanted=1)
            assert b"no way to protect it by bpf" in said, said
        assert not list(Path("/etc/systemd/system").glob("*/kschannel.conf"))


def write_units(systemd, units):
    """Units that are gone with the machine within."""
    for name, text in units.items():
        systemd.run("tee", f"/run/systemd/system/{name}", given=text.encode())
    systemd.run("systemctl", "daemon-reload")


ODD = {
    "wrapper.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "wrapper@.service": "[Unit]\nPartOf=wrapper.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "only@.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "asks.service": "[Service]\nExecStart=/bin/systemctl --version\n",
    "calls.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                     "ExecStart=/bin/sh -c 'set -e; systemctl start only@two'\n",
    "script.service": "[Service]\nExecStart=/run/script start\n",
    "mixed.service": "[Service]\nExecStart=/bin/sh -c 'systemctl start only@two; "
                     "exec tail -f /dev/null'\n",
    "once.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/ls\n",
    "leaves.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 1000 &'\n",
    "broken.service": "[Service]\nType=simple\n",
    "unix.socket": "[Socket]\nListenStream=/run/unix.test\n",
    "unix.service": "[Service]\nExecStart=/bin/sleep 1000\n",
}


SCRIPT = b"""#!/bin/sh
# starts what is not below it
case $1 in
start) exec /usr/bin/docker run server ;;
esac
"""


def test_unit_honest(world):
    """what would not be protected is not said to be, and why differs"""
    with Systemd(world) as systemd:
        write_units(systemd, ODD)
        systemd.run("ln", "-s", "/dev/null", "/run/systemd/system/hidden.service")
        systemd.run("tee", "/run/script", given=SCRIPT)
        systemd.run("systemctl", "start", "wrapper", "wrapper@one")
        for unit, words in (
                ("wrapper", b"runs no program that could have connections; these are started "
                            b"with it, and can be enabled: wrapper@one.service"),
                ("asks", b"has a service run programs"),
                ("calls", b"/bin/sh: by systemctl it has a service run programs"),
                ("script", b"/run/script: by docker it has a service run programs"),
                ("hidden", b"hidden.service is masked"),
                ("broken", b"cannot load broken.service"),
                ("only", b"no service only.service, but a template only@.service"),
                ("onlly@", b"no template onlly@.service"),
                ("onlly@x", b"no service onlly@x.service, nor a template onlly@.service")):
            said = systemd.run("kschannelctl", "enable", "--way", "preload", unit, wanted=1)
            assert words in said, said
        assert not list(Path("/etc/systemd/system").glob("*/kschannel.conf"))
        # some of it is protected, and the rest is reported
        said = systemd.run("kschannelctl", "enable", "--way", "preload", "mixed")
        assert b"what it has run by systemctl is not protected" in said, said
        assert b"mixed.service is protected by preload" in said, said
        passing = b"but ends with that; what others run for it is not protected"
        for unit in ("once", "leaves"):
            said = systemd.run("kschannelctl", "enable", "--way", "preload", unit)
            assert passing in said, said
            systemd.run("kschannelctl", "disable", unit)
        # a process that is there is believed
        systemd.run("systemctl", "start", "leaves")
        assert passing not in systemd.run("kschannelctl", "enable", "--way", "preload", "leaves")
        systemd.run("systemctl", "stop", "leaves")
        systemd.run("kschannelctl", "disable", "--all")
        # a socket that is not concerned, and a template
        systemd.run("kschannelctl", "enable", "--way", "preload", "unix")
        systemd.run("kschannelctl", "enable", "--way", "preload", "only@")
        systemd.run("systemctl", "start", "only@one")
        said = systemd.run("systemctl", "show", "--property=ExecStartPost", "only@one")
        assert b"preloaded $MAINPID" in said, said
        systemd.run("kschannelctl", "disable", "only@")


SOCKETS = {
    "passed.socket": "[Socket]\nListenStream=7113\n",
    "passed.service": "[Service]\nExecStart=/opt/programs/static inherit\n",
    "each.socket": "[Socket]\nListenStream=127.0.0.1:7114\nAccept=yes\n",
    "each@.service": "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n",
}


def echoed(port):
    """What a server gives back over TLS."""
    with tls(port) as peer, peer.makefile("rwb") as file:
        file.write(secret(20000))
        file.flush()
        assert file.read(20000) == secret(20000)


def test_unit_socket(world):
    """sockets that systemd listens at, for a static program, and for one of each connection"""
    need_bpf()
    with Systemd(world) as systemd:
        write_units(systemd, SOCKETS)
        # an unused one is no obstacle
        systemd.run("kschannelctl", "enable", "each@")
        systemd.run("kschannelctl", "disable", "each@")
        systemd.run("systemctl", "start", "passed.socket", "each.socket")
        for service, sock, words in (("passed", "passed.socket", b"systemd listens"),
                                     ("each@", "each.socket", b"systemd accepts connections"),
                                     ("paased.socket", "paased.socket", b"no socket")):
            said = systemd.run("kschannelctl", "enable", service, wanted=1)
            assert words in said and sock.encode() in said, said
        for sock, port in (("passed.socket", 7113), ("each.socket", 7114)):
            systemd.run("kschannelctl", "enable", sock)
            systemd.restart(sock, port)
            with world.wire(port):
                echoed(port)
        world.run(["kschannelctl", "audit"])
        # the service is known by now
        systemd.run("kschannelctl", "enable", "passed")
        systemd.run("systemctl", "stop", "passed", "passed.socket")
        systemd.restart("passed.socket", 7113)
        with world.wire(7113):
            echoed(7113)
        systemd.run("systemctl", "stop", "passed.socket", "passed", "each.socket")


def test_unit_socket_elsewhere(world):
    """a socket unit whose listener is not made in its cgroup does not start"""
    need_bpf()
    look = ["kschannelctl", "attach", "--listeners", "passed.socket"]
    elsewhere = b"the listener at port 7113 is not protected; systemd has made it outside"
    with Systemd(world) as systemd:
        write_units(systemd, SOCKETS)
        said = systemd.run(*look, wanted=1)
        assert b"there is no listener at port 7113" in said, said
        systemd.restart("passed.socket", 7113)
        said = systemd.run(*look, wanted=1)
        assert elsewhere in said, said
        # as where systemd makes it by itself: nothing of its cgroup is ours then
        systemd.run("kschannelctl", "enable", "passed.socket")
        there = "/run/systemd/system/passed.socket.d"
        systemd.run("mkdir", there)
        systemd.run("tee", f"{there}/z.conf", given=b"[Socket]\nExecStartPre=\n")
        systemd.run("systemctl", "daemon-reload")
        systemd.run("systemctl", "restart", "passed.socket", wanted=1)
        assert not is_listening(7113)
        said = systemd.run("systemctl", "show", "--property=ExecStartPost,Result",
                           "passed.socket")
        assert b"attach --listeners" in said and b"status=1" in said, said
        assert b"Result=exit-code" in said, said
        systemd.run("rm", f"{there}/z.conf")
        systemd.run("systemctl", "daemon-reload")
        systemd.restart("passed.socket", 7113)
        systemd.run(*look)
        systemd.run("systemctl", "stop", "passed.socket")


INHERITS = b"""import socket
with socket.socket(fileno=3) as listener:
    while True:
        with listener.accept()[0] as peer:
            while data := peer.recv(65536):
                peer.sendall(data)
"""
PRELOADED = {
    "handed.socket": "[Socket]\nListenStream=7116\n",
    "handed.service": "[Service]\nExecStart=/usr/bin/python3 /run/inherits.py\n",
}


def test_unit_socket_preload(world):
    """a service that gets its listener from systemd, by a preloaded library and guarded"""
    with Systemd(world) as systemd:
        write_units(systemd, PRELOADED)
        systemd.run("tee", "/run/inherits.py", given=INHERITS)
        systemd.run("kschannelctl", "enable", "--way", "preload", "--guard", "handed")
        systemd.restart("handed.socket", 7116)
        with world.wire(7116):
            echoed(7116)
        systemd.run("systemctl", "stop", "handed.socket", "handed")


BESIDE = {
    "beside.service": "[Service]\nExecStart=/bin/sh -c '/opt/programs/static uring 7115 "
                      "2>/run/uring; exec sleep 1000'\n",
}


def test_unit_uring(world):
    """sockets that io_uring makes for a service are refused, or do not listen"""
    with Systemd(world) as systemd:
        write_units(systemd, BESIDE)
        systemd.restart("beside", 7115)
        # without a BPF program for it, the guard has to do
        said = systemd.run("kschannelctl", "enable", "beside")
        assert (b"by bpf" if can_bpf() else b"by preload, and guarded") in said, said
        systemd.run("systemctl", "restart", "beside")
        await_that(lambda: b"not permitted" in systemd.run("cat", "/run/uring"), "the refusal")
        said = systemd.run("cat", "/run/uring")
        assert (b"socket by io_uring:" if can_bpf() else b"port 7115:") in said, said
        assert not is_listening(7115)
        systemd.run("systemctl", "stop", "beside")


def test_unit_socket_late(world):
    """a service whose listener systemd has made unprotected accepts from it nothing"""
    need_bpf()
    with Systemd(world) as systemd:
        write_units(systemd, SOCKETS)
        systemd.run("kschannelctl", "enable", "--no-reload", "passed")
        systemd.run("systemctl", "daemon-reload")
        systemd.restart("passed.socket", 7113)
        found = world.run(["kschannelctl", "audit"], wanted=1).decode()
        assert re.search(r"^servers +require +listen +\S+:7113 ", found, re.M), found
        with socket.create_connection((NAME, 7113)) as peer:
            peer.sendall(b"in plaintext")
            await_that(lambda: systemd.run("systemctl", "is-failed", "passed",
                                           wanted=None) == b"failed\n", "the refusal")
            systemd.run("systemctl", "stop", "passed.socket", "passed")
            peer.settimeout(60)
            try:
                assert not peer.recv(100)
            except ConnectionResetError:
                pass

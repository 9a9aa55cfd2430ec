# SPDX-License-Identifier: GPL-2.0-only
"""Services as Debian's packages set them up, each described by a line of a table: under
systemd, enabled, restarted, and used while everything is captured."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lone import can_bpf, need_bpf
from within import Systemd
from world import PATIENCE_S, SECRET, await_that, is_listening, secret, tls

RULES = "many.conf"
# A line that is secret
LINE = secret(3 * len(SECRET)).strip()


def converse(peer, *pairs):
    """A dialogue: pairs of what is sent, and what is awaited then; the last answer. A server
    that speaks first is sent nothing at first."""
    got = b""
    for given, wanted in pairs:
        peer.sendall(given)
        got = b""
        while not re.search(wanted, got, re.S):
            more = peer.recv(65536)
            assert more, f"sent {given}, awaited {wanted}, got {got}"
            got += more
    return got


@dataclass
class Talk:
    """A dialogue over TLS."""
    port: int
    pairs: tuple

    def __call__(self, world):
        with tls(self.port) as peer:
            peer.settimeout(PATIENCE_S)
            converse(peer, *self.pairs)


@dataclass
class Client:
    """A service's own client, which knows nothing of TLS, and what it has to say."""
    argv: tuple
    wanted: bytes = b""
    given: bytes = b""

    def __call__(self, world):
        got = world.client(*self.argv, input=self.given)
        assert re.search(self.wanted, got, re.S), got


@dataclass
class Arrived:
    """What a server writes, after a while perhaps, to a file."""
    path: str
    wanted: bytes = LINE

    def __call__(self, world):
        file = Path(self.path)
        await_that(lambda: file.exists() and self.wanted in file.read_bytes(), self.path)


@dataclass
class Refused:
    """What a service logs when its sockets are refused."""
    unit: str
    wanted: bytes = b"listen.*Operation not permitted"

    def __call__(self, systemd):
        await_that(lambda: re.search(self.wanted, systemd.log(self.unit)),
                   f"{self.unit} to be refused")


@dataclass
class Service:
    """One service."""
    # the package
    name: str
    what: str
    # systemd's name; a package may have several that it takes
    units: tuple
    # where they listen when they are ready; none where they don't
    port: int
    # what is done with it, of which all that is said is captured
    use: tuple
    # files that are written before, and commands: its configuration
    files: dict = None
    before: tuple = ()
    # commands when it runs
    ready: tuple = ()
    # where the kernel has no hook for a BPF program it is left out
    bpf: bool = False
    # it takes the preloaded library from its processes, by another environment or other
    # rights: what shows that these are refused then, where there is nothing but the library
    lost: tuple = ()
    # how it begins, if it has a protection of its own and the rules say never
    begins: bytes = None


def page(port, target="/secret.txt"):
    """A page of a web server, over TLS."""
    request = f"GET {target} HTTP/1.0\r\nHost: server.test\r\n\r\n".encode()
    return Talk(port, ((request, rb"HTTP/1\.[01] 200.*" + LINE),))


def write(files):
    """Files where they belong; scripts can be run."""
    for name, text in (files or {}).items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o755 if path.read_bytes().startswith(b"#!") else 0o644)


def audit():
    """What should be protected, and is not: its lines, whose widths vary."""
    found = subprocess.run(["kschannelctl", "audit"], check=False, stdout=subprocess.PIPE)
    assert found.returncode in (0, 1), found
    return {tuple(line.split()) for line in found.stdout.decode().splitlines()[1:] if line}


def exercise(world, service):
    """A service, enabled and restarted; whatever is sent, and wherever, is protected."""
    # what systemd listens at is protected by one alone
    if service.bpf or any(unit.endswith(".socket") for unit in service.units):
        need_bpf()
    write(service.files)
    lost = service.lost and not can_bpf()
    # it may not even start
    refused = service.units[-1] if lost else None
    with Systemd(world) as systemd:
        try:
            for command in service.before:
                systemd.run("sh", "-c", command)
            systemd.run("systemctl", "daemon-reload")
            for unit in service.units:
                said = systemd.run("kschannelctl", "enable", unit).decode()
                print(f"# {said.splitlines()[0]}", flush=True)
            # packages have systemd listen for others, too
            before = audit()
            ports = [service.port] if service.port and not lost else []
            with world.wire(*ports, label=f"{service.name}, ", others=True,
                            begins=service.begins):
                for unit in service.units:
                    systemd.run("systemctl", "restart", unit, wanted=None if unit == refused else 0)
                if ports:
                    await_that(lambda: is_listening(*ports), f"{service.name} to listen")
                for command in service.ready:
                    systemd.run("sh", "-c", command)
                if lost:
                    for part in service.lost:
                        part(systemd)
                else:
                    for part in service.use:
                        part(world)
                found = audit() - before
                assert not found, found
            for unit in reversed(service.units):
                systemd.run("systemctl", "stop", unit)
                systemd.run("kschannelctl", "disable", unit)
        except Exception:
            for unit in service.units:
                (world.home / f"{unit}.log").write_bytes(
                    systemd.log(unit, "-n", "30", wanted=None))
            raise


def tests_of(services):
    """Tests, by the name that the suite knows them by."""
    def test_of(service):
        def test(world):
            exercise(world, service)
        test.__doc__ = f"{', '.join(service.units)}: {service.what}"
        return test
    return {f"test_{service.name.replace('-', '_')}": test_of(service)
            for service in services}

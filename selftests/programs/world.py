# SPDX-License-Identifier: GPL-2.0-only
"""What a test of programs needs: to start them, protected or not, and to see what is
on the wire."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import capture

CA = "/etc/kschannel/ca.pem"
NAME = "server.test"
# In all that is sent, so that it would be found in captured plaintext.
SECRET = b"This sentence is not for everybody. "
# By what the capture's end is known
DISCARD = 9
# For one program; the test has a limit of its own.
PATIENCE_S = 400


class Skip(Exception):
    """The test can't be run here; the text says why."""


def secret(size):
    """So many bytes that are easily found."""
    return (SECRET * (size // len(SECRET) + 1))[:size]


def protected(*argv):
    """The command, run so that the policy decides on its connections: by the best way,
    which is not the same on all kernels and for all users."""
    return ["kschannelctl", "run", "--", *map(str, argv)]


def await_that(condition, what):
    """There is no event to wait for."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"timed out: {what}")
        time.sleep(0.05)


def is_listening(port):
    """Whether a process listens on a port."""
    done = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], check=True,
                          stdout=subprocess.PIPE)
    return bool(done.stdout.strip())


def tls_over(raw, name=NAME):
    """The client's end of TLS over a connection that there is: OpenSSL's."""
    return ssl.create_default_context(cafile=CA).wrap_socket(raw, server_hostname=name)


def tls(port, name=NAME):
    """A connection of a plain TLS peer."""
    return tls_over(socket.create_connection((name, port), PATIENCE_S), name)


class Wire:
    """What is on the wire to and from some ports, while this is entered: TLS, or what begins
    as it is said to and is no TLS. With others, all else that is on the wire is TLS, too."""

    def __init__(self, home, *ports, begins=None, others=False, label=""):
        self.ports = ports
        self.begins = begins
        self.others = others
        self.label = label
        self.file = home / "wire.pcap"
        self.process = None

    def __enter__(self):
        which = "tcp" if self.others else \
            " or ".join(f"tcp port {port}" for port in self.ports)
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-U", "-B", "65536", "-w", str(self.file),
             f"{which} or udp port {DISCARD}"], stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump does not start")
        return self

    def _finish(self):
        """Everything before this datagram has been written when it has."""
        mark = b"the end of " + os.urandom(8).hex().encode()
        before = self.file.stat().st_size
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(mark, ("127.0.0.1", DISCARD))
        await_that(lambda: mark in self._written(before), "the capture's end")

    def _written(self, at):
        """What the capture has from there on."""
        with open(self.file, "rb") as file:
            file.seek(at)
            return file.read()

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._finish()
        finally:
            self.process.send_signal(signal.SIGINT)
            _, words = self.process.communicate()
        if kind is None:
            assert "\n0 packets dropped by kernel" in words, words
            self._judge()

    def _judge(self):
        found = capture.streams(self.file)
        if self.begins:
            assert all(stream.bytes().startswith(self.begins) for stream in found)
        ends = {end for stream in found for end in (stream.source, stream.target)
                if end[1] in self.ports}
        if self.others:
            ends |= {stream.target for stream in found if stream.opened}
        seen = set()
        for end in sorted(ends):
            leg = capture.leg(found, end, SECRET)
            # without a listener there are no bytes
            if leg.bytes:
                self._judge_leg(end[1], leg)
                seen.add(end[1])
        assert seen.issuperset(self.ports), f"of {self.ports} nothing but {seen}"

    def _judge_leg(self, port, leg):
        """The connections with one end."""
        data = leg.records["application_data"]
        besides = "" if port in self.ports else " besides"
        print(f"# {self.label}port {port}{besides}: {leg.connections} connections, "
              f"{leg.bytes} bytes, {data} records of data, {leg.other_bytes} other bytes")
        assert not leg.found, "what is secret is on the wire"
        if self.begins:
            assert not leg.records, "there are records of TLS"
            return
        assert data, "no record of application data"
        assert not leg.other_bytes, "not only records are on the wire"


class World:
    """The programs of one test, gone with it."""

    def __init__(self, name):
        self.home = Path("/tmp/programs") / name
        self.processes = []

    def __enter__(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        # for servers with a user of their own
        self.home.chmod(0o755)
        self.home.parent.chmod(0o755)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def words(self):
        """The last that the servers said."""
        lines = []
        for file in sorted(self.home.glob("*.log")):
            text = file.read_text(errors="replace").splitlines()
            lines += [f"{file.name}: {line}" for line in text[-15:]]
        return lines

    def wire(self, *ports, **more):
        """To be entered with "with"."""
        return Wire(self.home, *ports, **more)

    def start(self, argv, port, log="server", **more):
        """Start a server and wait until it listens."""
        assert not is_listening(port), f"port {port} is in use"
        with open(self.home / f"{log}.log", "wb") as file:
            process = subprocess.Popen(
                list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.processes.append(process)

        def ready():
            assert process.poll() is None, f"{argv} ended"
            return is_listening(port)

        await_that(ready, f"{argv} to listen")
        return process

    def run(self, argv, wanted=0, **more):
        """Run a program to its end; what it says."""
        done = subprocess.run(list(map(str, argv)), check=False, timeout=PATIENCE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        assert done.returncode == wanted, \
            f"{argv}: status {done.returncode}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def client(self, *argv, **more):
        """Run a client that knows nothing of TLS."""
        return self.run(protected(*argv), **more)

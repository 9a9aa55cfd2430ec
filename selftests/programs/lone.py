# SPDX-License-Identifier: GPL-2.0-only
"""Statically linked programs, and Go's, which a library can't be preloaded into."""

import subprocess
from pathlib import Path

from world import Skip, secret, tls

PORT = 7108
GO_PORT = 7109
STATIC = "/opt/programs/static"
# There where the host has a Go compiler
GO = "/opt/programs/echo"
RUN = ["kschannelctl", "run", "--way", "bpf", "--"]


def can_bpf():
    """Whether the kernel has a hook for a BPF program."""
    symbols = Path("/proc/kallsyms").read_text(encoding="ascii")
    return " update_socket_protocol\n" in symbols


def need_bpf():
    """Leaves the test out where the kernel has no hook for a BPF program."""
    if not can_bpf():
        raise Skip("the kernel has no update_socket_protocol()")


def over_tls(world, program, port):
    """The program's server, and a client over TLS."""
    world.start([*RUN, program, "serve", port], port)
    with world.wire(port), tls(port) as peer, peer.makefile("rwb") as file:
        file.write(secret(50000))
        file.flush()
        assert file.read(50000) == secret(50000)


def with_itself(world, program, port):
    """The program's server and its client."""
    world.start([*RUN, program, "serve", port], port)
    with world.wire(port):
        assert world.run([*RUN, program, "ask", port, "100000"]) == b"came back\n"


def test_static_server(world):
    """a static server, and a client over TLS"""
    need_bpf()
    over_tls(world, STATIC, PORT)


def test_static_client(world):
    """a static server and a static client"""
    need_bpf()
    with_itself(world, STATIC, PORT)


def need_go():
    """Leaves the test out where there is no program made by Go."""
    need_bpf()
    if not Path(GO).exists():
        raise Skip("there was no Go compiler")


def test_go_server(world):
    """a server made with Go, and a client over TLS"""
    need_go()
    over_tls(world, GO, GO_PORT)


def test_go_client(world):
    """a server and a client made with Go, eight connections at a time"""
    need_go()
    with_itself(world, GO, GO_PORT)


def test_static_refused(world):
    """a static program is not run unprotected"""
    done = subprocess.run(["kschannelctl", "run", "--client", "--", STATIC, "ask", "1", "1"],
                          check=False, stderr=subprocess.PIPE, cwd=world.home)
    assert done.returncode == 126, done
    assert b"statically linked" in done.stderr, done

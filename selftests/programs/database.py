# SPDX-License-Identifier: GPL-2.0-only
"""PostgreSQL, with psql, pgbench, and a client that speaks TLS from the first byte."""

import struct
import subprocess
from pathlib import Path

from world import NAME, await_that, protected, secret, tls

PORT = 7102
# A release of Debian has one.
VERSION = next(Path("/usr/lib/postgresql").iterdir()).name
BIN = f"/usr/lib/postgresql/{VERSION}/bin"
CLUSTER = f"/etc/postgresql/{VERSION}/main"


def postgres(world, port=PORT, run=protected, **settings):
    """Start the cluster that the package has made; protected, and then without TLS of its
    own, unless set otherwise."""
    # clients are trusted: it is not about passwords
    access = world.home / "hba"
    access.write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    world.run(["install", "-d", "-o", "postgres", "/run/postgresql"])
    settings = {"config_file": f"{CLUSTER}/postgresql.conf", "port": port,
                "listen_addresses": "127.0.0.1", "ssl": "off", "hba_file": access,
                "fsync": "off", **settings}
    # a program that becomes the server: when it has ended, so has the server
    user = ("--reuid=postgres", "--regid=postgres", "--init-groups")
    world.start(["setpriv", *user, "--", *run(
        f"{BIN}/postgres", *(f"--{name}={value}" for name, value in settings.items()))],
        port, cwd="/")
    # it listens before it has recovered
    asked = [f"{BIN}/pg_isready", "-q", "-h", "/run/postgresql", "-p", str(port)]
    await_that(lambda: subprocess.run(asked, check=False).returncode == 0, asked)


def psql(*argv):
    """psql's command line; it asks for neither TLS nor Kerberos."""
    where = f"host={NAME} port={PORT} user=postgres sslmode=disable gssencmode=disable"
    return ["psql", "-qAtX", "-d", where, *argv]


def test_psql(world):
    """PostgreSQL and psql, neither with TLS as they think"""
    postgres(world)
    data = secret(300000).decode()
    with world.wire(PORT):
        got = world.client(*psql("-c", "select 6 * 7"))
        assert got == b"42\n", got
        world.client(*psql("-c", "create table t (n int, line text)", "-c",
                           "copy t from stdin"),
                     input="".join(f"{i}\t{data[:1000]}\n"
                                   for i in range(300)).encode())
        got = world.client(*psql("-c", "copy (select line from t order by n) to stdout"))
        assert got == f"{data[:1000]}\n".encode() * 300, f"{len(got)} bytes"
    # what is no TCP is left alone
    got = world.client("psql", "-qAtX", "-h", "/run/postgresql", "-p", PORT, "-U",
                       "postgres", "-c", "select count(*) from t")
    assert got == b"300\n", got


def test_pgbench(world):
    """pgbench, four clients"""
    postgres(world)
    where = ["-h", NAME, "-p", PORT, "-U", "postgres"]
    quiet = {"PGSSLMODE": "disable", "PGGSSENCMODE": "disable", "PATH": "/usr/bin:/bin"}
    with world.wire(PORT):
        world.client(f"{BIN}/pgbench", *where, "-q", "-i", "-s", "1",
                     "postgres", env=quiet)
        got = world.client(f"{BIN}/pgbench", *where, "-c", "4", "-j", "2", "-t", "25",
                           "-C", "postgres", env=quiet).decode()
    assert "number of transactions actually processed: 100/100" in got, got


def message(kind, body):
    """As the protocol's version 3 has it."""
    return kind + struct.pack(">I", len(body) + 4) + body


def answer(file):
    """The server's messages up to ReadyForQuery."""
    found = []
    while True:
        kind, length = struct.unpack(">cI", file.read(5))
        found.append((kind, file.read(length - 4)))
        if kind == b"Z":
            return found
        assert kind != b"E", found


def test_direct_tls(world):
    """PostgreSQL, and a client that speaks TLS from the first byte"""
    postgres(world)
    with world.wire(PORT), tls(PORT) as peer, peer.makefile("rwb") as file:
        file.write(message(b"", struct.pack(">I", 3 << 16) +
                           b"user\0postgres\0database\0postgres\0\0"))
        file.flush()
        assert answer(file)[0] == (b"R", bytes(4))
        file.write(message(b"Q", b"select repeat('" + secret(36) + b"', 5000)\0"))
        file.flush()
        rows = [body for kind, body in answer(file) if kind == b"D"]
        assert rows[0][6:] == secret(36) * 5000
        file.write(message(b"X", b""))
        file.flush()

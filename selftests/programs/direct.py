# SPDX-License-Identifier: GPL-2.0-only
"""TLS from the first byte as PostgreSQL and psql have it since version 17: with the kernel's
on one side and OpenSSL's, their own, on the other."""

import shutil
import subprocess

from database import postgres
from world import CA, NAME, secret

# each with a rule of its own
PORT = 7111
OWN_PORT = 7112
QUERY = f"select repeat('{secret(36).decode()}', 1000) from generate_series(1, 100)"
ROWS = (secret(36000) + b"\n") * 100


def psql(port, *words, host=NAME):
    """psql's command line."""
    where = f"host={host} hostaddr=127.0.0.1 port={port} user=postgres"
    return ["psql", "-qAtX", "-d", " ".join([where, *words]), "-c", QUERY]


def direct(**more):
    """The command line of a psql that does TLS itself, and checks the server's name."""
    authority = more.pop("authority", CA)
    return psql(PORT, "sslmode=verify-full", "sslnegotiation=direct",
                f"sslrootcert={authority}", **more)


def refused(world, argv, why):
    """psql gets no connection, for this reason."""
    done = subprocess.run(argv, check=False, cwd=world.home, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 2 and why in done.stderr, done


def test_direct_server(world):
    """PostgreSQL by the policy, and psql with sslmode=verify-full and direct TLS"""
    postgres(world, PORT)
    with world.wire(PORT):
        got = world.run(direct())
        assert got == ROWS, f"{len(got)} bytes"
        refused(world, direct(authority="/etc/kschannel/unknown-ca.pem"),
                b"certificate verify failed")
        refused(world, direct(host="other.test"), b"does not match host name")
        # the server goes on
        assert world.run(direct()) == ROWS


def test_direct_client(world):
    """PostgreSQL with TLS of its own, and psql by the policy"""
    key = world.home / "server.key"
    shutil.copy("/etc/kschannel/server.key", key)
    shutil.chown(key, "postgres")
    postgres(world, OWN_PORT, lambda *argv: argv, ssl="on", ssl_key_file=key,
             ssl_cert_file="/etc/kschannel/server.pem")
    with world.wire(OWN_PORT):
        got = world.client(*psql(OWN_PORT, "sslmode=disable", "gssencmode=disable"))
        assert got == ROWS, f"{len(got)} bytes"

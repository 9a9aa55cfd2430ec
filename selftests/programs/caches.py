# SPDX-License-Identifier: GPL-2.0-only
"""Redis and memcached."""

from world import CA, NAME, PATIENCE_S, protected, secret, tls

REDIS = 7103
REDIS_TLS = 7104
MEMCACHED = 7105
VALUE = secret(200000)

MEMCACHED_CLIENT = """
import socket, sys
value = sys.stdin.buffer.read()
with socket.create_connection(("server.test", %d)) as peer, peer.makefile("rwb") as file:
    file.write(b"set k 0 0 %%d\\r\\n%%s\\r\\n" %% (len(value), value))
    file.flush()
    assert file.readline() == b"STORED\\r\\n"
    file.write(b"get k\\r\\n")
    file.flush()
    assert file.readline() == b"VALUE k 0 %%d\\r\\n" %% len(value)
    assert file.read(len(value)) == value
""" % MEMCACHED


def redis(world, *options):
    """The server's command line."""
    return ["redis-server", "--save", "", "--appendonly", "no", "--dir", world.home,
            "--bind", "127.0.0.1", *options]


def store_and_get(cli):
    """A long value, there and back."""
    assert cli("-x", "set", "k", input=VALUE) == b"OK\n"
    assert cli("get", "k") == VALUE + b"\n"
    assert cli("strlen", "k") == str(len(VALUE)).encode() + b"\n"


def test_redis(world):
    """Redis and redis-cli, neither with TLS as they think"""
    world.start(protected(*redis(world, "--port", REDIS)), REDIS)
    with world.wire(REDIS):
        store_and_get(lambda *a, **k: world.client("redis-cli", "-h", NAME, "-p", REDIS,
                                                   *a, **k))


def test_redis_benchmark(world):
    """redis-benchmark, ten connections"""
    world.start(protected(*redis(world, "--port", REDIS)), REDIS)
    with world.wire(REDIS):
        got = world.client("redis-benchmark", "-h", NAME, "-p", REDIS, "-c", "10", "-n",
                           "1000", "-t", "set,get", "-d", "1000", "-P", "4", "-q")
    assert got.count(b"requests per second") == 2, got


def test_redis_tls_client(world):
    """Redis, and redis-cli over TLS"""
    world.start(protected(*redis(world, "--port", REDIS)), REDIS)
    with world.wire(REDIS):
        store_and_get(lambda *a, **k: world.run(
            ["redis-cli", "--tls", "--cacert", CA, "--sni", NAME, "-h", NAME, "-p", REDIS,
             *a], **k))


def test_redis_tls_server(world):
    """Redis over TLS, and redis-cli that thinks it is plain"""
    world.start(redis(world, "--port", "0", "--tls-port", REDIS_TLS, "--tls-cert-file",
                      "/etc/kschannel/server.pem", "--tls-key-file",
                      "/etc/kschannel/server.key", "--tls-ca-cert-file", CA,
                      "--tls-auth-clients", "no"), REDIS_TLS)
    with world.wire(REDIS_TLS):
        store_and_get(lambda *a, **k: world.client("redis-cli", "-h", NAME, "-p",
                                                   REDIS_TLS, *a, **k))


def memcached(world):
    """Start it."""
    world.start(protected("memcached", "-l", "127.0.0.1", "-p", MEMCACHED, "-U",
                          "0", "-u", "nobody", "-t", "4"), MEMCACHED)


def test_memcached(world):
    """memcached, and a client that thinks it is plain"""
    memcached(world)
    with world.wire(MEMCACHED):
        for _ in range(5):
            world.client("python3", "-c", MEMCACHED_CLIENT, input=VALUE)


def test_memcached_tls(world):
    """memcached, and a client over TLS"""
    memcached(world)
    with world.wire(MEMCACHED), tls(MEMCACHED) as peer, peer.makefile("rwb") as file:
        peer.settimeout(PATIENCE_S)
        file.write(b"set k 0 0 %d\r\n%s\r\nget k\r\n" % (len(VALUE), VALUE))
        file.flush()
        assert file.readline() == b"STORED\r\n"
        assert file.readline() == b"VALUE k 0 %d\r\n" % len(VALUE)
        assert file.read(len(VALUE)) == VALUE

# SPDX-License-Identifier: GPL-2.0-only
"""OpenSSH, which the policy leaves alone."""

import json

from world import NAME, protected, secret

PORT = 7110
SIZE = 300000

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host
AuthorizedKeysFile {home}/key.pub
StrictModes no
UsePAM no
PidFile none
"""


def keys(world):
    """The server's key and the user's; the server's is known."""
    for name in ("host", "key"):
        world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.home / name])
    public = (world.home / "host.pub").read_text(encoding="ascii").split()[:2]
    (world.home / "known").write_text(f"{NAME} {' '.join(public)}\n", encoding="ascii")


def sshd(world):
    """Start it."""
    keys(world)
    config = world.home / "sshd_config"
    config.write_text(CONFIG.format(home=world.home, port=PORT), encoding="ascii")
    world.run(["install", "-d", "/run/sshd"])
    world.start(protected("/usr/sbin/sshd", "-D", "-e", "-f", config), PORT)


def ssh(world, *command, **more):
    """Run a command there, through nc."""
    return world.client("ssh", "-F", "none", "-o", f"ProxyCommand=nc {NAME} {PORT}",
                        "-o", f"UserKnownHostsFile={world.home}/known", "-o", "BatchMode=yes",
                        "-i", world.home / "key", f"root@{NAME}", *command, **more)


def left_plain(world):
    """How many connections the policy has left plain, and how many of these it would rather
    not have."""
    stats = json.loads(world.run(["kschannelctl", "stats", "--json"]))
    return stats["policy_plain"], stats["policy_fallbacks"], stats["handshakes_ok"]


def test_ssh(world):
    """sshd, and ssh through nc, by a rule that says never"""
    sshd(world)
    plain, fallbacks, handshakes = left_plain(world)
    with world.wire(PORT, begins=b"SSH-2.0-"):
        assert ssh(world, "cat", input=secret(SIZE)) == secret(SIZE)
    # nc's end and sshd's
    assert left_plain(world) == (plain + 2, fallbacks, handshakes), left_plain(world)


def test_ssh_audit(world):
    """an audit, by way of ssh, does not report that connection"""
    sshd(world)
    got = ssh(world, f"ss -Htn state established 'dport = :{PORT}' && kschannelctl audit")
    connection, *found = got.decode().splitlines()
    assert f":{PORT}" in connection and not [f for f in found if f":{PORT}" in f], got

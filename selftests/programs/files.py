# SPDX-License-Identifier: GPL-2.0-only
"""rsync with its daemon."""

import os

from world import CA, NAME, protected, secret

PORT = 7106

CONFIG = """
use chroot = no
uid = root
[files]
    path = {home}/files
    read only = no
"""


def rsyncd(world):
    """Start the daemon with some files."""
    files = world.home / "files"
    files.mkdir()
    for number in range(20):
        (files / f"f{number}").write_bytes(secret(number * 20000))
    config = world.home / "rsyncd.conf"
    config.write_text(CONFIG.format(home=world.home))
    world.start(protected("rsync", "--daemon", "--no-detach", "--config", config,
                          "--port", PORT, "--address", "127.0.0.1",
                          "--log-file", world.home / "rsyncd.log"), PORT)


def same(world, one, other):
    """Whether two directories hold the same."""
    world.run(["diff", "-r", world.home / one, world.home / other])


def test_rsync(world):
    """rsync, there and back, without TLS as it thinks"""
    rsyncd(world)
    url = f"rsync://{NAME}:{PORT}/files/"
    with world.wire(PORT):
        world.client("rsync", "-a", url, world.home / "got/")
        same(world, "files", "got")
        (world.home / "got/new").write_bytes(secret(500000))
        world.client("rsync", "-a", "--delete", f"{world.home}/got/", url)
        same(world, "files", "got")


def test_rsync_openssl(world):
    """rsync, through openssl s_client"""
    rsyncd(world)
    program = (f"openssl s_client -quiet -verify_quiet -verify_return_error -CAfile {CA} "
               f"-verify_hostname {NAME} -connect 127.0.0.1:{PORT}")
    with world.wire(PORT):
        world.run(["rsync", "-a", f"rsync://{NAME}/files/", world.home / "got/"],
                  env={**os.environ, "RSYNC_CONNECT_PROG": program})
    same(world, "files", "got")

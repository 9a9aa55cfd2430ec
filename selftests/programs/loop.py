# SPDX-License-Identifier: GPL-2.0-only
"""Python's asyncio."""

from world import NAME, protected, secret, tls

PORT = 7107

SERVER = f"""
import asyncio
async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", {PORT}, backlog=64)
    await server.serve_forever()
asyncio.run(main())
"""

CLIENT = f"""
import asyncio, sys
data = sys.stdin.buffer.read()
async def ask():
    reader, writer = await asyncio.open_connection("{NAME}", {PORT})
    writer.write(data)
    got = await reader.readexactly(len(data))
    writer.close()
    await writer.wait_closed()
    return got == data
async def main():
    assert all(await asyncio.gather(*(ask() for _ in range(30))))
asyncio.run(main())
"""


def test_asyncio(world):
    """a server and a client, 30 connections at a time"""
    world.start(protected("python3", "-c", SERVER), PORT)
    with world.wire(PORT):
        world.client("python3", "-c", CLIENT, input=secret(20000))


def test_asyncio_tls(world):
    """a server, and a client over TLS"""
    world.start(protected("python3", "-c", SERVER), PORT)
    with world.wire(PORT), tls(PORT) as peer, peer.makefile("rwb") as file:
        file.write(secret(50000))
        file.flush()
        assert file.read(50000) == secret(50000)

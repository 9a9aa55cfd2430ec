# SPDX-License-Identifier: GPL-2.0-only
"""nginx, with curl, wget and git as its clients."""

from world import CA, NAME, protected, secret

PORT = 7101
PAGE = secret(1024)
FILE = secret(4 << 20)

CONFIG = """
worker_processes 4;
daemon off;
pid {home}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 60;
    client_body_temp_path {home}/body;
    server {{
        listen 127.0.0.1:{port};
        root {home}/www;
        location /put/ {{ dav_methods PUT; }}
    }}
}}
"""


def nginx(world):
    """Start it, with a page and a file."""
    www = world.home / "www"
    www.mkdir()
    (www / "page").write_bytes(PAGE)
    (www / "file").write_bytes(FILE)
    config = world.home / "nginx.conf"
    config.write_text(CONFIG.format(home=world.home, port=PORT))
    world.start(protected("nginx", "-c", config, "-e", "stderr"), PORT)
    return www


def fetch(world, curl, scheme):
    """The page twice by one connection, the file, a part of it, and many at a time."""
    base = f"{scheme}://{NAME}:{PORT}"
    got = curl("-sS", f"{base}/page", f"{base}/page", "-w", "%{num_connects}")
    assert got == PAGE + b"1" + PAGE + b"0", f"{len(got)} bytes"
    assert curl("-sS", f"{base}/file") == FILE
    assert curl("-sS", "-r", "100000-200000", f"{base}/file") == FILE[100000:200001]
    out = world.home / scheme
    out.mkdir()
    curl("-sS", "-Z", "--parallel-max", "12", "-o", f"{out}/#1",
         f"{base}/page?[1-30]")
    assert [f.read_bytes() for f in out.iterdir()] == [PAGE] * 30


def test_nginx_https(world):
    """nginx, and curl over TLS"""
    nginx(world)
    with world.wire(PORT):
        fetch(world, lambda *a: world.run(["curl", "--cacert", CA, *a]), "https")


def test_nginx_http(world):
    """nginx, and curl that thinks it is plain http"""
    nginx(world)
    with world.wire(PORT):
        fetch(world, lambda *a: world.client("curl", *a), "http")


def test_wget(world):
    """nginx, and wget that thinks it is plain http"""
    nginx(world)
    with world.wire(PORT):
        got = world.client("wget", "-q", "-O", "-", f"http://{NAME}:{PORT}/file")
    assert got == FILE


def test_git(world):
    """git, cloning by plain http as it thinks, and by https"""
    www = nginx(world)
    source = world.home / "source"
    git = ["git", "-c", "init.defaultBranch=main", "-c", "user.name=A",
           "-c", "user.email=a@server.test"]
    world.run([*git, "init", "-q", source])
    (source / "text").write_bytes(secret(100000))
    world.run([*git, "add", "text"], cwd=source)
    world.run([*git, "commit", "-q", "-m", "one"], cwd=source)
    bare = www / "repo.git"
    world.run([*git, "clone", "-q", "--bare", source, bare])
    world.run([*git, "update-server-info"], cwd=bare)
    world.run(["chmod", "-R", "a+rX", bare])
    with world.wire(PORT):
        world.client(*git, "clone", "-q", f"http://{NAME}:{PORT}/repo.git",
                     world.home / "one")
        world.run([*git, "-c", f"http.sslCAInfo={CA}", "clone", "-q",
                   f"https://{NAME}:{PORT}/repo.git", world.home / "two"])
    for copy in ("one", "two"):
        assert (world.home / copy / "text").read_bytes() == secret(100000)

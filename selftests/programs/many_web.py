# SPDX-License-Identifier: GPL-2.0-only
"""Web servers in as many languages as there are, and proxies before them."""

from base64 import b64encode

from service import Client, LINE, Refused, Service, Talk, page
from world import NAME

TEXT = LINE.decode()

# Those that have no unit of their own get the least.
UNIT = """[Service]
User=nobody
WorkingDirectory=/srv/{name}
ExecStart={command}
"""


def own(name, what, port, command, files):
    """A web server in a language whose package has no service."""
    files = {f"/srv/{name}/{file}": text for file, text in files.items()}
    return Service(name, what, (f"{name}-web",), port, (page(port), page(port)), files={
        f"/etc/systemd/system/{name}-web.service": UNIT.format(name=name, command=command),
        **files})


NODE = """
require("http").createServer((request, response) => {{
    response.end({text!r});
}}).listen(8003);
""".format(text=TEXT)

APACHE = {"/var/www/html/secret.txt": TEXT}

CALENDAR = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
            "DTSTART:20260101T000000Z\r\nDTSTAMP:20260101T000000Z\r\n"
            f"SUMMARY:{TEXT[:40]}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
RADICALE = ("Host: server.test\r\nAuthorization: Basic "
            f"{b64encode(b'user:password').decode()}\r\n")

HAPROXY = """
frontend front
    mode http
    timeout client 60s
    bind 127.0.0.1:8004
    default_backend back
backend back
    mode http
    timeout connect 60s
    timeout server 60s
    server one 127.0.0.1:80
"""


def through(name, what, port, **more):
    """A proxy for any destination."""
    return Service(name, what, ("apache2", name), port, (
        page(port, f"http://{NAME}/secret.txt"),
        Client(("curl", "-sS", "-x", f"http://{NAME}:{port}", f"http://{NAME}/secret.txt"),
               LINE)), files=APACHE, **more)


SERVICES = (
    Service("apache2", "a web server in C, processes and threads", ("apache2",), 80,
            (page(80), Client(("curl", "-sS", f"http://{NAME}/secret.txt"), LINE)),
            files=APACHE),
    own("php", "a web server in PHP", 8001, "/usr/bin/php -S 127.0.0.1:8001",
        {"secret.txt": TEXT}),
    own("ruby", "a web server in Ruby", 8002,
        "/usr/bin/ruby -run -e httpd -- --port=8002 --bind-address=127.0.0.1 .",
        {"secret.txt": TEXT}),
    own("nodejs", "a web server in JavaScript", 8003, "/usr/bin/node server.js",
        {"server.js": NODE}),
    Service("radicale", "a calendar, in Python", ("radicale",), 5232, (
        Talk(5232, ((f"PUT /user/c HTTP/1.0\r\n{RADICALE}Content-Length: {len(CALENDAR)}\r\n"
                     f"Content-Type: text/calendar\r\n\r\n{CALENDAR}".encode(), b" 201 "),)),
        Talk(5232, ((f"GET /user/c HTTP/1.0\r\n{RADICALE}\r\n".encode(), LINE[:40]),))),
            before=("chown radicale /var/lib/radicale/collections",), files={
                "/etc/radicale/config": "[auth]\ntype = none\n[rights]\ntype = owner_only\n"}),
    Service("prometheus-node-exporter", "figures, in Go", ("prometheus-node-exporter",), 9100,
            (page(9100, "/metrics"),), bpf=True, files={
                "/var/lib/prometheus/node-exporter/secret.prom":
                f'secret{{text="{TEXT}"}} 1\n'}),
    Service("jetty9", "a web server in Java", ("jetty9",), 8080, (page(8080), page(8080)),
            files={"/var/lib/jetty9/webapps/root/secret.txt": TEXT}),
    Service("haproxy", "a proxy that divides the load", ("apache2", "haproxy"), 8004, (
        page(8004), Client(("curl", "-sS", f"http://{NAME}:8004/secret.txt"), LINE)),
            files={"/etc/haproxy/haproxy.cfg": HAPROXY, **APACHE}),
    through("tinyproxy", "a proxy, and the server behind it", 8888),
    # its worker is run with the effective user of another than it is: ld.so(8), secure mode
    through("squid", "a proxy that keeps copies", 3128, lost=(Refused("squid"),)),
)

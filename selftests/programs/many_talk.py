# SPDX-License-Identifier: GPL-2.0-only
"""Mail, chat, names, logs, and what starts others."""

import socket
import ssl
import struct
from base64 import b64encode
from contextlib import suppress

from service import Arrived, Client, LINE, Refused, Service, Talk, converse
from world import NAME, PATIENCE_S, tls

TEXT = LINE.decode()

MAIL = (
    (b"", rb"^220 .*\r\n$"),
    (b"EHLO client.test\r\n", rb"250 [^\r]*\r\n$"),
    (b"MAIL FROM:<root@localhost>\r\n", rb"^250 .*\r\n$"),
    (b"RCPT TO:<user@localhost>\r\n", rb"^250 .*\r\n$"),
    (b"DATA\r\n", rb"^354 .*\r\n$"),
    (b"Subject: secret\r\n\r\n%s\r\n.\r\n" % LINE, rb"^250 .*\r\n$"),
    (b"QUIT\r\n", rb"^221 .*\r\n$"),
)

IMAP = (
    (b"", rb"^\* OK .*\r\n$"),
    (b"1 LOGIN user something\r\n", rb"1 OK .*\r\n$"),
    (b"2 APPEND INBOX {%d}\r\n" % (len(LINE) + 2), rb"^\+ .*\r\n$"),
    (b"\r\n" + LINE + b"\r\n", rb"2 OK .*\r\n$"),
    (b"3 SELECT INBOX\r\n", rb"3 OK .*\r\n$"),
    (b"4 FETCH * BODY[]\r\n", LINE + rb".*4 OK .*\r\n$"),
)

IRC = (
    (b"NICK me\r\nUSER me 0 * :me\r\n", rb":[^ ]+ (376|422) me "),
    (b"PRIVMSG me :%s\r\n" % LINE, b"PRIVMSG me :" + LINE),
)

STREAM = (b"<stream:stream to='localhost' xmlns='jabber:client' version='1.0' "
          b"xmlns:stream='http://etherx.jabber.org/streams'>")
XMPP = (
    (b"<?xml version='1.0'?>" + STREAM, b"</stream:features>$"),
    (b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" %
     b64encode(b"\0user\0something"), b"<success"),
    (STREAM, b"</stream:features>$"),
    (b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
     b"<resource>r</resource></bind></iq>", b"</iq>$"),
    (b"<presence/><message to='user@localhost/r' type='chat'><body>%s</body></message>" % LINE,
     b"<body>" + LINE),
)

ZONE = f"""$TTL 60
@ IN SOA localhost. root.localhost. 1 60 60 60 60
@ IN NS localhost.
secret IN TXT "{TEXT}"
"""
QUESTION = struct.pack(">HHHHHH", 1, 0x100, 1, 0, 0, 0) + b"\6secret\4test\0\0\x10\0\1"

PLUGIN = f"""#!/bin/sh
echo "secret.value 1"
echo "# {TEXT}"
"""

# A server that does not echo
REQUEST = f"GET / HTTP/1.0\r\nHost: localhost\r\nX-Secret: {TEXT}\r\n\r\n".encode()

SOURCE = (b"SOURCE /x HTTP/1.0\r\nAuthorization: Basic " + b64encode(b"source:hackme") +
          b"\r\nContent-Type: audio/mpeg\r\n\r\n")


def listen_in(_):
    """One plays, another listens, at the same time."""
    with tls(8000) as player, tls(8000) as listener:
        player.settimeout(PATIENCE_S)
        converse(player, (SOURCE, b" 200 "))
        listener.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        listener.settimeout(1)
        got = b""
        while LINE not in got:
            # as long as it takes until the listener is let in
            player.sendall(LINE * 100)
            with suppress(TimeoutError):
                got += listener.recv(100000)
        assert b" 200 " in got, got


KEY = "/root/.ssh/id_ed25519"
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
       "UserKnownHostsFile=/dev/null", f"root@{NAME}", "cat")

JOB = f"* * * * * root curl -sS -d '{TEXT}' http://server.test:8005/ 2>&1 | logger\n"


def await_job(_):
    """A job connects out, to a server with TLS of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/etc/kschannel/server.pem", "/etc/kschannel/server.key")
    with socket.create_server(("127.0.0.1", 8005)) as server:
        server.settimeout(PATIENCE_S)
        peer, _ = server.accept()
        with context.wrap_socket(peer, server_side=True) as peer:
            converse(peer, (b"", LINE))
            peer.sendall(b"HTTP/1.0 204 Done\r\n\r\n")


def refuse_job(systemd):
    """It does not come to a server that there is."""
    with socket.create_server(("127.0.0.1", 8005)) as server:
        Refused("cron", rb"curl: \(7\)")(systemd)
        server.setblocking(False)
        try:
            server.accept()
        except BlockingIOError:
            return
    raise AssertionError("a job without the library has connected")


SERVICES = (
    Service("postfix", "mail, taken in by a server that speaks first", ("postfix@-",), 25,
            (Talk(25, MAIL), Arrived("/var/mail/user")), lost=(Refused("postfix@-"),)),
    Service("dovecot-imapd", "mailboxes, whose processes hand connections over", ("dovecot",),
            143, (Talk(143, IMAP),), before=("echo user:something | chpasswd",)),
    Service("ngircd", "chat that asks for an ident", ("ngircd",), 6667, (Talk(6667, IRC),)),
    Service("prosody", "chat, in Lua", ("prosody",), 5222, (Talk(5222, XMPP),), files={
        "/etc/prosody/conf.d/test.cfg.lua":
        "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\n"},
            before=("prosodyctl register user localhost something",)),
    Service("bind9", "names, over TCP", ("named",), 53, (
        Talk(53, ((struct.pack(">H", len(QUESTION)) + QUESTION, LINE),)),), files={
            "/etc/bind/named.conf.local":
            'zone "test" { type master; file "/etc/bind/db.test"; };\n',
            "/etc/bind/db.test": ZONE}),
    Service("rsyslog", "logs, which its clients only send", ("rsyslog",), 514, (
        Client(("logger", "-n", NAME, "-P", "514", "-T", TEXT)), Arrived("/var/log/remote")),
            files={"/etc/rsyslog.d/tcp.conf":
                   'module(load="imtcp")\ninput(type="imtcp" port="514" ruleset="remote")\n'
                   'ruleset(name="remote") { action(type="omfile" file="/var/log/remote") }\n'}),
    Service("munin-node", "figures, in Perl, by a server that speaks first", ("munin-node",),
            4949, (Talk(4949, ((b"", b"^# munin node"), (b"fetch secret\n", LINE))),),
            files={"/etc/munin/plugins/secret": PLUGIN}),
    Service("cups-daemon", "printers, started by a socket of another kind, too", ("cups",), 631,
            (Talk(631, ((REQUEST, rb"HTTP/1\.[01] \d+ "),)),)),
    Service("icecast2", "music, by a script of System V's", ("icecast2",), 8000, (listen_in,)),
    Service("openbsd-inetd", "a program for each connection", ("openbsd-inetd",), 7007, (
        Talk(7007, ((LINE * 100, LINE * 100),)), Talk(7007, ((LINE, LINE),))), files={
            "/etc/inetd.conf": "7007 stream tcp nowait nobody /bin/cat cat\n"}),
    Service("openssh-server", "a shell elsewhere, which protects itself", ("ssh",), 22, (
        Client(SSH, LINE, LINE * 1000),), before=(
            f"install -d -m 700 /root/.ssh && rm -f {KEY}",
            f"ssh-keygen -q -t ed25519 -N '' -f {KEY}",
            f"cp {KEY}.pub /root/.ssh/authorized_keys"), begins=b"SSH-2.0-"),
    Service("cron", "a job that connects to elsewhere", ("cron",), None, (await_job,), files={
        "/etc/cron.d/secret": JOB}, lost=(refuse_job,)),
)

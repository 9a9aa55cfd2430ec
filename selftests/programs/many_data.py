# SPDX-License-Identifier: GPL-2.0-only
"""Databases, brokers, directories and files."""

import re
import socket
import struct

from service import Client, LINE, Service, Talk, converse
from world import NAME, PATIENCE_S, tls, tls_over

TEXT = LINE.decode()

MARIADB = ("mariadb", "--protocol=tcp", "--skip-ssl", "-h", NAME, "-u", "someone", "-psomething")


def frame(kind, channel, body):
    """A frame of AMQP."""
    return struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce"


def method(channel, major, minor, body=b""):
    """A method of AMQP."""
    return frame(1, channel, struct.pack(">HH", major, minor) + body)


def short(text):
    """A short string of AMQP."""
    return bytes((len(text),)) + text


def said(major, minor):
    """What is awaited: a method, and the end of a frame."""
    return re.escape(struct.pack(">HH", major, minor)) + b".*\xce$"


# Logged in with the virtual host, a channel, a queue, a message to it and back
LOGIN = b"\0guest\0guest"
AMQP = (
    (b"AMQP\0\0\x09\x01", said(10, 10)),
    (method(0, 10, 11, struct.pack(">I", 0) + short(b"PLAIN") +
            struct.pack(">I", len(LOGIN)) + LOGIN + short(b"en_US")), said(10, 30)),
    (method(0, 10, 31, struct.pack(">HIH", 100, 131072, 0)) +
     method(0, 10, 40, short(b"/") + b"\0\0"), said(10, 41)),
    (method(1, 20, 10, b"\0"), said(20, 11)),
    (method(1, 50, 10, b"\0\0" + short(b"q") + b"\0" + bytes(4)), said(50, 11)),
    (method(1, 60, 40, b"\0\0" + short(b"") + short(b"q") + b"\0") +
     frame(2, 1, struct.pack(">HHQH", 60, 0, len(LINE), 0)) + frame(3, 1, LINE) +
     method(1, 60, 20, b"\0\0" + short(b"q") + short(b"c") + b"\x02" + bytes(4)),
     LINE + b"\xce$"),
)

SAMBA = """[global]
server role = standalone server
map to guest = bad user
[share]
path = /srv/share
guest ok = yes
read only = no
"""

LDAP = ("-x", "-H", f"ldap://{NAME}", "-D", "cn=admin,dc=nodomain", "-w", "something")
ENTRY = f"""dn: ou=secret,dc=nodomain
objectClass: organizationalUnit
ou: secret
description: {TEXT}
"""
PASSWORD = """ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'E'
dn: olcDatabase={1}mdb,cn=config
changetype: modify
replace: olcRootPW
olcRootPW: something
E"""


def retrieve(_):
    """A file, for a client with a TLS of its own. The server accepts a data connection when
    it has been asked for something to send: TLS there comes after that."""
    with tls(21) as control:
        control.settimeout(PATIENCE_S)
        said = converse(control, (b"", b"^220 "), (b"USER user\r\n", b"^331 "),
                        (b"PASS something\r\n", b"^230 "), (b"EPSV\r\n", rb"^229 .*\r\n$"))
        port = int(re.search(rb"\|(\d+)\|", said).group(1))
        with socket.create_connection((NAME, port), PATIENCE_S) as raw:
            converse(control, (b"RETR /srv/ftp/secret.txt\r\n", b"^150 "))
            with tls_over(raw) as data:
                converse(data, (b"", LINE))
        converse(control, (b"QUIT\r\n", b"221 "))


# Each end waits for the other on the control connection before it takes a data connection:
# the rules for these have connect() not wait for that, too.
FTP = """write_enable=YES
pasv_min_port=40000
pasv_max_port=40099
"""
FILE = f"ftp://user:something@{NAME}//srv/ftp/secret.txt"
UPLOAD = f"ftp://user:something@{NAME}//tmp/uploaded-"


def transfers():
    """Files to and fro, over connections that the client makes, and that the server makes."""
    for mode in (), ("-P", "-"):
        # one server's machine may be slow, but does not wait for a time-out
        curl = ("curl", "-sS", "--max-time", str(PATIENCE_S), *mode)
        upload = f"{UPLOAD}{len(mode)}"
        yield Client((*curl, FILE), LINE)
        yield Client((*curl, "-T", "-", upload), given=LINE)
        yield Client((*curl, upload), LINE)


SERVICES = (
    Service("mariadb-server", "a database that speaks first", ("mariadb",), 3306, (
        Client((*MARIADB, "-e", f"create table t (line text); insert into t values ('{TEXT}')",
                "test")),
        Client((*MARIADB, "-N", "-e", "select line from t", "test"), LINE)),
            ready=("mariadb -e \"create database test; create user someone@localhost "
                   "identified by 'something'; grant all on test.* to someone@localhost\"",)),
    Service("etcd-server", "a store of keys and values, in Go", ("etcd",), 2379, (
        Client(("etcdctl", f"--endpoints=http://{NAME}:2379", "put", "k", TEXT), b"OK"),
        Client(("etcdctl", f"--endpoints=http://{NAME}:2379", "get", "k"), LINE)), bpf=True),
    Service("mosquitto", "a broker of MQTT", ("mosquitto",), 1883, (
        Client(("mosquitto_pub", "-h", NAME, "-t", "t", "-r", "-m", TEXT)),
        Client(("mosquitto_sub", "-h", NAME, "-t", "t", "-C", "1"), LINE))),
    Service("rabbitmq-server", "a broker, in Erlang, whose directory systemd listens for",
            ("epmd.socket", "rabbitmq-server"), 5672, (Talk(5672, AMQP),), files={
                "/etc/rabbitmq/rabbitmq-env.conf": "NODENAME=rabbit@localhost\n"}),
    Service("beanstalkd", "a queue of jobs", ("beanstalkd",), 11300, (
        Talk(11300, ((b"put 0 0 60 %d\r\n%s\r\n" % (len(LINE), LINE), b"INSERTED"),
                     (b"reserve\r\n", LINE + b"\r\n"))),)),
    Service("samba", "files for others", ("smbd",), 445, (
        Client(("smbclient", "-N", f"//{NAME}/share", "-c", "get secret.txt -"), LINE),
        Client(("smbclient", "-N", f"//{NAME}/share", "-c", "put /dev/stdin new"),
               given=LINE)),
            files={"/etc/samba/smb.conf": SAMBA, "/srv/share/secret.txt": TEXT},
            before=("chmod 1777 /srv/share",)),
    Service("slapd", "a directory", ("slapd",), 389, (
        Client(("ldapadd", *LDAP), b"adding new entry", ENTRY.encode()),
        Client(("ldapsearch", *LDAP, "-LLL", "-o", "ldif-wrap=no", "-b", "dc=nodomain",
                "ou=secret"), LINE)), ready=(PASSWORD,)),
    Service("vsftpd", "files, over connections of their own", ("vsftpd",), 21,
            (retrieve, *transfers()), files={"/srv/ftp/secret.txt": TEXT}, before=(
                "echo user:something | chpasswd",
                f"grep -q ^pasv_min /etc/vsftpd.conf || echo '{FTP}' >>/etc/vsftpd.conf")),
)

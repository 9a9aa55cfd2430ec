# SPDX-License-Identifier: GPL-2.0-only
"""Certificates for one run: a CA, what it signed, and what must not be trusted."""

from .base import call

# Fixed dates, so that certificates hold whatever clock the guest is given.
VALID = ("20240101000000Z", "20491231235959Z")
EXPIRED = ("20200101000000Z", "20210101000000Z")

SERVER_NAMES = ("DNS:localhost,DNS:server.test,IP:127.0.0.1,IP:::1,"
                "IP:10.0.2.15")

# name: subject, issuer, dates, extended key usage, subject alternative names
LEAVES = {
    "server": ("server.test", "ca", VALID, "serverAuth", SERVER_NAMES),
    "other": ("other.test", "ca", VALID, "serverAuth", "DNS:other.test"),
    "client": ("client.test", "ca", VALID, "clientAuth", "DNS:client.test"),
    "expired": ("server.test", "ca", EXPIRED, "serverAuth", SERVER_NAMES),
    # as CAs issue them: no subject, the name is an alternative one
    "workload": ("", "ca", VALID, "serverAuth,clientAuth",
                 "URI:spiffe://kschannel.test/workload,DNS:workload.test"),
    "unknown": ("server.test", "unknown-ca", VALID, "serverAuth", SERVER_NAMES),
}

AUTHORITIES = {"ca": "kschannel test CA", "unknown-ca": "unknown test CA"}

CONFIG = """
[ca]
default_ca = it
[it]
database = {home}/index
new_certs_dir = {home}
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
copy_extensions = none
[any]
commonName = optional
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""

LEAF = """
[{name}]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {usage}
subjectAltName = {names}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def _request(home, name, subject):
    key = home / f"{name}.key"
    call(["openssl", "genpkey", "-algorithm", "EC", "-out", key,
          "-pkeyopt", "ec_paramgen_curve:P-256"])
    call(["openssl", "req", "-new", "-key", key, "-subj", f"/CN={subject}" if subject else "/",
          "-config", home / "openssl.cnf", "-out", home / f"{name}.csr"])


def _sign(home, name, dates, section, signer):
    call(["openssl", "ca", "-batch", "-notext", "-config",
          home / "openssl.cnf", "-extensions", section,
          "-startdate", dates[0], "-enddate", dates[1],
          "-in", home / f"{name}.csr", "-out", home / f"{name}.pem",
          "-keyfile", home / f"{signer}.key",
          *(["-selfsign"] if signer == name
            else ["-cert", home / f"{signer}.pem"])])


def make(home):
    """Fill the directory HOME; the files are named in LEAVES and AUTHORITIES."""
    home.mkdir(parents=True, exist_ok=True)
    config = CONFIG.format(home=home)
    for name, (_, _, _, usage, names) in LEAVES.items():
        config += LEAF.format(name=name, usage=usage, names=names)
    (home / "openssl.cnf").write_text(config, encoding="ascii")
    (home / "index").touch()
    for name, subject in AUTHORITIES.items():
        _request(home, name, subject)
        _sign(home, name, VALID, "authority", name)
    for name, (subject, issuer, dates, _, _) in LEAVES.items():
        _request(home, name, subject)
        _sign(home, name, dates, name, issuer)
    for file in home.iterdir():
        if file.suffix not in (".pem", ".key") or file.stem.isupper() \
                or all(c in "0123456789ABCDEF" for c in file.stem):
            file.unlink()

# SPDX-License-Identifier: GPL-2.0
"""Debian packages, downloaded and unpacked under build/ but never installed.

The backports are added in an apt configuration of our own, so that neither the
machine's sources nor its package lists change.
"""

import os
import re
import shutil

from .base import RigError, VM, call, lock, say

APT = VM / "apt"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirrors():
    """This machine's Debian sources, address by suite, and the release it is."""
    form = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)"
    text = call(["apt-get", "indextargets", "--format", form,
                 "Created-By: Packages"])
    found = {}
    for line in text.splitlines():
        origin, uri, codename = line.split("|")
        if origin == "Debian":
            found[codename] = uri
    bases = [c for c in found if "-" not in c]
    if not bases:
        raise RigError("no Debian package source is set up on this machine; "
                       "'apt-get update' may help")
    return found, bases[0]


def mirrors_of(release):
    """The same sources for another release, if one is named."""
    found, own = mirrors()
    release = release or own
    return {release + codename.removeprefix(own): uri
            for codename, uri in found.items()
            if codename.split("-")[0] == own}, release


def stanzas(found):
    """Sources for apt."""
    text = []
    for codename, uri in found.items():
        stanza = (f"Types: deb\nURIs: {uri}\nSuites: {codename}\n"
                  "Components: main\n")
        if os.path.exists(KEYRING):
            stanza += f"Signed-By: {KEYRING}\n"
        text.append(stanza)
    return "\n".join(text)


def _sources():
    """This machine's Debian sources, and the backports beside them."""
    found, release = mirrors()
    found.setdefault(f"{release}-backports", found[release])
    return stanzas(found), release


def _options():
    return [
        "-o", f"Dir::Etc::sourcelist={APT}/debian.sources",
        "-o", "Dir::Etc::sourceparts=/nonexistent",
        "-o", f"Dir::State::lists={APT}/lists",
        "-o", f"Dir::Cache={APT}/cache",
        "-o", f"Dir::Cache::archives={APT}/debs",
        "-o", "APT::Sandbox::User=root",
        "-o", "APT::Update::Post-Invoke-Success::=true",
        "-o", "Debug::NoLocking=1",
        "-o", "Acquire::Retries=3",
    ]


def _update():
    """Fetch the package lists, once for each build directory."""
    stamp = APT / "updated"
    if stamp.exists():
        return
    try:
        sources, _ = _sources()
    except RigError:
        call(["apt-get", "update"])
        sources, _ = _sources()
    for name in ("lists/partial", "cache", "debs/partial"):
        (APT / name).mkdir(parents=True, exist_ok=True)
    (APT / "debian.sources").write_text(sources, encoding="ascii")
    say("fetching Debian's package lists")
    call(["apt-get", "-q", *_options(), "update"])
    stamp.touch()


def _forget():
    """The lists may be old: packages they name are gone from the archive."""
    (APT / "updated").unlink(missing_ok=True)


def newest(pattern):
    """The package matching PATTERN with the highest version in its name."""
    with lock("apt"):
        _update()
        names = call(["apt-cache", *_options(), "pkgnames"]).split()
    names = [n for n in names if re.fullmatch(pattern, n)]
    if not names:
        raise RigError(f"no Debian package is called {pattern}")

    def numbers(name):
        return [int(n) for n in re.findall(r"\d+", name)]

    return max(names, key=numbers)


def _download(names):
    with lock("apt"):
        _update()
        here = APT / "debs"
        before = set(here.glob("*.deb"))
        try:
            call(["apt-get", "-q", *_options(), "download", *names], cwd=here)
        except RigError:
            _forget()
            _update()
            call(["apt-get", "-q", *_options(), "download", *names], cwd=here)
        return sorted(set(here.glob("*.deb")) - before)


def _with_missing(name):
    """NAME and those of its dependencies that this machine lacks."""
    with lock("apt"):
        _update()
        _, release = _sources()
        text = call(["apt-get", "-q", "-s", "--no-install-recommends",
                     "-t", f"{release}-backports", *_options(),
                     "install", name])
    found = re.findall(r"^Inst (\S+) (?:\[.*?\] )?\((\S+)", text, re.M)
    return [f"{n}={v}" for n, v in found] or [f"{name}/{release}-backports"]


def unpack(names, root, dependencies=False):
    """Unpack packages into ROOT, unless they are there already."""
    stamp = root / ".unpacked"
    wanted = " ".join(names)
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return root
    with lock(f"unpack-{root.parent.name}-{root.name}"):
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return root
        full = names
        if dependencies:
            full = [x for n in names for x in _with_missing(n)]
        say("downloading " + " ".join(n.split("=")[0] for n in full))
        files = _download(full)
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        for file in files:
            call(["dpkg", "-x", file, root])
            file.unlink()
        stamp.write_text(wanted, encoding="ascii")
    return root

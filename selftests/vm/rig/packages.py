# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages, downloaded and unpacked under build/ but never installed.

They come from this machine's release of Debian, or from another one. The backports
are added in an apt configuration of our own for each release, so that neither the
machine's sources nor its package lists change.
"""

import os
import re
import shutil

from .base import RigError, VM, call, lock, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _listed():
    """Debian's sources that this machine has package lists of, address by suite."""
    form = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)"
    text = call(["apt-get", "indextargets", "--format", form,
                 "Created-By: Packages"])
    found = {}
    for line in text.splitlines():
        origin, uri, codename = line.split("|")
        if origin == "Debian":
            found[codename] = uri
    return found


def mirrors():
    """This machine's Debian sources, address by suite, and the release it is."""
    found = _listed()
    if not found:
        # there may be no lists yet
        call(["apt-get", "-q", "update"])
        found = _listed()
    bases = [c for c in found if "-" not in c]
    if not bases:
        raise RigError("no Debian package source is set up on this machine")
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


def _apt(release):
    """Where apt's lists and settings for a release are; None is this machine's."""
    return VM / (f"apt-{release}" if release else "apt")


def _sources(release):
    """Debian's sources for a release, with its backports, and the release's name."""
    found, release = mirrors_of(release)
    found.setdefault(f"{release}-backports", found[release])
    return stanzas(found), release


def _options(release):
    home = _apt(release)
    return [
        "-o", f"Dir::Etc::sourcelist={home}/debian.sources",
        "-o", "Dir::Etc::sourceparts=/nonexistent",
        "-o", f"Dir::State::lists={home}/lists",
        "-o", f"Dir::Cache={home}/cache",
        "-o", f"Dir::Cache::archives={home}/debs",
        "-o", "APT::Sandbox::User=root",
        "-o", "APT::Update::Post-Invoke-Success::=true",
        "-o", "Debug::NoLocking=1",
        "-o", "Acquire::Retries=3",
    ]


def _update(release):
    """Fetch the package lists, once for each build directory."""
    home = _apt(release)
    stamp = home / "updated"
    if stamp.exists():
        return
    sources, _ = _sources(release)
    for name in ("lists/partial", "cache", "debs/partial"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "debian.sources").write_text(sources, encoding="ascii")
    say(" ".join(["fetching Debian's package lists",
                  *([f"of {release}"] if release else [])]))
    call(["apt-get", "-q", *_options(release), "update"])
    stamp.touch()


def _forget(release):
    """The lists may be old: packages they name are gone from the archive."""
    (_apt(release) / "updated").unlink(missing_ok=True)


def newest(pattern, release=None):
    """The package matching PATTERN with the highest version in its name."""
    with lock("apt"):
        _update(release)
        names = call(["apt-cache", *_options(release), "pkgnames"]).split()
    names = [n for n in names if re.fullmatch(pattern, n)]
    if not names:
        raise RigError(f"no Debian package is called {pattern}")

    def numbers(name):
        return [int(n) for n in re.findall(r"\d+", name)]

    return max(names, key=numbers)


def _download(names, release):
    with lock("apt"):
        _update(release)
        here = _apt(release) / "debs"
        get = ["apt-get", "-q", *_options(release), "download", *names]
        before = set(here.glob("*.deb"))
        try:
            call(get, cwd=here)
        except RigError:
            _forget(release)
            _update(release)
            call(get, cwd=here)
        return sorted(set(here.glob("*.deb")) - before)


def _with_missing(name):
    """NAME and those of its dependencies that this machine lacks."""
    with lock("apt"):
        _update(None)
        _, release = _sources(None)
        text = call(["apt-get", "-q", "-s", "--no-install-recommends",
                     "-t", f"{release}-backports", *_options(None),
                     "install", name])
    found = re.findall(r"^Inst (\S+) (?:\[.*?\] )?\((\S+)", text, re.M)
    return [f"{n}={v}" for n, v in found] or [f"{name}/{release}-backports"]


def unpack(names, root, dependencies=False, release=None):
    """Unpack packages into ROOT, unless they are there already; what DEPENDENCIES adds is
    what this machine lacks, hence of its own release."""
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
        files = _download(full, release)
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        for file in files:
            call(["dpkg", "-x", file, root])
            file.unlink()
        stamp.write_text(wanted, encoding="ascii")
    return root

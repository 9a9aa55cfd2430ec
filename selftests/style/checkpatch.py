# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's checkpatch over files of the tree, with what it must not judge."""

import hashlib
import os
import re
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rig import packages
from rig.base import BUILD, RigError, TOP, call, lock, say, write_atomically

HERE = Path(__file__).resolve().parent
STYLE = BUILD / "style"
JOBS = os.cpu_count() or 1

FILES = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")
OPTIONS = ("--no-tree", "--strict", "--no-summary", "--show-types", "--terse",
           "--max-line-length=100", "--file")
# Kernel idioms that programs can't use, and what --file can't judge.
IGNORE_KERNEL = ("CONFIG_DESCRIPTION", "FILE_PATH_CHANGES", "CONSTANT_COMPARISON")
IGNORE_UAPI = IGNORE_KERNEL + ("BIT_MACRO",)
IGNORE_PROGRAMS = IGNORE_KERNEL + (
    "PREFER_KERNEL_TYPES", "SSCANF_TO_KSTRTO", "CONSTANT_CONVERSION",
    "PREFER_FALLTHROUGH", "STRCPY", "STRLCPY", "STRNCPY", "VOLATILE",
    "AVOID_EXTERNS", "NEW_TYPEDEFS", "ENOSYS", "CAMELCASE",
    "USE_NEGATIVE_ERRNO", "PREFER_DEFINED_ATTRIBUTE_MACRO", "ARRAY_SIZE",
    "BIT_MACRO", "SPLIT_STRING", "MACRO_ARG_REUSE")

COMPLAINT = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): \w+:(?P<kind>\w+): ")


class Exceptions:
    """The list of single complaints that are wrong, in "exceptions"."""

    def __init__(self):
        self.entries = []
        self.used = set()
        text = (HERE / "exceptions").read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                name, kind, pattern = line.split(None, 2)
                self.entries.append((name, kind, re.compile(pattern)))

    def cover(self, complaint):
        """Whether the list has this complaint."""
        match = COMPLAINT.match(complaint)
        if not match:
            return False
        lines = (TOP / match["file"]).read_text(encoding="utf-8").splitlines()
        number = int(match["line"])
        line = lines[number - 1] if 0 < number <= len(lines) else ""
        for entry in self.entries:
            name, kind, pattern = entry
            if (name, kind) == (match["file"], match["kind"]) and \
                    pattern.search(line):
                self.used.add(entry)
                return True
        return False

    def unused(self, files):
        """The entries for these files that are no longer needed."""
        return [e for e in self.entries
                if e not in self.used and e[0] in files]


def _scripts():
    """Get checkpatch out of the kernel's source, which is not kept."""
    home = STYLE / "scripts"
    with lock("checkpatch"):
        if all((home / n).exists() for n in FILES):
            return home
        root = packages.unpack(["linux-source-6.12"], STYLE / "source")
        say("unpacking checkpatch from the kernel's source")
        home.mkdir(parents=True, exist_ok=True)
        archive = next(root.glob("usr/src/linux-source-*.tar.xz"))
        left = set(FILES)
        with subprocess.Popen(["xz", "-dcT0", archive],
                              stdout=subprocess.PIPE) as unpacker:
            with tarfile.open(fileobj=unpacker.stdout, mode="r|") as source:
                for member in source:
                    folder, _, name = member.name.rpartition("/")
                    if folder.endswith("/scripts") and name in left:
                        data = source.extractfile(member).read()
                        write_atomically(home / name, data)
                        left.discard(name)
                        if not left:
                            break
            unpacker.kill()
        call(["rm", "-rf", root])
        if left:
            raise RigError("the kernel's source has no " + ", ".join(left))
    return home


def in_kernel(name):
    """Whether a C file is the kernel's: some tests bring modules of their own."""
    return name.startswith("kernel/") or \
        "#include <linux/module.h>" in (TOP / name).read_text(encoding="utf-8")


def _ignored(name):
    if name.startswith("uapi/"):
        return IGNORE_UAPI
    return IGNORE_KERNEL if in_kernel(name) else IGNORE_PROGRAMS


def _judge(home, ignored, names):
    """What checkpatch says of these files: a text for each."""
    # Not at the top of the tree, where checkpatch would leave a cache.
    done = subprocess.run(
        ["perl", home / "checkpatch.pl", *OPTIONS, "--ignore",
         ",".join(ignored), *(TOP / n for n in names)], cwd=STYLE, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1):
        raise RigError("checkpatch failed: " +
                       done.stderr.decode(errors="replace"))
    said = {name: "" for name in names}
    for line in done.stdout.decode(errors="replace").splitlines(True):
        line = line.replace(f"{TOP}/", "")
        name = line.partition(":")[0]
        if name in said:
            said[name] += line
        elif line.strip():
            raise RigError(f"checkpatch says: {line}")
    return said


def _known_as(home, files):
    """Where the verdict on each file is kept, for as long as nothing changes."""
    common = repr(OPTIONS).encode()
    for name in FILES:
        common += (home / name).read_bytes()
    common = hashlib.sha256(common).digest()
    return {name: STYLE / "checkpatch" / hashlib.sha256(
        common + repr((name, _ignored(name))).encode() +
        (TOP / name).read_bytes()).hexdigest() for name in files}


def run(files):
    """Complaints about those of the files that are C."""
    home = _scripts()
    files = [n for n in files if n.endswith((".c", ".h"))]
    known_as = _known_as(home, files)
    groups = {}
    # It starts slowly: few processes, each with a fair share of the lines.
    for name in sorted((n for n in files if not known_as[n].exists()),
                       key=lambda n: (TOP / n).stat().st_size):
        groups.setdefault(_ignored(name), []).append(name)
    jobs = [(home, ignored, names[i::JOBS])
            for ignored, names in groups.items() for i in range(JOBS)
            if names[i::JOBS]]
    with ThreadPoolExecutor(JOBS) as pool:
        for said in pool.map(lambda job: _judge(*job), jobs):
            for name, text in said.items():
                write_atomically(known_as[name], text)
    exceptions = Exceptions()
    for name in files:
        for line in known_as[name].read_text(encoding="utf-8").splitlines():
            if not exceptions.cover(line):
                yield line
    for name, kind, pattern in exceptions.unused(files):
        yield f"selftests/style/exceptions: {name} has no {kind} " \
              f"in a line like '{pattern.pattern}'"

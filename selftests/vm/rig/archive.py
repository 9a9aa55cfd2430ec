# SPDX-License-Identifier: GPL-2.0-only
"""initramfs images: a cpio writer, and files with the libraries they need."""

import os
import re
import stat
import subprocess
from pathlib import Path

from .base import RigError

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
MERGED = ("/bin", "/sbin", "/lib", "/lib64")


class Archive:
    """A tree of files for the guest, written as one cpio archive."""

    def __init__(self):
        self.entries = {}
        self.libraries_of = {}

    @staticmethod
    def _clean(path):
        path = os.path.normpath("/" + str(path).lstrip("/"))
        for prefix in MERGED:
            if path.startswith(prefix + "/"):
                path = "/usr" + path
        return path

    def _parents(self, path):
        parent = os.path.dirname(path)
        if parent != "/" and parent not in self.entries:
            self._parents(parent)
            self.entries[parent] = (stat.S_IFDIR | 0o755, None)

    def _put(self, path, mode, source):
        path = self._clean(path)
        self._parents(path)
        self.entries[path] = (mode, source)

    def directory(self, path, mode=0o755):
        """An empty directory."""
        self._put(path, stat.S_IFDIR | mode, None)

    def link(self, path, target):
        """A symbolic link; / and the merged directories are taken as given."""
        self.entries[str(path)] = (stat.S_IFLNK | 0o777, target.encode())

    def text(self, path, content, mode=0o644):
        """A file with this content."""
        data = content if isinstance(content, bytes) else content.encode()
        self._put(path, stat.S_IFREG | mode, data)

    def file(self, source, path=None, libraries=True):
        """A file of the host; if it is a program, with its libraries."""
        source = Path(source)
        real = source.resolve()
        mode = stat.S_IMODE(real.stat().st_mode)
        self._put(path or source, stat.S_IFREG | mode, real)
        if libraries:
            for library in shared_libraries(real):
                self._library(library)

    def _library(self, path):
        name = os.path.basename(path)
        where = f"{LIBRARIES}/{name}"
        if name.startswith("ld-linux"):
            where = f"/usr/lib64/{name}"
        if where not in self.entries:
            self._put(where, stat.S_IFREG | 0o755, Path(path).resolve())

    def tree(self, source, path, libraries=True):
        """A directory of the host with all that is in it."""
        source = Path(source)
        for folder, names, files in os.walk(source):
            here = Path(path) / os.path.relpath(folder, source)
            self.directory(here)
            for name in files + [n for n in names
                                 if (Path(folder) / n).is_symlink()]:
                item = Path(folder) / name
                if item.is_symlink() and not item.exists():
                    continue
                if item.is_symlink() and not os.readlink(item).startswith("/"):
                    self.link(self._clean(here / name), os.readlink(item))
                elif item.is_file():
                    self.file(item, here / name, libraries)

    def signature(self):
        """Changes whenever the archive would."""
        parts = []
        for path, (mode, source) in sorted(self.entries.items()):
            if isinstance(source, Path):
                info = source.stat()
                source = (str(source), info.st_size, info.st_mtime_ns)
            parts.append(repr((path, mode, source)))
        return "\n".join(parts)

    def write(self, file):
        """Append the archive to an open file; parents come before children."""
        inode = 1
        for path, (mode, source) in sorted(self.entries.items()):
            data = b""
            if isinstance(source, Path):
                data = source.read_bytes()
            elif source is not None:
                data = source
            _member(file, path.lstrip("/"), mode, data, inode)
            inode += 1
        _member(file, "TRAILER!!!", 0, b"", 0)


def _member(file, name, mode, data, inode):
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % f for f in fields) + encoded
    file.write(header + b"\0" * (-len(header) % 4))
    file.write(data)
    file.write(b"\0" * (-len(data) % 4))


_cache = {}
# Where libraries are that the machine itself does not have.
extra_library_dirs = []


def shared_libraries(path):
    """The shared libraries of an ELF file, by the dynamic linker's account."""
    path = str(path)
    if path in _cache:
        return _cache[path]
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return []
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    done = subprocess.run(["ldd", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False,
                          env=environment)
    text = done.stdout.decode()
    missing = re.findall(r"^\s*(\S+) => not found", text, re.M)
    if missing:
        raise RigError(f"{path} needs {', '.join(missing)}, not on this machine")
    found = re.findall(r"(?:=> |^\s*)(/\S+) \(0x", text, re.M)
    _cache[path] = found
    return found

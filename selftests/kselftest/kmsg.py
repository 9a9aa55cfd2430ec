#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel complains of while the tests run: "kmsg.py mark TEXT" writes a mark into
the kernel's log, "kmsg.py since TEXT" prints the complaints after it, and is content (0) only
if there are none. A status of 2 says that no log is available. --log names another."""

import argparse
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "selftests" / "vm"))

# pylint: disable=wrong-import-position
from rig import verdict

# The longest record that the kernel gives out
RECORD = 8192


def records(path):
    """Each record of a log: whether the kernel wrote it, and the lines as a console has
    them."""
    log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    while True:
        try:
            raw = os.read(log, RECORD)
        except BlockingIOError:
            break
        except BrokenPipeError:
            # overwritten meanwhile; the next is there
            continue
        if not raw:
            break
        for line in raw.decode(errors="replace").split("\n"):
            head, _, text = line.partition(";")
            # others name the device
            if line.startswith(" ") or not text:
                continue
            level, _, time, *_ = head.split(",")
            yield int(level) >> 3 == 0, f"[{int(time) / 1e6:12.6f}] {text}"
    os.close(log)


def since(path, mark):
    """The complaints after the mark; of all that is there, where that is gone already."""
    lines = list(records(path))
    last = max((n for n, (_, line) in enumerate(lines) if line.endswith(mark)), default=-1)
    return verdict.complaints("\n".join(line for own, line in lines[last + 1:] if own))


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", default="/dev/kmsg")
    parser.add_argument("act", choices=("mark", "since"))
    parser.add_argument("text")
    options = parser.parse_args()
    try:
        if options.act == "mark":
            log = os.open(options.log, os.O_WRONLY)
            os.write(log, f"{options.text}\n".encode())
            # whether it can be read, too
            next(records(options.log), None)
            return 0
        found = since(options.log, options.text)
    except OSError as error:
        print(error)
        return 2
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

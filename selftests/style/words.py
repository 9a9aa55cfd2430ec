#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Find words in files that a native reader stumbles over, or can't search for.

A line of RULES is a pattern of Python's re, a tab, and what to write instead. Comments and
strings of C are searched as they are wrapped: a line that ends in the middle of a phrase is
read on with the next one.
"""

import argparse
import re
import sys
from pathlib import Path

# What begins a line of a comment, of a script's too, or of a list
LEAD = re.compile(r"^\s*(?:/?\*+|//|#+|\.\\\"|--)?\s*")


def rules_of(path):
    """The rules, compiled."""
    rules = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, _, instead = line.partition("\t")
        rules.append((re.compile(pattern), instead.strip()))
    return rules


def complaints(text, rules):
    """Yields number of the line, words, and what to write instead."""
    lines = [LEAD.sub("", line).rstrip(' "\\') for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        after = lines[number] if number < len(lines) else ""
        both = f"{line} {after}"
        for pattern, instead in rules:
            found = pattern.search(both)
            if found and found.start() < len(line):
                yield number, found[0], instead


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rules", type=Path)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    options = parser.parse_args()
    rules = rules_of(options.rules)
    count = 0
    for path in options.files:
        text = path.read_bytes().decode(errors="replace")
        for number, words, instead in complaints(text, rules):
            print(f'{path}:{number}: "{words}": {instead}')
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

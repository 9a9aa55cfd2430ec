# SPDX-License-Identifier: GPL-2.0-only
"""What kschannel may cost in terms of others, as TAP.

Instructions are counted, not time, so that this says the same on every machine
and under every load."""

import json
import os
import subprocess


def measure(program, output, *arguments, **environment):
    """Run a program that writes OUTPUT, with arguments for what it runs itself; the figures by
    name, none if it failed, and what it said."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    result = subprocess.run([program, "--output", output, "--", *arguments], text=True,
                            check=False,
                            env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = json.loads(output.read_text("utf-8")) if output.exists() else []
    figures = {figure["name"]: figure for figure in found}
    return figures if result.returncode == 0 else {}, result.stdout


def judge(first, limits, figures, said):
    """Print a result for each limit, a tuple of a figure's name, the other that is in it, or a
    number, and times what of that kschannel has to cost less; the first has the number FIRST.
    How many failed."""
    failed = 0
    for number, (name, other, factor) in enumerate(limits, first):
        figure = figures.get(name, {})
        ours = figure.get("kschannel")
        theirs = figure.get(other) if isinstance(other, str) else other
        good = None not in (ours, theirs) and ours < factor * theirs
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}: kschannel {ours}, {other} "
              f"{theirs} {figure.get('unit')}, limit {factor:.3g}")
    if failed:
        print(*(f"# {line}" for line in said.splitlines()), sep="\n")
    return failed

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the dependency cycles among the C files of a folder.

A file depends on another if one of its functions or tables names a function, a variable or
a function-like macro that only the other defines with external linkage (in a header: at
all). A name is enough: an entry in a table of operations depends on what it names. Types,
constants and structure members do not count. X.c and X.h in one folder are one file; a
header without a .c of that name is a file of its own. A prototype is not a definition.

A set of files that all reach each other is a cycle. The output lists the cycles and how many
dependencies each contains. With --headers it also lists, for each header, how many functions
it declares, how many files define them, and how many are used by one file only.

With --layers, dependencies and includes between folders are checked, and names that a folder
must not use. A line of FILE is about a folder, or about a file at the top:

    FOLDER uses FOLDER...       folders it may depend on and include; * for all
    FOLDER never NAME...        tags, names and members it must not contain
    * only POINTER->NAME FILE...    only these files may assign this member

The exit status is 1 if the largest cycle is larger than --limit, if a rule is broken, if an
exception is unused, or if there are more than four exceptions."""

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

TOKEN = re.compile(r"[A-Za-z_]\w*|->|\.\.\.|\d[\w.]*|\S")
NAME = re.compile(r"[A-Za-z_]\w*")
# More exceptions than these would make the rules worthless
MOST_EXCEPTIONS = 4

KEYWORDS = frozenset("""
    auto bool break case char const continue default do double else enum extern float for
    goto if inline int long register restrict return short signed sizeof static struct
    switch typedef typeof union unsigned void volatile while
""".split())
# These take parentheses in a function's head without being its name
ATTRIBUTES = frozenset("""
    __attribute__ __aligned __section __releases __acquires __must_hold __printf
""".split())
# Macros that define a name made from their first argument
DEFINERS = {"TRACE_EVENT": ("trace_{}",), "KSC_DEFINE_ACCEPT": ("{}",),
            "KSC_DEFINE_RECVMSG": ("{}",), "KSC_DEFINE_ULP_INFO": ("{}", "{}_size")}
# Macros that look like a prototype but define a variable
VARIABLES = re.compile(r"DEFINE_\w+|DECLARE_\w+|LIST_HEAD")


class Use:
    """A name that a function, or a table, of a file uses."""

    def __init__(self, path, line, user, name):
        self.path = path
        self.line = line
        self.user = user
        self.name = name

    def __str__(self):
        return f"{self.path}:{self.line}: {self.user} -> {self.name}"


class Source:
    """One .c or .h file: what it defines, declares, includes and uses."""

    def __init__(self, path, top):
        self.path = str(path.relative_to(top))
        self.defines = {}	# with external linkage, and in headers: name -> line
        self.statics = set()
        self.declares = {}	# prototypes: name -> line
        self.sizes = {}		# functions: name -> (first line, lines)
        self.includes = []	# (line, name, quoted)
        self.uses = []
        self.tags = []		# struct, union and enum tags named: (line, user, tag)
        self.members = []	# (line, user, member)
        self.assigned = defaultdict(list)	# pointer->member -> lines
        self.header = path.suffix == ".h"
        text = path.read_text(encoding="utf-8")
        self.lines = text.count("\n")
        self._parse(self._directives(blank(text)))

    def _directives(self, text):
        """Take the preprocessor's lines out; macros are definitions and uses."""
        lines = text.split("\n")
        kept = []
        number = 0
        while number < len(lines):
            line = lines[number]
            first = number
            if re.match(r"\s*#", line):
                while line.endswith("\\") and number + 1 < len(lines):
                    number += 1
                    line = line[:-1] + " " + lines[number]
                self._directive(line, first + 1)
                kept += [""] * (number - first + 1)
            else:
                kept.append(line)
            number += 1
        return "\n".join(kept)

    def _directive(self, line, number):
        found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if found:
            self.includes.append((number, found[2], found[1] == '"'))
            return
        found = re.match(r"\s*#\s*define\s+(\w+)(\(([^)]*)\))?(.*)", line)
        if not found:
            return
        own = {p.strip() for p in (found[3] or "").split(",")} | {found[1]}
        if found[2]:
            if self.header:
                self.defines[found[1]] = number
            else:
                self.statics.add(found[1])
        tokens = [(t, number) for t in TOKEN.findall(found[4])]
        self._use(tokens, found[1], own)

    def _parse(self, text):
        """Cut the text into declarations at file scope."""
        tokens = []
        for number, line in enumerate(text.split("\n"), 1):
            tokens += [(t, number) for t in TOKEN.findall(line)]
        at = 0
        while at < len(tokens):
            at = self._declaration(tokens, at)

    def _declaration(self, tokens, at):
        """One declaration or definition; returns where the next one begins."""
        first = at
        if tokens[at][0] == ";":
            return at + 1
        # a macro that is a definition of its own
        if re.fullmatch(r"[A-Z][A-Z0-9_]+|module_\w+|static_assert", tokens[at][0]) and \
                at + 1 < len(tokens) and tokens[at + 1][0] == "(":
            end = close(tokens, at + 1)
            name = tokens[at][0]
            for form in DEFINERS.get(name, ()):
                self.statics.add(form.format(tokens[at + 2][0]))
            self._use(tokens[first:end], name.lower(), ())
            return end
        head = []
        while at < len(tokens) and tokens[at][0] not in ";{=":
            if tokens[at][0] in "([":
                end = close(tokens, at)
                head += tokens[at:end]
                at = end
            else:
                head.append(tokens[at])
                at += 1
        body = []
        kind = tokens[at][0] if at < len(tokens) else ";"
        if kind == "{":
            end = close(tokens, at)
            body = tokens[at:end]
            at = end
            if not is_function(head):
                # a type, perhaps with a variable of it
                while at < len(tokens) and tokens[at][0] not in ";=":
                    head.append(tokens[at])
                    at += 1
                if at < len(tokens) and tokens[at][0] == "=":
                    at = self._initialiser(tokens, at, head)
                else:
                    at += 1
                    self._variables(head, first_line=tokens[first][1])
                self._type(body)
                return at
            self._function(head, body, tokens[first][1], tokens[end - 1][1])
            return at
        if kind == "=":
            return self._initialiser(tokens, at, head)
        if is_function(head):
            if self.header:
                self.declares[function_name(head)] = head[0][1]
            self._tags(head, function_name(head))
        else:
            self._variables(head, head[0][1] if head else 0)
        return at + 1

    def _initialiser(self, tokens, at, head):
        first = at
        while at < len(tokens) and tokens[at][0] != ";":
            at = close(tokens, at) if tokens[at][0] in "([{" else at + 1
        names = variable_names(head)
        for name in names:
            self._define(name, head, head[0][1])
        self._use(head + tokens[first:at], names[-1] if names else "", names)
        return at + 1

    def _variables(self, head, first_line):
        words = [t for t, _ in head]
        if not words or words[0] == "typedef":
            return
        if words[0] in ("struct", "union", "enum") and len(words) < 3:
            return
        names = variable_names(head)
        for name in names:
            if "extern" in words:
                self.declares[name] = first_line
            else:
                self._define(name, head, first_line)
        self._use(head, names[-1] if names else "", names)

    def _type(self, body):
        self._tags(body, "(type)")

    def _define(self, name, head, line):
        if not name:
            return
        if "static" in [t for t, _ in head] and not self.header:
            self.statics.add(name)
        else:
            self.defines[name] = line

    def _function(self, head, body, first, last):
        name = function_name(head)
        self._define(name, head, first)
        self.sizes[name] = (first, last - first + 1)
        self._use(head + body, name, shadowed(head + body) | {name})

    def _tags(self, tokens, user):
        for (word, line), (after, _) in zip(tokens, tokens[1:]):
            if word in ("struct", "union", "enum") and NAME.fullmatch(after):
                self.tags.append((line, user, after))

    def _use(self, tokens, user, own):
        self._tags(tokens, user)
        for number, (word, line) in enumerate(tokens):
            if not NAME.fullmatch(word) or word in KEYWORDS or word in own:
                continue
            before = tokens[number - 1][0] if number else ""
            if before in ("struct", "union", "enum", "goto"):
                continue
            if before in (".", "->"):
                self.members.append((line, user, word))
                if before == "->" and is_assigned(tokens, number):
                    self.assigned[f"{tokens[number - 2][0]}->{word}"].append(line)
                continue
            self.uses.append(Use(self.path, line, user, word))


def blank(text):
    """The text without comments and strings, its lines as they were."""
    def gone(found):
        if found[0].startswith("#"):
            return found[0]
        if found[0].startswith("/"):
            return " " + "\n" * found[0].count("\n")
        return '""' if found[0][0] == '"' else "0"
    return re.sub(r'#\s*include[^\n]*|/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", gone, text, flags=re.S)


def is_assigned(tokens, at):
    """Is the member at @at assigned to, incremented, or written by a macro?"""
    after = [t for t, _ in tokens[at + 1:at + 4]]
    if after[:1] == ["="] and after[1:2] != ["="]:
        return True
    if len(after) > 1 and after[0] in "+-|&^" and (after[1] == "=" or after[0] == after[1] != "&"):
        return True
    start = at - 1
    while start > 0 and tokens[start][0] in (".", "->") and NAME.fullmatch(tokens[start - 1][0]):
        start -= 2
    if start > 0 and tokens[start][0] == "&":
        start -= 1
    return start > 0 and tokens[start][0] == "(" and \
        tokens[start - 1][0] in ("WRITE_ONCE", "smp_store_release", "xchg", "cmpxchg", "swap")


def close(tokens, at):
    """Behind the parenthesis that closes the one at @at."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    stack = []
    while at < len(tokens):
        word = tokens[at][0]
        if word in pairs:
            stack.append(pairs[word])
        elif stack and word == stack[-1]:
            stack.pop()
            if not stack:
                return at + 1
        at += 1
    return at


def calls_at(head):
    """Where in a declaration a name has parentheses behind it, or -1."""
    depth = 0
    for number, (word, _) in enumerate(head[:-1]):
        depth += word in "(["
        depth -= word in ")]"
        if depth or head[number + 1][0] != "(" or word in ATTRIBUTES:
            continue
        if NAME.fullmatch(word) and word not in KEYWORDS:
            return number
        # a pointer to a function, or a function that returns one
        if word != ")":
            return -1
    return -1


def is_function(head):
    """Is it the head of a function, or its prototype?"""
    at = calls_at(head)
    return at >= 0 and not VARIABLES.fullmatch(head[at][0])


def function_name(head):
    """A function's name."""
    return head[calls_at(head)][0]


def variable_names(head):
    """The names that a declaration of variables declares."""
    words = [t for t, _ in head]
    for number, word in enumerate(words):
        if VARIABLES.fullmatch(word):
            return [[w for w in words[number:] if NAME.fullmatch(w)][-1]]
    found = re.search(r"\( \* (?:const )?(\w+)", " ".join(words))
    if found:
        return [found[1]]
    depth, names, name = 0, [], ""
    for word in words + [","]:
        depth += word in "([{"
        depth -= word in ")]}"
        if depth:
            continue
        if word == ",":
            names += [name] if name else []
            name = ""
        elif NAME.fullmatch(word) and word not in KEYWORDS and not word.startswith("__"):
            name = word
    return names


def shadowed(tokens):
    """Parameters and variables of a function: these names are its own."""
    names = set()
    no_type = ("return", "case", "goto", "else")
    for number in range(1, len(tokens) - 1):
        word = tokens[number][0]
        before, after = tokens[number - 1][0], tokens[number + 1][0]
        if NAME.fullmatch(word) and word not in KEYWORDS and after in (";", "=", ",", ")", "[") \
                and (before == "*" and NAME.fullmatch(tokens[number - 2][0]) and
                     tokens[number - 2][0] not in no_type
                     or NAME.fullmatch(before) and before not in no_type):
            names.add(word)
    return names


class Tree:
    """All sources below a folder, and who uses whom."""

    def __init__(self, top, leave_out=()):
        self.sources = [Source(p, top) for p in sorted(top.rglob("*.[ch]"))
                        if not any(p.match(pattern) for pattern in leave_out)]
        stems = {s.path[:-2] for s in self.sources if not s.header}
        self.file_of = {s.path: s.path[:-2] if s.path[:-2] in stems else s.path
                        for s in self.sources}
        self.owner = self._owners()
        self.edges = self._edges()

    def _owners(self):
        """name -> file, of names that one file alone defines"""
        where = defaultdict(set)
        for source in self.sources:
            for name in source.defines:
                where[name].add(self.file_of[source.path])
        return {name: min(files) for name, files in where.items() if len(files) == 1}

    def _edges(self):
        """(file, file) -> uses"""
        edges = defaultdict(list)
        for source in self.sources:
            me = self.file_of[source.path]
            for use in source.uses:
                owner = self.owner.get(use.name)
                if owner and owner != me and use.name not in source.statics:
                    edges[me, owner].append(use)
        return edges

    def users(self, name):
        """The files, besides its own, that use a name."""
        return {a for (a, _), uses in self.edges.items() if any(u.name == name for u in uses)}


def components(nodes, edges):
    """Strongly connected components with more than one file, largest first (Tarjan)."""
    leads = defaultdict(set)
    for a, b in edges:
        leads[a].add(b)
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(leads[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    sys.setrecursionlimit(10000)
    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return sorted((c for c in found if len(c) > 1), key=len, reverse=True)


class Exceptions:
    """Uses that are not counted: lines of FILE NAME REASON, FILE as it is printed."""

    def __init__(self, path):
        self.entries = {}
        self.used = set()
        if not path:
            return
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                file, name, reason = line.split(None, 2)
                self.entries[file, name] = reason

    def apply(self, edges):
        """The edges without them."""
        left = {}
        for (a, b), uses in edges.items():
            counted = [u for u in uses if (a, u.name) not in self.entries]
            self.used |= {(a, u.name) for u in uses} & set(self.entries)
            if counted:
                left[a, b] = counted
        return left

    def faults(self):
        """What is wrong with them."""
        if len(self.entries) > MOST_EXCEPTIONS:
            yield f"{len(self.entries)} exceptions; {MOST_EXCEPTIONS} is the limit"
        for entry in set(self.entries) - self.used:
            yield f"exception {' '.join(entry)}: unused"


class Layers:
    """What folders may use and know: see the head of this file."""

    def __init__(self, path):
        self.uses = {}
        self.never = defaultdict(set)
        self.only = defaultdict(dict)
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[1] == "uses":
                self.uses[words[0]] = set(words[2:])
            elif words[1] == "never":
                self.never[words[0]] |= set(words[2:])
            elif words[1] == "only":
                self.only[words[0]][words[2]] = set(words[3:])
            else:
                raise ValueError(f"{path}: {line}")

    def of(self, path):
        """The folder of a file; of one at the top, its name without .c or .h."""
        return path.split("/")[0] if "/" in path else re.sub(r"\.[ch]$", "", path)

    def _may(self, a, b):
        allowed = self.uses.get(a, set())
        return a == b or "*" in allowed or b in allowed

    def faults(self, tree, edges):
        """One line for each place that breaks a rule."""
        for (a, b), uses in sorted(edges.items()):
            if not self._may(self.of(a), self.of(b)):
                for use in uses:
                    yield f"{use.path}:{use.line}: {self.of(a)} uses {b}: {use.name}"
        known = {s.path for s in tree.sources}
        for source in tree.sources:
            here = self.of(source.path)
            for line, name, quoted in source.includes:
                if quoted and name in known and not self._may(here, self.of(name)):
                    yield f"{source.path}:{line}: {here} includes {name}"
            yield from self._names(source, here)

    def _names(self, source, here):
        never = self.never[here]
        for line, user, name in source.tags + source.members + \
                [(u.line, u.user, u.name) for u in source.uses]:
            if name in never:
                yield f"{source.path}:{line}: {user} knows {name}, which {here} must not"
        for member, files in self.only["*"].items():
            if source.path in files:
                continue
            for line in source.assigned.get(member, ()):
                yield f"{source.path}:{line}: only {' '.join(sorted(files))} may assign {member}"


def used_elsewhere(tree, generated, source):
    """Do files other than generated ones use something of a source file?"""
    skip = {tree.file_of[g] for g in generated if g in tree.file_of}
    return any(tree.users(name) - skip for name in source.defines)


def foreign(tree, generated):
    """Functions that a header lists and that are not of the .c of its name."""
    for source in tree.sources:
        if source.header and source.path not in generated:
            for name, line in source.declares.items():
                if tree.owner.get(name, tree.file_of[source.path]) != tree.file_of[source.path]:
                    yield f"{source.path}:{line}: {name} is of {tree.owner[name]}"
        elif not source.header and "main" not in source.defines and \
                not any(h.path == source.path[:-1] + "h" for h in tree.sources) and \
                source.path not in generated and used_elsewhere(tree, generated, source):
            yield f"{source.path}: there is no header of that name"


def print_headers(tree):
    """Of each header: functions listed, their files, and how many have one user."""
    print(f"{'header':24} {'functions':>9} {'files':>6} {'one user':>9} {'none':>5}")
    total = [0, 0, 0]
    for source in tree.sources:
        if not source.header or not source.declares:
            continue
        names = [n for n in source.declares if n in tree.owner]
        users = [len(tree.users(n)) for n in names]
        files = {tree.owner[n] for n in names}
        total = [total[0] + len(names), total[1] + users.count(1), total[2] + users.count(0)]
        print(f"{source.path:24} {len(names):9} {len(files):6} {users.count(1):9} "
              f"{users.count(0):5}")
    print(f"{'all':24} {total[0]:9} {'':6} {total[1]:9} {total[2]:5}")


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, metavar="N",
                        help="fail where a cycle has more files than this")
    parser.add_argument("--exceptions", metavar="FILE",
                        help="uses that are not counted: FILE NAME REASON")
    parser.add_argument("--own", action="store_true",
                        help="fail where a header lists functions of another file than its own")
    parser.add_argument("--generated", metavar="FILE", action="append", default=[],
                        help="but not if it is this one")
    parser.add_argument("--layers", metavar="FILE",
                        help="what folders may use and know, see above")
    parser.add_argument("--leave-out", metavar="PATTERN", action="append", default=[],
                        help="files that are not looked at")
    parser.add_argument("--headers", action="store_true", help="print the headers, too")
    parser.add_argument("--graph", action="store_true", help="print who uses whom, by which names")
    parser.add_argument("--uses", nargs=2, metavar=("FILE", "FILE"),
                        help="print each use of the second by the first")
    options = parser.parse_args()
    tree = Tree(options.folder, options.leave_out)
    exceptions = Exceptions(options.exceptions)
    edges = exceptions.apply(tree.edges)
    nodes = set(tree.file_of.values())
    if options.uses:
        for use in tree.edges.get(tuple(options.uses), ()):
            print(use)
        return 0
    if options.graph:
        for (a, b), uses in sorted(edges.items()):
            print(f"{a} -> {b}: {', '.join(sorted({u.name for u in uses}))}")
    if options.headers:
        print_headers(tree)
    cycles = components(nodes, edges)
    print(f"{len(nodes)} files, {len(edges)} dependencies, "
          f"{len(cycles)} cycles" + (f" (of {', '.join(str(len(c)) for c in cycles)} files)"
                                     if cycles else ""))
    for cycle in cycles:
        inner = sum(a in cycle and b in cycle for a, b in edges)
        print(f"cycle of {len(cycle)} files, {inner} dependencies: {' '.join(cycle)}")
    faults = list(exceptions.faults())
    if options.own:
        faults += foreign(tree, options.generated)
    if options.layers:
        faults += Layers(options.layers).faults(tree, edges)
    if options.limit is not None and cycles and len(cycles[0]) > options.limit:
        faults.append(f"a cycle of {len(cycles[0])} files; {options.limit} is the limit")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

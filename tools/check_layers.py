#!/usr/bin/python3
"""Fails on a C++ file that breaks the order of the rooms or the rules for headers.

Rules, each reported as "file:line: what is wrong":
  - a project include points from a room to one that it may see (MAY_SEE);
  - a project include is in quotes, spelled from the root, and names a file that exists;
  - a header begins with #pragma once and holds no "using namespace";
  - a header of a library room includes no third-party header (HIDDEN_LIBRARIES);
  - a library that is kept to some folders is included nowhere else (KEPT_LIBRARIES);
  - no two headers define types of one name in one namespace, which no linker would notice.

Exit status: 0 clean, 1 something found, 2 nothing could be checked.
"""

import argparse
import os
import re
import sys
from pathlib import Path

SOURCE_SUFFIXES = {".cpp", ".cu", ".cuh", ".h", ".hpp", ".inl"}
HEADER_SUFFIXES = {".cuh", ".h", ".hpp"}
OUTPUT_DIRECTORIES = {"build", "out"}

# Room -> the rooms it may include. A room stands for everything below it, except what lies in a room
# listed before it.
MAY_SEE = {
    "sim/base": ["sim/base"],
    "sim/engine": ["sim/engine", "sim/base"],
    "sim/graph": ["sim/graph", "sim/engine", "sim/base"],
    "hw": ["hw", "sim"],
    "models": ["models", "hw", "sim"],
    "workloads": ["workloads", "sim/graph", "sim/base"],
    "traces": ["traces", "sim/graph", "sim/base"],
    "kernels": ["kernels"],
    "tools/simgrid": ["tools", "models", "hw", "sim"],
    "tools": ["traces", "workloads", "models", "hw", "sim", "tools"],
    "tests": ["tests", "tools", "traces", "workloads", "models", "hw", "sim", "kernels"],
}
TOP_DIRECTORIES = {room.split("/")[0] for room in MAY_SEE}

# Libraries that a header of these rooms must not bring to those who include it.
LIBRARY_ROOMS = {"sim", "hw", "models", "workloads", "traces"}
HIDDEN_LIBRARIES = {"boost", "nlohmann"}

# Library -> the only folders that may include it. SimGrid is linked by programs of its own, which the
# others start as children: the oracle, and the peer of the benchmarks.
KEPT_LIBRARIES = {"simgrid": ["tools/simgrid", "tests/bench"]}

# Just enough of the lexical grammar to tell comments and strings from code. Identifiers and numbers
# are tokens so that the quote of 1'000 or of R"(...)" is never taken for the start of a literal.
TOKEN = re.compile(
    r"""
    (?P<raw>\b(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\d(?:'?[\w.])*)
  | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    """,
    re.VERBOSE | re.DOTALL,
)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b[ \t]*(?P<what>[^\n]*?)[ \t]*$", re.MULTILINE)
# As the formatter leaves them: what a namespace holds is not indented.
NAMESPACE_OR_TYPE = re.compile(
    r"^(?:namespace (?P<opened>[\w: ]*)\{|(?P<closed>\}  // namespace)"
    r"|(?:struct|class|enum(?: class)?) (?P<type>\w+)(?: final)?(?: :[^;{]*)? \{)",
    re.MULTILINE,
)
USING_NAMESPACE = re.compile(r"\busing\s+namespace\b")


def blank(text, *kinds):
    """The text with tokens of these kinds replaced by spaces; lines keep their numbers."""

    def replace(match):
        if match.lastgroup not in kinds:
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def is_below(path, room):
    return path.startswith(room + "/")


def room_of(path):
    """The room a path from the root lies in, or None."""
    return next((room for room in MAY_SEE if is_below(path, room)), None)


def check_include(root, path, what):
    """Yields what is wrong with one include directive, whose argument is `what`."""
    match = re.fullmatch(r'"([^"]+)"|<([^>]+)>', what)
    if not match:
        yield f"expected #include \"...\" or <...>, got '{what}'"
        return
    quoted, angled = match.groups()
    first = (quoted or angled).split("/")[0]

    if angled:
        is_header = Path(path).suffix in HEADER_SUFFIXES
        if is_header and path.split("/")[0] in LIBRARY_ROOMS and first in HIDDEN_LIBRARIES:
            yield f"<{angled}> in a header of {path.split('/')[0]}/; only a source may include it"
        keepers = KEPT_LIBRARIES.get(first)
        if keepers is not None and not any(is_below(path, keeper) for keeper in keepers):
            yield f"<{angled}>: only {' and '.join(keepers)} may include it"
        if first in TOP_DIRECTORIES and (root / angled).is_file():
            yield f'<{angled}> is ours: write "{angled}"'
        return

    if any(part in ("", ".", "..") for part in quoted.split("/")):
        yield f'"{quoted}": spell the path from the root, without . or ..'
        return
    if not (root / quoted).is_file():
        yield f'"{quoted}": no such file from the root; others\' headers take <...>'
    room = room_of(path)
    if first in TOP_DIRECTORIES and room is not None:
        if not any(is_below(quoted, seen) for seen in MAY_SEE[room]):
            yield f'"{quoted}": {room} may include only {", ".join(MAY_SEE[room])}'


def check_header(code):
    """Yields (line, what is wrong) for the rules that hold in every header."""
    lines = code.split("\n")
    first = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    if not re.fullmatch(r"\s*#\s*pragma\s+once\s*", lines[first - 1]):
        yield first, "a header begins with #pragma once"
    for match in USING_NAMESPACE.finditer(code):
        yield line_of(code, match.start()), "no using namespace in a header"


def check_file(root, path):
    """Yields (line, what is wrong) for the file at `path`, spelled from the root."""
    if room_of(path) is None:
        yield 1, f"lies in none of the rooms {', '.join(MAY_SEE)}"
    text = (root / path).read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    directives = blank(text, "comment", "raw")
    for match in INCLUDE.finditer(directives):
        for problem in check_include(root, path, match["what"]):
            yield line_of(text, match.start()), problem
    if Path(path).suffix in HEADER_SUFFIXES:
        yield from check_header(blank(text, "comment", "raw", "string"))


def types_of(text):
    """Yields (line, name with its namespaces) of the types that a header defines outside of others."""
    namespaces = []
    for match in NAMESPACE_OR_TYPE.finditer(text):
        if match["opened"] is not None:
            namespaces.append(match["opened"].strip())
        elif match["closed"]:
            namespaces = namespaces[:-1]
        else:
            yield line_of(text, match.start()), "::".join([*namespaces, match["type"]])


def check_types(root, paths):
    """Yields (path, line, what is wrong) where two headers define the same type."""
    known = {}
    for path in paths:
        if Path(path).suffix in HEADER_SUFFIXES:
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            for line, name in types_of(blank(text, "raw", "string")):
                if name in known:
                    yield path, line, f"{name} is defined in {known[name]} too"
                known.setdefault(name, path)


def sources(root):
    """Paths from the root of all C++ and CUDA files, sorted, outside hidden and output directories."""
    found = []
    for directory, subdirectories, names in os.walk(root):
        at_root = Path(directory) == root
        subdirectories[:] = [
            name
            for name in subdirectories
            if not name.startswith(".") and not (at_root and name in OUTPUT_DIRECTORIES)
        ]
        for name in names:
            if Path(name).suffix in SOURCE_SUFFIXES:
                found.append((Path(directory) / name).relative_to(root).as_posix())
    return sorted(found)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        default=Path(__file__).resolve().parent.parent,
        help="the tree to check (default: the one this file is in)",
    )
    root = parser.parse_args(arguments).root.resolve()

    paths = sources(root)
    if not paths:
        print(f"check_layers: no C++ file below {root}", file=sys.stderr)
        return 2
    problems = [
        (path, line, problem)
        for path in paths
        for line, problem in sorted(check_file(root, path))
    ]
    problems += check_types(root, paths)
    for path, line, problem in problems:
        print(f"{path}:{line}: {problem}")
    print(f"check_layers: {len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Compares registers and spills of every kernel, as ptxas reported them, with kernels/limits.json.

A kernel that takes more than its limit, that has no limit, or whose limit is for no kernel is a failure.
--record writes what is seen as the new limits.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77


def reported(log):
    """Yields (architecture, mangled name, figures) for each kernel of a log of ptxas -v."""
    architecture = name = None
    spills = 0
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)' for '(sm_\w+)'", line):
            name, architecture = match.groups()
        elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spills = int(match[1]) + int(match[2])
        elif (match := re.search(r"Used (\d+) registers", line)) and name:
            yield architecture, name, {"registers": int(match[1]), "spill_bytes": spills}
            name = None


def readable(names):
    """Mangled -> readable names, without parameter lists and the namespaces that all share."""
    done = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True, check=True)
    shorter = {}
    for mangled, line in zip(names, done.stdout.splitlines()):
        line = line.replace("orrery::kernels::", "").replace("(anonymous namespace)::", "")
        depth = 0
        end = len(line)
        for place in range(len(line) - 1, -1, -1):  # the parameter list is the last (...)
            depth += {")": 1, "(": -1}.get(line[place], 0)
            if line[place] == "(" and depth == 0:
                end = place
                break
        shorter[mangled] = re.sub(r"^void ", "", line[:end])
    return shorter


def seen_in(build):
    rows = [row for log in sorted(build.rglob("*.ptxas")) for row in reported(log.read_text())]
    names = readable(sorted({name for _, name, _ in rows}))
    seen = {}
    for architecture, name, figures in rows:
        seen.setdefault(architecture, {})[names[name]] = figures
    return seen


def compare(seen, limits):
    """Yields what is wrong, a line each."""
    for architecture in sorted(set(seen) | set(limits)):
        kernels, allowed = seen.get(architecture, {}), limits.get(architecture, {})
        for name in sorted(set(kernels) | set(allowed)):
            if name not in allowed:
                yield f"{architecture} {name}: has no limit; record it"
            elif name not in kernels:
                yield f"{architecture} {name}: has a limit but was not compiled"
            else:
                for figure, limit in allowed[name].items():
                    if kernels[name][figure] > limit:
                        yield f"{architecture} {name}: {kernels[name][figure]} {figure}, at most {limit}"


def write(path, compiler, seen):
    lines = []
    for architecture in sorted(seen):
        rows = [f"   {json.dumps(name)}: {json.dumps(figures)}" for name, figures in sorted(seen[architecture].items())]
        lines.append(f"  {json.dumps(architecture)}: {{\n" + ",\n".join(rows) + "\n  }")
    text = f'{{\n "compiler": {json.dumps(compiler)},\n "kernels": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="where the *.ptxas files lie")
    parser.add_argument("--limits", type=Path, default=ROOT / "kernels" / "limits.json")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()

    seen = seen_in(arguments.build)
    if not seen:
        print(f"resources: skipped, nothing below {arguments.build} was compiled by nvcc")
        return SKIPPED
    version = subprocess.run(["nvcc", "--version"], text=True, capture_output=True, check=False).stdout
    match = re.search(r"release (\d+\.\d+)", version)
    compiler = f"nvcc {match[1]}" if match else "unknown"
    if arguments.record:
        write(arguments.limits, compiler, seen)
    recorded = json.loads(arguments.limits.read_text(encoding="utf-8"))
    if recorded["compiler"] != compiler:
        print(f"resources: skipped, limits are those of {recorded['compiler']}, this is {compiler}")
        return SKIPPED
    problems = list(compare(seen, recorded["kernels"]))
    print("\n".join(problems + [f"resources: {sum(map(len, seen.values()))} kernels, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

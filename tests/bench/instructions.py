#!/usr/bin/python3
"""Fails where a fixed job of orrery_jobs takes other than the recorded number of instructions.

Counts by callgrind, which no load on the machine changes, so that a slow-down is seen at once. A
gain fails too: left unrecorded, it would hide the next loss. After a change that is meant, record
anew (--record).

Exit status: 0 as recorded, 1 a count is off, 2 something could not be run, 77, which CTest shows as
a skip, where this build cannot be compared with what is recorded.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIP = 77

# Between them: messages in lock-step, contention, tasks with dependencies, a folded graph.
JOBS = ["ring_256", "all_to_all_64_random", "graph_25k_tasks", "ring_1024_folded"]

# Runs repeat to a few millionths; the rest is room for small changes and for libraries' patches.
TOLERANCE_PERCENT = 3

# Nothing is inherited: the environment lies on the stack, and its size shifts what lies below it.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    # Symbols are looked up before main, where nothing is counted, and not at the first call.
    "LD_BIND_NOW": "1",
    # glibc chooses memcpy and its like by the processor, which moved counts by up to 3 %: callgrind
    # counts every step of a "rep movsb". Without these all x86-64 processors get the same.
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3,-FMA",
}


class Skip(Exception):
    """This build cannot be compared with what is recorded."""


class Failure(Exception):
    """Something could not be run or read."""


def find_valgrind():
    path = shutil.which("valgrind")
    if path is None:
        raise Skip("valgrind is not installed")
    return path


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def facts_of_build(build):
    """What CMake wrote of the build that orrery_jobs is part of."""
    # First this: without it the program may be left from an earlier configuration.
    try:
        lines = (build / "tests" / "bench" / "build.txt").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise Skip(f"{build} is configured without tests/bench (ORRERY_BENCH)") from None
    if not (build / "bin" / "orrery_jobs").exists():
        raise Skip(f"no orrery_jobs in {build}")
    return dict(line.split("=", 1) for line in lines)


def facts_of_libraries(program, valgrind):
    """Told beside a difference that they may explain, but not compared."""
    libstdcxx = re.search(r"libstdc\+\+\S* => (\S+)", output_of("ldd", str(program)))
    return {
        "libstdc++": Path(libstdcxx[1]).resolve().name if libstdcxx else "",
        "libc": os.confstr("CS_GNU_LIBC_VERSION") or "",
        "valgrind": output_of(valgrind, "--version"),
    }


def check_comparable(facts, recorded):
    for key in ("processor", "compiler", "sanitizers", "build_type", "flags", "lto"):
        here, there = facts[key], recorded.get(key, "")
        # Minor versions of a compiler mend errors and leave the code that they make.
        if key == "compiler":
            here, there = here.split(".")[0], there.split(".")[0]
        if here != there:
            raise Skip(f'this build has {key} "{here}", the recorded counts "{there}"')


def count(valgrind, program, job):
    """Instructions of one job, from main's first to its last."""
    # Not of the whole process: the loader and the libraries' start take 2 million, as many as a
    # seventh of a folded job. By a relative path, since argv too lies on the stack.
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--toggle-collect=main", f"./{program.name}", job]
    done = subprocess.run(command, cwd=program.parent, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    collected = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if collected is None or int(collected[1]) == 0:  # 0: a stripped program, whose main has no name
        raise Failure(f"{' '.join(command)}: no instruction was counted\n{done.stderr}")
    return int(collected[1])


def read_record(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        taken_with, counts = record["taken_with"], record["instructions"]
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}") from None
    except KeyError as key:
        raise Failure(f"{path}: no key {key}; record anew with --record") from None
    if sorted(counts) != sorted(JOBS):
        raise Failure(f"{path}: expected the jobs {', '.join(JOBS)}, found {', '.join(counts)}; "
                      "record anew with --record")
    return taken_with, counts


def write_record(path, facts, counts):
    partial = path.with_name(path.name + ".tmp")
    record = {"taken_with": facts, "instructions": counts}
    partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def is_off(found, recorded):
    return 100 * abs(found - recorded) > TOLERANCE_PERCENT * recorded


def check(options):
    facts = facts_of_build(options.build)
    taken_with, counts = read_record(options.recorded)
    check_comparable(facts, taken_with)
    valgrind = find_valgrind()
    program = options.build / "bin" / "orrery_jobs"

    off = 0
    for job in JOBS:
        recorded, found = counts[job], count(valgrind, program, job)
        verdict = ""
        if is_off(found, recorded):
            off += 1
            direction = "SLOWER" if found > recorded else "FASTER"
            verdict = f", more than {TOLERANCE_PERCENT} %: {direction}"
        print(f"instructions: {job}: recorded {recorded:,}, found {found:,}, "
              f"{100 * (found - recorded) / recorded:+.3f} %{verdict}", flush=True)
    if off == 0:
        return 0

    facts |= facts_of_libraries(program, valgrind)
    for key, here in facts.items():
        if here != taken_with.get(key):
            print(f'instructions: recorded with {key} "{taken_with.get(key)}", here it is "{here}"')
    print("instructions: if the change is meant, record anew and commit: "
          "tests/bench/instructions.py --record")
    return 1


def record_anew(options):
    facts = facts_of_build(options.build)
    if facts["build_type"] != "Release" or facts["sanitizers"] != "":
        raise Failure("only a release build without sanitizers is worth recording")
    valgrind = find_valgrind()
    program = options.build / "bin" / "orrery_jobs"
    counts = {}
    for job in JOBS:
        counts[job] = count(valgrind, program, job)
        print(f"instructions: {job}: {counts[job]:,}", flush=True)
    write_record(options.recorded, facts | facts_of_libraries(program, valgrind), counts)
    print(f"instructions: recorded in {options.recorded}")
    return 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release",
                        help="a build folder with orrery_jobs")
    parser.add_argument("--recorded", type=Path, default=ROOT / "tests/bench/instructions.json",
                        help="the file of the recorded counts")
    parser.add_argument("--record", action="store_true", help="record the counts of this build")
    options = parser.parse_args(arguments)
    options.build = options.build.resolve()
    try:
        return record_anew(options) if options.record else check(options)
    except Skip as skip:
        if options.record:
            print(f"instructions: nothing recorded, {skip}", file=sys.stderr)
            return 2
        print(f"instructions: skipped, {skip}")
        return SKIP
    except Failure as failure:
        print(f"instructions: {failure}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

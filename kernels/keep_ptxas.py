#!/usr/bin/python3
"""Runs the compiler's command line, keeps what ptxas says of each kernel in OBJECT.ptxas, prints the rest."""

import subprocess
import sys

PTXAS_WORDS = ("ptxas info", "Function properties for", "bytes stack frame")


def main():
    command = sys.argv[1:]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    kept, rest = [], []
    for line in done.stderr.splitlines(keepends=True):
        is_kept = any(words in line for words in PTXAS_WORDS)
        (kept if is_kept else rest).append(line)
    sys.stderr.write("".join(rest))
    if kept and "-o" in command:
        with open(command[command.index("-o") + 1] + ".ptxas", "w", encoding="utf-8") as file:
            file.write("".join(kept))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

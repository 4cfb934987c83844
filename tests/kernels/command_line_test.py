#!/usr/bin/python3
"""The program calibrate lists its families, refuses wrong words, and says when there is no GPU."""

import os
import subprocess
import sys

program = sys.argv[1]


def run(*words):
    # No device is visible, so that the answer is the same on every machine.
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="")
    return subprocess.run([program, *words], text=True, capture_output=True, env=environment, check=False)


listed = run("--list")
assert listed.returncode == 0 and "copy" in listed.stdout, listed
for words, expected in [
    (["--seconds", "long"], "expected a whole number"),
    (["--out"], "its value is missing"),
    (["--fast"], "unknown option"),
    (["cpoy"], "no family is named"),
]:
    refused = run(*words)
    assert refused.returncode == 2 and expected in refused.stderr, refused
without = run("copy")
assert without.returncode == 77 and "no GPU here" in without.stderr, without
assert not os.path.exists("calibration"), "nothing is written without a GPU"
print("command line: right")

#!/usr/bin/python3
"""tests/bench/instructions.py fails above and below its limit and skips what it cannot compare."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
import instructions  # noqa: E402  (found through the line above)

RECORDED = 1_000_000
LIMIT = RECORDED * instructions.TOLERANCE_PERCENT // 100
CHANGED_JOB = instructions.JOBS[1]

BUILD = {
    "processor": "x86_64",
    "compiler": "GNU 12.2.0",
    "build_type": "Release",
    "flags": '-O2 -DNAME="a=b"',
    "lto": "ON",
    "sanitizers": "",
}

# Prints what callgrind does, for the job that is its last argument. Its counts lie beside it, since
# it inherits no environment; without the option that leaves the start of a process out it fails.
VALGRIND = """#!/bin/sh
if [ "$1" = --version ]; then echo valgrind-9.8.7; exit 0; fi
case "$*" in *--toggle-collect=main*) ;; *) exit 9 ;; esac
[ -z "$INHERITED" ] || exit 8
for job in "$@"; do :; done
[ -f ./orrery_jobs ] || exit 7
cat "$(dirname "$0")/$job" >&2
"""


class InstructionsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        root = Path(directory.name)
        self.record = root / "recorded.json"
        self.tools = root / "tools"
        self.tools.mkdir()
        self.valgrind = self.tools / "valgrind"
        self.valgrind.write_text(VALGRIND, encoding="utf-8")
        self.valgrind.chmod(0o755)
        self.build = root / "build"
        self.program = self.build / "bin" / "orrery_jobs"
        self.program.parent.mkdir(parents=True)
        self.program.write_text("", encoding="utf-8")
        self.facts = self.build / "tests" / "bench" / "build.txt"
        self.facts.parent.mkdir(parents=True)
        self.write_facts()
        for job in instructions.JOBS:
            self.write_count(job, RECORDED)
        environment = {"PATH": str(self.tools), "INHERITED": "yes"}
        patch = mock.patch.dict(os.environ, environment, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def write_facts(self, **changes):
        text = "".join(f"{key}={value}\n" for key, value in (BUILD | changes).items())
        self.facts.write_text(text, encoding="utf-8")

    def write_count(self, job, count):
        text = f"==7== \n==7== Collected : {count}\n"
        (self.tools / job).write_text(text, encoding="utf-8")

    def run_program(self, *arguments):
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = instructions.main(
                ["--build", str(self.build), "--recorded", str(self.record), *arguments]
            )
        return SimpleNamespace(status=status, stdout=stdout.getvalue(), stderr=stderr.getvalue())

    def expect(self, status, *words, arguments=()):
        result = self.run_program(*arguments)
        output = result.stdout + result.stderr
        self.assertEqual(result.status, status, output)
        for word in words:
            self.assertIn(word, output)
        return output

    def record_all(self):
        self.expect(0, arguments=["--record"])

    def test_what_was_recorded_passes(self):
        self.record_all()
        for job in instructions.JOBS:
            self.expect(0, f"{job}: recorded 1,000,000, found 1,000,000")

    def test_a_count_passes_at_the_limit_and_fails_one_instruction_beyond(self):
        self.record_all()
        for sign, verdict in ((1, "SLOWER"), (-1, "FASTER")):
            with self.subTest(verdict=verdict):
                self.write_count(CHANGED_JOB, RECORDED + sign * LIMIT)
                self.assertNotIn(verdict, self.expect(0))
                found = RECORDED + sign * (LIMIT + 1)
                self.write_count(CHANGED_JOB, found)
                difference = f"{100 * (found - RECORDED) / RECORDED:+.3f} %"
                line = f"{CHANGED_JOB}: recorded 1,000,000, found {found:,}, {difference}"
                output = self.expect(1, line, "--record")
                self.assertEqual(output.count(verdict), 1, output)

    def test_a_failure_names_what_the_record_was_taken_with_where_that_differs(self):
        self.record_all()
        self.write_count(CHANGED_JOB, 2 * RECORDED)
        self.assertNotIn("recorded with", self.expect(1))
        self.valgrind.write_text(VALGRIND.replace("9.8.7", "9.9.0"), encoding="utf-8")
        self.expect(1, 'recorded with valgrind "valgrind-9.8.7", here it is "valgrind-9.9.0"')

    def test_a_record_holds_the_counts_and_the_build_and_nothing_else_is_left(self):
        for index, job in enumerate(instructions.JOBS):
            self.write_count(job, RECORDED + index)
        before = set(self.record.parent.iterdir())
        self.record_all()
        self.assertEqual(set(self.record.parent.iterdir()) - before, {self.record})
        written = json.loads(self.record.read_text(encoding="utf-8"))
        self.assertEqual(
            written["instructions"],
            {job: RECORDED + index for index, job in enumerate(instructions.JOBS)},
        )
        self.assertEqual(written["taken_with"] | BUILD, written["taken_with"])
        self.assertEqual(written["taken_with"]["valgrind"], "valgrind-9.8.7")

    def test_after_recording_anew_the_changed_count_passes(self):
        self.record_all()
        self.write_count(CHANGED_JOB, 2 * RECORDED)
        self.expect(1)
        self.record_all()
        self.expect(0)

    def test_a_build_that_differs_is_skipped_with_the_reason(self):
        self.record_all()
        for key, value in (
            ("processor", "aarch64"),
            ("compiler", "GNU 13.2.0"),
            ("compiler", "Clang 12.2.0"),
            ("build_type", "Debug"),
            ("flags", "-O3"),
            ("lto", "OFF"),
            ("sanitizers", "address,undefined"),
        ):
            with self.subTest(key=key, value=value):
                self.write_facts(**{key: value})
                output = self.expect(77, "skipped", f'this build has {key} "{value.split(".")[0]}"')
                self.assertEqual(output.count("\n"), 1, output)

    def test_a_minor_version_of_the_compiler_is_compared(self):
        self.record_all()
        self.write_facts(compiler="GNU 12.3.1")
        self.expect(0)

    def test_whatever_is_missing_is_skipped_with_the_reason_and_never_recorded(self):
        self.record_all()
        text = self.record.read_text(encoding="utf-8")
        for path, words in (
            (self.valgrind, "valgrind is not installed"),
            (self.program, "no orrery_jobs"),
            (self.facts, "ORRERY_BENCH"),
        ):
            with self.subTest(path=path.name):
                away = path.rename(path.with_name("away"))
                output = self.expect(77, "skipped", words)
                self.assertEqual(output.count("\n"), 1, output)
                self.expect(2, "nothing recorded", words, arguments=["--record"])
                self.assertEqual(self.record.read_text(encoding="utf-8"), text)
                away.rename(path)

    def test_only_a_release_build_without_sanitizers_is_recorded(self):
        for change in ({"build_type": "Debug"}, {"sanitizers": "thread"}):
            with self.subTest(change=change):
                self.write_facts(**change)
                self.expect(2, "release build", arguments=["--record"])
                self.assertFalse(self.record.exists())

    def test_a_job_that_fails_or_counts_nothing_is_an_error(self):
        self.record_all()
        (self.tools / CHANGED_JOB).write_text("no count", encoding="utf-8")
        self.expect(2, CHANGED_JOB, "no instruction was counted")
        self.write_count(CHANGED_JOB, 0)
        self.expect(2, CHANGED_JOB, "no instruction was counted")
        (self.tools / CHANGED_JOB).unlink()
        self.expect(2, CHANGED_JOB, "exit 1")

    def test_a_missing_or_incomplete_record_is_an_error(self):
        self.expect(2, self.record.name)
        one_job = json.dumps({"taken_with": BUILD, "instructions": {CHANGED_JOB: 1}})
        for text, words in (
            ("{", self.record.name),
            ("{}", "no key 'taken_with'"),
            (one_job, "expected the jobs"),
        ):
            with self.subTest(text=text):
                self.record.write_text(text, encoding="utf-8")
                self.expect(2, words)


if __name__ == "__main__":
    unittest.main()

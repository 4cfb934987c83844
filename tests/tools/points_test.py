#!/usr/bin/python3
"""tools/points: what it writes follows from the runs, and closed forms stay as they are."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "points"
LOADER = importlib.machinery.SourceFileLoader("points", str(TOOL))
points = importlib.util.module_from_spec(importlib.util.spec_from_loader("points", LOADER))
LOADER.exec_module(points)


def result(step_time, exposed, fits=True):
    return {"step_time_s": step_time, "tokens_per_s": 12344.0, "mfu": 0.5, "compute_s": step_time / 2,
            "exposed_communication_s": exposed, "bubble_s": step_time / 8, "idle_s": step_time / 8,
            "memory_peak_bytes": {"large": 3 * 2**30, "small": 2**30}, "fits": fits, "list": [7]}


def figure(pointer, tolerance, values, **more):
    return {"pointer": pointer, "relative_tolerance": tolerance, "values": values, **more}


class Table(unittest.TestCase):
    def test_a_row_a_point_with_shares_of_its_own_step(self):
        lines = points.table([("a", result(2.0, {"x": 0.5, "tiny": 1e-6})),
                              ("b", result(4.0, {"y": 1.0}, fits=False))]).splitlines()
        self.assertEqual(
            lines[0],
            "| point | step time | tokens/s | MFU | compute | x | y | bubble and idle | memory |")
        self.assertEqual(lines[2], "| a | 2 s | 12 340 | 50.0 % | 50.0 % | 25.0 % | 0.0 % | 25.0 % "
                                   "| 3.0 GiB |")
        self.assertTrue(lines[3].endswith("| 0.0 % | 25.0 % | 25.0 % | 3.0 GiB, too much |"))


class Record(unittest.TestCase):
    def record(self, figures, results):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expected.json"
            path.write_text(json.dumps({"figures": figures}), encoding="utf-8")
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                points.record(path, results)
            return json.loads(path.read_text(encoding="utf-8"))["figures"], said.getvalue()

    def test_values_are_replaced_and_those_out_of_tolerance_named(self):
        figures, said = self.record([figure("/step_time_s", 0.1, {"a": 2.1, "b": 2.1, "gone": 1.0})],
                                    [("a", result(2.00004, {})), ("b", result(4.0, {}))])
        self.assertEqual(figures[0]["values"], {"a": 2.0, "b": 4.0})
        self.assertIn('"b": 2.1 -> 4.0', said)
        self.assertNotIn('"a"', said)

    def test_a_closed_form_is_kept_and_its_breach_named(self):
        figures, said = self.record([figure("/list/0", 0, {"a": 8}, closed_form=True)],
                                    [("a", result(2.0, {}))])
        self.assertEqual(figures[0]["values"], {"a": 8})
        self.assertIn('"a": 8 -> 7', said)


if __name__ == "__main__":
    unittest.main()

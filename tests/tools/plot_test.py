#!/usr/bin/python3
"""Every kind of picture that tools/plot draws of results, from small ones made here, in each format.

Exit status 77, a skip, where matplotlib is not installed.
"""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}

RESULT = {"ranks": 8, "tokens_per_s": 100.0, "step_time_s": 2.0, "mfu": 0.5, "scenario": {"name": "small"},
          "breakdown": [{"part": "compute", "average_s": 1.5}, {"part": "bubble", "average_s": 0.5},
                        {"part": "idle", "average_s": 0.0}]}
TRACE = {"traceEvents": [{"ph": "X", "pid": 0, "tid": 0, "name": "up", "cat": "forward", "ts": 0.0, "dur": 5.0}]}
SPANS = "rank,stands_for,stream,op,kind,category,ready_ps,start_ps,duration_ps,bytes\n0,1,compute,up,compute,forward,0,0,5000,\n"
TABLE = "ranks,tensor,status,tokens_per_s,step_time_s\n8,1,ok,100,2\n8,2,ok,90,2.2\n16,1,ok,150,1.3\n16,2,failed,,\n"
CURVE = {"rows": [{"bytes": 2**10, "busbw_Bps": 1e8}, {"bytes": 2**30, "busbw_Bps": 2e11}]}
REPORT = {"figures": [{"name": "iteration_time", "unit": "s", "cases": [
    {"label": "22B", "published": 1.42, "simulated": 1.4, "difference": -0.01, "held_out": True}]}]}

SWEEP = ["sweep", "table.csv", "PICTURE"]
KINDS = {
    "timeline": ["timeline", ".", "PICTURE", "--ranks", "0"],
    "breakdown": ["breakdown", "PICTURE", "a=result.json", "b=result.json"],
    "scaling": ["scaling", "PICTURE", "result.json", "table.csv"],
    "gantt": ["gantt", "trace.csv", "PICTURE", "--ranks", "0"],
    "bandwidth": ["bandwidth", "PICTURE", "a=curve.json"],
    "published": ["published", "report.json", "PICTURE"],
    "heat_map": [*SWEEP, "heat_map", "--x", "ranks", "--y", "tensor", "--metric", "tokens_per_s+"],
    "lines": [*SWEEP, "lines", "--x", "ranks", "--y", "step_time_s", "--by", "tensor", "--log", "x"],
    "pareto": [*SWEEP, "pareto", "--x", "step_time_s", "--y", "tokens_per_s+", "--log", "xy"],
}


def plot_program():
    loader = importlib.machinery.SourceFileLoader("plot", str(TOOLS / "plot"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("plot", loader))
    loader.exec_module(module)
    return module


class Plots(unittest.TestCase):
    def draw(self, words, picture):
        sys.argv = ["plot"] + [str(self.folder / word) if (self.folder / word).exists() else word
                               for word in (str(picture) if word == "PICTURE" else word for word in words)]
        return PLOT.main()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name, content in (("result.json", RESULT), ("trace.json", TRACE), ("curve.json", CURVE),
                              ("report.json", REPORT), ("trace.csv", SPANS), ("table.csv", TABLE)):
            text = content if isinstance(content, str) else json.dumps(content)
            (self.folder / name).write_text(text, encoding="utf-8")

    def test_every_kind_is_drawn(self):
        formats = list(MAGIC)
        for number, (kind, words) in enumerate(KINDS.items()):
            picture = self.folder / (kind + formats[number % len(formats)])
            with self.subTest(kind):
                words = [f"{w.split('=')[0]}={self.folder / w.split('=')[1]}" if "=" in w else w for w in words]
                self.assertEqual(self.draw(words, picture), 0)
                self.assertTrue(picture.read_bytes().startswith(MAGIC[picture.suffix]))

    def test_tables_of_sequence_methods_are_drawn(self):
        experiments = TOOLS.parent / "experiments"
        for kind, table in (("token_ring", experiments / "token_ring/where.csv"),
                            ("methods", experiments / "sequence_methods/methods.csv"),
                            ("steps", experiments / "long_context/steps.csv")):
            picture = self.folder / (kind + ".svg")
            subprocess.run([sys.executable, TOOLS / "plot_sequence", kind, table, picture], check=True)
            self.assertTrue(picture.read_bytes().startswith(MAGIC[".svg"]))

    def test_a_file_that_is_not_there_is_named(self):
        picture = self.folder / "none.svg"
        self.assertEqual(self.draw(["published", "missing.json", "PICTURE"], picture), 5)
        self.assertFalse(picture.exists())


if __name__ == "__main__":
    try:
        sys.path.insert(0, str(TOOLS))
        sys.dont_write_bytecode = True
        PLOT = plot_program()
    except ModuleNotFoundError as error:
        print(error)
        sys.exit(77)
    unittest.main()

"""tools/fit_reproduction finds constants again that a scenario was given here, and says which are not those written.

usage: fit_reproduction_test.py PATH_OF_ORRERY
"""

import copy
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ORRERY = sys.argv.pop(1)
KERNEL, MESSAGES = 17, 240  # us, by which the "published" figures are made
SCENARIO = {
    "orrery": 1, "cluster": {"use": "dgx_a100"},
    "workload": {"kind": "sequence_parallel_attention", "method": "ring", "degree": 4, "heads": 8, "head_size": 128,
                 "sequence_length": 1024, "mask": "full",
                 "host": {"kernel": f"{KERNEL} us", "messages": {"value": f"{MESSAGES} us", "source": "test"}}},
    "collectives": {"library": "plain"}}
HOST, DEGREE = "/workload/host/", "/workload/degree"


class FitReproduction(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, document):
        (self.folder / name).write_text(json.dumps(document), encoding="utf-8")

    def fit(self):
        words = [sys.executable, str(ROOT / "tools" / "fit_reproduction"), f"{self.folder}/", "--orrery", ORRERY]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def figure(self, degree):
        done = subprocess.run([ORRERY, "run", str(self.folder / "scenario.json"), "--json", "--set",
                               f"{DEGREE}={degree}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["tokens_per_s"]

    def document(self, **more):
        """Two ranks and four: as many equations as constants."""
        parameters = [{"pointer": HOST + "kernel", "unit": "us", "between": [0, 100]},
                      {"pointer": HOST + "messages", "unit": "us", "between": [0, 1000]}]
        cases = [{"label": f"{degree} ranks", "set": {DEGREE: degree}, "pointer": "/tokens_per_s",
                  "published": {"value": self.figure(degree), "source": "test"}} for degree in (2, 4)]
        step = {"parameters": parameters, "cases": cases} | more
        return {"orrery_fit": 1, "description": "a test", "tolerance": 0.001, "chains": [[step]]}

    def test_constants_are_found_again_and_others_are_not_taken_for_them(self):
        self.write("scenario.json", SCENARIO)
        document = self.document()
        for least in ("squares", "largest"):
            document["chains"][0][0]["least"] = least
            self.write("fit.json", document)
            done = self.fit()
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("all as written", done.stdout)
        other = copy.deepcopy(SCENARIO)
        other["workload"]["host"]["messages"] = f"{MESSAGES * 1.01} us"
        self.write("scenario.json", other)
        done = self.fit()
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn(f"{HOST}messages: 240 us, written 242.4 us (-0.99 %): NOT within 0.1 %", done.stdout)
        self.assertIn(f"written {KERNEL} us (+0.00 %)\n", done.stdout)

    def test_bad_files_are_refused(self):
        self.write("scenario.json", SCENARIO)
        document = self.document()
        step = document["chains"][0][0]
        for key, value, message in (
                ("leest", "largest", 'a step: no such key "leest"; there are parameters cases least'),
                ("least", "median", 'expected "least" to be squares or largest, found median'),
                ("cases", step["cases"][:1], "2 constants cannot be fitted to 1 figures"),
                ("cases", [{"case": "none", "figure": "none"}] * 2, 'reproduce.json has no case "none"'),
                ("parameters", [{"pointer": "/x", "unit": "mile", "between": [0, 1]}], "/x: expected a unit of"),
                ("parameters", [{"pointer": "/x", "between": [1, 0]}], "/x: expected bounds that grow")):
            self.write("fit.json", document | {"chains": [[step | {key: value}]]})
            done = self.fit()
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()

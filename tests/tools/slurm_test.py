#!/usr/bin/python3
"""`orrery sweep --slurm` on a real Slurm of several nodes, on loopback, which this test starts and stops.

    slurm_test.py ORRERY

Exit status 77, a skip, where Slurm is not installed or this is not root.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

LOOPBACK = Path(__file__).resolve().with_name("slurm_loopback")
NODES = 2
PATIENCE = 90  # seconds, for one step on a busy machine
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

SCENARIO = """{ "orrery": 1, "cluster": "dgx_a100",
  "workload": { "kind": "transformer_training", "network": "gpt2", "parallel": { "tensor": 4 },
    "sequence_length": 128, "micro_batch": 1, "global_batch": 8, "precision": "bf16" } }"""
POINTS = 12
SWEEP = """{ "orrery": 1, "sweep": { "base": "base.json",
  "axes": { "/seed": {"from": 1, "to": 12, "step": 1} } } }"""
# Points of a second and more, to have time to interrupt them: every rank differs, nothing is folded.
SLOW = """{ "orrery": 1, "sweep": { "base": "base.json",
  "axes": { "/seed": [1, 2, 3, 4], "/workload/global_batch": [3200],
            "/variability": [{"kernel_jitter": {"kind": "normal", "coefficient_of_variation": 0.02}}] }
} }"""


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def wait_until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            queue = run("squeue").stdout + run("sinfo", "-N", "-l").stdout
            raise AssertionError(f"{what} did not come about:\n{queue}")
        time.sleep(0.1)


def is_empty():
    """Whether no job is queued; a controller that does not answer says nothing."""
    queue = run("squeue", "-h")
    return queue.returncode == 0 and not queue.stdout.strip()


class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="slurm"))  # short: sockets limit its length
        cls.folder.chmod(0o755)  # munge insists
        started = run(LOOPBACK, "start", cls.folder / "lo", str(NODES),
                      env={**os.environ, "SLURMLO_CPUS": "1"})
        if started.returncode != 0:
            shutil.rmtree(cls.folder)
            raise RuntimeError(started.stderr)
        os.environ["SLURM_CONF"] = str(cls.folder / "lo/etc/slurm.conf")
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        (cls.folder / "base.json").write_text(SCENARIO, encoding="utf-8")
        (cls.folder / "sweep.json").write_text(SWEEP, encoding="utf-8")
        (cls.folder / "slow.json").write_text(SLOW, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        run(LOOPBACK, "stop", cls.folder / "lo")
        shutil.rmtree(cls.folder, ignore_errors=True)

    def sweep(self, sweep, out, *more):
        return run(PROGRAM, "sweep", sweep, "--out", out, *more, cwd=self.folder)

    def submit(self, sweep, out, *more):
        """The numbers of the jobs."""
        done = self.sweep(sweep, out, "--slurm", "--directive=--mem=100", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        submissions = sorted((self.folder / out / "slurm").iterdir())
        return (submissions[-1] / "jobs.txt").read_text(encoding="utf-8").split()

    def results(self, out):
        files = (self.folder / out / "points").glob("*/*.jsonl")
        return {file.name: file.read_bytes() for file in files}

    def wait_for_the_end(self, jobs):
        def ended():
            # A requeued job waits for two minutes (Reason=BeginTime): not here.
            for line in run("squeue", "-h", "-t", "PD", "-o", "%i %r").stdout.splitlines():
                if line.endswith("BeginTime"):
                    run("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now")
            return is_empty()
        wait_until(f"the end of jobs {jobs}", ended)

    def test_an_array_gives_what_a_local_sweep_gives_and_submits_only_what_is_missing(self):
        self.assertEqual(self.sweep("sweep.json", "local").returncode, 0)
        expected = self.results("local")
        self.assertEqual(len(expected), POINTS)
        jobs = self.submit("sweep.json", "array", "--chunk", "4", "--array-limit", "2")
        self.assertEqual(len(jobs), 2)  # an array, and what collects
        again = self.sweep("sweep.json", "array", "--slurm")
        if run("squeue", "-h").stdout.strip():  # else it was done already
            self.assertEqual(again.returncode, 2)
            self.assertIn("still in the queue", again.stderr)
        self.wait_for_the_end(jobs)
        self.assertEqual(self.results("array"), expected)
        table = (self.folder / "array/table.csv").read_text(encoding="utf-8")
        self.assertEqual(len(table.splitlines()), POINTS + 1)  # the second job wrote it
        lost = sorted((self.folder / "array/points").glob("*/*.jsonl"))[:2]
        lost[0].unlink()
        lost[1].write_bytes(lost[1].read_bytes()[:-1])
        jobs = self.submit("sweep.json", "array", "--chunk", "4")
        tasks = (self.folder / "array/slurm/002/tasks.txt").read_text(encoding="utf-8")
        self.assertEqual(len(tasks.replace(",", "\n").split()), 2)
        self.wait_for_the_end(jobs)
        self.assertEqual(self.results("array"), expected)
        self.assertIn("nothing is missing", self.sweep("sweep.json", "array", "--slurm").stdout)

    def test_signals_a_dead_node_and_a_dead_controller_lose_nothing(self):
        jobs = self.submit("slow.json", "slow", "--chunk", "2")
        array = jobs[0]
        wait_until("a running task", lambda: run(
            "squeue", "-h", "-r", "-t", "R", "-j", array, "-o", "%i").stdout.split())
        # What --signal sends before the time-out: one task stops cleanly and goes back to the queue.
        running = run("squeue", "-h", "-r", "-t", "R", "-j", array, "-o", "%i").stdout.split()
        time.sleep(0.5)
        run("scancel", "--signal=USR1", "--batch", running[0])
        wait_until("a task that is back", lambda: "Restarts=1" in run(
            "scontrol", "show", "job", array).stdout or is_empty())
        time.sleep(3)  # the controller saves its state now and then
        controller = int((self.folder / "lo/run/slurmctld.pid").read_text())
        os.kill(controller, signal.SIGKILL)
        wait_until("the controller's end", lambda: not Path(f"/proc/{controller}").exists())
        run("slurmctld", "-f", os.environ["SLURM_CONF"])
        wait_until("a controller", lambda: run("scontrol", "ping").returncode == 0)
        node = int((self.folder / "lo/run/slurmd-n2.pid").read_text())
        os.kill(node, signal.SIGKILL)
        run("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
        self.wait_for_the_end(jobs)
        log = (self.folder / "lo/log/slurmctld.log").read_text(encoding="utf-8")
        self.assertTrue((self.folder / "slow/table.csv").exists(), log)
        table = (self.folder / "slow/table.csv").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(table), 1 + 4)
        self.assertTrue(all(",ok," in row for row in table[1:]), table)
        logs = "".join(log.read_text() for log in (self.folder / "slow/slurm/001").glob("task*.log"))
        self.assertIn("stopped; the same command goes on", logs)


if __name__ == "__main__":
    checked = run(LOOPBACK, "check")
    if checked.returncode == 77:
        print(checked.stderr.strip())
        sys.exit(77)
    unittest.main()

#!/usr/bin/python3
"""`orrery sweep --slurm` on a real Slurm of several nodes, on loopback, which this test starts and stops.

    slurm_test.py ORRERY [CLASS[.TEST]]

Each class has a cluster of its own; without a name both run side by side, as that of the time limits mostly waits
for Slurm's clock. Exit status 77, a skip, where Slurm is not installed or this is not root.
"""

import datetime
import os
import re
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
PATIENCE = 150  # seconds, for one step on a busy machine
REGISTER = 25  # seconds; Slurm takes a task for lost that started 20 s ago and that its node does not know
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""

SCENARIO = """{ "orrery": 1, "cluster": "dgx_a100",
  "workload": { "kind": "transformer_training", "network": "gpt2", "parallel": { "tensor": 4 },
    "sequence_length": 128, "micro_batch": 1, "global_batch": 8, "precision": "bf16" } }"""
POINTS = 12
SWEEP = """{ "orrery": 1, "sweep": { "base": "base.json",
  "axes": { "/seed": {"from": 1, "to": 12, "step": 1} } } }"""
# Points of a second or so, to have time to interrupt them: every rank differs, nothing is folded.
SLOW_POINTS = 4
SLOW = """{ "orrery": 1, "sweep": { "base": "base.json",
  "axes": { "/seed": [1, 2, 3, 4], "/workload/global_batch": [600],
            "/variability": [{"kernel_jitter": {"kind": "normal", "coefficient_of_variation": 0.02}}] }
} }"""
# Whoever is urgent takes the node of a task, which goes back into the queue.
PARTITIONS = """PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF MaxTime=INFINITE State=UP OverSubscribe=NO"""


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def wait_until(what, condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            queue = run("squeue").stdout + run("sinfo", "-N", "-l").stdout
            raise AssertionError(f"{what} did not come about:\n{queue}")
        time.sleep(0.1)
    return found


def queued():
    """Numbers of the jobs in the queue, None when the controller does not answer."""
    queue = run("squeue", "-h", "-o", "%F")
    return set(queue.stdout.split()) if queue.returncode == 0 else None


def restarts(job):
    return [int(count) for count in re.findall(r"Restarts=(\d+)", run("scontrol", "show", "job", job).stdout)]


class Cluster(unittest.TestCase):
    """One for each class, with the same sweeps in its folder."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="slurm"))  # short: sockets limit its length
        cls.folder.chmod(0o755)  # munge insists
        started = run(LOOPBACK, "start", cls.folder / "lo", str(NODES),
                      env={**os.environ, "SLURMLO_CPUS": "1", "SLURMLO_CONF": PARTITIONS})
        if started.returncode != 0:
            shutil.rmtree(cls.folder)
            raise RuntimeError(started.stderr)
        os.environ["SLURM_CONF"] = str(cls.folder / "lo/etc/slurm.conf")
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        cls.files = {}  # jobs.txt of each submission, by its first job
        for name, text in (("base", SCENARIO), ("sweep", SWEEP), ("slow", SLOW)):
            (cls.folder / f"{name}.json").write_text(text, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        run(LOOPBACK, "stop", cls.folder / "lo")
        shutil.rmtree(cls.folder, ignore_errors=True)

    def sweep(self, sweep, out, *more):
        return run(PROGRAM, "sweep", sweep, "--out", out, *more, cwd=self.folder)

    def submit(self, sweep, out, *more):
        """The numbers of the jobs: one for each array, then what collects."""
        done = self.sweep(sweep, out, "--slurm", "--directive=--mem=100", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        file = sorted((self.folder / out / "slurm").iterdir())[-1] / "jobs.txt"
        jobs = file.read_text(encoding="utf-8").split()
        self.files[jobs[0]] = file
        return jobs

    def results(self, out):
        files = (self.folder / out / "points").glob("*/*.jsonl")
        return {file.name: file.read_bytes() for file in files}

    def logs(self, out):
        """What the tasks of the first submission said."""
        return "".join(log.read_text() for log in sorted((self.folder / out / "slurm/001").glob("task*.log")))

    def controller_log(self):
        return (self.folder / "lo/log/slurmctld.log").read_text(encoding="utf-8")

    def running(self, array):
        return wait_until("a running task", lambda: run(
            "squeue", "-h", "-r", "-t", "R", "-j", array, "-o", "%i %N").stdout.split())

    def now_of(self, jobs):
        """The jobs of their submission: what collects submits itself again while a task goes on."""
        file = self.files.get(next(iter(jobs), None))
        return set(file.read_text(encoding="utf-8").split()) if file else set(jobs)

    def wait_for_the_end(self, jobs):
        asked = time.monotonic()

        def ended():
            # A controller killed before it saved that a task has ended learns it when the node registers next, in
            # half an hour by itself.
            nonlocal asked
            if time.monotonic() > asked + REGISTER:
                run("scontrol", "reconfigure")
                asked = time.monotonic()
            # A requeued job waits for two minutes (Reason=BeginTime): not here.
            for line in run("squeue", "-h", "-t", "PD", "-o", "%i %r").stdout.splitlines():
                if line.endswith("BeginTime"):
                    run("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now")
            there = queued()
            return there is not None and not there & self.now_of(jobs)
        wait_until(f"the end of jobs {jobs}", ended)

    def assert_whole(self, out, points):
        table = (self.folder / out / "table.csv").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(table), 1 + points)
        self.assertTrue(all(",ok," in row for row in table[1:]), table)

    def restart_the_controller(self):
        controller = int((self.folder / "lo/run/slurmctld.pid").read_text())
        os.kill(controller, signal.SIGKILL)
        wait_until("the controller's end", lambda: not Path(f"/proc/{controller}").exists())
        run("slurmctld", "-f", os.environ["SLURM_CONF"])
        wait_until("a controller", lambda: run("scontrol", "ping").returncode == 0)


class Sweeps(Cluster):
    def test_an_array_gives_what_a_local_sweep_gives_and_submits_only_what_is_missing(self):
        self.assertEqual(self.sweep("sweep.json", "local").returncode, 0)
        expected = self.results("local")
        self.assertEqual(len(expected), POINTS)
        jobs = self.submit("sweep.json", "array", "--chunk", "4", "--array-limit", "2")
        self.assertEqual(len(jobs), 2)  # an array, and what collects
        again = self.sweep("sweep.json", "array", "--slurm")
        if queued():  # else it was done already
            self.assertEqual(again.returncode, 2)
            self.assertIn("still in the queue", again.stderr)
        self.wait_for_the_end(jobs)
        self.assertEqual(self.results("array"), expected)
        self.assert_whole("array", POINTS)  # the second job wrote it
        lost = sorted((self.folder / "array/points").glob("*/*.jsonl"))[:2]
        lost[0].unlink()
        lost[1].write_bytes(lost[1].read_bytes()[:-1])
        jobs = self.submit("sweep.json", "array", "--chunk", "4")
        tasks = (self.folder / "array/slurm/002/tasks.txt").read_text(encoding="utf-8")
        self.assertEqual(len(tasks.replace(",", "\n").split()), 2)
        self.wait_for_the_end(jobs)
        self.assertEqual(self.results("array"), expected)

    def test_a_controller_that_dies_after_a_submission_may_forget_it_and_the_same_command_goes_on(self):
        """slurmctld saves what it was told some seconds later: the array, what collects, or both may be gone."""
        self.submit("sweep.json", "forgotten", "--chunk", "4")
        self.restart_the_controller()
        for _ in range(4):
            jobs = queued()
            if jobs is not None:
                self.wait_for_the_end(jobs)
            again = self.sweep("sweep.json", "forgotten", "--slurm", "--directive=--mem=100", "--chunk", "4")
            self.assertEqual(again.returncode, 0, again.stderr)
            if "nothing is missing" in again.stdout:
                break
        self.assertIn("nothing is missing", again.stdout)
        self.assertEqual(len(self.results("forgotten")), POINTS)
        self.assert_whole("forgotten", POINTS)  # written then at the latest

    def test_signals_a_dead_node_and_a_dead_controller_lose_nothing(self):
        jobs = self.submit("slow.json", "slow", "--chunk", "2")
        task = self.running(jobs[0])[0]
        time.sleep(0.5)
        # What --signal sends before the time-out: one task stops cleanly and goes back to the queue.
        run("scancel", "--signal=USR1", "--batch", task)
        wait_until("a task that is back", lambda: any(restarts(jobs[0])) or not queued())
        time.sleep(3)  # the controller saves its state now and then
        self.restart_the_controller()
        node = int((self.folder / "lo/run/slurmd-n2.pid").read_text())
        os.kill(node, signal.SIGKILL)
        run("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
        self.wait_for_the_end(jobs)
        self.assertTrue((self.folder / "slow/table.csv").exists(), self.controller_log())
        self.assert_whole("slow", SLOW_POINTS)
        self.assertIn("stopped; the same command goes on", self.logs("slow"))


class Limits(Cluster):
    def process_of(self, out):
        """The process that simulates for a task, once it has done so for a while."""
        def found():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if words[0] == os.fsencode(PROGRAM) and f"/{out}/slurm/".encode() in b" ".join(words):
                        # utime and stime, proc(5); to read the points takes a tenth of it.
                        used = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                        return process if sum(map(int, used)) > 0.3 * os.sysconf("SC_CLK_TCK") else None
                except OSError:  # it has ended meanwhile
                    continue
            return None
        return wait_until(f"a process for {out}", found)

    def freeze(self, out):
        """It takes no time then, and can be interrupted whenever it is due."""
        process = self.process_of(out)
        os.kill(int(process.name), signal.SIGSTOP)
        return process

    def keep_frozen(self, process):
        """Slurm wakes what it ends; whether it is still there."""
        try:
            os.kill(int(process.name), signal.SIGSTOP)
        except ProcessLookupError:
            return False
        return True

    def has_pending(self, process, number):
        mask = re.search(r"ShdPnd:\s*([0-9a-f]+)", (process / "status").read_text())
        return int(mask.group(1), 16) >> (number - 1) & 1

    def test_limits_and_preemption_lose_nothing_and_do_nothing_twice(self):
        """Slurm looks at limits every half minute, so that both kinds are waited for together: a task that heeds
        the signal before its limit, and one that cannot (it is frozen) and is killed at it."""
        heeds = self.submit("slow.json", "heeds", "--chunk", "4", "--time", "1")
        frozen = self.freeze("heeds")
        cannot = self.submit("slow.json", "cannot", "--chunk", "4", "--time", "1")
        deaf = self.freeze("cannot")
        limit = datetime.datetime.now() + datetime.timedelta(seconds=3)
        run("scontrol", "update", f"JobId={cannot[0]}_0", f"EndTime={limit:%FT%T}")
        def signal_came():
            self.keep_frozen(deaf)
            return self.has_pending(frozen, signal.SIGUSR1)
        wait_until("the signal before the limit", signal_came)
        os.kill(int(frozen.name), signal.SIGCONT)
        wait_until("the end at the limit", lambda: not self.keep_frozen(deaf))
        self.wait_for_the_end(cannot)
        self.assertIn("TIMEOUT", run("scontrol", "show", "job", cannot[0]).stdout)
        missing = SLOW_POINTS - len(self.results("cannot"))
        self.assertGreater(missing, 0)
        collected = next((self.folder / "cannot/slurm/001").glob("collect*.log")).read_text()
        self.assertIn(f"{missing} of {SLOW_POINTS} points have no result", collected)
        jobs = self.submit("slow.json", "cannot", "--chunk", "4")
        tasks = (self.folder / "cannot/slurm/002/tasks.txt").read_text(encoding="utf-8")
        self.assertEqual(len(tasks.replace(",", "\n").split()), missing)

        _, node = self.running(jobs[0])
        self.process_of("cannot")
        # What collects may start too early, while Slurm brings a task back: it waits for the task then.
        batch = self.files[jobs[0]].parent
        written = (self.folder / "cannot/table.csv").read_bytes()
        early = run("bash", batch / "collect.sh", jobs[0])
        self.assertEqual(early.returncode, 0, early.stderr)
        self.assertEqual(len(self.now_of(jobs)), len(jobs) + 1)
        self.assertEqual((self.folder / "cannot/table.csv").read_bytes(), written)
        run("sbatch", "--partition=urgent", f"--nodelist={node}", "--mem=100", "--wrap=true", cwd=self.folder)
        wait_until("a task that gave way", lambda: any(restarts(jobs[0])))
        self.wait_for_the_end(jobs)
        self.assertIn("preempted", self.controller_log())
        self.assert_whole("cannot", SLOW_POINTS)
        self.wait_for_the_end(heeds)
        self.assert_whole("heeds", SLOW_POINTS)
        # What a run of the task finds done is what the run before left: none is done again. On a busy machine the
        # second may be signalled too.
        done = 0
        reports = re.findall(r"4 points: (.*); (\d) were there already", self.logs("heeds"))
        self.assertGreaterEqual(len(reports), 2)
        for statuses, already in reports:
            self.assertEqual(int(already), done)
            ok = re.search(r"(\d) ok", statuses)
            done = int(ok.group(1)) if ok else 0
        self.assertEqual(done, SLOW_POINTS)
        self.assertEqual(self.results("cannot"), self.results("heeds"))


def main():
    checked = run(LOOPBACK, "check")
    if checked.returncode == 77:
        print(checked.stderr.strip())
        return 77
    if len(sys.argv) > 1:
        return unittest.main()
    both = [subprocess.Popen((sys.executable, "-B", __file__, PROGRAM, name)) for name in ("Sweeps", "Limits")]
    return max(each.wait() for each in both)


if __name__ == "__main__":
    sys.exit(main())

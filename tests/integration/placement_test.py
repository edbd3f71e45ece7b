"""Which cores workers compute on, with how many threads, and who says so."""
import os
import subprocess
import sys
import unittest

from run_test import WithData
from support import launcher, program, vexil, wait_for


def processors():
    return sorted(os.sched_getaffinity(0))


class Placement(WithData):
    def shown(self, run):
        """The lines of vexil status on cores, once all workers are there."""
        wait_for(lambda: len(run.events("worker.join")) >= run.workers, 60, "the workers")
        done = vexil("status", "--run-dir", run.directory)
        return [line for line in done.stdout.splitlines() if line.startswith("cores ")]

    SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.05}
"""

    def test_train_on_one_processor_uses_one_thread_on_it(self):
        first = str(processors()[0])
        run = self.make(rounds=5000, workers=2, byzantine=0, rule="mean", extra=self.SLOW)
        train = subprocess.Popen(["taskset", "-c", first, program("vexil"), "train", run.job,
                                  "--run-dir", run.directory, "--quiet"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(train.communicate)
        self.addCleanup(train.kill)
        lines = self.shown(run)
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], rf"^cores     {first} of .*1 BLAS thread: slot 0-1$")
        self.assertEqual(vexil("stop", "--run-dir", run.directory).returncode, 0)
        text, _ = train.communicate(timeout=120)
        self.assertEqual(train.returncode, 75, text)
        for join in run.events("worker.join"):
            self.assertEqual((join["cpus"], join["threads"]), (first, 1))
        self.assertEqual([(place["cpus"], place["cores"]) for place in run.events("server.place")],
                         [(first, 1)])

    def train_by_hand(self, mpirun, *options, workers, server=()):
        run = self.make(rounds=3, workers=workers, byzantine=0, rule="mean")
        run.start_server(*server)
        run.mpirun = subprocess.Popen(
            [*mpirun, program("vexil-worker"), "--run-dir", run.directory, "--log-level", "info",
             *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        return {join["slot"]: join for join in run.events("worker.join")}, texts[1]

    def test_workers_that_nobody_bound_share_the_cores(self):
        joins, log = self.train_by_hand(launcher(2), workers=2)
        everything = {join["cpus"] for join in joins.values()}
        self.assertEqual(len(everything), 1, joins)
        self.assertEqual(len({join["threads"] for join in joins.values()}), 1)
        self.assertRegex(log, r"event=worker.ready slot=0 cpus=\S+ cores=\d+ node=-?\d+ threads=\d")

    def test_the_threads_of_a_job_count(self):
        joins, log = self.train_by_hand(launcher(2), workers=2,
                                        server=("--set", "workers.blas_threads=3"))
        self.assertEqual([join["threads"] for join in joins.values()], [3, 3])
        self.assertEqual(log.count("threads=3"), 2, log)

    @unittest.skipIf(len(processors()) < 2, "one processor")
    def test_bound_workers_have_cores_of_their_own(self):
        for name, mpirun, options in (
                ("bind-cores", launcher(2), ("--bind-cores",)),
                ("mpirun", [*launcher(2)[:-2], "--bind-to", "core"], ())):
            with self.subTest(name):
                joins, _ = self.train_by_hand(mpirun, *options, workers=2)
                self.assertNotEqual(joins[0]["cpus"], joins[1]["cpus"])
                self.assertEqual(joins[0]["threads"], joins[1]["threads"])
                subprocess.run(["rm", "-rf", os.path.join(self.folder, "run")], check=True)

    def test_more_workers_than_cores_are_not_bound(self):
        count = len(processors()) + 1
        if count > 8:
            self.skipTest("many processors")
        joins, log = self.train_by_hand(launcher(count), "--bind-cores", workers=count)
        self.assertEqual(len({join["cpus"] for join in joins.values()}), 1)
        self.assertEqual({join["threads"] for join in joins.values()}, {1})
        self.assertNotIn("--bind-cores:", log)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

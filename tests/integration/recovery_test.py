"""A run that is interrupted is bitwise the run that was not: I1 and I6, with real processes."""
import os
import shutil
import signal
import sys
import time
import unittest

from run_test import WithData
from support import Run, read_safetensors, wait_for

SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.01}
"""
ROUNDS = 90
DURABILITY = "checkpoint:\n  every: 25\n  durability: %s\n"


class Interrupted(WithData):
    @classmethod
    def setUpClass(cls):
        cls.clean = {}

    def digests(self, run):
        rows = run.metrics()
        self.assertEqual([row["round"] for row in rows], list(range(ROUNDS)))
        self.assertTrue(all(row["included"] == [0, 1, 2, 3] for row in rows))
        return [row["parameters_digest"] for row in rows]

    def expected(self, **job):
        """The digests of the same job, never interrupted."""
        key = str(job)
        if key not in self.clean:
            self.clean[key] = self.digests(self.complete("clean" + str(len(self.clean)), **job))
        return self.clean[key]

    def job(self, durability="auto", **more):
        return dict(rounds=ROUNDS, byzantine=0, extra=SLOW + DURABILITY % durability, **more)

    def kill_server(self, run):
        run.server.kill()
        run.server.communicate()

    def finish(self, run):
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["state"], "done")
        return run

    def kill_all(self, run):
        self.kill_server(run)
        run.mpirun.kill()
        run.mpirun.communicate()
        self.assert_tidy()


class Recovery(Interrupted):
    def test_a_killed_server_goes_on_where_it_was_and_nobody_computes_twice(self):
        job = self.job("full")
        run = self.make(**job).start_server().start_workers()
        for rounds in (3, 30, 60):
            run.wait_for_rounds(rounds)
            self.kill_server(run)
            before = len(run.metrics())
            run.start_server("--resume")
            wait_for(lambda: len(run.metrics()) > before, 30, "the next round")
        self.finish(run)
        self.assertEqual(self.digests(run), self.expected(**self.job("full")))
        self.assertEqual(run.result()["epoch"], 4)
        self.assertFalse(run.events("recovery.rewinds"))
        self.assertTrue(all(row["to_replay"] == 0 for row in run.events("recovery")))
        self.assert_tidy()

    def test_without_the_updates_the_workers_make_the_recorded_rounds_again(self):
        run = self.make(**self.job("ledger")).start_server().start_workers()
        run.wait_for_rounds(40)
        self.kill_server(run)
        run.start_server("--resume")
        self.finish(run)
        self.assertEqual(self.digests(run), self.expected(**self.job("full")))
        self.assertGreater(run.events("recovery")[0]["to_replay"], 0)
        self.assertEqual(len(run.events("replay.done")), 1)
        self.assertFalse(run.events("replay.diverged") + run.events("replay.abandoned"))

    def test_when_everything_is_killed_the_workers_momentum_is_derived_again(self):
        run = self.make(**self.job("full")).start_server().start_workers()
        run.wait_for_rounds(40)
        self.kill_server(run)
        run.mpirun.kill()
        run.mpirun.communicate()
        self.assert_tidy()
        run.start_server("--resume").start_workers()
        self.finish(run)
        self.assertEqual(self.digests(run), self.expected(**self.job("full")))
        self.assertEqual(len(run.events("recovery.rewinds")), 1)

    def test_a_stopped_run_goes_on_bitwise_with_new_workers(self):
        for number in (signal.SIGTERM, signal.SIGUSR1):
            run = self.make("stopped%d" % number, **self.job("full"))
            run.start_server().start_workers()
            run.wait_for_rounds(20)
            run.server.send_signal(number)
            codes, texts = run.finish()
            self.assertEqual(codes, [75, 0], texts)
            run.start_server("--resume").start_workers()
            self.finish(run)
            self.assertEqual(self.digests(run), self.expected(**self.job("full")))
            self.assertFalse(run.events("recovery.rewinds") + run.events("worker.begins_anew"))

    def test_a_killed_worker_goes_on_with_the_momentum_that_the_server_has(self):
        run = self.make(**self.job("full")).start_server().start_workers()
        for rounds in (10, 30, 50):
            run.wait_for_rounds(rounds)
            pid = [row["pid"] for row in run.events("worker.join") if row["slot"] == 2][-1]
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: run.events("worker.join")[-1]["pid"] != pid and
                     len(run.metrics()) > rounds + 2, 30, "the return of the worker")
        self.finish(run)
        self.assertEqual(run.result()["slots"][2]["incarnation"], 4)
        self.assertEqual(self.digests(run), self.expected(**self.job("full")))

    def test_a_worker_that_does_not_come_back_makes_a_recorded_round_a_new_one(self):
        run = self.make(**self.job("ledger")).start_server("--set", "workers.quorum=3",
                                                           "--set", "workers.deadline_s=2",
                                                           "--set", "workers.start_timeout_s=3")
        run.start_workers()
        run.wait_for_rounds(40)
        self.kill_server(run)
        run.mpirun.kill()
        run.mpirun.communicate()
        self.assert_tidy()
        run.start_server("--resume", "--set", "workers.quorum=3", "--set",
                         "workers.deadline_s=2", "--set", "workers.start_timeout_s=3")
        run.start_workers(workers=3)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(len(run.events("replay.abandoned")), 1)
        self.assertEqual([row["round"] for row in run.metrics()], list(range(ROUNDS)))
        self.assertEqual(run.metrics()[-1]["included"], [0, 1, 2])

    def test_another_job_is_refused_with_both_digests_and_the_key(self):
        run = self.make(**self.job("full")).start_server().start_workers()
        run.wait_for_rounds(5)
        first = run.card()["config_digest"]
        self.kill_server(run)
        run.mpirun.kill()
        run.mpirun.communicate()
        run.start_server("--resume", "--set", "seed=2")
        codes, texts = run.finish(30)
        self.assertEqual(codes[0], 78, texts)
        self.assertIn(first, texts[0])
        self.assertIn("seed is 2, was 5", texts[0])

    def test_another_teacher_is_refused_with_the_key(self):
        job = self.job("full")
        runs = [self.complete(f"teacher{n}", **dict(job, rounds=n)) for n in (2, 3)]
        teachers = [os.path.join(run.directory, f"checkpoint-{n:010d}", "parameters.safetensors")
                    for n, run in zip((2, 3), runs)]
        options = ("--set", f"model.loss={{kind: distillation, teacher: {teachers[0]}}}")
        run = self.make(**job).start_server(*options).start_workers()
        run.wait_for_rounds(5)
        self.kill_all(run)
        shutil.copy(teachers[1], teachers[0])
        run.start_server("--resume", *options)
        self.assertEqual(run.server.wait(30), 78)
        self.assertIn("model.loss.teacher_digest is ", run.server.communicate()[1])


class RuleState(Interrupted):
    """What a rule goes on with, or draws, is part of the run."""
    CLIPPING = "centered_clipping\n  tau: 0.05"
    BUCKETS = "median\n  pre: [bucketing]"

    def interrupt(self, rule, durability):
        run = self.make("killed-" + durability, **self.job(durability, rule=rule))
        run.start_server().start_workers()
        for rounds in (10, 40):
            run.wait_for_rounds(rounds)
            self.kill_server(run)
            run.start_server("--resume")
            run.wait_for_rounds(rounds + 2)
        self.kill_all(run)
        run.start_server("--resume").start_workers()
        self.finish(run)
        self.assertEqual(self.digests(run), self.expected(**self.job("full", rule=rule)))

    def test_the_memory_of_a_rule_is_that_of_the_last_recorded_update(self):
        self.interrupt(self.CLIPPING, "full")

    def test_the_memory_of_a_rule_is_made_again_with_the_rounds(self):
        self.interrupt(self.CLIPPING, "ledger")

    def test_the_memory_of_a_rule_is_in_the_checkpoint(self):
        run = self.make("stopped", **self.job("full", rule=self.CLIPPING))
        run.start_server().start_workers()
        run.wait_for_rounds(30)
        run.server.send_signal(signal.SIGTERM)
        codes, texts = run.finish()
        self.assertEqual(codes, [75, 0], texts)
        rounds = len(run.metrics())
        state = read_safetensors(os.path.join(run.directory, f"checkpoint-{rounds:010d}",
                                              "optimiser.safetensors"))
        memory = state["aggregation.memory"]
        norm = run.metrics()[-1]["update_norm"]
        self.assertAlmostEqual(float((memory.astype("float64") ** 2).sum() ** 0.5), norm, 5)
        run.start_server("--resume").start_workers()
        self.finish(run)
        self.assertEqual(self.digests(run), self.expected(**self.job("full", rule=self.CLIPPING)))

    def test_buckets_are_drawn_anew_in_each_round_and_alike_when_it_is_made_again(self):
        self.interrupt(self.BUCKETS, "ledger")
        other = self.complete("other", **self.job("full", rule=self.BUCKETS + "\n  bucket_seed: 1"))
        self.assertNotEqual(self.digests(other)[-1],
                            self.expected(**self.job("full", rule=self.BUCKETS))[-1])


class Proximal(Interrupted):
    """Weights that optimiser.l1 has made 0 are 0 in a run that was interrupted too."""
    OPTIONS = ("--set", "model.family=linear", "--set", "model.widths=[]", "--set",
               "optimiser.l1=0.02", "--set", "optimiser.step_size=0.5")

    def start(self, name, durability, kind, *more):
        run = self.make(name, **self.job(durability, rule="mean"))
        self.options = (*self.OPTIONS, "--set", "optimiser.kind=" + kind)
        return run.start_server(*self.options, *more).start_workers()

    def tensors(self, run):
        return read_safetensors(os.path.join(run.directory, f"checkpoint-{ROUNDS:010d}",
                                             "parameters.safetensors"))

    def compare(self, kind):
        clean = self.finish(self.start("clean", "full", kind))
        for durability in ("full", "ledger"):
            run = self.start(durability, durability, kind)
            run.wait_for_rounds(10)
            self.kill_server(run)
            run.start_server("--resume", *self.options)
            run.wait_for_rounds(40)
            self.kill_all(run)
            run.start_server("--resume", *self.options).start_workers()
            self.finish(run)
            self.assertEqual(self.digests(run), self.digests(clean))
            kept = [row["applied"] > 0 and row["to_replay"] == 0 for row in run.events("recovery")]
            self.assertEqual(kept, [durability == "full"] * 2)
        tensors = self.tensors(run)
        weight, bias = tensors["layer1.weight"], tensors["layer1.bias"]
        zeros = int((weight == 0).sum())
        self.assertTrue(10 < zeros < weight.size - 10, (zeros, weight.size))
        self.assertTrue((bias != 0).all(), bias)

    def test_exact_zeros_and_the_same_bits_after_everything_was_killed(self):
        self.compare("sgd")

    def test_the_momentum_of_shrunk_weights_is_recovered(self):
        self.compare("heavy_ball")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

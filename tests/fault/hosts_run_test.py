"""Runs over several hosts: a network that lies, a host that is lost while a model learns, a host
with another job or other data."""
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import numpy

from chaos import Proxy
from hosts_test import EIGHT, LOSING, OfHosts, OnHosts, QUICK, WAITING
from scenario import pace, wait_for
from support import die_with_the_test, environment, launcher, program, write_idx

FASHION = "/usr/share/datasets/fashion-mnist"
PORT = 7421


class Proxied(OfHosts):
    """Both workers of h1 reach the server through our proxy, which is on the bridge."""

    def begin(self, **job):
        address = self.enterContext(self.net.detour(self.net.workers[0]))
        run = self.make(**job)
        run.proxy = Proxy(f"{self.net.head.address}:{PORT}", seed=4, listen=f"{address}:{PORT}",
                          before=self.net.switch.enter())
        run.proxy.tell("delay 2 jitter 8")
        return run.begin("--bind", f"{self.net.head.address}:{PORT}", "--advertise", "server")

    def lost(self, run):
        rows = run.events("worker.lost")
        self.assertLessEqual({row["host"] for row in rows}, {"h1"})
        self.assertLessEqual({row["code"] for row in rows if "CRC" in row["why"]},
                             {"VX_ERR_PROTOCOL"})
        return [(row["slot"], row["why"]) for row in rows]

    def test_19_delay_loss_and_flipped_bits(self):
        """14, 18, 19 (I2 I3 I6 I10): on one host's way; the bits are those of a quiet network."""
        job = {"settings": {**WAITING, **QUICK, "workers.heartbeat_timeout_s": 2.5,
                            "model.widths": "[12]"}, "rounds": 45, "extra": pace(), **EIGHT}
        run = self.begin(**job)
        run.until_round(10)
        self.assertEqual(self.lost(run), [])
        for slot in range(8):
            via = self.net.switch if slot < 2 else self.net.workers[slot // 2]
            self.assertEqual(run.joins(slot)[0]["peer"].rsplit(":", 1)[0], via.address)
        run.proxy.tell("clear", "hold")
        wait_for(lambda: {slot for slot, _ in self.lost(run)} == {0, 1}, 30, "the loss")
        run.proxy.tell("release", "cut chance 0.05", "cut chance 0.05 reset")
        for slot in (0, 1):
            run.wait_joined(slot, 2)
        wait_for(lambda: len(run.proxy.events("cut")) >= 3, 30, "broken connections")
        run.proxy.tell("clear", "flip 10000")
        before = len(self.lost(run))
        wait_for(lambda: sum("CRC" in why for _, why in self.lost(run)) >= 2 and
                 "CRC" in run.workers_log(), 60, "damaged frames")
        run.proxy.tell("clear")
        wait_for(lambda: len(run.metrics()) == job["rounds"], 60, run.why("the rounds"))
        lost, flips = self.lost(run), run.proxy.events("flip")
        cuts = len(run.proxy.events("cut"))
        self.assert_ends(run)
        self.did(f"h1 behind delay, a hold, {cuts} cuts and {len(flips)} flipped bits: "
                 f"{before} and {len(lost) - before} connections lost")
        self.assertEqual({row["way"] for row in flips}, {"up", "down"})
        self.assertEqual({slot for slot, _ in lost}, {0, 1})
        self.assertTrue(any("no whole frame" in why for _, why in lost), lost)
        for slot in (0, 1):
            count = sum(slot == other for other, _ in lost)
            self.assertEqual(run.result()["slots"][slot]["incarnation"], count + 1)
        self.assert_equals_clean(run, **job)


class Watch:
    """How long a file stood still, from its first change on."""

    def __init__(self, path):
        self.path, self.longest, self.size = path, 0.0, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        changed = None
        while not self.ended.wait(0.02):
            size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
            if size != self.size:
                now = time.monotonic()
                self.longest = max(self.longest, now - (changed or now))
                self.size, changed = size, now

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.longest


@unittest.skipUnless(os.path.exists(FASHION), "dataset-fashion-mnist is not installed")
class Learning(OfHosts):
    ROUNDS = 600
    SETTINGS = {
        "data.train_features": f"{FASHION}/train-images-idx3-ubyte.gz",
        "data.train_labels": f"{FASHION}/train-labels-idx1-ubyte.gz",
        "data.test_features": f"{FASHION}/t10k-images-idx3-ubyte.gz",
        "data.test_labels": f"{FASHION}/t10k-labels-idx1-ubyte.gz",
        "data.mean": 0.286, "data.deviation": 0.353, "data.batch": 64, "model.widths": "[128]",
        "workers.momentum": 0.9, "workers.blas_threads": 1, "workers.quorum": 5,
        "workers.deadline_s": 2, "optimiser.schedule.kind": "cosine"}

    def test_07_what_a_lost_host_costs(self):
        """7 (I7 I10): two of eight workers go for good at a third: the others learn as much."""
        quiet = self.make({**self.SETTINGS, "workers.deadline_s": 60, "workers.quorum": 8},
                          rounds=self.ROUNDS, **EIGHT).begin()
        self.assert_ends(quiet, 300)
        run = self.make({**self.SETTINGS, **QUICK}, rounds=self.ROUNDS, **EIGHT).begin()
        watch = Watch(os.path.join(run.directory, "metrics.jsonl"))
        self.addCleanup(watch.end)
        run.until_round(self.ROUNDS // 3, 300)
        lost = self.net.workers[3]
        self.net.cut(lost)
        self.addCleanup(self.net.heal, lost)
        lost.kill()
        after = len(run.metrics())
        wait_for(lambda: os.path.exists(os.path.join(run.directory, "result.json")), 300,
                 run.why("result.json"))
        longest = watch.end()
        self.assert_ends(run)
        of_all, of_six = (one.result()["test"]["accuracy"] for one in (quiet, run))
        self.did(f"lost h4 for good after {after} of {self.ROUNDS} rounds; accuracy {of_six:.4f}, "
                 f"{of_all:.4f} without the loss; the longest round took {longest:.2f} s")
        self.assertIn(list(range(8)), run.included()[:after])
        self.assertEqual(run.included()[-1], list(range(6)))
        self.assertGreater(of_all, 0.80)
        self.assertLessEqual(abs(of_all - of_six), 0.01)
        self.assertLess(longest, self.SETTINGS["workers.deadline_s"] + 2)


class ByHand(OnHosts):
    """A server on the head, and an mpirun of two workers on each host."""

    def begin(self, *options):
        with self._log(".train.log") as log:
            self.server = self.net.head.start(
                program("vexild"), "--job", self.job, "--run-dir", self.directory, "--bind",
                self.net.head.address, *self.options(), *options, stdout=log, stderr=log,
                preexec_fn=die_with_the_test, env=environment())
        self.card()
        return self

    def start_two(self, number, *options):
        """Slots 2 k and 2 k + 1 on host h(k+1)."""
        tokens = os.path.join(self.folder, f"{os.path.basename(self.job)}.{number}")
        with open(tokens, "w") as file:
            for slot in (2 * number, 2 * number + 1):
                file.write(f"worker {slot} {self.token(slot=slot).hex()}\n")
        return self.net.workers[number].start(
            *launcher(2), program("vexil-worker"), "--connect", self.card()["endpoints"][0],
            "--token-file", tokens, *options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, preexec_fn=die_with_the_test, env=environment())


class OneHost(OfHosts):
    """Workers come back on a host that differs by now: its slots alone are lost."""
    JOB = {"settings": {**LOSING, **QUICK}, "rounds": 100000, "extra": pace(0.05), **EIGHT}

    def begin(self, runs):
        self.runs = runs
        return self.make(**self.JOB).begin()

    def six_go_on(self, run):
        wait_for(lambda: run.included()[-1] == list(range(6)), 60, run.why("rounds of six"))
        run.until_round(len(run.metrics()) + 5)
        self.net.head.run(program("vexil"), "stop", "--run-dir", run.directory)

    def test_36_with_another_job(self):
        """36 (I8 I10): the server names host and slot, the workers both too, and both digests."""
        run = self.begin(ByHand)
        other = self.make(rounds=31, **EIGHT)
        started = [run.start_two(number) for number in range(4)]
        wait_for(lambda: run.included()[-1:] == [list(range(8))], 60, run.why("a round of all"))
        started[3].terminate()
        started[3].communicate(timeout=60)
        wait_for(lambda: run.included()[-1] == list(range(6)), 60, run.why("the end of two"))
        refused = run.start_two(3, "--job", other.job)
        _, text = refused.communicate(timeout=60)
        self.assertEqual(refused.returncode, 77, text)
        self.assertRegex(text, "slot [67] on h4: .*" + run.card()["config_digest"])
        self.six_go_on(run)
        self.assertEqual(run.server.wait(60), 75, run.why("exit code"))
        for one in started[:3]:
            _, text = one.communicate(timeout=60)
            self.assertEqual(one.returncode, 0, text)
        told = run.events("peer.refused")
        self.assertEqual({(row["host"], row["code"]) for row in told}, {("h4", "config")})
        self.assertLessEqual({row["slot"] for row in told}, {6, 7})
        self.assert_nobody_left()
        self.did(f"another job on h4: {told[0]['why']}")

    def test_36_with_other_data(self):
        """36 (I7 I10): of another size: the workers there end for good, and name the file."""
        path, other = (os.path.join(self.folder, name) for name in ("train-features", "other"))
        write_idx(other, numpy.zeros((480, 5, 5)))
        run = self.begin(OnHosts)
        wait_for(lambda: run.included()[-1:] == [list(range(8))], 60, run.why("a round of all"))
        self.net.workers[3].run("mount", "--bind", other, path)
        self.addCleanup(self.net.workers[3].run, "umount", path)
        for slot in (6, 7):
            os.kill(run.worker(slot), signal.SIGKILL)
        wait_for(lambda: len(run.events("worker.leave")) == 2, 60, run.why("the end of two"))
        told = {row["slot"]: row for row in run.events("worker.leave")}
        self.six_go_on(run)
        self.assertEqual(run.wait(60), [75], run.why("exit code"))
        self.assertEqual({slot: row["host"] for slot, row in told.items()}, {6: "h4", 7: "h4"})
        for slot, row in told.items():
            self.assertIn(path + " gives a model of 364 parameters", row["why"])
            self.assertIn(f"slot {slot} on h4: {path}", run.workers_log())
        self.assert_nobody_left()
        self.did(f"other data on h4: {told[6]['why']}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

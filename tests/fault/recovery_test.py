"""The server dies: what was committed is there again, bit by bit."""
import os
import random
import shutil
import signal
import sys
import unittest

from limits_test import Failing
from scenario import Scenario, pace, pause, wait_for

RUN = {"workers.quorum": 4, "workers.deadline_s": 60, "checkpoint.every": 10}


class Recovering(Scenario):
    """With the default momentum: the state of the workers comes back too."""

    def begin(self, rounds=60, delay=0.02, **settings):
        self.job = {"settings": {**RUN, **settings}, "rounds": rounds, "extra": pace(delay)}
        run = self.make(**self.job).serve()
        run.card()
        run.work()
        return run

    def kill(self, run):
        """SIGKILL, and what was committed for the eyes of others then."""
        run.server.kill()
        run.server.wait()
        return run.digests()

    def again(self, run):
        before = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: len(run.events("server.ready")) > before or
                 run.server.poll() is not None, 30, "the server's return")
        self.assertIsNone(run.server.poll(), run.why("the server did not come back"))

    def end(self, run, seconds=90, workers=(0,)):
        server, mpirun = run.wait(seconds)
        self.assertEqual(server, 0, run.why("exit code"))
        self.assertIn(mpirun, workers, run.why("exit code of mpirun"))
        self.assertEqual([row["round"] for row in run.metrics()],
                         list(range(self.job["rounds"])))
        self.assert_equals_clean(run, **self.job)
        self.assert_tidy(run)


class Killed(Recovering):
    def test_08_the_server_killed_between_rounds(self):
        """8 (I1 I6): committed rounds are there; the same workers come back to the next round."""
        run = self.begin()
        joins = []
        for count in (3, 17, 38):
            run.until_round(count)
            committed = self.kill(run)
            self.again(run)
            wait_for(lambda: len(run.digests()) > len(committed), 30, "the next round")
            self.assertEqual(run.digests()[:len(committed)], committed)
            joins.append({row["slot"]: row["pid"] for row in run.events("worker.join")})
        self.did("SIGKILL of the server after 3, 17 and 38 rounds")
        self.end(run)
        self.assertEqual(joins[0], joins[2])
        self.assertEqual(run.result()["epoch"], 4)

    def test_08b_everything_killed_at_once(self):
        """8 (I1 I6): server, agents and workers: new ones make the same run of it."""
        run = self.begin()
        run.until_round(24)
        for process in (run.server, run.mpirun):
            process.kill()
            process.wait()
        committed = run.digests()
        self.assert_tidy_but_card(run)
        self.again(run)
        run.work()
        self.did(f"SIGKILL of everything after {len(committed)} rounds")
        self.end(run)

    def assert_tidy_but_card(self, run):
        from support import processes_of
        wait_for(lambda: not processes_of(self.folder), 15, "the end of every process")
        path = os.path.join(run.directory, "server.json")
        if os.path.exists(path):
            os.unlink(path)

    def test_08c_the_server_killed_while_it_recovers(self):
        """8 (I1 I6): again and again, at any moment of its start."""
        run = self.begin()
        run.until_round(25)
        self.kill(run)
        chance = random.Random(8)
        for _ in range(8):
            run.serve("--resume")
            pause(chance.random() * 0.15)
            self.kill(run)
        self.did("SIGKILL after 25 rounds, then eight times within 150 ms of its start")
        self.again(run)
        self.end(run)

    def test_35_usr1_drains(self):
        """35 (I1 I6): a notice of preemption: checkpoint, 75, and the same run later."""
        run = self.begin()
        for count in (12, 30):
            run.until_round(count)
            run.server.send_signal(signal.SIGUSR1)
            self.assertEqual(run.wait(30), [75, 0], run.why("exit codes"))
            self.assertEqual(run.result()["state"], "stopped")
            self.assertTrue(os.path.exists(os.path.join(
                run.directory, f"checkpoint-{run.result()['rounds']:010}")))
            self.again(run)
            run.work()
        self.did("USR1 after 12 and 30 rounds")
        self.end(run)

    def test_28_the_ledger_is_torn(self):
        """28 (I1 I11): a write-ahead log that lost its end costs no more than its end."""
        run = self.begin()
        run.until_round(25)
        run.mpirun.send_signal(signal.SIGSTOP)
        committed = self.kill(run)
        path = os.path.join(run.directory, "ledger.db-wal")
        size = os.path.getsize(path)
        os.truncate(path, size - 1000)
        run.mpirun.send_signal(signal.SIGCONT)
        self.again(run)
        self.did(f"cut 1,000 of {size} bytes from the log of the ledger, after "
                 f"{len(committed)} rounds")
        self.end(run)

    def test_28_a_ledger_that_is_no_ledger(self):
        """28 (I11): named; nothing is overwritten."""
        run = self.begin()
        run.until_round(15)
        self.kill(run)
        run.mpirun.terminate()
        run.mpirun.wait(30)
        for name in ("ledger.db-wal", "ledger.db-shm"):
            path = os.path.join(run.directory, name)
            if os.path.exists(path):
                os.unlink(path)
        path = os.path.join(run.directory, "ledger.db")
        with open(path, "wb") as file:
            file.write(b"no ledger at all" * 300)
        run.serve("--resume")
        code = run.server.wait(30)
        self.did(f"wrote text over ledger.db: {code}")
        self.assertIn(code, (65, 74), run.why("exit code"))
        self.assertIn("ledger.db", run.text(".server.log"))
        with open(path, "rb") as file:
            self.assertEqual(file.read(16), b"no ledger at all")


class Commits(Failing, Recovering):
    """The server is killed on entry of a system call of a commit."""

    def dies(self, call, number, durability="full"):
        """False when the run ended before the call was made so often."""
        run = self.begin(40, 0.01, **{"checkpoint.durability": durability})
        run.until_round(7)
        self.trace(run, f"{call}:signal=SIGKILL:when={number}")
        code, committed = run.server.wait(60), run.digests()
        if code == -signal.SIGKILL:
            self.again(run)
        # A server killed at its last checkpoint is back for a moment only: a worker may miss it.
        self.end(run, workers=(0, 69))
        self.assertEqual(run.digests()[:len(committed)], committed)
        shutil.rmtree(run.directory)
        return code == -signal.SIGKILL

    def sites(self, sites, durability):
        killed = []
        for call, number in sites:
            with self.subTest(f"{call} {number} {durability}"):
                if self.dies(call, number, durability):
                    killed.append(f"{call} {number}")
        self.did(f"{durability}: killed on {', '.join(killed)}")
        return len(killed)

    def test_09_some_points_of_a_commit(self):
        """9 (I1 I4): before the record, before its sync, after it, before a checkpoint's name."""
        sites = (("pwrite64", 1), ("fdatasync", 1), ("rename", 1))
        self.assertEqual(self.sites(sites, "full"), len(sites))


class EveryCommit(Commits):
    test_09_some_points_of_a_commit = None

    def test_09_every_point_of_a_commit(self):
        """9 (I1 I4): the same for each call of the commits up to a checkpoint, and the sends."""
        for durability in ("full", "ledger"):
            killed = self.sites([(call, number) for call, count in
                                 (("pwrite64", 8), ("fdatasync", 3), ("fsync", 8), ("rename", 4),
                                  ("write", 8), ("writev", 4))
                                 for number in range(1, count + 1)], durability)
            self.assertGreater(killed, 25)


class Thousand(Recovering):
    def test_10_random_kills(self):
        """10 (I6): VX_FAULT_KILLS (100) kills of the server over ten times as many rounds."""
        kills = int(os.environ.get("VX_FAULT_KILLS", "100"))
        chance = random.Random(10)
        run = self.begin(10 * kills, 0.005)
        for _ in range(kills):
            pause(chance.random() * 0.12)
            if run.server.poll() is not None:
                break
            self.kill(run)
            self.again(run)
        count = len({row["epoch"] for row in run.metrics()})
        self.did(f"{kills} kills at random moments; rounds were made by {count} servers")
        self.end(run, 600)


class Slow(Failing, Recovering):
    def test_30_storage_is_slow(self):
        """30 (I7): a checkpoint takes seconds and the rounds go on meanwhile."""
        run = self.begin(100, 0.01, **{"checkpoint.every": 10,
                                       "checkpoint.durability": "checkpoint"})
        run.until_round(5)
        self.trace(run, "fsync:delay_enter=1500000")
        began = len(run.metrics())
        pause(1.4)
        made = len(run.metrics()) - began
        self.did(f"each fsync took 1.5 s: {made} rounds in the first 1.4 s")
        self.assertGreater(made, 20)
        self.end(run, 120)


class Straggler(Scenario):
    def waits(self, slow):
        extra = ("allow_fault_injection: true\nfaults:\n"
                 "  - {slots: [0, 1, 2], kind: delay, scale: 0.03}\n"
                 f"  - {{slots: [3], kind: delay, scale: {0.3 if slow else 0.03}}}\n")
        run = self.make({"workers.deadline": "adaptive", "workers.deadline_least_s": 0.02},
                        rounds=120, extra=extra).serve()
        run.card()
        run.work()
        self.assert_done(run)
        return run, sorted(row["phase_ms"]["wait"] for row in run.metrics()[20:])

    def test_13_a_permanent_straggler(self):
        """13 (I7): ten times slower than the rest: the 99th percentile is below twice the median
        without it; it catches up by pulling the parameters of now, not by replaying."""
        _, without = self.waits(False)
        run, waits = self.waits(True)
        median, p99 = without[len(without) // 2], waits[int(len(waits) * 0.99) - 1]
        self.did(f"median {median:.1f} ms without, 99th percentile {p99:.1f} ms with it")
        self.assertLess(p99, 2 * median)
        self.assertLess(sum(3 in included for included in run.included()), 30)
        self.assertLess(run.result()["slots"][3]["received"], 60)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

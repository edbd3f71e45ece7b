"""What people and schedulers do to a run: signals, other versions, other jobs."""
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

import wire
from scenario import FAKETIME, PURE, Peer, Scenario, pace, pause, wait_for
from support import program

RUN = {**PURE, "workers.quorum": 4, "workers.deadline_s": 60}


class Preempted(Scenario):
    def start(self, rounds=60, **settings):
        self.job = {"settings": {**RUN, **settings}, "rounds": rounds, "extra": pace()}
        return self.make(**self.job).serve()

    def resume(self, run):
        first = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: len(run.events("server.ready")) > first, 30, "the server's model")
        run.work()
        self.assertEqual(run.wait(), [0, 0], run.why("resumed"))
        digests = {row["round"]: row["parameters_digest"] for row in run.metrics()}
        self.assertEqual([digests[round] for round in sorted(digests)],
                         [digest for _, digest in self.clean(**self.job)])
        self.assert_tidy(run)

    def test_35_term_in_the_middle_of_a_run(self):
        """35 (I1 I6 I10): finishes the round, saves, ends with 75; resumed it is the same run."""
        run = self.start()
        run.card()
        run.work()
        for count in (8, 20, 33):
            run.until_round(count)
            run.server.send_signal(signal.SIGTERM)
            self.assertEqual(run.wait(30), [75, 0], run.why("exit codes"))
            self.assertEqual(run.result()["state"], "stopped")
            if count < 33:
                run.serve("--resume")
                wait_for(lambda: run.card()["pid"] == run.server.pid, 30, "the card")
                run.work()
        self.did("TERM after 8, 20 and 33 rounds, resumed each time")
        self.resume(run)
        self.assertEqual(run.result()["epoch"], 4)

    def test_35_term_while_the_server_starts(self):
        """35 (I10): no round was made: it ends at once and leaves nothing behind."""
        for delay in (0.0, 0.01, 0.02, 0.05, 0.1):
            run = self.start()
            wait_for(lambda: os.path.exists(os.path.join(run.directory, "run.lock")), 20, "lock")
            pause(delay)
            run.server.send_signal(signal.SIGTERM)
            code = run.server.wait(20)
            self.assertIn(code, (75, -signal.SIGTERM), run.why("exit code"))
            wait_for(lambda: not self.left(run), 10, "the end of every process")
        self.did("TERM at five moments of the start")

    def left(self, run):
        from support import processes_of
        return processes_of(run.directory)

    def test_35_an_evaluator_whose_server_is_gone(self):
        """35 (I10): killed between its start and its first step: it does not outlive its server."""
        done = subprocess.run([program("vexil-compute"), "--evaluator", "1", "--run-dir",
                               self.folder], capture_output=True, text=True, timeout=5)
        self.did(f"started an evaluator whose parent is another: {done.returncode}")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("server ended", done.stderr)

    def test_35_a_second_term(self):
        """35 (I11): it ends at once; the newest checkpoint stands and is resumed from."""
        run = self.start(**{"checkpoint.every": 5})
        run.card()
        run.work().until_round(12)
        agents = [run.agent(slot) for slot in range(4)]
        os.kill(run.worker(0), signal.SIGSTOP)
        run.server.send_signal(signal.SIGTERM)
        pause(0.3)
        self.assertIsNone(run.server.poll(), "it did not finish the round")
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.server.wait(5), 128 + signal.SIGTERM)
        os.kill(run.worker(0), signal.SIGCONT)
        self.did(f"two TERM signals in a round that worker 0 of {agents} held up")
        run.mpirun.terminate()
        run.mpirun.wait(30)
        self.resume(run)

    def test_35_term_of_mpirun(self):
        """35 (I7 I10): the workers leave in order; the server holds and goes on with new ones."""
        run = self.start()
        run.card()
        run.work().until_round(8)
        run.mpirun.terminate()
        run.mpirun.wait(30)
        wait_for(lambda: run.status()["live"] == 0, 20, "the leave of all workers")
        left = {row["slot"] for row in run.events("worker.leave")}
        lost = {row["slot"] for row in run.events("worker.lost")}
        for row in run.events("worker.leave"):
            self.assertRegex(row["why"], "^[^\"]+$")
        self.assertGreaterEqual(len(left), 1)  # mpirun kills after two seconds those that have not
        self.assertEqual(left | lost, {0, 1, 2, 3})
        self.did(f"TERM of mpirun: it ended with {run.mpirun.returncode}")
        run.work()
        self.assert_done(run)
        self.assert_equals_clean(run, **self.job)


class Mismatch(Scenario):
    def test_36_another_version_or_job(self):
        """36 (I8): refused with both values named; the run goes on."""
        job = {"settings": RUN, "extra": pace()}
        run = self.make(**job).serve().ready()
        card = run.card()
        cases = [({"version": b"9.8.7"}, "version", ("9.8.7", card["version"])),
                 ({"config": b"\xab" * 16}, "config", ("ab" * 16, card["config_digest"]))]
        for lies, code, words in cases:
            with self.subTest(code), Peer(run.port()) as peer:
                answer = peer.join(run.token(slot=3), 3, **lies)
                self.assertEqual(wire.REFUSALS[answer.fields()[1]], code)
                for word in words:
                    self.assertIn(word, answer.fields()[3].decode())
                told = wait_for(lambda: run.events("peer.refused"), 5, "the event")[-1]
                self.assertEqual((told["code"], told["slot"], told["host"]), (code, 3, "liar"))
        with Peer(run.port()) as peer:
            peer.hello(run.token(slot=3), 3, major=2)
            self.assertTrue(peer.closed(5))
        log = wait_for(lambda: "protocol 2.0" in run.text(".server.log") and
                       run.text(".server.log"), 5, "the reason")
        self.assertIn("speaks protocol 2.0, we speak 1.0", log)
        self.did("a worker of another version, of another job and of protocol 2.0")
        run.work()
        self.assert_done(run)
        self.assert_equals_clean(run, **job)

    def test_36_a_server_of_another_protocol(self):
        """36 (I7): a worker names both versions and gives up in its time."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def answer():
            try:
                while True:
                    peer, _ = listener.accept()
                    peer.sendall(wire.frame(wire.HEARTBEAT, major=2))
                    peer.recv(4096)
                    peer.close()
            except OSError:
                pass
        threading.Thread(target=answer, daemon=True).start()
        tokens = os.path.join(self.folder, "tokens")
        with open(tokens, "w") as file:
            file.write("worker 0 " + "0" * 64 + "\n")
        done = subprocess.run(
            [program("vexil-worker"), "--connect",
             f"tcp://127.0.0.1:{listener.getsockname()[1]}", "--token-file", tokens,
             "--connect-timeout", "1"], capture_output=True, text=True, timeout=30,
            env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM":
                 "1"})
        self.did(f"a server of protocol 2.0: the worker ended with {done.returncode}")
        self.assertIn(done.returncode, (69, 76))
        self.assertIn("protocol 2.0, we speak 1.0", done.stderr)


class Clock(Scenario):
    def test_33_the_clock_jumps(self):
        """33 (I7): an hour forth and back: no deadline moves, records keep their order."""
        if not os.path.exists(FAKETIME):
            self.skipTest("no libfaketime")
        job = {"settings": RUN, "rounds": 100, "extra": pace()}
        stamp = os.path.join(self.folder, "stamp")
        jump = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={stamp}",
                "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

        def shift(text):
            with open(stamp + ".new", "w") as file:
                file.write(text)
            os.rename(stamp + ".new", stamp)
        shift("+0")
        run = self.make(**job).serve(before=jump)
        run.card()
        run.work().until_round(10)
        for text in ("+3600", "-3600", "+0"):
            shift(text)
            self.assert_serves(run, 5)
            os.kill(run.worker(1), signal.SIGKILL)
            self.assert_serves(run, 5)
        self.did("the server's clock an hour forth, two back, one forth, with a kill in each")
        self.assert_done(run)
        self.assert_equals_clean(run, **job)
        events = run.events()
        self.assertEqual([row["seq"] for row in events], sorted(row["seq"] for row in events))
        self.assertEqual([row["mono_ns"] for row in events],
                         sorted(row["mono_ns"] for row in events))
        stamps = [row["ts"] for row in events]
        self.assertNotEqual(stamps, sorted(stamps))


class Elastic(Scenario):
    def test_34_workers_join_and_leave(self):
        """34 (I2 I7): two begin, two join, two leave in order, others take their slots."""
        run = self.make({"workers.quorum": 2, "workers.start_timeout_s": 1.5,
                         "workers.deadline_s": 60}, rule="mean", byzantine=0, rounds=280,
                        extra=pace()).serve()
        run.card()
        first = run.work(slots=[0, 1]).mpirun
        self.addCleanup(first.kill)
        run.until_round(5)
        for _ in range(2):
            second = run.work(slots=[2, 3]).mpirun
            wait_for(lambda: run.included()[-1] == [0, 1, 2, 3], 20, "all four")
            self.assert_serves(run, 5)
            second.terminate()
            second.wait(30)
            wait_for(lambda: run.included()[-1] == [0, 1], 20, "two")
            self.assert_serves(run, 5)
        self.did("2 workers, 4, 2, 4, 2")
        left = {row["slot"] for row in run.events("worker.leave")}
        lost = {row["slot"] for row in run.events("worker.lost")}
        self.assertGreaterEqual(len(left), 1)  # mpirun kills after two seconds those that have not
        self.assertEqual(left | lost, {2, 3})
        self.assertEqual(run.events("round.held"), [])
        run.work(slots=[2, 3])
        self.assert_done(run)
        self.assertEqual(first.wait(20), 0)
        changes = [b for a, b in zip(run.included(), run.included()[1:]) if a != b]
        self.assertEqual([len(included) for included in changes if len(included) != 3],
                         [4, 2, 4, 2, 4])

    def test_34_uneven_shards(self):
        """34 (I9): the run ends with the rounds, not with the samples of the smallest shard."""
        run = self.make({"data.shard": "dirichlet", "data.alpha": 0.1}, rounds=200).serve()
        run.card()
        run.work()
        self.did("shards drawn with alpha 0.1")
        self.assert_done(run)
        self.assertTrue(all(included == [0, 1, 2, 3] for included in run.included()))


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

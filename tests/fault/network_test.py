"""Links and processes stand still, break, lie in between; the bits stay the same."""
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from scenario import PURE, Scenario, pace, pause, wait_for
from support import environment, program

QUICK = {"workers.heartbeat_s": 0.5, "workers.heartbeat_timeout_s": 1.5}
WAITING = {"workers.quorum": 4, "workers.deadline_s": 60}


class Stopping(Scenario):
    def stop_server(self, seconds, settings):
        job = {"settings": {**WAITING, **settings}, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(8)
        pid, before = run.server_pid(), len(run.metrics())
        os.kill(pid, signal.SIGSTOP)
        pause(seconds)
        os.kill(pid, signal.SIGCONT)
        self.did(f"SIGSTOP of the server for {seconds} s after {before} rounds")
        self.assert_done(run)
        self.assert_equals_clean(run, **job)


class Stopped(Stopping):
    def test_11_the_server_stopped_and_continued(self):
        """11 (I2 I3 I6): nothing is committed twice; late frames are refused."""
        self.stop_server(4, QUICK)

    def test_12_a_worker_stopped_past_the_deadline(self):
        """12 (I3 I5): its gradient is late, not applied; it goes on with the round of now."""
        run = self.make({"workers.deadline_s": 0.4}, rounds=60, extra=pace()).serve()
        proxy = run.through_proxy()
        run.work().until_round(5)
        pid = run.worker(2)
        os.kill(pid, signal.SIGSTOP)
        self.assert_serves(run, 2)
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: 2 in run.included()[-1], 10, "the return of worker 2")
        proxy.tell("hold up slot 2")
        self.assert_serves(run, 2)
        proxy.tell("release up slot 2")
        self.did("SIGSTOP of worker 2, then its gradient held back, each over two deadlines")
        self.assert_done(run)
        slot, included = run.result()["slots"][2], run.included()
        self.assertEqual(slot["incarnation"], 1)
        self.assertGreaterEqual(slot["late"] + slot["stale"], 1)
        self.assertEqual(slot["accepted"], sum(2 in row for row in included))
        self.assertIn(2, included[-1])


class Linked(Scenario):
    def begin(self, rules=(), seed=1, rounds=30, delay=0.02, **settings):
        self.job = {"settings": {**WAITING, **settings}, "rounds": rounds, "extra": pace(delay)}
        run = self.make(**self.job).serve()
        proxy = run.through_proxy(seed)
        proxy.tell(*rules)
        run.work()
        return run, proxy

    def end(self, run):
        self.assert_done(run)
        self.assert_equals_clean(run, **self.job)

    def partition(self, seconds, rounds, delay, settings):
        self.job = {"settings": settings, "rounds": rounds, "extra": pace(delay)}
        run = self.make(**self.job).serve()
        proxy = run.through_proxy()
        run.work().until_round(5)
        proxy.tell("hold slot 2")
        until = time.monotonic() + seconds
        wait_for(lambda: run.events("worker.lost"), 30, "the loss")
        pause(max(0, until - time.monotonic()))
        alone = run.included()[-1]
        proxy.tell("release slot 2")
        self.did(f"no byte between slot 2 and the server for {seconds} s")
        run.wait_joined(2, 2)
        self.assert_done(run, seconds=300)
        self.assertEqual(alone, [0, 1, 3])
        self.assertEqual(run.included()[-1], [0, 1, 2, 3])
        lost = run.events("worker.lost")[0]
        self.assertEqual((lost["slot"], "no whole frame" in lost["why"]), (2, True))


class Links(Linked):
    def test_14_a_partition_of_one_worker(self):
        """14 (I2 I7): it is dropped at the heartbeat timeout and returns when the links do."""
        self.partition(3, 150, 0.02, QUICK)

    def test_15_a_partition_of_one_direction(self):
        """15 (I2 I6): what is sent again is harmless, whichever direction is lost."""
        run, proxy = self.begin(rounds=40, **QUICK)
        for way, slot in (("down", 1), ("up", 2)):
            run.until_round(len(run.metrics()) + 5)
            proxy.tell(f"hold {way} slot {slot}")
            wait_for(lambda: [e for e in run.events("worker.lost") if e["slot"] == slot], 20,
                     "the loss")
            proxy.tell("release all")
        self.did("lost what slot 1 is sent, then what slot 2 sends, each until it was dropped")
        self.end(run)

    def test_16_half_open_connections(self):
        """16 (I7): a peer that vanished is noticed by the heartbeat timeout."""
        run, proxy = self.begin(rounds=40, **QUICK)
        run.until_round(5)
        connection = proxy.connection_of(1)
        proxy.tell(f"freeze conn {connection}")
        lost = wait_for(lambda: run.events("worker.lost"), 10, "the loss")[0]
        committed = [row for row in run.events() if row["seq"] < lost["seq"]]
        self.did(f"connection {connection} froze; noticed as: {lost['why']}")
        self.assertTrue(committed)
        run.wait_joined(1, 2)
        self.end(run)

    def test_17_links_stopped_one_by_one_and_restored_in_another_order(self):
        """17 (I6 I7): rounds go on within 5 s of the last repair."""
        chance = random.Random(11)
        run, proxy = self.begin(rounds=150, **QUICK)
        for _ in range(3):
            run.until_round(len(run.metrics()) + 3)
            links = chance.sample(range(4), chance.randint(2, 4))
            for slot in links:
                proxy.tell(f"hold slot {slot}")
                pause(chance.random() * 0.4)
            pause(chance.random() * 1.5)
            for slot in chance.sample(links, len(links)):
                proxy.tell(f"release slot {slot}")
                pause(chance.random() * 0.4)
            self.assert_serves(run, 1, 5)
        self.did("three times: 2 to 4 links held and released in random orders")
        self.end(run)

    def test_18_frames_delayed_duplicated_and_reordered(self):
        """18 (I2 I3 I6): the same bits as the clean run."""
        run, proxy = self.begin(["delay 2 jitter 6", "duplicate chance 0.05", "swap chance 0.03"],
                                rounds=40, **{"workers.heartbeat_s": 0.25})
        self.end(run)
        counts = [len(proxy.events(kind)) for kind in ("duplicate", "swap")]
        self.did("delayed all frames, duplicated {} and swapped {}".format(*counts))
        self.assertGreater(min(counts), 3)

    def test_19_flipped_bits(self):
        """19 (I6): every flip is caught by a CRC; what it hit is sent again."""
        run, proxy = self.begin(["flip 20000"], seed=3)
        run.until_round(25)
        proxy.tell("clear")  # or a worker could miss that the run is over
        self.end(run)
        flips = proxy.events("flip")
        lost = run.events("worker.lost")
        self.did(f"flipped {len(flips)} bits of {len(lost)} connections")
        self.assertGreater(len(flips), 5)
        self.assertTrue(any("CRC" in row["why"] for row in lost), lost)
        self.assertTrue({row["way"] for row in flips} == {"up", "down"})

    def test_19b_connections_reset_at_random_frames(self):
        """19 (I6): connections that break at any frame, every few frames."""
        run, proxy = self.begin(["cut chance 0.03", "cut chance 0.02 reset"], seed=5)
        self.end(run)
        self.did(f"cut {len(proxy.events('cut'))} times")
        self.assertGreater(len(proxy.events("cut")), 5)

    def test_13b_a_slow_link(self):
        """13 (I6 I7): 100 kB/s for one worker: rounds wait for it and the bits are the same."""
        run, _ = self.begin(["rate slot 3 100000"], delay=0)
        self.end(run)
        self.did("100 kB/s both ways for slot 3")


class Away(Scenario):
    """The server is out of reach for longer than a worker looks for one that it never met."""

    def silence(self, port=0):
        """A host that takes connections and says nothing: what a machine that hangs looks like."""
        listener = socket.create_server(("127.0.0.1", port))
        taken = []

        def take():
            try:
                while True:
                    taken.append(listener.accept()[0])
            except OSError:
                pass
        threading.Thread(target=take, daemon=True).start()

        def close():
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed before
            listener.close()

        def end():
            close()
            for connection in taken:
                connection.close()
        self.addCleanup(end)
        return listener.getsockname()[1], taken, close

    def begin(self):
        self.job = {"settings": WAITING, "rounds": 30, "extra": pace()}
        run = self.make(**self.job).serve()
        run.card()
        run.work(slots=range(4), wait_s=1).until_round(5)
        port = run.port()
        run.server.kill()
        run.server.wait()
        return run, port

    def end(self, run):
        run.serve("--resume")
        self.assert_done(run)
        self.assert_equals_clean(run, **self.job)

    def test_16_a_server_that_accepts_and_says_nothing(self):
        """16 (I6 I7): each connection without a welcome is given up after 10 s."""
        run, port = self.begin()
        _, taken, close = self.silence(port)
        wait_for(lambda: len(taken) >= 4, 10, "the workers")
        began = time.monotonic()
        wait_for(lambda: len(taken) >= 8, 20, "the workers again")
        self.did(f"4 silent connections were given up after {time.monotonic() - began:.1f} s")
        self.assertGreater(time.monotonic() - began, 5)
        close()
        self.end(run)
        self.assertIn("no welcome: tcp://127.0.0.1:", run.text(".workers.log"))

    def test_08_a_server_that_is_away_for_a_while(self):
        """8 (I6 I7): a lost server is waited for longer than one that was never there."""
        run, _ = self.begin()
        self.did("SIGKILL of the server; back after 6 s, the workers look for 1 s at first")
        pause(6)
        self.assertIsNone(run.mpirun.poll(), run.why("the workers have ended"))
        self.assertEqual(run.text(".workers.log").count("no connection"), 4)
        self.end(run)

    def test_16_a_silent_server_that_was_never_met(self):
        """16 (I7): a worker gives up in the time that it was given."""
        port, taken, _ = self.silence()
        tokens = os.path.join(self.folder, "tokens")
        with open(tokens, "w") as file:
            file.write("worker 0 " + "0" * 64 + "\n")
        began = time.monotonic()
        done = subprocess.run(
            [program("vexil-worker"), "--connect", f"tcp://127.0.0.1:{port}", "--token-file",
             tokens, "--connect-timeout", "3"], capture_output=True, text=True, timeout=30,
            env=environment())
        self.did(f"ended with {done.returncode} after {time.monotonic() - began:.1f} s")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertLess(time.monotonic() - began, 9)
        self.assertRegex(done.stderr, "no welcome: .*: no whole frame for .* gave up after [345] s")
        self.assertTrue(taken)

    def test_01_a_worker_that_was_not_told_the_end(self):
        """1 (I7 I10): it sees in the run directory that the run is over, and does not wait."""
        run = self.make({"workers.quorum": 3, "workers.deadline_s": 0.4}, rounds=40,
                        extra=pace()).serve()
        run.card()
        run.work().until_round(5)
        agent = run.agent(3)
        os.kill(agent, signal.SIGSTOP)
        os.kill(run.worker(3), signal.SIGKILL)
        self.assertEqual(run.server.wait(60), 0)
        os.kill(agent, signal.SIGCONT)
        self.did("SIGKILL of worker 3, started again after the end")
        self.assertEqual(run.mpirun.wait(20), 0, run.why("exit code"))
        self.assert_tidy(run)


class Long(Stopping, Linked):
    def test_11_thirty_seconds(self):
        """11: with the default heartbeats."""
        self.stop_server(30, {})

    def test_14_sixty_seconds(self):
        """14: with the default heartbeats."""
        self.partition(60, 1500, 0.05, PURE)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""One mpirun over several hosts: a host, a link, a worker or the server's host is lost."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from hosts import Hosts, why_not
from scenario import (Cluster, FAKETIME, PURE, Scenario, die_with_the_test, pace, parent_of, pause,
                      read_json, wait_for)
from support import environment, launcher, program

WHY_NOT = why_not()
QUICK = {"workers.heartbeat_s": 0.5, "workers.heartbeat_timeout_s": 1.5}
LOSING = {**PURE, "workers.deadline_s": 1, "workers.quorum": 4}
WAITING = {**PURE, "workers.deadline_s": 60, "workers.quorum": 8, "workers.blas_threads": 1}
EIGHT = {"workers": 8, "byzantine": 2}


class OnHosts(Cluster):
    """A run of `vexil train --hostfile` on the head."""

    def __init__(self, net, folder, name, settings=None, **job):
        super().__init__(folder, name, settings, None, **job)
        self.net, self.train, self.more = net, None, {}

    def host_file(self, text=None):
        path = os.path.join(self.folder, f"{os.path.basename(self.directory)}.hosts")
        with open(path, "w") as file:
            file.write(text or "".join(f"{host.name} slots=2\n" for host in self.net.workers))
        return path

    def begin(self, *options, hosts=None):
        words = options if "--resume" in options else (self.job, *self.options(), *options)
        with self._log(".train.log") as log:
            self.train = self.net.head.start(
                program("vexil"), "train", *words, "--run-dir", self.directory, "--hostfile",
                self.host_file(hosts), stdout=log, stderr=log, preexec_fn=die_with_the_test,
                env={**environment(), **self.net.environment(), **self.more})
        return self

    def wait(self, seconds=90):
        try:
            return [self.train.wait(seconds)]
        except subprocess.TimeoutExpired:
            raise AssertionError(self.why("vexil train did not end")) from None

    def why(self, text):
        logs = []
        for name in ("server.log", "workers.log"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    logs.append(file.read()[-2000:])
        return "\n".join([text, self.text(".train.log")[-2000:], *logs])

    def workers_log(self):
        with open(os.path.join(self.directory, "workers.log"), errors="replace") as file:
            return file.read()

    def status(self):
        return json.loads(self.net.head.run(program("vexil"), "status", "--run-dir",
                                            self.directory, "--json"))

    def places(self):
        """The host of each slot."""
        return [slot["host"] for slot in self.status()["slots"]]

    def end(self):
        if self.train is not None and self.train.poll() is None:
            self.train.kill()
            self.train.wait()
        self.net.heal(self.net.head)
        super().end()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class OfHosts(Scenario):
    """All tests of a class use the same hosts."""
    runs = OnHosts

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.net = Hosts(cls.folder)
        except BaseException:
            cls.temporary.cleanup()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.net.end()
        super().tearDownClass()

    def tearDown(self):
        for host in self.net.all:
            host.kill()

    def make(self, settings=None, **job):
        name = f"{self._testMethodName[:40]}-{len(os.listdir(self.folder))}"
        run = self.runs(self.net, self.folder, name, settings, **job)
        self.addCleanup(run.end)
        return run

    def clean(self, settings=None, rounds=30, extra="", **job):
        """It runs on one host: bits do not depend on the places of the workers."""
        make, self.make = self.make, lambda *a, **k: Scenario.make(self, *a, **k)
        try:
            return super().clean(settings, rounds, extra, **job)
        finally:
            self.make = make

    def assert_nobody_left(self):
        """I10: on no host."""
        try:
            wait_for(lambda: not self.net.left(), 15, "the end of every process on every host")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.net.left()}") from None

    def assert_ends(self, run, seconds=90):
        """The run ends with exit code 0, as soon as result.json is there or mpirun was ended."""
        wait_for(lambda: os.path.exists(os.path.join(run.directory, "result.json")), seconds,
                 run.why("result.json"))
        began = time.monotonic()
        self.assert_done(run, codes=(0,))
        took = time.monotonic() - began
        self.assert_nobody_left()
        return took


class Started(OfHosts):
    def test_a_job_on_four_hosts(self):
        """33, I6: eight workers on four hosts, one an hour ahead: bits as on one machine."""
        job = {"settings": {**WAITING, "model.widths": "[512]"}, "rounds": 20, **EIGHT}
        run = self.make(**job)
        ahead = os.path.exists(FAKETIME)
        if ahead:
            run.more = {"VX_HOSTS_AHEAD": "h2", "VX_FAKETIME": FAKETIME}
        before = self.net.bytes_of(self.net.head)
        began = time.monotonic()
        run.begin()
        places = wait_for(lambda: os.path.exists(os.path.join(run.directory, "server.json")) and
                          all(run.places()) and run.places(), 60, "the workers")
        self.assertEqual(places, [name for name in ("h1", "h2", "h3", "h4") for _ in range(2)])
        started = time.monotonic() - began
        if ahead:
            with open(f"/proc/{run.worker(2)}/maps") as file:
                self.assertIn("libfaketime", file.read())
        took = self.assert_ends(run)
        sent, received = (after - was for after, was in zip(self.net.bytes_of(self.net.head),
                                                            before))
        least = 4 * read_json(run.directory, "result.json")["dimension"] * 8 * job["rounds"]
        print(f"  bytes of pushes {received} = {received / least:.3f} of the least, of broadcasts "
              f"{sent} = {sent / least:.3f}; all joined after {started:.1f} s, mpirun ended "
              f"{took:.1f} s after the result", flush=True)
        self.did(f"8 workers on 4 hosts{', h2 an hour ahead' if ahead else ' (no libfaketime)'}")
        self.assert_equals_clean(run, **job)
        self.assertLess((sent + received) / (2 * least), 1.1)


class Cut(OfHosts):
    def kill_and_cut(self, seconds, settings):
        run = self.make({**LOSING, **settings}, rounds=100000, extra=pace(0.1), **EIGHT).begin()
        run.until_round(3)
        os.kill(run.worker(2), signal.SIGKILL)
        run.wait_joined(2, 2)
        self.assertEqual(run.places()[2], "h2")
        begin = len(run.metrics())
        self.net.cut(self.net.workers[2])
        pause(seconds)
        cut = run.metrics()[begin:]
        self.net.heal(self.net.workers[2])
        for slot in (4, 5):
            wait_for(lambda: len(run.joins(slot)) >= 2, 60, f"the return of slot {slot}")
        wait_for(lambda: run.included()[-1] == list(range(8)), 60, "a round of all")
        self.assertEqual([row["incarnation"] for row in run.joins(2)], [1, 2])
        self.net.head.run(program("vexil"), "stop", "--run-dir", run.directory)
        self.assertEqual(run.wait(60), [75], run.why("exit code"))
        self.assertEqual(run.result()["state"], "stopped")
        self.assert_accounts(run)
        self.assert_tidy(run)
        self.assert_nobody_left()
        self.did(f"SIGKILL of worker 2; h3 cut off for {seconds} s: {len(cut)} rounds meanwhile, "
                 f"{sum(4 not in row['included'] for row in cut)} without it")
        self.assertGreaterEqual(len(cut), seconds / 2)


class Lost(OfHosts):
    def test_07_a_host_is_lost(self):
        """7 (I5 I7 I10): the rounds go on with the rest; mpirun, which hangs, is ended."""
        job = {"settings": {**LOSING, **QUICK}, "rounds": 80, "extra": pace(), **EIGHT}
        run = self.make(**job).begin()
        run.until_round(10)
        lost = self.net.workers[3]
        self.assertTrue(any(words[0].endswith("orted") for words in lost.processes().values()))
        lost.kill()
        os.kill(run.agent(5), signal.SIGKILL)
        took = self.assert_ends(run)
        self.did("SIGKILL of orted, agents and workers of h4, and of the agent of slot 5; mpirun "
                 f"ended {took:.1f} s after the result")
        self.assertLess(took, 40)  # 15 s of grace, TERM, 5 s, KILL
        rows = run.metrics()
        waited_ms = max(row["phase_ms"]["wait"] for row in rows[1:])
        self.assertLess(waited_ms, 1000 * LOSING["workers.deadline_s"] + 2000)
        self.assertEqual(rows[-1]["included"], list(range(5)))
        accuracy = run.result()["test"]["accuracy"]
        self.assertGreater(accuracy, 0.97)  # of 1.0 without a loss
        self.assertNotIn("vexil: the run is done, but", run.text(".train.log"))
        print(f"  accuracy {accuracy:.3f} after 80 rounds, none waited more than "
              f"{waited_ms:.0f} ms", flush=True)


@contextlib.contextmanager
def instead(net, host, path, name="vexil-worker"):
    """Another file in the place of a program on one host."""
    place = os.path.realpath(program(name))
    host.run("mount", "--bind", path, place)
    try:
        yield
    finally:
        for each in net.all:
            each.kill()
        host.run("umount", place)


class Refused(OfHosts):
    def refuse(self, code, *texts, settings=None, host="h4", hosts=None, options=(), **more):
        """The host is what is wrong; another one is not."""
        hosts = hosts or f"h1 slots=4\n{host} slots=4\n"
        run = self.make(settings, rounds=5, **EIGHT)
        run.more = more
        began = time.monotonic()
        self.assertEqual(run.begin(*options, hosts=hosts).wait(60), [code],
                         run.why("exit code"))
        for text in texts:
            self.assertIn(text, run.text(".train.log"))
        self.assertFalse(os.path.exists(os.path.join(run.directory, "server.json")))
        self.assert_nobody_left()
        self.did(f"exit code {code} after {time.monotonic() - began:.1f} s")

    def test_an_unknown_host(self):
        self.refuse(69, "mpirun: host_agent: Could not resolve hostname nowhere",
                    "hosts:2: host nowhere is not known", hosts="h1 slots=6\nnowhere slots=2\n")

    def test_a_remote_shell_that_fails(self):
        self.refuse(69, "mpirun: root@h3: Permission denied", host="h3", VX_HOSTS_DENY="h3")

    def test_a_host_that_never_answers(self):
        self.refuse(69, "no answer from host h4", "within 2 s",
                    settings={"workers.start_timeout_s": 2}, VX_HOSTS_HANG="h4")

    def test_a_host_without_the_program(self):
        with instead(self.net, self.net.workers[1], "/dev/null"):
            self.refuse(69, "execute an executable", "Node: h2", host="h2")

    def test_a_host_without_the_program_of_a_rank(self):
        with instead(self.net, self.net.workers[1], "/dev/null", "vexil-compute-mpi"):
            self.refuse(69, "host h2: vexil-compute-mpi is not beside its vexil-worker",
                        host="h2", settings={"workers.ranks": 2, "workers.blocks": 2})

    def test_a_host_with_another_build(self):
        script = os.path.join(self.folder, "other-worker")
        with open(script, "w") as file:
            file.write('#!/bin/sh\necho "vexil-worker-probe $(hostname) 9.8.7 yes"\n')
        os.chmod(script, 0o755)
        with instead(self.net, self.net.workers[2], script):
            self.refuse(77, "host h3: its vexil-worker is version 9.8.7, here it is ",
                        host="h3")

    def test_a_host_that_does_not_share_the_folder(self):
        self.net.workers[3].run("mount", "-t", "tmpfs", "none", self.folder)
        self.addCleanup(self.net.workers[3].run, "umount", self.folder)
        self.refuse(66, "host h4 does not see the run directory ")

    def test_a_host_file_that_does_not_fit(self):
        self.refuse(78, ": 6 slots for 8 workers", hosts="h1 slots=2\nh2 slots=4\n")
        self.refuse(78, "hosts:2: expected 'HOST", hosts="h1 slots=2\nh2 slits=4\n")
        self.refuse(69, "no mpirun of Open MPI", options=("--mpirun", "/bin/ls"))


class GroupRun(OnHosts):
    """A server on the head, the agents of two workers on h1, the ranks of both on h1 and h2."""

    def begin(self, *options):
        hosts = os.path.join(self.folder, f"{os.path.basename(self.directory)}.ranks")
        with open(hosts, "w") as file:
            file.write("h1 slots=2\nh2 slots=2\n")
        words = ["mpirun", "--hostfile", hosts, "--map-by", "slot", "--bind-to", "none"]
        for name, value in (("plm_rsh_agent", self.net.agent), ("btl_tcp_if_include", "eth0"),
                            ("oob_tcp_if_include", "eth0")):
            words += ["--mca", name, value]
        with self._log(".train.log") as log:
            common = {"stdout": log, "stderr": log, "preexec_fn": die_with_the_test,
                      "env": {**environment(), **self.net.environment()}}
            self.server = self.net.head.start(
                program("vexild"), "--job", self.job, "--run-dir", self.directory, "--bind",
                f"tcp://{self.net.head.address}:0", *self.options(), **common)
            self.card()
            self.train = self.net.workers[0].start(
                *launcher(self.workers), program("vexil-worker"), "--run-dir", self.directory,
                "--group-launcher", " ".join(words), *options, **common)
        return self

    def wait(self, seconds=90):
        codes = super().wait(seconds)
        return [self.server.wait(seconds), *codes]


def ranks_on(host):
    """Parent -> ranks: those of one group have one mpirun or orted there."""
    found = {}
    for pid, words in host.processes().items():
        if words[0].endswith("vexil-compute-mpi"):
            found.setdefault(parent_of(pid), []).append(pid)
    return found


TWO = {"workers": 2, "byzantine": 0, "rule": "mean"}
RANKS = {**PURE, "workers.ranks": 4, "workers.blocks": 4, "workers.blas_threads": 1,
         "workers.quorum": 1, "workers.deadline_s": 60, "model.widths": "[300]"}


class OfGroups(OfHosts):
    runs = GroupRun

    def lose(self, what, *options, rounds, settings=None, seconds=60):
        """Two groups over two hosts: one of them, or what both need, is lost and comes back."""
        run = self.make({**RANKS, **QUICK, "workers.deadline_s": 1, **(settings or {})},
                        rounds=rounds, extra=pace(0.05), **TWO).begin(*options)
        for slot in (0, 1):
            run.wait_joined(slot, 1)
        run.until_round(5)
        slots = what(run)
        for slot in slots:
            wait_for(lambda: len(run.joins(slot)) >= 2, seconds,
                     run.why(f"the return of slot {slot}"))
        wait_for(lambda: run.included()[-1] == [0, 1], 60, "a round of all")
        return run

    def end_of(self, run):
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(60), [75, 0], run.why("exit codes"))
        self.assert_nobody_left()


class Groups(OfGroups):
    def test_train_starts_a_group_on_each_host(self):
        """A slot of the host file is a worker: its ranks are on the host of its agent."""
        job = {"settings": {**RANKS, "workers.ranks": 2, "workers.quorum": 2}, "rounds": 20,
               "extra": pace(0.2), **TWO}
        self.runs = OnHosts
        run = self.make(**job).begin(hosts="h1 slots=1\nh2 slots=1\n")
        run.until_round(3)
        for host in self.net.workers[:2]:
            self.assertEqual([len(ranks) for ranks in ranks_on(host).values()], [2], host.name)
        self.assertEqual(run.places(), ["h1", "h2"])
        self.assert_ends(run)
        self.did("2 workers of 2 ranks on 2 hosts by vexil train")
        self.assert_equals_clean(run, **job)


class LongGroups(OfGroups):
    def test_a_rank_of_another_host_dies(self):
        """Its worker comes back as a whole, with the bits of a group on one host."""
        job = {"settings": {**RANKS, "workers.quorum": 2}, "rounds": 60, "extra": pace(0.05), **TWO}
        run = self.make(**job).begin()
        run.until_round(5)
        groups = ranks_on(self.net.workers[1])
        self.assertEqual([len(ranks) for ranks in groups.values()], [2, 2])
        os.kill(min(groups.values())[0], signal.SIGKILL)
        wait_for(lambda: len(run.events("worker.join")) == 3, 60, run.why("another incarnation"))
        self.assert_done(run, codes=(0, 0))
        self.assert_nobody_left()
        self.did(f"SIGKILL of a rank on h2: {len(run.metrics())} rounds")
        self.assert_equals_clean(run, **job)

    def test_the_orted_of_another_host_dies(self):
        def kill(run):
            orted = min(ranks_on(self.net.workers[1]))
            os.kill(orted, signal.SIGKILL)
            return ()
        run = self.lose(kill, rounds=100000)
        wait_for(lambda: len(run.events("worker.join")) >= 3, 60, run.why("another incarnation"))
        wait_for(lambda: run.included()[-1] == [0, 1], 60, "a round of all")
        self.end_of(run)
        self.did("SIGKILL of the orted of one group on h2")

    def test_another_host_without_the_program_of_a_rank(self):
        """It is named by the group's mpirun; the slots are given up, which the server survives."""
        with instead(self.net, self.net.workers[1], "/dev/null", "vexil-compute-mpi"):
            run = self.make(RANKS, rounds=5, **TWO).begin("--max-restarts", "1")
            self.assertEqual(run.train.wait(60), 0, run.why("exit code"))
            run.server.send_signal(signal.SIGTERM)
            self.assertEqual(run.server.wait(60), 75)
            self.assert_nobody_left()
        text = run.text(".train.log")
        self.assertRegex(text, "Node: +h2")
        for slot in (0, 1):
            self.assertRegex(text, f"slot {slot}: ended with [0-9]+, restarted 1 times: giving up")

    def test_where_one_host_has_no_room_no_rank_shares_memory(self):
        host = self.net.workers[1]
        host.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/dev/shm")
        self.addCleanup(host.run, "umount", "/dev/shm")
        job = {"settings": {**RANKS, "workers.quorum": 2}, "rounds": 20, **TWO}
        run = self.make(**job).begin()
        self.assert_done(run, codes=(0, 0))
        self.assert_nobody_left()
        text = run.text(".train.log")
        for slot in (0, 1):
            said = f"slot {slot}: rank 2 on h2: /dev/shm has 0 bytes free for shared memory of 2 "
            self.assertEqual(text.count(said), 1, text)
        self.assertEqual(text.count("they send messages instead"), 2, text)
        self.did("2 groups of 4 ranks on 2 hosts, one without room for a window")
        self.assert_equals_clean(run, **job)

    def test_the_other_host_is_cut_off(self):
        """The leaders are alive and never finish: they end themselves, and come back with it."""
        def cut(run):
            self.net.cut(self.net.workers[1])
            began = time.monotonic()
            for slot in (0, 1):
                wait_for(lambda: f"slot {slot}: a gradient took its ranks more than 5 s" in
                         run.text(".train.log"), 60, run.why("the end of the group"))
            pause(5)
            self.net.heal(self.net.workers[1])
            self.did(f"h2 cut off for {time.monotonic() - began:.1f} s")
            self.healed = time.monotonic()
            return (0, 1)
        run = self.lose(cut, "--group-timeout", "5", rounds=100000, seconds=300)
        print(f"  both were back {time.monotonic() - self.healed:.1f} s after the link healed",
              flush=True)
        self.end_of(run)


class Slow(OfHosts):
    @unittest.skipIf(shutil.which("tc") is None, "tc is not installed")
    def test_13_a_slow_link(self):
        """13 (I7): a host behind 20 Mbit/s: its gradients come, later."""
        try:
            self.net.slow_down(self.net.workers[0], "20mbit")
        except subprocess.CalledProcessError as error:
            self.skipTest(f"no tbf here: {error.stderr.strip()}")
        run = self.make({**WAITING, "model.widths": "[2048]"}, rounds=10, **EIGHT).begin()
        self.assert_ends(run)
        size = read_json(run.directory, "result.json")["dimension"] * 4
        seconds = run.result()["seconds"]
        self.did(f"20 Mbit/s to h1: a round takes {run.result()['phase_ms_mean']['wait']:.0f} ms, "
                 f"{seconds:.1f} s in all, 2 x {size} bytes one way take "
                 f"{2 * size * 8 / 20e6 * 1000:.0f} ms")
        self.assertEqual(run.included(), [list(range(8))] * 10)
        self.assertGreater(run.result()["phase_ms_mean"]["wait"], 2 * size * 8 / 20e6 * 1000 / 2)


class Long(Cut):
    def test_08_the_host_of_the_server_goes_and_comes_back(self):
        """6, 8 (I1 I6): its power fails; the run is resumed there."""
        job = {"settings": {**WAITING, **QUICK, "model.widths": "[512]"}, "rounds": 50,
               "extra": pace(0.05), **EIGHT}
        run = self.make(**job).begin()
        run.until_round(15)
        self.net.cut(self.net.head)
        self.net.head.kill()
        self.assertEqual(run.train.wait(20), -signal.SIGKILL)
        before = len(run.metrics())
        pause(1)
        self.net.heal(self.net.head)
        run.begin("--resume")
        took = self.assert_ends(run)
        self.did(f"power cut of the head after {before} rounds; mpirun ended {took:.1f} s after "
                 "the result")
        self.assert_equals_clean(run, **job)

    def test_14_a_worker_killed_and_a_host_cut_off(self):
        """1, 14 (I3 I7): rounds go on within the deadline; the slots come back."""
        self.kill_and_cut(8, QUICK)

    def test_14_a_host_cut_off_for_thirty_seconds(self):
        """14: with the default heartbeats."""
        self.kill_and_cut(30, {})

    def test_07_a_host_stays_cut_off(self):
        """7 (I10): what hangs is killed; what is out of reach ends when the link heals."""
        run = self.make({**LOSING, **QUICK}, rounds=80, extra=pace(), **EIGHT).begin()
        run.until_round(10)
        lost = self.net.workers[3]
        self.net.cut(lost)
        self.assertEqual(run.wait(120), [0], run.why("exit code"))
        self.assertEqual(set(self.net.left()), {lost.name})
        self.net.heal(lost)
        began = time.monotonic()
        self.assert_nobody_left()
        self.did(f"h4 cut off for good: it was empty {time.monotonic() - began:.1f} s after the "
                 "link healed")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Disks that are full, slow or broken, and limits of the system that are reached."""
import glob
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import wire
from scenario import PURE, Peer, Scenario, cpu_seconds, open_files, pace, pause, wait_for

RUN = {**PURE, "workers.quorum": 4, "workers.deadline_s": 60}
OFTEN = {**RUN, "checkpoint.every": 5}


def checkpoints(run):
    return sorted(glob.glob(os.path.join(run.directory, "checkpoint-*")))


class OnDisk(Scenario):
    def resume(self, run):
        """Goes on after a stop or a crash: the result is that of the clean run."""
        first = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: len(run.events("server.ready")) > first, 30, "the server's model")
        run.work()
        codes = run.wait()
        self.assertEqual(codes, [0, 0], run.why("resumed"))
        digests = {row["round"]: row["parameters_digest"] for row in run.metrics()}
        clean = [digest for _, digest in self.clean(**self.job)]
        self.assertEqual([digests[round] for round in sorted(digests)], clean)
        self.assertEqual(run.result()["parameters_digest"], clean[-1])
        self.assert_tidy(run)

    def ended(self, run, code, *words):
        self.assertEqual(run.server.wait(60), code, run.why("the server's end"))
        run.mpirun.wait(60)
        log = run.text(".server.log")
        for word in words:
            self.assertIn(word, log)
        self.assert_no_rest(run)

    def assert_no_rest(self, run):
        self.assertEqual([name for name in os.listdir(run.directory) if "tmp" in name], [])


class Full(OnDisk):
    def small(self, kib=4096):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        place = os.path.join(self.folder, "small")
        os.mkdir(place)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", place],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no tmpfs here: {done.stderr.strip()}")

        def undo():
            subprocess.run(["umount", "-l", place], check=True)
            os.rmdir(place)
        self.addCleanup(undo)
        return place

    def fill(self, place):
        with open(os.path.join(place, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def test_26_no_space_left(self):
        """26 (I1 I11): it stops and says so, the last checkpoint stands, it resumes with space."""
        place = self.small()
        self.job = {"settings": OFTEN, "rounds": 60, "extra": pace()}
        run = self.make(directory=os.path.join(place, "run"), **self.job).serve()
        run.card()
        run.work().until_round(12)
        kept = checkpoints(run)[-1]
        self.fill(place)
        self.did("filled the disk of 4 MiB after 12 rounds")
        self.ended(run, 74, run.directory)
        self.assertRegex(run.text(".server.log"), "No space left|disk is full")
        self.assertTrue(os.path.exists(kept))
        os.unlink(os.path.join(place, "filler"))
        self.resume(run)

    def test_26_no_space_at_the_start(self):
        """26 (I10): a full disk at the start is named, and nothing is left half-made."""
        place = self.small()
        os.mkdir(os.path.join(place, "run"))
        self.fill(place)
        run = self.make(directory=os.path.join(place, "run"), settings=RUN).serve()
        self.assertEqual(run.server.wait(30), 74, run.why("the server's end"))
        self.assertIn("No space left", run.text(".server.log"))
        self.did("started on a full disk")
        self.assert_tidy(run)


class Failing(OnDisk):
    """System calls of a running server fail: strace attaches to it. Counts are a thread's own; a
    checkpoint is written by one thread, so number k is the k-th step of a checkpoint."""

    def setUp(self):
        super().setUp()
        works = shutil.which("strace") and subprocess.run(
            ["strace", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"],
            capture_output=True).returncode == 0
        if not works:
            self.skipTest("no strace, or it may not trace here")

    def trace(self, run, inject):
        """Attaches, and returns when every thread is caught."""
        with open(run.job + ".trace", "w") as log:
            tracer = subprocess.Popen(
                ["strace", "-f", "-p", str(run.server_pid()), "-o", "/dev/null", "-e",
                 "trace=" + inject.split(":")[0], "-e", "inject=" + inject], stderr=log)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.kill)

        def attached():
            with open(run.job + ".trace") as file:
                return "attached" in file.read()
        wait_for(attached, 20, "strace")
        return tracer

    def fails(self, call, number, error="EIO"):
        self.job = {"settings": OFTEN, "rounds": 60, "extra": pace()}
        run = self.make(**self.job).serve()
        run.card()
        run.work().until_round(7)
        self.trace(run, f"{call}:error={error}:when={number}")
        code = run.server.wait(60)
        if code == 0:
            self.assertEqual(run.digests(), [digest for _, digest in self.clean(**self.job)])
            self.did(f"{error} from {call} number {number} of a checkpoint: survived")
            return
        self.assertEqual(code, 74, run.why(f"{call} number {number}"))
        self.assertIn("put/output error", run.text(".server.log"))
        self.assertIn(run.directory, run.text(".server.log"))
        self.did(f"{error} from {call} number {number} of a checkpoint: ended with 74")
        run.mpirun.wait(60)
        self.assert_no_rest(run)
        self.resume(run)


class Broken(Failing):
    def test_27_an_error_of_fsync_in_a_checkpoint(self):
        """27 (I1 I11): never tried again on that file; it stops, and resumes from before."""
        self.fails("fsync", 2)

    def test_27_an_error_of_rename_in_a_checkpoint(self):
        """27 (I1 I11): the same for a step that makes files visible."""
        self.fails("rename", 2)


    def test_27_an_error_in_the_last_checkpoint(self):
        """27 (I1 I10): a run whose result could not be saved is not done; it is after a resume."""
        self.job = {"settings": {**RUN, "checkpoint.every": 0}, "rounds": 40, "extra": pace()}
        run = self.make(**self.job).serve()
        run.card()
        run.work().until_round(7)
        self.trace(run, "mkdir:error=EIO:when=1")
        self.ended(run, 74, "checkpoint.failed", "put/output error")
        result = run.result()
        self.did(f"EIO for the last checkpoint: {result['state']}, {result['reason']}")
        self.assertEqual((result["state"], result["rounds"]), ("failed", 40))
        self.assertIn("put/output error", result["reason"])
        self.assertEqual(checkpoints(run), [])
        run.serve("--resume")  # all rounds are in the ledger: no worker is needed
        self.assertEqual(run.server.wait(30), 0, run.why("resumed"))
        self.assertEqual(len(checkpoints(run)), 1)
        self.assertEqual(run.result()["parameters_digest"], self.clean(**self.job)[-1][1])

    def test_32_no_descriptor_for_a_checkpoint(self):
        """32 (I7): it is left out, and the next one is written."""
        job = {"settings": OFTEN, "rounds": 60, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(7)
        tracer = self.trace(run, "mkdir:error=EMFILE:when=1")
        wait_for(lambda: run.events("checkpoint.failed"), 20, "the failure")
        tracer.terminate()
        self.assertIn("Too many open files", run.events("checkpoint.failed")[0]["why"])
        self.did("EMFILE for a checkpoint")
        self.assert_done(run)
        self.assertEqual(len(checkpoints(run)), 3)
        self.assert_equals_clean(run, **job)


class EverySite(Failing):
    def test_27_errors_at_every_step_of_a_checkpoint(self):
        """27 (I1 I11): each of the calls that a checkpoint is made of fails once."""
        for call, count in (("fsync", 8), ("rename", 4), ("openat", 8), ("mkdir", 1),
                            ("unlink", 3), ("close", 4)):
            for number in range(1, count + 1):
                with self.subTest(f"{call} {number}"):
                    self.fails(call, number)


class Descriptors(Scenario):
    def test_32_no_descriptor_left(self):
        """32 (I7 I8): workers stay, the rest waits without a busy loop, then is served."""
        job = {"settings": RUN, "rounds": 120, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(5)
        pid = run.server_pid()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(pid) + 4, limits[1]))
        strangers = [socket.create_connection(("127.0.0.1", run.port())) for _ in range(30)]
        pause(0.3)
        cpu = cpu_seconds(pid)
        self.assert_serves(run, 20)
        self.assertLess(cpu_seconds(pid) - cpu, 0.5)
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
        lines = [line for line in run.text(".server.log").splitlines() if "accept.strained" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(f"Too many open files: {limit} in this process (ulimit -n)", lines[0])
        connections = int(re.search(r"connections=(\d+)", lines[0])[1])
        self.assertTrue(5 < connections < limit, lines[0])
        self.assertEqual(run.events("accept.strained")[0]["connections"], connections)
        self.assertNotIn("accept.eased", run.text(".server.log"))
        self.assertEqual(run.events("worker.lost"), [])
        for stranger in strangers:
            stranger.close()
        with Peer(run.port()) as peer:
            answer = peer.join(run.token("observer"), wire.NO_SLOT, role=wire.OBSERVER)
            self.assertEqual(answer.kind, wire.WELCOME)
        wait_for(lambda: "accept.eased" in run.text(".server.log"), 10, "the relief")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.did("30 connections with room for 4; then a status request")
        self.assert_done(run)
        self.assert_equals_clean(run, **job)


    def test_32_a_limit_below_what_the_job_may_need(self):
        """32 (I8): it is said at the start; strangers cannot take what files and workers need."""
        job = {"settings": {**RUN, "checkpoint.every": 20}, "rounds": 100, "extra": pace()}
        run = self.make(**job).serve(before=["prlimit", "--nofile=80:80"])
        run.card()
        self.assertRegex(run.text(".server.log"), "descriptors.few.*limit=80 wanted=133")
        strangers = [socket.create_connection(("127.0.0.1", run.port())) for _ in range(100)]
        run.work()
        self.did("100 silent connections to a server that may have 80 files, then the workers")
        self.assert_done(run)
        for stranger in strangers:
            stranger.close()
        self.assertNotIn("accept.strained", run.text(".server.log"))
        self.assertEqual(len(checkpoints(run)), 3)
        self.assert_equals_clean(run, **job)

    def test_32_the_own_limit_is_raised(self):
        """32: as far as the hard limit allows."""
        run = self.make(RUN).serve(before=["prlimit", "--nofile=64:1000"])
        run.card()
        self.assertEqual(resource.prlimit(run.server_pid(), resource.RLIMIT_NOFILE), (133, 1000))
        self.assertNotIn("descriptors.few", run.text(".server.log"))

    def test_32_a_worker_without_descriptors(self):
        """32 (I6 I7): it names the limit, tries on, and returns."""
        job = {"settings": RUN, "rounds": 60, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(5)
        pid = run.worker(2)
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        run.server.kill()
        run.server.wait()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        wait_for(lambda: "Too many open files: 3 in this process (ulimit -n)" in
                 run.text(".workers.log"), 20, "the limit's name")
        run.serve("--resume")
        wait_for(lambda: len(run.joins(0)) > 1, 20, "the others' return")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.did("a worker that could open nothing while its server was started again")
        self.assert_done(run)
        self.assertEqual(run.worker(2), pid)
        self.assert_equals_clean(run, **job)


class Memory(Scenario):
    def test_31_the_server_has_no_memory_left(self):
        """31 (I4 I8): newcomers are turned away, the round goes on, and newcomers come later."""
        job = {"settings": RUN, "rounds": 150, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(5)
        pid = run.server_pid()
        with open(f"/proc/{pid}/statm") as file:
            size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (size, limits[1]))
        strangers = [socket.create_connection(("127.0.0.1", run.port())) for _ in range(60)]
        self.assert_serves(run, 20)
        for stranger in strangers:
            stranger.close()
        resource.prlimit(pid, resource.RLIMIT_AS, limits)
        self.did("60 connections to a server that gets no more memory")
        self.assertEqual(run.status()["state"], "training")
        self.assertEqual(run.events("worker.lost"), [])
        self.assert_done(run)
        self.assert_equals_clean(run, **job)

    def test_31_a_job_beyond_the_budget(self):
        """31 (I8): refused at the start, with what it would need."""
        run = self.make({"limits.memory_mib": 8, "model.widths": "[16384]"}).serve()
        self.assertEqual(run.server.wait(30), 78, run.why("exit code"))
        self.assertIn("limits.memory_mib", run.text(".server.log"))
        self.did("a model of 26 MiB for 8")
        self.assert_tidy(run)

    def test_31_a_worker_that_gets_no_memory(self):
        """31 (I6): it fails to start, is started again, and the bits are the same in the end."""
        job = {"settings": RUN, "rounds": 60, "extra": pace(0.03)}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(5)
        pid, agent = run.worker(2), run.agent(2)
        limits = resource.prlimit(agent, resource.RLIMIT_AS)
        resource.prlimit(agent, resource.RLIMIT_AS, (48 << 20, limits[1]))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: run.text(".workers.log").count("slot 2: ended with") >= 3, 30, "failures")
        resource.prlimit(agent, resource.RLIMIT_AS, limits)
        self.did("started worker 2 with 48 MiB of address space, until it had failed twice")
        self.assert_done(run)
        self.assert_equals_clean(run, **job)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

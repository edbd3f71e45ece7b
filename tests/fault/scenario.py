"""What the fault scenarios share: a cluster of real processes, and the checks of the promises."""
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import time
import unittest

from chaos import Proxy
from support import (Run, cpu_ticks, die_with_the_test, environment, launcher, parent_of,
                     processes_of, program, read_json, temporary_folder, wait_for, write_data)
from wire import Peer

FAKETIME = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/faketime/libfaketime.so.1"
VERDICTS = ("accepted", "duplicate", "stale", "malformed", "over_quota", "late", "nonfinite")
# A gradient is then a function of parameters, seed, slot and round alone: a worker that was started
# again sends the same one.
PURE = {"workers.momentum": 0}


def pace(seconds=0.02, slot=0):
    """Slows one worker down, so that a run lasts long enough for a fault."""
    return f"""allow_fault_injection: true
faults:
  - {{slots: [{slot}], kind: delay, scale: {seconds}}}
"""


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    return cpu_ticks(pid) / os.sysconf("SC_CLK_TCK")


class Cluster(Run):
    """A run whose settings stay the same when its server is started again."""

    def __init__(self, folder, name, settings=None, directory=None, **job):
        super().__init__(folder, name, **job)
        self.directory = directory or self.directory
        self.settings = settings or {}
        self.proxy = None
        self.peers = []

    def options(self):
        return [word for key, value in self.settings.items() for word in ("--set",
                                                                         f"{key}={value}")]

    def _log(self, name):
        return open(os.path.join(self.folder, os.path.basename(self.job) + name), "a")

    def text(self, name):
        path = os.path.join(self.folder, os.path.basename(self.job) + name)
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()

    def serve(self, *options, before=()):
        """Starts the server. Its log goes to a file: a full pipe would stop it."""
        with self._log(".server.log") as log:
            self.server = subprocess.Popen(
                [*before, program("vexild"), "--job", self.job, "--run-dir", self.directory,
                 *self.options(), *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                preexec_fn=die_with_the_test)
        return self

    def server_pid(self):
        return self.card()["pid"]

    def port(self):
        return int(self.card()["endpoints"][0].rsplit(":", 1)[1])

    def ready(self):
        wait_for(lambda: self.events("server.ready"), 30, "the server's model")
        return self

    def token(self, role="worker", slot=0):
        with open(os.path.join(self.directory, "tokens")) as file:
            for line in file:
                words = line.split()
                if words[0] == role and (role != "worker" or words[1] == str(slot)):
                    return bytes.fromhex(words[2])
        raise KeyError((role, slot))

    def through_proxy(self, seed=1):
        """Workers that are started from now on connect to the proxy."""
        self.proxy = Proxy(self.port(), seed=seed)
        return self.proxy

    def work(self, slots=None, more=(), wait_s=60):
        """Starts mpirun with a worker for each of these slots (default: all)."""
        self.card()
        source = ["--run-dir", self.directory]
        if self.proxy is not None or slots is not None:
            path = os.path.join(self.folder, f"{os.path.basename(self.job)}.tokens")
            with open(path, "w") as file:
                for slot in slots if slots is not None else range(self.workers):
                    file.write(f"worker {slot} {self.token(slot=slot).hex()}\n")
            port = self.proxy.port if self.proxy is not None else self.port()
            source = ["--connect", f"tcp://127.0.0.1:{port}", "--token-file", path,
                      "--connect-timeout", str(wait_s)]
        with self._log(".workers.log") as log:
            self.mpirun = subprocess.Popen(
                [*launcher(len(slots) if slots is not None else self.workers), *more,
                 program("vexil-worker"), *source],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                env=environment(), preexec_fn=die_with_the_test)
        return self

    def joins(self, slot):
        return [row for row in self.events("worker.join") if row["slot"] == slot]

    def worker(self, slot):
        """The process of the newest incarnation in a slot."""
        return wait_for(lambda: self.joins(slot), 30, f"worker {slot}")[-1]["pid"]

    def agent(self, slot):
        return parent_of(self.worker(slot))

    def wait_joined(self, slot, count):
        wait_for(lambda: len(self.joins(slot)) >= count, 30, f"join {count} of slot {slot}")

    def liar(self, slot):
        """A connection that joins as a worker but is ours to play."""
        peer = Peer(self.port())
        self.peers.append(peer)
        answer = peer.join(self.token(slot=slot), slot)
        assert answer is not None and answer.kind == 2, answer and answer.fields()
        return peer

    def until_round(self, count, seconds=60):
        """Waits until so many rounds are committed."""
        wait_for(lambda: len(self.metrics()) >= count, seconds, f"{count} rounds")

    def metrics(self):
        path = os.path.join(self.directory, "metrics.jsonl")
        return super().metrics() if os.path.exists(path) else []

    def wait(self, seconds=90):
        """Exit codes of the server and of mpirun."""
        codes = []
        for process in (self.server, self.mpirun):
            if process is not None:
                try:
                    codes.append(process.wait(seconds))
                except subprocess.TimeoutExpired:
                    raise AssertionError(self.why(f"{process.args[0]} did not end")) from None
        return codes

    def why(self, text):
        """text with what helps to understand it."""
        tails = [self.text(name)[-1500:] for name in (".server.log", ".workers.log")]
        return f"{text}\nserver: {tails[0]}\nworkers: {tails[1]}"

    def status(self):
        done = subprocess.run([program("vexil"), "status", "--run-dir", self.directory, "--json"],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def included(self):
        return [row["included"] for row in self.metrics()]

    def digests(self):
        return [row["parameters_digest"] for row in self.metrics()]

    def end(self):
        for peer in self.peers:
            peer.close()
        for process in (self.server, self.mpirun):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        if self.proxy is not None:
            self.proxy.close()
        for pid, _ in processes_of(self.folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Scenario(unittest.TestCase):
    clean_runs = {}

    @classmethod
    def setUpClass(cls):
        cls.temporary = temporary_folder()
        cls.folder = cls.temporary.name
        write_data(cls.folder)
        cls.clean_runs = {}

    @classmethod
    def tearDownClass(cls):
        if "VX_FAULT_KEEP" in os.environ:
            print("kept:", shutil.copytree(cls.folder, cls.folder + "-kept", symlinks=True))
        cls.temporary.cleanup()

    def setUp(self):
        began = time.monotonic()
        self.addCleanup(lambda: print(f"  {time.monotonic() - began:.1f} s", flush=True))

    def make(self, settings=None, name=None, directory=None, **job):
        name = name or f"{self._testMethodName[:40]}-{len(os.listdir(self.folder))}"
        cluster = Cluster(self.folder, name, settings, directory, **job)
        self.addCleanup(cluster.end)
        return cluster

    def clean(self, settings=None, rounds=30, extra="", **job):
        """Included slots and digest of each round of a run without a fault. It is made once for all
        jobs that differ in time limits, delays and length only: these do not change the bits."""
        bits = {key: value for key, value in (settings or {}).items()
                if key.startswith(("model.", "optimiser.")) or
                key in ("workers.momentum", "workers.blas_threads", "workers.blocks")}
        key = repr((bits, job))
        if rounds > len(self.clean_runs.get(key, ())):
            least = 1 if "model.widths" in bits else 150
            run = self.make(bits, rounds=max(rounds, least), **job).serve()
            run.card()
            run.work()
            self.assertEqual(run.wait(), [0, 0], run.why("clean run"))
            self.clean_runs[key] = list(zip(run.included(), run.digests()))
            shutil.rmtree(run.directory)
        return self.clean_runs[key][:rounds]

    def did(self, text):
        print(f"  did: {text}", flush=True)

    def assert_equals_clean(self, run, settings=None, **job):
        """I6: the same workers in every round, so the same parameters after every round."""
        clean = self.clean(settings, **job)
        self.assertEqual(run.included(), [included for included, _ in clean])
        self.assertEqual(run.digests(), [digest for _, digest in clean])

    def assert_accounts(self, run):
        """I5: nothing that came is without a verdict. I2: a slot enters a round once."""
        slots = run.result()["slots"]
        for slot in slots:
            self.assertEqual(slot["received"], sum(slot[key] for key in VERDICTS), slot)
        for row in run.metrics():
            self.assertEqual(len(row["included"]), len(set(row["included"])), row)
        if run.result()["epoch"] == 1:
            for slot in slots:
                held = sum(slot["slot"] in included for included in run.included())
                self.assertGreaterEqual(slot["accepted"], held, slot)

    def assert_done(self, run, codes=(0, 0), seconds=90):
        """The run ends well: every round once and in order, books balanced, nothing left over."""
        self.assertEqual(run.wait(seconds), list(codes), run.why("exit codes"))
        result = run.result()
        self.assertEqual(result["state"], "done", result)
        self.assertEqual([row["round"] for row in run.metrics()], list(range(result["rounds"])))
        self.assert_accounts(run)
        self.assert_tidy(run)

    def assert_tidy(self, run):
        """I10: no process, temporary file or card is left."""
        for peer in run.peers:
            peer.close()
        try:
            wait_for(lambda: not processes_of(self.folder), 15, "the end of every process")
        except AssertionError as error:
            raise AssertionError(f"{error}: {processes_of(self.folder)}") from None
        left = [name for _, folders, files in os.walk(run.directory) for name in folders + files
                if "tmp" in name or name == "server.json"]
        self.assertEqual(left, [])

    def assert_serves(self, run, rounds=3, seconds=20):
        """I7, I8: rounds go on."""
        self.assertIsNone(run.server.poll(), run.why("the server has ended"))
        run.until_round(len(run.metrics()) + rounds, seconds)


def pause(seconds):
    time.sleep(seconds)


__all__ = ["Cluster", "PURE", "Peer", "Scenario", "cpu_seconds", "open_files", "pace",
           "parent_of", "pause", "read_json", "rss_kib", "wait_for"]

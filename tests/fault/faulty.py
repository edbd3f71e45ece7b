"""A server that fails at a chosen operation: runs of it, and what each must leave behind."""
import contextlib
import fnmatch
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from dataclasses import dataclass

from scenario import Cluster, Scenario, die_with_the_test, pace, read_json, wait_for
from support import BIN, program, vexil

SERVER = os.environ["VX_FAULTY_SERVER"]
CREW = os.environ["VX_CREW"]
ROUNDS = 12
DELAY = 0.01  # of each round before a server is killed: a checkpoint is whole by then
SETTINGS = {"workers.quorum": 4, "workers.deadline_s": 60, "checkpoint.every": 4,
            "checkpoint.keep": 1, "evaluation.every": 4, "optimiser.kind": "adamw",
            "optimiser.step_size": 0.01}
TEXT_OF = {"EIO": "Input/output error", "ENOSPC": "No space left on device",
           "EMFILE": "Too many open files", "EACCES": "Permission denied"}
LEDGER_TEXTS = ("disk I/O error", "disk is full", "unable to open database file",
                "cannot be written", "cannot be read", "could not be read")  # SQLite's, and ours
MEMORY = ("memory", "json")


def can(kind, how):
    """Whether an operation of this kind can fail so."""
    last = kind.rsplit(".", 1)[-1]
    if kind in MEMORY:
        return how in ("ENOMEM", "kill")
    if how in ("torn", "ENOSPC"):
        return last == "write" or how == "ENOSPC" and last in ("open", "make_folder", "rename")
    if how in ("short", "EINTR"):
        return last in ("read", "write") and (how == "short" or kind.startswith("ledger"))
    return how != "EMFILE" or last == "open"


@dataclass(frozen=True)
class Fault:
    """Operation `number` of `kind`, among those on a path like `path`, fails `how`."""
    kind: str
    number: int
    how: str
    path: str = ""
    times: int = 1

    def environment(self):
        values = {"VX_FAULTY": f"{self.kind}:{self.number}:{self.how}:{self.times}"}
        return {**values, "VX_FAULTY_PATH": self.path} if self.path else values

    def kills(self):
        return self.how in ("kill", "torn")

    def __str__(self):
        often = {0: " and all after it", 1: ""}.get(self.times, f" and {self.times - 1} after it")
        return f"{self.how} of {self.kind} {self.number}{often}" + (
            f" on {self.path}" if self.path else "")


@dataclass
class Attempt:
    """What a start of the server came to."""
    code: int
    text: str  # its log
    hit: list  # (kind, path) of each operation that failed


class FaultyRun(Cluster):
    crew = None

    def attempt(self, fault=None, resume=False):
        """One life of the server, with workers."""
        log = self.job + ".faults"
        environment = {**os.environ, "PATH": BIN + ":" + os.environ["PATH"], "VX_FAULTY_LOG": log}
        if os.path.exists(log):
            os.unlink(log)
        begin = len(self.text(".server.log"))
        with self._log(".server.log") as output:
            self.server = subprocess.Popen(
                [SERVER, "--job", self.job, "--run-dir", self.directory, *self.options(),
                 *(("--resume",) if resume else ())],
                env={**environment, **(fault.environment() if fault else {})},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output,
                preexec_fn=die_with_the_test)
        wait_for(lambda: self.server.poll() is not None or self.serves(), 30, "a server")
        if self.server.poll() is None and (self.crew is None or self.crew.poll() is not None):
            self._work()
        try:
            code = self.server.wait(40)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.why(f"{fault}: the server did not end")) from None
        if code != -signal.SIGKILL:
            self.dismiss()
        return Attempt(code, self.text(".server.log")[begin:], self._hits(log))

    def serves(self):
        """Whether the newest server's card is there."""
        try:
            return read_json(self.directory, "server.json")["pid"] == self.server.pid
        except (OSError, ValueError):
            return False

    def _work(self):
        with self._log(".workers.log") as output:
            self.crew = subprocess.Popen([CREW, self.directory, program("vexil-compute")],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=output, preexec_fn=die_with_the_test)

    def _hits(self, log):
        with open(log) as file:
            words = [line.split(" ", 3) for line in file if line.startswith("fault ")]
        return [(kind, path.strip()) for _, kind, _, path in words]

    def operations(self):
        """(kind, path) of each operation of the last attempt."""
        with open(self.job + ".faults") as file:
            rows = [line.rstrip("\n").split(" ", 2) for line in file]
        return [(row[0], row[2]) for row in rows if row[0] != "count" and "." in row[0]]

    def counts(self):
        with open(self.job + ".faults") as file:
            rows = [line.split() for line in file if line.startswith("count ")]
        return {kind: int(count) for _, kind, count in rows}

    def dismiss(self):
        """The workers have been told, or never came to a server that could tell them."""
        if self.crew is None:
            return
        try:
            self.crew.wait(0.5)
        except subprocess.TimeoutExpired:
            self.crew.terminate()
            self.crew.wait(20)
        self.crew = None

    def end(self):
        super().end()
        if self.crew is not None:
            self.crew.terminate()
            self.crew.wait(20)


def first_recorded(directory):
    """The first round that the ledger of a server that is no more still has."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(os.path.join(directory, name), folder)
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "ledger.db"))) as ledger:
            return ledger.execute("SELECT min(round) FROM rounds").fetchone()[0]


def pattern_of(path):
    """The end of a path, as it is in any run and round."""
    folder, name = os.path.split(path.rstrip("/"))
    name = re.sub(r"\d+", "*", name)
    return "*checkpoint-*/" + name if "checkpoint-" in folder else name


class Faulty(Scenario):
    """Each trial checks: a documented end that names what failed, or none; nothing half-written;
    the next start gives the bits of a run without a fault; no committed round is lost."""

    runs = 0

    def faulty(self, delay=0, **settings):
        run = FaultyRun(self.folder, f"run-{Faulty.runs}", {**SETTINGS, **settings}, rounds=ROUNDS,
                        extra=pace(delay) if delay else "")
        Faulty.runs += 1
        self.addCleanup(run.end)
        return run

    def setUp(self):
        super().setUp()
        self.outcomes = {}

    def clean_digests(self):
        """Of a run without a fault; what it did, by kind, is in self.operations and self.counts."""
        cls = type(self)
        if not hasattr(cls, "expected"):
            run = self.faulty()
            first = run.attempt()
            self.assertEqual(first.code, 0, run.why("clean run"))
            cls.expected = run.digests()
            cls.operations, cls.counts = run.operations(), run.counts()
        return cls.expected

    def killed_run(self):
        """A folder whose server was killed when its last round but one was in the ledger and
        nowhere else, and the first ones were in its checkpoint alone."""
        self.clean_digests()
        for _ in range(10):
            run = self.faulty(DELAY)
            first = run.attempt(Fault("file.write", ROUNDS - 1, "kill", "metrics.jsonl"))
            self.assertEqual(first.code, -signal.SIGKILL, run.why("kill"))
            run.dismiss()
            names = [name for name in os.listdir(run.directory) if "checkpoint" in name]
            if names == ["checkpoint-0000000008"] and first_recorded(run.directory) > 0:
                return run
        raise AssertionError(f"the server was always killed within a checkpoint: {names}")

    def resumed(self, origin):
        """Operations and counts of a start that resumes that folder."""
        run = self.copy(origin)
        self.assertEqual(run.attempt(resume=True).code, 0, run.why("resume"))
        return run.operations(), run.counts()

    def copy(self, origin):
        run = self.faulty(DELAY)
        shutil.copytree(origin.directory, run.directory, symlinks=True)
        return run

    def trial(self, fault, origin=None, **settings):
        """Returns what the faulty start came to. origin: a run folder that it resumes."""
        clean = self.clean_digests()
        run = self.faulty(**settings) if origin is None else self.copy(origin)
        first = run.attempt(fault, resume=origin is not None)
        seen = run.metrics()
        why = run.why(f"{fault}: {first.hit} {first.code}")
        self.assert_documented(fault, first, why)
        if fault.times != 0 and not fault.kills():
            self.assert_nothing_half(run, first, why)
        last = first
        if first.code != 0:
            last = run.attempt(resume=os.path.exists(os.path.join(run.directory, "epoch")))
        self.assertEqual(last.code, 0, run.why(f"second start after {why}"))
        if origin is not None or first.code != 0:
            self.assert_known(run, len(seen if first.code != 0 else origin.metrics()), why)
        self.assert_clean(run, clean, first, why)
        run.end()
        shutil.rmtree(run.directory)
        outcome = {0: "survived", -9: "killed"}.get(first.code, str(first.code))
        if not first.hit:
            outcome = "not reached"
        key = (fault.kind, fault.how, outcome)
        self.outcomes[key] = self.outcomes.get(key, 0) + 1
        return first

    def assert_documented(self, fault, first, why):
        code = -signal.SIGKILL if fault.kills() else 71 if fault.kind in MEMORY else 74
        if not first.hit or fault.how in ("short", "EINTR"):
            self.assertEqual(first.code, 0, why)
        elif fault.kills():
            self.assertEqual(first.code, code, why)
        elif first.code != 0:
            self.assertEqual(first.code, code, why)
            self.assert_named(fault, first, why)

    def assert_named(self, fault, first, why):
        last = [line for line in first.text.splitlines() if line.startswith("vexild: ")][-1:]
        self.assertEqual(len(last), 1, why)
        if fault.kind in MEMORY:
            self.assertIn("memory", last[0], why)
            return
        texts = (TEXT_OF[fault.how],) + (LEDGER_TEXTS if "ledger" in fault.kind else ())
        self.assertTrue(any(text in last[0] for text in texts), why)
        names = {re.sub(r"(-wal|-journal|\.tmp\.\d+)$", "", os.path.basename(path.rstrip("/")))
                 for _, path in first.hit}
        names |= {os.path.basename(os.path.dirname(path)) for _, path in first.hit}
        self.assertTrue(any(name in last[0] for name in names), why)

    def assert_nothing_half(self, run, first, why):
        removal_failed = any("remove" in kind for kind, _ in first.hit)
        names = os.listdir(run.directory) if os.path.exists(run.directory) else []
        self.assertTrue(removal_failed or not [name for name in names if "tmp" in name], why)
        self.assertTrue(removal_failed or not run.serves(), f"server.json: {why}")
        for name in names:
            path = os.path.join(run.directory, name)
            if name.endswith(".json"):
                read_json(path)
            if name.endswith(".jsonl"):
                with open(path) as file:
                    for line in file:
                        self.assertTrue(line.endswith("\n"), f"{name}: {why}")
                        json.loads(line)
        if any(name.startswith("checkpoint-") for name in names):
            done = vexil("checkpoint", "verify", "--run-dir", run.directory)
            self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}\n{why}")

    def assert_known(self, run, count, why):
        """I1: the last start knew of so many committed rounds."""
        self.assertEqual(run.events("recovery.lost"), [], why)
        if count > 0:
            told = run.events("recovery")[-1]
            self.assertGreaterEqual(told["checkpoint"] + told["applied"] + told["to_replay"],
                                    count, why)

    def assert_clean(self, run, clean, first, why):
        """I6. What fails where a line of metrics.jsonl is written can cost that line: the end says
        so, or server.stop does of a full disk."""
        result = run.result()
        self.assertEqual(result["state"], "done", why)
        self.assertEqual(result["parameters_digest"], clean[-1], why)
        self.assertIn(f"checkpoint-{ROUNDS:010}", os.listdir(run.directory), why)
        rows = {row["round"]: row for row in run.metrics()}
        for number, row in rows.items():
            self.assertEqual(row["parameters_digest"], clean[number], f"round {number}: {why}")
            for name in ("included", "norm", "reconstruction", "weight", "nll"):
                self.assertEqual(len(row[name]), run.workers, f"{name} of round {number}: {why}")
        tells = first.code > 0 or any(row["lines_lost"] for row in run.events("server.stop"))
        can = tells and any(kind in MEMORY or path.endswith("metrics.jsonl")
                            for kind, path in first.hit)
        self.assertLessEqual(len(clean) - len(rows), len(first.hit) if can else 0, why)

    def steps(self, operations, *patterns):
        """For each kind of operation on files that these patterns fit, the one in the middle."""
        seen = {}
        for kind, path in operations:
            key = kind, pattern_of(path)
            seen[key] = seen.get(key, 0) + 1
        return [(kind, count // 2 + 1, path) for (kind, path), count in seen.items()
                if any(fnmatch.fnmatch(f"{kind} {path}", pattern) for pattern in patterns)]

    def every(self, counts, hows, kinds=("*",)):
        """Each operation of these kinds fails each way that it can."""
        return [Fault(kind, number, how)
                for kind, count in sorted(counts.items()) for how in hows
                if any(fnmatch.fnmatch(kind, one) for one in kinds) and can(kind, how)
                for number in range(1, count + 1)]

    def trials(self, faults, origin=None):
        """All of them, or as many as VX_FAULT_TRIALS (200) says, spread evenly."""
        most = int(os.environ.get("VX_FAULT_TRIALS", "200"))
        count = len(faults)
        if count > most:
            faults = [faults[at * count // most] for at in range(most)]
        self.outcomes = {}
        for fault in faults:
            with self.subTest(str(fault)):
                self.trial(fault, origin)
        told = ", ".join(f"{count} {kind} {how} {outcome}"
                         for (kind, how, outcome), count in sorted(self.outcomes.items()))
        self.did(f"{len(faults)} of {count} trials: {told}")

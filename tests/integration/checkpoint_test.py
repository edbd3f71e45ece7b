"""vexil checkpoint on the run of a real server, and what a server does with what it finds."""
import glob
import json
import os
import signal
import sqlite3
import sys
import unittest

import numpy

from support import Run, read_json, read_safetensors, temporary_folder, vexil, write_data

SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""


def keeping(every, keep, keep_every=0):
    return f"checkpoint: {{every: {every}, keep: {keep}, keep_every: {keep_every}}}\n"


class Checkpoints(unittest.TestCase):
    def setUp(self):
        self.temporary = temporary_folder()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        write_data(self.folder)

    def make(self, **job):
        run = Run(self.folder, "run", **job)
        self.addCleanup(run.kill)
        return run

    def complete(self, **job):
        run = self.make(**job).start_server().start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        return run

    def rounds(self, run):
        found = glob.glob(os.path.join(run.directory, "checkpoint-*"))
        return sorted(int(path[-10:]) for path in found)

    def path(self, run, rounds, *name):
        return os.path.join(run.directory, f"checkpoint-{rounds:010d}", *name)

    def checkpoint(self, *words, code=0):
        done = vexil("checkpoint", *words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def damage(self, path):
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte ^ 1]))

    def test_a_server_keeps_the_newest_and_each_keep_every_th(self):
        run = self.complete(rounds=60, extra=keeping(5, 2, 20))
        kept = self.rounds(run)  # one that falls due while another is written is left out
        self.assertEqual([rounds for rounds in kept if rounds % 20 == 0], [20, 40, 60])
        self.assertLessEqual(len(kept), 4)
        listed = json.loads(self.checkpoint("list", "--run-dir", run.directory, "--json"))
        self.assertEqual([row["rounds"] for row in listed["checkpoints"]], kept[::-1])
        for row in listed["checkpoints"]:
            sizes = [os.path.getsize(path) for path in glob.glob(row["folder"] + "/*")]
            self.assertEqual(row["bytes"], sum(sizes))
            self.assertEqual((row["state"], row["epoch"]), ("complete", 1))
        self.assertEqual(read_json(self.path(run, 60, "manifest.json"))["format"], 2)
        self.checkpoint("verify", "--run-dir", run.directory)

    def test_a_broken_one_is_named_and_the_run_goes_on_from_the_one_before(self):
        run = self.make(rounds=200, extra=SLOW + keeping(10, 9)).start_server().start_workers()
        run.wait_for_rounds(25)
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.finish()[0], [75, 0])
        newest, before = self.rounds(run)[-1], self.rounds(run)[-2]
        parameters = self.path(run, newest, "parameters.safetensors")
        said = read_json(self.path(run, newest, "manifest.json"))["files"][0]["xxh3_128"]
        self.damage(parameters)
        text = self.checkpoint("verify", "--run-dir", run.directory, code=65)
        self.assertIn(parameters, text)
        self.assertRegex(text, "its digest is [0-9a-f]{32}, the manifest says " + said)
        run.start_server("--resume").start_workers()
        run.wait_for_rounds(newest + 5)
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.finish()[0], [75, 0])
        self.assertEqual(run.events("recovery")[0]["checkpoint"], before)
        self.assertEqual([row["round"] for row in run.metrics()], list(range(len(run.metrics()))))
        self.checkpoint("verify", self.path(run, self.rounds(run)[-1]))

    def test_the_ledger_reaches_back_to_the_oldest_checkpoint_that_is_kept(self):
        run = self.complete(rounds=60, extra=SLOW + keeping(10, 2))
        saved = [event["rounds"] for event in run.events("checkpoint")]
        self.assertEqual(saved[-1], 60)
        with sqlite3.connect(os.path.join(run.directory, "ledger.db")) as ledger:
            records = ledger.execute("SELECT min(round), max(round) FROM rounds").fetchone()
            updates = ledger.execute("SELECT min(place), max(place) FROM updates").fetchone()
        self.assertEqual(records, (saved[-3], 59))  # 60 was written when no round came any more
        self.assertEqual([place // 32768 for place in updates], [saved[-3], 59])

    def test_prune_waits_for_the_server_to_end(self):
        run = self.make(rounds=5000, extra=SLOW + keeping(5, 4)).start_server().start_workers()
        run.wait_for_rounds(25)
        words = ("prune", "--run-dir", run.directory, "--keep", "1")
        self.assertIn(f"process {run.server.pid}", self.checkpoint(*words, code=73))
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.finish()[0], [75, 0])
        newest = self.rounds(run)[-1]
        self.assertGreater(len(self.rounds(run)), 1)
        self.checkpoint(*words, "--dry-run")
        self.assertGreater(len(self.rounds(run)), 1)
        self.checkpoint(*words)
        self.assertEqual(self.rounds(run), [newest])
        self.assertFalse(glob.glob(os.path.join(run.directory, ".tmp-*")))

    def test_export_gives_what_numpy_and_safetensors_read(self):
        run = self.complete()
        expected = read_safetensors(self.path(run, 30, "parameters.safetensors"))
        one = os.path.join(self.folder, "one.safetensors")
        arrays = os.path.join(self.folder, "arrays")
        self.checkpoint("export", self.path(run, 30), "--out", one)
        self.checkpoint("export", self.path(run, 30), "--out", arrays + "/")
        found = read_safetensors(one)
        self.assertEqual(sorted(found), sorted(expected))
        self.assertEqual(sorted(os.listdir(arrays)), sorted(name + ".npy" for name in expected))
        for name, tensor in expected.items():
            array = numpy.load(os.path.join(arrays, name + ".npy"))
            self.assertEqual((array.dtype, array.shape), (numpy.dtype("<f4"), tensor.shape))
            self.assertTrue((array == tensor).all() and (found[name] == tensor).all())


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

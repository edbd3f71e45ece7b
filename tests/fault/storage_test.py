"""What is on the disk is torn, gone or not ours: found, named, skipped."""
import glob
import os
import random
import shutil
import signal
import sys
import unittest

from limits_test import OFTEN, OnDisk, checkpoints
from scenario import pace, wait_for


class Stored(OnDisk):
    def killed(self):
        """A run folder with four checkpoints, left by a server that was killed."""
        self.job = {"settings": OFTEN, "rounds": 40, "extra": pace()}
        run = self.make(**self.job).serve()
        run.card()
        run.work().until_round(24)
        run.server.kill()
        run.server.wait()
        run.mpirun.terminate()
        run.mpirun.wait(30)
        wait_for(lambda: not self.left(), 15, "the end of the workers")
        return run

    def left(self):
        from support import processes_of
        return processes_of(self.folder)

    def copy(self, original, name):
        run = self.make(directory=os.path.join(self.folder, name), **self.job)
        shutil.copytree(original.directory, run.directory, symlinks=True)
        return run

    def skipped(self, run):
        """Names of checkpoints that the server says it skipped."""
        return [line for line in run.text(".server.log").splitlines()
                if "event=checkpoint.skipped" in line]


class Torn(Stored):
    def test_28_the_newest_checkpoint_is_damaged(self):
        """28 (I11): truncated, zeroed, one bit flipped, in each file: skipped by name."""
        original, chance, count = self.killed(), random.Random(28), 0
        newest = checkpoints(original)[-1]
        for file in sorted(os.listdir(newest)):
            size = os.path.getsize(os.path.join(newest, file))
            for how in ("truncated", "zeroed", "flipped"):
                with self.subTest(f"{file} {how}"):
                    run = self.copy(original, f"{file}-{how}")
                    path = checkpoints(run)[-1]
                    at = chance.randrange(size)
                    self.damage(os.path.join(path, file), how, at)
                    count += 1
                    if count % 3 == 0:
                        self.resume(run)
                    else:
                        self.only_started(run)
                    skipped = self.skipped(run)
                    self.assertEqual(len(skipped), 1, run.why("skipped"))
                    self.assertIn(os.path.basename(path), skipped[0])
                    shutil.rmtree(run.directory)
        self.did(f"{count} ways to damage the newest checkpoint")

    def damage(self, path, how, at):
        with open(path, "r+b") as file:
            if how == "truncated":
                file.truncate(at)
            elif how == "zeroed":
                file.seek(at // 512 * 512)
                file.write(bytes(min(512, os.path.getsize(path) - at // 512 * 512)))
            else:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << at % 8]))

    def only_started(self, run):
        """Starts and ends the server: enough to see what it made of the folder."""
        before = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: len(run.events("server.ready")) > before, 30, run.why("no start"))
        run.server.send_signal(signal.SIGTERM)
        run.server.wait(20)

    def test_29_the_newest_checkpoint_is_gone_or_is_no_checkpoint(self):
        """29 (I11): neither a name nor an order of names is trusted."""
        original = self.killed()
        run = self.copy(original, "gone")
        shutil.rmtree(checkpoints(run)[-1])
        self.resume(run)
        run = self.copy(original, "false")
        newest = checkpoints(run)[-1]
        os.unlink(os.path.join(newest, "manifest.json"))
        os.symlink("nowhere", os.path.join(run.directory, "checkpoint-0000000090"))
        os.mkdir(os.path.join(run.directory, "checkpoint-0000000091"))
        with open(os.path.join(run.directory, "checkpoint-0000000092"), "w") as file:
            file.write("no folder")
        shutil.copytree(checkpoints(original)[0],
                        os.path.join(run.directory, "checkpoint-0000000039"))
        os.mkdir(os.path.join(run.directory, ".tmp-checkpoint-abcdef"))
        with open(os.path.join(run.directory, ".tmp-checkpoint-abcdef", "x"), "w") as file:
            file.write("left by a crash")
        before = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: len(run.events("server.ready")) > before, 30, run.why("no start"))
        run.work()
        self.assertEqual(run.wait(), [0, 0], run.why("exit codes"))
        self.assertEqual(run.result()["parameters_digest"],
                         self.clean(**self.job)[-1][1])
        self.assertEqual(glob.glob(os.path.join(run.directory, ".tmp*")), [])
        self.did("removed the newest; then a partial one, a dangling link, an empty folder, a "
                 "file, a copy under another number and the rest of a crash")

    def test_29_every_checkpoint_is_damaged(self):
        """29 (I11): the ledger still has every round, or it says so and changes nothing."""
        run = self.killed()
        for path in checkpoints(run):
            self.damage(os.path.join(path, "parameters.safetensors"), "flipped", 700)
        before, count = self.content(run), len(checkpoints(run))
        ready = len(run.events("server.ready"))
        run.serve("--resume")
        wait_for(lambda: run.server.poll() is not None or
                 len(run.events("server.ready")) > ready, 30, run.why("neither"))
        self.assertEqual(len(self.skipped(run)), count)
        self.did("one bit in each of the checkpoints: " + (
            "went on from the ledger" if run.server.poll() is None else "refused"))
        if run.server.poll() is not None:
            self.assertEqual(run.server.poll(), 66, run.why("exit code"))
            self.assertEqual(self.content(run), before)
            return
        run.work()
        self.assertEqual(run.wait(), [0, 0], run.why("exit codes"))
        self.assertEqual(run.result()["parameters_digest"], self.clean(**self.job)[-1][1])

    def content(self, run):
        found = {}
        for path in checkpoints(run):
            for name in os.listdir(path):
                with open(os.path.join(path, name), "rb") as file:
                    found[path, name] = file.read()
        return found

    def test_29_two_servers_on_one_folder(self):
        """29 (I4): the second one is refused with the pid of the first; the run does not notice."""
        self.job = {"settings": OFTEN, "rounds": 40, "extra": pace()}
        run = self.make(**self.job).serve()
        run.card()
        run.work().until_round(5)
        for option in ((), ("--resume",)):
            second = self.make(directory=run.directory, **self.job).serve(*option)
            self.assertEqual(second.server.wait(20), 73)
            self.assertIn(str(run.server_pid()), second.text(".server.log"))
        self.did("two more servers on the folder of a running one")
        self.assert_done(run)
        self.assert_equals_clean(run, **self.job)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

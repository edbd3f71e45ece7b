"""What mpirun and its agents do when workers, or their start, fail."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from run_test import Stopping, WithData
from support import cpu_ticks, processes_of, program, vexil, wait_for


def pids_of_workers(run):
    return {row["slot"]: row["pid"] for row in run.events("worker.join")}


class Launch(WithData):
    def test_a_worker_that_is_given_up_ends_no_other_slot(self):
        run = self.make(rounds=100, extra=Stopping.SLOW)
        run.start_server("--set", "workers.max_restarts=0").start_workers()
        run.wait_for_rounds(5)
        os.kill(pids_of_workers(run)[3], signal.SIGKILL)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertIn("slot 3: ended with 137, restarted 0 times: giving up", texts[1])
        self.assertEqual(run.result()["state"], "done")
        self.assertEqual(run.metrics()[-1]["included"], [0, 1, 2])

    def test_train_without_any_worker_left_ends_and_says_why(self):
        run = self.make(rounds=5000, extra=Stopping.SLOW)
        train = subprocess.Popen([program("vexil"), "train", run.job, "--run-dir", run.directory,
                                  "--set", "workers.max_restarts=0"], text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        self.addCleanup(train.kill)
        run.wait_for_rounds(5)
        for pid in pids_of_workers(run).values():
            os.kill(pid, signal.SIGKILL)
        text, _ = train.communicate(timeout=60)
        self.assertEqual(train.returncode, 1, text)
        self.assertIn("every worker has ended for good", text)
        self.assertIn("giving up", text)
        self.assertIn("resume with: vexil train --resume --run-dir " + run.directory, text)
        self.assert_tidy()

    def test_train_tells_how_to_resume_only_what_has_begun(self):
        run = self.make(rounds=5000, extra=Stopping.SLOW)
        labels = os.path.join(self.folder, "train-labels")
        os.rename(labels, labels + ".away")
        command = [program("vexil"), "train", run.job, "--run-dir", run.directory, "--set",
                   "workers.max_restarts=0"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("train-labels", done.stderr)
        self.assertNotIn("--resume", done.stderr)
        os.rename(labels + ".away", labels)
        train = subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(train.kill)
        run.wait_for_rounds(2)
        os.kill(run.card()["pid"], signal.SIGKILL)
        self.assertIn("resume with: vexil train --resume", train.communicate(timeout=120)[1])
        self.assert_tidy()

    def test_train_names_an_mpirun_that_is_not_there(self):
        hosts = os.path.join(self.folder, "hosts")
        with open(hosts, "w") as file:
            file.write("localhost slots=4\n")
        nowhere = os.path.join(self.folder, "no", "mpirun")
        for name, text in (("no-such-program", "no-such-program is not found in PATH"),
                           (nowhere, nowhere + ": No such file or directory")):
            for more in ((), ("--hostfile", hosts)):
                with self.subTest(name=name, more=more):
                    run = self.make()
                    done = vexil("train", run.job, "--run-dir", run.directory, "--mpirun", name,
                                 *more)
                    self.assertEqual(done.returncode, 69, done.stderr)
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                    self.assertIn(text + ": install the package openmpi-bin", done.stderr)
                    self.assertFalse(os.path.exists(os.path.join(run.directory, "server.json")))
                    self.assert_tidy()

    def test_a_start_that_fails_says_so_once_with_the_code_of_rank_0(self):
        run = self.make()
        nowhere = os.path.join(self.folder, "no", "run")
        began = time.monotonic()
        run.start_workers("--run-dir", nowhere)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(run.mpirun.returncode, 66, text)
        self.assertEqual(text.count("vexil-worker:"), 1, text)
        self.assertIn(nowhere, text)

    def test_a_run_that_failed_at_its_start_does_not_use_up_its_folder(self):
        labels = os.path.join(self.folder, "test-labels")
        os.rename(labels, labels + ".away")
        run = self.make().start_server()
        self.assertEqual(run.finish()[0], [66])
        os.rename(labels + ".away", labels)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            run.start_server("--bind", "127.0.0.1:%d" % taken.getsockname()[1])
            self.assertEqual(run.finish()[0], [73])
        run.start_server("--set", "seed=7")
        wait_for(lambda: run.events("server.ready"), 30, "the ledger")
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.finish()[0], [75])
        self.assertFalse(glob.glob(os.path.join(run.directory, "checkpoint-*")))
        run.start_server("--set", "seed=8").start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["epoch"], 4)
        run.mpirun = None
        run.start_server()
        self.assertEqual(run.finish()[0], [73])

    def test_what_computes_links_no_mpi(self):
        needed = {name: subprocess.run(["readelf", "-d", program(name)], capture_output=True,
                                       text=True, check=True).stdout
                  for name in ("vexil-worker", "vexil-compute", "vexild", "vexil")}
        self.assertIn("libmpi", needed.pop("vexil-worker"))
        for name, libraries in needed.items():
            self.assertIn("NEEDED", libraries)
            self.assertNotIn("mpi", libraries.lower(), name)

    def test_ranks_that_wait_for_the_server_use_no_processor(self):
        run = self.make()
        run.start_workers()
        agents = wait_for(lambda: [pid for pid, words in processes_of(run.directory)
                                   if words[0].endswith(b"vexil-worker")][3:], 30, "the agents")
        self.assertIn("waiting", run.mpirun.stderr.readline())  # so MPI_Init is over
        ticks = cpu_ticks(agents[-1])
        time.sleep(2.0)
        self.assertLess(cpu_ticks(agents[-1]) - ticks, 50)  # of 200
        run.start_server()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertNotIn("waiting", texts[1])  # said once

    def test_a_launcher_that_only_numbers_its_processes_starts_workers_without_mpi(self):
        run = self.make(rounds=10).start_server()
        run.card()
        agents = []
        for rank in range(5):
            agents.append(subprocess.Popen(
                [program("vexil-worker"), "--run-dir", run.directory], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "PMI_RANK": str(rank), "PMI_SIZE": "4" if rank < 4 else "5"}))
            self.addCleanup(agents[-1].kill)
        texts = [agent.communicate(timeout=60)[1] for agent in agents]
        self.assertEqual([agent.returncode for agent in agents], [0, 0, 0, 0, 2], texts)
        self.assertIn("rank 4: ", texts[4])
        self.assertIn("tokens for 4 workers", texts[4])
        codes, server = run.finish()
        self.assertEqual(codes, [0], server)
        self.assertEqual(sorted(pids_of_workers(run)), [0, 1, 2, 3])

    @unittest.skipUnless(shutil.which("mpiexec.mpich"), "MPICH is not installed")
    def test_the_launcher_of_mpich_starts_workers(self):
        run = self.make(rounds=10).start_server()
        done = subprocess.run(
            ["mpiexec.mpich", "-disable-auto-cleanup", "-n", "4", program("vexil-worker"),
             "--connect", run.card()["endpoints"][0],
             "--token-file", os.path.join(run.directory, "tokens")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        codes, server = run.finish()
        self.assertEqual(codes, [0], server)
        self.assertEqual(sorted(pids_of_workers(run)), [0, 1, 2, 3])


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

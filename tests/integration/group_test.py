"""A worker of several ranks: started, killed and ended, by real mpiruns inside a real mpirun."""
import glob
import gzip
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

from run_test import WithData
from support import cpu_ticks, parent_of, program, vexil, wait_for

SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""


def ranks_extra(ranks, blocks=4):
    return ("--set", f"workers.ranks={ranks}", "--set", f"workers.blocks={blocks}")


def of_groups():
    """pid -> words of each process that is a rank of a group, or starts some."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if program("vexil-compute-mpi") in words or program("vexil-compute-mpich") in words:
            found[int(pid)] = words
    return found


def launcher_of(rank):
    """The mpirun of the group that a rank belongs to."""
    pid = rank
    while of_groups()[pid][0].endswith("vexil-compute-mpi"):
        pid = parent_of(pid)
    return pid


def folder_of(launcher):
    """Where this mpirun and its ranks put their files."""
    words = of_groups()[launcher]
    return words[words.index("orte_tmpdir_base") + 1]


def files_in(folder):
    return {os.path.join(where, name) for where, _, names in os.walk(folder) for name in names}


def mapped_by(pids):
    """Files of MPI that these processes share, or have of their session."""
    found = set()
    for pid in pids:
        with open(f"/proc/{pid}/maps") as file:
            found.update(re.findall(r"(?:/dev/shm|/tmp/ompi)\S*", file.read()))
    return found


def works(*words):
    try:
        return subprocess.run(words, capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


class OfGroups(WithData):
    def setUp(self):
        self.addCleanup(wait_for, lambda: not of_groups(), 20, "the end of every rank")
        super().setUp()  # so that it comes after the cleanup of its runs

    def begin(self, rounds=5000, ranks=2, workers=2, options=(), worker_options=None, name="run",
              extra=SLOW):
        run = self.make(name, rounds=rounds, workers=workers, byzantine=0, rule="mean", extra=extra)
        run.start_server(*ranks_extra(ranks), *options)
        run.card()
        return run.start_workers("--run-dir", run.directory, *(worker_options or ()))

    def leader(self, run, slot):
        """The last one that has joined."""
        pids = [row["pid"] for row in run.events("worker.join") if row["slot"] == slot]
        return pids[-1]

    def stop(self, run):
        run.server.send_signal(signal.SIGTERM)
        codes, texts = run.finish()
        self.assertEqual(codes, [75, 0], texts)

    def stop_a_rank(self, code, *options):
        run = self.begin(worker_options=options)
        run.wait_for_rounds(5)
        leader = self.leader(run, 1)
        others = [pid for pid in of_groups() if parent_of(pid) == parent_of(leader)]
        others.remove(leader)
        os.kill(others[0], signal.SIGSTOP)
        wait_for(lambda: [row for row in run.events("worker.join")
                          if row["slot"] == 1 and row["incarnation"] == 2], 60, "the worker again")
        run.server.send_signal(signal.SIGTERM)
        codes, texts = run.finish()
        self.assertEqual(codes, [75, 0], texts)
        self.assertIn("slot 1: a gradient took its ranks more than 3 s: the worker is ended, see "
                      "--group-timeout", texts[1])
        self.assertIn(f"slot 1: ended with {code}, restart 1", texts[1])


class Groups(OfGroups):
    def test_a_dead_rank_costs_its_worker_one_incarnation(self):
        run = self.begin(rounds=40, extra=SLOW.replace("0.02", "0.1"))  # each needs both
        run.wait_for_rounds(5)
        leader = self.leader(run, 1)
        others = [pid for pid in of_groups() if parent_of(pid) == parent_of(leader)]
        others.remove(leader)
        self.assertEqual(len(others), 1)
        folder = folder_of(launcher_of(leader))
        os.kill(others[0], signal.SIGKILL)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        joins = [(row["slot"], row["incarnation"]) for row in run.events("worker.join")]
        self.assertEqual(sorted(joins), [(0, 1), (1, 1), (1, 2)])
        self.assertEqual(run.result()["state"], "done")
        self.assertIn("slot 1: ended with 137, restart 1", texts[1])
        self.assertFalse(os.path.exists(folder))

    def test_a_rank_that_is_stopped_ends_its_worker_in_time(self):
        """The leader is alive, and would wait for ever; it is started again with the others."""
        self.stop_a_rank(137, "--group-timeout", "3")

    def test_nothing_is_left_of_a_group_whose_agent_or_launcher_is_killed(self):
        run = self.begin()
        run.wait_for_rounds(5)
        launcher = launcher_of(self.leader(run, 1))
        ranks = [pid for pid in of_groups() if parent_of(pid) == launcher]
        self.assertEqual(len(ranks), 2)
        folders = [folder_of(launcher_of(self.leader(run, slot))) for slot in (0, 1)]
        mapped = mapped_by([launcher, *ranks])
        self.assertGreater(len(mapped), 2)
        self.assertFalse([path for path in mapped if not path.startswith(folders[1] + "/")])
        self.assertFalse(glob.glob(f"/tmp/ompi.*/pid.{launcher}"))
        files = files_in(folders[1])
        os.kill(launcher, signal.SIGKILL)
        wait_for(lambda: not set(ranks) & set(of_groups()), 20, "the end of the ranks")
        wait_for(lambda: not files & files_in(folders[1]), 20, "the end of their files")
        wait_for(lambda: len(run.events("worker.join")) == 3, 60, "another incarnation")
        launcher = launcher_of(self.leader(run, 1))
        ranks = [pid for pid in of_groups() if parent_of(pid) == launcher]
        os.kill(parent_of(launcher), signal.SIGKILL)  # the agent: its own mpirun ends the others
        wait_for(lambda: not {launcher, *ranks} & set(of_groups()), 20, "the end of the group")
        wait_for(lambda: not os.path.exists(folders[1]), 20, "the end of their folder")
        run.mpirun.communicate(timeout=60)
        wait_for(lambda: not os.path.exists(folders[0]), 20, "the end of the other folder")
        run.server.send_signal(signal.SIGTERM)
        run.server.communicate(timeout=60)

    def test_ranks_that_have_nothing_to_do_sleep(self):
        run = self.begin(workers=2, options=("--set", "workers.min_workers=2"))
        run.wait_for_rounds(5)
        os.kill(run.server.pid, signal.SIGSTOP)
        leader = self.leader(run, 0)
        ranks = [pid for pid in of_groups() if parent_of(pid) == parent_of(leader)]
        time.sleep(0.5)
        before = {pid: cpu_ticks(pid) for pid in ranks}
        time.sleep(1.0)
        used = {pid: cpu_ticks(pid) - before[pid] for pid in ranks}
        os.kill(run.server.pid, signal.SIGCONT)
        self.assertLess(max(used.values()), 20, used)  # of 100
        self.stop(run)

    def test_train_starts_groups_as_it_is_told_and_status_shows_them(self):
        run = self.make(rounds=5000, workers=1, byzantine=0, rule="mean", extra=SLOW)
        options = ("--group-launcher", shutil.which("mpirun"), "--group-timeout", "77")
        train = subprocess.Popen([program("vexil"), "train", run.job, "--run-dir", run.directory,
                                  *ranks_extra(2), *options], text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(train.kill)
        run.wait_for_rounds(5)
        self.assertIn("1/1, 2 ranks each", vexil("status", "--run-dir", run.directory).stdout)
        launcher = launcher_of(self.leader(run, 0))
        self.assertEqual(of_groups()[launcher][0], options[1])
        with open(f"/proc/{parent_of(launcher)}/cmdline") as file:
            self.assertEqual(tuple(file.read().split("\0")[-5:-1]), options)
        train.send_signal(signal.SIGINT)
        text, _ = train.communicate(timeout=60)
        self.assertEqual(train.returncode, 130, text)
        self.assertIn(" ".join(options), text)  # to resume with

    def test_a_run_goes_on_with_other_ranks_and_the_same_bits(self):
        def digests(run):
            rows = run.metrics()
            self.assertEqual([row["round"] for row in rows], list(range(40)))
            return [row["parameters_digest"] for row in rows]

        one_thread = ("--set", "workers.blas_threads=1")
        clean = self.begin(rounds=40, ranks=1, workers=1, options=one_thread, name="clean",
                           extra="")
        self.assertEqual(clean.finish()[0], [0, 0])
        run = self.begin(rounds=40, ranks=1, workers=1, options=one_thread,
                         extra=SLOW.replace("0.02", "0.05"))
        run.wait_for_rounds(5)
        self.stop(run)
        run.start_server("--resume", *ranks_extra(2), *one_thread)
        self.assertEqual(run.card()["ranks"], 2)
        run.start_workers("--run-dir", run.directory)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(digests(run), digests(clean))
        self.assertEqual(run.result()["epoch"], 2)


class LongGroups(OfGroups):
    def test_a_dead_leader_is_no_other_case(self):
        run = self.begin()
        run.wait_for_rounds(5)
        os.kill(self.leader(run, 0), signal.SIGKILL)
        wait_for(lambda: len(run.events("worker.join")) == 3, 60, "another incarnation")
        self.stop(run)

    def test_a_stopped_rank_of_the_other_mpi_is_no_other_case(self):
        if not os.path.exists(program("vexil-compute-mpich")) or not shutil.which("mpiexec.mpich"):
            self.skipTest("MPICH is not installed")
        self.stop_a_rank(255, "--group-timeout", "3", "--group-launcher", "mpiexec.mpich")


class Records(WithData):
    """A model of several buckets: its rounds, with their gradients' digests."""
    widths = "[2000, 100]"
    of_one = {}

    def alone(self):
        """By one process; neither folder nor name of a run is in a record."""
        found = self.of_one.get(self.widths) or self.records(1)
        self.assertEqual(len(found), 6)
        self.of_one[self.widths] = found
        return found

    def records(self, ranks, *worker_options, inside=()):
        run = self.make(f"run-{ranks}-{len(worker_options)}", rounds=6, workers=1, byzantine=0,
                        rule="mean")
        run.start_server(*ranks_extra(ranks), "--set", f"model.widths={self.widths}",
                         "--set", "workers.blas_threads=1")
        run.card()
        run.start_workers("--run-dir", run.directory, *worker_options, inside=inside)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.said = texts[1]
        ledger = sqlite3.connect(os.path.join(run.directory, "ledger.db"))
        with ledger:
            rows = ledger.execute("SELECT round, record FROM rounds ORDER BY round").fetchall()
        ledger.close()
        return rows


class GroupBits(Records):
    def test_one_two_and_four_ranks_make_the_same_rounds(self):
        self.assertEqual(self.records(2), self.alone())
        self.assertEqual(self.records(4), self.alone())

    def zip_data(self):
        for name in ("train-features", "train-labels"):
            path = os.path.join(self.folder, name)
            with open(path, "rb") as file:
                content = file.read()
            with gzip.open(path, "wb") as file:
                file.write(content)

    def traced(self, ranks):
        """The rounds, and all the files that mpiruns of groups and their ranks have opened."""
        script = os.path.join(self.folder, "traced-mpirun")
        trace = os.path.join(self.folder, "trace")
        with open(script, "w") as file:
            file.write("#!/bin/sh\n[ \"$1\" = --version ] && exec mpirun --version\n"
                       f"exec strace -D -ff -q -o {trace} -e trace=openat mpirun \"$@\"\n")
        os.chmod(script, 0o700)
        rows = self.records(ranks, "--group-launcher", script)
        opened = []
        for path in glob.glob(trace + ".*"):  # one a thread
            with open(path) as file:
                opened += re.findall(r'openat\([^"]*"([^"]+)".* = \d', file.read())
        return rows, opened

    def test_one_rank_parses_for_all_ranks_of_its_host(self):
        if not works("strace", "-o", "/dev/null", "true"):
            self.skipTest("no strace, or it may not trace here")
        alone = self.alone()
        self.zip_data()
        rows, opened = self.traced(4)
        self.assertEqual(rows, alone)
        for name in ("train-features", "train-labels"):  # by the first rank
            self.assertEqual(opened.count(os.path.join(self.folder, name)), 1, name)
        shared = [path for path in opened if re.fullmatch(r"/proc/\d+/fd/\d+", path)]
        self.assertEqual((len(shared), len(set(shared))), (3, 1), shared)  # by the other three

    def test_a_file_that_the_first_rank_cannot_read_ends_the_group_with_its_words(self):
        self.zip_data()
        path = os.path.join(self.folder, "train-features")
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        run = self.make(rounds=5, workers=1, byzantine=0, rule="mean")
        run.start_server(*ranks_extra(2))
        run.card()
        run.start_workers("--run-dir", run.directory)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertEqual(run.mpirun.returncode, 65, text)
        self.assertRegex(text, f"slot 0: rank 0 on .*: {path}")
        run.server.send_signal(signal.SIGTERM)
        run.server.communicate(timeout=60)

    def test_the_other_mpi_makes_them_too(self):
        if not os.path.exists(program("vexil-compute-mpich")) or not shutil.which("mpiexec.mpich"):
            self.skipTest("MPICH is not installed")
        self.assertEqual(self.records(2, "--group-launcher", "mpiexec.mpich"), self.alone())


SMALL = 'mount -t tmpfs -o size=$0 tmpfs /dev/shm && exec "$@"'


def with_shared_memory(size):
    """Words before those of a program: it and its children have so much in /dev/shm."""
    return ("unshare", "--mount", "sh", "-c", SMALL, size)


class OfRoom(Records):
    """Ranks whose shared memory is too small for what they want to share there."""
    widths = "[4000, 100]"

    @classmethod
    def setUpClass(cls):
        if not works(*with_shared_memory("1m"), "true"):
            raise unittest.SkipTest("no mount of our own here")

    def compare(self, size, *options):
        alone = self.alone()
        self.assertEqual(self.records(2, *options, inside=with_shared_memory(size)), alone)

    def no_room(self, free="[0-9]+"):
        return re.findall(f"slot 0: rank 0 on .*: /dev/shm\\S* has {free} bytes free for shared "
                          "memory of 2 ranks, [0-9]+ are needed: they send messages", self.said)


class GroupRoom(OfRoom):
    def test_with_a_megabyte_they_send_messages_and_make_the_same_bits(self):
        self.compare("1m")
        self.assertEqual(len(self.no_room("0")), 1, self.said)
        self.assertIn("slot 0: /dev/shm has no room for ", self.said)


class LongGroupRoom(OfRoom):
    def test_what_open_mpi_needs_itself_may_fit_when_windows_do_not(self):
        self.compare("16m")
        self.assertEqual(len(self.no_room()), 1, self.said)
        self.assertNotIn("slot 0: /dev/shm has no room for ", self.said)

    def test_with_enough_nothing_is_said(self):
        self.compare("40m")
        self.assertEqual(self.said, "")

    def test_with_the_other_mpi_they_do_so_too(self):
        if not os.path.exists(program("vexil-compute-mpich")) or not shutil.which("mpiexec.mpich"):
            self.skipTest("MPICH is not installed")
        self.compare("16m", "--group-launcher", "mpiexec.mpich")
        self.assertEqual(len(self.no_room()), 1, self.said)


class GroupBadInput(WithData):
    def refuse(self, code, *words, worker_options):
        run = self.make(rounds=5, workers=1, byzantine=0, rule="mean")
        run.start_server(*ranks_extra(2))
        self.refuse_workers(run, code, *words, options=worker_options)
        wait_for(lambda: not of_groups(), 20, "the end of every rank")

    def script(self, text):
        path = os.path.join(self.folder, "launcher")
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o700)
        return path

    def test_ranks_that_do_not_divide_the_blocks_are_refused_at_once(self):
        run = self.make(rounds=5)
        run.start_server(*ranks_extra(3))
        codes, texts = run.finish()
        self.assertEqual(codes, [78], texts)
        self.assertIn("workers.ranks", texts[0])

    def test_another_number_of_ranks_than_the_job_says(self):
        self.refuse(78, "slot 0", "workers.ranks of the server's job is 2", "--ranks 1",
                    worker_options=("--ranks", "1"))

    def test_a_bound_that_is_none(self):
        done = subprocess.run([program("vexil-worker"), "--group-timeout", "0"], text=True,
                              stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--group-timeout: expected a number from 1 to ", done.stderr)

    def test_a_launcher_that_is_not_there(self):
        self.refuse(69, "slot 0 on ", "no-such-mpirun cannot be started", "--group-launcher",
                    worker_options=("--group-launcher", "no-such-mpirun"))

    def test_train_ends_as_its_workers_do_without_their_launcher(self):
        run = self.make(rounds=5, workers=1, byzantine=0, rule="mean")
        done = subprocess.run([program("vexil"), "train", run.job, "--run-dir", run.directory,
                               *ranks_extra(2), "--group-launcher", "no-such-mpirun"], text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("no-such-mpirun cannot be started", done.stderr)

    def test_a_launcher_whose_ranks_are_no_group(self):
        """As an mpirun of another MPI does: each rank is one of one."""
        self.refuse(69, "slot 0", "started a group of 1 ranks, not of 2",
                    worker_options=("--group-launcher", self.script(
                        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'mpirun (Open MPI) 9' && exit\n"
                        f"exec {program('vexil-compute-mpi')}\n")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""deploy/slurm/vexil.sbatch under a Slurm of our own: one node, on loopback."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

from run_test import WithData
from support import (BIN, die_with_the_test, free_port, processes_of, read_json, temporary_folder,
                     wait_for)

SCRIPT = os.path.join(os.environ["VX_DEPLOY"], "slurm", "vexil.sbatch")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

# No plugin that wants a cgroup; credentials live for a second, so that a job in the queue again
# starts soon.
CONFIG = """ClusterName=vexil
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=1
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,bf_interval=5
ReturnToService=2
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

PACE = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""
# Every round has every gradient, however busy the machine is: so digests can be compared.
WAITING = ("--set", "workers.quorum=4", "--set", "workers.deadline_s=60", "--set",
           "workers.blas_threads=1")


class Cluster:
    """munged, slurmctld and slurmd with everything they write in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.environment = {**os.environ, "PATH": PATH, "VEXIL_BIN": BIN,
                            "SLURM_CONF": os.path.join(folder, "slurm.conf")}
        host = socket.gethostname().split(".")[0]
        for name in ("state", "spool"):
            os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, "key"), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(os.urandom(1024))
        with open(self.environment["SLURM_CONF"], "w") as file:
            file.write(CONFIG.format(host=host, folder=folder, port=free_port(),
                                     node_port=free_port()))

    def start(self):
        self.run_daemon("munged", "--foreground", "--force", "--num-threads=1",
                        *(f"--{word}={self.folder}/{name}" for word, name in (
                            ("key-file", "key"), ("socket", "munge.socket"),
                            ("pid-file", "munge.pid"), ("log-file", "munge.log"),
                            ("seed-file", "munge.seed"))))
        wait_for(lambda: os.path.exists(f"{self.folder}/munge.socket"), 30, "munged")
        self.run_daemon("slurmctld", "-D")
        self.run_daemon("slurmd", "-D")
        wait_for(lambda: "idle" in self.command("sinfo", "-h", "-o", "%T"), 60, "the node")

    def run_daemon(self, *words):
        self.daemons.append(subprocess.Popen(words, env=self.environment,
                                             stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL,
                                             preexec_fn=die_with_the_test))

    def command(self, *words):
        return subprocess.run(words, env=self.environment, capture_output=True, text=True,
                              timeout=60).stdout

    def stop(self):
        try:
            self.command("scancel", "--user=root", "--state=RUNNING")
            self.command("scancel", "--user=root")
        finally:
            self.stop_daemons()

    def stop_daemons(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


class Slurm(WithData):
    @classmethod
    def setUpClass(cls):
        missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
        if missing:
            raise unittest.SkipTest(f"not installed: {' '.join(missing)}")
        if os.geteuid() != 0:
            raise unittest.SkipTest("slurmd needs root")
        folder = temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        cls.cluster = Cluster(folder.name)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()

    def submit(self, run):
        self.output = os.path.join(self.folder, "slurm.out")
        text = self.cluster.command("sbatch", "--parsable", "--ntasks=4", "--time=10",
                                    f"--output={self.output}", SCRIPT, run.job, run.directory,
                                    *WAITING)
        self.assertRegex(text, r"^\d+\n$")
        return text.strip()

    def state(self, job):
        return self.cluster.command("squeue", "-h", "-j", job, "-o", "%T").strip()

    def said(self):
        with open(self.output) as file:
            return file.read()

    def finish(self, run, job, epochs):
        """The job leaves the queue with its run done, in so many starts of the server."""
        wait_for(lambda: self.state(job) in ("", "COMPLETED", "FAILED", "CANCELLED"), 240,
                 "the end of the job")
        self.assertEqual(run.result()["state"], "done", self.said())
        self.assertEqual(run.result()["epoch"], epochs, self.said())
        self.assertEqual([row["round"] for row in run.metrics()],
                         list(range(run.result()["rounds"])))
        self.assert_tidy()

    def digest_of_an_uninterrupted_run(self, **job):
        run = self.make("clean", **job).start_server(*WAITING).start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        return run.result()["parameters_digest"]

    JOB = {"rounds": 300, "extra": PACE}

    def test_usr1_before_the_end_puts_the_job_into_the_queue_and_it_resumes(self):
        run = self.make(**self.JOB)
        job = self.submit(run)
        run.wait_for_rounds(50)
        self.cluster.command("scancel", "--signal=USR1", "--batch", job)
        wait_for(lambda: "back into the queue" in self.said(), 60, "the drain")
        stopped = run.result()
        self.assertEqual(stopped["state"], "stopped")
        self.assertLess(stopped["rounds"], 300)
        self.assertTrue(os.path.exists(os.path.join(
            run.directory, "checkpoint-%010d" % stopped["rounds"], "manifest.json")))
        self.finish(run, job, 2)
        self.assertEqual(run.result()["parameters_digest"],
                         self.digest_of_an_uninterrupted_run(**self.JOB))

    def test_a_killed_server_and_a_killed_worker_are_started_again(self):
        run = self.make(**self.JOB)
        job = self.submit(run)
        run.wait_for_rounds(30)
        pids = {join["slot"]: join["pid"] for join in run.events("worker.join")}
        os.kill(pids[2], signal.SIGKILL)
        run.wait_for_rounds(60)
        os.kill(read_json(run.directory, "server.json")["pid"], signal.SIGKILL)
        self.finish(run, job, 2)
        self.assertIn("ended by signal 9, start 1", self.said())
        self.assertGreaterEqual(
            len([join for join in run.events("worker.join") if join["slot"] == 2]), 3)
        self.assertEqual(run.result()["parameters_digest"],
                         self.digest_of_an_uninterrupted_run(**self.JOB))

    def test_a_job_that_was_cancelled_resumes_when_it_is_submitted_again(self):
        run = self.make(**self.JOB)
        job = self.submit(run)
        run.wait_for_rounds(30)
        self.cluster.command("scancel", job)
        wait_for(lambda: self.state(job) == "", 60, "the end of the job")
        wait_for(lambda: not processes_of(run.directory), 60, "the end of every process")
        self.assertLess(len(run.metrics()), 300)
        self.finish(run, self.submit(run), 2)

    def test_wrong_use_and_a_wrong_job_end_the_job(self):
        run = self.make(extra="momentun: 1\n")
        job = self.submit(run)
        wait_for(lambda: self.state(job) == "", 120, "the end of the job")
        self.assertIn("momentun", self.said())
        self.assert_tidy()
        done = subprocess.run(["bash", SCRIPT, "only-one"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Workers, agents and nodes die; the server stays."""
import contextlib
import os
import random
import signal
import subprocess
import sys
import unittest

import wire
from scenario import PURE, Scenario, cpu_seconds, open_files, pace, pause, rss_kib, wait_for
from support import free_port, processes_of

WAITING = {**PURE, "workers.quorum": 4, "workers.deadline_s": 60}


class Killed(Scenario):
    def test_01_a_worker_killed_while_it_computes(self):
        """1 (I2 I3 I5): the round closes without it; it returns with the next incarnation."""
        extra = pace() + "  - {slots: [3], kind: delay, scale: 1, from_round: 10, to_round: 10}\n"
        run = self.make(extra=extra).serve()
        run.card()
        run.work().until_round(10)
        pause(0.2)
        os.kill(run.worker(3), signal.SIGKILL)
        self.did("SIGKILL of worker 3 in round 10")
        self.assert_done(run)
        included = run.included()
        self.assertEqual(included[10], [0, 1, 2])
        self.assertEqual(included[-1], [0, 1, 2, 3])
        self.assertEqual([row["incarnation"] for row in run.joins(3)], [1, 2])

    def test_02_a_push_cut_at_every_64_kib(self):
        """2 (I2 I6): a partial row is never aggregated; the row is used again."""
        job = {"rounds": 26, "extra": "", "settings": {**WAITING, "model.widths": "[8192]"}}
        run = self.make(**job).serve()
        proxy = run.through_proxy()
        offsets = range(64, 336000 * 4, 65536)
        proxy.tell(*(f"cut up slot 1 type 6 at {at} once" for at in offsets))
        run.work()
        self.assert_done(run)
        cuts = proxy.events("cut", type=wire.GRADIENT)
        self.did(f"cut the connection of slot 1 inside {len(cuts)} pushes")
        self.assertEqual(len(cuts), len(offsets))
        self.assertEqual(run.result()["slots"][1]["incarnation"], 1 + len(cuts))
        self.assertEqual(run.result()["slots"][1]["received"], 26)
        self.assert_equals_clean(run, **job)

    def test_02b_a_worker_killed_inside_its_push(self):
        """2 (I2 I6): the same with a dead process behind it."""
        job = {"settings": WAITING, "extra": pace()}
        run = self.make(**job).serve()
        proxy = run.through_proxy()
        run.work().until_round(5)
        for count in (1, 2, 3):
            pid = run.worker(1)
            proxy.tell(f"cut up slot 1 type 6 at {500 * count} once")
            proxy.wait("cut", count)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: run.worker(1) != pid, 30, "a new worker 1")
        self.did("SIGKILL of worker 1 after 500, 1000 and 1500 bytes of a push")
        self.assert_done(run)
        self.assert_equals_clean(run, **job)

    def test_03_a_worker_lost_after_its_push_before_the_verdict(self):
        """3 (I2): what it sends again is a duplicate, applied once."""
        slow = pace(0.5).replace("0.5}", "0.5, from_round: 2, to_round: 2}")
        run = self.make(settings=WAITING, rounds=6, extra=slow).serve().ready()
        liar = run.liar(3)
        run.work(slots=[0, 1, 2])
        verdicts = []
        for value in range(6):
            parameters = liar.read_until(wire.PARAMETERS)
            self.assertEqual(parameters.round, value)
            ones = [1.0] * (len(parameters.payload) // 4)
            liar.gradient(value, ones)
            verdicts.append(liar.verdict())
            if value == 2:
                liar.close()
                wait_for(lambda: run.events("worker.lost"), 10, "the loss")
                liar = run.liar(3)
                liar.gradient(2, [2.0] * len(ones))
                self.assertEqual(liar.verdict(), "duplicate")
        self.did("lost the connection after the push of round 2, then pushed it again")
        self.assertEqual(verdicts, ["accepted"] * 6)
        liar.read_until(wire.STOP)
        liar.close()
        self.assert_done(run)
        slot = run.result()["slots"][3]
        self.assertEqual((slot["received"], slot["accepted"], slot["duplicate"]), (7, 6, 1))

    def test_04_two_workers_in_one_round_then_more_than_f(self):
        """4 (I2 I7): above the quorum it commits; below, it holds, names who, and goes on."""
        run = self.make(settings={"workers.quorum": 3}, workers=5, rule="median", rounds=60,
                        extra=pace()).serve()
        run.card()
        run.work().until_round(5)
        agents = {slot: run.agent(slot) for slot in (2, 3, 4)}
        for agent in agents.values():
            os.kill(agent, signal.SIGSTOP)
        for slot in (3, 4):
            os.kill(run.worker(slot), signal.SIGKILL)
        self.assert_serves(run, 5)
        self.assertEqual(run.included()[-1], [0, 1, 2])
        os.kill(run.worker(2), signal.SIGKILL)
        self.did("SIGKILL of workers 3 and 4, then of 2, their agents stopped")
        held = wait_for(lambda: run.events("round.held"), 20, "the stall")[0]
        status = run.status()
        self.assertEqual(status["state"], "held")
        self.assertGreaterEqual(set(status["missing"]), {2, 3, 4})
        for text in (held["missing"], status["message"]):
            self.assertRegex(text, r"\b2\b[^,;]*lost")
        count = len(run.metrics())
        pause(0.5)
        self.assertEqual(len(run.metrics()), count)
        for agent in agents.values():
            os.kill(agent, signal.SIGCONT)
        self.assert_done(run)
        self.assertTrue(all(len(included) >= 3 for included in run.included()))

    def test_05_all_workers_killed(self):
        """5 (I6 I7): the server waits without work and goes on with the same parameters."""
        job = {"settings": WAITING, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(8)
        agents = [run.agent(slot) for slot in range(4)]
        for agent in agents:
            os.kill(agent, signal.SIGSTOP)
        for slot in range(4):
            os.kill(run.worker(slot), signal.SIGKILL)
        self.did("SIGKILL of all workers, their agents stopped for 1.5 s")
        wait_for(lambda: run.events("round.held"), 20, "the stall")
        pause(0.2)
        digest, cpu = run.digests()[-1], cpu_seconds(run.server_pid())
        pause(1.3)
        self.assertLess(cpu_seconds(run.server_pid()) - cpu, 0.15)
        self.assertEqual(run.digests()[-1], digest)
        for agent in agents:
            os.kill(agent, signal.SIGCONT)
        self.assert_done(run)
        self.assert_equals_clean(run, **job)

    def test_06_an_agent_killed(self):
        """6 (I1 I6 I10): its worker dies with it; the server outlives mpirun and goes on."""
        job = {"settings": WAITING, "extra": pace()}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(8)
        workers = [run.worker(slot) for slot in range(4)]
        os.kill(run.agent(2), signal.SIGKILL)
        self.assertNotEqual(run.mpirun.wait(30), 0)
        self.did(f"SIGKILL of the agent of slot 2: mpirun ended with {run.mpirun.returncode}")
        alive = {pid for pid, _ in processes_of(self.folder)}
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), 10,
                 f"the end of {workers}, alive: {alive}")
        self.assertIsNone(run.server.poll())
        run.work()
        self.assert_done(run)
        self.assert_equals_clean(run, **job)


NODE = """#!/bin/sh
# A remote shell into the namespace of a node: NODE COMMAND...
node=$1
shift
exec ip netns exec vxfault-$node unshare --uts sh -c 'hostname "$0"; exec sh -c "$*"' $node "$@"
"""


class Node(Scenario):
    def network(self):
        """Two nodes and the head on one bridge; 10.213.7.0/24 inside namespaces of ours."""
        def ip(*words, must=True):
            done = subprocess.run(["ip", *words], capture_output=True, text=True)
            if must and done.returncode != 0:
                raise OSError(done.stderr)

        def undo():
            for node in ("a", "b"):
                ip("link", "del", f"vxf-{node}", must=False)
                ip("netns", "del", f"vxfault-{node}", must=False)
            ip("link", "del", "vxfault0", must=False)

        undo()
        self.addCleanup(undo)
        ip("link", "add", "vxfault0", "type", "bridge")
        ip("addr", "add", "10.213.7.1/24", "dev", "vxfault0")
        ip("link", "set", "vxfault0", "up")
        for node, last in (("a", 2), ("b", 3)):
            ip("netns", "add", f"vxfault-{node}")
            ip("link", "add", f"vxf-{node}", "type", "veth", "peer", "name", "eth0", "netns",
               f"vxfault-{node}")
            ip("link", "set", f"vxf-{node}", "master", "vxfault0", "up")
            inside = ("-n", f"vxfault-{node}")
            ip(*inside, "addr", "add", f"10.213.7.{last}/24", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")
            ip(*inside, "link", "set", "lo", "up")

    def test_07_a_whole_node_lost(self):
        """7 (I6 I7 I10): the run holds, a new mpirun goes on with it, nothing is left over."""
        if os.geteuid() != 0:
            self.skipTest("namespaces need root")
        try:
            self.network()
        except OSError as error:
            self.skipTest(f"no network namespaces here: {error}")
        shell = os.path.join(self.folder, "node-shell")
        with open(shell, "w") as file:
            file.write(NODE)
        os.chmod(shell, 0o755)
        job = {"settings": {**WAITING, "workers.heartbeat_s": 0.5,
                            "workers.heartbeat_timeout_s": 2}, "rounds": 40, "extra": pace()}
        run = self.make(**job).serve("--bind", f"10.213.7.1:{free_port()}")
        run.card()
        nodes = ("--mca", "plm_rsh_agent", shell, "--host", "a:2,b:2", "--mca", "btl", "self,tcp",
                 "--mca", "btl_tcp_if_include", "10.213.7.0/24", "--mca", "oob_tcp_if_include",
                 "10.213.7.0/24", "--mca", "plm_rsh_no_tree_spawn", "1")
        run.work(more=nodes).until_round(5)
        lost = subprocess.run(["ip", "netns", "pids", "vxfault-b"], capture_output=True,
                              text=True).stdout.split()
        subprocess.run(["ip", "link", "set", "vxf-b", "down"], check=True)
        for pid in lost:
            with contextlib.suppress(ProcessLookupError):  # one that died with another of them
                os.kill(int(pid), signal.SIGKILL)
        self.did(f"link of node b down, its {len(lost)} processes killed")
        wait_for(lambda: run.events("round.held"), 30, "the stall")
        try:
            self.did(f"mpirun ended with {run.mpirun.wait(4)}")
        except subprocess.TimeoutExpired:
            self.did("mpirun hung and was killed")
            run.mpirun.kill()
            run.mpirun.wait()
        self.assertIsNone(run.server.poll())
        wait_for(lambda: run.status()["live"] == 0, 30, "the end of the workers of node a")
        run.work()
        self.assert_done(run)
        self.assert_equals_clean(run, **job)


class Repeated(Scenario):
    def test_02_a_thousand_cut_pushes_leak_nothing(self):
        """2: memory and descriptors of the server stay flat."""
        job = {"rounds": 1100, "settings": {**WAITING, "model.widths": "[1024]"}}
        run = self.make(**job).serve()
        proxy = run.through_proxy()
        run.work().until_round(20)
        pid = run.server_pid()

        def cut(count):
            for i in range(count):
                done = len(proxy.events("cut"))
                proxy.tell(f"cut up slot {i % 4} type 6 at {64 + 977 * (i % 170)} once")
                proxy.wait("cut", done + 1)
        cut(100)
        memory, files = rss_kib(pid), open_files(pid)
        cut(900)
        self.did(f"1,000 cut pushes: {memory} to {rss_kib(pid)} KiB, "
                 f"{files} to {open_files(pid)} descriptors")
        self.assertLess(rss_kib(pid), memory + 2048)
        self.assertLessEqual(open_files(pid), files + 2)
        self.assert_done(run, seconds=300)

    def test_200_worker_kills(self):
        """1 (I6 I10): 200 kills over a run; memory and descriptors flat, the same parameters."""
        job = {"workers": 20, "rounds": 400, "settings": {**WAITING, "workers.quorum": 20},
               "extra": pace(0.05)}
        run = self.make(**job).serve()
        run.card()
        run.work().until_round(5)
        pid, chance = run.server_pid(), random.Random(200)
        memory = files = None
        for wave in range(10):
            for slot in chance.sample(range(20), 20):
                os.kill(run.worker(slot), signal.SIGKILL)
                pause(chance.random() * 0.1)
            for slot in range(20):
                run.wait_joined(slot, wave + 2)
            if wave == 1:
                memory, files = rss_kib(pid), open_files(pid)
        self.did(f"200 kills: {memory} to {rss_kib(pid)} KiB, {files} to {open_files(pid)} files")
        self.assertLess(rss_kib(pid), memory + 1024)
        self.assertLessEqual(open_files(pid), files + 2)
        self.assert_done(run, seconds=300)
        self.assert_equals_clean(run, **job)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

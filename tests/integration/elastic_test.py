"""A run that grows and shrinks: shards of slots that stay away, with real processes."""
import json
import os
import signal
import sys
import time
import unittest

from run_test import WithData
from support import Run, vexil, wait_for

SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""


class Elastic(WithData):
    def serve(self, name="run", extra="", rounds=200, **settings):
        """A server; settings are keys of the section workers."""
        run = self.make(name, workers=settings.pop("count"), rounds=rounds, rule="median",
                        byzantine=0, extra=SLOW + extra)
        run.settings = [word for key, value in settings.items()
                        for word in ("--set", f"workers.{key}={value}")]
        run.start_server(*run.settings)
        run.groups = []
        return run

    def work(self, run, *slots):
        """Agents of these slots only, under an mpirun of their own."""
        card = run.card()
        tokens = os.path.join(self.folder, "tokens-" + "-".join(map(str, slots)))
        with open(os.path.join(run.directory, "tokens")) as file, open(tokens, "w") as mine:
            mine.writelines(line for line in file
                            if line.startswith("worker") and int(line.split()[1]) in slots)
        group = Run(self.folder, "group-" + "-".join(map(str, slots)))
        group.start_workers("--connect", card["endpoints"][0], "--token-file", tokens,
                            workers=len(slots))
        self.addCleanup(group.kill)
        run.groups.append(group)
        return group

    def leave(self, group):
        group.mpirun.send_signal(signal.SIGTERM)
        group.mpirun.communicate(timeout=30)

    def done(self, run):
        codes, texts = run.finish()
        self.assertEqual(codes[0], 0, texts)
        for group in run.groups:
            group.mpirun.communicate(timeout=30)
        result = run.result()
        self.assertEqual(result["state"], "done")
        self.assertEqual([row["round"] for row in run.metrics()], list(range(result["rounds"])))
        self.assert_tidy()
        return result

    def until(self, run, condition, what):
        return wait_for(lambda: [row for row in run.metrics() if condition(row)], 60, what)

    def moves(self, run):
        return [(row["event"][6:], row["shard"], row["from"], row["to"]) for row in run.events()
                if row["event"] in ("shard.reassigned", "shard.returned")]

    def idle_rounds(self, run, slots):
        """From the records alone: events say who has a shard, rows who was included."""
        owners, idle = list(range(slots)), [0] * slots
        events = [row for row in run.events() if row["event"] in ("shard.reassigned",
                                                                  "shard.returned", "shard.lent")]
        for row in run.metrics():
            lent = set()
            for event in (event for event in events if event["round"] == row["round"]):
                if event["event"] == "shard.lent":
                    lent.add(event["shard"])
                else:
                    owners[event["shard"]] = event["to"]
            for shard, owner in enumerate(owners):
                used = owner in row["included"] or (shard in lent and shard in row["included"])
                idle[shard] += not used
        return idle

    def test_a_run_grows_and_shrinks_and_every_shard_is_drawn_from(self):
        run = self.serve(count=2, max_workers=4, shard_timeout_s=0.7, rounds=400)
        self.work(run, 0, 1)
        self.until(run, lambda row: row["included"] == [0, 1], "two workers")
        wait_for(lambda: len(self.moves(run)) == 2, 30, "the shards of the absent slots")
        self.assertEqual(self.moves(run), [("reassigned", 2, 2, 0), ("reassigned", 3, 3, 1)])
        self.work(run, 2)
        last = self.work(run, 3)
        self.until(run, lambda row: row["included"] == [0, 1, 2, 3], "four workers")
        self.leave(last)
        self.until(run, lambda row: row["included"] == [0, 1, 2], "three workers")
        wait_for(lambda: len(self.moves(run)) == 5, 30, "the shard of the slot that left")
        self.assertEqual(sorted(self.moves(run)[2:4]),
                         [("returned", 2, 0, 2), ("returned", 3, 1, 3)])
        self.assertEqual(self.moves(run)[4], ("reassigned", 3, 3, 0))
        self.assertEqual(run.events("shard.reassigned")[-1]["why"], "left")
        result = self.done(run)
        self.assertEqual(result["shards"]["reassigned"], 3)
        self.assertEqual(result["shards"]["idle_rounds"], self.idle_rounds(run, 4))
        self.assertEqual(result["shards"]["idle_rounds"][:2], [0, 0])
        self.assertGreater(result["shards"]["idle_rounds"][3], 0)
        self.assertLess(result["shards"]["idle_rounds"][3], result["rounds"] // 2)
        self.assertGreater(result["test"]["accuracy"], 0.9)

    def test_a_lost_worker_that_comes_back_takes_its_shard_again(self):
        run = self.serve(count=3, quorum=2, shard_timeout_s=0.4, rounds=300)
        self.work(run, 0, 1)
        group = self.work(run, 2)
        run.wait_for_rounds(5)
        group.kill()
        wait_for(lambda: self.moves(run), 30, "the shard of the lost slot")
        self.assertEqual(self.moves(run), [("reassigned", 2, 2, 0)])
        self.assertIn(run.events("shard.reassigned")[0]["why"], ("left", "lost"))
        run.wait_for_rounds(len(run.metrics()) + 5)
        self.work(run, 2)
        wait_for(lambda: len(self.moves(run)) == 2, 30, "its return")
        self.assertEqual(self.moves(run)[1], ("returned", 2, 0, 2))
        result = self.done(run)
        self.assertEqual(result["shards"], {"reassigned": 1,
                                            "idle_rounds": self.idle_rounds(run, 3)})
        self.assertEqual(run.metrics()[-1]["included"], [0, 1, 2])

    def test_without_a_timeout_a_shard_waits_and_its_rounds_are_counted(self):
        run = self.serve(count=2, max_workers=3, rounds=40)
        self.work(run, 0, 1)
        result = self.done(run)
        self.assertEqual(result["shards"], {"reassigned": 0, "idle_rounds": [0, 0, 40]})
        self.assertEqual(self.moves(run), [])

    def test_below_min_workers_a_run_is_held_though_it_has_the_quorum(self):
        run = self.serve(count=3, quorum=1, min_workers=3)
        self.work(run, 0, 1)
        group = self.work(run, 2)
        run.wait_for_rounds(5)
        self.leave(group)
        wait_for(lambda: run.events("round.held"), 30, "the hold")
        rounds = len(run.metrics())
        time.sleep(0.5)
        self.assertEqual(len(run.metrics()), rounds)
        document = json.loads(vexil("status", "--run-dir", run.directory, "--json").stdout)
        self.assertEqual(document["state"], "held")
        self.assertIn("2 workers are live, 3 are needed", document["message"])
        self.assertEqual(document["missing"], [2])
        self.assertEqual(document["shards"]["reassigned"], 0)
        self.work(run, 2)
        self.done(run)

    def test_a_held_round_goes_on_with_a_slot_whose_shard_is_elsewhere(self):
        run = self.serve(count=3, max_workers=4, shard_timeout_s=0.3, rounds=300)
        self.work(run, 0, 1)
        third, fourth = self.work(run, 2), self.work(run, 3)
        self.until(run, lambda row: row["included"] == [0, 1, 2, 3], "four workers")
        self.leave(fourth)
        wait_for(lambda: ("reassigned", 3, 3, 0) in self.moves(run), 30, "the move")
        self.leave(third)
        wait_for(lambda: run.events("round.held"), 30, "the hold")
        self.work(run, 3)
        wait_for(lambda: run.events("shard.lent"), 30, "the loan")
        result = self.done(run)
        held = run.events("shard.lent")[0]["round"]
        self.assertEqual(run.metrics()[held]["included"], [0, 1, 3])
        self.assertEqual(result["shards"]["idle_rounds"], self.idle_rounds(run, 4))

    def interrupt(self, run, name):
        run.wait_for_rounds(40)
        if name == "killed":
            run.server.kill()
            run.server.communicate()
        else:
            run.server.send_signal(signal.SIGTERM)
            self.assertEqual(run.finish()[0][0], 75)
        run.start_server("--resume", *run.settings)
        if name == "stopped":
            run.groups[0].mpirun.communicate(timeout=30)
            self.work(run, 0, 1, 2)

    def test_an_interrupted_run_hands_out_the_recorded_shards_again(self):
        digests = []
        for name in ("clean", "killed", "stopped"):
            run = self.serve(name, count=3, max_workers=4, shard_timeout_s=0.05, rounds=90,
                             extra="checkpoint:\n  every: 25\n  durability: ledger\n")
            wait_for(lambda: run.events("server.ready"), 30, "the server")
            time.sleep(0.2)  # slot 3 is away for too long before the first round
            self.work(run, 0, 1, 2)
            if name != "clean":
                self.interrupt(run, name)
            self.done(run)
            self.assertEqual(self.moves(run), [("reassigned", 3, 3, 0)])
            self.assertTrue(all(row["included"] == [0, 1, 2] for row in run.metrics()))
            digests.append([row["parameters_digest"] for row in run.metrics()])
            self.assertEqual(len(run.events("replay.done")), int(name == "killed"))
        self.assertEqual(digests[0], digests[1])
        self.assertEqual(digests[0], digests[2])

    def grown_and_killed(self, **settings):
        run = self.serve(count=2, max_workers=4, shard_timeout_s=0.2, rounds=250,
                         extra="checkpoint:\n  every: 0\n  durability: ledger\n", **settings)
        self.work(run, 0, 1)
        wait_for(lambda: len(self.moves(run)) == 2, 30, "the shards of the absent slots")
        run.wait_for_rounds(20)
        self.work(run, 2, 3)
        self.until(run, lambda row: row["included"] == [0, 1, 2, 3], "four workers")
        run.wait_for_rounds(len(run.metrics()) + 5)
        run.server.kill()
        run.server.communicate()
        return run

    def test_recorded_rounds_of_slots_that_are_gone_become_new_ones(self):
        run = self.grown_and_killed(deadline_s=2)
        run.groups[1].kill()
        run.start_server("--resume", *run.settings)
        result = self.done(run)
        self.assertEqual(len(run.events("replay.abandoned")), 1)
        self.assertFalse(run.events("replay.diverged"))
        self.assertEqual(run.metrics()[-1]["included"], [0, 1])
        # Of the two slots the later one may have come back in a round that is not recorded.
        moved = self.moves(run)[-result["shards"]["reassigned"]:]
        self.assertIn(len(moved), (1, 2))
        self.assertLessEqual(set(moved), {("reassigned", 2, 2, 0), ("reassigned", 3, 3, 1)})

    def test_rounds_of_several_memberships_are_made_again(self):
        run = self.grown_and_killed()
        before = [row["parameters_digest"] for row in run.metrics()]
        run.start_server("--resume", *run.settings)
        self.done(run)
        self.assertEqual(run.events("replay.done")[0]["from"], 0)
        self.assertFalse(run.events("replay.diverged") + run.events("replay.abandoned"))
        after = [row["parameters_digest"] for row in run.metrics()]
        self.assertEqual(before[:-1], after[:len(before) - 1])
        included = [row["included"] for row in run.metrics()]
        self.assertIn([0, 1], included)
        self.assertEqual(included[-1], [0, 1, 2, 3])

    def test_a_run_that_cannot_grow_has_the_bits_of_one_without_these_keys(self):
        digests = []
        for name, options in (("plain", ()), ("whole", ("--set", "workers.max_workers=4", "--set",
                                                        "workers.shard_timeout_s=100"))):
            run = self.make(name).start_server(*options).start_workers()
            self.assertEqual(run.finish()[0], [0, 0])
            digests.append([row["parameters_digest"] for row in run.metrics()])
            self.assertEqual(run.result()["shards"], {"reassigned": 0, "idle_rounds": [0] * 4})
        self.assertEqual(digests[0], digests[1])


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Runs over several hosts: a network that lies."""
import sys
import unittest

from chaos import Proxy
from hosts_test import EIGHT, OfHosts, QUICK, WAITING
from scenario import pace, wait_for

PORT = 7421


class Proxied(OfHosts):
    """Both workers of h1 reach the server through our proxy, which is on the bridge."""

    def begin(self, **job):
        address = self.enterContext(self.net.detour(self.net.workers[0]))
        run = self.make(**job)
        run.proxy = Proxy(f"{self.net.head.address}:{PORT}", seed=4, listen=f"{address}:{PORT}",
                          before=self.net.switch.enter())
        run.proxy.tell("delay 2 jitter 8")
        return run.begin("--bind", f"{self.net.head.address}:{PORT}", "--advertise", "server")

    def lost(self, run):
        return [(row["slot"], row["why"]) for row in run.events("worker.lost")]

    def test_19_delay_loss_and_flipped_bits(self):
        """14, 18, 19 (I2 I3 I6 I10): on one host's way; the bits are those of a quiet network."""
        job = {"settings": {**WAITING, **QUICK, "workers.heartbeat_timeout_s": 2.5,
                            "model.widths": "[12]"}, "rounds": 45, "extra": pace(), **EIGHT}
        run = self.begin(**job)
        run.until_round(10)
        self.assertEqual(self.lost(run), [])
        for slot in range(8):
            via = self.net.switch if slot < 2 else self.net.workers[slot // 2]
            self.assertEqual(run.joins(slot)[0]["peer"].rsplit(":", 1)[0], via.address)
        run.proxy.tell("clear", "hold")
        wait_for(lambda: {slot for slot, _ in self.lost(run)} == {0, 1}, 30, "the loss")
        run.proxy.tell("release", "cut chance 0.05", "cut chance 0.05 reset")
        for slot in (0, 1):
            run.wait_joined(slot, 2)
        wait_for(lambda: len(run.proxy.events("cut")) >= 3, 30, "broken connections")
        run.proxy.tell("clear", "flip 10000")
        before = len(self.lost(run))
        wait_for(lambda: sum("CRC" in why for _, why in self.lost(run)) >= 2 and
                 "CRC" in run.workers_log(), 60, "damaged frames")
        run.proxy.tell("clear")
        wait_for(lambda: len(run.metrics()) == job["rounds"], 60, run.why("the rounds"))
        lost, flips = self.lost(run), run.proxy.events("flip")
        cuts = len(run.proxy.events("cut"))
        self.assert_ends(run)
        self.did(f"h1 behind delay, a hold, {cuts} cuts and {len(flips)} flipped bits: "
                 f"{before} and {len(lost) - before} connections lost")
        self.assertEqual({row["way"] for row in flips}, {"up", "down"})
        self.assertEqual({slot for slot, _ in lost}, {0, 1})
        self.assertTrue(any("no whole frame" in why for _, why in lost), lost)
        for slot in (0, 1):
            count = sum(slot == other for other, _ in lost)
            self.assertEqual(run.result()["slots"][slot]["incarnation"], count + 1)
        self.assert_equals_clean(run, **job)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

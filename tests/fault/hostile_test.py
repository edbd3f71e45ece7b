"""Peers that lie, shout or are no peers at all; the run does not notice."""
import os
import random
import re
import resource
import socket
import sys
import threading
import time
import unittest

import wire
from scenario import PURE, Peer, Scenario, open_files, pace, pause, rss_kib, wait_for

WAITING = {"workers.quorum": 4, "workers.deadline_s": 60, "limits.handshake_s": 1}
GROWTH_KIB = 8192


class Hostile(Scenario):
    def begin(self, rounds=60, slots=None, delay=0.02, **settings):
        self.job = {"settings": {**WAITING, **settings}, "rounds": rounds, "extra": pace(delay)}
        run = self.make(**self.job).serve().ready()
        if slots is None:
            run.work().until_round(3)
            self.memory = rss_kib(run.server_pid())
        return run

    def end(self, run):
        self.assertIsNone(run.server.poll(), run.why("the run was over too soon"))
        self.assertLess(rss_kib(run.server_pid()), self.memory + GROWTH_KIB)
        self.assert_done(run)
        self.assert_equals_clean(run, **self.job)

    def lost(self, run):
        return [event for event in run.events("worker.lost")]


class Strangers(Hostile):
    def test_20_garbage_on_the_port(self):
        """20 (I8): it is closed at the first bad header; rounds do not change."""
        run = self.begin()
        chance = random.Random(20)
        tls = bytes.fromhex("16030100c8010000c40303") + chance.randbytes(200)
        for text in (b"\0" * 64, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4, tls, b"\xff" * 70000,
                     b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n" * 2):
            with Peer(run.port()) as peer:
                peer.raw(text)
                self.assertTrue(peer.closed(0.9), text[:20])
        for _ in range(50):
            with Peer(run.port()) as peer:
                peer.raw(chance.randbytes(chance.randint(64, 3000)))
                self.assertTrue(peer.closed(0.9))
        self.did("55 connections with zeros, HTTP, TLS, SSH and random bytes")
        self.assertEqual(self.lost(run), [])
        self.end(run)

    def test_20_strangers_do_not_fill_the_disk(self):
        """20 (I8): what each of them does is told for the first hundred, then they are counted."""
        run = self.begin(rounds=250)
        for _ in range(300):
            with Peer(run.port()) as peer:
                self.assertEqual(peer.join(b"\0" * 32, 0).kind, wire.REFUSAL)
        told = len(run.events("peer.refused"))
        self.did(f"300 wrong tokens: {told} lines")
        self.assertTrue(100 <= told < 150, told)
        pause(2.1)
        with Peer(run.port()) as peer:
            peer.join(b"\0" * 32, 0)
        wait_for(lambda: len(run.events("peer.refused")) > told, 10, "the last refusal's event")
        counts = re.findall(r"peers.not_told count=(\d+)", run.text(".server.log"))
        self.assertEqual(sum(map(int, counts)) + len(run.events("peer.refused")), 301)
        self.end(run)

    def test_20_slowloris(self):
        """20 (I8): a byte at a time does not hold a connection past the handshake limit."""
        run = self.begin(rounds=120)
        peers = [Peer(run.port()) for _ in range(20)]
        front = wire.header(wire.HELLO)
        began = time.monotonic()
        for byte in range(6):
            for peer in peers:
                try:
                    peer.raw(front[byte:byte + 1])
                except ConnectionError:
                    pass
            pause(0.25)
        self.assertTrue(all(peer.closed(2) for peer in peers))
        for peer in peers:
            peer.close()
        self.did(f"20 connections sent a byte each 0.25 s: closed after "
                 f"{time.monotonic() - began:.1f} s")
        self.end(run)

    def test_20_ten_thousand_connects(self):
        """20 (I8): connections that say nothing are bounded, and so is memory."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        run = self.begin(rounds=150)
        files, most, kept = open_files(run.server_pid()), 0, []
        for i in range(10000):
            peer = socket.socket()
            peer.settimeout(10)
            peer.connect(("127.0.0.1", run.port()))
            kept.append(peer)
            if len(kept) > 500:
                kept.pop(0).close()
            if i % 500 == 0:
                most = max(most, open_files(run.server_pid()))
        self.did(f"10,000 connects, 500 at once: at most {most} descriptors in the server, "
                 f"{files} before")
        self.assertLess(most, files + 64 + 70)
        for peer in kept:
            peer.close()
        self.assertEqual(self.lost(run), [])
        self.end(run)


class Liars(Hostile):
    """A real slot and token in the hands of an attacker; workers 0 to 2 are honest."""

    def begin_with_liar(self, rounds=60, delay=0.02, **settings):
        run = self.begin(rounds, slots=[0, 1, 2], delay=delay, **{
            "workers.quorum": 3, "workers.start_timeout_s": 5, "workers.deadline_s": 0.3,
            **settings})
        run.work(slots=[0, 1, 2])
        run.wait_joined(2, 1)
        return run

    def finish(self, run):
        for peer in run.peers:
            peer.close()
        self.assertIsNone(run.server.poll(), run.why("the server has ended"))
        self.assert_done(run)
        self.assertEqual({event["slot"] for event in self.lost(run)} - {3}, set())

    def test_21_hostile_numbers(self):
        """21 (I5 I8): refused with a reason, without memory, without harm to the others."""
        run = self.begin_with_liar(rounds=120)
        liar = run.liar(3)
        d = liar.dimension * 4
        run.until_round(2)
        memory = rss_kib(run.server_pid())
        cases = {
            "payload of 2^32-1": dict(kind=wire.GRADIENT, payload_size=2**32 - 1),
            "payload of 2^63": dict(kind=wire.GRADIENT, payload_size=2**63),
            "message of 2^32-1": dict(kind=wire.GRADIENT, message_size=2**32 - 1),
            "offset + size overflow": dict(kind=wire.GRADIENT, payload=bytes(d), offset=2**64 - 8),
            "offset beyond the row": dict(kind=wire.GRADIENT, payload=bytes(64), offset=d + 4096),
            "payload too long for the row": dict(kind=wire.GRADIENT, payload=bytes(d + 4)),
            "payload too short": dict(kind=wire.GRADIENT, payload=bytes(d - 4)),
            "no payload": dict(kind=wire.GRADIENT),
            "slot of another": dict(kind=wire.HEARTBEAT, slot=0),
            "slot beyond": dict(kind=wire.HEARTBEAT, slot=2**31),
            "epoch 0": dict(kind=wire.HEARTBEAT, epoch=0),
            "another incarnation": dict(kind=wire.HEARTBEAT, incarnation=77),
            "another job": dict(kind=wire.HEARTBEAT, job=1),
            "type 0": dict(kind=0),
            "type 65535": dict(kind=65535),
            "a server's type": dict(kind=wire.STOP),
            "an evaluator's type": dict(kind=wire.MODEL, message=wire.field(1, 1 << 40)),
            "an observer's type": dict(kind=wire.REQUEST, message=wire.field(1, 2)),
            "a second hello": dict(kind=wire.HELLO),
            "protocol 2.0": dict(kind=wire.HEARTBEAT, major=2),
            "magic": dict(kind=wire.HEARTBEAT, magic=1),
            "header CRC": dict(kind=wire.HEARTBEAT, header_crc=1),
            "body CRC": dict(kind=wire.LEAVE, message=wire.field(1, b"bye"), body_crc=1),
            "no protobuf": dict(kind=wire.LEAVE, message=b"\xff" * 60000),
            "a field repeated": dict(kind=wire.LEAVE, message=wire.field(1, b"") +
                                     b"\x0a\x01x" * 21000),
            "text too long": dict(kind=wire.LEAVE, message=wire.field(1, b"x" * 60000)),
        }
        for name, case in cases.items():
            with self.subTest(name):
                kind = case.pop("kind")
                liar.send(kind, **case)
                self.assertTrue(liar.closed(5), "still open")
                liar.close()
                wait_for(lambda: run.status()["slots"][3]["state"] != "live", 5, "the loss")
                liar = run.liar(3)
        for name, round in (("round 2^63", 2**63), ("round of the future", 10**6)):
            with self.subTest(name):
                liar.gradient(round, [0.0] * liar.dimension)
                self.assertIn(liar.verdict(), ("over_quota", "malformed"))
        self.did(f"{len(cases) + 2} lies")
        self.assertLess(rss_kib(run.server_pid()), memory + GROWTH_KIB)
        liar.close()
        self.finish(run)
        self.assertEqual(run.result()["slots"][3]["accepted"], 0)

    def test_22_impersonation(self):
        """22 (I8): another slot, a replayed token, a forged one: refused, told, slot unharmed."""
        run = self.begin(rounds=100)
        cases = [
            ("worker 3 claims slot 1", run.token(slot=3), 1, wire.WORKER, "token"),
            ("slot 9 of 4", run.token(slot=3), 9, wire.WORKER, "slot"),
            ("no token", bytes(32), 2, wire.WORKER, "token"),
            ("a worker's token as evaluator", run.token(), wire.NO_SLOT, wire.EVALUATOR, "token"),
            ("a worker's token as observer", run.token(), wire.NO_SLOT, wire.OBSERVER, "token"),
            ("the token of a live slot", run.token(slot=1), 1, wire.WORKER, "slot"),
            ("a second evaluator", run.token("evaluator"), wire.NO_SLOT, wire.EVALUATOR, "slot"),
        ]
        for name, token, slot, role, why in cases:
            with self.subTest(name), Peer(run.port()) as peer:
                answer = peer.join(token, slot, role=role)
                self.assertEqual(answer.kind, wire.REFUSAL)
                self.assertEqual(wire.REFUSALS[answer.fields()[1]], why)
                self.assertTrue(peer.closed(5))
        told = [event["code"] for event in run.events("peer.refused")]
        self.assertEqual(told, [case[4] for case in cases])
        self.did(f"{len(cases)} impersonations")
        self.assertEqual(self.lost(run), [])
        self.end(run)

    def test_24_two_different_gradients_for_one_round(self):
        """24 (I2): the first one stays, the second is refused and recorded."""
        settings = {**WAITING, **PURE}
        results = []
        for name, lies in (("one", 1), ("two", 2)):
            run = self.make(settings, rounds=8, rule="mean", byzantine=0).serve().ready()
            run.work(slots=[0, 1, 2])
            run.wait_joined(2, 1)
            liar = run.liar(3)
            for round in range(8):
                liar.read_until(wire.PARAMETERS)
                for lie in range(lies):
                    liar.gradient(round, [0.001 + lie * 1e6] * liar.dimension)
                    self.assertEqual(liar.verdict(), ("accepted", "duplicate")[lie])
            liar.read_until(wire.STOP)
            liar.close()
            self.assert_done(run)
            results.append((run.digests(), run.result()["slots"][3]))
        self.did("sent two gradients for each of 8 rounds")
        self.assertEqual(results[0][0], results[1][0])
        self.assertEqual(results[1][1]["duplicate"], 8)
        refused = [event for event in run.events("gradient.refused") if event["slot"] == 3]
        self.assertEqual([event["why"] for event in refused], ["duplicate"] * 8)

    def flood(self, run, liar, data, seconds=3):
        """Sends data over and over until closed. The number of times, and of rounds meanwhile."""
        stop = time.monotonic() + seconds
        sent, closed = 0, threading.Event()

        def drain():
            try:
                while liar.socket.recv(1 << 16):
                    pass
            except OSError:
                pass
            closed.set()

        reader = threading.Thread(target=drain, daemon=True)
        reader.start()
        before = len(run.metrics())
        try:
            while time.monotonic() < stop and not closed.is_set():
                liar.raw(data * 50)
                sent += 50
        except OSError:
            pass
        wait_for(closed.is_set, 5, "the end of the flood")
        liar.close()
        reader.join(5)
        return sent, len(run.metrics()) - before

    def test_25_floods(self):
        """25 (I8): a slot that sends more than it may is closed; memory and disk stay bounded."""
        run = self.begin_with_liar(rounds=200)
        memory = rss_kib(run.server_pid())
        size = os.path.getsize(os.path.join(run.directory, "events.jsonl"))
        for name in ("heartbeats", "gradients", "hellos"):
            with self.subTest(name):
                liar = run.liar(3)
                numbers = bytes(liar.dimension * 4)
                data = {
                    "heartbeats": wire.frame(wire.HEARTBEAT, **liar.identity()),
                    "gradients": wire.frame(wire.GRADIENT, wire.field(1, 1.0), numbers,
                                            **liar.identity()),
                    "hellos": wire.frame(wire.HELLO, b"", **liar.identity()),
                }[name]
                sent, rounds = self.flood(run, liar, data)
                self.did(f"{sent} {name} before the end; {rounds} rounds meanwhile")
                wait_for(lambda: run.status()["slots"][3]["state"] != "live", 5, "the loss")
        grown = os.path.getsize(os.path.join(run.directory, "events.jsonl")) - size
        self.assertLess(rss_kib(run.server_pid()), memory + GROWTH_KIB)
        self.assertLess(grown, 200000)
        self.finish(run)

    def test_25_a_peer_that_does_not_read(self):
        """25 (I8): what it is sent does not pile up in the server."""
        run = self.begin_with_liar(rounds=60, delay=0.01, **{"model.widths": "[4096]"})
        run.until_round(2)
        memory = rss_kib(run.server_pid())
        liar = Peer(run.port())
        run.peers.append(liar)
        liar.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        liar.join(run.token(slot=3), 3)
        beat = wire.frame(wire.HEARTBEAT, **liar.identity())
        before = len(run.metrics())
        try:
            for _ in range(20):
                liar.raw(beat)
                pause(0.1)
        except OSError:
            pass
        self.did(f"read nothing while {len(run.metrics()) - before} rounds were made")
        self.assertLess(rss_kib(run.server_pid()), memory + GROWTH_KIB)
        self.assertGreaterEqual(len(run.metrics()) - before, 3)
        self.finish(run)


class Numbers(Scenario):
    def test_23_numbers_that_break_others(self):
        """23 (I4): the parameters stay finite, the model learns, the slot is named."""
        for kind, scale, column in (("nan", 1, "nonfinite"), ("infinity", 1, "nonfinite"),
                                    ("constant", 1e38, None), ("constant", 1e-42, None),
                                    ("zero", 1, None), ("sign_flip", 100, None),
                                    ("gaussian", 1e6, None)):
            with self.subTest(f"{kind} {scale}"):
                extra = ("allow_fault_injection: true\nfaults:\n"
                         f"  - {{slots: [4], kind: {kind}, scale: {scale}}}\n")
                run = self.make(rule="flag\n  pre: [nnm]", workers=5, rounds=60,
                                extra=extra).serve()
                run.card()
                run.work()
                self.assert_done(run)
                result = run.result()
                self.assertGreater(result["test"]["accuracy"], 0.9)
                if column is not None:
                    self.assertEqual(result["slots"][4][column], 60)
        self.did("NaN, infinity, 1e38, denormals, zeros, a flip x100 and noise of 1e6 from 1 of 5")


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Every rule of the chaos proxy does what it says, over real sockets."""
import signal
import socket
import subprocess
import sys
import time
import unittest

import wire
from chaos import PROGRAM, Proxy
from support import wait_for


def number(value):
    """A frame that tells its number in its round."""
    return wire.frame(wire.GRADIENT, b"m" * 10, bytes(range(200)), slot=3, round=value)


class Pair(unittest.TestCase):
    """A client and a server with the proxy between them."""

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.listener.settimeout(10)
        self.proxy = Proxy(self.listener.getsockname()[1])
        self.addCleanup(self.proxy.close)

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10)
        server, _ = self.listener.accept()
        server.settimeout(10)
        self.addCleanup(client.close)
        self.addCleanup(server.close)
        return client, server

    def read(self, end, size):
        data = b""
        while len(data) < size:
            more = end.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def rounds(self, end, count):
        peer = wire.Peer.__new__(wire.Peer)
        peer.socket = end
        return [peer.read().round for _ in range(count)]

    def silent(self, end, seconds=0.2):
        end.settimeout(seconds)
        try:
            end.recv(1)
        except TimeoutError:
            return True
        finally:
            end.settimeout(10)
        return False

    def test_without_rules_bytes_and_ends_pass_both_ways(self):
        client, server = self.connect()
        for one, other in ((client, server), (server, client)):
            one.sendall(number(1) + b"no frame at all" * 100)
            self.assertEqual(self.read(other, 274 + 1500), number(1) + b"no frame at all" * 100)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(server.recv(1), b"")
        server.sendall(b"still here")
        self.assertEqual(self.read(client, 10), b"still here")
        server.close()
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(self.proxy.wait("close")["why"], "both ends have ended")

    def test_a_large_stream_arrives_whole(self):
        client, server = self.connect()
        body = bytes(1 << 20)
        data = wire.header(wire.GRADIENT, payload=body, body_crc=0) + body
        for _ in range(12):
            client.sendall(data)
        self.assertEqual(self.read(server, 12 * len(data)), 12 * data)

    def test_a_reset_passes(self):
        client, server = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        with self.assertRaises(ConnectionResetError):
            server.recv(1)

    def test_delay_keeps_the_order_and_takes_its_time(self):
        client, server = self.connect()
        self.proxy.tell("delay up 150 jitter 50")
        began = time.monotonic()
        for value in range(5):
            client.sendall(number(value))
        self.assertEqual(self.rounds(server, 5), list(range(5)))
        self.assertGreater(time.monotonic() - began, 0.15)
        began = time.monotonic()
        server.sendall(number(9))
        self.assertEqual(self.rounds(client, 1), [9])
        self.assertLess(time.monotonic() - began, 0.15)

    def test_rate_limits_one_direction(self):
        client, server = self.connect()
        self.proxy.tell("rate up 100000")
        began = time.monotonic()
        client.sendall(b"x" * 40000)
        self.read(server, 40000)
        self.assertGreater(time.monotonic() - began, 0.35)
        self.assertLess(time.monotonic() - began, 2.0)

    def test_flip_changes_one_bit_in_each_window(self):
        client, server = self.connect()
        self.proxy.tell("flip up 1000")
        sent = bytes(10000)
        client.sendall(sent)
        got = self.read(server, 10000)
        for window in range(10):
            part = got[window * 1000:(window + 1) * 1000]
            self.assertEqual(sum(bin(byte).count("1") for byte in part), 1, window)
        wait_for(lambda: len(self.proxy.events("flip", way="up")) == 10, 10, "ten lines")
        server.sendall(sent)
        self.assertEqual(self.read(client, 10000), sent)

    def test_the_same_seed_flips_the_same_bits(self):
        results = []
        for _ in range(2):
            proxy = Proxy(self.listener.getsockname()[1], seed=7)
            self.addCleanup(proxy.close)
            proxy.tell("flip up 500")
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
                server, _ = self.listener.accept()
                client.sendall(bytes(4000))
                results.append(self.read(server, 4000))
                server.close()
        self.assertEqual(results[0], results[1])
        self.assertNotEqual(results[0], bytes(4000))

    def test_duplicate_and_swap_choose_frames(self):
        client, server = self.connect()
        self.proxy.tell("duplicate up frame 1", "swap up frame 3")
        for value in range(6):
            client.sendall(number(value))
        self.assertEqual(self.rounds(server, 7), [0, 1, 1, 2, 4, 3, 5])
        self.proxy.tell("clear", "duplicate up every 4 type 6")
        for value in range(6, 10):
            client.sendall(number(value))
        self.assertEqual(self.rounds(server, 5), [6, 7, 7, 8, 9])

    def test_a_swapped_last_frame_leaves_at_the_end(self):
        client, server = self.connect()
        self.proxy.tell("swap up frame 1")
        client.sendall(number(0) + number(1))
        self.assertEqual(self.rounds(server, 1), [0])
        self.assertTrue(self.silent(server))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rounds(server, 1), [1])

    def test_chance_is_seeded_and_about_right(self):
        client, server = self.connect()
        self.proxy.tell("drop up chance 0.5")
        for value in range(200):
            client.sendall(number(value))
        client.shutdown(socket.SHUT_WR)
        kept = len(self.read(server, 1 << 20)) // len(number(0))
        self.assertTrue(60 < kept < 140, kept)

    def test_drop_of_a_whole_direction_takes_its_end_too(self):
        client, server = self.connect()
        self.proxy.tell("drop down")
        server.sendall(number(1))
        server.shutdown(socket.SHUT_WR)
        self.assertTrue(self.silent(client))
        client.sendall(number(2))
        self.assertEqual(self.rounds(server, 1), [2])

    def test_cut_after_bytes_lets_exactly_so_many_pass(self):
        client, server = self.connect()
        self.proxy.tell("cut conn 0 after 1000 up")
        client.sendall(number(0) * 10)
        self.assertEqual(len(self.read(server, 5000)), 1000)
        self.assertEqual(client.recv(1), b"")
        client, server = self.connect()
        client.sendall(number(0) * 10)
        self.assertEqual(len(self.read(server, 2740)), 2740)

    def test_cut_at_a_place_in_a_vector_counts_over_its_frames(self):
        client, server = self.connect()
        chunk = wire.frame(wire.GRADIENT, payload=bytes(100), slot=3)
        more = wire.frame(wire.GRADIENT, payload=bytes(100), slot=3, offset=100)
        self.proxy.tell("cut up type 6 at 200 once")
        client.sendall(wire.frame(wire.HEARTBEAT) + chunk + more)
        self.assertEqual(len(self.read(server, 5000)), 64 + 200)
        self.assertEqual(self.proxy.wait("cut")["at"], 36)
        client, server = self.connect()
        client.sendall(chunk + more)
        self.assertEqual(len(self.read(server, 328)), 328)

    def test_cut_now_with_a_reset(self):
        client, server = self.connect()
        client.sendall(number(0))
        self.rounds(server, 1)
        self.proxy.tell("cut slot 3 reset")
        for end in (client, server):
            with self.assertRaises(ConnectionResetError):
                end.recv(1)

    def test_hold_keeps_everything_and_release_lets_it_go(self):
        client, server = self.connect()
        client.sendall(number(0))
        self.rounds(server, 1)
        self.proxy.tell("hold slot 3")
        client.sendall(number(1))
        client.shutdown(socket.SHUT_WR)
        server.sendall(number(2))
        self.assertTrue(self.silent(server))
        self.assertTrue(self.silent(client))
        self.proxy.tell("release slot 3 down")
        self.assertEqual(self.rounds(client, 1), [2])
        self.assertTrue(self.silent(server))
        self.proxy.tell("release all")
        self.assertEqual(self.rounds(server, 1), [1])
        self.assertEqual(server.recv(1), b"")

    def test_frozen_connections_stay_open_and_new_ones_work(self):
        client, server = self.connect()
        client.sendall(number(0))
        self.rounds(server, 1)
        self.proxy.tell("freeze conn 0")
        client.sendall(number(1))
        client.close()
        self.assertTrue(self.silent(server))
        client, server = self.connect()
        client.sendall(number(2))
        self.assertEqual(self.rounds(server, 1), [2])

    def test_stats_tell_slots_and_counts(self):
        client, server = self.connect()
        client.sendall(number(0) * 3)
        self.rounds(server, 3)
        row, = wait_for(lambda: [row for row in self.proxy.connections()
                                 if row["up"] == 3 * len(number(0))], 10, "the counts")
        self.assertEqual((row["conn"], row["slot"], row["frames_up"]), (0, 3, 3))

    def test_a_wrong_line_is_refused_by_name(self):
        for line in ("shake all", "delay up down", "flip up", "hold slot", "cut after x",
                     "duplicate every 0", "swap chance 2"):
            with self.subTest(line=line), self.assertRaises(ValueError):
                self.proxy.tell(line)
        self.proxy.tell("hold all", "release all")

    def test_a_server_that_is_not_there_resets_the_client(self):
        self.listener.close()
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10) as client:
            with self.assertRaises(ConnectionResetError):
                client.recv(1)


class End(unittest.TestCase):
    def start(self, *options):
        return subprocess.Popen([PROGRAM, "--to", "9", *options], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ends(self, process, seconds=5):
        try:
            text, _ = process.communicate(timeout=seconds)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 0)
        self.assertIn('"event":"end"', text)

    def test_it_ends_with_its_input(self):
        self.ends(self.start())

    def test_it_ends_when_told_or_by_a_signal(self):
        process = self.start()
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.wait(5)
        self.ends(process)
        process = self.start()
        process.stdin.write("quit\n")
        process.stdin.flush()
        process.wait(5)
        self.ends(process)

    def test_it_ends_in_time(self):
        process = self.start("--seconds", "1")
        process.wait(5)
        self.ends(process)

    def test_wrong_options_are_refused(self):
        for options in (("--listen", "x"), ("--seed",), ("more",)):
            process = self.start(*options)
            process.communicate(timeout=5)
            self.assertEqual(process.returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Where a server listens, what it tells of that, and who finds it there."""
import os
import socket
import subprocess
import sys
import unittest

from run_test import WithData
from support import free_port, program, read_json, vexil, wait_for


def has_ipv6():
    """Whether ::1 can be listened on."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class Addresses(WithData):
    def address(self, run):
        return wait_for(lambda: run.events("server.address"), 30, "the address")[0]

    def train(self, *options, **job):
        """A whole run; its server.address event."""
        run = self.make(rounds=5, **job).start_server(*options)
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["state"], "done")
        return self.address(run), run

    def stop(self, run):
        run.server.terminate()
        code, text = run.server.wait(30), run.server.stderr.read()
        run.server.stderr.close()
        run.server = None
        self.assertEqual(code, 75, text)
        return text

    @unittest.skipUnless(has_ipv6(), "no IPv6 on this machine")
    def test_a_run_over_ipv6(self):
        event, run = self.train("--bind", "[::1]")
        self.assertEqual(event["rule"], "bound")
        self.assertRegex(event["advertised"], r"^tcp://\[::1\]:\d+$")
        for join in run.events("worker.join"):
            self.assertRegex(join["peer"], r"^\[::1\]:\d+$")

    def test_the_earlier_name_of_bind(self):
        event, run = self.train("--listen", "tcp://127.0.0.1:0")
        self.assertEqual(event["rule"], "bound")
        train = vexil("train", run.job, "--listen", "tcp://127.0.0.1:0", "--quiet",
                      "--run-dir", os.path.join(self.folder, "trained"))
        self.assertEqual(train.returncode, 0, train.stderr)

    def test_a_run_with_an_interface_that_status_shows(self):
        run = self.make(rounds=5).start_server("--interface", "lo")
        card = run.card()
        self.assertRegex(card["endpoints"][0], r"^tcp://127\.0\.0\.1:\d+$")
        if has_ipv6():
            port = card["endpoints"][0].rsplit(":", 1)[1]
            self.assertEqual(card["endpoints"][1:], [f"tcp://[::1]:{port}"])
        status = vexil("status", "--run-dir", run.directory)
        self.assertIn("server    " + "  ".join(card["endpoints"]) + "\n", status.stdout)
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(self.address(run)["rule"], "interface")

    def test_train_passes_addresses_on(self):
        run = self.make(rounds=3)
        done = vexil("train", run.job, "--run-dir", run.directory, "--interface", "lo", "--bind",
                     f":{free_port()}", "--advertise", "localhost")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("tcp://localhost:", done.stdout)
        self.assertEqual(self.address(run)["rule"], "given")

    def test_workers_try_what_is_advertised_in_order(self):
        nobody, port = free_port(), free_port()
        run = self.make(rounds=5).start_server(
            "--bind", f"127.0.0.1:{port}", "--advertise", f"127.0.0.1:{nobody}", "--advertise",
            "localhost")
        self.assertEqual(run.card()["endpoints"],
                         [f"tcp://127.0.0.1:{nobody}", f"tcp://localhost:{port}"])
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["state"], "done")

    def test_what_nobody_reaches_is_named_each(self):
        tokens = os.path.join(self.folder, "tokens")
        with open(tokens, "w") as file:
            file.write("worker 0 " + "0" * 64 + "\n")
        places = [f"tcp://127.0.0.1:{free_port()}", f"tcp://127.0.0.1:{free_port()}"]
        run = self.make()
        run.start_workers("--connect", ",".join(places), "--token-file", tokens,
                          "--connect-timeout", "1", workers=1)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertEqual(run.mpirun.returncode, 69, text)
        for place in places:
            self.assertIn(f"{place}: connection refused", text)
        self.assert_tidy()

    def test_an_evaluator_and_vexil_find_a_server_whose_advertised_address_is_of_elsewhere(self):
        run = self.make(rounds=5).start_server("--advertise", "127.0.0.1:9")
        card = run.card()
        self.assertEqual(card["endpoints"], ["tcp://127.0.0.1:9"])
        status = vexil("status", "--run-dir", run.directory)
        self.assertEqual(status.returncode, 0, status.stderr)
        wait_for(lambda: run.events("server.ready"), 30, "the model")
        self.stop(run)

    def test_every_address_advertises_no_loopback_and_a_resumed_server_has_its_port_again(self):
        bind = "[::]" if has_ipv6() else "0.0.0.0"
        run = self.make(rounds=5).start_server("--bind", bind)
        first = run.card()
        event = self.address(run)
        self.assertIn(event["rule"], ("reachable", "loopback"))
        if event["rule"] == "reachable":
            self.assertNotIn("127.0.0.1", event["advertised"])
            self.assertNotIn("[::", event["advertised"].replace("tcp://", ""))
        run.server.kill()
        run.server.communicate()
        run.start_server("--resume", "--bind", bind)
        wait_for(lambda: run.card()["pid"] == run.server.pid, 30, "the second server")
        self.assertEqual(run.card()["endpoints"], first["endpoints"])
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)

    def refuse(self, code, *options):
        run = self.make().start_server(*options)
        codes, texts = run.finish(60)
        self.assertEqual(codes, [code], texts)
        self.assertFalse(os.path.exists(os.path.join(run.directory, "server.json")))
        self.assert_tidy()
        return texts[0]

    def test_addresses_and_interfaces_that_are_not_here_name_those_that_are(self):
        text = self.refuse(69, "--interface", "nosuch0")
        self.assertIn("--interface nosuch0", text)
        self.assertIn("lo 127.0.0.1", text)
        text = self.refuse(69, "--bind", "192.0.2.77:0")  # for documentation only
        self.assertIn("192.0.2.77 is not an address of this machine", text)
        self.assertIn("lo 127.0.0.1", text)

    @unittest.skipUnless(has_ipv6(), "no IPv6 on this machine")
    def test_a_port_in_use_over_ipv6_names_its_address(self):
        with socket.socket(socket.AF_INET6) as taken:
            taken.bind(("::1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIn(f"port {port} of ::1 is in use",
                          self.refuse(73, "--bind", f"[::1]:{port}"))


# Makes the network inside.
INSIDE = """set -e
ip link set lo up
ip link add fast0 type veth peer name peer0
ip link add docker0 type bridge
ip link add other0 type veth peer name peer1
for link in fast0 peer0 other0 peer1 docker0; do ip link set $link up; done
ip addr add 10.213.9.1/24 dev fast0
ip addr add 10.213.10.1/24 dev other0
ip addr add 172.17.0.1/16 dev docker0
"""


class Namespaces(WithData):
    """A network of its own with two interfaces."""

    @classmethod
    def setUpClass(cls):
        probe = subprocess.run(["unshare", "-n", "sh", "-c", INSIDE], capture_output=True,
                               text=True)
        if probe.returncode != 0:
            raise unittest.SkipTest(f"no network of our own here: {probe.stderr.strip()}")

    def server(self, setup, *options):
        """Exit code, server.json (None: there was none), standard error of a server inside."""
        run = self.make(rounds=5)
        script = INSIDE + setup + """
"$@" & server=$!
for i in $(seq 600); do
    grep -q server.ready "$DIR/events.jsonl" 2>/dev/null && break
    kill -0 $server 2>/dev/null || break
    sleep 0.05
done
cp "$DIR/server.json" "$DIR/card" 2>/dev/null || true
kill -TERM $server 2>/dev/null || true
code=0
wait $server || code=$?
exit $code
"""
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", script, "sh", program("vexild"), "--job", run.job,
             "--run-dir", run.directory, *options], env={**os.environ, "DIR": run.directory},
            capture_output=True, text=True, timeout=120)
        card = os.path.join(run.directory, "card")
        return (done.returncode, read_json(card) if os.path.exists(card) else None, done.stderr,
                run)

    def hosts(self, card):
        return [endpoint[len("tcp://"):].rsplit(":", 1)[0] for endpoint in card["endpoints"]]

    def test_the_addresses_of_an_interface(self):
        code, card, text, _ = self.server("", "--interface", "other0")
        self.assertEqual(code, 75, text)
        self.assertEqual(self.hosts(card)[0], "10.213.10.1")

    def test_every_address_but_those_of_containers_that_are_down_or_loopback(self):
        code, card, text, run = self.server("", "--bind", "0.0.0.0")
        self.assertEqual(code, 75, text)
        self.assertEqual(self.hosts(card), ["10.213.9.1", "10.213.10.1"])
        self.assertEqual(run.events("server.address")[0]["rule"], "reachable")

    def test_a_link_that_is_down_is_not_told_and_without_any_the_log_warns(self):
        code, card, text, run = self.server("ip link set fast0 down\nip link set other0 down\n",
                                            "--bind", "0.0.0.0")
        self.assertEqual(code, 75, text)
        self.assertEqual(self.hosts(card), ["127.0.0.1"])
        self.assertEqual(run.events("server.address")[0]["rule"], "loopback")
        self.assertIn("--advertise", text)

    def test_ipv6_that_is_off_is_said_so(self):
        off = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6\n"
        if not os.path.exists("/proc/sys/net/ipv6"):
            self.skipTest("this kernel has no IPv6 to switch off")
        code, card, text, _ = self.server(off, "--bind", "[::1]")
        self.assertEqual(code, 69, text)
        self.assertIsNone(card)
        self.assertIn("IPv6 is off", text)

    def test_an_interface_without_address(self):
        code, card, text, _ = self.server("ip addr flush dev other0\nip link set other0 down\n",
                                          "--interface", "other0")
        self.assertEqual(code, 69, text)
        self.assertIsNone(card)
        self.assertIn("--interface other0: it has no address", text)
        self.assertIn("fast0 10.213.9.1", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

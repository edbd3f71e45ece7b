"""End to end: vexild, mpirun and vexil-worker, and vexil train, as real processes."""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

import numpy

from support import (Run, free_port, processes_of, program, read_json, read_safetensors,
                     temporary_folder, vexil, wait_for, write_data, write_idx)


class WithData(unittest.TestCase):
    def setUp(self):
        self.temporary = temporary_folder()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        write_data(self.folder)
        self.runs = []

    def make(self, name="run", **job):
        run = Run(self.folder, name, **job)
        self.addCleanup(run.kill)
        return run

    def complete(self, name="run", **job):
        run = self.make(name, **job).start_server().start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        return run

    def assert_tidy(self):
        wait_for(lambda: not processes_of(self.folder), 10, "the end of every process")

    def refuse_workers(self, run, code, *words, options=()):
        run.card()
        run.start_workers("--run-dir", run.directory, *options)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertEqual(run.mpirun.returncode, code, text)
        for word in words:
            self.assertIn(word, text)
        run.server.send_signal(signal.SIGTERM)
        run.server.communicate(timeout=60)
        self.assert_tidy()


class Runs(WithData):
    def test_two_commands_train_a_model_and_leave_complete_records(self):
        run = self.complete(rounds=60)
        result = run.result()
        self.assertEqual(result["state"], "done")
        self.assertEqual(result["rounds"], 60)
        self.assertGreater(result["test"]["accuracy"], 0.9)
        self.assertEqual(result["test"]["round"], 60)
        rows = run.metrics()
        self.assertEqual([row["round"] for row in rows], list(range(60)))
        self.assertTrue(all(row["included"] == [0, 1, 2, 3] for row in rows))
        self.assertEqual(rows[-1]["parameters_digest"], result["parameters_digest"])
        self.assertLess(rows[-1]["loss"], rows[0]["loss"])
        self.assertFalse(os.path.exists(os.path.join(run.directory, "server.json")))
        self.assertFalse(glob.glob(os.path.join(run.directory, "*tmp*")))
        self.assert_tidy()

    def test_an_evaluation_that_falls_on_the_last_round_is_made_once(self):
        run = self.complete(extra="evaluation:\n  every: 10\n")
        rounds = [row["round"] for row in run.events("evaluation")]
        self.assertEqual(rounds[-1], 30)
        self.assertEqual(len(rounds), len(set(rounds)))

    def test_the_checkpoint_opens_by_the_rules_of_the_format(self):
        run = self.complete()
        path = os.path.join(run.directory, "checkpoint-0000000030", "parameters.safetensors")
        tensors = read_safetensors(path)
        self.assertEqual(sum(tensor.size for tensor in tensors.values()), run.result()["dimension"])
        self.assertTrue(all(numpy.isfinite(tensor).all() for tensor in tensors.values()))

    def test_declared_classes_may_be_more_than_the_labels_show(self):
        run = self.make(rounds=60).start_server("--set", "data.classes=7").start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        path = os.path.join(run.directory, "checkpoint-0000000060", "parameters.safetensors")
        tensors = read_safetensors(path)
        self.assertEqual(tensors["layer2.weight"].shape, (7, 12))
        self.assertEqual(run.result()["dimension"], 36 * 12 + 12 + 12 * 7 + 7)
        self.assertGreater(run.result()["test"]["accuracy"], 0.9)
        unseen = tensors["layer2.bias"][4:]  # they were only ever pushed down
        self.assertTrue((unseen < 0).all(), unseen)

    def test_the_same_seed_gives_the_same_digest_at_every_round(self):
        first, second = self.complete("one"), self.complete("two")
        digests = [[row["parameters_digest"] for row in run.metrics()] for run in (first, second)]
        self.assertEqual(digests[0], digests[1])

    def test_a_report_of_weights_leaves_numbers_out_and_the_parameters_the_same(self):
        full = self.complete("full", rule="median")
        short = self.make("short", rule="median")
        short.start_server("--set", "aggregation.report=weights").start_workers()
        codes, texts = short.finish()
        self.assertEqual(codes, [0, 0], texts)
        for row, same in zip(full.metrics(), short.metrics(), strict=True):
            self.assertEqual(row["parameters_digest"], same["parameters_digest"])
            self.assertNotIn(None, row["norm"] + row["reconstruction"] + [row["median_norm"]])
            self.assertEqual(same["norm"], [None] * 4)
            self.assertEqual(same["reconstruction"], [None] * 4)
            self.assertIsNone(same["median_norm"])
            self.assertEqual(row["update_norm"], same["update_norm"])
            self.assertEqual(row["nll"], same["nll"])
        text = vexil("status", "--run-dir", short.directory)
        self.assertEqual(text.returncode, 0, text.stderr)

    def test_another_order_of_arrival_gives_the_same_digest(self):
        delays = """allow_fault_injection: true
faults:
  - {slots: [0, 1], kind: delay, scale: 0.02}
  - {slots: [2], kind: delay, scale: 0.01}
"""
        plain, delayed = self.complete("plain"), self.complete("delayed", extra=delays)
        self.assertEqual(plain.result()["parameters_digest"], delayed.result()["parameters_digest"])

    def test_train_gives_the_same_run_as_two_commands(self):
        run = self.complete()
        directory = os.path.join(self.folder, "trained")
        done = subprocess.run([program("vexil"), "train", run.job, "--run-dir", directory],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        trained = Run(self.folder, "trained")
        self.assertEqual(trained.result()["parameters_digest"], run.result()["parameters_digest"])
        self.assertNotIn("\x1b", done.stdout)
        self.assert_tidy()

    def test_connect_with_a_token_file_needs_no_shared_file_system(self):
        run = self.make().start_server()
        card = run.card()
        tokens = os.path.join(self.folder, "mine")
        with open(os.path.join(run.directory, "tokens")) as file, open(tokens, "w") as mine:
            mine.writelines(line for line in file if line.startswith("worker"))
        run.start_workers("--connect", card["endpoints"][0], "--token-file", tokens)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)

    def test_every_rule_trains(self):
        for rule, byzantine in (("mean", 0), ("unit_mean", 0), ("median", 1),
                                ("trimmed_mean", 1), ("krum", 1), ("multi_krum", 1),
                                ("geometric_median", 1), ("flag", 1)):
            with self.subTest(rule=rule):
                run = self.complete(rule, rule=rule, byzantine=byzantine, workers=5, rounds=40)
                self.assertGreater(run.result()["test"]["accuracy"], 0.85)

    def test_a_lambda_that_destroys_the_common_direction_is_warned_of_once(self):
        run = self.make(rule="flag\n  flag: {lambda: 1000}").start_server().start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(texts[0].count("flag.lambda"), 1)


class Faults(WithData):
    def test_a_flipped_worker_breaks_mean_and_not_nnm_with_flag(self):
        fault = """allow_fault_injection: true
faults:
  - {slots: [4], kind: sign_flip, scale: 10}
"""
        mean = self.complete("mean", rule="mean", byzantine=0, workers=5, rounds=60, extra=fault)
        flag = self.complete("flag", rule="flag\n  pre: [nnm]", workers=5, rounds=60, extra=fault)
        self.assertLess(mean.result()["test"]["accuracy"], 0.6)
        self.assertGreater(flag.result()["test"]["accuracy"], 0.9)

    def test_not_a_number_is_charged_to_its_slot_and_never_reaches_the_model(self):
        fault = """allow_fault_injection: true
faults:
  - {slots: [2], kind: nan}
"""
        run = self.complete(extra=fault)
        slots = run.result()["slots"]
        self.assertEqual(slots[2]["nonfinite"], 30)
        self.assertEqual(slots[2]["accepted"], 0)
        self.assertGreater(run.result()["test"]["accuracy"], 0.5)
        self.assertTrue(all(2 not in row["included"] for row in run.metrics()))

    def test_a_killed_worker_returns_and_mpirun_ends_well(self):
        slow = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""
        run = self.make(rounds=150, extra=slow).start_server().start_workers()
        pid = wait_for(lambda: [e["pid"] for e in run.events("worker.join") if e["slot"] == 3], 30,
                       "worker 3")[0]
        wait_for(lambda: len(run.metrics()) > 10, 30, "ten rounds")
        os.kill(pid, signal.SIGKILL)
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["slots"][3]["incarnation"], 2)
        for slot in run.result()["slots"]:
            self.assertEqual(slot["received"], sum(slot[key] for key in (
                "accepted", "duplicate", "stale", "malformed", "over_quota", "late", "nonfinite")))
        self.assert_tidy()

    def test_a_worker_that_gives_up_costs_its_slot_only(self):
        crash = """allow_fault_injection: true
faults:
  - {slots: [3], kind: crash, from_round: 5}
  - {slots: [0], kind: delay, scale: 0.05}
"""
        run = self.make(extra=crash).start_server("--set", "workers.max_restarts=1")
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertIn("giving up", texts[1])
        self.assertEqual(run.metrics()[-1]["included"], [0, 1, 2])

    def test_garbage_on_the_port_changes_nothing(self):
        run = self.make(rounds=30).start_server()
        host, port = run.card()["endpoints"][0][6:].split(":")
        for garbage in (b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n" * 10, os.urandom(500), b"V"):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(garbage)
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["state"], "done")

    def test_a_deadline_closes_a_round_without_the_late_one(self):
        late = """allow_fault_injection: true
faults:
  - {slots: [1], kind: delay, scale: 1.5}
"""
        run = self.make(rounds=4, extra=late)
        run.start_server("--set", "workers.deadline_s=0.4").start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertTrue(all(row["included"] == [0, 2, 3] for row in run.metrics()))


    def test_old_gradients_enter_damped_and_once_when_the_job_allows_it(self):
        late = """allow_fault_injection: true
faults:
  - {slots: [1], kind: delay, scale: 0.05}
  - {slots: [0], kind: delay, scale: 0.02}
"""
        run = self.make(rounds=40, extra=late)
        run.start_server("--set", "workers.deadline_s=0.03", "--set", "workers.staleness=3")
        run.start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        accepted = [slot["accepted"] for slot in run.result()["slots"]]
        included = [sum(slot in row["included"] for row in run.metrics()) for slot in range(4)]
        self.assertEqual(accepted, included)
        self.assertGreater(accepted[1], 5)
        self.assertLess(accepted[1], 40)
        self.assertGreater(run.result()["test"]["accuracy"], 0.5)


class BadInput(WithData):
    def refuse(self, run, code, *words, options=()):
        run.start_server(*options)
        codes, texts = run.finish(60)
        self.assertEqual(codes[0], code, texts)
        for word in words:
            self.assertIn(word, texts[0])
        self.assertFalse(os.path.exists(os.path.join(run.directory, "server.json")))
        self.assert_tidy()

    def test_a_wrong_key_names_file_line_and_key(self):
        self.refuse(self.make(extra="momentun: 1\n"), 78, "run.yaml:21:", "momentun")

    def test_a_job_file_that_is_too_large(self):
        self.refuse(self.make(extra="# " + "x" * 61440 + "\n"), 78, "run.yaml", "61440 bytes")

    def test_addresses_that_are_none_are_wrong_use(self):
        for options, word in ((("--bind", "foo:x"), "--bind: 'foo:x'"),
                              (("--bind", "[::1"), "--bind: '[::1'"),
                              (("--bind", ":7421"), "--interface"),
                              (("--bind", "127.0.0.1", "--interface", "lo"), "both name addresses"),
                              (("--advertise", ":1"), "--advertise"),
                              (("--advertise", "a:b:c/"), "--advertise"),
                              (("--advertise", "a") * 9, "more than 8")):
            self.refuse(self.make(), 2, word, options=options)
        done = subprocess.run([program("vexil-worker"), "--connect", "127.0.0.1:7421",
                               "--token-file", "/dev/null"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--connect", done.stderr)

    def test_too_few_workers_are_named(self):
        run = self.make().start_server("--set", "workers.start_timeout_s=2")
        run.start_workers(workers=2)
        codes, texts = run.finish()
        self.assertEqual(codes, [69, 0], texts)
        self.assertIn("2 of 4, 3 are needed; 2: has not joined", texts[0])
        self.assertIn("event=start.stalls", texts[0])

    def test_a_missing_data_file(self):
        os.unlink(os.path.join(self.folder, "test-labels"))
        self.refuse(self.make(), 66, "test-labels")

    def test_a_truncated_data_file(self):
        path = os.path.join(self.folder, "test-features")
        os.truncate(path, os.path.getsize(path) - 7)
        self.refuse(self.make(), 65, "test-features")

    def test_a_label_beyond_the_declared_classes_names_file_and_label(self):
        labels = numpy.zeros(200)
        labels[7] = 3
        write_idx(os.path.join(self.folder, "test-labels"), labels)
        self.refuse(self.make(), 65, "test-labels: observation 7 ", "label 3, expected 0 to 1",
                    options=("--set", "data.classes=2"))

    def test_a_training_label_beyond_the_declared_classes_ends_the_workers(self):
        labels = numpy.zeros(480)
        labels[9] = 5
        write_idx(os.path.join(self.folder, "train-labels"), labels)
        run = self.make().start_server("--set", "data.classes=4")
        self.refuse_workers(run, 65, "slot", "train-labels: observation 9 ",
                            "label 5, expected 0 to 3")

    def test_a_class_that_only_training_has_asks_for_declared_classes(self):
        labels = numpy.zeros(480)
        labels[9] = 5
        write_idx(os.path.join(self.folder, "train-labels"), labels)
        self.refuse_workers(self.make().start_server(), 65, "train-features", "data.classes")

    def test_a_missing_training_file_ends_the_workers_and_names_the_slot(self):
        os.unlink(os.path.join(self.folder, "train-labels"))
        self.refuse_workers(self.make().start_server(), 66, "slot", "train-labels")

    def test_dimensions_that_do_not_fit(self):
        write_idx(os.path.join(self.folder, "train-features"), numpy.zeros((480, 5, 5)))
        self.refuse_workers(self.make().start_server(), 65, "train-features")

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refuse(self.make(), 73, str(port), "in use",
                        options=("--bind", f"127.0.0.1:{port}"))

    def test_a_run_directory_in_use_and_an_earlier_run(self):
        run = self.make().start_server()
        run.card()
        second = Run(self.folder, "run")
        second.start_server()
        codes, texts = second.finish(30)
        self.assertEqual(codes, [73], texts)
        self.assertIn(str(run.server.pid), texts[0])
        self.assertIn("another server uses " + run.directory, texts[0])
        run.start_workers()
        self.assertEqual(run.finish()[0], [0, 0])
        third = Run(self.folder, "run").start_server()
        codes, texts = third.finish(30)
        self.assertEqual(codes, [73], texts)
        self.assertIn("--resume", texts[0])

    def test_a_run_that_failed_at_its_start_leaves_the_folder_free(self):
        run = self.make()
        run.start_server("--set", "data.test_labels=/nosuch")
        self.assertEqual(run.finish()[0], [66])
        os.rename(os.path.join(self.folder, "train-labels"), os.path.join(self.folder, "away"))
        run.start_server("--set", "seed=9").start_workers()
        run.mpirun.communicate(timeout=60)
        self.assertEqual(run.mpirun.returncode, 66)
        run.server.send_signal(signal.SIGTERM)
        run.server.communicate(timeout=30)
        os.rename(os.path.join(self.folder, "away"), os.path.join(self.folder, "train-labels"))
        run.start_server().start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["epoch"], 3)

    def test_an_unreachable_server(self):
        tokens = os.path.join(self.folder, "tokens")
        with open(tokens, "w") as file:
            file.write("worker 0 " + "0" * 64 + "\n")
        run = self.make()
        run.start_workers("--connect", f"tcp://127.0.0.1:{free_port()}", "--token-file", tokens,
                          "--connect-timeout", "1", workers=1)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertEqual(run.mpirun.returncode, 69, text)
        message = [line for line in text.splitlines() if line.startswith("vexil-worker:")]
        self.assertEqual([line.count("tcp://127.0.0.1:") for line in message], [1], text)
        self.assert_tidy()

    def test_a_wrong_token_and_another_job_are_refused_with_a_reason(self):
        run = self.make(workers=4).start_server()
        card = run.card()
        tokens = os.path.join(self.folder, "wrong")
        with open(tokens, "w") as file:
            file.write("worker 0 " + "0" * 64 + "\n")
        first = Run(self.folder, "first")
        first.start_workers("--connect", card["endpoints"][0], "--token-file", tokens, workers=1)
        _, text = first.mpirun.communicate(timeout=60)
        self.assertEqual(first.mpirun.returncode, 77, text)
        self.assertIn("token", text)
        other = Run(self.folder, "other", rounds=31)
        other.start_workers("--run-dir", run.directory, "--job", other.job, workers=1)
        _, text = other.mpirun.communicate(timeout=60)
        self.assertEqual(other.mpirun.returncode, 77, text)
        self.assertIn(card["config_digest"], text)

    def test_more_ranks_than_slots(self):
        run = self.make().start_server()
        run.card()
        run.start_workers(workers=5)
        _, text = run.mpirun.communicate(timeout=60)
        self.assertNotEqual(run.mpirun.returncode, 0)
        self.assertIn("mpirun -n 4", text)


class Stopping(WithData):
    SLOW = """allow_fault_injection: true
faults:
  - {slots: [0], kind: delay, scale: 0.02}
"""

    def test_term_finishes_the_round_and_the_run_can_be_resumed(self):
        run = self.make(rounds=120, extra=self.SLOW).start_server().start_workers()
        run.wait_for_rounds(10)
        run.server.send_signal(signal.SIGTERM)
        codes, texts = run.finish()
        self.assertEqual(codes, [75, 0], texts)
        self.assertEqual(run.result()["state"], "stopped")
        stopped = run.result()["rounds"]
        self.assertLess(stopped, 120)
        run.start_server("--resume").start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual(run.result()["state"], "done")
        self.assertEqual(run.result()["epoch"], 2)
        self.assertEqual([row["round"] for row in run.metrics()], list(range(120)))
        self.assert_tidy()

    def test_a_checkpoint_is_written_in_every_round_while_rounds_go_on(self):
        run = self.make(rounds=200, extra="checkpoint: {every: 1, keep: 2}\n")
        run.start_server().start_workers()
        codes, texts = run.finish()
        self.assertEqual(codes, [0, 0], texts)
        self.assertEqual([row["round"] for row in run.metrics()], list(range(200)))
        self.assertGreater(len(run.events("checkpoint")), 10)
        self.assert_tidy()

    def test_hup_opens_the_log_anew_and_usr2_writes_where_the_run_stands(self):
        log = os.path.join(self.folder, "server.log")
        run = self.make(rounds=5000, extra=self.SLOW).start_server("--log", log).start_workers()
        run.wait_for_rounds(5)
        os.rename(log, log + ".1")
        run.server.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log) and "reopened=true" in open(log).read(), 10, "a log")
        self.assertIn("server.start", open(log + ".1").read())
        status = os.path.join(run.directory, "status.json")
        run.server.send_signal(signal.SIGUSR2)
        wait_for(lambda: os.path.exists(status), 10, "status.json")
        self.assertEqual(read_json(status)["state"], "training")
        run.server.send_signal(signal.SIGTERM)
        self.assertEqual(run.finish()[0], [75, 0])

    def test_ctrl_c_on_train_ends_everything(self):
        run = self.make(rounds=5000, extra=self.SLOW)
        train = subprocess.Popen([program("vexil"), "train", run.job, "--run-dir", run.directory],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        run.wait_for_rounds(10)
        train.send_signal(signal.SIGINT)
        text, _ = train.communicate(timeout=60)
        self.assertEqual(train.returncode, 130, text)
        self.assertEqual(text.count("stopped at round"), 1, text)
        self.assertEqual(run.result()["state"], "stopped")
        self.assert_tidy()

    def test_killing_train_leaves_no_orphan(self):
        run = self.make(rounds=5000, extra=self.SLOW)
        train = subprocess.Popen([program("vexil"), "train", run.job, "--run-dir", run.directory],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        run.wait_for_rounds(5)
        train.kill()
        train.wait()
        wait_for(lambda: not processes_of(self.folder), 30, "the end of every process")


class Status(WithData):
    def test_status_shows_a_running_job(self):
        run = self.make(rounds=5000, extra=Stopping.SLOW).start_server().start_workers()
        run.wait_for_rounds(10)
        text = vexil("status", "--run-dir", run.directory)
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("4/4", text.stdout)
        data = vexil("status", "--run-dir", run.directory, "--json")
        document = json.loads(data.stdout)
        self.assertEqual(document["state"], "training")
        self.assertEqual([slot["state"] for slot in document["slots"]], ["live"] * 4)
        stop = vexil("stop", "--run-dir", run.directory)
        self.assertEqual(stop.returncode, 0, stop.stderr)
        codes, texts = run.finish()
        self.assertEqual(codes, [75, 0])
        self.assertEqual(texts[0].count("stopped at round"), 1, texts[0])

    def test_status_of_a_run_that_has_ended_is_its_result(self):
        run = self.complete()
        text = vexil("status", "--run-dir", run.directory)
        self.assertEqual((text.returncode, text.stderr), (0, ""))
        self.assertIn("state     done\nrounds    30/30\n", text.stdout)
        data = vexil("status", "--run-dir", run.directory, "--json")
        self.assertEqual((data.returncode, json.loads(data.stdout)), (0, run.result()))

    def test_a_slot_that_attacks_stands_out_at_the_end(self):
        fault = """allow_fault_injection: true
faults:
  - {slots: [4], kind: sign_flip, scale: 10}
"""
        run = self.make(rule="geometric_median", workers=5, extra=fault)
        done = subprocess.run([program("vexil"), "train", run.job, "--run-dir", run.directory],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"least weight  slot 4 \(0\.0\d+\) of 0\.2\n")

    def test_a_held_run_says_who_is_missing_and_since_when_now(self):
        run = self.make(rounds=5000, extra=Stopping.SLOW)
        run.start_server("--set", "workers.quorum=4", "--set", "workers.max_restarts=0")
        run.start_workers().wait_for_rounds(5)
        os.kill([e["pid"] for e in run.events("worker.join") if e["slot"] == 3][0],
                signal.SIGKILL)
        wait_for(lambda: run.events("round.held"), 30, "a held round")
        texts = []
        for _ in range(2):
            time.sleep(1.2)
            texts.append(json.loads(vexil("status", "--run-dir", run.directory,
                                          "--json").stdout)["message"])
        self.assertNotEqual(*texts)
        self.assertTrue(texts[0].startswith("3: lost, last heard "), texts)
        self.assertTrue(texts[0].endswith("3 of 4 gradients are in, 4 are needed"), texts)

    def test_status_without_a_server_says_so(self):
        done = vexil("status", "--run-dir", self.folder)
        self.assertEqual(done.returncode, 69)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

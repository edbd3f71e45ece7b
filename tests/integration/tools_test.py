"""What a worker would compute (gradient, evaluate, gradcheck ...) against runs and numpy."""
import json
import os
import sqlite3
import struct
import sys
import unittest

import numpy

from support import Run, read_json, read_safetensors, temporary_folder, vexil, write_data

HEAD, SLOT = 88, 70  # bytes of a record of the ledger: ARCHITECTURE.md


def ledger_digests(directory):
    """(round, slot) -> digest of the gradient that entered."""
    base = sqlite3.connect(os.path.join(directory, "ledger.db"))
    found = {}
    for number, record in base.execute("SELECT round, record FROM rounds"):
        for i in range(struct.unpack_from("<I", record, 12)[0]):
            at = HEAD + i * SLOT
            slot = struct.unpack_from("<I", record, at)[0]
            found[number, slot] = record[at + 54:at + 70].hex()
    base.close()
    return found


def read_idx(path, head):
    with open(path, "rb") as file:
        return numpy.frombuffer(file.read()[head:], numpy.uint8)


class WithData(unittest.TestCase):
    def setUp(self):
        self.temporary = temporary_folder()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        write_data(self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def complete(self, name="run", **job):
        run = Run(self.folder, name, **job)
        self.addCleanup(run.kill)
        codes, texts = run.start_server().start_workers().finish()
        self.assertEqual(codes, [0, 0], texts)
        return run

    def job(self, text=None, **job):
        run = Run(self.folder, "job", **job)
        if text is not None:
            with open(run.job, "w") as file:
                file.write(text)
        return run.job

    def json(self, *words):
        done = vexil(*words, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refuse(self, code, message, *words):
        done = vexil(*words)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1 if code != 2 else done.stderr.count("\n"))


class Gradient(WithData):
    every_round = "checkpoint:\n  every: 1\n  keep: 100\n  keep_every: 1\n"

    def expect_rounds(self, run, rounds, *options):
        digests = ledger_digests(run.directory)
        for number in rounds:
            folder = os.path.join(run.directory, f"checkpoint-{number:010}")
            words = ["--params", folder] if number else []
            for slot in range(run.workers):
                told = self.json("gradient", run.job, *words, "--slot", str(slot), "--round",
                                 str(number), *options)
                self.assertEqual(told["digest"], digests[number, slot], (number, slot))

    def test_each_workers_gradient_has_the_digest_that_the_ledger_holds(self):
        run = self.complete(workers=3, rounds=9, extra=self.every_round)
        # without momentum in the worker, what it pushes depends on the parameters alone
        plain = self.complete("plain", workers=3, rounds=9, rule="mean", byzantine=0,
                              extra=self.every_round)
        self.expect_rounds(run, [0])
        self.expect_rounds(plain, [0, 1, 8])

    def test_augmentation_dropout_clipping_blocks_and_shards_are_those_of_the_worker(self):
        job = dict(workers=2, rounds=5, rule="mean", byzantine=0, extra=self.every_round)
        run = Run(self.folder, "odd", **job)
        self.addCleanup(run.kill)
        with open(run.job) as file:
            text = file.read()
        text = text.replace("  widths: [12]\n", "  widths: [12]\n  dropout: 0.25\n")
        text = text.replace("  batch: 16\n", "  batch: 16\n  shard: sorted\n  augment:\n"
                            "  - {kind: gaussian_noise, slots: [1], share: 0.5, scale: 0.2}\n"
                            "  - {kind: shift}\n")
        text = text.replace("  start_timeout_s: 60\n",
                            "  start_timeout_s: 60\n  clip_norm: 0.3\n  blocks: 3\n")
        with open(run.job, "w") as file:
            file.write(text)
        codes, texts = run.start_server().start_workers().finish()
        self.assertEqual(codes, [0, 0], texts)
        self.expect_rounds(run, [0, 1, 4])

    def test_faults_are_injected_only_when_asked_for(self):
        faults = "faults:\n- {slots: [2], kind: gaussian, scale: 3}\n"
        run = self.complete(workers=4, rounds=2, rule="mean", byzantine=0, extra=self.every_round +
                            "allow_fault_injection: true\n" + faults)
        self.expect_rounds(run, [0, 1], "--faults")
        honest = self.json("gradient", run.job, "--slot", "2")
        self.assertFalse(honest["injected"])
        self.assertNotEqual(honest["digest"], ledger_digests(run.directory)[0, 2])

    def test_files_hold_the_gradient_and_the_batch_that_gives_it(self):
        job = self.job()
        told = self.json("gradient", job, "--set", "model={family: linear}", "--slot", "1",
                         "--round", "3", "--out", self.path("g.npy"), "--batch-out", self.path("b"))
        g = numpy.load(self.path("g.npy"))
        x = numpy.load(self.path("b-features.npy"))
        y = numpy.load(self.path("b-targets.npy")).astype(int)
        seen = numpy.load(self.path("b-observations.npy")).astype(int)
        self.assertEqual(x.shape, (16, 36))
        pixels = read_idx(self.path("train-features"), 16).reshape(-1, 36)[seen] / 255
        numpy.testing.assert_allclose(x, pixels, rtol=1e-6)
        residual = numpy.full((16, 4), 0.25)  # the linear family starts at 0
        residual[numpy.arange(16), y] -= 1
        expected = numpy.concatenate([(residual.T @ x / 16).ravel(), residual.mean(axis=0)])
        numpy.testing.assert_allclose(g, expected, atol=1e-6)
        self.assertAlmostEqual(told["nll"], numpy.log(4), places=6)
        self.assertAlmostEqual(told["norm"], numpy.linalg.norm(g.astype(float)), places=6)

    def test_blocks_of_a_batch_give_its_gradient_in_other_last_bits(self):
        told, arrays = [], []
        for blocks in "1", "3":
            told.append(self.json("gradient", self.job(), "--set", "workers.blocks=" + blocks,
                                  "--out", self.path("g.npy"), "--batch-out", self.path("b")))
            arrays.append([numpy.load(self.path(name)) for name in
                           ("b-features.npy", "b-targets.npy", "b-observations.npy", "g.npy")])
        for one, three in zip(arrays[0][:3], arrays[1][:3]):
            numpy.testing.assert_array_equal(one, three)
        numpy.testing.assert_allclose(arrays[0][3], arrays[1][3], rtol=0, atol=1e-6)
        self.assertAlmostEqual(told[0]["nll"], told[1]["nll"], places=6)
        self.assertNotEqual(told[0]["digest"], told[1]["digest"])
        self.assertEqual(told[1]["samples"], 16)


def auroc(score, positive):
    up, down = score[positive][:, None], score[~positive][None, :]
    return (up > down).mean() + 0.5 * (up == down).mean()


def logits_of(tensors, x):
    """Of a linear model or of one hidden layer, in double."""
    for name in ("layer1", "layer2"):
        if name + ".weight" in tensors:
            x = x if name == "layer1" else numpy.maximum(x, 0)
            x = x @ tensors[name + ".weight"].T.astype(float) + tensors[name + ".bias"]
    return x


class Evaluate(WithData):
    def expect_scores(self, told, z, y, bins):
        p = numpy.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        nll = -numpy.log(p[numpy.arange(len(y)), y])
        self.assertAlmostEqual(told["nll"], nll.mean(), places=5)
        self.assertAlmostEqual(told["accuracy"], (p.argmax(axis=1) == y).mean(), places=6)
        areas = [auroc(p[:, k], y == k) for k in range(4)]
        self.assertAlmostEqual(told["auroc"], numpy.mean(areas), places=4)
        sure, hit = p.max(axis=1), p.argmax(axis=1) == y
        of = numpy.ceil(sure * bins)
        ece = sum(abs(hit[of == m].sum() - sure[of == m].sum())
                  for m in range(1, bins + 1)) / len(y)
        self.assertAlmostEqual(told["ece"], ece, places=4)
        warm = told["temperature"]
        for factor in (1, 0.9, 1.1):
            q = z / (warm * factor)
            at = (numpy.log(numpy.exp(q).sum(axis=1)) - q[numpy.arange(len(y)), y]).mean()
            self.assertGreaterEqual(at + 1e-6, told["nll_tempered"])
        low, high = told["intervals"]["nll"]
        width = 1.96 * nll.std() / len(y) ** 0.5
        self.assertAlmostEqual(high - low, 2 * width, delta=0.5 * width)
        self.assertTrue(low < told["nll"] < high)

    def test_each_of_many_models_has_the_scores_that_it_has_alone(self):
        options = ("--set", "model={family: linear, columns: {kind: bootstrap, count: 3}}",
                   "--set", "evaluation={bins: 7, bootstrap: 300}")
        run = Run(self.folder, "many", rounds=2)
        self.addCleanup(run.kill)
        codes, texts = run.start_server(*options).start_workers().finish()
        self.assertEqual(codes, [0, 0], texts)
        words = ("evaluate", run.job, "--params",
                 os.path.join(run.directory, "checkpoint-0000000002"), *options)
        told = self.json(*words)
        tensors = read_safetensors(os.path.join(words[3], "parameters.safetensors"))
        x = read_idx(self.path("test-features"), 16).reshape(-1, 36) / 255
        y = read_idx(self.path("test-labels"), 8)
        z = logits_of(tensors, x)
        self.assertEqual([told["count"], len(told["columns"])], [len(y), 3])
        for k, column in enumerate(told["columns"]):
            self.expect_scores(column, z[:, 4 * k:4 * k + 4], y, 7)
        rows = [line.split() for line in vexil(*words).stdout.splitlines()]
        self.assertEqual(rows[0], ["column", "nll", "accuracy", "deviance", "auroc", "ece",
                                   "temperature"])
        self.assertEqual([row[0] for row in rows[1:]], ["0", "low", "high", "1", "low", "high", "2",
                                                        "low", "high"])
        for k, column in enumerate(told["columns"]):
            row, low, high = rows[1 + 3 * k:4 + 3 * k]
            expected = [column[key] for key in ("nll", "accuracy", "auroc", "ece", "temperature")]
            for text, value in zip(row[1:3] + row[4:], expected):
                self.assertAlmostEqual(float(text), value, delta=1e-5 * value)
            self.assertEqual([row[3], low[3], high[3]], ["-"] * 3)
            for text, value in zip((low[1], high[1], low[2], high[2]),
                                   column["intervals"]["nll"] + column["intervals"]["accuracy"]):
                self.assertAlmostEqual(float(text), value, delta=1e-5 * value)
        self.assertLessEqual(max(map(len, vexil(*words).stdout.splitlines())), 80)

    def test_scores_of_a_run_agree_with_numpy(self):
        run = self.complete(rounds=20, extra="evaluation:\n  bins: 7\n  bootstrap: 300\n")
        folder = os.path.join(run.directory, "checkpoint-0000000020")
        told = self.json("evaluate", run.job, "--params", folder)
        test = run.result()["test"]
        self.assertAlmostEqual(told["nll"], test["nll"], places=6)
        self.assertEqual(told["accuracy"], test["accuracy"])
        self.assertIsNone(told["deviance"])
        t = read_safetensors(os.path.join(folder, "parameters.safetensors"))
        x = read_idx(self.path("test-features"), 16).reshape(-1, 36) / 255
        y = read_idx(self.path("test-labels"), 8)
        self.expect_scores(told, logits_of(t, x), y, 7)
        words = vexil("evaluate", run.job, "--params", folder).stdout.split()
        self.assertEqual([word for word in words if word.isalpha()],
                         ["count", "nll", "accuracy", "auroc", "ece", "temperature", "nll", "ece"])

    def test_one_class_is_certain(self):
        """Its only logit is far below 0, which must not be compared with another."""
        with open(self.path("one.csv"), "w") as file:
            file.write("a,y\n1,0\n2,0\n3,0\n")
        job = self.job("name: one\nrounds: 2\ndata:\n  format: csv\n  train_features: one.csv\n"
                       "  test_features: one.csv\n  batch: 2\nmodel: {family: mlp, widths: [3]}\n"
                       "workers: {count: 1}\noptimiser: {step_size: 1}\n"
                       "aggregation: {rule: mean}\n")
        for seed in range(1, 9):
            told = self.json("evaluate", job, "--set", f"seed={seed}")
            self.assertEqual([told["nll"], told["accuracy"]], [0, 1])
            self.assertIsNone(told["ece"])

    def test_an_exported_file_is_read_like_its_checkpoint(self):
        run = self.complete(rounds=3)
        folder = os.path.join(run.directory, "checkpoint-0000000003")
        out = self.path("p.safetensors")
        self.assertEqual(vexil("checkpoint", "export", folder, "--out", out).returncode, 0)
        self.assertEqual(self.json("evaluate", run.job, "--params", folder),
                         self.json("evaluate", run.job, "--params", out))
        with open(out, "r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\x11")
        self.refuse(65, "p.safetensors: the digest of its parameters is", "evaluate", run.job,
                    "--params", out)
        with open(os.path.join(folder, "parameters.safetensors"), "r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\x11")
        self.refuse(65, "the digest of its parameters is", "evaluate", run.job,
                    "--params", folder)


class Check(WithData):
    def test_every_combination_has_a_right_gradient(self):
        job = self.job()
        kinds = ("focal", "nce", "power", "smoothing", "mixce", "unlikelihood")
        losses = [[f"model.loss={{kind: {kind}}}"] for kind in kinds]
        for sets in (["model={family: linear}"], [], ["model.activation=tanh", "model.l2=0.1"],
                     *losses, ["model.likelihood=poisson"], ["model.dropout=0.3"],
                     ["model.likelihood=gaussian", "model.variance=2"],
                     ["model.likelihood=negative_binomial"],
                     ["model={family: linear, columns: {kind: fold, count: 3}}"]):
            words = [word for one in sets for word in ("--set", one)]
            told = self.json("gradcheck", job, "--points", "2", "--coordinates", "5", *words)
            self.assertTrue(told["right"], (sets, told))
            self.assertLess(told["worst"], 1e-6)
            self.assertGreaterEqual(len(told["tensors"]), 2)

    def test_beyond_the_tolerance_the_exit_code_says_so(self):
        done = vexil("gradcheck", self.job(), "--tolerance", "1e-18", "--points", "1")
        self.assertEqual(done.returncode, 65)
        self.assertIn("WRONG", done.stdout)
        self.assertIn("the gradient is wrong: relative error", done.stderr)

    def test_check_shows_the_model_or_why_it_is_not_known(self):
        done = vexil("check", self.job())
        self.assertEqual(done.returncode, 0)
        self.assertIn("\n# The model has 496 parameters:\n#   layer1.weight (12, 36)\n",
                      done.stdout)
        done = vexil("check", self.job(), "--set", "data.test_features=/none")
        self.assertEqual(done.returncode, 0)
        self.assertIn("\n# The model is not known: /none: ", done.stdout)

    def test_the_catalogue_names_what_a_job_may_say(self):
        rows = self.json("likelihoods")["rows"]
        for key, values in (("model.loss.kind", ["nll", "nce", "distillation"]),
                            ("model.likelihood", ["categorical", "poisson"]),
                            ("model.family", ["linear", "mlp", "resmlp"])):
            names = [row["name"] for row in rows if row["key"] == key]
            self.assertTrue(set(values) <= set(names), names)
        self.assertIn("negative_binomial", vexil("likelihoods").stdout)

    def test_a_reference_holds_means_and_deviations_of_the_training_data(self):
        out = self.path("r.npy")
        done = vexil("reference", self.job(), "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        x = read_idx(self.path("train-features"), 16).reshape(-1, 36) / 255
        expected = [x.mean(axis=0), x.std(axis=0)]
        numpy.testing.assert_allclose(numpy.load(out), expected, rtol=1e-5)
        told = self.json("gradient", self.job(), "--set", f"data.reference={out}",
                         "--set", "data.batch=100", "--batch-out", self.path("b"))
        self.assertLess(abs(numpy.load(self.path("b-features.npy")).mean()), 0.1)
        self.assertGreater(told["norm"], 0)

    def test_a_reference_is_made_for_a_job_whose_empty_fields_are_its_means(self):
        with open(self.path("t.csv"), "w") as file:
            file.write("a,y\n1,0\n,1\n5,0\n")
        out = self.path("made.npy")
        done = vexil("reference", self.job(), "--out", out,
                     "--set", "data={format: csv, train_features: %s, test_features: %s, "
                     "reference: %s, csv: {missing: mean}}" % (2 * (self.path("t.csv"),) + (out,)))
        self.assertEqual(done.returncode, 0, done.stderr)
        numpy.testing.assert_array_equal(numpy.load(out), [[3], [2]])


class ToolsBadInput(WithData):
    def test_wrong_use_is_refused(self):
        job = self.job()
        self.refuse(2, "a job file is missing", "gradient")
        self.refuse(2, "--set: expected KEY=VALUE, found 'x'", "gradient", job, "--set", "x")
        self.refuse(2, "--slot: expected a whole number from 0 to 1023, found '-1'", "gradient",
                    job, "--slot", "-1")
        self.refuse(2, "--slot: expected one below workers.max_workers of", "gradient", job,
                    "--slot", "4")
        self.refuse(2, "--round: expected one below rounds of", "gradient", job, "--round", "30")
        self.refuse(2, "--tolerance: expected a number between 0 and 1", "gradcheck", job,
                    "--tolerance", "2")
        self.refuse(2, "--out is missing", "reference", job)
        self.refuse(2, "unexpected argument", "likelihoods", job)
        self.refuse(78, "model.widths: expected a list", "evaluate", job, "--set", "model.widths=3")

    def test_files_that_are_not_there_or_do_not_fit_are_named(self):
        job = self.job()
        self.refuse(66, "/none.yaml", "evaluate", self.path("none.yaml"))
        self.refuse(66, "--params: cannot open /none: No such file", "evaluate", job,
                    "--params", "/none")
        self.refuse(65, "--params: " + job, "evaluate", job, "--params", job)
        self.refuse(66, "/none/g.npy", "gradient", job, "--out", "/none/g.npy")
        self.refuse(65, "train-labels", "gradient", job,
                    "--set", f"data.train_features={self.path('train-labels')}")
        done = vexil("evaluate", job, "--params", self.folder)
        self.assertEqual(done.returncode, 66)
        self.assertIn("manifest.json", done.stderr)

    def test_parameters_of_another_model_are_refused(self):
        run = self.complete(rounds=2)
        folder = os.path.join(run.directory, "checkpoint-0000000002")
        self.refuse(65, "tensor 0 is layer1.weight (12, 36), of the model of this job "
                    "layer1.weight (13, 36)", "evaluate", run.job, "--params", folder,
                    "--set", "model.widths=[13]")
        self.refuse(65, "4 tensors, the model of this job has 2", "evaluate", run.job,
                    "--params", folder, "--set", "model={family: linear}")
        self.refuse(65, "model.loss.teacher: ", "gradient", run.job, "--set", "model.widths=[5]",
                    "--set", f"model.loss={{kind: distillation, teacher: {folder}}}")

    def test_targets_outside_of_the_likelihood_are_named(self):
        text = "y,x\n1,2\n-3,1\n"
        for name in ("train", "test"):
            with open(self.path(name + ".csv"), "w") as file:
                file.write(text)
        job = self.job(f"""name: t
rounds: 1
data: {{format: csv, train_features: train.csv, test_features: test.csv, csv: {{target: y}}}}
model: {{family: linear, likelihood: poisson}}
workers: {{count: 1}}
optimiser: {{step_size: 1}}
""")
        self.refuse(65, "test.csv: observation 1 has the target -3, model.likelihood: poisson "
                    "expects", "evaluate", job)
        self.refuse(65, "train.csv: observation 1 has the target -3", "gradient", job)

    def test_test_data_of_another_width_ends_the_run_with_the_reason(self):
        for name, text in (("train", "x,y\n1,2\n3,4\n"), ("test", "x,z,y\n1,2,3\n")):
            with open(self.path(name + ".csv"), "w") as file:
                file.write(text)
        job = self.job("""name: t
rounds: 2
data: {format: csv, train_features: train.csv, test_features: test.csv}
model: {family: linear, likelihood: gaussian}
workers: {count: 1, max_restarts: 0, start_timeout_s: 20}
optimiser: {step_size: 0.1}
""")
        done = vexil("train", job, "--run-dir", self.path("run"))
        self.assertNotEqual(done.returncode, 0)
        with open(self.path("run", "workers.log")) as file:
            log = file.read()
        self.assertIn("train.csv gives a model of 2 parameters, the server's test data one of 3",
                      log)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Each example trains to the test nll of the model that made its data, or to a stated bound."""
import glob
import json
import os
import shutil
import subprocess
import sys
import unittest

import numpy

from support import program, read_json, read_safetensors, temporary_folder, vexil

EXAMPLES = os.environ["VX_EXAMPLES"]
FASHION = "/usr/share/datasets/fashion-mnist"
ABOVE_THE_TRUTH = 0.02  # nats; 300 rounds of 400 observations of 7 parameters


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = temporary_folder()
        cls.folder = cls.temporary.name
        for path in glob.glob(os.path.join(EXAMPLES, "*.yaml")):
            shutil.copy(path, cls.folder)
        script = os.path.join(EXAMPLES, "make_data.py")
        subprocess.run([sys.executable, script, os.path.join(cls.folder, "data")], check=True)
        cls.truth = read_json(cls.folder, "data", "truth.json")
        done = vexil("likelihoods", "--json")
        cls.families = {row["name"] for row in json.loads(done.stdout)["rows"]}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def train(self, name, *words, run=None):
        job = os.path.join(self.folder, name + ".yaml")
        run = os.path.join(self.folder, run or "run-" + name)
        done = subprocess.run([program("vexil"), "train", job, "--run-dir", run, "--quiet", *words],
                              capture_output=True, text=True, timeout=250)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(run, "metrics.jsonl")) as file:
            losses = [json.loads(line)["loss"] for line in file]
        quarter = len(losses) // 4
        self.assertLess(sum(losses[-quarter:]), sum(losses[:quarter]))
        return read_json(run, "result.json")["test"]

    def train_to_the_truth(self, name, truth, *words):
        test = self.train(name, *words)
        self.assertLess(test["nll"], self.truth[truth] + ABOVE_THE_TRUTH)
        self.assertGreater(test["nll"], self.truth[truth] - ABOVE_THE_TRUTH)
        return test

    def train_images(self, name, rounds, nll, family=None):
        if not os.path.exists(FASHION):
            self.skipTest("dataset-fashion-mnist is not installed")
        if family is not None and family not in self.families:
            self.skipTest("there is no family " + family)
        test = self.train(name, "--rounds", str(rounds))
        self.assertLess(test["nll"], nll)

    def test_gaussian(self):
        test = self.train_to_the_truth("gaussian", "gaussian")
        self.assertIsNone(test["accuracy"])
        self.assertAlmostEqual(test["deviance"], 1, delta=0.1)  # squared error / variance

    def test_logistic(self):
        self.assertGreater(self.train_to_the_truth("logistic", "logistic")["accuracy"], 0.8)

    def test_poisson(self):
        self.train_to_the_truth("poisson", "poisson")

    def test_negative_binomial(self):
        self.train_to_the_truth("negative_binomial", "negative_binomial")

    def test_plugin(self):
        self.train_to_the_truth("plugin", "zero_inflated",
                                "--set", "model.plugin=" + os.environ["VX_PLUGIN"])

    def test_l1_holds_for_what_a_plugin_calls_weights(self):
        self.train("plugin", "--set", "model.plugin=" + os.environ["VX_PLUGIN"], "--rounds", "20",
                   "--set", "optimiser.l1=100", "--set", "optimiser.schedule.kind=constant",
                   run="run-plugin-l1")
        tensors = read_safetensors(os.path.join(self.folder, "run-plugin-l1",
                                                "checkpoint-0000000020", "parameters.safetensors"))
        self.assertEqual(numpy.abs(tensors["weight"]).max(), 0)
        self.assertNotEqual(tensors["bias"][0], 0)
        self.assertNotEqual(tensors["inflation"][0], 0)

    def test_bootstrap(self):
        self.train_to_the_truth("bootstrap", "poisson")
        run = os.path.join(self.folder, "run-bootstrap")
        done = vexil("evaluate", os.path.join(run, "job.yaml"), "--json",
                     "--params", os.path.join(run, "checkpoint-0000000300"))
        columns = json.loads(done.stdout)["columns"]
        nlls = [column["nll"] for column in columns]
        self.assertEqual(len(nlls), 100)
        self.assertGreater(max(nlls) - min(nlls), 1e-4)
        self.assertLess(max(nlls), self.truth["poisson"] + 2 * ABOVE_THE_TRUTH)

    def test_sparse(self):
        self.assertGreater(self.train("sparse")["accuracy"], 0.98)

    def test_csv(self):
        # 0.24 is the entropy of the noise of deviation 0.3; cells without an area cost the rest
        self.assertLess(self.train("csv")["nll"], 0.40)

    def test_categorical(self):
        self.train_images("categorical", 100, 0.75)

    def test_fashion_mnist(self):
        self.train_images("fashion-mnist", 60, 1.0)

    def test_lenet5(self):
        self.train_images("lenet5", 60, 1.7, "lenet5")

    def test_cnn_mnist(self):
        self.train_images("cnn_mnist", 40, 1.2, "cnn_mnist")

    def test_groups(self):
        self.train_images("groups", 40, 1.2, "cnn")
        self.train("groups", "--rounds", "40", "--set", "workers.ranks=1", run="run-alone")
        digests = [read_json(self.folder, run, "result.json")["parameters_digest"]
                   for run in ("run-groups", "run-alone")]
        self.assertEqual(digests[0], digests[1])

    def test_resmlp(self):
        self.train_images("resmlp", 60, 2.0, "resmlp")


if __name__ == "__main__":
    unittest.main(verbosity=2)

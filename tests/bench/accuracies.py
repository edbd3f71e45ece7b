#!/usr/bin/python3
"""Test accuracies by family and seed: accuracies.py VEXIL FOLDER OUT [SEEDS [FAMILY...]]

FOLDER has the four files of MNIST or Fashion-MNIST (then its path has the word fashion), idx or
idx.gz. Eight workers, nearest-neighbour mixing and the flag aggregator with f = 2, batch 32. byzfl
is the shape of ByzFL's benchmark (Gonzalez et al., 2025): 10 honest workers and 2 that flip signs,
batch 25, step 0.1, mixing and trimmed mean. Minutes a row on two cores. Runs stand in OUT.
"""
import json
import os
import subprocess
import sys

MOMENTS = {"fashion": (0.2860, 0.3530), "digits": (0.1307, 0.3081)}
EIGHT = {"workers.count": 8, "aggregation": "{rule: flag, pre: [nnm], byzantine: 2}",
         "data.batch": 32, "optimiser": "{step_size: 0.2, schedule: {kind: cosine}}"}
TWELVE = {"workers.count": 12, "data.batch": 25, "optimiser": "{step_size: 0.1}",
          "aggregation": "{rule: trimmed_mean, pre: [nnm], byzantine: 2}",
          "allow_fault_injection": "true", "faults": "[{kind: sign_flip, slots: [10, 11]}]"}
FAMILIES = {
    "linear": (1000, "{family: linear}", EIGHT),
    "mlp": (1500, "{family: mlp, widths: [128]}", EIGHT),
    "lenet5": (1500, "{family: lenet5}", EIGHT),
    "cnn_mnist": (1000, "{family: cnn_mnist}", EIGHT),
    "resmlp": (1000, "{family: resmlp, patch: 7, blocks: 2, hidden: 64}", EIGHT),
    "byzfl": (800, "{family: cnn_mnist}", TWELVE),
}


def find(folder, name):
    for end in ("", ".gz"):
        path = os.path.join(os.path.abspath(folder), name + end)
        if os.path.exists(path):
            return path
    sys.exit(f"{folder}: expected {name} or {name}.gz")


def job(folder, rounds, model):
    mean, deviation = MOMENTS["fashion" if "fashion" in folder else "digits"]
    return f"""name: accuracies
rounds: {rounds}
data:
  train_features: {find(folder, 'train-images-idx3-ubyte')}
  train_labels: {find(folder, 'train-labels-idx1-ubyte')}
  test_features: {find(folder, 't10k-images-idx3-ubyte')}
  test_labels: {find(folder, 't10k-labels-idx1-ubyte')}
  mean: {mean}
  deviation: {deviation}
model: {model}
"""


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    vexil, folder, out = sys.argv[1:4]
    seeds = int(sys.argv[4]) if len(sys.argv) > 4 else 2
    for family in sys.argv[5:] or FAMILIES:
        rounds, model, settings = FAMILIES[family]
        for seed in range(1, seeds + 1):
            run = os.path.join(out, f"{family}-{seed}")
            os.makedirs(out, exist_ok=True)
            with open(run + ".yaml", "w") as file:
                file.write(job(folder, rounds, model))
            words = [f"--set={key}={value}" for key, value in {**settings, "seed": seed}.items()]
            subprocess.run([vexil, "train", run + ".yaml", "--quiet", "--run-dir", run, *words],
                           check=True, stdout=subprocess.DEVNULL)
            with open(os.path.join(run, "result.json")) as file:
                test = json.load(file)["test"]
            print(f"{family:10} seed {seed}  {rounds} rounds  accuracy {test['accuracy']:.4f}  "
                  f"nll {test['nll']:.4f}", flush=True)


if __name__ == "__main__":
    main()

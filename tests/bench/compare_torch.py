#!/usr/bin/env python3
"""Gradients of network_bench and of PyTorch in turn, each model and batch, and the ratio.

    tests/bench/compare_torch.py build/release/bin/network_bench [READINGS]

Each takes READINGS (9) readings of CPU time, one after the other's; the least of each counts.
A ratio above 1: Vexil is faster. Both use one thread and the BLAS of the system.
"""
import os
import subprocess
import sys

MODELS = ["linear", "mlp-128", "mlp-512-512", "cnn_mnist"]
BATCHES = [64, 25]


class Child:
    def __init__(self, command):
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)

    def read(self, name, batch):
        try:
            self.process.stdin.write(f"{name} {batch}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            sys.exit(self.process.wait() or 1)
        return float(line)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    readings = int(sys.argv[2]) if len(sys.argv) == 3 else 9
    other = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_networks.py")
    own, torch = Child([sys.argv[1], "-"]), Child([sys.executable, other])
    print(f"{'model':12} {'batch':>5} {'vexil us':>10} {'torch us':>10} {'ratio':>6}")
    for batch in BATCHES:
        for name in MODELS:
            best = [1e9, 1e9]
            for _ in range(readings):
                for k, child in enumerate((own, torch)):
                    best[k] = min(best[k], child.read(name, batch))
            print(f"{name:12} {batch:5} {1e6 * best[0]:10.1f} {1e6 * best[1]:10.1f} "
                  f"{best[1] / best[0]:6.2f}", flush=True)


if __name__ == "__main__":
    main()

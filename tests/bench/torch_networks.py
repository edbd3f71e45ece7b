#!/usr/bin/env python3
"""Seconds of one gradient of the models of network_bench by PyTorch, in one thread.

Reads lines MODEL BATCH from standard input and answers each with one reading, CPU time, as
`network_bench -` does. Says so and exits with 77 when PyTorch is not installed.
"""
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: PyTorch is not installed (Debian: python3-torch)", file=sys.stderr)
    sys.exit(77)

SECONDS = 0.1
WARMUP = 3
CLASSES = 10


def dense(*widths):
    layers = []
    for k in range(len(widths) - 1):
        layers += [nn.Linear(widths[k], widths[k + 1]), nn.ReLU()]
    return layers[:-1]


def network(name):
    if name == "cnn_mnist":
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), *dense(800, 500, CLASSES))
    hidden = [int(width) for width in name.split("-")[1:]]
    return nn.Sequential(*dense(784, *hidden, CLASSES))


def read(name, batch):
    torch.manual_seed(1)
    net = network(name)
    features = torch.rand(batch, 784)
    labels = torch.randint(0, CLASSES, (batch,))
    loss = nn.CrossEntropyLoss()

    def step():
        net.zero_grad(set_to_none=True)  # the faster way: gradients are not added to zeros
        loss(net(features), labels).backward()

    for _ in range(WARMUP):
        step()
    count = 0
    start = time.process_time()
    while time.process_time() - start < SECONDS:
        step()
        count += 1
    return (time.process_time() - start) / count


def main():
    torch.set_num_threads(1)
    for line in sys.stdin:
        name, batch = line.split()
        print(f"{read(name, int(batch)):.9f}", flush=True)


if __name__ == "__main__":
    main()

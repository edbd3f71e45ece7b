#!/usr/bin/env python3
"""Makes the data of the examples: make_data.py [FOLDER], by default data beside the job files.

Features and targets are drawn from models with known parameters, so that the best test nll is
known: it goes to truth.json. Python's own library only; the same numbers each time.
"""
import json
import math
import os
import random
import struct
import sys

TRAIN, TEST, FEATURES = 4000, 2000, 6
WEIGHTS = [0.5, -0.4, 0.3, 0.2, -0.1, 0.0]
BIAS = 0.4


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def poisson(source, mean):
    """Knuth's method: the means are small."""
    limit, count, product = math.exp(-mean), 0, source.random()
    while product > limit:
        count += 1
        product *= source.random()
    return count


class Gaussian:
    variance = 0.25

    def draw(self, source, z):
        return source.gauss(z, math.sqrt(self.variance))

    def nll(self, y, z):
        return 0.5 * (math.log(2 * math.pi * self.variance) + (y - z) ** 2 / self.variance)


class Bernoulli:
    def draw(self, source, z):
        return int(source.random() < 1 / (1 + math.exp(-3 * z)))

    def nll(self, y, z):
        return softplus(3 * z) - y * 3 * z


class Poisson:
    def draw(self, source, z):
        return poisson(source, math.exp(z))

    def nll(self, y, z):
        return math.exp(z) - y * z + math.lgamma(y + 1)


class NegativeBinomial:
    dispersion = 0.5

    def draw(self, source, z):
        scale = self.dispersion * math.exp(z)
        return poisson(source, source.gammavariate(1 / self.dispersion, scale))

    def nll(self, y, z):
        r, odds = 1 / self.dispersion, z + math.log(self.dispersion)
        return (math.lgamma(y + 1) + math.lgamma(r) - math.lgamma(y + r) + y * softplus(-odds) +
                r * softplus(odds))


class ZeroInflatedPoisson(Poisson):
    zero = 0.3

    def draw(self, source, z):
        return 0 if source.random() < self.zero else super().draw(source, z)

    def nll(self, y, z):
        if y == 0:
            return -math.log(self.zero + (1 - self.zero) * math.exp(-math.exp(z)))
        return super().nll(y, z) - math.log(1 - self.zero)


def draw_rows(source, model, count):
    rows, total = [], 0.0
    for _ in range(count):
        x = [round(source.gauss(0, 1), 4) for _ in range(FEATURES)]
        z = BIAS + sum(w * value for w, value in zip(WEIGHTS, x))
        y = model.draw(source, z)
        total += model.nll(y, z)
        rows.append((x, y))
    return rows, total / count


def write_csv(path, rows):
    with open(path, "w") as file:
        file.write(",".join("x%d" % k for k in range(FEATURES)) + ",y\n")
        for x, y in rows:
            file.write(",".join("%g" % value for value in x) + ",%s\n" % y)


def write_npy(path, shape, values):
    """What numpy.save writes for float32."""
    sizes = "".join("%d, " % n for n in shape)
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }" % sizes
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack("<%df" % len(values), *values))


def write_pair(path, rows):
    features = [value for x, _ in rows for value in x]
    write_npy(path + "-features.npy", (len(rows), FEATURES), features)
    write_npy(path + "-targets.npy", (len(rows),), [y for _, y in rows])


def write_sparse(source, path, count):
    """Texts of two topics as counts of 500 words: a topic has own words beside common ones."""
    with open(path, "w") as file:
        for _ in range(count):
            topic, words = source.randrange(2), {}
            for _ in range(20):
                if source.random() < 0.25:
                    word = 1 + topic * 50 + source.randrange(50)
                else:
                    word = 101 + source.randrange(400)
                words[word] = words.get(word, 0) + 1
            counts = "".join(" %d:%d" % pair for pair in sorted(words.items()))
            file.write("%d%s\n" % (topic, counts))


def write_houses(source, path, count):
    """A table as people have it: numbers, text, a column that says nothing, empty cells."""
    kinds = {"flat": 0.0, "house": 1.0, "barn": -1.0}
    with open(path, "w") as file:
        file.write("id;area;kind;price\n")
        for i in range(count):
            area, kind = source.gauss(100, 20), source.choice(sorted(kinds))
            price = 2 + 0.02 * area + kinds[kind] + source.gauss(0, 0.3)
            shown = "" if source.random() < 0.02 else "%.1f" % area
            file.write('%d;%s;"%s";%.3f\n' % (i, shown, kind, price))


def main():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
    folder = sys.argv[1] if len(sys.argv) > 1 else beside
    os.makedirs(folder, exist_ok=True)
    truth = {}
    models = {"gaussian": Gaussian(), "logistic": Bernoulli(), "poisson": Poisson(),
              "negative_binomial": NegativeBinomial(), "zero_inflated": ZeroInflatedPoisson()}
    for name, model in models.items():
        source = random.Random(name)
        train, _ = draw_rows(source, model, TRAIN)
        test, truth[name] = draw_rows(source, model, TEST)
        for part, rows in (("train", train), ("test", test)):
            path = os.path.join(folder, "%s-%s" % (name, part))
            if name == "gaussian":
                write_pair(path, rows)
            else:
                write_csv(path + ".csv", rows)
    source = random.Random("more")
    for part, count in (("train", TRAIN), ("test", TEST)):
        write_sparse(source, os.path.join(folder, "topics-%s.svm" % part), count)
        write_houses(source, os.path.join(folder, "houses-%s.csv" % part), count)
    with open(os.path.join(folder, "houses-words.csv"), "w") as file:
        file.write("kind,barn,flat,house\n")
    # Means and deviations of area and of the three kinds, as the owner of the data knows them.
    write_npy(os.path.join(folder, "houses-scale.npy"), (2, 4), [100, 0, 0, 0, 20, 1, 1, 1])
    with open(os.path.join(folder, "truth.json"), "w") as file:
        json.dump(truth, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()

"""vexil aggregate on files of gradients, and what it says of those that it cannot use."""
import json
import os
import resource
import stat
import struct
import subprocess
import sys
import unittest

import numpy

from support import program, read_json, temporary_folder, vexil


def header(shape, dtype="<f4", fortran=False):
    text = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = temporary_folder()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        self.out = self.path("out.npy")
        self.report = self.path("report.json")

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, rows, dtype="float32"):
        path = self.path("rows.npy")
        numpy.save(path, numpy.asarray(rows, dtype))
        return path

    def rows(self, n=7, d=300, seed=1):
        random = numpy.random.default_rng(seed)
        return random.normal(size=d) + 0.1 * random.normal(size=(n, d))

    def aggregate(self, *words, code=0):
        done = vexil("aggregate", *words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done


class Aggregate(WithFolder):
    def run_rule(self, rows, *words, rule="mean", dtype="float32"):
        path = self.put(rows, dtype)
        done = self.aggregate("--rule", rule, "--in", path, "--out", self.out,
                              "--report", self.report, *words)
        update = numpy.load(self.out)
        self.assertEqual(update.dtype, dtype)
        self.assertEqual(update.shape, (numpy.asarray(rows).shape[1],))
        return update, read_json(self.report), done

    def test_the_mean_in_both_precisions(self):
        for dtype, limit in (("float32", 1e-6), ("float64", 1e-14)):
            rows = self.rows().astype(dtype)
            update, report, _ = self.run_rule(rows, dtype=dtype)
            numpy.testing.assert_allclose(update, rows.astype("float64").mean(0), limit, limit)
            self.assertEqual(report["format"], 1)
            self.assertEqual((report["rule"], report["pre"], report["byzantine"]), ("mean", [], 0))
            self.assertEqual((report["rows"], report["used"], report["dimension"]), (7, 7, 300))
            self.assertEqual(report["dtype"], dtype)
            numpy.testing.assert_allclose(report["weight"], [1 / 7] * 7, 1e-12)
            numpy.testing.assert_allclose(report["norm"], numpy.linalg.norm(rows, axis=1), 1e-6)
            away = numpy.linalg.norm(rows.astype("float64") - update, axis=1)
            numpy.testing.assert_allclose(report["distance"], away, 1e-5)
            self.assertAlmostEqual(report["update_norm"], numpy.linalg.norm(update), 4)

    def test_krum_chooses_a_row_and_says_which(self):
        rows = self.rows()
        rows[2] += 50
        update, report, _ = self.run_rule(rows, "--byzantine", "2", rule="krum", dtype="float64")
        chosen = report["weight"].index(1)
        self.assertNotEqual(chosen, 2)
        self.assertEqual(update.tolist(), rows[chosen].tolist())
        self.assertEqual(report["selected"], [i == chosen for i in range(7)])

    def test_the_median_by_hand(self):
        update, report, _ = self.run_rule([[1, 9, 0], [2, -8, 0], [3, 1, 5]], rule="median")
        self.assertEqual(update.tolist(), [2, 1, 0])
        self.assertEqual(report["weight"], [None] * 3)

    def test_pre_aggregators_in_their_order(self):
        rows = [[3, 4], [0, 1], [6, 8]]
        update, report, _ = self.run_rule(rows, "--pre", "clipping", "--set", "clip_norm=1")
        numpy.testing.assert_allclose(update, [0.4, 2.6 / 3], 1e-6)
        self.assertEqual(report["pre"], ["clipping"])
        rows = self.rows(9)
        one = self.run_rule(rows, "--pre", "unit", "--pre", "nnm", "-f", "3", dtype="float64")[0]
        other = self.run_rule(rows * numpy.arange(1, 10)[:, None], "--pre", "unit", "--pre", "nnm",
                              "-f", "3", dtype="float64")[0]
        numpy.testing.assert_allclose(one, other, 1e-10)

    def test_shares_weigh_the_rows(self):
        update, report, _ = self.run_rule([[1, 0], [0, 4]], "--share", "3,1", dtype="float64")
        self.assertEqual(update.tolist(), [0.75, 1])
        self.assertEqual(report["weight"], [0.75, 0.25])

    def test_options_reach_the_rule(self):
        rows = self.rows()
        whole = self.run_rule(rows, "--set", "subspace=7", "--set", "flag.scale=count",
                              "--set", "direction=raw", rule="flag", dtype="float64")[0]
        numpy.testing.assert_allclose(whole, rows.mean(0), 1e-8)
        done = self.run_rule(rows, "--set", "lambda=1000", rule="flag")[2]
        self.assertIn("flag.lambda 1000 is at or above", done.stderr)

    def test_centered_clipping_keeps_one_vector_beside_the_rows(self):
        peaks = []
        for d in (1000, 3000000):
            path = self.put(numpy.ones((3, d)))
            child = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
                     "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
            done = subprocess.run(
                [sys.executable, "-c", child, program("vexil"), "aggregate", "--quiet", "--rule",
                 "centered_clipping", "--in", path, "--out", self.out], check=True,
                capture_output=True, text=True, timeout=60)
            peaks.append(int(done.stdout) * 1024)
        vectors = (peaks[1] - peaks[0]) / (4 * 3000000)
        self.assertLess(vectors, 3 + 1.5)  # the rows are mapped from their file

    def test_the_bits_do_not_depend_on_threads(self):
        rows = self.rows(9, 20000)
        for rule in ("flag", "median"):
            one = self.run_rule(rows, "-f", "2", rule=rule)[0]
            four = self.run_rule(rows, "-f", "2", "--set", "threads=4", rule=rule)[0]
            self.assertEqual(one.tobytes(), four.tobytes())

    def test_the_bits_do_not_depend_on_the_threads_of_the_blas(self):
        path = self.put(self.rows(250, 600), "float64")
        for rule in ("flag", "smea", "caf"):
            made = []
            for threads in ("1", "2"):
                vexil("aggregate", "--rule", rule, "-f", "40", "--in", path, "--out", self.out,
                      "--report", self.report, check=True,
                      env=dict(os.environ, OPENBLAS_NUM_THREADS=threads))
                with open(self.out, "rb") as out, open(self.report, "rb") as report:
                    made.append((out.read(), report.read()))
            self.assertEqual(*made, rule)

    def test_a_row_that_is_not_finite_is_left_out_and_named(self):
        rows = self.rows()
        rows[3, 299] = numpy.nan
        rows[5, 0] = numpy.inf
        for dtype in ("float32", "float64"):
            update, report, done = self.run_rule(rows, dtype=dtype)
            kept = numpy.delete(rows, [3, 5], 0)
            numpy.testing.assert_allclose(update, kept.mean(0), 1e-5, 1e-6)
            self.assertIn("row 3 holds infinity or NaN", done.stderr)
            self.assertIn("row 5 holds infinity or NaN", done.stderr)
            self.assertEqual(report["used"], 5)
            self.assertEqual(report["present"], [i not in (3, 5) for i in range(7)])
            self.assertIsNone(report["norm"][3])

    def test_a_report_of_weights_has_no_more_than_the_rule_needs(self):
        rows = self.rows()
        for rule, needs in (("mean", False), ("median", False), ("krum", True)):
            full, whole, _ = self.run_rule(rows, "-f", "1", "--set", "report=full", rule=rule)
            same, short, done = self.run_rule(rows, "-f", "1", "--set", "report=weights", rule=rule)
            self.assertEqual(full.tobytes(), same.tobytes())
            self.assertEqual(whole["weight"], short["weight"])
            for name in ("norm", "reconstruction"):
                self.assertNotIn(None, whole[name], rule)
                self.assertEqual(short[name], whole[name] if needs else [None] * 7, rule)
            self.assertEqual(None in short["distance"], not needs, rule)
            self.assertIn(f"{rule}: 7 of 7 rows", done.stdout)

    def test_what_is_printed(self):
        path = self.put(self.rows())
        words = ("--rule", "krum", "-f", "1", "--pre", "nnm", "--in", path)
        text = self.aggregate(*words).stdout
        self.assertIn("krum behind nnm: 7 of 7 rows of 300 numbers, byzantine 1", text)
        self.assertEqual(len(text.splitlines()), 10)
        self.assertEqual(json.loads(self.aggregate(*words, "--json").stdout)["used"], 7)
        self.assertEqual(self.aggregate(*words, "--quiet").stdout, "")

    def test_the_list_has_rules_keys_and_requirements(self):
        listed = json.loads(self.aggregate("--list", "--json").stdout)
        rules = {rule["name"]: rule for rule in listed["rules"]}
        self.assertEqual(rules["krum"]["requirement"], "n >= 2f + 3")
        for rule in rules.values():
            for member in ("requirement", "cost", "weighted", "source"):
                self.assertTrue(rule[member], rule)
        self.assertIn("flag.lambda", [key["name"] for key in rules["flag"]["keys"]])
        self.assertIn("nnm", [pre["name"] for pre in listed["pre"]])
        self.assertIn("threads", [key["name"] for key in listed["keys"]])
        text = self.aggregate("--list").stdout
        self.assertLess(max(map(len, text.splitlines())), 80)
        plain = " ".join(text.split())
        for entry in listed["rules"] + listed["pre"] + [listed]:
            for member in ("requirement", "cost", "weighted", "source"):
                self.assertIn(entry.get(member, ""), plain)
            for key in entry["keys"]:
                self.assertIn("--set {name}={default} ({range}): {about}".format(**key), plain)
        for name in list(rules) + [pre["name"] for pre in listed["pre"]]:
            self.assertIn(f"\n  {name}\n", text)

    def test_the_bench_gives_times(self):
        words = ("--rule", "flag", "-f", "2", "--bench", "7x20000")
        found = json.loads(self.aggregate(*words, "--json").stdout)
        self.assertEqual((found["rule"], found["rows"], found["dimension"]), ("flag", 7, 20000))
        self.assertGreater(found["seconds"], 0)
        self.assertGreater(found["measured_seconds"], 0)
        self.assertIn("flag on (7, 20000) float32, 1 threads", self.aggregate(*words).stdout)


class AggregateBadInput(WithFolder):
    def refuse(self, code, said, *words, path=None, rule="krum"):
        path = path or self.put(self.rows())
        done = self.aggregate("--rule", rule, "--in", path, "--out", self.out,
                              "--report", self.report, *words, code=code)
        self.assertIn(said, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), [os.path.basename(path)])

    def refuse_file(self, code, said, content, rule="krum"):
        path = self.path("bad.npy")
        with open(path, "wb") as file:
            file.write(content)
        self.refuse(code, said, "-f", "2", path=path, rule=rule)
        os.remove(path)

    def test_too_many_byzantine_rows(self):
        self.refuse(78, "krum needs n >= 2f + 3: n = 6, f = 2", "-f", "2",
                    path=self.put(self.rows(6)))
        for rule in json.loads(self.aggregate("--list", "--json").stdout)["rules"]:
            if rule["name"] != "mean":
                said = f"rows.npy: {rule['name']} needs {rule['requirement']}: n = 7, f = 4"
                self.refuse(78, said, "--byzantine", "4", rule=rule["name"])
        self.refuse(78, "rows.npy: nnm needs n >= 2f + 1: n = 7, f = 4", "-f", "4", "--pre", "nnm",
                    rule="mean")
        for bad in ("1024", "5000", "99999999999999999999", "-1", "x", "1.5", ""):
            self.refuse(2, f"--byzantine: expected a number from 0 to 1023, found '{bad}'",
                        f"--byzantine={bad}")

    def test_shapes_that_are_none(self):
        self.refuse_file(65, "shape (n, d), a row a worker, found 1 dimension;",
                         header("(6,)") + bytes(24))
        self.refuse_file(65, "found 3 dimensions", header("(2, 3, 1)") + bytes(24))
        self.refuse_file(65, "bad.npy: krum needs d >= 1: its 7 rows have d = 0 numbers",
                         header("(7, 0)"))
        self.refuse_file(65, "bad.npy: krum needs d >= 1", header("(0, 0)"))
        self.refuse_file(65, "1025 rows, at most 1024", header("(1025, 1)") + bytes(4100))

    def test_too_few_rows_are_told_with_file_and_requirement(self):
        for rule in json.loads(self.aggregate("--list", "--json").stdout)["rules"]:
            name, needs = rule["name"], rule["requirement"]
            self.refuse_file(78, f"bad.npy: {name} needs {needs}: n = 0, f = 2",
                             header("(0, 3)"), rule=name)
            if name != "mean":
                self.refuse_file(78, f"bad.npy: {name} needs {needs}: n = 1, f = 2",
                                 header("(1, 3)") + bytes(12), rule=name)
            self.refuse_file(78, f"bad.npy: {name} needs {needs}: n = 0 (of 11, 11 absent), f = 2",
                             header("(11, 3)") + numpy.full(33, numpy.nan, "<f4").tobytes(),
                             rule=name)

    def test_forms_that_are_not_read(self):
        self.refuse_file(65, "Fortran order", header("(7, 3)", fortran=True) + bytes(84))
        self.refuse_file(65, "big-endian", header("(7, 3)", ">f4") + bytes(84))
        for dtype in ("<i4", "<f2", "<c8", "|b1", "|O4", "float32"):
            said = f"bad.npy: expected numbers of kind '<f4' or '<f8', found \"{dtype}\""
            self.refuse_file(65, said, header("(7, 3)", dtype) + bytes(84))
        self.refuse_file(65, "bad.npy: offset 0: this is no NPY file; numpy.save writes one",
                         b"no array at all")
        self.refuse_file(65, "bad.npy: truncated: expected at least 12 bytes, found 0", b"")

    def test_a_header_that_lies(self):
        for shape in ("(9, 3)", "(7, 4)", "(4611686018427387904, 4)", "(1024, 1048576)"):
            self.refuse_file(65, "bad.npy: ", header(shape) + bytes(84))
        self.refuse_file(65, "needs 80 bytes of values at offset 128, there are 84",
                         header("(5, 4)") + bytes(84))
        self.refuse_file(65, "needs 168 bytes of values at offset 128, there are 84 (truncated)",
                         header("(7, 3)", "<f8") + bytes(84))

    def test_a_truncated_file(self):
        whole = header("(7, 3)") + bytes(84)
        for size in (len(whole) - 1, len(whole) - 84, 60, 9, 3):
            self.refuse_file(65, "bad.npy", whole[:size])

    def test_no_row_is_there(self):
        path = self.put(numpy.full((7, 4), numpy.nan))
        done = self.aggregate("--rule", "krum", "-f", "1", "--in", path, "--out", self.out,
                              "--report", self.report, code=78)
        self.assertIn("krum needs n >= 2f + 3: n = 0 (of 7, 7 absent), f = 1", done.stderr)
        self.assertEqual(os.listdir(self.folder), ["rows.npy"])

    def test_names_and_values_that_are_none(self):
        self.refuse(78, "--rule: no rule 'krumm'; there are mean,", rule="krumm")
        self.refuse(78, "--pre: no pre-aggregator 'mix'; there are nnm", "--pre", "mix")
        self.refuse(78, "no key 'taus'; krum has compat, threads, report, clip_norm, "
                    "clip_quantile\n", "--set", "taus=1", "--pre", "clipping")
        self.refuse(78, "pivot: expected a slot, 0 .. 6, found 7", "--set", "pivot=7", rule="monna")
        self.refuse(78, "tau: expected above 0, found '-1'", "--set", "tau=-1",
                    rule="centered_clipping")
        self.refuse(78, "iterations", "--set", "iterations=2.5", rule="geometric_median")
        self.refuse(78, "expected paper | byzfl", "--set", "compat=peer")
        self.refuse(78, "--share: expected 7 numbers", "--share", "1,2")
        self.refuse(78, "--share: expected numbers above 0", "--share", "1,1,1,1,1,1,nan")

    def test_a_key_that_the_rule_does_not_read(self):
        every = "compat, threads, report"
        self.refuse(78, f"--set tau=3: krum does not read it; it has {every}\n", "--set", "tau=3")
        self.refuse(78, f"--set flag.lambda=1: krum does not read it; it has {every}\n",
                    "--set", "flag.lambda=1")
        self.refuse(78, f"--set bucket_size=3: krum does not read it; it has {every}, clip_norm, "
                    "clip_quantile\n", "--set", "bucket_size=3", "--pre", "clipping")
        self.aggregate("--rule", "krum", "--bench", "7x9", "--set", "tau=3", code=78)
        self.aggregate("--rule", "krum", "--in", self.put(self.rows()), "--quiet", "--set",
                       "bucket_size=1", "--set", "threads=2", "--pre", "bucketing")

    def test_wrong_use(self):
        path = self.put(self.rows())
        for words in ([], ["--rule", "mean"], ["--in", path], ["--rule", "mean", "--in", path, "x"],
                      ["--rule", "mean", "--in", path, "--bench", "3x3"],
                      ["--rule", "mean", "--in", path, "--set", "tau"],
                      ["--rule", "mean", "--in", path, "-f", "-1"], ["--list", "--in", path]):
            self.aggregate(*words, code=2)
        for shape in ("3", "0x5", "3x0", "3x", "axb", "2000x3", "3x3x3"):
            self.aggregate("--rule", "mean", "--bench", shape, code=78)
        self.assertEqual(os.listdir(self.folder), ["rows.npy"])

    def test_files_that_cannot_be_read_or_written(self):
        self.aggregate("--rule", "mean", "--in", self.path("none.npy"), "--out", self.out, code=66)
        path = self.put(self.rows())
        for out, report in ((self.path("no/out.npy"), self.report),
                            (self.out, self.path("no/report.json"))):
            done = vexil("aggregate", "--rule", "mean", "--in", path, "--out", out,
                         "--report", report)
            self.assertIn(done.returncode, (66, 74), done.stderr)
            self.assertIn("no/", done.stderr)
            self.assertEqual(os.listdir(self.folder), ["rows.npy"])

    def test_what_was_there_stands_when_one_of_two_files_cannot_be_written(self):
        path = self.put(self.rows())
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        for old in (self.out, self.report):
            with open(old, "w", encoding="utf-8") as file:
                file.write("old")
        listed = sorted(os.listdir(self.folder))
        bad = [self.path("folder"), self.path("pipe"), "/dev/full", self.path("no/file")]
        for out, report in [(x, self.report) for x in bad] + [(self.out, x) for x in bad]:
            done = vexil("aggregate", "--rule", "mean", "--in", path, "--out", out,
                         "--report", report)
            self.assertIn(done.returncode, (66, 74), done.stderr)
            self.assertIn(out if out != self.out else report, done.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), listed)
            for old in (self.out, self.report):
                with open(old, encoding="utf-8") as file:
                    self.assertEqual(file.read(), "old")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def test_a_disk_that_is_full_loses_nothing(self):
        path = self.put(self.rows(7, 5000))
        with open(self.report, "w", encoding="utf-8") as file:
            file.write("old")
        words = ("aggregate", "--rule", "mean", "--in", path, "--out", self.out,
                 "--report", self.report)
        done = vexil(*words, restore_signals=False,  # Python ignores SIGXFSZ
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000)))
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn(self.out, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["report.json", "rows.npy"])
        with open(self.report, encoding="utf-8") as file:
            self.assertEqual(file.read(), "old")

    def test_one_file_has_one_part(self):
        path = self.put(self.rows())
        before = numpy.load(path)
        os.symlink(self.folder, self.path("link"))
        self.addCleanup(os.remove, self.path("link"))
        other = self.path("link/rows.npy")
        for out, report, said in ((other, self.report, "--out"), (self.out, other, "--report"),
                                  (self.out, self.path("link/out.npy"), "is the file of --out")):
            done = self.aggregate("--rule", "mean", "--in", path, "--out", out,
                                  "--report", report, code=2)
            self.assertIn(said, done.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), ["link", "rows.npy"])
        self.assertEqual(numpy.load(path).tobytes(), before.tobytes())


if __name__ == "__main__":
    sys.exit(unittest.main())

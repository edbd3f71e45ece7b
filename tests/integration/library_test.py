"""libvexil_aggregate as a program meets it: installed, found by pkg-config, linked, loaded."""
import os
import re
import shutil
import subprocess
import sys
import unittest

from support import temporary_folder

BUILD = os.environ["VX_BUILD"]


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


# flag, smea and caf on made rows: a digest of each update and of its numbers a row.
GUEST = """
import ctypes, hashlib, random, sys
sys.path.insert(0, sys.argv[1])
import aggregate
library = aggregate.load(sys.argv[2])
blas = ctypes.CDLL("libopenblas.so.0")
n, d = 250, 300
draw = random.Random(1)
shared = [draw.gauss(0, 1) for _ in range(d)]
rows = (ctypes.c_double * (n * d))(*(shared[k] + draw.gauss(0, 1)
                                     for _ in range(n) for k in range(d)))
for rule in (b"flag", b"smea", b"caf"):
    v, update, ratio = ctypes.c_void_p(), (ctypes.c_double * d)(), (ctypes.c_double * n)()
    assert library.vexil_create(rule, b"", 40, b"", None, n, d, ctypes.byref(v)) == 0
    assert library.vexil_run_f64(v, rows, n, d, d, None, update) == 0, library.vexil_error()
    assert library.vexil_report_list(v, b"reconstruction", ratio, n, None) == 0
    print(rule.decode(), hashlib.sha256(bytes(update) + bytes(ratio)).hexdigest())
    library.vexil_destroy(v)
print(blas.openblas_get_num_threads(), file=sys.stderr)
"""


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = temporary_folder()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.prefix = os.path.join(cls.temporary.name, "prefix")
        run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "library")
        cls.found = {}
        for folder, _, names in os.walk(cls.prefix):
            for name in names:
                cls.found[name] = os.path.join(folder, name)
        cls.library = cls.found["libvexil_aggregate.so.0"]
        cls.environment = dict(
            os.environ, LD_LIBRARY_PATH=os.path.dirname(cls.library),
            PKG_CONFIG_PATH=os.path.dirname(cls.found["vexil-aggregate.pc"]))

    def flags(self, *words):
        return run("pkg-config", *words, "vexil-aggregate", env=self.environment).split()

    def build(self, compiler, source, *words):
        program = os.path.join(self.temporary.name, os.path.basename(source).replace(".", "-"))
        run(*compiler, *words, source, *self.flags("--cflags", "--libs"), "-o", program,
            cwd=self.temporary.name)
        return program

    def expect(self, text, updates):
        """The first five vectors that are right agree on about 1; the wrong ones have no weight."""
        rows = [line.split() for line in text.splitlines()]
        for row in rows:
            values = [float(value) for value in row[1:]]
            if row[0] == "update":
                self.assertTrue(all(1 <= value < 1.05 for value in values), row)
            else:
                self.assertEqual(values[:2], [0, 0])
                self.assertAlmostEqual(sum(values), 1, 5)
        self.assertEqual([row[0] for row in rows].count("update"), updates)
        self.assertEqual(len({tuple(row) for row in rows if row[0] == "update"}), 1)

    def test_only_public_symbols_are_exported(self):
        names = [line.split()[-1] for line in
                 run("nm", "-D", "--defined-only", self.library).splitlines()]
        with open(self.found["aggregate.h"]) as file:
            public = re.findall(r"^VEXIL_API .*?(vexil_\w+)\(", file.read(), re.MULTILINE)
        self.assertEqual(sorted(names), sorted(public))
        self.assertIn("[libvexil_aggregate.so.0]", run("readelf", "-d", self.library))

    def test_the_header_is_c89_and_the_c_example_runs(self):
        program = self.build(["cc"], self.found["aggregate.c"], "-std=c89", "-pedantic", "-Wall",
                             "-Wextra", "-Werror")
        self.expect(run(program, env=self.environment), 2)

    def test_the_python_example_runs(self):
        self.expect(run(sys.executable, self.found["aggregate.py"], env=self.environment), 1)

    def test_the_fortran_example_runs(self):
        compiler = shutil.which("gfortran") or shutil.which("gfortran-12")
        if compiler is None:
            self.skipTest("there is no Fortran compiler")
        self.expect(run(self.build([compiler], self.found["aggregate.f90"], "-Wall"),
                        env=self.environment), 1)

    def test_the_bits_do_not_depend_on_the_threads_of_the_blas_and_its_number_stays(self):
        made, threads = [], min(2, os.cpu_count())
        for count in (1, threads):
            done = subprocess.run(
                [sys.executable, "-c", GUEST, os.path.dirname(self.found["aggregate.py"]),
                 self.library], capture_output=True, text=True, timeout=100,
                env=dict(self.environment, OPENBLAS_NUM_THREADS=str(count)))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.split(), [str(count)])
            made.append(done.stdout)
        self.assertEqual(made[0], made[1])
        self.assertEqual(made[0].count("\n"), 3)

    def test_the_version_is_that_of_pkg_config(self):
        version = self.flags("--modversion")[0]
        self.assertIn(f"libvexil_aggregate.so.{version}", self.found)


if __name__ == "__main__":
    sys.exit(unittest.main())

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

    def test_the_version_is_that_of_pkg_config(self):
        version = self.flags("--modversion")[0]
        self.assertIn(f"libvexil_aggregate.so.{version}", self.found)


if __name__ == "__main__":
    sys.exit(unittest.main())

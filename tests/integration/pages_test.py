"""What the processes of workers map of a file of data."""
import os
import re
import sys
import unittest

import numpy

from group_test import OfGroups, SLOW, of_groups
from support import parent_of, wait_for, write_idx


def save(path, values):
    with open(path, "wb") as file:
        numpy.save(file, values)


class OfPages(OfGroups):
    """Of a file that is mapped a rank has the rows of its own blocks, and no others."""
    ROWS, SIZE, BATCH = 128, 1 << 19, 16  # SIZE: bytes of a row
    AROUND = 1 << 16  # what a fault maps of the page cache at once

    def write_wide(self, write, kind):
        random = numpy.random.default_rng(8)
        for name, count in (("train", self.ROWS), ("test", 2)):
            path = os.path.join(self.folder, name + "-features")
            shape = (count, self.SIZE // numpy.dtype(kind).itemsize)
            write(path, random.integers(0, 256, shape, dtype=numpy.uint8).astype(kind))
            write(os.path.join(self.folder, name + "-labels"),
                  (numpy.arange(count) % 2).astype(numpy.uint8))
            with open(path, "rb") as file:
                content = file.read()
            os.unlink(path)
            with open(path, "wb", buffering=0) as file:  # so that the cache has no huge pages
                for at in range(0, len(content), 4096):
                    file.write(content[at:at + 4096])

    def mapped(self, pid):
        """Bytes of the training file that are in the page table of a process."""
        with open(f"/proc/{pid}/smaps") as file:
            text = file.read()
        return sum(int(size) << 10 for size in re.findall(
            r"/train-features\n(?:[A-Z]\w+: .*\n)*?Rss: +(\d+) kB", text))

    def hold(self, ranks, workers, *options):
        """The most that a rank may have mapped when each row of its shard was drawn once, and what
        each has, in order."""
        last = self.ROWS // workers // self.BATCH - 1
        slots = list(range(workers))
        extra = SLOW.replace("[0]", str(slots)).replace("0.02}", f"60, from_round: {last}}}")
        run = self.begin(ranks=ranks, workers=workers, name=f"run-{ranks}", extra=extra, options=(
            "--set", "model.widths=[1]", *options))
        run.wait_for_rounds(last - 1)
        pids = [self.leader(run, slot) for slot in slots]
        if ranks > 1:
            groups = [parent_of(pid) for pid in pids]
            pids = [pid for pid in of_groups() if parent_of(pid) in groups]
        self.assertEqual(len(pids), ranks * workers)
        least = self.ROWS // len(pids) * self.SIZE
        wait_for(lambda: all(self.mapped(pid) >= least for pid in pids), 60, "all rows")
        found = [self.mapped(pid) for pid in pids]
        run.kill()
        shares = [f"{size / (self.ROWS * self.SIZE):.3f}" for size in found]
        print(f"  {workers} workers of {ranks}: ranks have {', '.join(shares)} of the file",
              flush=True)
        return least * (self.SIZE + self.AROUND) // self.SIZE, sorted(found)


class GroupPages(OfPages):
    def test_a_rank_maps_the_rows_of_its_own_blocks(self):
        self.write_wide(write_idx, numpy.uint8)
        for ranks in (1, 2):
            most, found = self.hold(ranks, 2)
            self.assertLessEqual(found[-1], most)


class LongPages(OfPages):
    def test_one_rank_checks_the_rows_of_the_shard_and_the_other_maps_its_own(self):
        """Of floats: infinity and NaN are looked for before the first round."""
        self.write_wide(save, numpy.float32)
        most, found = self.hold(2, 2, "--set", "data.format=npy")
        self.assertLessEqual(found[1], most)
        self.assertLessEqual(found[3], 2 * most)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

"""Each operation and each allocation of a running server fails, or is the last that it does."""
import sys
import unittest

from faulty import Fault, Faulty, can

# A commit is a record in the log of the ledger and a row; a checkpoint is files in a folder, its
# name, and the end of the one before it.
COMMIT = ("ledger.* *-wal", "file.write metrics.jsonl", "file.write events.jsonl")
CHECKPOINT = ("* *checkpoint-*", "file.sync run-*")
ERRORS = ("file.*", "ledger.*")


class Steps(Faulty):
    def test_27_an_error_at_each_step_of_a_commit(self):
        """27 (I1 I10 I11): of the ledger's log, and of the files that tell of a round."""
        self.clean_digests()
        self.trials([Fault(kind, number, how, path)
                     for kind, number, path in self.steps(self.operations, *COMMIT)
                     for how in ("EIO", "ENOSPC", "short") if can(kind, how)])

    def test_27_an_error_at_each_step_of_a_checkpoint(self):
        """27 (I1 I10 I11): of one of its files, of its manifest and of its name."""
        self.clean_digests()
        self.trials([Fault(kind, number, "EIO", path)
                     for kind, number, path in self.steps(self.operations, *CHECKPOINT)
                     if "optimiser" not in path and "workers" not in path])

    def test_09_a_crash_at_each_step_of_a_commit(self):
        """9 (I1 I4 I11): the server dies instead of it, or in the middle of what it writes."""
        self.clean_digests()
        self.trials([Fault(kind, number, how, path)
                     for kind, number, path in self.steps(self.operations, *COMMIT)
                     for how in ("kill", "torn") if can(kind, how)])

    def test_31_no_memory(self):
        """31 (I1 I10): at the start, in rounds, for a checkpoint and at the end."""
        self.clean_digests()
        self.trials([Fault(kind, 1 + number * self.counts[kind] // 8, "ENOMEM")
                     for kind in ("memory", "json") for number in range(8)])


class Resumed(Faulty):
    def test_27_what_cannot_be_read_is_not_lost(self):
        """27 (I1 I11): a checkpoint or a record that a device does not give is not damaged."""
        origin = self.killed_run()
        self.trials([Fault("file.read", 1, "EIO", "checkpoint-*/manifest.json"),
                     Fault("file.read", 1, "EIO", "checkpoint-*/parameters.safetensors"),
                     Fault("file.open", 1, "EMFILE", "checkpoint-*/workers.safetensors"),
                     Fault("file.read", 2, "EIO", "metrics.jsonl"),
                     Fault("ledger.open", 1, "EIO", "*-wal"),
                     Fault("ledger.read", 1, "EIO", "ledger.db"),
                     Fault("ledger.read", 40, "EIO", "*-wal", 0)], origin)

    def test_27_errors_at_a_start(self):
        """27 (I1 I10 I11): the epoch, the card, the journal and the log that is moved."""
        origin = self.killed_run()
        operations, _ = self.resumed(origin)
        self.trials([Fault(kind, number, "EIO", path) for kind, number, path in self.steps(
            operations, "ledger.* ledger.db", "file.[ors]* epoch*", "file.* server.json.tmp*")],
            origin)


class Found(Faulty):
    def test_what_once_went_wrong(self):
        """Ended with another code, left its card behind or did not say what had failed."""
        self.clean_digests()
        self.trials([Fault("file.info", 2, "EIO"),
                     Fault("file.sync", 4, "EIO", "run-*"),
                     Fault("ledger.open", 1, "EIO", "ledger.db"),
                     Fault("ledger.open", 2, "EIO", "ledger.db-journal"),
                     *(Fault("ledger.read", number, "EIO", "ledger.db")
                       for number in (3, 4, 5))])

    def test_27_the_last_checkpoint_is_not_made(self):
        """27 (I1): a run whose rounds are all made has not ended well without it."""
        first = self.trial(Fault("file.rename", 1, "EIO", "checkpoint-*"),
                           **{"checkpoint.every": 1000})
        self.assertEqual(first.code, 74)

    def test_31_rows_are_whole_or_missing(self):
        """31: every allocation of the first rows of metrics.jsonl and events.jsonl."""
        self.clean_digests()
        self.trials([Fault("json", number, "ENOMEM") for number in range(250, 430, 9)])


class EveryError(Faulty):
    def test_27_every_operation_fails(self):
        """27 (I1 I10 I11)"""
        self.clean_digests()
        self.trials(self.every(self.counts, ("EIO",), ERRORS))

    def test_27_every_operation_of_a_resumed_run_fails(self):
        """27 (I1 I10 I11)"""
        origin = self.killed_run()
        self.trials(self.every(self.resumed(origin)[1], ("EIO",), ERRORS), origin)


class EveryOther(Faulty):
    def test_27_other_errors(self):
        """26 27 32 (I1 I10 I11): no space, no descriptor, half of it, interrupted."""
        self.clean_digests()
        self.trials(self.every(self.counts, ("ENOSPC", "EMFILE", "short", "EINTR"), ERRORS))

    def test_27_a_device_that_fails_for_good(self):
        """27 (I1 I10 I11): everything of this kind fails from then on."""
        self.clean_digests()
        self.trials([Fault(fault.kind, fault.number, fault.how, "", 0)
                     for fault in self.every(self.counts, ("EIO", "ENOSPC"), ERRORS)
                     if fault.number % 5 == 1])


class EveryKill(Faulty):
    def test_09_a_crash_at_every_operation(self):
        """9 (I1 I4 I11)"""
        self.clean_digests()
        self.trials(self.every(self.counts, ("kill", "torn"), ERRORS))

    def test_08_a_crash_at_every_operation_of_a_resumed_run(self):
        """8 (I1 I4 I11)"""
        origin = self.killed_run()
        self.trials(self.every(self.resumed(origin)[1], ("kill", "torn"), ERRORS), origin)


class EveryAllocation(Faulty):
    def test_31_every_allocation_fails(self):
        """31 (I1 I10): spread over the run."""
        self.clean_digests()
        self.trials(self.every(self.counts, ("ENOMEM",), ("memory", "json")))

    def test_31_every_allocation_of_a_resumed_run_fails(self):
        """31 (I1 I10)"""
        origin = self.killed_run()
        self.trials(self.every(self.resumed(origin)[1], ("ENOMEM",), ("memory", "json")), origin)


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)

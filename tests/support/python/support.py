"""Helpers for tests with real processes: a small data set, job files, programs and their files."""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

import numpy

BIN = os.environ["VX_BIN"]
CLASSES, SIDE = 4, 6
LIBC = ctypes.CDLL(None)


def die_with_the_test():
    """For preexec_fn: whatever ends this process ends the child."""
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def stat_of(pid):
    """Fields of /proc/PID/stat behind the name, which can hold anything."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def parent_of(pid):
    return int(stat_of(pid)[1])


def cpu_ticks(pid):
    return sum(int(field) for field in stat_of(pid)[11:13])


def write_idx(path, values):
    values = numpy.asarray(values, dtype=numpy.uint8)
    with open(path, "wb") as file:
        file.write(struct.pack(">BBBB", 0, 0, 8, values.ndim))
        file.write(struct.pack(">" + "I" * values.ndim, *values.shape))
        file.write(values.tobytes())


def write_data(folder, train=480, test=200):
    """Images of CLASSES bright quarters with noise: easy, so that accuracy tells."""
    random = numpy.random.default_rng(3)
    for name, count in (("train", train), ("test", test)):
        labels = random.integers(0, CLASSES, count)
        images = random.integers(0, 120, (count, SIDE, SIDE))
        half = SIDE // 2
        for image, label in zip(images, labels):
            row, column = divmod(int(label), 2)
            image[row * half:(row + 1) * half, column * half:(column + 1) * half] += 100
        write_idx(os.path.join(folder, name + "-features"), images)
        write_idx(os.path.join(folder, name + "-labels"), labels)


def job_text(folder, workers=4, rounds=30, rule="flag", byzantine=1, extra=""):
    return f"""name: small
seed: 5
rounds: {rounds}
data:
  train_features: {folder}/train-features
  train_labels: {folder}/train-labels
  test_features: {folder}/test-features
  test_labels: {folder}/test-labels
  batch: 16
model:
  family: mlp
  widths: [12]
workers:
  count: {workers}
  start_timeout_s: 60
aggregation:
  rule: {rule}
  byzantine: {byzantine}
optimiser:
  step_size: 0.1
{extra}"""


def launcher(workers):
    command = ["mpirun", "-n", str(workers), "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
    if os.geteuid() == 0:
        command.insert(1, "--allow-run-as-root")
    return command


def environment():
    values = dict(os.environ)
    if os.geteuid() == 0:
        values.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return values


def program(name):
    return os.path.join(BIN, name)


def vexil(*words, **options):
    return subprocess.run([program("vexil"), *words], capture_output=True, text=True, timeout=20,
                          **options)


def read_json(*path):
    with open(os.path.join(*path)) as file:
        return json.load(file)


def wait_for(condition, seconds=60, what="condition"):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {seconds} s")


def read_safetensors(path):
    """By the format's rules alone."""
    with open(path, "rb") as file:
        content = file.read()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    header.pop("__metadata__", None)
    body = content[8 + size:]
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        assert begin == end and entry["dtype"] == "F32", (name, entry)
        end = stop
        tensors[name] = numpy.frombuffer(body[begin:stop], "<f4").reshape(entry["shape"])
    assert end == len(body)
    return tensors


def processes_of(folder):
    """Processes whose arguments or environment of arguments name this folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if int(pid) != os.getpid() and any(folder.encode() in word for word in words):
            found.append((int(pid), words))
    return found


class Run:
    """One run directory with its server and, when started, its mpirun."""

    def __init__(self, folder, name="run", **job):
        self.folder = folder
        self.directory = os.path.join(folder, name)
        self.job = os.path.join(folder, name + ".yaml")
        with open(self.job, "w") as file:
            file.write(job_text(folder, **job))
        self.workers = job.get("workers", 4)
        self.server = self.mpirun = None

    def start_server(self, *options):
        self.server = subprocess.Popen(
            [program("vexild"), "--job", self.job, "--run-dir", self.directory, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return self

    def start_workers(self, *options, workers=None, inside=()):
        """inside: words before those of mpirun."""
        source = options or ("--run-dir", self.directory)
        self.mpirun = subprocess.Popen(
            [*inside, *launcher(workers or self.workers), program("vexil-worker"), *source],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment())
        return self

    def card(self):
        path = os.path.join(self.directory, "server.json")
        return wait_for(lambda: os.path.exists(path) and read_json(path), 30, "server.json")

    def finish(self, seconds=120):
        """Exit codes of server and mpirun, and what they wrote to standard error."""
        codes, texts = [], []
        for process in (self.server, self.mpirun):
            if process is None:
                continue
            try:
                _, text = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as late:
                left = "\n".join(f"{pid}: {words}" for pid, words in processes_of(self.folder))
                process.send_signal(signal.SIGKILL)
                _, text = process.communicate()
                raise AssertionError(f"still there after {seconds} s: {left}\nit wrote: {text}\n"
                                     f"before it: {codes} {texts}") from late
            codes.append(process.returncode)
            texts.append(text)
        return codes, texts

    def result(self):
        return read_json(self.directory, "result.json")

    def metrics(self):
        path = os.path.join(self.directory, "metrics.jsonl")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            text = file.read()  # at once: a server that goes on cuts the file while it is read
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def events(self, kind=None):
        path = os.path.join(self.directory, "events.jsonl")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            rows = [json.loads(line) for line in file if line.endswith("\n")]
        return [row for row in rows if kind is None or row["event"] == kind]

    def wait_for_rounds(self, count):
        path = os.path.join(self.directory, "metrics.jsonl")

        def are_there():
            code = self.server.poll() if self.server is not None else None
            if code is not None and code not in (0, -signal.SIGKILL):
                raise AssertionError(f"vexild ended with {code}: {self.server.communicate()[1]}")
            return os.path.exists(path) and len(self.metrics()) > count

        wait_for(are_there, 60, "the rounds")

    def kill(self):
        for process in (self.server, self.mpirun):
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()


def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="vexil-it-")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

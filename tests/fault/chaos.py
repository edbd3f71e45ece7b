"""Drives the program chaos_proxy."""
import json
import os
import subprocess
import threading

from support import wait_for

PROGRAM = os.environ["VX_CHAOS_PROXY"]


class Proxy:
    def __init__(self, to, seed=1, seconds=300, listen=0, before=()):
        """to, listen: a port of 127.0.0.1, or ADDRESS:PORT; before: words before the program."""
        self.process = subprocess.Popen(
            [*before, PROGRAM, "--to", str(to), "--listen", str(listen), "--seed", str(seed),
             "--seconds", str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.rows, self.lock, self.answers = [], threading.Lock(), 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = self.wait("listen")["port"]

    def _read(self):
        for line in self.process.stdout:
            row = json.loads(line)
            with self.lock:
                self.rows.append(row)

    def events(self, kind=None, **like):
        with self.lock:
            rows = list(self.rows)
        return [row for row in rows if (kind is None or row["event"] == kind) and
                all(row.get(key) == value for key, value in like.items())]

    def wait(self, kind, count=1, seconds=20, **like):
        """The count-th event of this kind."""
        def found():
            rows = self.events(kind, **like)
            return rows[count - 1:count]
        return wait_for(found, seconds, f"{kind} {like} of the proxy")[0]

    def tell(self, *lines):
        for line in lines:
            self.answers += 1
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.wait("rule", self.answers)
            if not answer["ok"]:
                raise ValueError(f"{line}: {answer['why']}")

    def connections(self):
        """The open ones, as rows of counts."""
        before = len(self.events("stats"))
        self.tell("stats")
        return self.events("stats")[before:]

    def connection_of(self, slot):
        """The newest open connection of a slot."""
        def found():
            return [row["conn"] for row in self.connections() if row["slot"] == slot]
        return max(wait_for(found, 20, f"a connection of slot {slot}"))

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
        self.reader.join(10)
        self.process.stdout.close()
        return self.process.returncode

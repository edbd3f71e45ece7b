"""Frames and control messages of the wire, by their description alone, and a peer that can lie."""
import socket
import struct
import time

HELLO, WELCOME, REFUSAL, MODEL, PARAMETERS, GRADIENT, VERDICT = range(1, 8)
EVALUATE, EVALUATION, HEARTBEAT, LEAVE, STOP, REQUEST, DOCUMENT = range(8, 15)
STATE, SHARDS = 15, 16
WORKER, EVALUATOR, OBSERVER = 1, 2, 3
VERDICTS = (None, "accepted", "duplicate", "stale", "late", "malformed", "nonfinite", "over_quota")
REFUSALS = (None, "version", "token", "config", "slot", "busy", "over", "protocol")
MAGIC, SIZE, NO_SLOT = 0x314c5856, 64, 0xffffffff
LAYOUT = "<IBBHQIIIIQQQI"


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _table()


def crc32c(data, crc=0):
    crc ^= 0xffffffff
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xff] ^ (crc >> 8)
    return crc ^ 0xffffffff


def header(kind, job=0, epoch=0, slot=NO_SLOT, incarnation=0, round=0, offset=0, message=b"",
           payload=b"", **lies):
    """lies: magic, major, minor, message_size, payload_size, body_crc, header_crc."""
    body_crc = lies.get("body_crc")
    if body_crc is None:
        body_crc = crc32c(bytes(message) + bytes(payload))
    front = struct.pack(
        LAYOUT, lies.get("magic", MAGIC), lies.get("major", 1), lies.get("minor", 0), kind, job,
        epoch, slot, incarnation, lies.get("message_size", len(message)), round, offset,
        lies.get("payload_size", len(payload)), body_crc)
    return front + struct.pack("<I", lies.get("header_crc", crc32c(front)))


def frame(kind, message=b"", payload=b"", **fields):
    return header(kind, message=message, payload=payload, **fields) + message + payload


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A field of a message: int, bool, float or bytes; nothing for a default."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value)) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


def fields(message):
    """Number to value; a later one wins, as the format says."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        elif key & 7 == 1:
            found[key >> 3] = struct.unpack("<d", message[at:at + 8])[0]
            at += 8
        else:
            size = number()
            found[key >> 3] = message[at:at + size]
            at += size
    return found


class Frame:
    def __init__(self, values, message, payload):
        (_, _, _, self.kind, self.job, self.epoch, self.slot, self.incarnation, _, self.round,
         self.offset, _, _) = values
        self.message, self.payload = message, payload

    def fields(self):
        return fields(self.message)


class Peer:
    """One connection that speaks the wire as a worker, or what it is told to send."""

    def __init__(self, port, host="127.0.0.1", timeout=20):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.job = self.epoch = self.incarnation = self.dimension = 0
        self.slot = NO_SLOT
        self.skipped = []

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def raw(self, data):
        self.socket.sendall(data)

    def identity(self):
        return {"job": self.job, "epoch": self.epoch, "slot": self.slot,
                "incarnation": self.incarnation}

    def send(self, kind, message=b"", payload=b"", **lies):
        self.raw(frame(kind, message, payload, **{**self.identity(), **lies}))

    def hello(self, token, slot=NO_SLOT, role=WORKER, version=b"0.1.0", config=b"", **lies):
        message = b"".join(field(number, value) for number, value in enumerate(
            (role, slot, token, config, version, b"liar", b"none", 1), 1))
        self.slot = slot
        self.send(HELLO, message, **lies)

    def read(self):
        """The next frame, or None at the end of the stream."""
        front = self._exactly(SIZE)
        if front is None:
            return None
        values = struct.unpack(LAYOUT, front[:60])
        assert values[0] == MAGIC and struct.unpack("<I", front[60:])[0] == crc32c(front[:60])
        message, payload = self._exactly(values[8]), self._exactly(values[11])
        return None if payload is None else Frame(values, message, payload)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError:
                more = b""
            if not more:
                return None
            data += more
        return data

    def read_until(self, *kinds):
        """The next frame of one of these kinds; None when the stream ends first. Others wait."""
        for found in self.skipped:
            if found.kind in kinds:
                self.skipped.remove(found)
                return found
        while True:
            found = self.read()
            if found is None or found.kind in kinds:
                return found
            if found.kind != HEARTBEAT:
                self.skipped.append(found)

    def join(self, token, slot, **hello):
        """Says hello and takes the identity that the welcome gives. Returns the first answer."""
        self.hello(token, slot, **hello)
        answer = self.read_until(WELCOME, REFUSAL)
        if answer is not None and answer.kind == WELCOME:
            values = answer.fields()
            self.job, self.epoch = answer.job, answer.epoch
            self.slot, self.incarnation = answer.slot, answer.incarnation
            self.dimension = values.get(6, 0)
            self.round = values.get(5, 0)
        return answer

    def gradient(self, round, numbers, **lies):
        message = field(1, 1.0) + field(2, 16) + field(3, 1000)
        self.send(GRADIENT, message, struct.pack(f"<{len(numbers)}f", *numbers), round=round,
                  **lies)

    def verdict(self):
        answer = self.read_until(VERDICT)
        return answer and VERDICTS[answer.fields()[1]]

    def closed(self, seconds=10):
        """True when the other side ends the stream within this time."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                self.socket.settimeout(max(0.01, until - time.monotonic()))
                if not self.socket.recv(65536):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            pass
        return False

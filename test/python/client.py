#!/usr/bin/env python3
"""A client of Concord written from protocol/README.md alone, with nothing but the standard library.

Usage: client.py host:port [host:port ...]

Opens a session, enqueues three values, asks for the size of the queue, dequeues the three in order, confirms, closes the session, and
prints one line of JSON. Follows NOT_LEADER, waits out NO_LEADER, and sends again, under the same number, what a lost connection left open.
Exit code 0 when all of it went as the page promises.
"""
import json
import socket
import struct
import sys
import time

HELLO, WELCOME, REFUSED, PING, PONG = 1, 2, 3, 4, 5
COMMAND, READ, KEEPALIVE = 10, 11, 12
LEADERS, REPLY, FAILURE, PENDING, OUTCOME, ANSWER = 20, 21, 22, 23, 24, 25
SESSION_OPEN, SESSION_CLOSE, ENQUEUE, DEQUEUE, SIZE = 1, 2, 16, 17, 18

ELSEWHERE = {"NOT_LEADER", "NO_LEADER", "STOPPING", "NO_SUCH_GROUP"}
AGAIN = {"RETRY", "OVERLOADED", "WINDOW_FULL", "LANE_GAP", "TIMEOUT"}
DEADLINE_S = 30.0


# --- MessagePack: the kinds that the page lists ---------------------------------------------------------------------------------


def pack(value):
    if value is None:
        return b"\xc0"
    if value is True:
        return b"\xc3"
    if value is False:
        return b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 0x80:
            return struct.pack("B", value)
        if -0x20 <= value < 0:
            return struct.pack("b", value)
        return struct.pack(">BQ", 0xCF, value) if value >= 0 else struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        data = value.encode("utf-8")
        return struct.pack(">BI", 0xDB, len(data)) + data
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xC6, len(value)) + value
    if isinstance(value, list):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(pack(item) for item in value)
    if isinstance(value, dict):
        items = b"".join(pack(str(key)) + pack(item) for key, item in value.items())
        return struct.pack(">BI", 0xDF, len(value)) + items
    raise TypeError(f"cannot be carried: {value!r}")


NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}


def unpack(data):
    value, end = unpack_at(data, 0)
    if end != len(data):
        raise ValueError("bytes after the value")
    return value


def unpack_at(data, at):
    lead = data[at]
    at += 1
    if lead < 0x80:
        return lead, at
    if lead >= 0xE0:
        return lead - 0x100, at
    if lead in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[lead], at
    if lead in NUMBERS:
        (value,) = struct.unpack_from(NUMBERS[lead], data, at)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value, at + struct.calcsize(NUMBERS[lead])
    if lead in LENGTHS:
        (length,) = struct.unpack_from(LENGTHS[lead], data, at)
        at += struct.calcsize(LENGTHS[lead])
    else:
        length = lead & 0x1F if 0xA0 <= lead < 0xC0 else lead & 0x0F
    if 0xA0 <= lead < 0xC0 or lead in (0xD9, 0xDA, 0xDB):
        return data[at : at + length].decode("utf-8"), at + length
    if lead in (0xC4, 0xC5, 0xC6):
        return data[at : at + length], at + length
    if 0x90 <= lead < 0xA0 or lead in (0xDC, 0xDD):
        items = []
        for _ in range(length):
            item, at = unpack_at(data, at)
            items.append(item)
        return items, at
    if 0x80 <= lead < 0x90 or lead in (0xDE, 0xDF):
        pairs = {}
        for _ in range(length):
            key, at = unpack_at(data, at)
            pairs[key], at = unpack_at(data, at)
        return pairs, at
    raise ValueError(f"unknown type 0x{lead:02x}")


# --- One connection -----------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The state machine or the node said no, for good."""


class Connection:
    """A connection that has said hello. Keeps the pushed leaders and the outcomes as they come by."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.address = address
        self.leaders = {}
        self.members = {}
        self.outcomes = {}
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=2.0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send([HELLO, 1, "", "client", "python", "", False, "", [], b"", ""])
        welcome = self.receive()
        if welcome[0] != WELCOME:
            raise ConnectionError(f"refused: {welcome}")
        self.node = welcome[3]

    def send(self, message):
        body = pack(message)
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        (length,) = struct.unpack(">I", self.exactly(4))
        return unpack(self.exactly(length))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed by the node")
            data += piece
        return data

    def ask(self, correlation, message):
        """Sends a request and returns its answer; what comes by itself meanwhile is kept."""
        self.send(message)
        while True:
            answer = self.receive()
            kind = answer[0]
            if kind == PING:
                self.send([PONG, answer[1]])
            elif kind == LEADERS:
                self.members = dict(answer[1])
                self.leaders = {group: leader for group, _term, leader in answer[2]}
            elif kind == OUTCOME:
                self.outcomes[(answer[1], answer[3])] = answer
            elif kind == REFUSED:
                raise ConnectionError(f"refused: {answer[1]} {answer[2]}")
            elif kind in (REPLY, FAILURE, PENDING, ANSWER) and answer[1] == correlation:
                return answer

    def close(self):
        self.socket.close()


# --- The cluster ------------------------------------------------------------------------------------------------------------------------


class Client:
    """Sends each request to whoever leads its group, as often as it takes; commands are numbered, so each is executed once."""

    def __init__(self, addresses):
        self.addresses = list(addresses)
        self.connections = {}
        self.leader = {}
        self.correlation = 0
        self.session = 0
        self.lane = {}
        self.redirects = 0
        self.turn = 0

    def connect(self, address):
        if address not in self.connections:
            self.connections[address] = Connection(address)
        return self.connections[address]

    def drop(self, address):
        connection = self.connections.pop(address, None)
        if connection is not None:
            connection.close()

    def where(self, group):
        """The leader's address as far as known, else one address after the other."""
        if group in self.leader:
            return self.leader[group]
        self.turn += 1
        return self.addresses[self.turn % len(self.addresses)]

    def request(self, group, build):
        """Sends `build(correlation)` until it is executed. Returns the value of the reply."""
        deadline = time.monotonic() + DEADLINE_S
        pause = 0.05
        problem = "not tried"
        while time.monotonic() < deadline:
            address = self.where(group)
            try:
                connection = self.connect(address)
                self.correlation += 1
                answer = connection.ask(self.correlation, build(self.correlation))
            except OSError as error:
                problem = f"{address}: {error}"
                self.drop(address)
                self.leader.pop(group, None)
            else:
                if answer[0] == ANSWER:
                    return answer[2]
                if answer[0] == REPLY:
                    value = unpack(answer[6])
                    if answer[5]:
                        return value
                    code, details = value[0], value[2]
                else:
                    code, details = answer[2], answer[5]
                problem = code
                if code in ELSEWHERE:
                    self.leader.pop(group, None)
                    if code == "NOT_LEADER" and details.get("address"):
                        self.redirects += 1
                        self.leader[group] = details["address"]
                        continue
                elif code not in AGAIN:
                    raise Refused(f"{code}: {value if answer[0] == REPLY else answer[3]}")
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
        raise TimeoutError(f"gave up after {DEADLINE_S} s: {problem}")

    def command(self, group, operation, argument):
        """Runs a command exactly once: however often it is sent, it goes under the same number."""
        number = self.lane.get(group, 0) + 1
        self.lane[group] = number
        session, lane, confirmed = (self.session, number, number - 1) if self.session else (0, 0, 0)
        envelope = pack([1, group, session, lane, confirmed, 5000, "", "", "", operation, pack(argument)])
        return self.request(group, lambda correlation: [COMMAND, correlation, envelope])

    def read(self, group, operation, argument):
        return self.request(group, lambda correlation: [READ, correlation, 5000, group, "", "", operation, pack(argument)])

    def open_session(self, ttl_ms):
        session = self.command("c", SESSION_OPEN, ["python", ttl_ms])
        self.session, self.lane = session, {}

    def keepalive(self):
        return self.request("c", lambda correlation: [KEEPALIVE, correlation, self.session])


def main(addresses):
    if not addresses:
        print("usage: client.py host:port [host:port ...]", file=sys.stderr)
        return 2
    client = Client(addresses)
    client.open_session(10_000)
    session = client.session
    values = ["first", 2, {"third": [True, None, "drei"]}]
    ids = [client.command("s0", ENQUEUE, [pack(value)]) for value in values]
    kept_alive = client.keepalive()
    size = client.read("s0", SIZE, [])
    taken = [client.command("s0", DEQUEUE, [0]) for _ in values]
    empty = client.command("s0", DEQUEUE, [0])
    closed = client.command("c", SESSION_CLOSE, [session])
    bodies = [unpack(body) for _, body in taken]
    ok = (
        bodies == values
        and [number for number, _ in taken] == ids
        and ids == sorted(ids)
        and size == len(values)
        and empty is None
        and kept_alive is True
        and closed is True
    )
    result = {"ok": ok, "session": session, "ids": ids, "size": size, "bodies": bodies, "redirects": client.redirects}
    print(json.dumps(result))
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Refused, TimeoutError, ValueError) as error:
        print(json.dumps({"ok": False, "error": str(error)}))
        sys.exit(1)

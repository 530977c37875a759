#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Attacks a node at its limits while another client calls it.

    make attack
    make attack ROUNDS=5

requests  one client keeps 16 connections with 1,000 unfinished requests each; measured is the rate of the
          other client, compared with its rate without the attack, round by round
watches   one client opens and closes 15,000 Watch streams, 1,000 at a time; measured is the longest wait of
          the other client, compared with its longest wait without the attack
silent    two addresses hold 256 silent connections each; measured is a new client's time to its first answer
logs      one client sends messages that are none, calls what it may not call, and opens connections that are
          no TLS, each for some seconds; the lines that the node logs are counted second by second

Each must hold what docs/limits.md says, or the program fails. The rate is of the load generator of
make bench-rpc, in a process of its own.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

from rings import BINARY, ROOT, Bench, Ring  # noqa: E402

HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, DATA = 1, 3, 4, 6, 7, 8, 0
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FIND_SUCCESSOR = "/chord.v1.ChordService/FindSuccessor"
WATCH = "/chord.v1.AdminService/Watch"
# A node allows 1,000; a stream that has just ended may still count.
MOST_STREAMS = 990
NOTIFY = "/chord.v1.ChordService/Notify"
# What must hold: parts of the rate that are left, seconds of the longest wait, seconds until a newcomer is in,
# lines in the log in any second.
LEAST_RATE, LONGEST_WAIT, NEWCOMER, MOST_LINES = 0.8, 0.25, 1.0, 100


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """A literal without indexing (RFC 7541, 6.2.2), so that every request has the same bytes."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def head(path):
    fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "attack")]
    fields += [("content-type", "application/grpc"), ("te", "trailers")]
    return b"".join(field(*each) for each in fields)


def message(content):
    return b"\0" + struct.pack(">I", len(content)) + content


class Connection:
    """HTTP/2 over mutual TLS for an attacker; does not decode headers."""

    def __init__(self, address, certs, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(f"{certs}/ca.pem")
        context.load_cert_chain(f"{certs}/client-{name}.pem", f"{certs}/client-{name}.key")
        context.set_alpn_protocols(["h2"])
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain)
        self.buffer, self.next, self.open, self.ended = b"", 1, set(), 0
        # The connection's window is never enlarged, so it must be large.
        window = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFF0000 - 65535))
        self.socket.sendall(PREFACE + frame(SETTINGS) + window)

    def begin(self, path, count=1, body=None):
        """Opens streams: with a body it is their whole request."""
        block, frames = head(path), []
        for _ in range(count):
            frames.append(frame(HEADERS, END_HEADERS, self.next, block))
            if body is not None:
                frames.append(frame(DATA, END_STREAM, self.next, message(body)))
            self.open.add(self.next)
            self.next += 2
        self.socket.sendall(b"".join(frames))

    def take_in(self, timeout):
        """Reads input that is available or arrives within a time."""
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(1 << 18)
        except (TimeoutError, ssl.SSLWantReadError):
            return
        if not data:
            raise ConnectionResetError("the node has closed the connection")
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
            if kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
                if stream in self.open:
                    self.open.discard(stream)
                    self.ended += 1
            elif kind in (SETTINGS, PING) and not flags & ACK:
                self.socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind == GOAWAY:
                raise ConnectionResetError(f"GOAWAY {payload[4:]!r}")

    def call(self, body):
        """Makes one call and returns its duration."""
        started = time.monotonic()
        self.begin(FIND_SUCCESSOR, body=body)
        while self.open:
            self.take_in(20)
        return time.monotonic() - started


# The attackers, each in a process of its own. They say "ready" once the attack is on.


def hold_requests(address, certs, pipe):
    connections = [Connection(address, certs, "mallory") for _ in range(16)]
    begun = 0
    while not pipe.poll(0):
        for connection in connections:
            missing = MOST_STREAMS - len(connection.open)
            if missing:
                connection.begin(FIND_SUCCESSOR, missing)
                begun += missing
            connection.take_in(0.002)
        if begun:
            pipe.send("ready")
            begun = 0
        # Keeps its streams and retries the rest; a flood of refused calls is another attack.
        time.sleep(1)


def open_watches(address, certs, pipe):
    for _ in range(15):
        connection = Connection(address, certs, "mallory")
        connection.begin(WATCH, 1000, body=b"")
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            connection.take_in(0.05)
        connection.socket.close()
    pipe.send("ready")
    pipe.recv()


class Attack:
    """Runs an attacker during a block."""

    def __init__(self, attacker, address, certs):
        self.ours, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=attacker, args=(address, certs, theirs), daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def wait(self, limit):
        if not self.ours.poll(limit):
            sys.exit("attack: the attacker does not come to its end")
        self.ours.recv()

    def __exit__(self, *_):
        if self.process.is_alive():
            self.ours.send("end")
        self.process.join(5)
        self.process.kill()


# The good client.


def rate(bench, address, body, requests):
    command = [str(ROOT / ".build/bench/load"), "load", "--address", address]
    command += ["--ca", f"{bench.certs}/ca.pem", "--cert", f"{bench.certs}/client-demo.pem"]
    command += ["--key", f"{bench.certs}/client-demo.key", "--path", FIND_SUCCESSOR, "--body", body]
    command += ["--connections", "2", "--streams", "16", "--requests", str(requests), "--warm-up", str(requests // 10)]
    result = subprocess.run(command, input="\n\n", stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(result.stdout.splitlines()[-1])
    if told["failures"]:
        sys.exit(f"attack: {told['failures']} calls of the good client failed")
    return told["per_second"]


def longest_wait(connection, body, until):
    """The longest call in a series of calls without pause."""
    waits = []
    while not until():
        waits.append(connection.call(body))
        time.sleep(0.001)
    return max(waits), statistics.median(waits)


def requests(bench, address, body_file, options):
    parts = []
    for turn in range(options.rounds):
        without = rate(bench, address, body_file, options.requests)
        with Attack(hold_requests, address, bench.certs) as attack:
            attack.wait(60)
            beside = rate(bench, address, body_file, options.requests)
        parts.append(beside / without)
        print(f"round {turn + 1}: {without:,.0f} calls/s without, {beside:,.0f} beside", file=sys.stderr)
    part = statistics.median(parts)
    print(f"requests: the other client keeps {part:.0%} of its rate (at least {LEAST_RATE:.0%})")
    return part >= LEAST_RATE


def watches(bench, address, body, _):
    good = Connection(address, bench.certs, "demo")
    end = time.monotonic() + 8
    without, usual = longest_wait(good, body, lambda: time.monotonic() > end)
    with Attack(open_watches, address, bench.certs) as attack:
        beside, median = longest_wait(good, body, lambda: attack.ours.poll(0) or not attack.process.is_alive())
        attack.wait(1)
        # Late teardown counts too.
        end = time.monotonic() + 3
        after, _ = longest_wait(good, body, lambda: time.monotonic() > end)
    worst = max(beside, after)
    print(
        f"watches: the longest wait is {worst * 1000:.0f} ms, without {without * 1000:.0f} ms"
        f" (medians {median * 1000:.1f} and {usual * 1000:.1f}; at most {LONGEST_WAIT * 1000:.0f} ms more)"
    )
    return worst <= without + LONGEST_WAIT


def silent(bench, address, body, _):
    host, port = address.rsplit(":", 1)
    held = [
        socket.create_connection((host, int(port)), timeout=20, source_address=(source, 0))
        for source in ("127.0.0.2", "127.0.0.3")
        for _ in range(256)
    ]
    started = time.monotonic()
    Connection(address, bench.certs, "demo").call(body)
    took = time.monotonic() - started
    for each in held:
        each.close()
    print(f"silent: a newcomer has its answer after {took * 1000:.0f} ms (at most {NEWCOMER * 1000:.0f} ms)")
    return took <= NEWCOMER


def send_calls(path, body, count=500):
    """A flood of complete calls on one connection; the node refuses each."""

    def flood(address, certs, end):
        sent, connection = 0, Connection(address, certs, "mallory")
        while time.monotonic() < end:
            connection.begin(path, count, body=body)
            sent += count
            while len(connection.open) > count // 2 and time.monotonic() < end:
                connection.take_in(0.01)
        return sent

    return flood


def send_no_tls(address, _, end):
    sent, (host, port) = 0, address.rsplit(":", 1)
    while time.monotonic() < end:
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.settimeout(1)
            try:
                plain.recv(100)
            except OSError:
                pass
        sent += 1
    return sent


FLOODS = {
    "messages that are none": send_calls(FIND_SUCCESSOR, b"\xff" * 40),
    "calls that a client may not make": send_calls(NOTIFY, b""),
    "no TLS": send_no_tls,
}


def logs(bench, address, _, options):
    log = pathlib.Path(bench.folder, "n1.log")
    held = True
    for what, flood in FLOODS.items():
        before = log.stat().st_size
        try:
            sent = flood(address, bench.certs, time.monotonic() + options.flood)
        except OSError as error:
            # A node may close the connection of a client that sends only errors.
            sent = f"some ({error})"
        with log.open("rb") as lines:
            lines.seek(before)
            # The time of a line, to the second: 2026-01-31T12:00:00.
            seconds = collections.Counter(line[:19] for line in lines if line[:2] == b"20")
        worst = max(seconds.values(), default=0)
        print(
            f"logs: {what}: {sent} in {options.flood:.0f} s, {sum(seconds.values())} lines, {worst} in the worst"
            f" second (at most {MOST_LINES})"
        )
        held = held and worst <= MOST_LINES
    return held


def main():
    parser = argparse.ArgumentParser(description="attack a node by what its limits are for")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100_000, help="calls of the good client in each measurement")
    parser.add_argument("--flood", type=float, default=5, help="seconds of each flood of the log")
    parser.add_argument("--chord", type=pathlib.Path, default=BINARY, help="the program that is attacked")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder, options.chord, log_level="info")
        bench.issue(["n1", "n2"])
        subprocess.run(
            [ROOT / "scripts/certs", "client", "mallory"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=dict(os.environ, CERTS_DIR=bench.certs),
        )
        ring = Ring(bench, ["n1", "n2"])
        try:
            ring.wait_ideal(60)
            node = ring.nodes["n1"]
            body = bench.messages.FindSuccessorRequest(id=node.id.to_bytes(8, "big")).SerializeToString()
            body_file = pathlib.Path(folder, "body")
            body_file.write_bytes(body)
            held = [
                requests(bench, node.address, str(body_file), options),
                watches(bench, node.address, body, options),
                silent(bench, node.address, body, options),
                logs(bench, node.address, body, options),
            ]
            if problem := ring.problem():
                print(f"ring: {problem}")
                held.append(False)
        finally:
            ring.close()
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()

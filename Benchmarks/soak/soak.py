#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Keeps a ring busy for hours, and measures what its nodes hold after a tenth of the time and at the end.

    make soak HOURS=0.05            to try it
    make soak HOURS=24 SOAK="--json soak.json"

Each round begins with these activities, all at once and through all nodes:

connections   opened and closed in hundreds: in an orderly way, by a reset, in the middle of the handshake
streams       requests that are begun and reset, and watches that are opened and reset
values        puts, deletes, batches, lists, and keys that expire; the live data are the same after each round
kill          kill -9 of a node, which is started again
certificates  all are replaced

Then all of them end. Once all ranges have their voters, and five seconds later, the nodes are measured at rest. The
nodes that are never killed must hold what they held after a tenth of the time: resident memory within 5 % (in less than
an hour, or 16 MiB), as many descriptors beside those of open connections, and not more on their disks. The slopes are
those of a line through all measurements at rest: an allocator grows by steps, and a leak goes on.

Before the time begins, each range gets as many entries as its log keeps, so that the caches are full. With --leaks the
program is one with an address sanitizer. Its detector of leaks speaks when the nodes end; memory is not compared then.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# Connections fail while a node is down; the library would print each of them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc  # noqa: E402
import samples  # noqa: E402
from renewal import Authority, Live, complaints  # noqa: E402

import network  # noqa: E402
from attack import FIND_SUCCESSOR, RST_STREAM, Connection, frame  # noqa: E402
from history import StoreStubs  # noqa: E402
from rings import ROOT, Bench, RingFailure  # noqa: E402
from store import StoreChaos, add_load  # noqa: E402

LOAD = ROOT / ".build/bench/load"
STORE_WATCH = "/chord.v1.StoreService/Watch"
STORE_PUT = "/chord.v1.StoreService/Put"
ACTIVITIES = ["connections", "streams", "values", "kill", "certificates"]
# Values have 100 to 999 bytes. Batches are small, so that the entries of the first fill are as large as later ones.
PARTITIONS, KEYS, BATCH = 32, 64, 8
FILLING = 700
CANCEL = struct.pack(">I", 8)
# Entries that the log of a range keeps after they were applied, and some more.
LOG_ENTRIES = 11_000
# A node that is never killed must not hold more than this part of what it held.
MOST = 1.05
# In runs of less than an hour caches and the allocator still fill after a tenth of the time: so much more is allowed.
FILLING_KIB = 16 << 10
# Descriptors of files that may differ: parts of the log and of the database.
FILES = 4
# Threads for blocking work start when they are needed.
THREADS = 4
# A log of five segments, of which some may be in use: the disk is bounded if it grows by less.
DISK_KIB = 64 << 10
MIB = 1024
HEAD = "{:<6}{:>10}{:>10}{:>8}{:>12}{:>10}{:>10}{:>8}{:>12}"


def size(partition, key):
    """The bytes of a value, always the same for a key."""
    return 100 + (partition * 7919 + key * 104_729) % 900


def is_inside(position, after, through):
    if after < through:
        return after < position <= through
    return position > after or position <= through


class Values(threading.Thread):
    """Changes values of its partitions until the round ends, and then puts back what is missing."""

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.messages = soak, soak.stubs.messages
        self.random = random.Random(f"{soak.options.seed}.{soak.round}.{number}")
        self.partitions = range(number, PARTITIONS, soak.options.writers)
        # A client of its own in each round: its connections and its record are new.
        self.id, self.number, self.time_ms = os.urandom(16), 0, 0
        self.stubs = {}
        self.missing = set()

    def stub(self):
        address = self.random.choice(self.soak.stubs.targets)
        if address not in self.stubs:
            self.stubs[address] = self.soak.stubs.services.StoreServiceStub(self.soak.bench.channel(address))
        return self.stubs[address]

    def call(self, method, request):
        try:
            reply = getattr(self.stub(), method)(request, timeout=5)
            self.soak.count(method)
            return reply
        except grpc.RpcError as error:
            # A node was killed, or another one leads now.
            self.soak.count(f"{method} failed: {error.code().name}")
            self.stubs.clear()
            return None

    def name(self, partition, key):
        return {"partition": f"soak {partition}".encode(), "key": f"key {key}".encode()}

    def put(self, partition, key):
        value = self.random.randbytes(size(partition, key))
        request = self.messages.PutRequest(**self.name(partition, key), value=value)
        if self.time_ms and self.random.random() < 0.5:
            self.number += 1
            request.id.client, request.id.number, request.id.lowest_unanswered = self.id, self.number, self.number
            request.id.prepared_ms = self.time_ms
        if self.call("Put", request) is None:
            return False
        self.missing.discard((partition, key))
        return True

    def delete(self, partition, key):
        self.missing.add((partition, key))
        self.call("Delete", self.messages.DeleteRequest(**self.name(partition, key)))
        self.put(partition, key)

    def expiring(self, partition, key):
        name = {"partition": f"soak {partition}".encode(), "key": f"expires {key} {self.random.random()}".encode()}
        self.call("Put", self.messages.PutRequest(**name, value=bytes(500), ttl_ms=2000))

    def batch(self, partition, first):
        operations = [
            self.messages.BatchOperation(
                kind=1, key=f"key {key}".encode(), value=self.random.randbytes(size(partition, key))
            )
            for key in range(first, first + BATCH)
        ]
        request = self.messages.BatchRequest(partition=f"soak {partition}".encode(), operations=operations)
        return self.call("Batch", request)

    def list(self, partition):
        self.call("List", self.messages.ListRequest(partition=f"soak {partition}".encode(), limit=20))

    def read(self, partition, key):
        request = self.messages.GetRequest(partition=f"soak {partition}".encode(), keys=[f"key {key}".encode()])
        self.call("Get", request)

    def step(self):
        partition, key = self.random.choice(self.partitions), self.random.randrange(KEYS)
        choice = self.random.random()
        if choice < 0.4:
            self.put(partition, key)
        elif choice < 0.6:
            self.read(partition, key)
        elif choice < 0.75:
            self.delete(partition, key)
        elif choice < 0.95:
            self.expiring(partition, key)
        elif choice < 0.98:
            self.list(partition)
        else:
            self.batch(partition, key - key % BATCH)

    def fill(self):
        for partition in self.partitions:
            for first in range(0, KEYS, BATCH):
                while self.batch(partition, first) is None:
                    time.sleep(0.2)

    def restore(self):
        deadline = time.monotonic() + 60
        while self.missing and time.monotonic() < deadline:
            for each in list(self.missing):
                self.put(*each)

    def run(self):
        while not self.soak.ending.is_set():
            self.step()
        self.restore()


class Soak(StoreChaos):
    def __init__(self, options, bench, net):
        super().__init__(options, bench, net)
        self.names = self.names[: options.nodes]
        self.lasting, self.victims = self.names[: options.lasting], self.names[options.lasting :]
        self.seconds = options.hours * 3600
        self.round_seconds = options.round or min(60, max(15, self.seconds / 10))
        self.authority = Authority(f"{bench.folder}/authority", bench.hosts)
        self.live = Live(bench.certs)
        self.live.trust(self.authority)
        self.round = 0
        self.ending = threading.Event()
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.samples = []
        self.pids = {}
        self.kept = json_lines(options.json)

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    # Activities. Each goes on until the round ends.

    def address(self):
        return self.random.choice(self.stubs.targets)

    def connections(self):
        while not self.ending.wait(0.5):
            address = self.address()
            host, port = address.rsplit(":", 1)
            try:
                self.load(address, "handshake", "--connections", "8", "--requests", "100")
                self.count("connections", 100)
                opened = [Connection(address, self.bench.certs, "demo") for _ in range(20)]
                plain = [socket.create_connection((host, int(port)), timeout=5) for _ in range(20)]
                for each in opened[::2]:
                    each.call(self.found)
                for each in plain[::2]:
                    # The begin of a handshake, and something that is none.
                    each.sendall(b"\x16\x03\x01\x02\x00\x01" if each.fileno() % 4 else b"GET / HTTP/1.1\r\n\r\n")
                for each in [*opened[::3], *plain[::3]]:
                    plain_socket = getattr(each, "socket", each)
                    plain_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for each in [*opened, *plain]:
                    getattr(each, "socket", each).close()
                self.count("connections", 40)
            except OSError:
                # The node was killed.
                self.count("connections that failed")

    def streams(self):
        watched = self.stubs.messages.StoreWatchRequest(partition=b"soak 0").SerializeToString()
        while not self.ending.wait(0.5):
            try:
                connection = Connection(self.address(), self.bench.certs, "demo")
                # Fewer than a node allows in a burst.
                for path, number, body in ((FIND_SUCCESSOR, 300, None), (STORE_WATCH, 100, watched)):
                    connection.begin(path, number, body)
                    connection.take_in(0.3)
                    for stream in sorted(connection.open)[: number // 2 if body else number]:
                        connection.open.discard(stream)
                        connection.socket.sendall(frame(RST_STREAM, 0, stream, CANCEL))
                    connection.take_in(0.1)
                    self.count("streams", number)
                connection.socket.close()
            except OSError:
                self.count("connections that failed")

    def kill_one(self):
        name = self.victims[self.round % len(self.victims)]
        self.kill(name)
        self.ending.wait(2)
        self.start(name)
        self.count("kills")

    def rotate(self):
        # Some are replaced while they are valid, as long as they are replaced at all.
        life = 2 * self.seconds + 3600
        if "certificates" in self.options.activities:
            life = max(600, 5 * self.round_seconds)
        self.live.install(self.authority, self.authority.issue_set(self.names, life))
        if self.options.hangup:
            for node in list(self.ring.nodes.values()):
                node.process.send_signal(signal.SIGHUP)
        self.count("certificates", len(self.names))

    def load(self, address, mode, *words, check=False):
        command = [str(LOAD), mode, "--address", address, "--ca", f"{self.bench.certs}/ca.pem", *words]
        command += ["--cert", f"{self.bench.certs}/client-demo.pem", "--key", f"{self.bench.certs}/client-demo.key"]
        subprocess.run(command, input="\n\n", capture_output=True, text=True, timeout=300, check=check)

    # The course.

    def warm_up(self):
        """Puts the same value often enough that the log of each range is full."""
        began = time.monotonic()
        words = []
        for index, (_, each) in enumerate(self.ranges().values()):
            after, through = (int.from_bytes(bound, "big") for bound in (each.range.after, each.range.through))
            partition = next(
                name
                for name in (f"fill {number}".encode() for number in range(100_000))
                if is_inside(int.from_bytes(hashlib.sha256(name).digest()[:8], "big"), after, through)
            )
            body = pathlib.Path(self.bench.folder, f"body-{index}")
            request = self.stubs.messages.PutRequest(partition=partition, key=b"key", value=bytes(FILLING))
            body.write_bytes(request.SerializeToString())
            words += ["--path", STORE_PUT, "--body", str(body)]
        ranges = len(words) // 4
        address = self.ring.nodes[self.lasting[0]].address
        self.load(
            address, "load", *words, "--connections", "4", "--streams", "16", "--warm-up", "100",
            "--requests", str(self.options.fill * ranges), check=True,
        )  # fmt: skip
        for number in range(self.options.writers):
            Values(self, number).fill()
        print(f"{ranges} ranges got {self.options.fill} entries each in {time.monotonic() - began:.0f} s", flush=True)

    def await_rest(self):
        """Waits until the number of ranges has been the same for a while: they are split once after the start."""
        since, before = time.monotonic(), None
        while time.monotonic() - since < 12:
            if (now := len(self.ranges())) != before:
                since, before = time.monotonic(), now
            time.sleep(0.5)

    def run(self):
        self.rotate()
        self.form()
        self.await_rest()
        self.found = self.bench.messages.FindSuccessorRequest(id=bytes(8)).SerializeToString()
        self.pids = {name: self.ring.nodes[name].process.pid for name in self.lasting}
        self.warm_up()
        self.began = time.monotonic()
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        while time.monotonic() - self.began < self.seconds:
            self.busy()
            self.rest()
        self.closing.set()
        watcher.join()
        if self.options.leaks:
            self.end_all()

    def busy(self):
        self.round += 1
        self.ending.clear()
        wanted = self.options.activities
        threads = [
            threading.Thread(target=getattr(self, each), daemon=True)
            for each in ("connections", "streams")
            if each in wanted
        ]
        if "values" in wanted:
            threads += [Values(self, number) for number in range(self.options.writers)]
        for each in threads:
            each.start()
        until = time.monotonic() + self.round_seconds - self.options.quiet
        try:
            if self.victims and "kill" in wanted:
                self.kill_one()
            if "certificates" in wanted:
                self.rotate()
            self.ending.wait(max(0, until - time.monotonic()))
        finally:
            self.ending.set()
        for each in threads:
            each.join(120)

    def rest(self):
        # Certificates of earlier rounds expire: the next calls need new connections.
        for name in self.lasting:
            self.measure(name)
        targets, self.stubs = self.stubs.targets, StoreStubs(self.bench)
        self.stubs.targets = targets
        self.wait_whole(120)
        time.sleep(self.options.quiet)
        taken = []
        for _ in range(3):
            taken.append({name: self.measure(name) for name in self.ring.nodes})
            time.sleep(0.5)
        for name in self.ring.nodes:
            self.keep(name, samples.middle([each[name] for each in taken]), True)
        last = [each for each in self.samples if each["quiet"] and each["round"] == self.round]
        shown = "  ".join(f"{each['node']} {each['rss_kib'] / MIB:.1f}" for each in last)
        print(f"{time.monotonic() - self.began:6.0f} s  round {self.round}, MiB resident: {shown}", flush=True)

    def measure(self, name):
        pid = self.ring.nodes[name].process.pid
        if self.pids.get(name, pid) != pid or self.ring.nodes[name].process.poll() is not None:
            raise RingFailure(f"soak: {name} ended, and nobody has killed it")
        return samples.sample(pid, f"{self.bench.folder}/{name}.data")

    def keep(self, name, row, quiet):
        row = {
            "node": name, "pid": self.ring.nodes[name].process.pid, "seconds": time.monotonic() - self.began,
            "round": self.round, "quiet": quiet, **row,
        }  # fmt: skip
        with self.lock:
            self.samples.append(row)
            if self.kept:
                print(json.dumps(row), file=self.kept, flush=True)

    def watch(self):
        """Measures all nodes all the time."""
        while not self.closing.wait(self.options.interval):
            for name in sorted(self.ring.nodes):
                try:
                    self.keep(name, self.measure(name), False)
                except (OSError, KeyError, RingFailure):
                    # It was killed just now. The measurement at rest finds a node that ended by itself.
                    pass

    def end_all(self):
        """Ends the nodes in an orderly way. The leak detector speaks then."""
        processes = {name: self.ring.nodes.pop(name).process for name in list(self.ring.nodes)}
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for name, process in processes.items():
            if (code := process.wait(120)) != 0:
                self.blame(f"{name} ended with {code} after SIGTERM")
        for path in sorted(pathlib.Path(self.bench.folder).glob("leaks.*")):
            text = path.read_text()
            summary = [line for line in text.splitlines() if line.startswith("SUMMARY")]
            self.blame(f"{path}: {summary[0] if summary else text[:300]}")

    # The judgement.

    def judge(self, name):
        rows = [each for each in self.samples if each["node"] == name and each["quiet"]]
        later = [each for each in rows if each["seconds"] >= self.seconds / 10]
        if len(later) < 2:
            self.blame(f"{name} was measured {len(later)} times after a tenth of the time; a comparison needs two")
            return
        tenth, end = later[0], later[-1]
        hours = [(each["seconds"] / 3600, each) for each in later]
        slopes = [samples.slope([(x, each[field] / MIB) for x, each in hours]) for field in ("rss_kib", "anon_kib")]
        for label, row in (("tenth", tenth), ("end", end)):
            cells = [f"{row['rss_kib'] / MIB:.1f}", f"{row['anon_kib'] / MIB:.1f}", row["threads"], row["descriptors"]]
            cells += [row["connections"], row["others"], "", f"{row['disk_kib'] / MIB:.1f}"]
            print(HEAD.format(name if label == "tenth" else "", *cells[:6], label, cells[7]))
        ratios = [end[field] / tenth[field] for field in ("rss_kib", "anon_kib", "disk_kib")]
        print(
            f"      ratios: resident {ratios[0]:.3f}, anonymous {ratios[1]:.3f}, disk {ratios[2]:.3f}; "
            f"slopes: {slopes[0]:+.2f} and {slopes[1]:+.2f} MiB per hour over {len(later)} measurements"
        )
        if not self.options.leaks:
            for what, field, ratio in zip(("resident", "anonymous"), ("rss_kib", "anon_kib"), ratios):
                if ratio > MOST and (self.options.hours >= 1 or end[field] - tenth[field] > FILLING_KIB):
                    self.blame(f"{name} has {ratio:.3f} times the {what} memory of that after a tenth of the time")
        if abs(end["threads"] - tenth["threads"]) > THREADS:
            self.blame(f"{name} has {end['threads']} threads, and had {tenth['threads']}")
        if abs(end["others"] - tenth["others"]) > FILES:
            self.blame(f"{name} has {end['others']} descriptors beside connections, and had {tenth['others']}")
        if end["connections"] > 2 * tenth["connections"] + 16:
            self.blame(f"{name} has {end['connections']} open connections at rest, and had {tenth['connections']}")
        # The largest of each half: the log grows and is cut in turns.
        half = len(later) // 2
        early, late = (max(each["disk_kib"] for each in part) for part in (later[:half], later[half:]))
        if late > 1.1 * early + DISK_KIB:
            self.blame(f"the disk of {name} grows: {early / MIB:.0f} MiB, then {late / MIB:.0f} MiB")

    def report(self):
        heads = ["RSS MiB", "anon MiB", "threads", "descriptors", "connected", "others", "at", "disk MiB"]
        print("\n" + HEAD.format("node", *heads))
        for name in self.lasting:
            self.judge(name)
        print("\n" + ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())))
        for (level, text), count in sorted(complaints(self.bench.folder, self.names).items()):
            print(f"logs: {count:5} × {level}: {text}")
        print(f"{len(self.violations)} violations" if self.violations else "No violation.")

    def close(self):
        self.ending.set()
        self.closing.set()
        self.ring.close()


def json_lines(path):
    return open(path, "w") if path else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.2, help="how long (0.2)")
    parser.add_argument("--nodes", type=int, default=5, help="nodes (5)")
    parser.add_argument("--lasting", type=int, default=3, help="nodes that are never killed (3)")
    parser.add_argument("--round", type=float, help="seconds of a round (a tenth of the time, 15 to 60)")
    parser.add_argument("--quiet", type=float, default=5, help="seconds of rest before a measurement (5)")
    parser.add_argument("--interval", type=float, default=10, help="seconds between measurements under load (10)")
    parser.add_argument("--activities", default=",".join(ACTIVITIES), help="those of each round, with commas")
    parser.add_argument("--writers", type=int, default=4, help="threads that change values (4)")
    parser.add_argument("--fill", type=int, default=LOG_ENTRIES, help="entries for each range before (11000)")
    parser.add_argument("--hangup", action="store_true", help="send SIGHUP after each change of certificates")
    parser.add_argument("--leaks", action="store_true", help="the program has an address sanitizer: report its leaks")
    parser.add_argument("--json", type=pathlib.Path, help="a file for all measurements, one in a line")
    add_load(parser)
    parser.set_defaults(clients=0)
    options = parser.parse_args()
    options.activities = [name.strip() for name in options.activities.split(",")]
    if unknown := [name for name in options.activities if name not in ACTIVITIES]:
        parser.error(f"unknown activity {unknown[0]}; there are {', '.join(ACTIVITIES)}")
    for program in (options.binary, LOAD):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is missing: make release deps-bench .build/bench/load")
    options.seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(f"seed {options.seed}")
    folder = tempfile.mkdtemp(prefix="chord-soak-")
    if options.leaks:
        os.environ["ASAN_OPTIONS"] = f"detect_leaks=1:log_path={folder}/leaks"
    soak, finished = None, False
    try:
        bench = Bench(folder, options.binary.absolute(), ["localhost", "127.0.0.1"], "info")
        soak = Soak(options, bench, network.enter("loopback"))
        soak.run()
        finished = True
    except KeyboardInterrupt:
        print("\ninterrupted")
    except RingFailure as failure:
        soak.blame(str(failure))
    finally:
        if soak:
            soak.close()
    soak.report()
    if soak.violations or options.keep:
        print(f"Logs in {folder}.")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if soak.violations else 0 if finished else 130)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rings of real processes on this machine, measured from outside by grpcio.

    make release && .venv/bin/python3 Benchmarks/ring/measure.py [form idle crash restart mass]

form     ten nodes join one after the other: from the last join to an ideal ring with full lists
idle     CPU per node and minute, and memory, of the settled ring
crash    kill -9 of two neighbours under continuous lookups: how many are wrong or fail, until when
restart  kill -9 of one node and its restart under its own name, under continuous lookups
mass     fifty nodes that join at once
"""

import argparse
import hashlib
import importlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUCCESSORS = 4


def generated(folder):
    """The contract's Python code, made now."""
    from grpc_tools import protoc

    arguments = ["protoc", f"-I{ROOT / 'Protos'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(arguments + ["chord/v1/chord.proto"]) != 0:
        sys.exit("measure: protoc failed")
    sys.path.insert(0, folder)
    return importlib.import_module("chord.v1.chord_pb2"), importlib.import_module("chord.v1.chord_pb2_grpc")


def identifier(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class Node:
    def __init__(self, name, process, address):
        self.name, self.process, self.address = name, process, address
        self.id = identifier(name)


class Ring:
    def __init__(self, bench, names):
        self.bench, self.nodes = bench, {}
        for name in names:
            self.start(name)

    def start(self, name, address="127.0.0.1:0"):
        command = [str(ROOT / ".build/release/chord"), "serve", "--name", name, "--ring", "bench"]
        command += ["--listen", address, "--certs-dir", self.bench.certs, "--log-level", "warning"]
        for other in list(self.nodes.values())[:3]:
            if other.name != name:
                command += ["--join", other.address]
        log = open(f"{self.bench.folder}/{name}.log", "ab")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        return self._register(name, process)

    def _register(self, name, process):
        line = process.stdout.readline()
        if not line.startswith("ready"):
            sys.exit(f"measure: {name} did not start: see {self.bench.folder}/{name}.log; it said {line!r}")
        address = next(word for word in line.replace(",", " ").split() if word.startswith("127.0.0.1:"))
        self.nodes[name] = Node(name, process, address)
        return self.nodes[name]

    def kill(self, name):
        node = self.nodes.pop(name)
        node.process.send_signal(signal.SIGKILL)
        node.process.wait()
        return node

    def close(self):
        for node in self.nodes.values():
            node.process.kill()
        for node in self.nodes.values():
            node.process.wait()

    def ordered(self):
        return sorted(self.nodes.values(), key=lambda node: node.id)

    def owner(self, key):
        nodes = self.ordered()
        return next((node for node in nodes if node.id >= key), nodes[0]).name

    def problem(self):
        """Why the ring is not ideal; None when it is."""
        nodes = self.ordered()
        for index, node in enumerate(nodes):
            try:
                state = self.bench.state(node.address)
            except grpc.RpcError as error:
                return f"{node.name}: {error.code()}"
            count = min(SUCCESSORS, len(nodes) - 1)
            expected = [nodes[(index + step) % len(nodes)].name for step in range(1, count + 1)]
            if [each.name for each in state.successors] != (expected or [node.name]):
                return f"{node.name} lists {[each.name for each in state.successors]}, not {expected}"
            if state.predecessor.name != nodes[index - 1].name:
                return f"{node.name} has predecessor {state.predecessor.name}"
        return None

    def wait_ideal(self, limit):
        started = time.monotonic()
        while (problem := self.problem()) is not None:
            if time.monotonic() - started > limit:
                sys.exit(f"measure: not ideal after {limit} s: {problem}")
        return time.monotonic() - started


class Lookups(threading.Thread):
    """Looks random keys up through every live node in turn, as fast as one thread can."""

    def __init__(self, bench, ring, seed):
        super().__init__(daemon=True)
        self.bench, self.ring = bench, ring
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.expected = None
        self.records = []

    def run(self):
        turn = 0
        while not self.stopping.is_set():
            nodes = list(self.ring.nodes.values())
            node = nodes[turn % len(nodes)]
            turn += 1
            key = self.random.getrandbits(64)
            started = time.monotonic()
            right = self.ring.owner(key)
            try:
                answer = self.bench.lookup(node.address, key)
                verdict = "right" if answer in (right, self.ring.owner(key)) else "wrong"
            except grpc.RpcError as error:
                # A node that was killed while it was asked says nothing about the ring.
                verdict = "failed" if node.name in self.ring.nodes else "gone"
                self.bench.note(f"lookup at {node.name}: {error.code()} {error.details()}")
            self.records.append((started, time.monotonic() - started, verdict))

    def report(self, since):
        self.stopping.set()
        self.join()
        after = [record for record in self.records if record[0] + record[1] >= since]
        bad = [record for record in after if record[2] in ("wrong", "failed")]
        until = max((begin + took - since for begin, took, _ in bad), default=0.0)
        wrong = sum(1 for record in bad if record[2] == "wrong")
        slowest = max(took for _, took, _ in after)
        return (
            f"{len(after)} lookups, {wrong} wrong, {len(bad) - wrong} failed"
            + (f", the last of them {until:.2f} s after" if bad else "")
            + f"; slowest {slowest * 1000:.0f} ms"
        )


class Bench:
    def __init__(self, folder):
        self.folder, self.certs = folder, f"{folder}/certs"
        self.channels = {}
        generated_folder = f"{folder}/python"
        os.mkdir(generated_folder)
        self.messages, self.services = generated(generated_folder)
        self.log = open(f"{folder}/measure.log", "w")

    def note(self, text):
        print(f"{time.monotonic():.3f} {text}", file=self.log, flush=True)

    def issue(self, names):
        environment = dict(os.environ, CERTS_DIR=self.certs, NODES=" ".join(names))
        subprocess.run([ROOT / "scripts/certs", "set"], env=environment, check=True, stdout=subprocess.DEVNULL)

    def stub(self, address):
        if address not in self.channels:
            def read(name):
                return pathlib.Path(self.certs, name).read_bytes()

            credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("client-demo.key"), read("client-demo.pem"))
            options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
            channel = grpc.secure_channel(address, credentials, options)
            self.channels[address] = self.services.ChordServiceStub(channel)
        return self.channels[address]

    def state(self, address):
        return self.stub(address).GetSuccessorList(self.messages.GetSuccessorListRequest(), timeout=5, wait_for_ready=True)

    def lookup(self, address, key):
        request = self.messages.FindSuccessorRequest(id=key.to_bytes(8, "big"))
        return self.stub(address).FindSuccessor(request, timeout=5).owner.name


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    return 0.0


def form(bench, _):
    ring = Ring(bench, [f"n{i}" for i in range(1, 11)])
    print(f"form     last of ten joins to an ideal ring with full lists: {ring.wait_ideal(60):.2f} s")
    return ring


def idle(bench, ring):
    before = {name: cpu_seconds(node.process.pid) for name, node in ring.nodes.items()}
    threading.Event().wait(60)
    used = [cpu_seconds(node.process.pid) - before[name] for name, node in ring.nodes.items()]
    resident = [memory(node.process.pid, "VmRSS") for node in ring.nodes.values()]
    own = [memory(node.process.pid, "RssAnon") for node in ring.nodes.values()]
    count = len(used)
    print(
        f"idle     {sum(used) / count:.3f} s CPU per node and minute; "
        f"{sum(resident) / count:.1f} MiB resident, {sum(own) / count:.1f} MiB of it not shared"
    )


def crash(bench, ring):
    lookups = Lookups(bench, ring, 1)
    lookups.start()
    threading.Event().wait(2)
    nodes = ring.ordered()
    at = time.monotonic()
    for node in (nodes[4], nodes[5]):
        ring.kill(node.name)
    repaired = ring.wait_ideal(60)
    threading.Event().wait(5)
    print(f"crash    two neighbours killed: {lookups.report(at)}; ideal after {repaired:.2f} s")
    for node in (nodes[4], nodes[5]):
        ring.start(node.name)
    ring.wait_ideal(60)


def restart(bench, ring):
    lookups = Lookups(bench, ring, 2)
    lookups.start()
    threading.Event().wait(2)
    at = time.monotonic()
    node = ring.kill(ring.ordered()[3].name)
    ring.start(node.name, node.address)
    repaired = ring.wait_ideal(60)
    threading.Event().wait(5)
    print(f"restart  killed and restarted: {lookups.report(at)}; ideal after {repaired:.2f} s")


def mass(bench, _):
    names = [f"m{i}" for i in range(1, 51)]
    bench.issue(names)
    ring = Ring(bench, names[:1])
    try:
        started = time.monotonic()
        first = ring.nodes[names[0]].address
        processes = {}
        for name in names[1:]:
            command = [str(ROOT / ".build/release/chord"), "serve", "--name", name, "--ring", "bench"]
            command += ["--listen", "127.0.0.1:0", "--certs-dir", bench.certs, "--join", first, "--log-level", "warning"]
            log = open(f"{bench.folder}/{name}.log", "ab")
            processes[name] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        for name, process in processes.items():
            ring._register(name, process)
        joined = time.monotonic() - started
        ring.wait_ideal(200)
        total = time.monotonic() - started
        print(f"mass     fifty nodes: all started and joined after {joined:.1f} s, ideal with full lists after {total:.1f} s")
    finally:
        ring.close()


def main():
    parts = {"form": form, "idle": idle, "crash": crash, "restart": restart, "mass": mass}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    wanted = parser.parse_args().parts or list(parts)
    if unknown := [part for part in wanted if part not in parts]:
        sys.exit(f"measure: unknown part {unknown[0]}; there are {', '.join(parts)}")
    folder = tempfile.mkdtemp(prefix="chord-measure-")
    bench = Bench(folder)
    bench.issue([f"n{i}" for i in range(1, 11)])
    ring = None
    try:
        if set(wanted) - {"mass"}:
            ring = form(bench, None)
        for part in ("idle", "crash", "restart"):
            if part in wanted:
                parts[part](bench, ring)
        if ring:
            ring.close()
            ring = None
        if "mass" in wanted:
            mass(bench, None)
    finally:
        if ring:
            ring.close()
    print(f"logs in {folder}")


if __name__ == "__main__":
    main()

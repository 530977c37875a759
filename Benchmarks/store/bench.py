#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Puts and linearizable gets of a store on three nodes of this machine, over TLS, each write synced to three logs.

    make bench-store

All nodes, the load generator and the disk share the machine, so calls per second are those of the machine and not
of one node. CPU is that of all three nodes, per call. The syncs per second of the disk are measured before and
after, by a program that appends 100 bytes and calls fdatasync. Values have 100 bytes; medians of the rounds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from history import StoreStubs  # noqa: E402
from rings import BINARY, ROOT, Bench, Ring  # noqa: E402

LOAD = ROOT / ".build/bench/load"
NODES = ["n1", "n2", "n3"]
KEYS = 8


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def syncs_per_second(folder, seconds=2):
    path = f"{folder}/syncs"
    count, began = 0, time.monotonic()
    with open(path, "wb", buffering=0) as file:
        while time.monotonic() - began < seconds:
            file.write(b"x" * 100)
            os.fdatasync(file.fileno())
            count += 1
    os.unlink(path)
    return count / seconds


def await_whole(stubs, ring):
    """Waits until one range has three voters, and returns the address of its leader."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for node in ring.nodes.values():
            for each in stubs.status(node.address):
                voters = [replica for replica in each.range.replicas if replica.kind == 1]
                if each.leader == each.replica and len(voters) == 3 and not each.issues:
                    return node.address
        time.sleep(0.1)
    sys.exit("bench: the store has not spread over three nodes after 120 s")


def run(bench, ring, address, path, bodies, streams, count):
    command = [str(LOAD), "load", "--address", address, "--ca", f"{bench.certs}/ca.pem"]
    command += ["--cert", f"{bench.certs}/client-demo.pem", "--key", f"{bench.certs}/client-demo.key"]
    command += ["--path", path, "--connections", "1", "--streams", str(streams)]
    command += ["--requests", str(count), "--warm-up", str(count // 5)]
    for body in bodies:
        command += ["--body", body]
    pids = [node.process.pid for node in ring.nodes.values()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if not process.stdout.readline():
            sys.exit("bench: the load generator gave up")
        cpu = sum(map(cpu_seconds, pids))
        process.stdin.write("\n")
        process.stdin.flush()
        result = json.loads(process.stdout.readline())
        cpu = sum(map(cpu_seconds, pids)) - cpu
        process.stdin.close()
    if result["failures"]:
        sys.exit(f"bench: {result['failures']} of {result['count']} calls failed")
    result["cpu_us"] = cpu / result["count"] * 1e6
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each run, about (3)")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="chord-bench-")
    bench = Bench(folder, BINARY, None, "warning")
    bench.issue(NODES)
    ring = Ring(bench, [])
    try:
        before = syncs_per_second(folder)
        for name in NODES:
            ring.start(name)
        stubs = StoreStubs(bench)
        leader = await_whole(stubs, ring)
        messages = stubs.messages
        files = {"Put": [], "Get": []}
        for index in range(KEYS):
            key = f"key {index}".encode()
            requests = {
                "Put": messages.PutRequest(key=key, value=b"v" * 100),
                "Get": messages.GetRequest(keys=[key]),
            }
            for name, request in requests.items():
                file = pathlib.Path(folder, f"{name}-{index}")
                file.write_bytes(request.SerializeToString())
                files[name].append(str(file))
        line = "{:<5}{:>10}{:>14}{:>10}{:>10}{:>16}"
        print(line.format("call", "in flight", "per second", "p50 ms", "p99 ms", "CPU µs, 3 nodes"))
        for name in ("Put", "Get"):
            for streams in (1, 16, 64, 256):
                path = f"/chord.v1.StoreService/{name}"
                probe = run(bench, ring, leader, path, files[name], streams, 200 + 20 * streams)
                count = max(200, int(probe["per_second"] * options.seconds))
                rows = [run(bench, ring, leader, path, files[name], streams, count) for _ in range(options.rounds)]
                middle = {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "failures"}
                print(
                    line.format(
                        name, streams, f"{middle['per_second']:,.0f}", f"{middle['p50_us'] / 1000:.2f}",
                        f"{middle['p99_us'] / 1000:.2f}", f"{middle['cpu_us']:.0f}",
                    ),
                    flush=True,
                )
        print(f"syncs of the disk: {before:,.0f} per second before, {syncs_per_second(folder):,.0f} after")
    finally:
        ring.close()


if __name__ == "__main__":
    main()

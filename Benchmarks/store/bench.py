#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Puts and linearizable gets of a store on three nodes of this machine, beside etcd.

    make bench-store
    make bench-store STORES=chord

Both have mutual TLS, sync each write to the logs of a majority, and are asked at the leader by the same load program,
in turns: a round of ours, a round of etcd's. Our keys lie in one partition, and so in one range with one leader. All nodes, the load program and the disk share the machine, so calls per
second are those of the machine and not of one node. CPU and bytes written are those of all three nodes, per call. The
syncs per second of the disk are measured before and after, by a program that appends 100 bytes and calls fdatasync.
Values have 100 bytes; a mix is nine gets and a put. Medians of the rounds.
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

from rings import BINARY, ROOT, Bench  # noqa: E402
from servers import NODES, Etcd, Ours  # noqa: E402

LOAD = ROOT / ".build/bench/load"
# Connections, and calls open on each.
SHAPES = [(1, 1), (1, 16), (1, 64), (8, 32)]
LINE = "{:<5}{:>9}  {:<6}{:>12}{:>10}{:>10}{:>14}{:>14}"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


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


class Requests:
    """Files with the messages of each kind of call, in the order in which they take turns."""

    def __init__(self, folder, store):
        mix = store.calls["put"][:1] + store.calls["get"][:9]
        self.options = {}
        for kind, calls in {**store.calls, "mix": mix}.items():
            options = self.options[kind] = []
            for index, (path, message) in enumerate(calls):
                file = pathlib.Path(folder, f"{store.name}-{kind}-{index}")
                file.write_bytes(message.SerializeToString())
                options += ["--path", path, "--body", str(file)]


def run(certs, store, options, shape, count):
    connections, streams = shape
    command = [str(LOAD), "load", "--address", store.leader, "--ca", f"{certs}/ca.pem"]
    command += ["--cert", f"{certs}/client-demo.pem", "--key", f"{certs}/client-demo.key", *options]
    command += ["--connections", str(connections), "--streams", str(streams)]
    command += ["--requests", str(count), "--warm-up", str(count // 5)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if not process.stdout.readline():
            sys.exit(f"bench: the load generator gave up on {store.name}")
        cpu, written = sum(map(cpu_seconds, store.pids)), sum(map(written_bytes, store.pids))
        process.stdin.write("\n")
        process.stdin.flush()
        result = json.loads(process.stdout.readline())
        cpu = sum(map(cpu_seconds, store.pids)) - cpu
        written = sum(map(written_bytes, store.pids)) - written
        process.stdin.close()
    if result["failures"]:
        sys.exit(f"bench: {result['failures']} of {result['count']} calls of {store.name} failed")
    result["cpu_us"] = cpu / result["count"] * 1e6
    result["written"] = written / result["count"]
    return result


def row(stores, requests, certs, kind, shape, options):
    """Medians of each store for one kind of call; the stores take turns."""
    counts, rounds = {}, {store.name: [] for store in stores}
    for store in stores:
        probe = run(certs, store, requests[store.name].options[kind], shape, 200 + 20 * shape[0] * shape[1])
        counts[store.name] = max(200, int(probe["per_second"] * options.seconds))
    for _ in range(options.rounds):
        for store in stores:
            call = requests[store.name].options[kind]
            rounds[store.name].append(run(certs, store, call, shape, counts[store.name]))
    return {
        name: {key: statistics.median(each[key] for each in results) for key in results[0] if key != "failures"}
        for name, results in rounds.items()
    }


def show(kind, shape, results):
    for name, middle in results.items():
        print(
            LINE.format(
                kind, f"{shape[0]} x {shape[1]}", name, f"{middle['per_second']:,.0f}",
                f"{middle['p50_us'] / 1000:.2f}", f"{middle['p99_us'] / 1000:.2f}", f"{middle['cpu_us']:.0f}",
                f"{middle['written']:,.0f}",
            )
        )
    if len(results) > 1:
        ours, theirs = results["chord"], results["etcd"]
        ratios = [f"{ours[key] / theirs[key]:.2f}" if theirs[key] else "-" for key in
                  ("per_second", "p50_us", "p99_us", "cpu_us", "written")]
        print(LINE.format("", "", "ratio", *ratios), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each run, about (3)")
    parser.add_argument("--stores", default="chord,etcd", help="what to measure (chord,etcd)")
    parser.add_argument("--json", help="write the medians to this file")
    options = parser.parse_args()
    names = options.stores.split(",")
    if "etcd" in names and not Etcd.is_installed():
        sys.exit("bench: etcd is not installed; --stores chord leaves it out")
    folder = tempfile.mkdtemp(prefix="chord-bench-")
    issuer = Bench(folder, BINARY)
    issuer.issue(NODES)
    certs, stores, table = issuer.certs, [], []
    try:
        before = syncs_per_second(folder)
        for name in names:
            part = tempfile.mkdtemp(prefix=f"{name}-", dir=folder)
            stores.append(Ours(part, certs, BINARY) if name == "chord" else Etcd(part, certs))
        # The nodes have settled, and nothing is stored yet.
        time.sleep(5)
        for store in stores:
            sizes = ", ".join(f"{resident_mib(pid):.1f}" for pid in store.pids)
            print(f"resident memory of idle nodes, empty store, {store.name}: {sizes} MiB")
        requests = {store.name: Requests(folder, store) for store in stores}
        print(LINE.format("call", "in flight", "store", "per second", "p50 ms", "p99 ms", "CPU µs/call", "bytes/call"))
        for kind in ("put", "get", "mix"):
            for shape in SHAPES:
                results = row(stores, requests, certs, kind, shape, options)
                table.append({"call": kind, "shape": shape, **results})
                show(kind, shape, results)
        for store in stores:
            sizes = ", ".join(f"{resident_mib(pid):.1f}" for pid in store.pids)
            print(f"resident memory after the load, {store.name}: {sizes} MiB")
        print(f"syncs of the disk: {before:,.0f} per second before, {syncs_per_second(folder):,.0f} after")
    finally:
        for store in stores:
            store.close()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

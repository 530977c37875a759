#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Lookups of random identifiers through one node of a ring of ten processes over TLS.

    make bench-lookups                    # lookups per second, p50, p99, CPU over all nodes
    make bench-lookups BASE=path/to/chord # beside a ring of another build, in turns

The load program in C (Benchmarks/rpc/load.c) asks one node over one connection, with one call open or 32, each with a
deadline. All nodes and the load program share the machine. The stores are off. Medians of the rounds; a ratio is this
build / the other one within one round. Then members are stopped while eight callers go on (stopped.py).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import stopped
from measure import cpu_seconds
from rings import BINARY, ROOT, Bench, Ring

LOAD = ROOT / ".build/bench/load"
NODES = [f"n{number}" for number in range(10)]
# Calls open at once.
STREAMS = [1, 32]
LINE = "{:>6}  {:<8}{:>12}{:>10}{:>10}{:>12}"


class Build:
    """A ring of one build, and the node that is asked."""

    def __init__(self, name, folder, binary):
        self.name = name
        home = f"{folder}/{name}"
        os.mkdir(home)
        self.bench = Bench(home, binary=binary, options=["--no-store"])
        self.bench.issue(NODES)
        self.ring = Ring(self.bench, NODES)
        self.ring.wait_ideal(60)
        self.body = pathlib.Path(home, "request")
        request = self.bench.messages.FindSuccessorRequest(id=bytes([1] * 8))
        self.body.write_bytes(request.SerializeToString())

    def run(self, streams, count):
        certs = self.bench.certs
        command = [str(LOAD), "load", "--address", self.ring.nodes[NODES[0]].address, "--ca", f"{certs}/ca.pem"]
        command += ["--cert", f"{certs}/client-demo.pem", "--key", f"{certs}/client-demo.key"]
        command += ["--path", "/chord.v1.ChordService/FindSuccessor", "--body", str(self.body)]
        command += ["--random-identifiers", "4096", "--connections", "1", "--streams", str(streams)]
        command += ["--requests", str(count), "--warm-up", str(max(4096, count // 5))]
        pids = [node.process.pid for node in self.ring.nodes.values()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            if not process.stdout.readline():
                sys.exit(f"lookups: the load program gave up on {self.name}")
            cpu = sum(map(cpu_seconds, pids))
            process.stdin.write("\n")
            process.stdin.flush()
            result = json.loads(process.stdout.readline())
            cpu = sum(map(cpu_seconds, pids)) - cpu
            process.stdin.close()
        if result["failures"]:
            sys.exit(f"lookups: {result['failures']} of {result['count']} calls of {self.name} failed")
        result["cpu_us"] = cpu / result["count"] * 1e6
        return result


def measure(builds, streams, rounds, seconds):
    counts = {build.name: int(build.run(streams, 2000)["per_second"] * seconds) + 1 for build in builds}
    results = {build.name: [] for build in builds}
    for _ in range(rounds):
        for build in builds:
            results[build.name].append(build.run(streams, counts[build.name]))
    return results


def show(streams, results):
    keys = ["per_second", "p50_us", "p99_us", "cpu_us"]
    for name, rounds in results.items():
        middle = [statistics.median(each[key] for each in rounds) for key in keys]
        print(LINE.format(streams, name, f"{middle[0]:,.0f}", *(f"{value:,.0f}" for value in middle[1:])))
    if len(results) > 1:
        pairs = list(zip(*results.values()))
        ratios = [statistics.median(ours[key] / theirs[key] for ours, theirs in pairs) for key in keys]
        print(LINE.format("", "ratio", *(f"{ratio:.2f}" for ratio in ratios)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(BINARY), help="the program to measure (the release build)")
    parser.add_argument("--base", help="another build, measured in turns with it")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each row (5)")
    parser.add_argument("--seconds", type=float, default=2, help="time of a run, about (2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chord-lookups-") as folder:
        builds = []
        try:
            builds.append(Build("this", folder, pathlib.Path(options.binary)))
            if options.base:
                builds.append(Build("base", folder, pathlib.Path(options.base)))
            print(LINE.format("calls", "build", "per second", "p50 µs", "p99 µs", "CPU µs each"))
            for streams in STREAMS:
                show(streams, measure(builds, streams, options.rounds, options.seconds))
        finally:
            for build in builds:
                build.ring.close()
        binaries = {"this": options.binary, "base": options.base}
        names = [name for name, binary in binaries.items() if binary]
        homes = iter(range(1_000))
        stopped.show(
            lambda name: Build(f"{name}-{next(homes)}", folder, pathlib.Path(binaries[name])), names, options.rounds
        )


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a burst of handshakes leaves to established calls.

    make bench-burst                    # FindSuccessor at 8 x 16, alone and while 64 clients shake hands all the time
    make bench-burst BASE=path/to/chord # beside a node of another build, in turns

The asked node has a core of its own. The load programs share another one, so that the calls lose a part of their rate
to the clients of the handshakes: "beside a burner" has instead a program on that core that uses as much of it, and no
handshakes. Medians of the rounds; a part is the rate in the burst / the rate beside the burner, within one round.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

from measure import cpu_seconds  # noqa: E402
from rings import BINARY, ROOT, Bench, Ring  # noqa: E402

LOAD = ROOT / ".build/bench/load"
NODES = ["n1", "n2", "n3"]
SERVER, CLIENTS = "0", "1"
# The clients of handshakes have a third of the weight of the program that calls: else they would take half of its core.
NICE = {"handshake": ["nice", "-n", "5"]}
LINE = "{:<8}{:>12}{:>18}{:>14}{:>8}{:>10}{:>10}{:>14}{:>12}"
# Uses a part of a core, in turns of 2 ms.
BURNER = """
import sys, time
part = float(sys.argv[1])
while True:
    began = time.monotonic()
    while time.monotonic() < began + 0.002 * part: pass
    time.sleep(0.002 * (1 - part))
"""


class Build:
    """A ring of one build, and the node that is asked."""

    def __init__(self, name, folder, binary):
        self.name = name
        home = pathlib.Path(folder, name)
        home.mkdir()
        self.bench = Bench(str(home), binary=binary, options=["--no-store"])
        self.bench.issue(NODES)
        self.ring = Ring(self.bench, [])
        for place, node in enumerate(NODES):
            self.ring.start(node, before=("taskset", "--cpu-list", CLIENTS if place else SERVER))
        self.ring.wait_ideal(60)
        asked = self.ring.nodes[NODES[0]]
        self.body = home / "request"
        self.body.write_bytes(
            self.bench.messages.FindSuccessorRequest(id=asked.id.to_bytes(8, "big")).SerializeToString()
        )

    def load(self, mode, *options):
        certs = self.bench.certs
        command = [*NICE.get(mode, []), "taskset", "--cpu-list", CLIENTS, str(LOAD), mode, "--address", self.ring.nodes[NODES[0]].address]
        command += ["--ca", f"{certs}/ca.pem", "--cert", f"{certs}/client-demo.pem"]
        command += ["--key", f"{certs}/client-demo.key", *map(str, options)]
        if mode == "load":
            command += ["--path", "/chord.v1.ChordService/FindSuccessor", "--body", str(self.body)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not process.stdout.readline():
            sys.exit(f"burst: the load program gave up on {self.name}")
        return process

    def calls(self, count):
        """Calls at 8 x 16."""
        process = self.load("load", "--connections", 8, "--streams", 16, "--requests", count, "--warm-up", count // 10)
        result, _ = process.communicate("\n")
        return json.loads(result)

    def round(self, count):
        alone = self.calls(count)
        # More than can be made meanwhile: they end with the calls.
        shakes = self.load("handshake", "--connections", 64, "--requests", 10_000_000, "--warm-up", 64)
        shakes.stdin.write("\n")
        shakes.stdin.flush()
        time.sleep(0.2)
        began, cpu = time.monotonic(), cpu_seconds(shakes.pid)
        among = self.calls(count)
        used = (cpu_seconds(shakes.pid) - cpu) / (time.monotonic() - began)
        shakes.kill()
        shakes.wait()
        burner = subprocess.Popen(
            [*NICE["handshake"], "taskset", "--cpu-list", CLIENTS, sys.executable, "-c", BURNER, str(min(used, 1))]
        )
        beside = self.calls(count)
        burner.kill()
        burner.wait()
        # The same burst with nothing beside it.
        burst = self.load("handshake", "--connections", 64, "--requests", 1_000, "--warm-up", 64)
        result, _ = burst.communicate("\n")
        return {
            "alone": alone["per_second"],
            "beside": beside["per_second"],
            "among": among["per_second"],
            "part": among["per_second"] / beside["per_second"],
            "used": used,
            "p50": among["p50_us"],
            "p99": among["p99_us"],
            "shakes": json.loads(result)["per_second"],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="the chord command of another build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=400_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chord-burst.") as folder:
        builds = [Build("this", folder, BINARY)]
        if options.base:
            builds.append(Build("base", folder, pathlib.Path(options.base).resolve()))
        results = {build.name: [] for build in builds}
        try:
            for _ in range(options.rounds):
                for build in builds:
                    results[build.name].append(build.round(options.calls))
        finally:
            for build in builds:
                build.ring.close()
    titles = ["calls/s", "beside a burner", "in the burst", "part", "p50 µs", "p99 µs", "client's core", "1,000 alone"]
    print(LINE.format("", *titles))
    for name, rounds in results.items():
        of = {key: statistics.median(result[key] for result in rounds) for key in rounds[0]}
        print(
            LINE.format(
                name, f"{of['alone']:,.0f}", f"{of['beside']:,.0f}", f"{of['among']:,.0f}", f"{of['part']:.2f}",
                f"{of['p50']:,.0f}", f"{of['p99']:,.0f}", f"{of['used']:.2f}", f"{1000 / of['shakes']:.2f} s",
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()

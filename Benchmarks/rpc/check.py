#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Instructions of a node per call, handshake and maintenance round, compared with a committed baseline.

    make bench-check
    make bench-check BASELINE=write
    make bench-check AGAINST=path/to/another/chord

The node runs under valgrind's callgrind, which counts the instructions of one process. The counts of two runs
differ by less than 1 %, whatever else the machine does, so a row that is more than 3 % above its baseline is a
change of the code, or of a system library. System calls are not counted, and neither is waiting: `make bench-rpc`
measures time.

local       a FindSuccessor with a deadline that the node answers, one call at a time
local 16    the same with 16 calls in progress
forwarded   a FindSuccessor that the node forwards, in a ring of seven
handshake   a new connection, up to the server's SETTINGS
round       a maintenance round in a ring of two, with a log line for each at level trace
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

from rings import BINARY, ROOT, Bench, Ring  # noqa: E402

LOAD = ROOT / ".build/bench/load"
BASELINE = pathlib.Path(__file__).with_name("baseline.json")
ALLOWED = 1.03
# The line that the node logs at level trace for each maintenance round in a ring of two.
ROUND = "asked for its state"
# Row, mode of the load generator, how far after the node the owner is, requests, options. The node knows the
# four nodes after it, and forwards what belongs to the next ones.
CALLS = [
    ("local", "load", 0, 2000, []),
    ("local 16", "load", 0, 8000, ["--streams", "16"]),
    ("forwarded", "load", 5, 2000, []),
    ("handshake", "handshake", 0, 60, []),
]
NODES = [f"n{number}" for number in range(1, 8)]


class Counted:
    """A ring whose first node runs under callgrind."""

    def __init__(self, bench, names, interval, log_level):
        self.bench = bench
        bench.log_level = log_level
        self.pattern = pathlib.Path(bench.folder) / f"callgrind-{log_level}"
        self.ring = Ring(bench, [])
        counting = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={self.pattern}.%p"]
        counting = ["env", f"CHORD_STABILIZE_INTERVAL={interval}", *counting]
        self.node, *_ = [
            self.ring.start(name, before=() if number else counting) for number, name in enumerate(names)
        ]
        self.ring.wait_ideal(60)
        self.pid = self.node.process.pid
        self.dumps = 0

    def zero(self):
        self.control("--zero")

    def instructions(self):
        """Instructions since `zero`."""
        self.control("--dump")
        self.dumps += 1
        text = pathlib.Path(f"{self.pattern}.{self.pid}.{self.dumps}").read_text(encoding="utf-8")
        return int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE).group(1))

    def control(self, action):
        command = ["callgrind_control", action, str(self.pid)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.ring.close()


def question(bench, ring, distance):
    """A file with a FindSuccessor for an identifier of the node so many places after the first."""
    nodes = ring.ordered()
    place = nodes.index(ring.nodes[NODES[0]])
    identifier = nodes[(place + distance) % len(nodes)].id
    path = pathlib.Path(bench.folder, f"question-{distance}")
    path.write_bytes(bench.messages.FindSuccessorRequest(id=identifier.to_bytes(8, "big")).SerializeToString())
    return str(path)


def calls(counted, mode, distance, count, options):
    """Instructions for each of `count` requests."""
    bench = counted.bench
    command = [str(LOAD), mode, "--address", counted.node.address, "--ca", f"{bench.certs}/ca.pem"]
    command += ["--cert", f"{bench.certs}/client-demo.pem", "--key", f"{bench.certs}/client-demo.key"]
    command += ["--path", "/chord.v1.ChordService/FindSuccessor", "--body", question(bench, counted.ring, distance)]
    command += ["--requests", str(count), "--warm-up", str(count // 4), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if not process.stdout.readline():
            sys.exit(f"bench-check: the load generator gave up; logs in {bench.folder}")
        counted.zero()
        process.stdin.write("\n")
        process.stdin.flush()
        result = json.loads(process.stdout.readline())
        total = counted.instructions()
        process.stdin.close()
    if result["failures"]:
        sys.exit(f"bench-check: {result['failures']} of {count} calls failed")
    return total / count


def rounds(counted, seconds):
    """Instructions for each maintenance round."""
    log = pathlib.Path(counted.bench.folder, "n1.log")

    def logged():
        return log.read_text(encoding="utf-8", errors="replace").count(ROUND)

    counted.zero()
    before = logged()
    time.sleep(seconds)
    total = counted.instructions()
    count = logged() - before
    if count < 50:
        sys.exit(f"bench-check: only {count} maintenance rounds in {seconds} s; is the log line still {ROUND!r}?")
    return total / count


def stripped(binary, folder):
    """A copy without debugging information, which valgrind cannot read for this program."""
    copy = pathlib.Path(folder, "chord")
    shutil.copy(binary, copy)
    subprocess.run(["strip", copy], check=True)
    return copy


@contextlib.contextmanager
def counted_ring(binary, names, interval, log_level):
    with tempfile.TemporaryDirectory(prefix="chord-check-") as folder:
        # Nodes at the places of their names, and without lookups of other places: as in the baseline. The heartbeats
        # of a store would count as maintenance of the ring.
        bench = Bench(folder, binary=stripped(binary, folder), placements=1, options=["--no-store"])
        bench.issue(names)
        counted = Counted(bench, names, interval, log_level)
        try:
            yield counted
        finally:
            counted.close()


def measure(binary, options):
    """The median count of each row."""
    counts = {}
    # Long intervals keep maintenance out of the rows about calls.
    with counted_ring(binary, NODES, "60s", "warning") as counted:
        for row, *call in CALLS:
            counts[row] = statistics.median(calls(counted, *call) for _ in range(options.times))
    with counted_ring(binary, NODES[:2], "50ms", "trace") as counted:
        counts["round"] = rounds(counted, options.seconds)
    return {row: round(count) for row, count in counts.items()}


def report(now, before, title):
    """Prints the table. True if a row exceeds what is allowed."""
    print(f"{'row':<12}{title:>14}{'now':>14}{'ratio':>8}")
    worse = []
    for row, count in now.items():
        base = before.get(row)
        ratio = count / base if base else float("nan")
        print(f"{row:<12}{base or 0:>14,}{count:>14,}{ratio:>8.3f}")
        if base is None or ratio > ALLOWED:
            worse.append(row)
    if worse:
        print(f"bench-check: more than {ALLOWED - 1:.0%} above {title}: {', '.join(worse)}.")
        print("Find the cause with callgrind_annotate, or accept it with make bench-check BASELINE=write.")
    return bool(worse)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="runs of each row; the median counts")
    parser.add_argument("--seconds", type=float, default=20, help="how long maintenance rounds are counted")
    parser.add_argument("--write", action="store_true", help="make the counts the new baseline")
    parser.add_argument("--against", type=pathlib.Path, help="compare with another chord instead of the baseline")
    options = parser.parse_args()
    now = measure(BINARY, options)
    if options.against:
        sys.exit(report(now, measure(options.against, options), "other"))
    if options.write:
        BASELINE.write_text(json.dumps(now, indent=4) + "\n", encoding="utf-8")
        print(f"wrote {BASELINE.relative_to(ROOT)}")
    sys.exit(report(now, json.loads(BASELINE.read_text(encoding="utf-8")), "baseline"))


if __name__ == "__main__":
    main()

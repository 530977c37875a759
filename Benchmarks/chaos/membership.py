#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Nodes join and leave a store of seven nodes for good, one after the other, under reads and writes.

    make membership

In each round a new node joins, and an old one leaves by `chord leave`. No call may fail, and the history must be
linearizable. The table has the times of the calls while nothing happens, during joins and during leaves: from the start
of the node or the command until each range has its voters again.
"""

import argparse
import subprocess
import time

from store import StoreChaos, add_load, carry_out

LINE = "{:<10}{:>8}{:>14}{:>11}{:>11}{:>11}"


class Membership(StoreChaos):
    def __init__(self, options, bench, net):
        super().__init__(options, bench, net)
        self.names = [f"n{number}" for number in range(1, options.nodes + options.rounds + 1)]
        self.side = {name: net.sides[0] for name in self.names}
        self.latencies = {"calm": [], "join": [], "leave": []}
        self.took = {name: [] for name in self.latencies}

    def leave(self, name):
        node = self.ring.nodes.pop(name)
        # Clients do not ask it any more. The others go on asking it until it has left.
        self.show()
        certs = self.bench.certs
        command = [str(self.bench.binary), "leave", "--node", node.address, "--certs-dir", certs, "--as", "admin-admin"]
        left = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if left.returncode != 0:
            self.blame(f"chord leave of {name} ended with {left.returncode}: {left.stderr.strip()}")
        elif (code := node.process.wait(40)) != 0:
            self.blame(f"{name} ended with {code} after it had left")

    def note(self, phase, began):
        self.took[phase].append(time.monotonic() - began)
        self.latencies[phase] += self.clients.take_latencies()

    def run(self):
        self.form()
        oldest = list(self.names)
        for name in self.names[self.options.nodes :]:
            self.clients.take_latencies()
            began = time.monotonic()
            time.sleep(self.options.calm)
            self.note("calm", began)
            began = time.monotonic()
            self.start(name)
            # Replicas move once the ring has named the same members for a while.
            time.sleep(self.options.settle)
            self.wait_whole(self.options.within)
            self.note("join", began)
            began = time.monotonic()
            self.leave(oldest.pop(0))
            self.wait_whole(self.options.within)
            self.note("leave", began)
        self.clients.stop()
        self.clients.read_all()

    def report(self):
        print("\n" + LINE.format("phase", "calls", "took, worst", "p50 ms", "p99 ms", "worst ms"))
        for phase, latencies in self.latencies.items():
            ordered = sorted(latencies)
            cells = [f"{ordered[int(share * (len(ordered) - 1))] * 1000:.1f}" for share in (0.5, 0.99, 1)]
            print(LINE.format(phase, len(ordered), f"{max(self.took[phase]):.1f} s", *cells))
        counts = self.clients.counts()
        failed = {key: counts[key] for key in ("unknown", "unanswered", "refused") if counts[key]}
        if failed:
            self.blame(f"calls failed: {failed}")
        print(f"\n{counts['acknowledged']} acknowledged writes, {counts['reads']} reads")
        print(f"{len(self.violations)} violations" if self.violations else "No call failed.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=7, help="nodes (7)")
    parser.add_argument("--rounds", type=int, default=4, help="joins, and as many leaves (4)")
    parser.add_argument("--calm", type=float, default=5, help="seconds before each join (5)")
    parser.add_argument("--settle", type=float, default=12, help="seconds in which a newcomer waits for its part (12)")
    parser.add_argument("--within", type=float, default=60, help="seconds until all ranges have their voters (60)")
    add_load(parser)
    carry_out(Membership, parser.parse_args(), parser)


if __name__ == "__main__":
    main()

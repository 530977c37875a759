#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Restarts all nodes of a ring in an orderly way, one after the other, under reads and writes.

    make rolling                    the same program
    make upgrade FROM=HEAD~1        from the program of another commit to this one

Each node gets SIGTERM, starts again with its data, and is waited for as docs/store.md says, before the next one goes.
No call may fail, the history must be linearizable, and no replica may move.
"""

import argparse
import pathlib
import signal
import time

from store import StoreChaos, add_load, carry_out


class Rolling(StoreChaos):
    def replicas(self):
        """The nodes and numbers of the replicas of each range."""
        return {
            key: sorted((replica.node, replica.number) for replica in each.range.replicas)
            for key, (_, each) in self.ranges().items()
        }

    def restart(self, name):
        node = self.ring.nodes[name]
        node.process.send_signal(signal.SIGTERM)
        if (code := node.process.wait(40)) != 0:
            self.blame(f"{name} ended with {code} after SIGTERM")
        self.ring.kill(name)
        self.show()
        self.start(name)
        self.wait_whole(self.options.within)

    def run(self):
        self.bench.binary = self.options.previous.absolute()
        self.form()
        before = self.replicas()
        self.bench.binary = self.options.binary.absolute()
        for number in range(self.options.rounds):
            for name in sorted(self.ring.nodes):
                self.clients.longest_gap()
                began = time.monotonic()
                self.restart(name)
                print(
                    f"round {number + 1}  {name}  whole again after {time.monotonic() - began:4.1f} s, "
                    f"no answer for {self.clients.longest_gap():4.2f} s",
                    flush=True,
                )
        self.clients.stop()
        after = self.replicas()
        # A range may be split meanwhile. Both halves have the replicas of the whole.
        if moved := [key for key in before if after.get(key) != before[key]]:
            self.blame(f"replicas moved: {[(before[key], after.get(key)) for key in moved]}")
        self.clients.read_all()

    def report(self):
        counts = self.clients.counts()
        failed = {key: counts[key] for key in ("unknown", "unanswered", "refused") if counts[key]}
        if failed:
            self.blame(f"calls failed: {failed}")
        print(f"{counts['acknowledged']} acknowledged writes, {counts['reads']} reads")
        print(f"{len(self.violations)} violations" if self.violations else "No call failed, and no replica moved.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5, help="nodes (5)")
    parser.add_argument("--rounds", type=int, default=2, help="times that each node is restarted (2)")
    parser.add_argument("--within", type=float, default=60, help="seconds until all ranges have their voters (60)")
    parser.add_argument("--previous", type=pathlib.Path, help="the chord with which the nodes begin")
    add_load(parser)
    options = parser.parse_args()
    options.previous = options.previous or options.binary
    if not options.previous.is_file():
        parser.error(f"{options.previous} is missing: make release")
    carry_out(Rolling, options, parser)


if __name__ == "__main__":
    main()

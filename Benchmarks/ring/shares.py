#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shares of the circle in rings of real processes, compared with a model.

    make shares RINGS=3 NODES=50

The nodes of a ring join one after the other. Each takes the place whose smaller side is largest, of 16. The
model computes the same choice without processes: for the same names, and for 20 rings of other names. The mean of
the rings of processes must lie within 15 % of the mean of those 20.
"""

import argparse
import bisect
import os
import pathlib
import statistics
import sys
import tempfile

from rings import BINARY, PLACEMENTS, Bench, Ring, places

CIRCLE = 2**64
MODEL_RINGS = 20
TOLERANCE = 0.15


def model(names, placements):
    """The identifiers of nodes that join in this order."""
    taken = []

    def smaller_side(place):
        index = bisect.bisect_left(taken, place)
        before, after = taken[index - 1], taken[index % len(taken)]
        return min((place - before) % CIRCLE, (after - place) % CIRCLE)

    for name in names:
        candidates = places(name, placements)
        bisect.insort(taken, max(candidates, key=smaller_side) if taken else candidates[0])
    return taken


def extremes(ids):
    """The largest and the smallest share, as multiples of the mean."""
    ids = sorted(ids)
    shares = [(id - ids[index - 1]) % CIRCLE / CIRCLE * len(ids) for index, id in enumerate(ids)]
    return max(shares), min(shares)


def means(rings):
    return [statistics.mean(figures) for figures in zip(*rings)]


def expected(nodes, placements):
    return means(extremes(model([f"{ring}/{node}" for node in range(nodes)], placements)) for ring in range(MODEL_RINGS))


def measure(bench, names):
    """The identifiers of a ring of processes."""
    bench.issue(names)
    ring = Ring(bench, [])
    try:
        for name in names:
            ring.start(name)
        ring.wait_ideal(200)
        return [node.id for node in ring.nodes.values()]
    finally:
        ring.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rings", type=int, default=3, help="rings, one after the other (3)")
    parser.add_argument("--nodes", type=int, default=50, help="processes of a ring (50)")
    parser.add_argument("--binary", type=pathlib.Path, default=BINARY, help="chord (.build/release/chord)")
    options = parser.parse_args()
    if options.rings < 1 or options.nodes < 2:
        parser.error("one ring and two nodes at least")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is missing: make release")
    measured = []
    for number in range(1, options.rings + 1):
        names = [f"r{number}-{node}" for node in range(1, options.nodes + 1)]
        with tempfile.TemporaryDirectory(prefix="chord-shares-") as folder:
            ids = measure(Bench(folder, options.binary.absolute()), names)
        computed = model(names, PLACEMENTS)
        (largest, smallest), (model_largest, model_smallest) = extremes(ids), extremes(computed)
        print(
            f"ring {number}   {len(ids)} processes: largest share {largest:.2f} of the mean, smallest {smallest:.2f}; "
            f"model with these names {model_largest:.2f} and {model_smallest:.2f}, "
            f"{len(set(ids) & set(computed))} nodes at the same places",
            flush=True,
        )
        measured.append((largest, smallest))
    found, with_one = means(measured), expected(options.nodes, 1)
    wanted = expected(options.nodes, PLACEMENTS)
    print(f"mean     largest {found[0]:.2f}, smallest {found[1]:.2f}")
    print(f"model    largest {wanted[0]:.2f}, smallest {wanted[1]:.2f}: mean of {MODEL_RINGS} rings")
    print(f"         largest {with_one[0]:.2f}, smallest {with_one[1]:.2f} with one place per node")
    if any(abs(here - there) > TOLERANCE * there for here, there in zip(found, wanted)):
        sys.exit(f"shares: the mean is not within {TOLERANCE:.0%} of the model")


if __name__ == "__main__":
    main()

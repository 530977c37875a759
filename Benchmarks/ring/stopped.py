# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Lookups through one node while neighbours of one another among the others are stopped (SIGSTOP)."""

import random
import signal
import statistics
import threading
import time

CALLERS = 8
# Seconds before the stop and after it.
BEFORE, AFTER = 2, 6
LATE = 0.05
LINE = "{:>7}  {:<8}{:>12}{:>10}{:>12}{:>10}{:>10}{:>14}"


def warm(build, asked, count=4000):
    """The mean number of calls between nodes per lookup, once the node knows the members."""
    generator, hops = random.Random(1), []
    for _ in range(count):
        key = generator.getrandbits(64)
        request = build.bench.messages.FindSuccessorRequest(id=key.to_bytes(8, "big"))
        hops.append(asked.stub.FindSuccessor(request, timeout=5).hops)
    return statistics.mean(hops[count // 2 :])


class Callers:
    """Threads that look random identifiers up, each its next one when the last was answered."""

    def __init__(self, build, asked):
        self.build, self.asked = build, asked
        self.calls, self.failures, self.ended = [], 0, False
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        generator = random.Random(number)
        while not self.ended:
            key, began = generator.getrandbits(64), time.monotonic()
            try:
                self.build.bench.lookup(self.asked, key)
            except Exception:  # noqa: BLE001 - what is no answer is a failure
                self.failures += 1
            self.calls.append((began, time.monotonic() - began))

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()


def measure(build, count):
    """Stops `count` members in a row: what lookups took in the first second after it, and then."""
    nodes = build.ring.ordered()
    asked = build.ring.nodes["n0"]
    place = nodes.index(asked)
    # In the middle of the ring as the asked node sees it: neither its predecessor nor its successor.
    stopped = [nodes[(place + len(nodes) // 2 + step) % len(nodes)] for step in range(count)]
    callers = Callers(build, asked)
    time.sleep(BEFORE)
    at = time.monotonic()
    for node in stopped:
        node.process.send_signal(signal.SIGSTOP)
    time.sleep(AFTER)
    callers.end()
    first = [took for began, took in callers.calls if at - LATE <= began < at + 1]
    later = [took for began, took in callers.calls if began >= at + 1]
    return {
        "first_late": sum(took > LATE for took in first),
        "first_longest": max(first) * 1000,
        "count": len(later),
        "late": sum(took > LATE for took in later),
        "p99": statistics.quantiles(later, n=100)[98] * 1000,
        "longest": max(later) * 1000,
        "failures": callers.failures,
    }


def show(make, names, rounds):
    """Prints a row for each number of stopped members and each build. `make` starts a ring of a build."""
    print(f"\n{CALLERS} callers; members in a row are stopped. Late: longer than {LATE * 1000:.0f} ms")
    print(LINE.format("stopped", "build", "late, 1st s", "longest", "late, then", "p99 ms", "longest", "calls/lookup"))
    for count in (1, 2):
        results = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                build = make(name)
                try:
                    calls = warm(build, build.ring.nodes["n0"])
                    results[name].append(dict(measure(build, count), calls=calls))
                finally:
                    build.ring.close()
        for name, each in results.items():
            middle = {key: statistics.median(result[key] for result in each) for key in each[0]}
            print(
                LINE.format(
                    count,
                    name,
                    f"{middle['first_late']:.0f}",
                    f"{middle['first_longest']:.0f}",
                    f"{middle['late']:.0f}",
                    f"{middle['p99']:.1f}",
                    f"{middle['longest']:.0f}",
                    f"{middle['calls']:.2f}",
                ),
                flush=True,
            )
            if failures := sum(result["failures"] for result in each):
                print(f"         {failures} lookups failed")

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Continuous lookups, and the members with which they are compared."""

import bisect
import random
import threading
import time

import grpc


class Membership:
    """The members over time. While a node comes or goes there are two views, with it and without it,
    and an answer by either view is right."""

    # Longer than any lookup takes.
    KEPT = 30

    def __init__(self):
        self.lock = threading.Lock()
        self.history = []

    def set(self, *views):
        """From now on the ring is one of these lists of nodes."""
        now = time.monotonic()
        tables = [sorted((node.id, node.name) for node in view) for view in views]
        with self.lock:
            self.history.append((now, tables))
            while len(self.history) > 1 and self.history[1][0] < now - self.KEPT:
                self.history.pop(0)

    def owners(self, key, since):
        """All owners of `key` at any moment since then."""
        names = set()
        with self.lock:
            for began, tables in reversed(self.history):
                for table in tables:
                    index = bisect.bisect_left(table, (key, ""))
                    names.add(table[index % len(table)][1])
                if began <= since:
                    break
        return names


class Phase:
    """A period of time and its lookups."""

    def __init__(self, label, settled):
        self.label, self.settled = label, settled
        self.lookups = self.wrong = self.failed = self.late = 0
        self.slowest = 0.0

    def count(self, verdict, took, late):
        self.lookups += 1
        self.wrong += verdict == "wrong"
        self.failed += verdict == "failed"
        self.late += took > late
        self.slowest = max(self.slowest, took)


class Asker:
    """Looks keys up through every live node from several threads, as fast as they can."""

    def __init__(self, bench, membership, seed, threads, late):
        self.bench, self.membership, self.late = bench, membership, late
        self.lock = threading.Lock()
        self.phase = Phase("start", settled=False)
        self.targets = []
        self.complaints = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}.{number}"),), daemon=True)
            for number in range(threads)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            if thread.ident:
                thread.join()

    def enter(self, phase):
        with self.lock:
            self.phase = phase

    def _run(self, generator):
        while not self.stopping.is_set():
            targets = self.targets
            node = generator.choice(targets)
            # Wrong owners are most likely for keys at and directly after identifiers.
            key = generator.getrandbits(64)
            if generator.random() < 0.5:
                key = (generator.choice(targets).id + generator.randrange(2)) % 2**64
            self.ask(node, key)

    def ask(self, node, key):
        with self.lock:
            phase = self.phase
        stops = node.stops
        started = time.monotonic()
        try:
            answer = self.bench.lookup(node, key)
            right = self.membership.owners(key, started)
            verdict = "right" if answer in right else "wrong"
            what = f"said {answer}, not {'/'.join(sorted(right))}"
        except grpc.RpcError as error:
            verdict, what = "failed", f"{error.code().name} {error.details()}"
        # Ignores answers of nodes that were ended or stopped during the call.
        if node.stops != stops or (verdict == "failed" and node not in self.targets):
            return
        took = time.monotonic() - started
        with self.lock:
            # A lookup that began or ended during an action counts for the action.
            if phase.settled and phase is not self.phase:
                phase = self.phase
            phase.count(verdict, took, self.late)
            if verdict != "right" or took > self.late:
                text = f"{verdict}: {key:016x} at {node.name}, {took * 1000:.0f} ms: {what}"
                self.bench.note(f"{phase.label}: {text}")
                if phase.settled and verdict != "right":
                    self.complaints.append(f"settled ring, {text}")

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Faults in a ring of real processes over real TLS, under continuous lookups.

    make chaos SECONDS=900

Actions run one after the other and follow from the seed. After each the ring must be ideal within
--within seconds, and from then on every lookup must be right. The seed fixes actions and lookups, not the
scheduling of processes, so a repeated run differs in detail.

kill       kill -9 of one node                       return     start of one that was killed or left
kill two   kill -9 of two neighbours                 join       start of a new node
restart    kill -9 and start under the same name     leave      SIGTERM
stop       SIGSTOP, seconds later SIGCONT: lookups at other nodes take at most --late seconds, and no other
           node may be missing from a list
cut        a partition shorter than the peer timeout
cut long   a longer partition, after which two rings must merge within --merge seconds
one way    for seconds the other side cannot call one node, which can still call: no range may change
           repeatedly
closed     for seconds no node can call one node: its successor takes its range, and gives it back
           After "one way" and "closed" the ring must stay ideal for --verdict seconds before it counts as
           settled: a verdict that was on its way when the link came back is still passed
shut out   start of a new node that no other can call: its join must end with a message, and the ring
           must not change
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import textwrap
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

import grpc  # noqa: E402
import network  # noqa: E402
from lookups import Asker, Membership, Phase  # noqa: E402
from rings import BINARY, SUCCESSORS, Bench, Node, Ring, RingFailure, places  # noqa: E402

# Relative frequency of each action.
WEIGHTS = {
    "kill": 3, "kill two": 2, "restart": 3, "return": 4, "join": 2, "leave": 2, "stop": 4, "cut": 2, "cut long": 1,
    "one way": 2, "closed": 2, "shut out": 2,
}


class Chaos:
    def __init__(self, options, bench, net):
        self.options, self.bench, self.net = options, bench, net
        self.random = random.Random(options.seed)
        self.names = [f"n{number}" for number in range(1, 2 * options.nodes + 1)]
        self.side = {name: self.random.choice(net.sides) for name in self.names}
        for index, name in enumerate(self.names[: len(net.sides)]):
            self.side[name] = net.sides[index]
        self.ring = Ring(bench, [])
        self.membership = Membership()
        self.asker = Asker(bench, self.membership, options.seed, options.threads, options.late)
        self.former = {}
        self.disturbed = set()
        self.rows = {}
        self.calm = Phase("settled ring", settled=True)
        self.violations = []
        self.began = time.monotonic()

    # What is done to the ring.

    def form(self):
        for name in self.names[: self.options.nodes]:
            self.start(name)
        self.members()
        took = self.ring.wait_ideal(60)
        print(f"{self.options.nodes} nodes, {self.net.description}; ideal {took:.2f} s after the last start")

    def start(self, name, address=None):
        side = self.side[name]
        node = self.ring.start(name, address or f"{side.host}:0", side.before)
        self.former.pop(name, None)
        return node

    def members(self, *views):
        """The ring is what it is, or one of the views; its members are asked."""
        live = list(self.ring.nodes.values())
        self.membership.set(*(views or [live]))
        self.asker.targets = live

    def pick(self, generator):
        return generator.choice(self.ring.ordered())

    def end(self, nodes):
        self.disturbed = {node.name for node in nodes}
        rest = [node for node in self.ring.nodes.values() if node not in nodes]
        self.asker.targets = rest
        for node in nodes:
            self.former[node.name] = self.ring.kill(node.name)
        self.members()
        return " ".join(node.name for node in nodes)

    def kill(self):
        return self.end([self.pick(self.random)])

    def kill_two(self):
        nodes = self.ring.ordered()
        index = self.random.randrange(len(nodes))
        return self.end([nodes[index], nodes[(index + 1) % len(nodes)]])

    def restart(self):
        node = self.pick(self.random)
        elsewhere = self.random.random() < 0.5
        self.disturbed = {node.name}
        before = list(self.ring.nodes.values())
        self.asker.targets = [other for other in before if other is not node]
        self.ring.kill(node.name)
        self.members(before, self.asker.targets)
        self.start(node.name, None if elsewhere else node.address)
        self.members()
        return f"{node.name} at {'a new' if elsewhere else 'its'} address"

    def come(self, name):
        self.disturbed = {name}
        before = list(self.ring.nodes.values())
        # It takes one of the places that follow from its name.
        self.members(before, *[[*before, Node(name, place)] for place in places(name)])
        self.asker.targets = before
        self.start(name)
        self.members()
        return name

    def back(self):
        return self.come(self.random.choice(sorted(self.former)))

    def join(self):
        return self.come(self.random.choice(self.unknown()))

    def leave(self):
        node = self.pick(self.random)
        self.disturbed = {node.name}
        before = list(self.ring.nodes.values())
        rest = [other for other in before if other is not node]
        self.asker.targets = rest
        self.membership.set(before, rest)
        node.process.send_signal(signal.SIGTERM)
        try:
            if (code := node.process.wait(self.options.within)) != 0:
                self.blame(f"{node.name} left with exit code {code}")
        except Exception:
            self.blame(f"{node.name} did not end {self.options.within} s after SIGTERM")
        self.former[node.name] = self.ring.kill(node.name)
        self.members()
        return node.name

    def stop(self):
        node = self.pick(self.random)
        seconds = self.random.uniform(1, 4)
        self.disturbed = {node.name}
        everybody = list(self.ring.nodes.values())
        rest = [other for other in everybody if other is not node]
        self.asker.targets = rest
        self.membership.set(everybody, rest)
        node.stops += 1
        node.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.look_for_missing(rest)
            threading.Event().wait(min(0.1, max(left, 0)))
        node.process.send_signal(signal.SIGCONT)
        # Its neighbours may not know it yet, so answers without it are accepted.
        self.members(everybody, rest)
        return f"{node.name} for {seconds:.1f} s"

    def cut(self, shortest=0.2, longest=0.8):
        seconds = self.random.uniform(shortest, longest)
        everybody = list(self.ring.nodes.values())
        halves = [[node for node in everybody if self.side[node.name] is side] for side in self.net.sides]
        self.disturbed = set(self.ring.nodes)
        self.members(everybody, *[half for half in halves if half])
        self.net.cut()
        threading.Event().wait(seconds)
        self.net.mend()
        self.members()
        return f"{len(halves[0])} from {len(halves[1])} for {seconds:.1f} s"

    def cut_long(self):
        return self.cut(min(self.options.shortest, self.options.longest), self.options.longest)

    def one_way(self):
        node = self.pick(self.random)
        here = self.side[node.name]
        there = next(side for side in self.net.sides if side is not here)
        return self.behind_firewall(node, there)

    def closed(self):
        return self.behind_firewall(self.pick(self.random), None)

    def behind_firewall(self, node, there):
        seconds = self.random.uniform(3, 8)
        self.disturbed = set(self.ring.nodes)
        everybody = list(self.ring.nodes.values())
        rest = [other for other in everybody if other is not node]
        self.members(everybody, rest)
        before = {name: self.range_changes(name) for name in self.ring.nodes}
        side, port = self.side[node.name], node.address.rpartition(":")[2]
        self.net.close_port(side, port, there)
        try:
            threading.Event().wait(seconds)
        finally:
            self.net.open_port(side, port, there)
        took, _ = self.wait_lasting(self.options.within)
        for name, count in before.items():
            # Once when the port is closed, and once when it is open again.
            if took is not None and (changes := self.range_changes(name) - count) > 2:
                self.blame(f"{name}: its range changed {changes} times while {node.name} could not be called")
        self.members()
        return f"{node.name} {'from the other side ' if there else ''}for {seconds:.1f} s"

    def range_changes(self, name):
        log = pathlib.Path(self.bench.folder, f"{name}.log")
        return log.read_text(errors="replace").count("range changed") if log.exists() else 0

    def shut_out(self):
        name = self.random.choice(self.unknown())
        self.disturbed = set()
        side = self.side[name]
        port = self.random.randrange(20000, 30000)
        before = {each: self.range_changes(each) for each in self.ring.nodes}
        contacts = [node.address for node in self.ring.ordered()[:3]]
        self.net.close_port(side, port)
        try:
            process = self.ring.launch(name, f"{side.host}:{port}", contacts, side.before)
            try:
                code = process.wait(45)
            except Exception:
                process.kill()
                process.wait()
                self.blame(f"{name}, which no node can call, still tries to join after 45 s")
                code = None
        finally:
            self.net.open_port(side, port)
        log = pathlib.Path(self.bench.folder, f"{name}.log").read_text(errors="replace")
        if code == 0 or (code is not None and "cannot reach this node at" not in log):
            self.blame(f"{name}, which no node can call, ended with {code} and without its message")
        for each, count in before.items():
            if changes := self.range_changes(each) - count:
                self.blame(f"{each}: its range changed {changes} times while {name} was shut out")
        self.members()
        return name

    def unknown(self):
        return [name for name in self.names if name not in self.ring.nodes and name not in self.former]

    def possible(self):
        """The actions allowed now: no more nodes fail at once than the lists survive."""
        count = len(self.ring.nodes)
        actions = {"restart": self.restart, "stop": self.stop}
        if count > SUCCESSORS + 1:
            actions |= {"kill": self.kill, "leave": self.leave}
        if count > SUCCESSORS + 2:
            actions["kill two"] = self.kill_two
        if count < self.options.nodes + 2:
            actions |= {"return": self.back} if self.former else {}
            actions |= {"join": self.join} if self.unknown() else {}
        if len(self.net.sides) > 1 and len({id(self.side[name]) for name in self.ring.nodes}) > 1:
            actions |= {"cut": self.cut, "cut long": self.cut_long}
            if self.net.has_firewall:
                actions |= {"one way": self.one_way, "closed": self.closed}
                actions |= {"shut out": self.shut_out} if self.unknown() else {}
        return {name: action for name, action in actions.items() if name in self.options.actions}

    # What is checked.

    def blame(self, text):
        self.violations.append(text)
        self.bench.note(f"VIOLATION {text}")
        print(textwrap.fill(f"!! {text}", 78, initial_indent="    ", subsequent_indent="       "), flush=True)

    def look_for_missing(self, nodes):
        """A list may miss only nodes that are down, starting or leaving, within its length."""
        order = self.ring.ordered()
        for node in nodes:
            try:
                state = self.bench.state(node, timeout=1)
            except grpc.RpcError:
                continue
            listed = [each.name for each in state.successors if each.name not in self.disturbed]
            index = order.index(node)
            after = [other.name for other in order[index + 1 :] + order[:index]]
            expected = [name for name in after if name not in self.disturbed]
            if listed != expected[: len(listed)] and node.name not in self.blamed:
                self.blamed.add(node.name)
                everyone = [each.name for each in state.successors]
                self.blame(f"{node.name} lists {everyone}: a healthy node is missing, of {expected}")

    def wait_ideal(self, limit):
        """The time until the ring was ideal; or None and the reason."""
        started = time.monotonic()
        while (problem := self.ring.problem()) is not None:
            self.look_for_missing(self.ring.ordered())
            if time.monotonic() - started > limit:
                return None, problem
            threading.Event().wait(0.02)
        return time.monotonic() - started, None

    def wait_lasting(self, limit):
        """As wait_ideal, for a ring that stays ideal as long as a verdict takes: two unanswered calls, then the
        probes of others. A verdict that was on its way when the link came back may still be passed; the ring
        mends it."""
        started = ideal_since = time.monotonic()
        while time.monotonic() - ideal_since < self.options.verdict:
            problem = self.ring.problem()
            if time.monotonic() - started > limit:
                return None, problem or "it changes again and again"
            if problem is not None:
                ideal_since = time.monotonic()
            threading.Event().wait(0.02)
        return ideal_since - started, None

    def sweep(self):
        """From every node to every node, at and right after identifiers."""
        nodes = self.ring.ordered()
        for asked in nodes:
            for owner in nodes:
                self.asker.ask(asked, owner.id)
                self.asker.ask(asked, (owner.id + 1) % 2**64)

    def step(self):
        possible = self.possible()
        name = self.random.choices(list(possible), [WEIGHTS[each] for each in possible])[0]
        phase = Phase(name, settled=False)
        self.blamed = set()
        self.asker.enter(phase)
        self.bench.note(f"{name}: begins with {[node.name for node in self.ring.ordered()]}")
        happened = time.monotonic() - self.began
        what = possible[name]()
        self.bench.note(f"{name} {what}: done")
        within = self.options.merge if name == "cut long" else self.options.within
        took, problem = self.wait_ideal(within)
        if took is None:
            self.blame(f"{name} {what}: not ideal after {within} s: {problem}")
            late, problem = self.wait_ideal(60)
            if late is None:
                raise RingFailure(f"chaos: given up: not ideal 60 s later: {problem}")
        outcome = f"ideal after {took or within + late:5.2f} s"
        print(
            f"{happened:6.0f} s  {name + ' ' + what:32.32} {outcome:21}"
            f"{phase.wrong:6} wrong{phase.failed:4} failed",
            flush=True,
        )
        self.rows.setdefault(name, []).append((phase, took))
        # Stopped nodes are known to all again.
        self.members()
        if name == "stop" and phase.late:
            late = f"{phase.late} lookups took over {self.options.late} s, up to {phase.slowest:.2f}"
            self.blame(f"stop {what}: {late}")
        self.asker.enter(self.calm)
        self.bench.note("ideal")
        self.sweep()
        threading.Event().wait(self.options.calm)
        # The ring may be ideal by accident while a verdict is still in progress.
        if (problem := self.ring.problem()) is not None:
            self.blame(f"after {name} {what}: ideal, and no longer: {problem}")
        for text in self.asker.complaints[:5]:
            self.blame(f"after {name} {what}: {text}")
        self.violations += self.asker.complaints[5:]
        self.asker.complaints.clear()

    def run(self):
        self.form()
        self.asker.start()
        self.began = time.monotonic()
        while time.monotonic() - self.began < self.options.seconds:
            self.step()

    def report(self):
        width = "{:<13}{:>5}{:>9}{:>7}{:>7}{:>6}{:>10}{:>12}"
        head = ("action", "times", "lookups", "wrong", "failed", "late", "slowest", "ideal max")
        print("\n" + width.format(*head))
        for name in WEIGHTS:
            if name not in self.rows:
                if name.startswith("cut") and len(self.net.sides) == 1:
                    print(f"{name:<13}skipped: namespaces are not permitted or not wanted here")
                if name in ("one way", "closed", "shut out") and not self.net.has_firewall:
                    print(f"{name:<13}skipped: there are no namespaces, or iptables is missing")
                continue
            phases = [phase for phase, _ in self.rows[name]]
            times = [took for _, took in self.rows[name] if took is not None]
            ideal = f"{max(times):.2f} s" if times else "-"
            print(self.row(width, name, len(phases), phases, ideal))
        print(self.row(width, "settled ring", "", [self.calm], ""))
        print(
            f"\nWrong and failed: until the ring was ideal, which may take {self.options.within} s, after a long\n"
            f"cut {self.options.merge} s; on the settled ring there must be none. Late: took over {self.options.late} s. Seed {self.options.seed}, "
            f"{self.options.threads} threads."
        )
        print(f"{len(self.violations)} violations" if self.violations else "No violation.")

    @staticmethod
    def row(width, name, times, phases, ideal):
        total = [sum(getattr(phase, key) for phase in phases) for key in ("lookups", "wrong", "failed", "late")]
        slowest = f"{max((phase.slowest for phase in phases), default=0) * 1000:.0f} ms"
        return width.format(name, times, *total, slowest, ideal).rstrip()

    def close(self):
        self.asker.stop()
        self.ring.close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="how long (120)")
    parser.add_argument("--nodes", type=int, default=8, help="nodes at the beginning (8)")
    parser.add_argument("--seed", type=int, help="what is drawn from; one is made up")
    parser.add_argument("--threads", type=int, default=3, help="threads that look up (3)")
    parser.add_argument("--within", type=float, default=15, help="seconds to the ideal ring (15)")
    parser.add_argument(
        "--verdict", type=float, default=4.5, help="seconds for which the ring stays ideal after a link broke one way (4.5)"
    )
    parser.add_argument("--merge", type=float, default=10, help="seconds to the ideal ring after a long cut (10)")
    parser.add_argument("--shortest", type=float, default=2, help="seconds of the shortest long cut (2)")
    parser.add_argument("--longest", type=float, default=30, help="seconds of the longest cut (30)")
    parser.add_argument("--late", type=float, default=1.5, help="seconds a lookup may take (1.5)")
    parser.add_argument("--calm", type=float, default=1, help="seconds between a sweep and the next action (1)")
    parser.add_argument("--actions", default=",".join(WEIGHTS), help="those to draw from, with commas")
    parser.add_argument("--network", choices=["auto", "loopback", "namespaces"], default="auto")
    parser.add_argument("--log-level", default="info", help="of the nodes (info)")
    parser.add_argument("--binary", type=pathlib.Path, default=BINARY, help="chord (.build/release/chord)")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a run without violation too")
    options = parser.parse_args()
    options.actions = [name.strip() for name in options.actions.split(",")]
    if unknown := [name for name in options.actions if name not in WEIGHTS]:
        parser.error(f"unknown action {unknown[0]}; there are {', '.join(WEIGHTS)}")
    if options.nodes < SUCCESSORS + 2:
        parser.error(f"{SUCCESSORS + 2} nodes at least")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is missing: make release")
    return options


def main():
    options = arguments()
    net = network.enter(options.network)
    if options.seed is None:
        options.seed = random.SystemRandom().getrandbits(32)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(f"seed {options.seed}, {options.seconds:.0f} s")
    folder = tempfile.mkdtemp(prefix="chord-chaos-")
    chaos, finished = None, False
    try:
        hosts = ["localhost", "127.0.0.1"] + [side.host for side in net.sides]
        bench = Bench(folder, options.binary.absolute(), hosts, options.log_level)
        chaos = Chaos(options, bench, net)
        bench.issue(chaos.names)
        chaos.run()
        finished = True
    except KeyboardInterrupt:
        print("\ninterrupted")
    except RingFailure as failure:
        chaos.blame(str(failure))
    finally:
        if chaos:
            chaos.close()
        net.close()
    chaos.report()
    if chaos.violations or options.keep:
        print(f"Logs in {folder}; measure.log has every lookup that was not right.")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if chaos.violations else 0 if finished else 130)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Faults in a store of real processes over real TLS, under reads and writes whose history is checked.

    make chaos-store SECONDS=1800

Clients read, write and delete keys that they share, and write down each call and each answer. At the end
`chord-sim check-history` says for each file of the history whether there is an order of all operations, one after the other, in which each
answer is right. An acknowledged write that was lost, or a read of an old value, has no such order. The actions
follow from the seed.

kill       kill -9 of one node, started again a few seconds later
kill two   kill -9 of two nodes at once, started again a few seconds later
kill all   kill -9 of all nodes at once, all started again
leader     kill -9 of the node that leads a range
term       SIGTERM of one node, started again
stop       SIGSTOP, seconds later SIGCONT
cut        a partition of the network
one way    for seconds the other side cannot call one node, which can still call
disk       kill -9 of one node and loss of its disk, once every range has all its voters
join       start of a node that was not a member; it stays
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

import network  # noqa: E402
from history import Clients, History, StoreStubs  # noqa: E402
from rings import BINARY, Bench, Ring, RingFailure  # noqa: E402

WEIGHTS = {
    "kill": 5, "kill two": 2, "kill all": 1, "leader": 4, "term": 3, "stop": 3, "cut": 2, "one way": 2, "disk": 2,
    "join": 1,
}
REPLACE_AFTER = "20s"


class StoreChaos:
    def __init__(self, options, bench, net):
        self.options, self.bench, self.net = options, bench, net
        self.random = random.Random(options.seed)
        self.names = [f"n{number}" for number in range(1, options.nodes + 4)]
        self.side = {name: net.sides[index % len(net.sides)] for index, name in enumerate(self.names)}
        self.ring = Ring(bench, [])
        self.stubs = StoreStubs(bench)
        self.history = History(pathlib.Path(bench.folder))
        self.clients = Clients(self.stubs, self.history, options)
        self.addresses = {}
        self.rows = {}
        self.kills = 0
        self.violations = []
        self.began = time.monotonic()

    def start(self, name):
        side = self.side[name]
        node = self.ring.start(name, self.addresses.get(name, f"{side.host}:0"), side.before)
        self.addresses[name] = node.address
        self.show()
        return node

    def start_all(self, names):
        """All at the same time: none waits until another is a member."""
        contacts = [self.addresses[name] for name in names]
        begun = [
            (name, self.ring.launch(name, self.addresses[name], contacts, self.side[name].before)) for name in names
        ]
        for name, process in begun:
            self.ring.register(name, process)
        self.show()

    def show(self):
        self.stubs.targets = [node.address for node in self.ring.nodes.values()]

    def kill(self, *names):
        for name in names:
            self.ring.kill(name)
            self.kills += 1
        self.show()

    def form(self):
        for name in self.names[: self.options.nodes]:
            self.start(name)
        self.clients.start()
        took = self.wait_whole(120)
        print(f"{self.options.nodes} nodes, {self.net.description}; all ranges have their voters after {took:.1f} s")

    # What is looked at.

    def ranges(self):
        """The ranges as their leaders see them, by identifier."""
        found = {}
        for node in list(self.ring.nodes.values()):
            for each in self.stubs.status(node.address):
                if each.leader == each.replica:
                    known = found.get(each.range.range)
                    if known is None or known[1].term < each.term:
                        found[each.range.range] = (node.name, each)
        return found

    def lacking(self):
        """What keeps ranges from having all their voters; None if nothing does."""
        found = self.ranges()
        if not found:
            return "no range has a leader"
        # Leaders count on a disk that was lost just now until it has been silent for long enough.
        replies = [self.stubs.reply(node.address) for node in list(self.ring.nodes.values())]
        disks = {reply.node: reply.disk for reply in replies if reply}
        for name, each in found.values():
            for replica in each.range.replicas:
                if disks.get(replica.node, replica.disk) != replica.disk:
                    return f"{name} counts on a disk that {replica.node} has lost"
        arcs = 0
        for name, each in found.values():
            after, through = (int.from_bytes(bound, "big") for bound in (each.range.after, each.range.through))
            arcs += (through - after) % 2**64 or 2**64
            voters = [replica for replica in each.range.replicas if replica.kind == 1]
            if len(voters) < min(3, len(self.ring.nodes)):
                return f"{name} leads a range with {len(voters)} voters"
            if each.issues:
                return f"{name}: {each.issues[0].detail}"
        if arcs != 2**64:
            return "the ranges of the leaders do not make up the circle"
        return None

    def wait_whole(self, limit):
        started = time.monotonic()
        while (lack := self.lacking()) is not None:
            if time.monotonic() - started > limit:
                self.blame(f"after {limit} s: {lack}")
                return limit
            threading.Event().wait(0.1)
        return time.monotonic() - started

    def blame(self, text):
        self.violations.append(text)
        self.bench.note(f"VIOLATION {text}")
        print(f"    !! {text}", flush=True)

    # What is done.

    def pick(self):
        return self.random.choice(sorted(self.ring.nodes))

    def pause(self, shortest=0.5, longest=6.0):
        threading.Event().wait(self.random.uniform(shortest, longest))

    def do_kill(self):
        name = self.pick()
        self.kill(name)
        self.pause()
        self.start(name)
        return name

    def do_kill_two(self):
        names = self.random.sample(sorted(self.ring.nodes), 2)
        self.kill(*names)
        self.pause()
        for name in names:
            self.start(name)
        return " ".join(names)

    def do_kill_all(self):
        names = sorted(self.ring.nodes)
        self.kill(*names)
        self.start_all(names)
        return ""

    def do_leader(self):
        leaders = sorted({name for name, _ in self.ranges().values()})
        if not leaders:
            return "none"
        name = self.random.choice(leaders)
        self.kill(name)
        self.pause()
        self.start(name)
        return name

    def do_term(self):
        name = self.pick()
        node = self.ring.nodes[name]
        node.process.send_signal(signal.SIGTERM)
        if (code := node.process.wait(40)) != 0:
            self.blame(f"{name} ended with {code} after SIGTERM")
        self.ring.kill(name)
        self.show()
        self.pause()
        self.start(name)
        return name

    def do_stop(self):
        name = self.pick()
        process = self.ring.nodes[name].process
        process.send_signal(signal.SIGSTOP)
        seconds = self.random.uniform(0.5, 8)
        threading.Event().wait(seconds)
        process.send_signal(signal.SIGCONT)
        return f"{name} {seconds:.1f} s"

    def do_cut(self):
        seconds = self.random.uniform(0.5, 12)
        self.net.cut()
        threading.Event().wait(seconds)
        self.net.mend()
        return f"{seconds:.1f} s"

    def do_one_way(self):
        name = self.pick()
        side, port = self.side[name], self.ring.nodes[name].address.rpartition(":")[2]
        there = next((each for each in self.net.sides if each is not side), None)
        seconds = self.random.uniform(1, 8)
        self.net.close_port(side, port, there)
        try:
            threading.Event().wait(seconds)
        finally:
            self.net.open_port(side, port, there)
        return f"{name} {seconds:.1f} s"

    def do_disk(self):
        name = self.pick()
        self.kill(name)
        shutil.rmtree(f"{self.bench.folder}/{name}.data")
        self.start(name)
        return name

    def do_join(self):
        name = next(name for name in self.names if name not in self.ring.nodes)
        self.start(name)
        return name

    def possible(self):
        actions = {"kill", "kill two", "kill all", "leader", "term", "stop", "disk"}
        if len(self.ring.nodes) < len(self.names):
            actions.add("join")
        if len(self.net.sides) > 1:
            actions.add("cut")
            if self.net.has_firewall:
                actions.add("one way")
        return sorted(actions & set(self.options.actions))

    def step(self):
        possible = self.possible()
        name = self.random.choices(possible, [WEIGHTS[each] for each in possible])[0]
        happened = time.monotonic() - self.began
        self.clients.longest_gap()
        before = self.clients.counts()
        what = getattr(self, "do_" + name.replace(" ", "_"))()
        took = self.wait_whole(self.options.within)
        threading.Event().wait(self.options.calm)
        gap = self.clients.longest_gap()
        after = self.clients.counts()
        done = {key: after[key] - before[key] for key in after}
        print(
            f"{happened:6.0f} s  {name + ' ' + what:24.24} whole after {took:5.1f} s  no answer for {gap:5.2f} s "
            f"{done['acknowledged']:7} writes{done['unknown']:4} in doubt",
            flush=True,
        )
        self.rows.setdefault(name, []).append((took, gap))

    def run(self):
        self.form()
        print(f"{self.options.seconds:.0f} s of faults")
        self.began = time.monotonic()
        while time.monotonic() - self.began < self.options.seconds:
            self.step()
        self.clients.stop()
        self.clients.read_all()

    def check(self):
        for path in self.history.close():
            checked = subprocess.run(
                [str(self.options.simulator), "check-history", path], capture_output=True, text=True
            )
            print(checked.stdout + checked.stderr, end="")
            if checked.returncode != 0:
                self.blame(f"{path} is not linearizable, or could not be checked")

    def report(self):
        line = "{:<10}{:>6}{:>14}{:>14}{:>16}{:>16}"
        print("\n" + line.format("action", "times", "whole median", "whole worst", "silence median", "silence worst"))
        for name in WEIGHTS:
            if rows := self.rows.get(name):
                took, gaps = (sorted(each) for each in zip(*rows))
                middle = len(rows) // 2
                cells = [f"{value:.1f} s" for value in (took[middle], took[-1])]
                cells += [f"{value:.2f} s" for value in (gaps[middle], gaps[-1])]
                print(line.format(name, len(rows), *cells))
        counts = self.clients.counts()
        print(
            f"\n{counts['acknowledged']} acknowledged writes, {counts['reads']} reads, {counts['unknown']} in doubt, "
            f"{counts['refused']} refused; {self.kills} kills; seed {self.options.seed}"
        )
        print(f"{len(self.violations)} violations" if self.violations else "No violation.")

    def close(self):
        self.clients.stop()
        self.ring.close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="how long (120)")
    parser.add_argument("--nodes", type=int, default=7, help="nodes at the beginning (7)")
    parser.add_argument("--within", type=float, default=90, help="seconds until all ranges have their voters (90)")
    parser.add_argument("--calm", type=float, default=1, help="seconds between two actions (1)")
    parser.add_argument("--actions", default=",".join(WEIGHTS), help="those to draw from, with commas")
    parser.add_argument("--network", choices=["auto", "loopback", "namespaces"], default="auto")
    parser.add_argument("--log-level", default="info", help="of the nodes (info)")
    add_load(parser)
    options = parser.parse_args()
    options.actions = [name.strip() for name in options.actions.split(",")]
    if unknown := [name for name in options.actions if name not in WEIGHTS]:
        parser.error(f"unknown action {unknown[0]}; there are {', '.join(WEIGHTS)}")
    return parser, options


def add_load(parser):
    """Adds the options of clients and programs."""
    parser.add_argument("--seed", type=int, help="what is drawn from; one is made up")
    parser.add_argument("--clients", type=int, default=8, help="clients that call at the same time (8)")
    parser.add_argument("--keys", type=int, default=16, help="keys that they share at a time (16)")
    parser.add_argument("--per-key", type=int, default=100, help="operations until a key is exchanged (100)")
    parser.add_argument("--deadline", type=float, default=5, help="seconds of a call (5)")
    parser.add_argument("--binary", type=pathlib.Path, default=BINARY, help="chord (.build/release/chord)")
    parser.add_argument("--simulator", type=pathlib.Path, default=BINARY.parent / "chord-sim", help="chord-sim")
    parser.add_argument("--keep", action="store_true", help="keep logs and history of a run without violation too")


def carry_out(kind, options, parser, network_kind="loopback", log_level="info", node_options=()):
    """Runs an experiment of a kind, checks its history, reports, and ends the program."""
    for program in (options.binary, options.simulator):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is missing: make release")
    net = network.enter(network_kind)
    if options.seed is None:
        options.seed = random.SystemRandom().getrandbits(32)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(f"seed {options.seed}")
    folder = tempfile.mkdtemp(prefix="chord-chaos-")
    chaos, finished = None, False
    try:
        hosts = ["localhost", "127.0.0.1"] + [side.host for side in net.sides]
        bench = Bench(folder, options.binary.absolute(), hosts, log_level, node_options)
        chaos = kind(options, bench, net)
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
    chaos.check()
    chaos.report()
    if chaos.violations or options.keep:
        print(f"Logs and history in {folder}.")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if chaos.violations else 0 if finished else 130)


def main():
    parser, options = arguments()
    node_options = ["--replace-after", REPLACE_AFTER]
    carry_out(StoreChaos, options, parser, options.network, options.log_level, node_options)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Attacks a node of a ring, one attack after the other, while a good client calls it.

    make attack
    make attack ATTACKS="ping-flood rapid-reset" SECONDS=5

Each attack runs in a process of its own, on a TLS socket with frames made by hand. What must hold:

the attacker is bounded   it sees what docs/limits.md says, such as a GOAWAY with the limit's name
the client is served      it keeps at least 80 % of its rate
memory is bounded         the node's resident memory stays under the number of the attack
the log is bounded        at most 100 lines in any second
the node is whole         within 30 s all nodes name the right neighbours and owners, and read what they write;
                          descriptors are closed

The rate is compared with the rate beside a process that takes as much processor time as the attacker and does
nothing else, measured before and after. So the figure is what the attack costs the node, not what the attacker's
program costs this machine. Attack and baseline alternate for three rounds, and for up to nine while the median of
their ratios is below 80 %. A busy machine makes such figures uncertain. Between 50 and 80 %, the calls for each second
of the node's processor time decide, which other programs hardly change.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "ring"), str(HERE.parent / "chaos")]

import registry  # noqa: E402
import report  # noqa: E402
from good import LOAD, AttackerProcess, LoadClient, SteadyClient  # noqa: E402
from registry import LEAST_RATE  # noqa: E402
from rings import BINARY  # noqa: E402
from target import DESCRIPTORS, HEALING, Target  # noqa: E402

# Rounds of an attack between two baselines: these many, and more while their median is too low.
ROUNDS, MOST_ROUNDS = 3, 9
# A median below this part of the rate is no noise of the machine.
DOUBT = 0.5
# MiB by which an attack may exceed what an earlier one left, and from which on a node is replaced by a new one.
KEPT, LARGE = 32, 100
# The rehearsal shows how much processor time an attacker takes.
REHEARSAL = 0.5


class Run:
    """One attack and what was measured."""

    def __init__(self, attack, target, attacker):
        self.attack, self.target, self.attacker = attack, target, attacker
        self.problems, self.tally = [], {}
        self.ratio, self.cost, self.rates = None, None, []
        target.facts = {}

    def begin(self):
        target = self.target
        target.forget_peak()
        self.before = target.memory("VmRSS")
        self.descriptors = target.descriptors()
        self.log = target.log_size()

    def judge(self):
        """What holds after the attack."""
        attack, target = self.attack, self.target
        if not self.tally.get("lost"):
            for outcome in registry.missing(attack, self.tally):
                self.problems.append(f"the attacker did not see: {outcome}")
        self.problems += [f"{name}: {self.tally[name]}" for name in attack.forbidden if self.tally.get(name)]
        if self.tally.get("crashed") or self.tally.get("lost"):
            self.problems.append("the attacker's program failed: see attacker.log")
        unwell, self.healing = target.heal()
        self.is_whole = unwell is None
        if unwell:
            self.problems.append(f"not whole after {HEALING} s: {unwell}")
        if target.node.process.poll() is not None:
            self.peak = self.after = self.left = self.lines = 0
            return
        self.left = self.settled_descriptors()
        self.peak, self.after = target.memory("VmHWM"), target.memory("VmRSS")
        self.lines = target.worst_second(self.log)
        if self.left > self.descriptors + DESCRIPTORS:
            self.problems.append(f"{self.left} descriptors are open, {self.descriptors} were")
        # Memory that an earlier attack filled, and that the allocator kept, counts for that one.
        allowed = max(attack.memory, round(self.before) + KEPT)
        if self.peak > allowed:
            self.problems.append(f"{self.peak:.0f} MiB, at most {allowed}")
        if self.lines > attack.lines:
            self.problems.append(f"{self.lines} lines in a second, at most {attack.lines}")
        if self.ratio is not None and self.ratio < LEAST_RATE and (self.ratio < DOUBT or self.cost < LEAST_RATE):
            of = f"{self.ratio:.0%} of its rate, {self.cost:.0%} by the node's processor time"
            self.problems.append(f"the client keeps {of}")

    def settled_descriptors(self):
        end = time.monotonic() + 10
        while (count := self.target.descriptors()) > self.descriptors + DESCRIPTORS and time.monotonic() < end:
            time.sleep(0.1)
        return count

    def beside(self):
        if self.attack.beside:
            self.problems += self.attack.beside(self.target)

    # The two forms.

    def briefly(self, good):
        """Behaviour only: the attack goes on until the node has reacted."""
        self.begin()
        self.attacker.begin(self.attack.name)
        self.beside()
        # An attack with preparations goes on until its part beside is over.
        if not (self.attack.prepares and self.attack.beside):
            self.attacker.wait(10)
        self.tally, _ = self.attacker.end()
        self.problems += good.problems()
        self.judge()

    def fully(self, load, seconds):
        self.begin()
        if not self.attack.rated:
            self.attacker.begin(self.attack.name)
            time.sleep(min(seconds, 1))
            self.beside()
            self.tally, _ = self.attacker.end()
        else:
            self.measure(load, seconds)
        self.judge()

    def measure(self, load, seconds):
        """Rates with and without the attack in turn."""
        load.learn(self.attack.good)
        self.attacker.begin(self.attack.name)
        time.sleep(REHEARSAL)
        _, part = self.attacker.end()
        rounds, ratios, costs = 1 if self.attack.patience else ROUNDS, [], []
        most = MOST_ROUNDS * rounds // ROUNDS
        before = self.baseline(load, part, seconds)
        while len(ratios) < rounds or (len(ratios) < most and DOUBT < self.ratio < LEAST_RATE):
            attacked, part = self.attacked(load, seconds)
            after = self.baseline(load, part, seconds)
            for found, index in ((ratios, 0), (costs, 1)):
                found.append(attacked[index] / max((before[index] + after[index]) / 2, 1))
            self.rates.append([round(rate) for rate, _ in (before, attacked, after)])
            self.ratio, self.cost, before = statistics.median(ratios), statistics.median(costs), after

    def attacked(self, load, seconds):
        """The good client's rates beside the attack, and the part of a processor that the attacker took."""
        self.attacker.begin(self.attack.name)
        began, rates = time.monotonic(), []
        while not rates or time.monotonic() - began < self.attack.patience:
            *both, failures = load.rate(self.attack.good, seconds)
            rates.append(both)
            if failures:
                self.problems.append(f"{failures} calls of the good client failed")
        self.beside()
        tally, part = self.attacker.end()
        for name, count in tally.items():
            self.tally[name] = self.tally.get(name, 0) + count
        return [statistics.median(each) for each in zip(*rates)], part

    def baseline(self, load, part, seconds):
        """The good client's rates beside a harmless process that is as busy as the attacker."""
        self.attacker.begin("burn", part=part)
        *both, failures = load.rate(self.attack.good, seconds)
        self.attacker.end()
        load.per_second[self.attack.good] = max(both[0], 100)
        if failures:
            self.problems.append(f"{failures} calls failed without an attack")
        return both

    def row(self):
        tally = {name: count for name, count in sorted(self.tally.items())}
        return {
            "attack": self.attack.name, "family": self.attack.family, "source": self.attack.source,
            "needs": self.attack.needs, "held": not self.problems, "problems": self.problems,
            "ratio": self.ratio, "ratio_of_processor_time": self.cost,
            "rates": self.rates, "memory_before_mib": self.before, "memory_peak_mib": self.peak,
            "memory_after_mib": self.after, "memory_allowed_mib": self.attack.memory,
            "descriptors_before": self.descriptors, "descriptors_after": self.left, "lines_per_second": self.lines,
            "healing_seconds": self.healing, "seen": tally, **self.target.facts,
        }  # fmt: skip


def attack_family(family, attacks, options, show):
    """Runs the attacks of a family on a ring of their own, and on a new one where that one has not recovered."""
    left = list(attacks)
    while left:
        with tempfile.TemporaryDirectory(prefix="chord-attack-") as folder:
            target = Target(folder, options.chord, options.short)
            attacker = AttackerProcess(target)
            load = LoadClient(target)
            try:
                target.settle()
                is_whole = True
                while left and is_whole:
                    run = Run(left.pop(0), target, attacker)
                    run.fully(load, options.seconds)
                    show(run.row())
                    is_whole = run.is_whole and run.after < LARGE
            finally:
                attacker.close()
                target.close()
                keep(options, folder, f"{family}-{len(attacks) - len(left)}")


def attack_briefly(attacks, options, show):
    """Runs all attacks on one ring. Those that wait for the node's clocks run beside the others."""
    with tempfile.TemporaryDirectory(prefix="chord-attack-") as folder:
        target = Target(folder, options.chord, True)
        attacker, good = AttackerProcess(target), SteadyClient(target)
        slow = []
        try:
            for attack in attacks:
                if attack.patience:
                    slow.append(Run(attack, target, AttackerProcess(target)))
                    slow[-1].begin()
                    # They prepare while the others begin.
                    slow[-1].attacker.begin(attack.name, limit=0)
            for run in slow:
                run.attacker.read("ready", 60)
            began = time.monotonic()
            for attack in attacks:
                if not attack.patience:
                    run = Run(attack, target, attacker)
                    run.briefly(good)
                    show(run.row())
            for run in slow:
                time.sleep(max(0, run.attack.patience - (time.monotonic() - began)))
                run.tally, _ = run.attacker.end()
                # Until here its descriptors and its memory were those of all.
                target.forget_peak()
                run.descriptors, run.log, run.before = 1 << 20, target.log_size(), target.memory("VmRSS")
                run.judge()
                show(run.row())
        finally:
            good.close()
            for each in [attacker, *(run.attacker for run in slow)]:
                each.close()
            target.close()
            keep(options, folder, "short")


def keep(options, folder, family):
    """Copies the logs, if somebody wants to read them."""
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        for log in pathlib.Path(folder).glob("*.log"):
            (options.logs / f"{family}-{log.name}").write_bytes(log.read_bytes())


def main():
    parser = argparse.ArgumentParser(description="attack a node of a ring while a good client calls it")
    parser.add_argument("attacks", nargs="*", help="names of attacks, or of families; all without one")
    parser.add_argument("--seconds", type=float, default=1, help="how long the good client calls in each round")
    parser.add_argument("--short", action="store_true", help="behaviour only, no rates")
    parser.add_argument("--list", action="store_true", help="name all attacks, and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each attack")
    parser.add_argument("--logs", type=pathlib.Path, help="a folder for the logs of nodes and attackers")
    parser.add_argument("--chord", type=pathlib.Path, default=BINARY, help="the program that is attacked")
    options = parser.parse_args()
    for setting in ("HOSTS", "DAYS", "NODES", "TRUST_DOMAIN", "NOT_BEFORE", "NOT_AFTER", "FORCE"):
        # The certificates here have nothing to do with settings for others.
        os.environ.pop(setting, None)
    attacks = list(registry.load().values())
    if unknown := set(options.attacks) - {each.name for each in attacks} - set(registry.FAMILIES):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}; --list names all")
    if options.attacks:
        attacks = [each for each in attacks if {each.name, each.family} & set(options.attacks)]
    if options.list:
        return report.catalogue(attacks)
    table = report.Table(options.json)
    if options.short:
        attack_briefly([each for each in attacks if each.short], options, table.show)
    else:
        if not LOAD.exists():
            parser.error(f"no load generator at {LOAD}; make attack builds it")
        for family in registry.FAMILIES:
            chosen = [each for each in attacks if each.family == family]
            if chosen:
                attack_family(family, chosen, options, table.show)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The attacks: each is a function with what it needs and what must hold."""

import dataclasses
import importlib

# The modules with attacks; each is a family and gets a ring of its own.
FAMILIES = ["floods", "handshakes", "identities", "resources", "insiders", "founders", "replicas"]
# Part of its rate that the good client must keep.
LEAST_RATE = 0.8
# Lines that a node may log in any second.
MOST_LINES = 100

ATTACKS = {}


@dataclasses.dataclass
class Attack:
    name: str
    family: str
    # A CVE, a row of the list of faults, or a rule.
    source: str
    # The certificate that the attacker needs: none, client, node, host.
    needs: str
    run: object
    # Outcomes of which the attacker must see each; "a|b" means either.
    expected: tuple = ()
    # Outcomes that must not occur.
    forbidden: tuple = ()
    # The resident memory, in MiB, that the attacked node may have at most.
    memory: int = 160
    # Whether the good client's rate is measured.
    rated: bool = True
    # What the good client calls: "lookup" or "get".
    good: str = "lookup"
    # The time, in seconds, after which the node must have reacted. Zero: at once.
    patience: float = 0
    # Whether the attack says itself when it is on; else it is on at once.
    prepares: bool = False
    # Whether the short form includes it.
    short: bool = True
    # Runs beside the attack, in the program that owns the ring; returns problems.
    beside: object = None
    # Lines per second that the node may log.
    lines: int = MOST_LINES

    @property
    def summary(self):
        return " ".join((self.run.__doc__ or "").split())


def attack(name, source, needs, expected=(), **more):
    """Registers the function below as an attack."""

    def register(function):
        family = function.__module__
        ATTACKS[name] = Attack(name, family, source, needs, function, tuple(expected), **more)
        return function

    return register


def load():
    for family in FAMILIES:
        importlib.import_module(family)
    return ATTACKS


def missing(attack, tally):
    """The expected outcomes that did not occur."""
    return [each for each in attack.expected if not any(tally.get(one) for one in each.split("|"))]

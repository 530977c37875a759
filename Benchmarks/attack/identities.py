# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Certificates that the node must refuse, presented in real handshakes with their keys."""

from certificates import FORGED
from handshakes import present, refusal
from registry import attack


def register(name, source, why):
    def run(attacker):
        context = attacker.credentials(f"forged-{name}").context()
        while attacker.running():
            present(attacker, context)

    run.__module__ = __name__
    run.__doc__ = f"A certificate {why}."
    refusal(name, source, "forged", rated=False)(run)


for forged in FORGED:
    if forged.is_refused:
        register(forged.name, forged.source, forged.why)


@attack("no-extended-usage", "SPIFFE 4.4", "client", ["answered"], forbidden=["refused"], rated=False)
def no_extended_usage(attacker):
    """A certificate without extended key usage is a good one; it must not be refused."""
    context = attacker.credentials("forged-no-extended-usage").context()
    while attacker.running():
        present(attacker, context)


@refusal("refused-certificates", "TLS", "forged")
def refused_certificates(attacker):
    """All of the certificates above in turn, by the thousand."""
    contexts = [attacker.credentials(f"forged-{each.name}").context() for each in FORGED if each.is_refused]
    while attacker.running():
        for context in contexts:
            if attacker.running():
                present(attacker, context)

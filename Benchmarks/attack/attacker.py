# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The process of an attacker.

Each line of its standard input is an order: a JSON object with the attack and where it goes. The answers are JSON
lines: "ready" once the attack is on, and at its end what the attacker saw and the processor time it took. The next
line of input ends the attack. The order "burn" is no attack: it takes as much processor time as an attack did.
"""

import collections
import json
import resource
import sys
import threading
import time
import traceback

import registry
from wire import Connection, Credentials


def processor_time():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def say(**what):
    print(json.dumps(what), flush=True)


class Attacker:
    """What an attack knows of its target, and what it saw."""

    def __init__(self, order, attack):
        self.attack = attack
        self.address, self.nodes = order["address"], order["nodes"]
        self.certs, self.folder = order["certs"], order["folder"]
        self.parameters = bytes.fromhex(order["parameters"])
        self.capabilities = bytes.fromhex(order["capabilities"])
        # What each node says about its part of the store.
        self.stores = [bytes.fromhex(each) for each in order["stores"]]
        self.is_short = order["short"]
        self.tally = collections.Counter()
        self.stopped = threading.Event()
        self.began = time.monotonic()
        self.said_ready = False

    def credentials(self, name=None):
        """The certificate that the attack is allowed, or another one."""
        given = {"client": "client-mallory", "node": "mallory", "host": "host-mallory", "none": None}
        return Credentials(self.certs, name or given[self.attack.needs])

    def connect(self, name=None, address=None, context=None, **options):
        """A connection; None if the node refuses it."""
        try:
            context = context or self.credentials(name).context()
            connection = Connection(address or self.address, context, **options)
        except OSError:
            self.note("connection refused")
            self.stopped.wait(0.01)
            return None
        self.note("connections")
        return connection

    def connections(self, *arguments, **options):
        """New connections, one after the other, until the attack is over."""
        while self.running():
            connection = self.connect(*arguments, **options)
            if connection:
                yield connection
                connection.drain(0.05)
                self.end(connection)

    def end(self, connection):
        self.tally.update(connection.outcomes)
        connection.outcomes.clear()
        connection.close()

    def note(self, what, count=1):
        self.tally[what] += count

    def ready(self):
        if not self.said_ready:
            self.said_ready = True
            say(ready=True)

    def running(self):
        """Whether the attack goes on. Its short form ends when the node has reacted as it must."""
        if self.stopped.is_set():
            return False
        if not self.is_short:
            return True
        if self.attack.expected and not registry.missing(self.attack, self.tally):
            return False
        # Attacks that wait for the node's clocks are told when to end.
        return self.attack.patience > 0 or time.monotonic() - self.began < (5 if self.attack.expected else 0.3)


def burn(part, stopped):
    """Takes a part of a processor, and does nothing else."""
    while not stopped.is_set():
        end = time.process_time() + 0.01 * part
        while time.process_time() < end:
            pass
        if part < 1:
            time.sleep(0.01 * (1 - part))


def serve(attacks):
    for line in sys.stdin:
        order = json.loads(line)
        name = order["attack"]
        attacker = Attacker(order, attacks.get(name))

        def work():
            try:
                if name == "burn":
                    attacker.ready()
                    burn(order["part"], attacker.stopped)
                else:
                    if not attacker.attack.prepares:
                        attacker.ready()
                    attacker.attack.run(attacker)
            except Exception:
                attacker.tally["crashed"] += 1
                print(traceback.format_exc(), file=sys.stderr, flush=True)
            attacker.ready()
            if order["short"] and name != "burn" and not attacker.attack.patience:
                say(over=True)

        began, used = time.monotonic(), processor_time()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        sys.stdin.readline()
        attacker.stopped.set()
        thread.join(60)
        taken = time.monotonic() - began
        say(tally=dict(attacker.tally), part=(processor_time() - used) / max(taken, 0.001))


if __name__ == "__main__":
    serve(registry.load())

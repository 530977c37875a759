# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The ring that is attacked: real nodes, what they hold, and whether they are whole."""

import collections
import hashlib
import os
import pathlib
import subprocess
import time

import grpc
from certificates import Authority
from grpc_tools import protoc
from history import StoreStubs
from rings import ROOT, Bench, Ring, places
from wire import FIND_SUCCESSOR, Connection, Credentials, field

NODES = ["n1", "n2", "n3"]
# Descriptors beyond those before the attack that may still be open after it.
DESCRIPTORS = 12
# How long a node may take to be whole again, in seconds.
HEALING = 30
KEYS = [hashlib.sha256(b"key %d" % index).digest()[:8] for index in range(20)]


class Target:
    """Three nodes with a store; the first of them is attacked."""

    def __init__(self, folder, binary, is_short):
        self.folder, self.is_short = folder, is_short
        self.bench = Bench(folder, binary, log_level="info")
        self.bench.issue([*NODES, "mallory", "f1", "f2", "f3"])
        for role in ("client", "host"):
            self.certify(role, "mallory")
        Authority(self.bench.certs).issue_all()
        # The generated code of the messages between stores.
        protos = [f"-I{ROOT / 'Protos'}", f"--python_out={folder}/python", "chord/v1/store_peer.proto"]
        if protoc.main(["protoc", *protos]) != 0:
            raise SystemExit("attack: protoc failed")
        self.certs = self.bench.certs
        self.ring = Ring(self.bench, NODES)
        self.ring.wait_ideal(60)
        self.stubs = StoreStubs(self.bench)
        self.messages = self.bench.messages
        self.node = self.ring.nodes["n1"]
        self.facts = {}
        self.writes = 0
        self.state = self.bench.state(self.node)

    def certify(self, role, name):
        command = [ROOT / "scripts/certs", role, name]
        environment = dict(os.environ, CERTS_DIR=self.bench.certs)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    def order(self):
        """What an attacker is told."""
        nodes = []
        for each in [self.ring.nodes[name] for name in NODES]:
            node = self.bench.state(each).node
            nodes.append(dict(name=node.name, id=each.id, address=node.address, incarnation=node.incarnation))
            nodes[-1]["place"] = node.place
        return {
            "address": self.node.address, "nodes": nodes, "certs": self.certs, "folder": str(self.folder),
            "parameters": self.state.parameters.SerializeToString().hex(), "short": self.is_short,
            "capabilities": self.state.capabilities.SerializeToString().hex(),
            "stores": [self.stubs.reply(each["address"]).SerializeToString().hex() for each in nodes],
        }  # fmt: skip

    def settle(self, limit=60):
        """Waits until each range has its three voters, and a leader."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if all(not each.issues and not each.HasField("move") for each in self.ranges()) and self.leader(KEYS[0]):
                return
            time.sleep(0.5)

    def ranges(self):
        return [each for node in self.ring.nodes.values() for each in self.stubs.status(node.address)]

    def leader(self, position):
        """The address of the node that leads the range of a position."""
        for node in self.ring.nodes.values():
            for each in self.stubs.status(node.address):
                after, through = each.range.after, each.range.through
                inside = after < position <= through if after < through else position > after or position <= through
                if inside and each.leader == each.replica:
                    return node.address
        return None

    # What it holds.

    def memory(self, what):
        """VmRSS or VmHWM, in MiB."""
        with open(f"/proc/{self.node.process.pid}/status") as status:
            for line in status:
                if line.startswith(what + ":"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def processor_time(self):
        """Of the attacked node, in seconds."""
        try:
            # The clock of a process by its identifier: clock_getcpuclockid(3).
            return time.clock_gettime(~self.node.process.pid << 3 | 2)
        except OSError:
            return 0.0

    def forget_peak(self):
        try:
            pathlib.Path(f"/proc/{self.node.process.pid}/clear_refs").write_text("5")
        except OSError:
            pass

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.node.process.pid}/fd"))

    def log_size(self):
        return pathlib.Path(self.folder, "n1.log").stat().st_size

    def worst_second(self, since):
        """The most lines in a second of the log."""
        with open(f"{self.folder}/n1.log", "rb") as log:
            log.seek(since)
            # The time of a line, to the second: 2026-01-31T12:00:00.
            seconds = collections.Counter(line[:19] for line in log if line[:2] == b"20")
        return max(seconds.values(), default=0)

    # Whether it is whole.

    def new_client_calls(self):
        """The status of a call on a new connection; a reason if there is none."""
        try:
            context = Credentials(self.certs, "client-demo").context()
            connection = Connection(self.node.address, context, timeout=10)
        except OSError as error:
            return str(error)
        status = connection.call(FIND_SUCCESSOR, field(1, KEYS[0]))
        connection.close()
        return "no answer" if status is None else status

    def problem(self):
        """What is wrong with the ring or its store now; None if nothing is."""
        for node in self.ring.nodes.values():
            if node.process.poll() is not None:
                return f"{node.name} has ended: {node.process.returncode}"
        if problem := self.ring.problem():
            return problem
        try:
            for node in self.ring.nodes.values():
                for key in KEYS[:4] if self.is_short else KEYS:
                    owner = self.bench.lookup(node, int.from_bytes(key, "big"))
                    if owner != self.ring.owner(int.from_bytes(key, "big")):
                        return f"{node.name} names {owner} for {key.hex()}"
            return self.store_problem()
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"

    def store_problem(self):
        messages = self.stubs.messages
        self.writes += 1
        key, value = b"whole", b"%d" % self.writes
        for node in self.ring.nodes.values():
            stub = self.stubs.stub(node.address)
            put = stub.Put(messages.PutRequest(partition=b"whole", key=key, value=value), timeout=5)
            if not put.applied:
                return f"{node.name} did not write"
            got = stub.Get(messages.GetRequest(partition=b"whole", keys=[key]), timeout=5)
            if got.values[0].value != value:
                return f"{node.name} read {got.values[0].value!r}, not {value!r}"
        return None

    def heal(self, limit=HEALING):
        """Waits until all is whole; returns what is not, and how long it took."""
        began = time.monotonic()
        while (problem := self.problem()) is not None:
            if time.monotonic() - began > limit or "has ended" in problem:
                return problem, time.monotonic() - began
            time.sleep(0.1)
        return None, time.monotonic() - began

    def close(self):
        self.ring.close()


def place_between(after, before, prefix):
    """A name that, at one of its places, lies between two identifiers."""
    for number in range(100_000):
        name = f"{prefix}{number}"
        for index, place in enumerate(places(name)):
            if (after < place < before) if after < before else (place > after or place < before):
                return name, index, place
    raise ValueError("no such name")

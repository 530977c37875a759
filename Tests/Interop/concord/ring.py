# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rings of processes of both kinds, and an independent check of their state.

Every member answers GetRing, so one request reads the state of all.
"""

import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc

import contract

concord_pb2 = contract.load("concord_pb2")
concord_pb2_grpc = contract.load("concord_pb2_grpc")
chord_pb2 = contract.load("chord.v1.chord_pb2")
chord_pb2_grpc = contract.load("chord.v1.chord_pb2_grpc")
empty_pb2 = contract.load("google.protobuf.empty_pb2")

OURS, THEIRS = "ours", "theirs"


class Failure(Exception):
    """A failed check."""


class Member:
    """A node's process and its output."""

    def __init__(self, name, kind, command, environment):
        self.name = name
        self.kind = kind
        self.id = contract.identifier(name)
        self.address = None
        self.lines = []
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            words = line.split()
            if self.kind == OURS and words[:1] == ["ready:"]:
                self.address = words[4]
                self.ready.set()
            elif self.kind == THEIRS and words[:1] == ["serving"]:
                self.address = words[2]
            elif self.kind == THEIRS and words[:1] == ["ready"]:
                self.ready.set()

    def check_alive(self):
        if self.process.poll() is None:
            return
        said = [line for line in self.lines if line.startswith("died ")]
        cause = said[-1] if said else self.last()
        raise Failure(f"{self.name} ({self.kind}) has ended with {self.process.returncode}: {cause}")

    def await_ready(self, limit=60, others=()):
        end = time.monotonic() + limit
        while not self.ready.wait(0.05):
            for other in others:
                other.check_alive()
            self.check_alive()
            if time.monotonic() > end:
                raise Failure(f"{self.name} is no member after {limit} s: {self.last()}")

    def await_serving(self, limit=60):
        end = time.monotonic() + limit
        while self.address is None:
            self.check_alive()
            if time.monotonic() > end:
                raise Failure(f"{self.name} does not serve after {limit} s: {self.last()}")
            time.sleep(0.02)

    def await_line(self, text, limit=60):
        """The first line of output that contains a text."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for line in list(self.lines):
                if text in line:
                    return line
            time.sleep(0.02)
        raise Failure(f"{self.name} has not written {text!r} after {limit} s: {self.last()}")

    def last(self, count=12):
        return "\n    ".join(self.lines[-count:])


class Ring:
    def __init__(self, folder, chord, interval=0.2, successors=4, theirs=3, proof="mixed"):
        self.folder = folder
        self.chord = chord
        self.interval = interval
        self.successors = successors
        self.theirs = theirs
        # "mixed": names prove ours and hosts theirs; or "hosts", or "names", for both.
        self.proof = proof
        # What our nodes remember is this ring's.
        self.states = tempfile.mkdtemp(prefix="state-", dir=folder)
        self.members = {}
        self.gone = []
        asker = "host-x1" if proof == "hosts" else "client-demo"
        self.credentials = contract.Certificates(folder, asker).client()
        self.channels = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        for member in list(self.members.values()) + self.gone:
            if error is not None:
                print(f"--- {member.kind} {member.name} {member.address}\n    {member.last(30)}")
            if member.process.poll() is None:
                member.process.kill()
            member.process.wait()

    # Starting and ending.

    def start(self, name, kind, through=None, port=0, **theirs):
        """Starts a node without waiting for it. `theirs` are settings of the other implementation."""
        contacts = [self.members[through].address] if through else []
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", XDG_STATE_HOME=self.states)
        if kind == OURS:
            certificate = f"host-{name}" if self.proof == "hosts" else name
            command = [self.chord, "serve", "--name", name, "--ring", "mixed"]
            command += ["--cert", f"{self.folder}/{certificate}.pem"]
            command += ["--key", f"{self.folder}/{certificate}.key"]
            command += ["--stabilize-interval", f"{int(self.interval * 1000)}ms"]
            command += ["--dialect", "concord", "--log-level", "debug"]
            if self.proof != "names":
                command += ["--admit-host-certificates"]
            command += ["--successors", str(self.successors)]
        else:
            script = os.path.join(contract.HERE, "node.py")
            command = [sys.executable, script, "--name", name, "--interval", str(self.interval)]
            command += ["--successors", str(self.theirs)]
            if self.proof == "names":
                command += ["--certificate", name]
            for setting, value in theirs.items():
                command += [f"--{setting}", str(value)]
        command += ["--certs-dir", self.folder, "--listen", f"127.0.0.1:{port}"]
        for contact in contacts:
            command += ["--join", contact]
        self.members[name] = Member(name, kind, command, environment)
        return self.members[name]

    def add(self, name, kind, through=None, port=0):
        """Starts a node and waits until it is a member."""
        member = self.start(name, kind, through, port)
        member.await_ready(others=list(self.members.values()))
        return member

    def check_alive(self):
        for member in self.members.values():
            member.check_alive()

    def end(self, name, how):
        member = self.members.pop(name)
        self.gone.append(member)
        member.process.send_signal(how)
        member.process.wait(timeout=30)
        return member

    def kill(self, name):
        return self.end(name, signal.SIGKILL)

    def leave(self, name):
        return self.end(name, signal.SIGTERM)

    # What must hold.

    def in_order(self):
        return sorted(self.members.values(), key=lambda member: member.id)

    def ours(self):
        return [member for member in self.in_order() if member.kind == OURS]

    def channel(self, address):
        if address not in self.channels:
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
            self.channels[address] = grpc.secure_channel(address, self.credentials, options)
        return self.channels[address]

    def state(self, member):
        stub = concord_pb2_grpc.ChordServiceStub(self.channel(member.address))
        return stub.GetRing(empty_pb2.Empty(), timeout=2)

    def problem(self):
        """The first deviation from an ideal ring, or None."""
        order = self.in_order()
        for index, member in enumerate(order):
            member.check_alive()
            try:
                state = self.state(member)
            except grpc.RpcError as error:
                return f"{member.name} does not answer: {error.code()} {error.details()}"
            count = self.successors if member.kind == OURS else self.theirs
            before = order[index - 1]
            after = [order[(index + step) % len(order)] for step in range(1, len(order))][:count]
            if (state.predecessor.name, state.predecessor.address) != (before.name, before.address):
                return f"{member.name} has {state.predecessor.name} before it, not {before.name}"
            listed = [(server.name, server.address) for server in state.successors][: len(after)]
            if listed != [(other.name, other.address) for other in after]:
                names = [server.name for server in state.successors]
                return f"{member.name} lists {names}, not {[other.name for other in after]}"
        return None

    def await_ideal(self, limit=60):
        """Waits until every pointer is right.

        Returns how long it took.
        """
        begin = time.monotonic()
        while (problem := self.problem()) is not None:
            if time.monotonic() - begin > limit:
                raise Failure(f"not ideal after {limit} s: {problem}")
            time.sleep(min(0.02, self.interval / 10))
        return time.monotonic() - begin

    def changes(self):
        """The number of pointer changes that our members have logged."""
        words = ("predecessor changed", "successors changed")
        return sum(word in line for member in self.ours() for line in list(member.lines) for word in words)

    def has_changed_since(self, said):
        """Whether a further change was logged, also by lines still in transit."""
        end = time.monotonic() + 2
        while self.changes() == said and time.monotonic() < end:
            time.sleep(0.02)
        return self.changes() != said

    def look_up(self, count, seed=1, under_way=16, others=()):
        """Each of our nodes looks up many identifiers, including those of the nodes and their neighbours.
        Each answer is compared with the sorted list.

        Returns the number of lookups. `others` are members that are no processes of this ring.
        """
        order = sorted([*self.members.values(), *others], key=lambda member: member.id)
        ids = [member.id for member in order]
        targets = [(id + step) % contract.SIZE for id in ids for step in (-1, 0, 1)]
        chance = random.Random(seed)
        targets += [chance.randrange(contract.SIZE) for _ in range(max(0, count - len(targets)))]
        done = 0
        for member in self.ours():
            stub = chord_pb2_grpc.ChordServiceStub(self.channel(member.address))
            calls = collections.deque()

            def settle():
                target, call = calls.popleft()
                right = next((other for other in order if other.id >= target), order[0])
                try:
                    owner = call.result().owner
                except grpc.RpcError as error:
                    raise Failure(f"{member.name}: {target:016x}: {error.code()} {error.details()}")
                if (owner.name, owner.address) != (right.name, right.address):
                    raise Failure(
                        f"{member.name} says that {owner.name} at {owner.address} owns "
                        f"{target:016x}, and it is {right.name} at {right.address}"
                    )

            for target in targets:
                request = chord_pb2.FindSuccessorRequest(id=target.to_bytes(8, "big"))
                calls.append((target, stub.FindSuccessor.future(request, timeout=10)))
                if len(calls) >= under_way:
                    settle()
            while calls:
                settle()
            done += len(targets)
        return done


#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Replaces all certificates of a ring again and again, and then its authority, under calls.

    make rotate                     180 s of rounds, then the authority
    make rotate SECONDS=1200

Certificates live for two and a half rounds. In each round all of them are replaced: the files of nodes one by one in a
single step each, as tools of SPIRE and step do it, and in the second round in place, half written for a while. Then the
authority changes as docs/certificates.md says: nodes trust both, get certificates of the new one, and trust the old one no
more. No call may fail, and each acknowledged value is read back at the end.

renewed   connections with the certificate of the round; the next ones are opened before the last ones are closed
steady    connections with a certificate of a long life, opened once, and again only when the authority changes
short     a connection for each pair of calls
command   the commands chord put, get and lookup
program   chord bench: the client of this library. It notices new files by itself, and so has the certificate of the
          round, and goes on while the authority changes. With --hangup it has one of a long life, and ends before
watch     the rows of a partition, over a connection with a certificate of a long life. A stream that ends is opened
          again after its last version, as the contract says. No acknowledged value may be missing from it

After the old authority was dropped, a client with its certificate is refused, and connections that it had opened before
end within a minute: one without calls, one with calls, one that watches rows, at each node.

Without --hangup nodes notice new files by themselves. With it they get SIGHUP after each change.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

# Failures are counted here; the library would print each handshake that fails.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc  # noqa: E402
from renewal import Authority, Live, complaints, general, same_certificate, shown_certificate  # noqa: E402

import network  # noqa: E402
from attack import FIND_SUCCESSOR, Connection  # noqa: E402
from rings import Bench, RingFailure, dying_with_us  # noqa: E402
from store import StoreChaos, add_load  # noqa: E402

STORE_WATCH = "/chord.v1.StoreService/Watch"
LONG = 86_400
# Keys of one read at the end.
PAGE = 256
LINE = "{:<10}{:<9}{:>9}{:>8}{:>11}{:>11}{:>11}"


class Tally:
    """Counts calls by kind of connection and by method."""

    def __init__(self, note):
        self.lock = threading.Lock()
        self.note = note
        self.took = collections.defaultdict(list)
        self.failures = collections.defaultdict(collections.Counter)
        self.told = {}
        self.began = time.monotonic()

    def call(self, kind, what, call):
        """The answer of a call; None if it failed."""
        began = time.monotonic()
        try:
            answer = call()
        except (grpc.RpcError, grpc.FutureTimeoutError, OSError, subprocess.SubprocessError, WrongAnswer) as error:
            self.fail(kind, what, self.reason(error), began)
            return None
        with self.lock:
            self.took[kind, what].append(time.monotonic() - began)
        return answer

    @staticmethod
    def reason(error):
        if isinstance(error, grpc.RpcError):
            return f"{error.code().name} {error.details()}"
        return f"{type(error).__name__} {error}"

    def fail(self, kind, what, reason, began):
        now = time.monotonic()
        with self.lock:
            self.failures[kind, what][general(reason)] += 1
        self.note(f"{kind} {what} failed {now - self.began:.1f} s after the start, {now - began:.2f} s long: {reason}")

    def add(self, kind, what, told):
        """Adds what chord bench has counted."""
        with self.lock:
            self.told[kind, what] = told
            for each in told.get("failures", []):
                self.failures[kind, what][general(each["message"])] += each["count"]

    def failed(self):
        with self.lock:
            return sum(sum(reasons.values()) for reasons in self.failures.values())

    def report(self):
        print("\n" + LINE.format("connection", "call", "calls", "failed", "p50 ms", "p99 ms", "longest ms"))
        for (kind, what), told in sorted(self.told.items()):
            cells = [f"{told[key]:.1f}" for key in ("p50_ms", "p99_ms", "longest_ms")]
            print(LINE.format(kind, what, told["answered"] + told["failed"], told["failed"], *cells))
        for kind, what in sorted((set(self.took) | set(self.failures)) - set(self.told)):
            times = sorted(self.took[kind, what]) or [0.0]
            cells = [f"{times[int(share * (len(times) - 1))] * 1000:.1f}" for share in (0.5, 0.99, 1)]
            failed = sum(self.failures[kind, what].values())
            print(LINE.format(kind, what, len(self.took[kind, what]) + failed, failed, *cells))
        for (kind, what), reasons in sorted(self.failures.items()):
            for reason, count in reasons.most_common(5):
                print(f"    !! {kind} {what}: {count} times {reason[:300]}")


def plain_environment():
    """Without settings of another ring."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CHORD_")}


class WrongAnswer(Exception):
    """An answer that is not the right one."""


class Caller(threading.Thread):
    """A thread that puts, gets and looks up, through all nodes in turn."""

    def __init__(self, rotation, kind, number, pace):
        super().__init__(daemon=True)
        self.rotation, self.kind, self.pace = rotation, kind, pace
        self.random = random.Random(f"{rotation.options.seed}.{kind}.{number}")
        self.partition = f"{kind}-{number}".encode()
        # The values of all acknowledged puts, by key.
        self.stored = {}
        self.calls = 0
        self.ending = False

    def run(self):
        while not self.ending and not self.rotation.stopping.wait(self.pace):
            try:
                self.step()
            except Exception as error:
                self.rotation.blame(f"{self.kind}: {type(error).__name__}: {error}")
                raise

    def target(self):
        self.calls += 1
        addresses = self.rotation.node_addresses
        return addresses[self.calls % len(addresses)]

    def count(self, what, call):
        return self.rotation.tally.call(self.kind, what, call)

    def put(self, stub):
        messages = self.rotation.stubs.messages
        key = f"{len(self.stored):08d}"
        value = f"{self.kind} {key} {self.random.getrandbits(64):x}"
        request = messages.PutRequest(partition=self.partition, key=key.encode(), value=value.encode())

        def call():
            if not stub.Put(request, timeout=self.rotation.options.deadline).applied:
                raise WrongAnswer("a put without condition was not applied")
            return True

        if self.count("put", call):
            self.stored[key] = value

    def get(self, stub):
        if not self.stored:
            return
        key = f"{self.random.randrange(len(self.stored)):08d}"
        self.count("get", lambda: self.read(stub, [key]))

    def read(self, stub, keys):
        messages = self.rotation.stubs.messages
        request = messages.GetRequest(partition=self.partition, keys=[key.encode() for key in keys])
        reply = stub.Get(request, timeout=self.rotation.options.deadline)
        for key, found in zip(keys, reply.values):
            if not found.present or found.value.decode() != self.stored[key]:
                raise WrongAnswer(f"{self.partition} {key} is not the value that was acknowledged")
        return True

    def lookup(self, stub):
        key = self.random.getrandbits(64)
        bench = self.rotation.bench
        request = bench.messages.FindSuccessorRequest(id=key.to_bytes(8, "big"))

        def call():
            owner = stub.FindSuccessor(request, timeout=self.rotation.options.deadline).owner.name
            if owner != (right := self.rotation.ring.owner(key)):
                raise WrongAnswer(f"the owner is {right}, not {owner}")
            return True

        self.count("lookup", call)


class Connected(Caller):
    """Calls over connections that are opened anew when `generation` of the rotation has changed."""

    def __init__(self, rotation, kind, number, pace, client):
        super().__init__(rotation, kind, number, pace)
        self.client = client
        self.generation = None
        self.channels = {}

    def step(self):
        if self.generation != (wanted := self.rotation.generations[self.kind]):
            self.generation = wanted
            self.renew()
        store, ring = self.channels[self.target()][1:]
        choice = self.random.random()
        if choice < 0.4:
            self.put(store)
        elif choice < 0.7:
            self.get(store)
        else:
            self.lookup(ring)

    def renew(self):
        old = self.channels
        addresses = self.rotation.node_addresses
        self.channels = {address: self.rotation.connect(address, self.client) for address in addresses}
        for channel, _, _ in self.channels.values():
            self.count("connect", lambda: grpc.channel_ready_future(channel).result(10))
        for channel, _, _ in old.values():
            channel.close()


class Short(Caller):
    def step(self):
        channel, store, ring = self.rotation.connect(self.target(), "client-demo")
        with channel:
            self.put(store)
            self.lookup(ring)


class Command(Caller):
    """Calls by the chord command. Its certificate is renewed in single steps only: a program that starts while its own
    files are half written cannot know it."""

    def chord(self, what, *words, wanted=None):
        command = [str(self.rotation.bench.binary), *words, "--node", self.target(), "--as", "client-command"]
        command += ["--certs-dir", str(self.rotation.live.folder)]

        def call():
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=30, env=plain_environment(),
                cwd=self.rotation.bench.folder,
            )  # fmt: skip
            if ended.returncode != 0:
                raise WrongAnswer(f"code {ended.returncode}: {' '.join(ended.stderr.split())}")
            if wanted is not None and ended.stdout.strip() != wanted:
                raise WrongAnswer(f"{words} printed {ended.stdout.strip()!r}, not {wanted!r}")
            return True

        return self.count(what, call)

    def step(self):
        key = f"{len(self.stored):08d}"
        value = f"command {key}"
        where = ["--partition", self.partition.decode()]
        if self.chord("put", "put", *where, key, value):
            self.stored[key] = value
            self.chord("get", "get", *where, key, wanted=value)
        self.chord("lookup", "lookup", key)


class Watcher(threading.Thread):
    """Watches the rows of another caller."""

    def __init__(self, rotation, caller, address):
        super().__init__(daemon=True)
        self.rotation, self.caller, self.address = rotation, caller, address
        self.values = {}
        self.version = self.opened = self.gaps = 0
        self.ends = collections.Counter()

    def run(self):
        while not self.rotation.stopping.is_set():
            generation = self.rotation.generations["steady"]
            channel, store, _ = self.rotation.connect(self.address, "client-steady")
            with channel:
                while generation == self.rotation.generations["steady"] and not self.rotation.stopping.is_set():
                    self.follow(store, generation)

    def follow(self, store, generation):
        request = self.rotation.stubs.messages.StoreWatchRequest(
            partition=self.caller.partition, after_version=self.version
        )
        self.opened += 1
        stream = store.Watch(request)
        try:
            for reply in stream:
                self.take_in(reply)
                # A message comes every two seconds.
                if generation != self.rotation.generations["steady"] or self.rotation.stopping.is_set():
                    stream.cancel()
                    return
            self.ends["the stream ended"] += 1
        except grpc.RpcError as error:
            self.ends[Tally.reason(error)] += 1
            self.rotation.bench.note(f"watch {self.address} ended: {Tally.reason(error)}")
            time.sleep(0.05)

    def take_in(self, reply):
        self.gaps += reply.gap
        for row in reply.rows:
            self.values[row.key.decode()] = row.value.value.decode()
        for change in reply.changes:
            for each in change.keys:
                self.values[each.key.decode()] = each.value.decode()
        self.version = reply.version or self.version

    def missing(self):
        """The acknowledged values that the watcher was not told."""
        return [key for key, value in self.caller.stored.items() if self.values.get(key) != value]


class Held(threading.Thread):
    """A connection with a certificate that will be refused, until the node ends it. Its client goes on after a GOAWAY,
    as one that means harm does."""

    def __init__(self, address, certs, client, manner, body):
        super().__init__(daemon=True)
        self.address, self.manner, self.body = address, manner, body
        self.connection = Connection(address, certs, client)
        self.asked_to_go = self.ended = None
        self.stopping = threading.Event()
        if manner == "watch":
            self.connection.begin(STORE_WATCH, body=body)
        else:
            self.connection.call(body)

    def run(self):
        called = time.monotonic()
        while not self.stopping.is_set():
            now = time.monotonic()
            try:
                if self.manner == "calls" and now - called > 0.5:
                    called = now
                    self.connection.begin(FIND_SUCCESSOR, body=self.body)
                self.connection.take_in(0.2)
            except (OSError, ssl.SSLError) as error:
                if "GOAWAY" in str(error):
                    self.asked_to_go = self.asked_to_go or time.monotonic()
                    continue
                self.ended = time.monotonic()
                return


class Rotation(StoreChaos):
    def __init__(self, options, bench, net):
        super().__init__(options, bench, net)
        self.names = self.names[: options.nodes]
        self.life = options.life or 2.5 * options.every
        hosts = bench.hosts
        self.old = Authority(f"{bench.folder}/authority", hosts)
        self.new = None
        self.live = Live(bench.certs)
        self.live.trust(self.old)
        self.tally = Tally(bench.note)
        self.stopping = threading.Event()
        self.generations = {"renewed": 0, "steady": 0}
        self.adopted, self.refused, self.endings = [], [], []
        self.rounds = 0
        self.callers, self.watchers = [], []

    # Certificates.

    def issue(self, authority):
        """The names of the new files: of nodes, and of clients that renew theirs."""
        files = authority.issue_set(self.names, self.life)
        return files[: len(self.names)], [*files[len(self.names) :], authority.issue_client("command", self.life)]

    def hang_up(self):
        if self.options.hangup:
            for node in self.ring.nodes.values():
                node.process.send_signal(signal.SIGHUP)

    def renew(self, authority, in_place=False):
        nodes, clients = self.issue(authority)
        if in_place:
            self.live.install_in_place(authority, nodes, self.options.pause, self.hang_up)
            self.live.install(authority, clients)
        else:
            self.live.install(authority, nodes + clients)
            self.hang_up()
        self.generations["renewed"] += 1
        self.rounds += 1
        return self.wait_adopted(authority)

    def wait_adopted(self, authority):
        """Waits until each node shows its new certificate to new connections; the seconds."""
        began = time.monotonic()
        for name in self.names:
            wanted = authority.read(f"{name}.pem")
            while not same_certificate(wanted, self.shown(name)):
                if time.monotonic() - began > self.options.notice:
                    self.blame(f"{name} does not use its new certificate after {self.options.notice} s")
                    break
                time.sleep(0.1)
        took = time.monotonic() - began
        self.adopted.append(took)
        return took

    def shown(self, name):
        try:
            return shown_certificate(self.live, self.ring.nodes[name].address)
        except OSError as error:
            self.bench.note(f"{name} shows no certificate: {error}")
            return ""

    def connect(self, address, client):
        roots, key, certificate = self.live.read("ca.pem", f"{client}.key", f"{client}.pem")
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(roots, key, certificate), options)
        return channel, self.stubs.services.StoreServiceStub(channel), self.bench.services.ChordServiceStub(channel)

    # The course.

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.0f} s  {text}; {self.tally.failed()} failed calls", flush=True)

    def calm(self, seconds):
        """Lets calls go on for some time, and looks whether all nodes live."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 1))
            for node in self.ring.nodes.values():
                if (code := node.process.poll()) is not None:
                    raise RingFailure(f"rotation: {node.name} ended with {code}")

    def run(self):
        nodes, clients = self.issue(self.old)
        steady = [self.old.issue_client(name, LONG) for name in ("steady", "old")]
        self.live.install(self.old, nodes + clients + steady)
        self.form()
        # They began to age while the ring was formed.
        self.renew(self.old)
        self.rounds = 0
        self.began = self.tally.began = time.monotonic()
        self.node_addresses = [self.ring.nodes[name].address for name in self.names]
        pace = self.options.pace
        self.callers = [Connected(self, "renewed", number, pace, "client-demo") for number in range(4)]
        self.callers += [Connected(self, "steady", number, pace, "client-steady") for number in range(2)]
        self.callers += [Short(self, "short", 0, 10 * pace), Command(self, "command", 0, 1)]
        self.watchers = [Watcher(self, self.callers[0], self.node_addresses[1])]
        self.watchers += [Watcher(self, self.callers[4], self.node_addresses[-1])]
        for each in [*self.callers, *self.watchers]:
            each.start()
        programs = [self.program(what) for what in ("lookup", "put", "get")]
        due = self.began + self.options.every
        while due < self.began + self.options.seconds + self.options.every / 2:
            self.calm(due - time.monotonic())
            in_place = self.rounds == 1
            took = self.renew(self.old, in_place)
            how = "written in place" if in_place else "replaced"
            self.say(f"round {self.rounds}: certificates {how}, in use after {took:.1f} s")
            due += self.options.every
        if self.options.hangup:
            self.end_programs(programs)
        self.change_authority()
        if not self.options.hangup:
            self.end_programs(programs)
        # The watchers hear of the last values.
        for caller in self.callers:
            caller.ending = True
        for caller in self.callers:
            caller.join(60)
        time.sleep(3)
        self.stopping.set()
        self.read_back()
        for each in self.watchers:
            each.join(10)
            if missing := each.missing():
                self.blame(f"the watcher at {each.address} was not told {len(missing)} values, such as {missing[:3]}")

    def program(self, what):
        """Starts chord bench, which calls on until the rounds are over, or the authority has changed."""
        seconds = self.options.seconds
        if not self.options.hangup:
            seconds += 2 * self.options.settle + self.trust_seconds + self.options.ending / 2
        client = "client-steady" if self.options.hangup else "client-demo"
        command = [str(self.bench.binary), "bench", what, "--as", client, "--certs-dir", self.bench.certs]
        command += ["--rate", "20", "--callers", "4", "--duration", f"{seconds:.0f}s", "--json"]
        for address in self.node_addresses:
            command += ["--node", address]
        return what, subprocess.Popen(
            [*dying_with_us(), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=plain_environment(), cwd=self.bench.folder,
        )  # fmt: skip

    def end_programs(self, programs):
        for what, process in programs:
            out, errors = process.communicate(timeout=60)
            if process.returncode != 0:
                self.blame(f"chord bench {what} ended with {process.returncode}: {errors.strip()}")
            else:
                self.tally.add("program", what, json.loads(out))

    @property
    def trust_seconds(self):
        """The time in which nodes come to trust a second authority. Nothing tells it from outside."""
        return max(self.options.settle, self.options.notice)

    def change_authority(self):
        settle = self.options.settle
        self.calm(settle)
        self.new = Authority(f"{self.bench.folder}/new-authority", self.bench.hosts)
        self.live.trust(self.old, self.new)
        self.hang_up()
        self.generations["renewed"] += 1
        self.generations["steady"] += 1
        self.say("both authorities are trusted")
        self.calm(self.trust_seconds)
        self.live.install(self.new, [self.new.issue_client("steady", LONG)])
        took = self.renew(self.new)
        self.generations["steady"] += 1
        self.say(f"all certificates are of the new authority, in use after {took:.1f} s")
        self.calm(settle)
        held = self.hold()
        self.live.trust(self.new)
        self.hang_up()
        dropped = time.monotonic()
        self.generations["renewed"] += 1
        self.generations["steady"] += 1
        self.say("the old authority is dropped")
        self.watch_endings(held, dropped)

    def hold(self):
        """Opens connections with a certificate of the old authority."""
        found = self.bench.messages.FindSuccessorRequest(id=bytes(8)).SerializeToString()
        watched = self.stubs.messages.StoreWatchRequest(partition=b"renewed-0").SerializeToString()
        held = [
            Held(address, self.bench.certs, "old", manner, watched if manner == "watch" else found)
            for address in self.node_addresses
            for manner in ("idle", "calls", "watch")
        ]
        for each in held:
            each.start()
        return held

    def watch_endings(self, held, dropped):
        """Waits until the nodes refuse the old certificate, and have ended its connections."""
        found = self.bench.messages.FindSuccessorRequest(id=bytes(8)).SerializeToString()
        last_accepted = dict.fromkeys(self.node_addresses, 0.0)
        next_renewal = dropped + self.options.every
        while time.monotonic() < dropped + self.options.ending + 5:
            for address in self.node_addresses:
                if self.accepts(address, found):
                    last_accepted[address] = time.monotonic() - dropped
            self.calm(0.5)
            if time.monotonic() > next_renewal:
                next_renewal += self.options.every
                self.renew(self.new)
        for each in held:
            each.stopping.set()
        for name, address in zip(self.names, self.node_addresses):
            self.refused.append(last_accepted[address])
            if last_accepted[address] > self.options.notice:
                self.blame(f"{name} accepts the old authority {last_accepted[address]:.1f} s after it was dropped")
        for each in held:
            if each.ended is None:
                self.blame(f"{each.address} has not ended a connection ({each.manner}) of the old authority")
            elif (took := each.ended - dropped) > self.options.ending:
                self.blame(f"{each.address} has ended a connection ({each.manner}) only after {took:.1f} s")
            self.endings.append(each)
        self.dropped = dropped

    def accepts(self, address, body):
        try:
            Connection(address, self.bench.certs, "old").call(body)
            return True
        except (OSError, ssl.SSLError):
            return False

    def read_back(self):
        """Reads all values that were acknowledged."""
        count = 0
        for index, caller in enumerate(self.callers):
            channel, store, _ = self.connect(self.node_addresses[index % len(self.node_addresses)], "client-demo")
            keys = sorted(caller.stored)
            for begin in range(0, len(keys), PAGE):
                page = keys[begin : begin + PAGE]
                if self.tally.call("last", "read", lambda: caller.read(store, page)):
                    count += len(page)
            channel.close()
        wanted = sum(len(caller.stored) for caller in self.callers)
        print(f"{count} of {wanted} acknowledged values read back")
        if count != wanted:
            self.blame(f"{wanted - count} acknowledged values were not read back")

    def report(self):
        self.tally.report()
        slowest = max(self.adopted, default=0)
        print(f"\n{self.rounds} times new certificates; a node used its own after {slowest:.1f} s at most")
        if self.endings:
            print(f"a new connection of the old authority was accepted until {max(self.refused):.1f} s after its end")
            for manner in ("idle", "calls", "watch"):
                cells = []
                for what, attribute in (("told to go", "asked_to_go"), ("ended", "ended")):
                    times = [getattr(each, attribute) for each in self.endings if each.manner == manner]
                    times = [each - self.dropped for each in times if each]
                    if times:
                        cells.append(f"{what} after {min(times):.1f} to {max(times):.1f} s")
                print(f"its open connections, {manner:5}: {', '.join(cells) or 'never ended'}")
        for each in self.watchers:
            ends = ", ".join(f"{count} times {reason[:150]}" for reason, count in each.ends.most_common(3))
            print(f"watch: {len(each.values)} rows, opened {each.opened} times, {each.gaps} gaps; {ends or 'no cut'}")
        for (level, text), count in sorted(complaints(self.bench.folder, self.names).items()):
            print(f"logs: {count:5} × {level}: {text}")
        if failed := self.tally.failed():
            self.blame(f"{failed} calls failed")
        print(f"{len(self.violations)} violations" if self.violations else "No call failed.")

    def close(self):
        self.stopping.set()
        self.ring.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180, help="of rounds, before the authority changes (180)")
    parser.add_argument("--every", type=float, default=60, help="seconds of a round (60)")
    parser.add_argument("--life", type=float, help="seconds of a certificate (2.5 rounds)")
    parser.add_argument("--nodes", type=int, default=5, help="nodes (5)")
    parser.add_argument("--hangup", action="store_true", help="send SIGHUP after each change of files")
    parser.add_argument("--notice", type=float, default=15, help="seconds until a node uses new files (15)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between halves of files (0.5)")
    parser.add_argument("--settle", type=float, default=10, help="seconds between steps of its change (10)")
    parser.add_argument("--ending", type=float, default=60, help="seconds until its connections have ended (60)")
    parser.add_argument("--pace", type=float, default=0.02, help="seconds between two calls of a thread (0.02)")
    add_load(parser)
    parser.set_defaults(clients=0)
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is missing: make release")
    options.seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(f"seed {options.seed}")
    folder = tempfile.mkdtemp(prefix="chord-rotation-")
    rotation, finished = None, False
    try:
        bench = Bench(folder, options.binary.absolute(), ["localhost", "127.0.0.1"], "info")
        rotation = Rotation(options, bench, network.enter("loopback"))
        rotation.run()
        finished = True
    except KeyboardInterrupt:
        print("\ninterrupted")
    except RingFailure as failure:
        rotation.blame(str(failure))
    finally:
        if rotation:
            rotation.close()
    rotation.report()
    if rotation.violations or options.keep:
        print(f"Logs in {folder}.")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if rotation.violations else 0 if finished else 130)


if __name__ == "__main__":
    main()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Clients of a store that write down each call and each answer, in the form that chord-sim check-history reads."""

import itertools
import json
import os
import random
import threading
import time

import grpc

REASON = "chord-reason"
# A status by which a node says that nothing was done and that another attempt makes no sense.
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}


class History:
    """The files of calls and answers. Keys are independent of each other, so each file has the whole history of some
    of them, and can be checked by itself."""

    # Generations of keys in one file.
    GENERATIONS = 40

    def __init__(self, folder):
        self.folder = folder
        self.files = {}
        self.lock = threading.Lock()
        self.numbers = itertools.count()

    def write(self, key, line):
        text = json.dumps(line)
        part = int(key[1:].partition("-")[0]) // self.GENERATIONS
        with self.lock:
            if part not in self.files:
                self.files[part] = open(self.folder / f"history-{part}.jsonl", "w")
            self.files[part].write(text + "\n")

    def close(self):
        """The paths of the files."""
        with self.lock:
            for file in self.files.values():
                file.close()
            return [file.name for _, file in sorted(self.files.items())]


class StoreStubs:
    """Stubs of the store, one connection for each address and client."""

    def __init__(self, bench):
        from chord.v1 import store_pb2, store_pb2_grpc

        self.bench, self.messages, self.services = bench, store_pb2, store_pb2_grpc
        self.targets = []
        self.lock = threading.Lock()
        self.stubs = {}

    def stub(self, address, client=None):
        with self.lock:
            if (address, client) not in self.stubs:
                self.stubs[address, client] = self.services.StoreServiceStub(self.bench.channel(address))
            return self.stubs[address, client]

    def reply(self, address):
        """What a node says about its part of the store; None without an answer."""
        try:
            return self.stub(address).Status(self.messages.StoreStatusRequest(limit=1000), timeout=2)
        except grpc.RpcError:
            return None

    def status(self, address):
        reply = self.reply(address)
        return reply.ranges if reply else []


class Clients:
    """Threads that read and write shared keys through all nodes."""

    def __init__(self, stubs, history, options):
        self.stubs, self.history, self.options = stubs, history, options
        self.messages = stubs.messages
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.tally = {"acknowledged": 0, "reads": 0, "unknown": 0, "refused": 0, "unanswered": 0}
        self.last_answer = time.monotonic()
        self.gap = 0.0
        self.latencies = []
        self.operations = 0
        self.keys = set()
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(options.clients)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            if thread.ident:
                thread.join()

    def counts(self):
        with self.lock:
            return dict(self.tally)

    def longest_gap(self):
        """The longest time in which no client had an answer, since the last call of this method."""
        with self.lock:
            gap = max(self.gap, time.monotonic() - self.last_answer)
            self.gap = 0.0
            return gap

    def take_latencies(self):
        """The seconds of each call that was answered since the last call of this method, in order of length."""
        with self.lock:
            latencies, self.latencies = self.latencies, []
            return sorted(latencies)

    def _key(self, generator):
        """One of the keys of the present generation. A key is exchanged after some operations, so that its history
        stays short enough to be checked."""
        with self.lock:
            generation = self.operations // (self.options.keys * self.options.per_key)
            self.operations += 1
            key = f"g{generation}-k{generator.randrange(self.options.keys)}"
            self.keys.add(key)
            return key

    def _run(self, number):
        client = Client(self, f"c{number}", random.Random(f"{self.options.seed}.{number}"))
        while not self.stopping.is_set():
            client.step()

    def answered(self, what, began):
        now = time.monotonic()
        with self.lock:
            self.tally[what] += 1
            self.latencies.append(now - began)
            if what in ("acknowledged", "reads"):
                self.gap = max(self.gap, now - self.last_answer)
                self.last_answer = now

    def read_all(self):
        """Reads every key of the last generation at the end."""
        client = Client(self, "last", random.Random(0))
        for key in sorted(self.keys)[-2 * self.options.keys :]:
            client.get(key)


class Client:
    """One client: it calls one operation after the other, and repeats a write under its number until the deadline."""

    def __init__(self, clients, name, generator):
        self.clients, self.name, self.random = clients, name, generator
        self.messages = clients.messages
        self.id = os.urandom(16)
        self.number = 0
        self.times = {}
        self.versions = {}
        self.target = None
        # When the call under way began.
        self.began = 0.0

    def step(self):
        key = self.clients._key(self.random)
        choice = self.random.random()
        if choice < 0.4:
            self.get(key)
        elif choice < 0.75:
            self.put(key)
        elif choice < 0.9:
            self.put(key, self.condition(key))
        else:
            self.delete(key)

    def condition(self, key):
        version = self.versions.get(key)
        if version is None or self.random.random() < 0.2:
            return {"absent": True}
        return {"version": version}

    # Calls and answers.

    def begin(self, key, action, value=None, condition=None):
        number = next(self.clients.history.numbers)
        step = {"key": key, "action": action}
        if value is not None:
            step["value"] = value
        if condition:
            step["condition"] = "absent" if "absent" in condition else condition
        self.clients.history.write(
            key, {"call": number, "client": self.name, "time": time.monotonic_ns(), "operations": [step]}
        )
        self.began = time.monotonic()
        return key, number

    def end(self, call, outcome, version=None, row=None):
        key, number = call
        line = {"return": number, "time": time.monotonic_ns(), "outcome": outcome}
        if version:
            line["version"] = version
        if row is not None:
            line["rows"] = [row]
        self.clients.history.write(key, line)

    def get(self, key):
        number = self.begin(key, "get")
        request = self.messages.GetRequest(keys=[key.encode()])
        reply = self.call("Get", request)
        if reply is None:
            self.clients.answered("unanswered", self.began)
            return self.end(number, "unknown")
        value = reply.values[0]
        if value.present:
            row = {"value": value.value.decode(), "version": value.version}
            self.versions[key] = value.version
        else:
            row = {"absent": True}
            self.versions.pop(key, None)
        self.end(number, "applied", row=row)
        self.clients.answered("reads", self.began)

    def put(self, key, condition=None):
        value = f"{self.name}-{self.number}"
        request = self.messages.PutRequest(key=key.encode(), value=value.encode(), want_previous=True)
        if condition:
            request.condition.MergeFrom(self.messages.WriteCondition(**condition))
        self.write("Put", request, self.begin(key, "put", value, condition), key)

    def delete(self, key):
        request = self.messages.DeleteRequest(key=key.encode(), want_previous=True)
        self.write("Delete", request, self.begin(key, "delete"), key)

    def write(self, method, request, number, key):
        self.number += 1
        request.id.client = self.id
        request.id.number = self.number
        request.id.lowest_unanswered = self.number
        request.id.prepared_ms = self.prepared(key)
        reply = self.call(method, request)
        if reply is None:
            self.clients.answered("unknown", self.began)
            return self.end(number, "unknown")
        if reply == "refused":
            self.clients.answered("refused", self.began)
            return self.end(number, "refused")
        result = reply.results[0] if reply.results else None
        row = None
        if result is not None and not result.previous_version:
            row = {"absent": True}
        elif result is not None:
            row = {"version": result.previous_version}
            if result.WhichOneof("previous"):
                row["value"] = result.previous_value.decode()
        version = reply.answer.version if reply.applied else None
        self.end(number, "applied" if reply.applied else "conditionFailed", version, row)
        if reply.applied:
            self.versions[key] = reply.answer.version
        self.clients.answered("acknowledged", self.began)

    def prepared(self, key):
        """The time of the key's range. A first write needs one: without it the range cannot tell an old request,
        whose answer it has forgotten, from a new one."""
        if not self.times:
            self.call("Get", self.messages.GetRequest(keys=[key.encode()]))
        return min(self.times.values(), default=0)

    def call(self, method, request):
        """The answer; None if it is not known whether the request was carried out."""
        deadline = time.monotonic() + self.clients.options.deadline
        while (left := deadline - time.monotonic()) > 0:
            targets = self.clients.stubs.targets
            if not targets:
                time.sleep(0.01)
                continue
            if self.target not in targets or self.random.random() < 0.05:
                self.target = self.random.choice(targets)
            stub = self.clients.stubs.stub(self.target, self.name)
            try:
                reply = getattr(stub, method)(request, timeout=left)
            except grpc.RpcError as error:
                if error.code() in REFUSALS and REASON not in dict(error.trailing_metadata() or ()):
                    self.clients.stubs.bench.note(f"{self.name} {method}: {error.code().name} {error.details()}")
                    return "refused" if method != "Get" else None
                if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    self.clients.stubs.bench.note(f"{self.name} {method}: {error.details()}")
                    return None
                self.target = None
                time.sleep(0.02)
                continue
            self.times[reply.answer.range] = reply.answer.time_ms
            return reply
        self.clients.stubs.bench.note(f"{self.name} {method}: no answer within the deadline")
        return None

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The good client beside an attack, and the attackers' processes."""

import json
import os
import pathlib
import select
import subprocess
import sys
import threading
import time

from rings import ROOT, dying_with_us
from wire import FIND_SUCCESSOR, STORE, Connection, Credentials, field

LOAD = ROOT / ".build/bench/load"
HERE = pathlib.Path(__file__).resolve().parent


class AttackerProcess:
    """A process that runs attacks by order; see attacker.py."""

    def __init__(self, target):
        command = [*dying_with_us(), sys.executable, "-B", str(HERE / "attacker.py")]
        path = f"{target.folder}/python"
        environment = {"PYTHONPATH": path, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        self.log = open(f"{target.folder}/attacker.log", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment
        )
        self.target = target
        self.is_over, self.buffer = False, b""

    def begin(self, name, limit=60, **more):
        """Orders an attack, and waits until it is on."""
        self.is_over = False
        self.write(json.dumps(dict(self.target.order(), attack=name, **more)))
        self.read("ready", limit)

    def wait(self, limit):
        """Waits until a short attack is over by itself."""
        if not self.is_over:
            self.read("over", limit)

    def end(self):
        """Ends the attack: what the attacker saw, and the part of a processor that it took."""
        self.write("")
        told = self.read("tally", 90)
        return told.get("tally", {"lost": 1}), told.get("part", 1.0)

    def write(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def read(self, what, limit):
        """The next answer with a key; none in time is an empty one."""
        end = time.monotonic() + limit
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                told = json.loads(line)
                self.is_over = self.is_over or "over" in told
                if what in told:
                    return told
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                return {}
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                sys.exit(f"attack: the attacker has ended: see {self.log.name}")
            self.buffer += data

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class LoadClient:
    """Measures a rate by the load generator of make bench-rpc."""

    def __init__(self, target):
        self.target = target
        self.per_second = {}

    def call(self, kind):
        """The address, the path and the file of the request of a kind of call."""
        target = self.target
        file = pathlib.Path(target.folder, f"body-{kind}")
        if kind == "lookup":
            body = target.messages.FindSuccessorRequest(id=target.node.id.to_bytes(8, "big"))
            address, path = target.node.address, FIND_SUCCESSOR
        else:
            messages = target.stubs.messages
            body = messages.GetRequest(partition=b"good", keys=[b"good"])
            put = messages.PutRequest(partition=b"good", key=b"good", value=b"v" * 100)
            target.stubs.stub(target.node.address).Put(put, timeout=10)
            address, path = target.node.address, STORE + "Get"
        file.write_bytes(body.SerializeToString())
        return address, path, str(file)

    def rate(self, kind, seconds):
        """Calls per second, calls per second of the node's processor time, and calls that failed."""
        address, path, body = self.call(kind)
        count = max(200, int(self.per_second.get(kind, 3000) * seconds))
        certs = self.target.certs
        command = [str(LOAD), "load", "--address", address, "--ca", f"{certs}/ca.pem"]
        command += ["--cert", f"{certs}/client-demo.pem", "--key", f"{certs}/client-demo.key"]
        command += ["--path", path, "--body", body, "--connections", "2", "--streams", "16"]
        command += ["--requests", str(count), "--warm-up", str(max(20, count // 20))]
        limit, began = 10 * seconds + 5, self.target.processor_time()
        try:
            result = subprocess.run(command, input="\n\n", capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            # Its rate is at most this.
            used = max(self.target.processor_time() - began, 0.001)
            return count / limit, count / used, 0
        lines = result.stdout.splitlines()
        if result.returncode or not lines or not lines[-1].startswith("{"):
            print(result.stderr, file=sys.stderr)
            return 0.0, 0.0, count
        told = json.loads(lines[-1])
        used = max(self.target.processor_time() - began, 0.001)
        return told["per_second"], count / used, told["failures"]

    def learn(self, kind):
        """Two short measurements: the first one learns too little to be right."""
        for _ in range(2):
            self.per_second[kind] = max(self.rate(kind, 0.2)[0], 100)


class SteadyClient:
    """A few hundred calls per second, each of which must be answered; what the short form has beside an attack."""

    def __init__(self, target):
        context = Credentials(target.certs, "client-demo").context()
        self.connection = Connection(target.node.address, context, timeout=10)
        self.body = field(1, target.node.id.to_bytes(8, "big"))
        self.stopped = threading.Event()
        self.answered, self.longest, self.problem = 0, 0.0, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            began = time.monotonic()
            status = self.connection.call(FIND_SUCCESSOR, self.body)
            self.longest = max(self.longest, time.monotonic() - began)
            if status != 0:
                self.problem = f"the good client got {status} {dict(self.connection.outcomes)}"
                return
            self.answered += 1
            self.stopped.wait(0.005)

    def problems(self):
        """What went wrong since the last question."""
        self.longest = 0.0
        return [self.problem] if self.problem else []

    def close(self):
        self.stopped.set()
        self.thread.join(5)
        self.connection.close()

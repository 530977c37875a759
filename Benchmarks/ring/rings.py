# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rings of real processes on this machine, called by grpcio."""

import hashlib
import importlib
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build/release/chord"
SUCCESSORS = 4
# Places of a node in a ring that begins with the defaults.
PLACEMENTS = 16
READY = re.compile(r"^ready: \S+ \(([0-9a-f]{16})\) at (\S+) in ring ")


class RingFailure(SystemExit):
    """The ring is not as expected; ends the program unless caught."""


def generated(folder):
    """Generates the contract's Python code."""
    from grpc_tools import protoc

    arguments = ["protoc", f"-I{ROOT / 'Protos'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(arguments + ["chord/v1/chord.proto", "chord/v1/store.proto"]) != 0:
        sys.exit("rings: protoc failed")
    sys.path.insert(0, folder)
    return importlib.import_module("chord.v1.chord_pb2"), importlib.import_module("chord.v1.chord_pb2_grpc")


def identifier(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def places(name, count=PLACEMENTS):
    """The identifiers at which a node of this name may stand."""
    return [identifier(f"{name}\0{index}" if index else name) for index in range(count)]


def dying_with_us():
    """A prefix that makes a command end together with this program."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


class Node:
    """One process of a node."""

    def __init__(self, name, id, process=None, address=None, stub=None):
        self.name, self.id, self.process, self.address, self.stub = name, id, process, address, stub
        # Number of stops: answers during a stop are ignored.
        self.stops = 0


class Ring:
    def __init__(self, bench, names):
        self.bench, self.nodes = bench, {}
        self.launched = []
        for name in names:
            self.start(name)

    def start(self, name, address="127.0.0.1:0", before=()):
        contacts = [node.address for node in list(self.nodes.values())[:3] if node.name != name]
        return self.register(name, self.launch(name, address, contacts, before))

    def launch(self, name, address, contacts, before=()):
        """Starts the process, with `before` before its command, and does not wait for it."""
        command = [*dying_with_us(), *before, str(self.bench.binary), "serve", "--name", name, "--ring", "bench"]
        command += ["--listen", address, "--certs-dir", self.bench.certs, "--log-level", self.bench.log_level]
        command += ["--data-dir", f"{self.bench.folder}/{name}.data", "--placements", str(self.bench.placements)]
        command += self.bench.options
        for contact in contacts:
            command += ["--join", contact]
        with open(f"{self.bench.folder}/{name}.log", "ab") as log:
            # Own session, so that Ctrl-C does not reach the nodes and make them leave.
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        self.launched.append(process)
        return process

    def register(self, name, process, limit=60):
        """Waits until the node is a member."""
        ready, _, _ = select.select([process.stdout], [], [], limit)
        line = process.stdout.readline() if ready else ""
        match = READY.match(line)
        if not match:
            process.kill()
            process.wait()
            log = f"{self.bench.folder}/{name}.log"
            raise RingFailure(f"rings: {name} did not become a member: see {log}; it said {line!r}")
        address = match[2]
        self.nodes[name] = Node(name, int(match[1], 16), process, address, self.bench.stub(address))
        return self.nodes[name]

    def kill(self, name):
        node = self.nodes.pop(name)
        node.process.send_signal(signal.SIGKILL)
        node.process.wait()
        return node

    def close(self):
        for process in self.launched:
            if process.poll() is None:
                process.kill()
        for process in self.launched:
            process.wait()

    def ordered(self):
        return sorted(self.nodes.values(), key=lambda node: node.id)

    def owner(self, key):
        nodes = self.ordered()
        return next((node for node in nodes if node.id >= key), nodes[0]).name

    def problem(self):
        """Why the ring is not ideal; None when it is."""
        nodes = self.ordered()
        for index, node in enumerate(nodes):
            try:
                state = self.bench.state(node)
            except grpc.RpcError as error:
                return f"{node.name}: {error.code()}"
            count = min(SUCCESSORS, len(nodes) - 1)
            expected = [nodes[(index + step) % len(nodes)].name for step in range(1, count + 1)]
            if [each.name for each in state.successors] != (expected or [node.name]):
                return f"{node.name} lists {[each.name for each in state.successors]}, not {expected}"
            if state.predecessor.name != nodes[index - 1].name:
                return f"{node.name} has predecessor {state.predecessor.name}"
        return None

    def wait_ideal(self, limit):
        started = time.monotonic()
        while (problem := self.problem()) is not None:
            if time.monotonic() - started > limit:
                raise RingFailure(f"rings: not ideal after {limit} s: {problem}")
        return time.monotonic() - started


class Bench:
    """A folder with certificates and logs, and how to ask nodes."""

    def __init__(
        self, folder, binary=BINARY, hosts=None, log_level="warning", options=(), placements=PLACEMENTS
    ):
        self.folder, self.certs, self.binary = folder, f"{folder}/certs", binary
        self.placements = placements
        self.hosts, self.log_level = hosts, log_level
        # Further options of every node.
        self.options = list(options)
        generated_folder = f"{folder}/python"
        os.mkdir(generated_folder)
        self.messages, self.services = generated(generated_folder)
        self.log = open(f"{folder}/measure.log", "w")

    def note(self, text):
        now = time.time()
        stamp = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03d}"
        print(f"{stamp} {text}", file=self.log, flush=True)

    def issue(self, names):
        environment = dict(os.environ, CERTS_DIR=self.certs, NODES=" ".join(names))
        if self.hosts:
            environment["HOSTS"] = ",".join(self.hosts)
        subprocess.run([ROOT / "scripts/certs", "set"], env=environment, check=True, stdout=subprocess.DEVNULL)

    def stub(self, address):
        return self.services.ChordServiceStub(self.channel(address))

    def channel(self, address):
        """A separate connection for each process of a node: the end of one must not delay the next."""

        def read(name):
            return pathlib.Path(self.certs, name).read_bytes()

        credentials = grpc.ssl_channel_credentials(read("ca.pem"), read("client-demo.key"), read("client-demo.pem"))
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        options += [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        return grpc.secure_channel(address, credentials, options)

    def state(self, node, timeout=5):
        request = self.messages.GetSuccessorListRequest()
        return node.stub.GetSuccessorList(request, timeout=timeout, wait_for_ready=True)

    def lookup(self, node, key, timeout=5):
        request = self.messages.FindSuccessorRequest(id=key.to_bytes(8, "big"))
        return node.stub.FindSuccessor(request, timeout=timeout).owner.name

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The compared servers: how each is started, and its request."""

import pathlib
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ring"))

from rings import ROOT, Bench, Ring, dying_with_us  # noqa: E402

BUILT = ROOT / ".build/bench"
NODES = ["n1", "n2", "n3"]


class Question:
    """The request to a node, and the length of its answer, which the other servers use too."""

    def __init__(self, bench):
        self.bodies = []
        ring = Ring(bench, NODES)
        try:
            ring.wait_ideal(60)
            asked = ring.nodes[NODES[0]]
            nodes = ring.ordered()
            successor = nodes[(nodes.index(asked) + 1) % len(nodes)]
            sizes = set()
            # One identifier that the node owns, and one that its successor owns; neither is forwarded.
            for index, owner in enumerate((asked, successor)):
                request = bench.messages.FindSuccessorRequest(id=owner.id.to_bytes(8, "big"))
                answer = asked.stub.FindSuccessor(request, timeout=5)
                if answer.owner.name != owner.name or answer.answering.name != asked.name or answer.hops:
                    sys.exit(f"bench: {asked.name} should have answered at once that {owner.name} owns its identifier")
                sizes.add(answer.ByteSize())
                body = pathlib.Path(bench.folder, f"body-{index}")
                body.write_bytes(request.SerializeToString())
                self.bodies.append(str(body))
            self.answer_bytes = max(sizes)
        finally:
            ring.close()


class Server:
    """One process on its own core."""

    # Rows in which it is measured; None for all.
    rows = None

    def __init__(self, bench, question, cores):
        self.bench, self.question, self.cores = bench, question, cores
        self.process = None

    def launch(self, command):
        pinned = [*dying_with_us(), "taskset", "--cpu-list", str(self.cores.server), *map(str, command)]
        with open(f"{self.bench.folder}/{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                pinned, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )

    def await_ready(self):
        """Waits for the line with the address of the process."""
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("ready "):
            sys.exit(f"bench: {self.name} does not listen: see {self.bench.folder}/{self.name}.log")
        self.address = line.split()[1]

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Ours(Server):
    """A node of a ring of three; the other two share the load generator's core."""

    name = "ours"

    def start(self):
        self.ring = Ring(self.bench, [])
        for index, name in enumerate(NODES):
            core = self.cores.server if index == 0 else self.cores.load
            self.ring.start(name, before=("taskset", "--cpu-list", str(core)))
        self.ring.wait_ideal(60)
        node = self.ring.nodes[NODES[0]]
        self.process, self.address = node.process, node.address

    def request(self):
        return ["--path", "/chord.v1.ChordService/FindSuccessor", *bodies(self.question)]

    def stop(self):
        self.ring.close()


class OpenSSL(Server):
    """OpenSSL alone: the part of a handshake that we cannot make cheaper."""

    name = "openssl"
    rows = {"handshake", "stranger"}

    def start(self):
        self.launch([BUILT / "bare", self.bench.certs, NODES[0]])
        self.await_ready()

    def request(self):
        return []


class Nghttpd(Server):
    """A file over HTTP/2, by the program that comes with nghttp2."""

    name = "nghttpd"

    def start(self):
        folder = pathlib.Path(self.bench.folder, "htdocs")
        folder.mkdir(exist_ok=True)
        # As many bytes of DATA as a gRPC answer: a prefix of five goes before its message.
        (folder / "answer").write_bytes(b"*" * (self.question.answer_bytes + 5))
        certs = self.bench.certs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["nghttpd", "--workers=1", "--verify-client", "--address=127.0.0.1", f"--htdocs={folder}"]
        self.launch([*command, port, f"{certs}/{NODES[0]}.key", f"{certs}/{NODES[0]}.pem"])
        self.address = f"127.0.0.1:{port}"
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"bench: nghttpd does not listen: see {self.bench.folder}/{self.name}.log")

    def request(self):
        return ["--path", "/answer"]


class GRPCSwift(Server):
    """A unary method of grpc-swift 2 that answers fixed bytes."""

    name = "grpc-swift"

    def start(self):
        binary = BUILT / "grpc-swift/release/EchoServer"
        self.launch([binary, self.bench.certs, NODES[0], self.question.answer_bytes])
        self.await_ready()

    def request(self):
        return ["--path", "/bench.Echo/Call", *bodies(self.question)]


def bodies(question):
    return [word for body in question.bodies for word in ("--body", body)]


SERVERS = {server.name: server for server in (Ours, OpenSSL, Nghttpd, GRPCSwift)}

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A malicious peer with a valid certificate that speaks Concord's contract.

It joins like a correct node, and then answers in one of the ways in BEHAVIOURS.
"""

import concurrent.futures
import threading
import time

import grpc

import contract

concord_pb2 = contract.load("concord_pb2")
concord_pb2_grpc = contract.load("concord_pb2_grpc")
empty_pb2 = contract.load("google.protobuf.empty_pb2")

BEHAVIOURS = [
    "garbage",
    "silence",
    "an-endless-answer",
    "a-wrong-id",
    "a-malformed-address",
    "a-million-servers",
    "nothing",
    "itself-over-and-over",
    "an-error",
    "lookups-without-a-server",
    "lookups-that-name-nobody",
    "lookups-that-hang",
]
# Enough for a short look.
SHORT = ["garbage", "an-endless-answer", "a-malformed-address"]
# Behaviours with which it stays a member.
STAYING = ["itself-over-and-over"] + [name for name in BEHAVIOURS if name.startswith("lookups-")]


def raw(data):
    return data


class Peer:
    def __init__(self, folder, name):
        self.certificates = contract.Certificates(folder, f"host-{name}")
        self.behaviour = None
        self.calls = 0
        self.released = threading.Event()
        self.predecessor = None
        self.successors = []
        self.server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)]
        )
        self.server.add_generic_rpc_handlers([self])
        port = self.server.add_secure_port("127.0.0.1:0", self.certificates.server())
        self.self = concord_pb2.Server(
            id=contract.identifier(name), name=name, address=f"127.0.0.1:{port}"
        )
        big = concord_pb2.Ring(predecessor=self.self)
        entry = concord_pb2.Server(id=1, name="m", address="127.0.0.1:9")
        self.million = big.SerializeToString() + concord_pb2.Ring(
            successors=[entry] * 1000
        ).SerializeToString() * 1000

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.stop(0)

    # Answering: the handlers work on bytes, so that these may be anything.

    def service(self, details):
        if not details.method.startswith("/concord.ChordService/"):
            return None
        method = details.method.rpartition("/")[2]
        if self.behaviour == "an-endless-answer":
            return grpc.unary_stream_rpc_method_handler(self.endless, raw, raw)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self.answer(method, request, context), raw, raw
        )

    def endless(self, request, context):
        self.calls += 1
        while context.is_active() and not self.released.is_set():
            yield bytes(16384)

    def answer(self, method, request, context):
        self.calls += 1
        if self.behaviour is None:
            return self.honest(method, request).SerializeToString()
        return self.dishonest(method, context)

    def honest(self, method, request):
        if method == "GetRing":
            return concord_pb2.Ring(predecessor=self.predecessor, successors=self.successors)
        if method == "FindSuccessor":
            id = concord_pb2.FindReq.FromString(request).id
            inside = contract.strictly_between(self.self.id, id, self.successors[0].id)
            return concord_pb2.FindResp(server=self.successors[0] if inside else self.self)
        return empty_pb2.Empty()

    def dishonest(self, method, context):
        if self.behaviour.startswith("lookups-"):
            if method != "FindSuccessor":
                return self.honest(method, b"").SerializeToString()
            if self.behaviour == "lookups-that-hang":
                self.released.wait(60)
            if self.behaviour != "lookups-that-name-nobody":
                return b""
            ghost = concord_pb2.Server(
                id=contract.identifier("ghost"), name="ghost", address="127.0.0.1:9"
            )
            return concord_pb2.FindResp(server=ghost).SerializeToString()
        if self.behaviour == "garbage":
            return b"\xff" * 300
        if self.behaviour == "silence":
            self.released.wait(60)
            return b""
        if self.behaviour == "a-million-servers":
            return self.million
        if self.behaviour == "an-error":
            context.abort(grpc.StatusCode.INTERNAL, "no")
        if self.behaviour == "nothing" or method == "Notify":
            return b""
        server = concord_pb2.Server()
        server.CopyFrom(self.self)
        if self.behaviour == "a-wrong-id":
            server.id ^= 1 << 63
        if self.behaviour == "a-malformed-address":
            server.address = "nowhere"
        if method == "FindSuccessor":
            return concord_pb2.FindResp(server=server).SerializeToString()
        return concord_pb2.Ring(predecessor=server, successors=[server] * 3).SerializeToString()

    # Asking.

    def stub(self, member):
        channel = grpc.secure_channel(member.address, self.certificates.client())
        return concord_pb2_grpc.ChordServiceStub(channel)

    def take_place(self, ring):
        """Becomes a member between its correct neighbours."""
        order = ring.in_order()
        after = next((member for member in order if member.id > self.self.id), order[0])
        before = order[order.index(after) - 1]
        self.predecessor, first = (
            concord_pb2.Server(id=member.id, name=member.name, address=member.address)
            for member in (before, after)
        )
        self.successors = [first, self.predecessor, self.self]
        self.stub(after).Notify(self.self, timeout=5)
        end = time.monotonic() + 30
        while not self.follows(before, ring):
            if time.monotonic() > end:
                raise AssertionError(f"{before.name} never took {self.self.name} for its successor")
            time.sleep(0.02)

    def follows(self, before, ring):
        """Whether a member names us as its first successor; a call without an answer is repeated."""
        try:
            return ring.state(before).successors[0].name == self.self.name
        except grpc.RpcError:
            return False

    def await_calls(self, count):
        """Waits until it has been asked often enough, or is not asked any more."""
        before, end = self.calls, time.monotonic() + 5
        while self.calls - before < count and time.monotonic() < end:
            time.sleep(0.02)

    def call_everything(self, ring):
        """Sends malicious requests to each of our nodes. None may crash or believe them."""
        others = [
            concord_pb2.Server(id=self.self.id ^ 1, name=self.self.name, address=self.self.address),
            concord_pb2.Server(id=self.self.id, name=self.self.name, address="nowhere"),
            concord_pb2.Server(id=self.self.id, name=self.self.name, address="127.0.0.1:0"),
            concord_pb2.Server(id=self.self.id, name="", address=self.self.address),
            concord_pb2.Server(),
        ]
        # Names whose place is right before a member, at the attacker's own host: believed, they would take
        # its range away. Nobody of that name is there.
        others += [
            concord_pb2.Server(id=contract.identifier(name), name=name, address="127.0.0.1:9")
            for name in (f"ghost-{number}" for number in range(20))
        ]
        for member in ring.ours():
            stub = self.stub(member)
            for other in others:
                try:
                    stub.Notify(other, timeout=5)
                except grpc.RpcError:
                    pass
            channel = grpc.secure_channel(member.address, self.certificates.client())
            for method in ("FindSuccessor", "GetRing", "Notify", "Nonsense"):
                for data in (b"", b"\xff" * 100, b"\x08" + b"\xff" * 9 + b"\x01", bytes(100_000)):
                    try:
                        call = channel.unary_unary(f"/concord.ChordService/{method}", raw, raw)
                        call(data, timeout=5)
                    except grpc.RpcError as error:
                        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                            raise AssertionError(f"{member.name} left {method} unanswered")
            channel.close()

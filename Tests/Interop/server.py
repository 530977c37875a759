# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A grpcio server: chord.v1 for a ring that does not change, and a test service.

The one argument is a JSON object: the server's PEM files, the ring's name and its members' names. The
port is chosen by the kernel and printed as "port N"; further lines report the input of the test service. The
server ends when its standard input does, so that it never outlives whoever started it.
"""

import base64
import concurrent.futures
import hashlib
import json
import sys
import threading

import grpc

from chord.v1 import chord_pb2, chord_pb2_grpc


def read(path):
    with open(path, "rb") as file:
        return file.read()


def say(line):
    print(line, flush=True)


def identifier(text):
    """The leading 64 bits of SHA-256, by Python's own library."""
    return hashlib.sha256(text.encode()).digest()[:8]


class Ring:
    """The members of a ring in order; all of them are said to be at this server's address."""

    def __init__(self, name, members, address):
        self.nodes = sorted(
            (
                chord_pb2.Node(id=identifier(name), name=name, address=address, incarnation=7)
                for name in members
            ),
            key=lambda node: node.id,
        )
        self.parameters = chord_pb2.RingParameters(
            ring=name,
            hash="sha256",
            hash_probe=identifier("chord parameters probe"),
            width=64,
            id_rule=chord_pb2.ID_RULE_NAME,
            successors=4,
        )

    def after(self, index):
        count = min(4, len(self.nodes) - 1)
        return [self.nodes[(index + step) % len(self.nodes)] for step in range(1, count + 1)]

    def owner(self, key):
        for index, node in enumerate(self.nodes):
            if node.id >= key:
                return index
        return 0

    def index(self, name):
        return next(index for index, node in enumerate(self.nodes) if node.name == name)


class Chord(chord_pb2_grpc.ChordServiceServicer):
    def __init__(self, ring, own_name):
        self.ring = ring
        self.own = ring.index(own_name)

    def FindSuccessor(self, request, context):
        owner = self.ring.owner(request.id)
        here = self.ring.nodes[self.own]
        return chord_pb2.FindSuccessorReply(
            owner=self.ring.nodes[owner],
            successors=self.ring.after(owner),
            answering=here,
            answering_successors=self.ring.after(self.own),
            hops=request.hops,
            path=[here] if request.want_path else [],
        )

    def GetSuccessorList(self, request, context):
        if request.HasField("parameters") and request.parameters != self.ring.parameters:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the rings differ")
        return chord_pb2.GetSuccessorListReply(
            node=self.ring.nodes[self.own],
            predecessor=self.ring.nodes[self.own - 1],
            successors=self.ring.after(self.own),
            parameters=self.ring.parameters,
        )


def echo(request, context):
    """Sends back the message, and metadata as requested, before and after it."""
    echoed = tuple(
        (name, value)
        for name, value in context.invocation_metadata()
        if name.startswith("echo-")
    )
    context.send_initial_metadata(echoed)
    context.set_trailing_metadata(echoed)
    return request


def fail(request, context):
    """Fails with the requested status, with or without response headers."""
    order = json.loads(request)
    if order["headers"]:
        # Without any field of its own grpcio may send it together with the status, as trailers alone.
        context.send_initial_metadata((("x-early", "1"),))
    context.set_trailing_metadata((("reason-bin", base64.b64decode(order["reason"])),))
    code = next(code for code in grpc.StatusCode if code.value[0] == order["code"])
    context.abort(code, order["message"])


def wait(request, context):
    """Never answers, until its caller gives up."""
    ended = threading.Event()
    if context.add_callback(ended.set):
        say("called" if context.time_remaining() is not None else "called without a deadline")
        ended.wait()
    say("cancelled")
    return b""


def begin(context):
    """The first step of every method of the stream service."""
    sent = context.invocation_metadata()
    if ("x-compress", "gzip") in sent:
        context.set_compression(grpc.Compression.Gzip)
    initial = tuple((name, value) for name, value in sent if name == "x-echo-initial")
    if initial:
        context.send_initial_metadata(initial)
    context.set_trailing_metadata(
        tuple((name, value) for name, value in sent if name == "x-echo-trailing-bin")
    )


def stream_echo(requests, context):
    begin(context)
    yield from requests


def stream_sum(requests, context):
    begin(context)
    messages, size = 0, 0
    for request in requests:
        messages, size = messages + 1, size + len(request)
    return f"{messages} {size}".encode()


def stream_produce(request, context):
    begin(context)
    count, size = map(int, request.split())
    for index in range(count):
        yield bytes([index & 255]) * size


def stream_hold(requests, context):
    begin(context)
    first = next(requests)
    ended = threading.Event()

    def end():
        # Not behind the yield: grpcio does not go on with a handler whose call is over.
        say("cancelled")
        ended.set()

    if not context.add_callback(end):
        end()
    yield first
    ended.wait()


def stream_fail(request, context):
    begin(context)
    number, text = request.decode().split(" ", 1)
    context.abort(next(code for code in grpc.StatusCode if code.value[0] == int(number)), text)
    yield b""


def stream_service():
    """The stream service of our transport tests, in Python."""
    return grpc.method_handlers_generic_handler(
        "chord.test.Stream",
        {
            "Echo": grpc.stream_stream_rpc_method_handler(stream_echo),
            "Sum": grpc.stream_unary_rpc_method_handler(stream_sum),
            "Produce": grpc.unary_stream_rpc_method_handler(stream_produce),
            "Hold": grpc.stream_stream_rpc_method_handler(stream_hold),
            "Fail": grpc.unary_stream_rpc_method_handler(stream_fail),
        },
    )


def main():
    order = json.loads(sys.argv[1])
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    credentials = grpc.ssl_server_credentials(
        [(read(order["key"]), read(order["certificate"]))],
        root_certificates=read(order["roots"]),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    ring = Ring(order["ring"], order["members"], f"127.0.0.1:{port}")
    chord_pb2_grpc.add_ChordServiceServicer_to_server(Chord(ring, order["name"]), server)
    handlers = {"Echo": echo, "Fail": fail, "Wait": wait}
    server.add_generic_rpc_handlers(
        [
            stream_service(),
            grpc.method_handlers_generic_handler(
                "interop.Test",
                {
                    name: grpc.unary_unary_rpc_method_handler(handler)
                    for name, handler in handlers.items()
                },
            )
        ]
    )
    server.start()
    say(f"port {port}")
    sys.stdin.read()
    server.stop(grace=None)


if __name__ == "__main__":
    main()

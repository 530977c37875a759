# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Stores and reads values through any node of a ring, with grpcio.

    python3 -m pip install grpcio grpcio-tools
    python3 -m grpc_tools.protoc -I Protos --python_out=. --grpc_python_out=. chord/v1/store.proto
    python3 Examples/StoreClients/store.py localhost:7946 certs/generated client-demo
"""

import itertools
import os
import sys

import grpc

sys.path.insert(0, os.getcwd())
from chord.v1 import store_pb2 as store  # noqa: E402
from chord.v1 import store_pb2_grpc  # noqa: E402

DEADLINE = 5  # seconds for one call; the node tries until shortly before it
UNCERTAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class InDoubt(Exception):
    """A failed write that may have been done nevertheless: read before you write again."""


class Store:
    """A client that repeats failed calls. A write that it repeats is done once."""

    def __init__(self, address, folder, name):
        def read(file):
            with open(os.path.join(folder, file), "rb") as content:
                return content.read()

        credentials = grpc.ssl_channel_credentials(
            read("ca.pem"), private_key=read(f"{name}.key"), certificate_chain=read(f"{name}.pem")
        )
        options = [("grpc.max_receive_message_length", 4 << 20)]
        self.stub = store_pb2_grpc.StoreServiceStub(grpc.secure_channel(address, credentials, options))
        self.client = os.urandom(16)
        self.numbers = itertools.count(1)

    def get(self, key, partition=b""):
        reply = self.repeat(self.stub.Get, store.GetRequest(partition=partition, keys=[key]))
        value = reply.values[0]
        return value if value.present else None

    def put(self, key, value, partition=b"", condition=None, ttl_ms=0):
        """Stores a value. A condition that does not hold is no error: the reply says `applied = false`."""
        # The time of the key's range, by which the range recognises a write that comes too late.
        read = self.repeat(self.stub.Get, store.GetRequest(partition=partition or key, keys=[b""]))
        number = next(self.numbers)
        request = store.PutRequest(
            id=store.WriteId(
                client=self.client,
                number=number,
                # This client waits for each answer, so none of its earlier writes is unanswered.
                lowest_unanswered=number,
                prepared_ms=read.answer.time_ms,
            ),
            partition=partition,
            key=key,
            value=value,
            ttl_ms=ttl_ms,
            condition=condition,
        )
        try:
            return self.repeat(self.stub.Put, request)
        except grpc.RpcError as error:
            if may_have_happened(error):
                raise InDoubt(f"{key}: {error.details()}") from error
            raise

    def list(self, partition, prefix=b""):
        token = b""
        while True:
            request = store.ListRequest(partition=partition, prefix=prefix, token=token)
            reply = self.repeat(self.stub.List, request)
            yield from reply.rows
            token = reply.token
            if not token:
                return

    @staticmethod
    def repeat(method, request, attempts=3):
        """Calls a method. It repeats calls that met no leader or lost their connection."""
        for attempt in range(1, attempts + 1):
            try:
                return method(request, timeout=DEADLINE)
            except grpc.RpcError as error:
                if attempt == attempts or error.code() not in UNCERTAIN:
                    raise


def may_have_happened(error):
    """Whether a failed write may have been done nevertheless."""
    trailers = dict(error.trailing_metadata() or ())
    # A node names this reason. The gRPC library alone cannot know what became of a call that it lost.
    return trailers.get("chord-reason") == "may-have-happened" or error.code() in UNCERTAIN


def main():
    address, folder, name = sys.argv[1:]
    ring = Store(address, folder, name)

    written = ring.put(b"greeting", b"hello")
    print("stored greeting at version", written.answer.version)
    print("read", ring.get(b"greeting").value.decode())

    present = ring.get(b"greeting").version
    changed = ring.put(b"greeting", b"hello again", condition=store.WriteCondition(version=present))
    print("changed" if changed.applied else "somebody else was faster")
    late = ring.put(b"greeting", b"too late", condition=store.WriteCondition(version=present))
    print("refused:", not late.applied)

    for user in (b"ann", b"bob", b"eve"):
        ring.put(user, user.upper(), partition=b"users", ttl_ms=60_000)
    for row in ring.list(b"users"):
        print(row.key.decode(), row.value.value.decode(), "for", row.value.ttl_ms, "ms")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as failure:
        sys.exit(f"{failure.code().name}: {failure.details()}")

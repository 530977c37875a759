# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""grpc.testing.TestService on grpcio, as in gRPC's description of its interoperability cases.

The one argument is a JSON object: the PEM files, and whether calls are to come through a relay, which
the cases of compression need. The port to call is printed as "port N". The server ends when its
standard input does.
"""

import concurrent.futures
import json
import sys

import grpc

import grpc_testing_pb2 as messages
import grpc_testing_pb2_grpc as services
from relay import Relay

INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def payload(size, kind, context):
    if kind != messages.COMPRESSABLE or size < 0:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no payload of type {kind} and size {size}")
    return messages.Payload(type=kind, body=bytes(size))


def end_as_asked(request, context):
    if request.HasField("response_status"):
        asked = request.response_status
        code = next(code for code in grpc.StatusCode if code.value[0] == asked.code)
        context.abort(code, asked.message)


class TestService(services.TestServiceServicer):
    """UnimplementedCall is the generated class's own, which answers UNIMPLEMENTED."""

    def __init__(self):
        # Set once the relay runs, which is before anybody knows where to call.
        self.relay = None

    def begin(self, context, compresses=False):
        sent = context.invocation_metadata()
        if compresses:
            context.set_compression(grpc.Compression.Gzip)
        initial = tuple((name, value) for name, value in sent if name == INITIAL)
        if initial:
            context.send_initial_metadata(initial)
        context.set_trailing_metadata(
            tuple((name, value) for name, value in sent if name == TRAILING)
        )

    def take(self, request, context):
        """What is done with every request first: it came as it says that it should."""
        if self.relay is None:
            return
        compressed = self.relay.next("request")
        if not hasattr(request, "expect_compressed") or not request.HasField("expect_compressed"):
            return
        if request.expect_compressed.value != compressed:
            said = "compressed" if compressed else "not compressed"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request came {said}")

    def EmptyCall(self, request, context):
        self.begin(context)
        self.take(request, context)
        return messages.Empty()

    def UnaryCall(self, request, context):
        self.take(request, context)
        self.begin(context, request.response_compressed.value)
        end_as_asked(request, context)
        return messages.SimpleResponse(
            payload=payload(request.response_size, request.response_type, context)
        )

    def StreamingInputCall(self, requests, context):
        self.begin(context)
        size = 0
        for request in requests:
            self.take(request, context)
            size += len(request.payload.body)
        return messages.StreamingInputCallResponse(aggregated_payload_size=size)

    def StreamingOutputCall(self, request, context):
        self.take(request, context)
        self.begin(context, any(asked.compressed.value for asked in request.response_parameters))
        yield from self.responses(request, context)

    def FullDuplexCall(self, requests, context):
        self.begin(context)
        for request in requests:
            self.take(request, context)
            yield from self.responses(request, context)

    def responses(self, request, context):
        end_as_asked(request, context)
        for asked in request.response_parameters:
            if not asked.compressed.value:
                context.disable_next_message_compression()
            yield messages.StreamingOutputCallResponse(
                payload=payload(asked.size, request.response_type, context)
            )


def main():
    order = json.loads(sys.argv[1])
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    own, caller, roots = order["server"], order["client"], order["roots"]
    credentials = grpc.ssl_server_credentials(
        [(read(own["key"]), read(own["certificate"]))],
        root_certificates=read(roots),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    service = TestService()
    services.add_TestServiceServicer_to_server(service, server)
    server.start()
    if order["relays"]:
        service.relay = Relay(f"127.0.0.1:{port}", roots, own, caller)
        port = service.relay.port
    print(f"port {port}", flush=True)
    sys.stdin.read()
    server.stop(grace=None)


if __name__ == "__main__":
    main()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""gRPC's interoperability cases, called by grpcio.

The argument is a JSON object: the address, the PEM files, the names of the cases, and whether to use a
relay, which the compression cases need. For each case a JSON object is printed: its name, and the deviation
from gRPC's description, or null.
"""

import json
import os
import queue
import sys

import grpc

import grpc_testing_pb2 as messages
import grpc_testing_pb2_grpc as services
from relay import Relay

METADATA = (
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
)
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
TIMEOUT = 20
GZIP = grpc.Compression.Gzip
PLAIN = grpc.Compression.NoCompression


class Different(Exception):
    """A deviation from the description."""


def expect(what, came, right):
    if came != right:
        raise Different(f"{what}: {str(came)[:200]!r} in place of {str(right)[:200]!r}")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def zeros(size):
    return messages.Payload(body=bytes(size))


def truth(value):
    return messages.BoolValue(value=value)


def large(**fields):
    return messages.SimpleRequest(response_size=314159, payload=zeros(271828), **fields)


def duplex(size=None, body=None, **fields):
    asked = [] if size is None else [messages.ResponseParameters(size=size)]
    sent = None if body is None else zeros(body)
    return messages.StreamingOutputCallRequest(response_parameters=asked, payload=sent, **fields)


def expect_zeros(what, payload, size):
    expect(f"{what}'s size", len(payload.body), size)
    expect(f"{what}'s body is of zeros", not any(payload.body), True)


def expect_failure(what, call, code, message=None):
    """Makes a call that must fail with this status."""
    try:
        call()
    except grpc.RpcError as error:
        expect(f"{what}'s code", error.code(), code)
        if message is not None:
            expect(f"{what}'s message", error.details(), message)
        return
    raise Different(f"{what} succeeded, in place of {code}")


class Cases:
    def __init__(self, channel, relay):
        self.stub = services.TestServiceStub(channel)
        self.nobody = services.UnimplementedServiceStub(channel)
        self.relay = relay

    def expect_flag(self, what, compressed):
        expect(f"{what} came compressed", self.relay.next("response"), compressed)

    def empty_unary(self):
        expect("the answer", self.stub.EmptyCall(messages.Empty(), timeout=TIMEOUT), messages.Empty())

    def large_unary(self):
        expect_zeros("the answer", self.stub.UnaryCall(large(), timeout=TIMEOUT).payload, 314159)

    def client_compressed_unary(self):
        def call(expected, compression):
            return self.stub.UnaryCall(
                large(expect_compressed=truth(expected)), timeout=TIMEOUT, compression=compression
            )

        expect_failure("the probe", lambda: call(True, PLAIN), grpc.StatusCode.INVALID_ARGUMENT)
        for expected, compression in ((True, GZIP), (False, PLAIN)):
            expect_zeros("the answer", call(expected, compression).payload, 314159)
            self.relay.next("response")

    def server_compressed_unary(self):
        for compressed in (True, False):
            request = large(response_compressed=truth(compressed))
            expect_zeros("the answer", self.stub.UnaryCall(request, timeout=TIMEOUT).payload, 314159)
            self.expect_flag("the answer", compressed)

    def client_streaming(self):
        requests = (
            messages.StreamingInputCallRequest(payload=zeros(size)) for size in (27182, 8, 1828, 45904)
        )
        response = self.stub.StreamingInputCall(requests, timeout=TIMEOUT)
        expect("the sum", response.aggregated_payload_size, 74922)

    def client_compressed_streaming(self):
        def request(size, expected):
            return messages.StreamingInputCallRequest(
                payload=zeros(size), expect_compressed=truth(expected)
            )

        def call(requests, compression):
            return self.stub.StreamingInputCall(
                iter(requests), timeout=TIMEOUT, compression=compression
            )

        expect_failure(
            "the probe",
            lambda: call([request(27182, True)], PLAIN),
            grpc.StatusCode.INVALID_ARGUMENT,
        )
        # The second should go as it is. grpcio's client has a setting per call and none per message.
        response = call([request(27182, True), request(45904, True)], GZIP)
        expect("the sum", response.aggregated_payload_size, 73086)
        self.relay.next("response")

    def server_streaming(self):
        sizes = (31415, 9, 2653, 58979)
        request = messages.StreamingOutputCallRequest(
            response_parameters=[messages.ResponseParameters(size=size) for size in sizes]
        )
        responses = list(self.stub.StreamingOutputCall(request, timeout=TIMEOUT))
        expect("the number of responses", len(responses), len(sizes))
        for response, size in zip(responses, sizes):
            expect_zeros("a response", response.payload, size)

    def server_compressed_streaming(self):
        asked = ((31415, True), (92653, False))
        request = messages.StreamingOutputCallRequest(
            response_parameters=[
                messages.ResponseParameters(size=size, compressed=truth(compressed))
                for size, compressed in asked
            ]
        )
        responses = list(self.stub.StreamingOutputCall(request, timeout=TIMEOUT))
        expect("the number of responses", len(responses), len(asked))
        for response, (size, compressed) in zip(responses, asked):
            expect_zeros("a response", response.payload, size)
            self.expect_flag(f"the response of {size} bytes", compressed)

    def ping_pong(self):
        requests = queue.Queue()
        responses = self.stub.FullDuplexCall(iter(requests.get, None), timeout=TIMEOUT)
        for size, body in ((31415, 27182), (9, 8), (2653, 1828), (58979, 45904)):
            requests.put(duplex(size, body))
            expect_zeros("a response", next(responses).payload, size)
        requests.put(None)
        expect("what follows the last response", list(responses), [])
        expect("the status", responses.code(), grpc.StatusCode.OK)

    def empty_stream(self):
        responses = self.stub.FullDuplexCall(iter(()), timeout=TIMEOUT)
        expect("the responses", list(responses), [])
        expect("the status", responses.code(), grpc.StatusCode.OK)

    def custom_metadata(self):
        def expect_echo(what, call):
            for entry, came in zip(METADATA, (call.initial_metadata(), call.trailing_metadata())):
                found = [(name, value) for name, value in came if name == entry[0]]
                expect(f"{what}'s {entry[0]}", found, [entry])

        response, call = self.stub.UnaryCall.with_call(large(), timeout=TIMEOUT, metadata=METADATA)
        expect_zeros("the answer", response.payload, 314159)
        expect_echo("the unary call", call)
        call = self.stub.FullDuplexCall(
            iter([duplex(314159, 271828)]), timeout=TIMEOUT, metadata=METADATA
        )
        responses = list(call)
        expect("the number of responses", len(responses), 1)
        expect_zeros("the response", responses[0].payload, 314159)
        expect_echo("the duplex call", call)

    def status_code_and_message(self):
        status = messages.EchoStatus(code=2, message="test status message")
        calls = {
            "the unary call": lambda: self.stub.UnaryCall(
                messages.SimpleRequest(response_status=status), timeout=TIMEOUT
            ),
            "the duplex call": lambda: list(
                self.stub.FullDuplexCall(iter([duplex(response_status=status)]), timeout=TIMEOUT)
            ),
        }
        for what, call in calls.items():
            expect_failure(what, call, grpc.StatusCode.UNKNOWN, status.message)

    def special_status_message(self):
        status = messages.EchoStatus(code=2, message=SPECIAL_MESSAGE)
        expect_failure(
            "the call",
            lambda: self.stub.UnaryCall(
                messages.SimpleRequest(response_status=status), timeout=TIMEOUT
            ),
            grpc.StatusCode.UNKNOWN,
            SPECIAL_MESSAGE,
        )

    def unimplemented_method(self):
        expect_failure(
            "the call",
            lambda: self.stub.UnimplementedCall(messages.Empty(), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def unimplemented_service(self):
        expect_failure(
            "the call",
            lambda: self.nobody.UnimplementedCall(messages.Empty(), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def cancel_after_begin(self):
        requests = queue.Queue()
        call = self.stub.StreamingInputCall.future(iter(requests.get, None), timeout=TIMEOUT)
        call.cancel()
        expect("the call is cancelled", call.cancelled(), True)
        expect("the status", call.code(), grpc.StatusCode.CANCELLED)
        requests.put(None)

    def cancel_after_first_response(self):
        requests = queue.Queue()
        call = self.stub.FullDuplexCall(iter(requests.get, None), timeout=TIMEOUT)
        requests.put(duplex(31415, 27182))
        expect_zeros("the response", next(call).payload, 31415)
        call.cancel()
        expect_failure("the call", lambda: next(call), grpc.StatusCode.CANCELLED)
        requests.put(None)

    def timeout_on_sleeping_server(self):
        # Connects first, so that dialling does not use up the deadline.
        self.empty_unary()
        requests = queue.Queue()
        call = self.stub.FullDuplexCall(iter(requests.get, None), timeout=0.001)
        requests.put(duplex(body=27182))
        expect_failure("the call", lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        requests.put(None)


def outcome(cases, name):
    try:
        getattr(cases, name)()
    except Different as difference:
        return str(difference)
    except (grpc.RpcError, queue.Empty) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main():
    order = json.loads(sys.argv[1])
    caller, address, relay = order["client"], order["address"], None
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(order["roots"]),
        private_key=read(caller["key"]),
        certificate_chain=read(caller["certificate"]),
    )
    if order["relays"]:
        relay = Relay(address, order["roots"], order["server"], caller)
        address = f"127.0.0.1:{relay.port}"
    with grpc.secure_channel(address, credentials) as channel:
        cases = Cases(channel, relay)
        for name in order["cases"]:
            print(json.dumps({"case": name, "problem": outcome(cases, name)}), flush=True)


if __name__ == "__main__":
    main()
    # Skips Python's shutdown, in which grpcio can wait for the lock of a stopped thread.
    os._exit(0)

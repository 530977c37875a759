# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Makes streaming calls with grpcio and prints the outcome of each.

The one argument is a JSON object: the address, the PEM files of the caller, and the calls. Messages are
bytes as they are. The outcomes are printed as one JSON list. Bytes are base64 throughout.
"""

import base64
import json
import os
import queue
import sys

import grpc


def read(path):
    with open(path, "rb") as file:
        return file.read()


def metadata(pairs):
    """grpcio returns text for ordinary names and bytes for names in -bin."""
    return [
        [name, base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()]
        for name, value in pairs or ()
    ]


def sent(call):
    return [
        (name, base64.b64decode(value) if name.endswith("-bin") else base64.b64decode(value).decode())
        for name, value in call.get("metadata") or ()
    ]


def messages(call):
    """Base64 texts, or a star and a number of filler bytes."""
    for text in call["requests"]:
        if text.startswith("*"):
            yield bytes((index * 31 + (index >> 8)) & 255 for index in range(int(text[1:])))
        else:
            yield base64.b64decode(text)


def begin(channel, call, outgoing):
    """Starts the call, with its messages from `outgoing` where they are many."""
    options = {"timeout": call.get("timeout") or 20, "metadata": sent(call)}
    if call.get("compresses"):
        options["compression"] = grpc.Compression.Gzip
    requests = list(messages(call))
    if call["kind"] == "server":
        return channel.unary_stream(call["method"])(requests[0], **options)
    if call["kind"] == "client":
        return channel.stream_unary(call["method"]).future(iter(requests), **options)
    # Each message except the first is sent after the answer to the one before.
    for request in requests[:1] if call.get("alternates") else requests:
        outgoing.put(request)
    if not call.get("alternates") and not call.get("cancels"):
        outgoing.put(None)
    return channel.stream_stream(call["method"])(iter(outgoing.get, None), **options)


def responses(running, call, outgoing):
    """Yields received messages, and carries out the actions of the call."""
    if call.get("cancels") == "begin":
        running.cancel()
    if call["kind"] == "client":
        yield running.result()
        return
    left = list(messages(call))[1:]
    for response in running:
        yield response
        if call.get("cancels") == "first":
            running.cancel()
        if call.get("alternates"):
            outgoing.put(left.pop(0) if left else None)


def outcome(channel, call):
    result = {"code": "OK", "message": "", "responses": []}
    outgoing = queue.Queue()
    running = begin(channel, call, outgoing)
    try:
        for response in responses(running, call, outgoing):
            result["responses"].append(base64.b64encode(response).decode())
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    outgoing.put(None)
    result["code"] = running.code().name
    result["message"] = running.details() or ""
    result["headers"] = metadata(running.initial_metadata())
    result["trailers"] = metadata(running.trailing_metadata())
    return result


def main():
    order = json.loads(sys.argv[1])
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(order["roots"]),
        private_key=read(order["key"]),
        certificate_chain=read(order["certificate"]),
    )
    with grpc.secure_channel(order["address"], credentials) as channel:
        print(json.dumps([outcome(channel, call) for call in order["calls"]]), flush=True)


if __name__ == "__main__":
    main()
    # Skips Python's shutdown, in which grpcio can wait for the lock of a stopped thread.
    os._exit(0)

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Makes calls with grpcio and prints the outcome of each.

The one argument is a JSON object: the address, the PEM files of the caller, and the calls. A method
without a slash is one of chord.v1.ChordService and is called through the stub that grpc_tools generates
from Protos; one with slashes is a path and takes raw bytes. The outcomes are printed as one JSON
list. Bytes are base64 throughout.
"""

import base64
import hashlib
import json
import os
import sys

import grpc
from google.protobuf import json_format

from chord.v1 import chord_pb2, chord_pb2_grpc

SERVICE = chord_pb2.DESCRIPTOR.services_by_name["ChordService"]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def identifier(text):
    """The leading 64 bits of SHA-256, by Python's own library."""
    return hashlib.sha256(text.encode()).digest()[:8]


def typed(channel, call):
    """A method of the contract, with messages by protobuf's own code."""
    method = SERVICE.methods_by_name[call["method"]]
    request = getattr(chord_pb2, method.input_type.name)()
    json_format.ParseDict(call.get("request") or {}, request)
    if call.get("key") is not None:
        request.id = identifier(call["key"])
    return getattr(chord_pb2_grpc.ChordServiceStub(channel), call["method"]), request


def raw(channel, call):
    """A path, with the given bytes or the given number of bytes, because arguments are limited in length."""
    size = call.get("size")
    message = base64.b64decode(call.get("bytes") or "")
    if size is not None:
        message = bytes((index * 31 + (index >> 8)) & 255 for index in range(size))
    return channel.unary_unary(call["method"]), message


def metadata(pairs):
    """grpcio returns text for ordinary names and bytes for names in -bin."""
    return [
        [name, base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()]
        for name, value in pairs or ()
    ]


def outcome(channel, call):
    function, request = (raw if "/" in call["method"] else typed)(channel, call)
    sent = [
        (name, base64.b64decode(value) if name.endswith("-bin") else base64.b64decode(value).decode())
        for name, value in call.get("metadata") or ()
    ]
    result = {"code": "OK", "message": ""}
    try:
        reply, finished = function.with_call(request, timeout=call.get("timeout") or 20, metadata=sent)
        if isinstance(reply, bytes):
            result["bytes"] = base64.b64encode(reply).decode()
        else:
            result["reply"] = json_format.MessageToDict(reply, preserving_proto_field_name=True)
    except grpc.RpcError as error:
        finished = error
        result["code"] = error.code().name
        result["message"] = error.details() or ""
    result["headers"] = metadata(finished.initial_metadata())
    result["trailers"] = metadata(finished.trailing_metadata())
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

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Calls every method of a node with every certificate, with grpcio.

The one argument is a JSON object: the node's address, the PEM file of its authority, the methods as pairs of path
and kind, and the certificates by name. Every call has an empty request. The status of each is printed as one JSON
object, by certificate and path. A stream counts as OK when its first message has come.
"""

import json
import pathlib
import sys

import grpc


def read(path):
    return pathlib.Path(path).read_bytes()


def same(message):
    return message


def status(channel, path, kind):
    timeout = 20
    try:
        if kind == "unary":
            channel.unary_unary(path, same, same)(b"", timeout=timeout)
        else:
            if kind == "serverStreaming":
                answers = channel.unary_stream(path, same, same)(b"", timeout=timeout)
            else:
                answers = channel.stream_stream(path, same, same)(iter([b""]), timeout=timeout)
            next(answers)
            answers.cancel()
    except grpc.RpcError as error:
        return error.code().name
    except StopIteration:
        pass
    return "OK"


def main():
    order = json.loads(sys.argv[1])
    found = {}
    for name, files in order["certificates"]:
        credentials = grpc.ssl_channel_credentials(
            read(order["roots"]), read(files["key"]), read(files["certificate"])
        )
        with grpc.secure_channel(order["address"], credentials) as channel:
            found[name] = {path: status(channel, path, kind) for path, kind in order["methods"]}
    print(json.dumps(found))


main()

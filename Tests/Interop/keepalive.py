# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A grpcio client that sends too many pings while one of its calls waits.

The argument is a JSON object: the address, the PEM files of the caller, and a method that never answers.
The outcome of the call is printed as one JSON object.
"""

import json
import sys

import grpc


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    order = json.loads(sys.argv[1])
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(order["roots"]),
        private_key=read(order["key"]),
        certificate_chain=read(order["certificate"]),
    )
    options = [
        ("grpc.keepalive_time_ms", 10),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Switches grpcio's own limit for pings off.
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_retries", 0),
    ]
    with grpc.secure_channel(order["address"], credentials, options) as channel:
        try:
            channel.unary_unary(order["method"])(b"", timeout=40)
            outcome = {"code": "OK", "message": ""}
        except grpc.RpcError as error:
            outcome = {"code": error.code().name, "message": error.details() or ""}
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()

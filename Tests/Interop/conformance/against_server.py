# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases against a server, and prints the outcome of each.

    against_server.py --address 127.0.0.1:7946 --roots ca.pem --certificate c.pem --key c.key

Exits with 1 if a case failed. --json prints all outcomes as one JSON list. --table lists the cases
without running them.
"""

import argparse
import json
import sys
import time

import cases
import server_connection
import server_frames
import server_grpc
import server_gzip
import server_hpack
import server_messages
import server_stream_life
import server_streams
from caller import Caller
from connection import client_context

SUITES = (
    server_connection.suite,
    server_frames.suite,
    server_messages.suite,
    server_hpack.suite,
    server_grpc.suite,
    server_streams.suite,
    server_stream_life.suite,
    server_gzip.suite,
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address")
    parser.add_argument("--roots", help="PEM file of the authorities that certify the server")
    parser.add_argument("--certificate", help="PEM file of the caller's certificate")
    parser.add_argument("--key", help="PEM file of its key")
    parser.add_argument(
        "--path",
        default="/chord.v1.ChordService/GetPredecessor",
        help="a method that answers an empty message with status 0",
    )
    parser.add_argument(
        "--echoes", action="store_true", help="the method answers any message with itself"
    )
    parser.add_argument(
        "--streams", action="store_true", help="the server has chord.test.Stream: server_streams.py"
    )
    parser.add_argument(
        "--compresses", action="store_true", help="it compresses answers for who accepts gzip"
    )
    parser.add_argument("--health", action="store_true", help="it has grpc.health.v1.Health")
    parser.add_argument("--plain", action="store_true", help="without TLS, as to tls_forwarder.py")
    parser.add_argument("--only", default="", help="run cases whose number begins so")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    if options.table:
        print(cases.table(SUITES))
        return 0
    context = None
    if not options.plain:
        context = client_context(options.roots, options.certificate, options.key)

    def opened(case):
        return Caller(options.address, context, options.path)

    chosen = [
        case
        for suite in SUITES
        for case in suite.cases
        if case.number.startswith(options.only)
        and all(getattr(options, need) for need in case.options.get("needs", ()))
    ]
    began = time.monotonic()
    results = cases.run_all(chosen, opened)
    failed = [result for result in results if result["problem"]]
    if options.json:
        print(json.dumps(results))
        return 0
    for result in failed:
        print(f"{result['case']} {result['says']}\n  right: {'; '.join(result['right'])}")
        print(f"  came: {result['story'] or 'nothing'}\n  {result['problem']}")
    for result in results:
        if result["deviates"]:
            print(f"{result['case']} {result['says']}\n  {result['outcome']}")
    seconds = time.monotonic() - began
    print(f"{len(results) - len(failed)} of {len(results)} cases right, {seconds:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

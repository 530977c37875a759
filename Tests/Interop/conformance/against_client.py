# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Misbehaving servers, one per port, for a client to call.

    against_client.py --roots ca.pem --certificate n1.pem --key n1.key

The first line of output is a JSON list of the cases: at which address each is, what it does, how it is
to be called, which gRPC status the caller may be told (nothing but OK where the client must not mind),
what the reason must contain, which messages the caller gets, and within how many seconds it should give
up. Then comes a JSON line for each connection that has ended: the case, and what the client did wrong on
it. The program ends with its standard input. With --table the cases are listed and nothing is run.

A call has one message each way unless the case is about a stream. `sends` are the sizes of the messages
that the client sends, an empty one where it is not said, each as frames.filler makes it; a stream sends
all that it has, ends there unless `ends` says otherwise, and reads. `gzip` asks for compression both ways.
"""

import argparse
import base64
import json
import socket
import sys
import threading

import cases
import client_connection
import client_gzip
import client_messages
import client_streams
from answerer import Answerer
from connection import server_context

SUITES = (
    client_connection.suite,
    client_messages.suite,
    client_streams.suite,
    client_gzip.suite,
)
PRINTING = threading.Lock()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roots", help="PEM file of the authorities that certify the client")
    parser.add_argument("--certificate", help="PEM file of the server's certificate")
    parser.add_argument("--key", help="PEM file of its key")
    parser.add_argument("--only", default="", help="offer cases whose number begins so")
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def say(value):
    with PRINTING:
        print(json.dumps(value), flush=True)


def attend(case, plain, context):
    try:
        connection = Answerer(plain, context)
    except (OSError, cases.Silence):
        # One of several dials, which another one was quicker than.
        plain.close()
        return
    say(cases.run(case, lambda _: connection))


def listen(case, listener, context):
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=attend, args=(case, plain, context), daemon=True).start()


def offer(case, context):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=listen, args=(case, listener, context), daemon=True).start()
    status, messages = case.options["status"], case.options.get("messages")
    return {
        "case": case.number,
        "says": case.says,
        "address": f"127.0.0.1:{listener.getsockname()[1]}",
        "status": [status] if isinstance(status, str) else list(status),
        "told": case.options.get("told"),
        "stream": case.options.get("stream", False),
        "gzip": case.options.get("gzip", False),
        "sends": case.options.get("sends", [0]),
        "ends": case.options.get("ends", True),
        "messages": None if messages is None else [base64.b64encode(each).decode() for each in messages],
        "seconds": case.options.get("seconds", 15),
    }


def main():
    options = arguments()
    if options.table:
        print(cases.table(SUITES))
        return
    context = server_context(options.roots, options.certificate, options.key)
    chosen = [
        case for suite in SUITES for case in suite.cases if case.number.startswith(options.only)
    ]
    say([offer(case, context) for case in chosen])
    sys.stdin.read()


if __name__ == "__main__":
    main()

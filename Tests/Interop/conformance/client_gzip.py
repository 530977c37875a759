# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a client: compressed messages, gRPC's doc/compression.md and RFC 1952.

What a client must refuse it is sent twice, in a call with one message each way and in a stream, since
these may be read at different places.
"""

import packing
from cases import Suite, expect, ignores, resets
from client_messages import GIVEN_UP
from frames import HEADERS, data, filler, message
from packing import BOMBS, BROKEN, TEXT, packed, unpacked, zipped

suite = Suite()

GZIP = (("grpc-encoding", "gzip"),)


def unary(number, says, *outcomes, gzip=True, **options):
    return suite.case(f"client-gzip/unary-{number}", says, *outcomes, gzip=gzip, **options)


def stream(number, says, *outcomes, gzip=True, **options):
    return suite.case(f"client-gzip/stream-{number}", says, *outcomes, gzip=gzip, stream=True, **options)


def expect_request(s, sizes):
    """A client that compresses must say how, and what it reads."""
    accepted = (s.field(1, "grpc-accept-encoding") or "").replace(" ", "").split(",")
    expect("gzip" in accepted, "grpc-accept-encoding without gzip")
    sent = unpacked(s.body(1), s.field(1, "grpc-encoding"))
    expect(sent == [filler(size) for size in sizes], "other messages")


@unary("request/1", "a request that pays to compress", ignores(), status="OK", sends=[5_000], messages=[b"a"])
def _(s):
    s.called()
    expect_request(s, [5_000])
    expect(s.body(1)[0] == 1, "the request is not compressed")
    s.send(s.answer(payload=message(b"a")))


@stream("request/1", "messages that compression shortens and others", ignores(), status="OK",
        sends=[5_000, 0, 5, 5_000], messages=[b"a"])  # fmt: skip
def _(s):
    s.called()
    expect_request(s, [5_000, 0, 5, 5_000])
    expect(s.body(1)[0] == 1, "the first message is not compressed")
    s.send(s.answer(payload=message(b"a")))


@unary("request/2", "a server that does not read gzip, and says so", ignores(), status="UNIMPLEMENTED",
       sends=[5_000])  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(extra=[("grpc-status", "12"), ("grpc-accept-encoding", "identity")], end=True))
    s.settle()
    expect(len(s.of_type(HEADERS)) == 1, "the call is made again")


# Answers that are right.


RIGHT = (
    ("a compressed message", GZIP, packed(TEXT), TEXT),
    ("an empty message, compressed", GZIP, packed(b""), b""),
    ("a message that is not compressed, under grpc-encoding gzip", GZIP, message(TEXT), TEXT),
    ("a message that is not compressed, under grpc-encoding identity", [("grpc-encoding", "identity")],
     message(TEXT), TEXT),
    ("a compressed message with every optional field in its header", GZIP,
     message(packing.with_header(TEXT), flag=1), TEXT),
    ("a compressed message of 4 MiB", GZIP, message(packing.LARGEST, flag=1),
     bytes(packing.LIMIT)),
)  # fmt: skip

for count, (says, extra, sent, payload) in enumerate(RIGHT, 1):
    for kind in (unary, stream):

        @kind(f"right/{count}", says, ignores(), status="OK", messages=[payload])
        def _(s, extra=extra, sent=sent):
            s.called()
            s.send(s.answer(payload=sent, extra=extra))


@unary("right/7", "a compressed message byte by byte, with empty frames between", ignores(), status="OK",
       messages=[TEXT])  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(extra=GZIP))
    s.send(b"".join(data(1, bytes([b]), end=False) + data(1, end=False) for b in packed(TEXT)), s.trailers())


@stream("right/7", "messages of which some are compressed and some are not, byte by byte", ignores(),
        status="OK", messages=[TEXT, b"plain", b"", b"", TEXT])  # fmt: skip
def _(s):
    s.called()
    body = packed(TEXT) + message(b"plain") + packed(b"") + message() + packed(TEXT)
    s.send(s.head(extra=GZIP), b"".join(data(1, bytes([b]), end=False) for b in body), s.trailers())


@unary("members/1", "a message of two members", ignores(), *GIVEN_UP, status=("OK", "INTERNAL"))
def _(s):
    s.called()
    s.send(s.answer(payload=message(zipped(TEXT) + zipped(b"end"), flag=1), extra=GZIP))


@stream("members/1", "a message of two members", ignores(), *GIVEN_UP, status=("OK", "INTERNAL"))
def _(s):
    s.called()
    s.send(s.answer(payload=message(zipped(TEXT) + zipped(b"end"), flag=1), extra=GZIP))


# Answers that are wrong.


WRONG = (
    ("a compressed message without grpc-encoding", (), packed(TEXT), True),
    ("a compressed message under grpc-encoding identity", [("grpc-encoding", "identity")], packed(TEXT), True),
    ("an unknown grpc-encoding", [("grpc-encoding", "x-unknown")], message(b"?", flag=1), True),
    ("a compressed flag of 2 under grpc-encoding gzip", GZIP, message(zipped(b""), flag=2), True),
    ("a compressed flag of 255 under grpc-encoding gzip", GZIP, message(zipped(b""), flag=255), True),
    ("a compressed message for a caller that does not accept it", GZIP, packed(TEXT), False),
)

for count, (says, extra, sent, asks) in enumerate(WRONG, 1):
    for kind in (unary, stream):

        @kind(f"wrong/{count}", says, *GIVEN_UP, gzip=asks, status="INTERNAL")
        def _(s, extra=extra, sent=sent):
            s.called()
            s.send(s.answer(payload=sent, extra=extra))


for count, (says, broken) in enumerate(BROKEN, 1):

    @unary(f"broken/{count}", says, *GIVEN_UP, status="INTERNAL")
    def _(s, broken=broken):
        s.called()
        s.send(s.answer(payload=message(broken, flag=1), extra=GZIP))

    @stream(f"broken/{count}", f"{says}, after a valid message, in an answer that continues",
            resets(1, "CANCEL"), status="INTERNAL", messages=[b"good"])  # fmt: skip
    def _(s, broken=broken):
        s.called()
        s.send(s.head(extra=GZIP), s.reply(payload=packed(b"good") + message(broken, flag=1)))
        s.until(lambda: s.resets(1))


for count, (says, bomb) in enumerate(BOMBS, 1):

    @unary(f"bomb/{count}", f"a compressed message of {says}", *GIVEN_UP, status="RESOURCE_EXHAUSTED")
    def _(s, bomb=bomb):
        s.called()
        s.send(s.head(extra=GZIP))
        s.upload(1, message(bomb, flag=1), end=False)
        s.send(s.trailers())

    @stream(f"bomb/{count}", f"a compressed message of {says}", *GIVEN_UP, status="RESOURCE_EXHAUSTED",
            messages=())  # fmt: skip
    def _(s, bomb=bomb):
        s.called()
        s.send(s.head(extra=GZIP))
        s.upload(1, message(bomb, flag=1), end=False)
        s.send(s.trailers())

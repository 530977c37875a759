# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: compressed messages, gRPC's doc/compression.md and RFC 1952.

What a server must refuse it is sent twice, in a call with one message each way and in a stream, since
these may be read at different places.
"""

import frames
import packing
from cases import Suite, answers, expect
from frames import DATA, HEADERS, data, filler, message
from packing import BOMBS, BROKEN, LIMIT, TEXT, packed, unpacked, zipped
from server_streams import begin

suite = Suite()

GZIP = ("grpc-encoding", "gzip")
ACCEPTS = ("grpc-accept-encoding", "identity,deflate,gzip")
ASKS = ("x-compress", "gzip")
# gRPC names gzip and no more. RFC 1952 has files of several members, grpc-java and grpc-go read them,
# gRPC's core refuses them.
SEVERAL = answers(status=(0, 13))


def unary(number, says, *outcomes, needs=()):
    return suite.case(f"grpc-gzip/unary-{number}", says, *outcomes, needs=needs)


def stream(number, says, *outcomes):
    return suite.case(f"grpc-gzip/stream-{number}", says, *outcomes, needs=("streams",))


def offers_gzip(c):
    """A server that has read gzip must say so in its answer."""
    offered = (c.field(1, "grpc-accept-encoding") or "").replace(" ", "").split(",")
    expect("gzip" in offered, "grpc-accept-encoding without gzip")


def expect_messages(c, payloads, stream=1):
    c.finished(stream)
    found = unpacked(c.body(stream), c.field(stream, "grpc-encoding"))
    expect(found == list(payloads), f"other messages come: {len(found)}")


# What is sent, with which grpc-encoding, and what a server may say of it, with one message or in a stream.


REQUESTS = (
    ("an empty message, compressed", "gzip", packed(b""), (0,)),
    ("a message that is not compressed, under grpc-encoding gzip", "gzip", message(), (0,)),
    ("a compressed message without grpc-encoding", None, packed(b""), (13,)),
    ("a compressed message under grpc-encoding identity", "identity", packed(b""), (13,)),
    ("a compressed message under an empty grpc-encoding", "", packed(b""), (12, 13)),
    ("grpc-encoding deflate", "deflate", message(b"?", flag=1), (12,)),
    ("grpc-encoding gzip,identity, which is no name", "gzip,identity", packed(b""), (12, 13)),
    ("a message that is not compressed, under an unknown grpc-encoding", "x-unknown", message(),
     (0, 12)),
    ("a compressed flag of 2 under grpc-encoding gzip", "gzip", message(zipped(b""), flag=2), (13,)),
    ("a compressed flag of 129 under grpc-encoding gzip", "gzip", message(zipped(b""), flag=129), (13,)),
    ("a compressed flag of 255 under grpc-encoding gzip", "gzip", message(zipped(b""), flag=255), (13,)),
    ("a header with every optional field", "gzip", message(packing.with_header(b""), flag=1), (0,)),
    ("an empty message, stored", "gzip", message(zipped(b"", 0), flag=1), (0,)),
)  # fmt: skip

for count, (says, encoding, sent, right) in enumerate(REQUESTS, 1):
    extra = [] if encoding is None else [("grpc-encoding", encoding)]

    @unary(f"request/{count}", says, answers(status=right))
    def _(c, extra=extra, sent=sent):
        c.greet()
        c.send(c.call(payload=sent, extra=extra))

    @stream(f"request/{count}", says, answers(status=right))
    def _(c, extra=extra, sent=sent):
        c.greet()
        c.send(begin(c, "Echo", extra=extra), data(1, sent))
        c.finished()
        if c.field(1, "grpc-status") == "0":
            expect_messages(c, [b""])


@unary("request/14", "every compressed flag from 2 to 255, under grpc-encoding gzip", answers(509, status=13))
def _(c):
    c.greet()
    numbers = {2 * flag - 1: flag for flag in range(2, 256)}
    c.send(*[c.call(number, message(zipped(b""), flag=flag), extra=[GZIP]) for number, flag in numbers.items()])
    c.settle()
    wrong = [flag for number, flag in numbers.items() if c.field(number, "grpc-status") != "13"]
    expect(not wrong, f"another status for {wrong}")


@stream("request/14", "every compressed flag from 2 to 255, under grpc-encoding gzip", answers(509, status=13))
def _(c):
    c.greet()
    numbers = {2 * flag - 1: flag for flag in range(2, 256)}
    for number, flag in numbers.items():
        c.send(begin(c, "Echo", number, extra=[GZIP]), data(number, message(zipped(b""), flag=flag)))
    for number, flag in numbers.items():
        c.finished(number)
        expect(c.field(number, "grpc-status") == "13", f"another status for {flag}")


for count, (says, broken) in enumerate(BROKEN, 1):

    @unary(f"broken/{count}", says, answers(status=13))
    def _(c, broken=broken):
        c.greet()
        c.send(c.call(payload=message(broken, flag=1), extra=[GZIP]))

    @stream(f"broken/{count}", f"{says}, after a valid message", answers(status=13))
    def _(c, broken=broken):
        c.greet()
        c.send(begin(c, "Echo", extra=[GZIP]), data(1, packed(b"good") + message(broken, flag=1)))
        expect_messages(c, [b"good"])


for count, (says, bomb) in enumerate(BOMBS, 1):

    @unary(f"bomb/{count}", f"a compressed message of {says}", answers(status=8))
    def _(c, bomb=bomb):
        c.greet()
        c.send(c.open(extra=[GZIP]))
        c.upload(1, message(bomb, flag=1))
        c.finished()

    @stream(f"bomb/{count}", f"a compressed message of {says}", answers(status=8))
    def _(c, bomb=bomb):
        c.greet()
        c.send(begin(c, "Sum", extra=[GZIP]))
        c.upload(1, message(bomb, flag=1))
        c.finished()


@unary("members/1", "a message of two members", SEVERAL)
def _(c):
    c.greet()
    c.send(c.call(payload=message(zipped(b"") * 2, flag=1), extra=[GZIP]))


@stream("members/1", "a message of three members, the second of which is empty", SEVERAL)
def _(c):
    c.greet()
    members = zipped(TEXT) + zipped(b"") + zipped(b"end")
    c.send(begin(c, "Echo", extra=[GZIP]), data(1, message(members, flag=1)))
    c.finished()
    if c.field(1, "grpc-status") == "0":
        expect_messages(c, [TEXT + b"end"])


@unary("offer/1", "an unknown grpc-encoding: the answer says what is accepted, and not that", answers(status=12))
def _(c):
    c.greet()
    c.send(c.call(payload=message(b"?", flag=1), extra=[("grpc-encoding", "x-unknown")]))
    c.settle()
    offers_gzip(c)
    expect("x-unknown" not in c.field(1, "grpc-accept-encoding"), "it accepts what it refuses")
    expect("x-unknown" in (c.field(1, "grpc-message") or ""), "the message does not name it")


@stream("offer/1", "an unknown grpc-encoding in a stream that continues: the answer lists the accepted ones",
        answers(status=12))  # fmt: skip
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("grpc-encoding", "x-unknown")]))
    c.send(data(1, message(b"?", flag=1), end=False))
    c.finished()
    offers_gzip(c)
    expect(len(c.of_type(HEADERS, 1)) == 1, "a failure alone comes in one header list")
    c.send(data(1))


@unary("offer/2", "a compressed message: the answer says that gzip is accepted", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(payload=packed(b""), extra=[GZIP]))
    c.settle()
    offers_gzip(c)


@stream("offer/2", "a compressed message: the answer says that gzip is accepted", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[GZIP]), data(1, packed(b"")))
    c.finished()
    offers_gzip(c)


@unary("frames/1", "a compressed message byte by byte, with empty frames between", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open(extra=[GZIP]))
    for byte in packed(b""):
        c.send(data(1, bytes([byte]), end=False), data(1, end=False))
    c.send(data(1))


@unary("bomb/5", "a bomb, and a call beside it", answers(3, status=0))
def _(c):
    c.greet()
    c.send(c.open(1, extra=[GZIP]), c.open(3, extra=[GZIP]), data(3, packed(b"")[:9], end=False))
    c.upload(1, message(packing.BOMB, flag=1))
    c.finished()
    expect(c.field(1, "grpc-status") == "8", "another status for the bomb")
    c.send(data(3, packed(b"")[9:]))


# Messages that come back.


def open_wide(c, head):
    c.greet((frames.INITIAL_WINDOW_SIZE, frames.LARGEST_WINDOW))
    c.send(frames.window(0, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW), head)


COMING_BACK = (
    ("a compressed message", packed(TEXT), TEXT),
    ("a message that compression made longer", packed(filler(256)), filler(256)),
    ("a compressed message of 4 MiB", message(packing.LARGEST, flag=1), bytes(LIMIT)),
    ("a compressed message with every optional field in its header",
     message(packing.with_header(TEXT), flag=1), TEXT),
)  # fmt: skip

for count, (says, sent, payload) in enumerate(COMING_BACK, 1):

    @unary(f"echo/{count}", f"{says} comes back", answers(status=0), needs=("echoes",))
    def _(c, sent=sent, payload=payload):
        open_wide(c, c.open(extra=[GZIP]))
        c.upload(1, sent)
        expect_messages(c, [payload])

    @stream(f"echo/{count}", f"{says} comes back", answers(status=0))
    def _(c, sent=sent, payload=payload):
        open_wide(c, begin(c, "Echo", extra=[GZIP]))
        c.upload(1, sent)
        expect_messages(c, [payload])


@stream("frames/1", "messages of which some are compressed and some are not, byte by byte", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[GZIP]))
    body = packed(TEXT) + message(b"plain") + packed(b"") + message() + packed(TEXT)
    c.send(b"".join(data(1, bytes([byte]), end=False) for byte in body), data(1))
    expect_messages(c, [TEXT, b"plain", b"", b"", TEXT])


@stream("frames/2", "two streams in turn, one of them compressed", answers(1, status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", 1, extra=[GZIP]), begin(c, "Echo", 3))
    for index in range(10):
        payload = bytes([index]) * 20
        sent = packed(payload)
        c.send(data(1, sent[:7], end=False), data(3, message(payload), end=False))
        c.send(data(1, sent[7:], end=False))
    c.send(data(3), data(1))
    for number in (1, 3):
        expect_messages(c, [bytes([index]) * 20 for index in range(10)], number)


# Answers: compressed for who accepts that, and never for anybody else.


ACCEPTED = (
    ("no grpc-accept-encoding", [], False),
    ("grpc-accept-encoding identity", [("grpc-accept-encoding", "identity")], False),
    ("grpc-accept-encoding deflate, gzipped,x-gzip", [("grpc-accept-encoding", "deflate, gzipped,x-gzip")],
     False),
    ("an empty grpc-accept-encoding", [("grpc-accept-encoding", "")], False),
    ("grpc-encoding gzip and no grpc-accept-encoding", [GZIP], False),
    ("grpc-accept-encoding gzip", [("grpc-accept-encoding", "gzip")], True),
    ("grpc-accept-encoding identity,deflate,gzip", [ACCEPTS], True),
    ("grpc-accept-encoding with spaces around gzip", [("grpc-accept-encoding", "identity , gzip , br")], True),
)  # fmt: skip

def judged(c, accepts):
    c.finished()
    encoding = c.field(1, "grpc-encoding")
    expect((encoding == "gzip") == accepts, f"grpc-encoding {encoding}")
    expect((c.body(1)[:1] == b"\1") == accepts, "the compressed flag is another")
    expect_messages(c, [TEXT])


for count, (says, extra, accepts) in enumerate(ACCEPTED, 1):
    how = "compressed" if accepts else "plain"

    @unary(f"answer/{count}", f"{says}: the answer is {how}", answers(status=0), needs=("echoes", "compresses"))
    def _(c, extra=extra, accepts=accepts):
        c.greet()
        c.send(c.call(payload=message(TEXT), extra=extra))
        judged(c, accepts)

    @stream(f"answer/{count}", f"{says}: the answer is {how}", answers(status=0))
    def _(c, extra=extra, accepts=accepts):
        c.greet()
        c.send(begin(c, "Echo", extra=[*extra, ASKS]), data(1, message(TEXT)))
        judged(c, accepts)


@stream("answer/9", "a stream answered by messages that compression shortens and others", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[ACCEPTS, GZIP, ASKS]))
    c.send(data(1, message(TEXT) + packed(b"") + message(b"short") + packed(TEXT)))
    expect_messages(c, [TEXT, b"", b"short", TEXT])


@stream("answer/10", "a failure of a call whose answer would be compressed", answers(status=5))
def _(c):
    c.greet()
    c.send(begin(c, "Fail", extra=[ACCEPTS, GZIP, ASKS]), data(1, packed(b"5 none")))
    c.finished()
    expect(not c.of_type(DATA, 1), "a failure and a message")

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a client: RFC 9113, section 8, what an answer is, and gRPC's part of it."""

import frames
from answerer import RESPONSE, TRAILERS
from cases import Suite, anything, closes, ignores, resets
from frames import data, headers, message

suite = Suite()
case = suite.case

MALFORMED = (resets(1, "PROTOCOL_ERROR"), closes("PROTOCOL_ERROR"))
# Given up by the client, which tells the server to stop; or only no longer listened to.
GIVEN_UP = (resets(1, "CANCEL", "PROTOCOL_ERROR"), ignores())
BROKEN = {"status": ("INTERNAL", "UNAVAILABLE", "UNKNOWN"), "told": "malformed"}


# 8.1 The order of an answer's parts.


@case("client/8.1/1", "DATA before HEADERS", *MALFORMED, status=("INTERNAL", "UNAVAILABLE"),
      told="stream not opened")  # fmt: skip
def _(s):
    s.called()
    s.send(s.reply(), s.head(), s.trailers())


@case("client/8.1/2", "trailers before headers: grpc-status without :status", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.trailers())


@case("client/8.1/3", "trailers that do not end the stream", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.head(), s.reply(), headers(1, frames.block(TRAILERS)))


@case("client/8.1/4", "headers twice", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.head(), s.head(), s.reply(), s.trailers())


@case("client/8.1/5", "an interim answer 103 before the answer", ignores(), status="OK")
def _(s):
    s.called()
    s.send(headers(1, frames.block([(":status", "103"), ("link", "</>")])), s.answer())


@case("client/8.1/6", "an interim answer that ends the stream", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(headers(1, frames.block([(":status", "100")]), end=True))


@case("client/8.1/7", "101, which HTTP/2 does not have", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(headers(1, frames.block([(":status", "101")])), s.answer())


@case("client/8.1/8", "an interim answer after the answer's headers", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.head(), headers(1, frames.block([(":status", "103")])), s.reply(), s.trailers())


@case("client/8.1.1/1", "content-length less than the DATA", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.answer(extra=[("content-length", "1")]))


@case("client/8.1.1/2", "content-length more than the DATA", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.answer(extra=[("content-length", "9")]))


@case("client/8.1.1/3", "content-length that is right", ignores(), status="OK")
def _(s):
    s.called()
    s.send(s.answer(extra=[("content-length", "5")]))


# 8.2 Fields, 8.3 pseudo-header fields.


FIELDS = (
    ("8.2.1/1", "an upper-case letter in a name", {"extra": [("X-Test", "ok")]}),
    ("8.2.1/2", "a space in a name", {"extra": [("x test", "ok")]}),
    ("8.2.1/3", "an empty name", {"extra": [("", "ok")]}),
    ("8.2.1/4", "a NUL in a value", {"extra": [("x-test", "a\0b")]}),
    ("8.2.1/5", "CR and LF in a value", {"extra": [("x-test", "a\r\nb")]}),
    ("8.2.2/1", "connection", {"extra": [("connection", "close")]}),
    ("8.2.2/2", "transfer-encoding", {"extra": [("transfer-encoding", "chunked")]}),
    ("8.2.2/3", "keep-alive", {"extra": [("keep-alive", "timeout=5")]}),
    ("8.2.2/4", "upgrade", {"extra": [("upgrade", "h2c")]}),
    ("8.3/1", "no :status", {"fields": RESPONSE[1:]}),
    ("8.3/2", ":status twice", {"first": [(":status", "200")]}),
    ("8.3/3", ":status after another field", {"fields": RESPONSE[::-1]}),
    ("8.3/4", "a pseudo-header of requests", {"first": [(":path", "/")]}),
    ("8.3/5", "a pseudo-header that does not exist", {"first": [(":unknown", "yes")]}),
    ("8.3/6", ":status abc", {"fields": [(":status", "abc"), RESPONSE[1]]}),
    ("8.3/7", ":status 20", {"fields": [(":status", "20"), RESPONSE[1]]}),
    ("8.3/8", ":status 2000", {"fields": [(":status", "2000"), RESPONSE[1]]}),
    ("8.3/9", "an empty :status", {"fields": [(":status", ""), RESPONSE[1]]}),
)

for number, says, changes in FIELDS:

    @case(f"client/{number}", f"an answer with {says}", *MALFORMED, **BROKEN)
    def _(s, changes=changes):
        s.called()
        s.send(s.answer(**changes))


@case("client/8.3/10", "a pseudo-header in the trailers", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.head(), s.reply(), s.trailers(fields=[(":status", "200"), *TRAILERS]))


@case("client/8.3/11", "an upper-case name in the trailers", *MALFORMED, **BROKEN)
def _(s):
    s.called()
    s.send(s.head(), s.reply(), s.trailers(fields=[*TRAILERS, ("X-Test", "no")]))


# Answers that are no gRPC.


HTTP = (
    ("400", "INTERNAL"), ("401", "UNAUTHENTICATED"), ("403", "PERMISSION_DENIED"),
    ("404", "UNIMPLEMENTED"), ("429", "UNAVAILABLE"), ("500", "UNKNOWN"), ("502", "UNAVAILABLE"),
    ("503", "UNAVAILABLE"), ("504", "UNAVAILABLE"), ("302", "UNKNOWN"), ("599", "UNKNOWN"),
)  # fmt: skip

for number, (http, status) in enumerate(HTTP, 1):

    @case(f"client-grpc/http/{number}", f"HTTP {http} with a page", *GIVEN_UP, status=status, told=http)
    def _(s, http=http):
        s.called()
        s.send(headers(1, frames.block([(":status", http), ("content-type", "text/html")])))
        s.send(data(1, b"<html></html>"))


@case("client-grpc/http/12", "HTTP 503 without a body", ignores(), status="UNAVAILABLE")
def _(s):
    s.called()
    s.send(headers(1, frames.block([(":status", "503")]), end=True))


@case("client-grpc/http/13", "HTTP 200 with a page", *GIVEN_UP, status="UNKNOWN")
def _(s):
    s.called()
    s.send(headers(1, frames.block([(":status", "200"), ("content-type", "text/html")])))
    s.send(data(1, b"<html></html>"))


@case("client-grpc/http/14", "HTTP 200 without content-type", *GIVEN_UP, status="UNKNOWN")
def _(s):
    s.called()
    s.send(s.answer(fields=RESPONSE[:1]))


# The status.


@case("client-grpc/status/1", "a message and the stream's end, without a status", ignores(),
      status=("UNKNOWN", "INTERNAL"))  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), data(1, message()))


@case("client-grpc/status/2", "trailers without a status", ignores(), status=("UNKNOWN", "INTERNAL"))
def _(s):
    s.called()
    s.send(s.head(), s.reply(), s.trailers(fields=[("x-test", "1")]))


@case("client-grpc/status/3", "headers alone, without a status", ignores(), status=("UNKNOWN", "INTERNAL"))
def _(s):
    s.called()
    s.send(s.head(end=True))


for number, value in enumerate(("", "zero", "17", "99999999999999999999", "-1", "0x0", "5.0"), 4):

    @case(f"client-grpc/status/{number}", f'grpc-status "{value}"', ignores(), status=("UNKNOWN", "INTERNAL"),
          told="grpc-status")  # fmt: skip
    def _(s, value=value):
        s.called()
        s.send(s.head(extra=[("grpc-status", value)], end=True))


@case("client-grpc/status/11", "a grpc-message with broken percent signs and bytes", ignores(), status="NOT_FOUND")
def _(s):
    s.called()
    broken = b"%%4 %zz %e2%82 \xff %"
    s.send(s.head(extra=[("grpc-status", "5"), ("grpc-message", broken)], end=True))


@case("client-grpc/status/12", "a failure after a message", ignores(), status="ABORTED")
def _(s):
    s.called()
    s.send(s.head(), s.reply(), s.trailers(fields=[("grpc-status", "10")]))


@case("client-grpc/status/13", "binary metadata in the trailers that is not base64", ignores(),
      status=("INTERNAL", "OK"))  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), s.reply(), s.trailers(fields=[*TRAILERS, ("x-bin", "not base64!")]))


@case("client-grpc/status/14", "binary metadata in the headers that is not base64", *GIVEN_UP,
      status=("INTERNAL", "OK"))  # fmt: skip
def _(s):
    s.called()
    s.send(s.answer(extra=[("x-bin", "not base64!")]))


@case("client-grpc/status/15", "a header list of 64 KiB", resets(1, "ENHANCE_YOUR_CALM"),
      status=("RESOURCE_EXHAUSTED", "INTERNAL"), told="limit")  # fmt: skip
def _(s):
    s.called()
    block = frames.block([*RESPONSE, *[("x-test", "v" * 4_000)] * 16])
    s.send(headers(1, block[:16_000], flags=0))
    s.send(frames.continuation(1, block[16_000:32_000], flags=0))
    s.send(frames.continuation(1, block[32_000:48_000], flags=0))
    s.send(frames.continuation(1, block[48_000:64_000], flags=0), frames.continuation(1, block[64_000:]))


# The message.


MESSAGES = (
    ("1", "two messages", message() * 2, ("INTERNAL", "UNIMPLEMENTED")),
    ("2", "a message without its last byte", message(b"1234", length=5), ("INTERNAL",)),
    ("3", "three bytes of a prefix", message()[:3], ("INTERNAL",)),
    ("4", "no message, and status 0", b"", ("INTERNAL", "UNIMPLEMENTED")),
    ("5", "a compressed flag of 2", message(flag=2), ("INTERNAL",)),
    ("6", "a message marked compressed without grpc-encoding", message(b"?", flag=1),
     ("INTERNAL", "UNIMPLEMENTED")),
    ("7", "a prefix that claims 4 GiB", message(b"?", length=2**32 - 1), ("RESOURCE_EXHAUSTED",)),
    ("8", "a prefix that claims a byte over the limit", message(b"?", length=(4 << 20) + 1),
     ("RESOURCE_EXHAUSTED",)),
)  # fmt: skip

for number, says, payload, status in MESSAGES:

    @case(f"client-grpc/message/{number}", says, *GIVEN_UP, status=status)
    def _(s, payload=payload):
        s.called()
        s.send(s.answer(payload=payload))


@case("client-grpc/message/9", "a grpc-encoding that was not offered", *GIVEN_UP,
      status=("INTERNAL", "UNIMPLEMENTED"))  # fmt: skip
def _(s):
    s.called()
    s.send(s.answer(payload=message(b"?", flag=1), extra=[("grpc-encoding", "x-unknown")]))


@case("client-grpc/message/10", "a message byte by byte, with empty frames between", ignores(), status="OK")
def _(s):
    s.called()
    s.send(s.head(), b"".join(data(1, bytes([b]), end=False) + data(1, end=False) for b in message(b"abc")))
    s.send(s.trailers())


# The end of the connection, and what does not end. A deadline includes the dial, on a busy machine.


@case("client-grpc/end/1", "the end of the connection before the answer", anything(), status="UNAVAILABLE")
def _(s):
    s.called()
    s.close()


@case("client-grpc/end/2", "the end of the connection inside the answer", anything(), status="UNAVAILABLE")
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"half", length=8)))
    s.close()


@case("client-grpc/end/3", "bytes that are not TLS", anything(), status="UNAVAILABLE")
def _(s):
    s.called()
    s.socket.sendall(bytes(range(256)))


@case("client-grpc/end/4", "silence", resets(1, "CANCEL"), status="DEADLINE_EXCEEDED", seconds=12)
def _(s):
    s.called()
    s.wait(lambda frame: frame.type == frames.RST_STREAM)


@case("client-grpc/end/5", "an answer that does not end", resets(1, "CANCEL"), status="DEADLINE_EXCEEDED", seconds=12)
def _(s):
    s.called()
    s.send(s.head(), s.reply())
    s.wait(lambda frame: frame.type == frames.RST_STREAM)

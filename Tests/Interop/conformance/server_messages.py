# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: RFC 9113, section 8, what a request is."""

import frames
from cases import Suite, although, answers, closes, expect, ignores, replies, resets
from frames import data, headers, message

suite = Suite()
case = suite.case

MALFORMED = (resets(1, "PROTOCOL_ERROR"), closes("PROTOCOL_ERROR"))


# 8.1 Framing of messages.


@case("http2/8.1/1", "a second HEADERS without END_STREAM", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.open(), headers(1, frames.block([("more", "yes")])), data(1, message()))


@case("http2/8.1/2", "a call with trailers", answers())
def _(c):
    c.greet()
    trailers = frames.block([("checksum", "17")])
    c.send(c.open(), data(1, message(), end=False), headers(1, trailers, end=True))


@case("http2/8.1/3", "DATA after the trailers",
      closes("STREAM_CLOSED"), resets(1, "STREAM_CLOSED"), ignores())  # fmt: skip
def _(c):
    c.greet()
    trailers = headers(1, frames.block([("checksum", "17")]), end=True)
    c.send(c.open(), data(1, message(), end=False), trailers, data(1, b"late"))


@case("http2/8.1/4", "a pseudo-header in the trailers", *MALFORMED)
def _(c):
    c.greet()
    trailers = frames.block([(":path", "/")])
    c.send(c.open(), data(1, message(), end=False), headers(1, trailers, end=True))


@case("http2/8.1/5", "an upper-case name in the trailers", *MALFORMED)
def _(c):
    c.greet()
    trailers = frames.block([("Checksum", "17")])
    c.send(c.open(), data(1, message(), end=False), headers(1, trailers, end=True))


# 8.1.1 Malformed messages: the length that is told and the length that is.


@case("http2/8.1.1/1", "content-length less than the DATA", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.call(extra=[("content-length", "1")]))


@case("http2/8.1.1/2", "content-length more than the DATA", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.call(extra=[("content-length", "6")]))


@case("http2/8.1.1/3", "content-length that differs from several DATA frames' sum", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.open(extra=[("content-length", "4")]))
    c.send(data(1, bytes(2), end=False), data(1, bytes(3)))


@case("http2/8.1.1/4", "content-length that is right", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(extra=[("content-length", "5")]))


@case("http2/8.1.1/5", "content-length that is no number", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.call(extra=[("content-length", "five")]))


@case("http2/8.1.1/6", "content-length twice", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.call(extra=[("content-length", "5"), ("content-length", "6")]))


@case("http2/8.1.1/7", "content-length of 5 on a request that ends with its headers", *MALFORMED)
def _(c):
    c.greet()
    c.send(headers(1, c.block(extra=[("content-length", "5")]), end=True))


# 8.2 Fields: names, values, and those that belong to HTTP/1.1.


FIELDS = (
    ("8.2.1/1", "an upper-case letter in a name", ("X-Test", "ok")),
    ("8.2.1/2", "a space in a name", ("x test", "ok")),
    ("8.2.1/3", "a colon in a name", ("x:test", "ok")),
    ("8.2.1/4", "a NUL in a name", ("x\x00test", "ok")),
    ("8.2.1/5", "a byte above 0x7f in a name", (b"x\xfftest", "ok")),
    ("8.2.1/6", "an empty name", ("", "ok")),
    ("8.2.1/7", "a NUL in a value", ("x-test", "a\x00b")),
    ("8.2.1/8", "CR in a value", ("x-test", "a\rb")),
    ("8.2.1/9", "LF in a value", ("x-test", "a\nb")),
    ("8.2.2/1", "connection", ("connection", "keep-alive")),
    ("8.2.2/2", "keep-alive", ("keep-alive", "timeout=5")),
    ("8.2.2/3", "proxy-connection", ("proxy-connection", "keep-alive")),
    ("8.2.2/4", "transfer-encoding", ("transfer-encoding", "chunked")),
    ("8.2.2/5", "upgrade", ("upgrade", "h2c")),
    ("8.2.2/6", "te with more than trailers", ("te", "trailers, deflate")),
)

for number, says, pair in FIELDS:

    @case(f"http2/{number}", f"a request with {says}", *MALFORMED)
    def _(c, pair=pair):
        c.greet()
        c.send(c.call(extra=[pair], drop=["te"]))


# gRPC lets blanks around a value of metadata be stripped, and programs send them.
BLANKS = although(answers(status=0), "gRPC allows blanks around metadata")


@case("http2/8.2.1/10", "a request with a space before a value", *MALFORMED, BLANKS)
def _(c):
    c.greet()
    c.send(c.call(extra=[("x-test", " ok")]))


@case("http2/8.2.1/11", "a request with a tab after a value", *MALFORMED, BLANKS)
def _(c):
    c.greet()
    c.send(c.call(extra=[("x-test", "ok\t")]))


@case("http2/8.2.1/12", "an empty value, and one with a space inside", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(extra=[("empty", ""), ("inner", "a b")]))


@case("http2/8.2.3/1", "a cookie in crumbs", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(extra=[("cookie", "a=1"), ("cookie", "b=2")]))


# 8.3 Pseudo-header fields.


PSEUDO = (
    ("8.3/1", "a pseudo-header after an ordinary field", {"extra": [(":authority", "localhost")],
                                                             "drop": [":authority"]}),
    ("8.3/2", "a pseudo-header that does not exist", {"first": [(":unknown", "yes")]}),
    ("8.3/3", ":status", {"first": [(":status", "200")]}),
    ("8.3/4", ":method twice", {"first": [(":method", "POST")]}),
    ("8.3/5", ":scheme twice", {"first": [(":scheme", "https")]}),
    ("8.3/6", ":path twice", {"first": [(":path", "/")]}),
    ("8.3/7", ":authority twice", {"first": [(":authority", "localhost")]}),
    ("8.3.1/1", "no :method", {"drop": [":method"]}),
    ("8.3.1/2", "no :scheme", {"drop": [":scheme"]}),
    ("8.3.1/3", "no :path", {"drop": [":path"]}),
    ("8.3.1/4", "an empty :path", {"change": {":path": ""}}),
    ("8.3.1/5", "a :path without a slash", {"change": {":path": "chord"}}),
    ("8.3.1/6", "no header field at all", {"drop": [":method", ":scheme", ":path", ":authority",
                                                    "content-type", "te"]}),
)  # fmt: skip

for number, says, changes in PSEUDO:

    @case(f"http2/{number}", f"a request with {says}", *MALFORMED)
    def _(c, changes=changes):
        c.greet()
        c.send(c.call(**changes))


@case("http2/8.3.1/7", "a request with host in place of :authority", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(drop=[":authority"], extra=[("host", c.authority)]))


@case("http2/8.3.1/8", "user information in :authority", *MALFORMED, answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(change={":authority": "user@" + c.authority}))


@case("http2/8.3.1/9", "OPTIONS with the path *", replies(405), *MALFORMED)
def _(c):
    c.greet()
    c.send(headers(1, c.block(change={":method": "OPTIONS", ":path": "*"}), end=True))


@case("http2/8.3.1/10", "a method in lower case", replies(405))
def _(c):
    c.greet()
    c.send(c.call(change={":method": "post"}))


# 8.4 Push, 8.5 CONNECT, 8.7 what may be tried again.


@case("http2/8.4/1", "PUSH_PROMISE from a client on a stream of its own", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    payload = (3).to_bytes(4, "big") + c.block()
    c.send(c.open(), frames.frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, payload))


@case("http2/8.5/1", "CONNECT with :scheme and :path", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.call(change={":method": "CONNECT"}))


@case("http2/8.5/2", "CONNECT as it should be, which nobody serves", replies(405), *MALFORMED)
def _(c):
    c.greet()
    c.send(c.open(change={":method": "CONNECT"}, drop=[":scheme", ":path"]))


@case("http2/8.5/3", "CONNECT without :authority", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.open(change={":method": "CONNECT"}, drop=[":scheme", ":path", ":authority"]))


@case("http2/8.5/4", "CONNECT with :protocol, which was not offered", *MALFORMED)
def _(c):
    c.greet()
    c.send(c.open(change={":method": "CONNECT"}, first=[(":protocol", "websocket")]))


@case("http2/8.7/1", "a call that is reset in the middle leaves room for the next", answers(5, status=0))
def _(c):
    c.greet()
    c.send(c.open(1), data(1, message()[:3], end=False), frames.reset(1))
    c.send(c.open(3), frames.reset(3), c.call(5))
    c.settle()
    expect(not c.fields(1) and not c.fields(3), "a call that was reset is answered")

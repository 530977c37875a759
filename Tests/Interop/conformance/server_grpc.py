# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: gRPC over HTTP/2, frame by frame, for calls with one message each way."""

import base64

import frames
from cases import Suite, answers, closes, expect, replies, resets
from frames import DATA, END_STREAM, HEADERS, data, headers, message

suite = Suite()
case = suite.case

# What a server may say of a request that does not hold exactly one message: the list of status codes
# has UNIMPLEMENTED for it, implementations have INTERNAL.
NOT_ONE_MESSAGE = answers(status=(12, 13))
LIMIT = 4 << 20


# Requests that are no call.


@case("grpc/request/1", "GET / as a browser sends it", replies(405))
def _(c):
    c.greet()
    changes = {":method": "GET", ":path": "/"}
    c.send(headers(1, c.block(change=changes, drop=["content-type", "te"]), end=True))


@case("grpc/request/2", "HEAD of a method's path", replies(405))
def _(c):
    c.greet()
    c.send(headers(1, c.block(change={":method": "HEAD"}), end=True))


@case("grpc/request/3", "PUT with a message", replies(405))
def _(c):
    c.greet()
    c.send(c.call(change={":method": "PUT"}))


CONTENT_TYPES = (
    ("4", "application/json", replies(415)),
    ("5", "application/grpcurl", replies(415)),
    ("6", "", replies(415)),
    ("7", "application/grpc+proto", answers(status=0)),
    ("8", "application/grpc; charset=utf-8", answers(status=0), replies(415)),
    ("9", "Application/gRPC", answers(status=0), replies(415)),
)

for number, value, *right in CONTENT_TYPES:

    @case(f"grpc/request/{number}", f'content-type "{value}"', *right)
    def _(c, value=value):
        c.greet()
        c.send(c.call(change={"content-type": value}))


@case("grpc/request/10", "no content-type", replies(415))
def _(c):
    c.greet()
    c.send(c.call(drop=["content-type"]))


@case("grpc/request/11", "no te", answers(status=0), answers(status=13), resets(1, "PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.call(drop=["te"]))


@case("grpc/request/12", "an :authority that is not the server's", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(change={":authority": "elsewhere.example:1"}))


PATHS = (
    "/chord.v1.ChordService/NoSuchMethod", "/no.such.Service/FindSuccessor", "/", "//", "/a", "/a/",
    "//a", "/a/b/c", "/chord.v1.ChordService/", "/chord.v1.ChordService", "/%63hord.v1.ChordService/Notify",
    "/a/b?c=d", "/" + "a" * 4_000 + "/b",
)  # fmt: skip

for number, path in enumerate(PATHS, 1):

    @case(f"grpc/path/{number}", f"the path {path[:40]}", answers(status=12))
    def _(c, path=path):
        c.greet()
        c.send(c.call(change={":path": path}))
        c.settle()
        told = c.field(1, "grpc-message") or ""
        expect(all(" " <= letter <= "~" for letter in told), "grpc-message is not plain text")
        expect(len(c.of_type(HEADERS, 1)) == 1, "a failure alone comes in one header list")


@case("grpc/path/14", "a path of bytes that are no UTF-8",
      answers(status=12), resets(1, "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(change={":path": b"/\xff\xfe/\xc3"}))
    c.wait(lambda frame: frame.type == HEADERS)
    told = c.field(1, "grpc-message") or ""
    expect(all(" " <= letter <= "~" for letter in told), "grpc-message is not plain text")


# Header fields with a meaning.


for number, value in enumerate(("1", "S", "", "123456789S", "-1S", "+1S", "1 S", "1X", "1s", "1.5S"), 1):

    @case(f"grpc/timeout/{number}", f'grpc-timeout "{value}"',
          answers(status=(3, 13)), resets(1, "PROTOCOL_ERROR"))  # fmt: skip
    def _(c, value=value):
        c.greet()
        c.send(c.call(extra=[("grpc-timeout", value)]))


for number, value in enumerate(("99999999H", "60M", "20S", "20000m", "20000000u", "99999999n"), 11):

    @case(f"grpc/timeout/{number}", f"grpc-timeout {value}", answers(status=0))
    def _(c, value=value):
        c.greet()
        c.send(c.call(extra=[("grpc-timeout", value)]))


@case("grpc/timeout/17", "grpc-timeout 0n", answers(status=(0, 4)))
def _(c):
    c.greet()
    c.send(c.call(extra=[("grpc-timeout", "0n")]))


@case("grpc/encoding/1", "an unknown grpc-encoding; the answer names those known",
      answers(status=12))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(extra=[("grpc-encoding", "x-unknown")], payload=message(b"?", flag=1)))
    c.settle()
    expect("identity" in (c.field(1, "grpc-accept-encoding") or ""), "no grpc-accept-encoding")


@case("grpc/encoding/2", "grpc-encoding identity, and an unknown grpc-accept-encoding",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(extra=[("grpc-encoding", "identity"), ("grpc-accept-encoding", "x-unknown")]))


@case("grpc/encoding/3", "a message marked compressed without grpc-encoding", answers(status=(12, 13)))
def _(c):
    c.greet()
    c.send(c.call(payload=message(b"compressed?", flag=1)))


@case("grpc/encoding/4", "a compressed flag of 2", answers(status=13))
def _(c):
    c.greet()
    c.send(c.call(payload=message(flag=2)))


@case("grpc/metadata/1", "metadata with -bin that is not base64", answers(status=(3, 13)),
      resets(1, "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(extra=[("x-test-bin", "not base64!")]))


@case("grpc/metadata/2", "metadata with -bin, padded and not, and several in one field",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    coded = base64.b64encode(b"\0\xff1").decode() + "," + base64.b64encode(b"four").decode()
    c.send(c.call(extra=[("x-bin", "AA=="), ("x-bin", "AA"), ("x-bin", coded), ("x-bin", "")]))


@case("grpc/metadata/3", "names reserved by gRPC, with unknown values",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(extra=[("grpc-unknown", "x"), ("grpc-status", "7"), ("grpc-trace-bin", "AAA")]))


@case("grpc/metadata/4", "12 KiB of metadata under one name", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call(extra=[("x-test", "v" * 1_000)] * 12))


# Messages and frames, which do not align.


@case("grpc/message/1", "a call in the plainest form; the answer's parts are in order", answers(status=0))
def _(c):
    c.greet()
    c.send(c.call())
    c.settle()
    kinds = [frame.type for frame in c.frames if frame.stream == 1]
    expect(kinds == [HEADERS, DATA, HEADERS], f"the answer is {c.story()}")
    expect(c.field(1, "content-type", ).startswith("application/grpc"), "no content-type")
    body = c.body(1)
    expect(body[0] == 0 and int.from_bytes(body[1:5], "big") == len(body) - 5, "no message")
    expect(c.of_type(HEADERS, 1)[-1].flags & END_STREAM, "the trailers do not end the stream")


@case("grpc/message/2", "END_STREAM in an empty DATA frame", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open(), data(1, message(), end=False), data(1))


@case("grpc/message/3", "END_STREAM in an empty DATA frame that comes much later", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open(), data(1, message(), end=False))
    c.settle()
    expect(not c.fields(1), "an answer before the request's end")
    c.send(data(1))


@case("grpc/message/4", "a prefix byte by byte, with empty frames between", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open())
    for byte in message():
        c.send(data(1, bytes([byte]), end=False), data(1, end=False))
    c.send(data(1))


@case("grpc/message/5", "a request that ends with its headers", NOT_ONE_MESSAGE)
def _(c):
    c.greet()
    c.send(headers(1, c.block(), end=True))


@case("grpc/message/6", "a request with an empty DATA frame and nothing else", NOT_ONE_MESSAGE)
def _(c):
    c.greet()
    c.send(c.open(), data(1))


@case("grpc/message/7", "two messages in one frame", NOT_ONE_MESSAGE)
def _(c):
    c.greet()
    c.send(c.call(payload=message() * 2))


@case("grpc/message/8", "two messages in two frames", NOT_ONE_MESSAGE)
def _(c):
    c.greet()
    c.send(c.open(), data(1, message(), end=False), data(1, message()))


@case("grpc/message/9", "a thousand messages in one frame", NOT_ONE_MESSAGE)
def _(c):
    c.greet()
    c.send(c.call(payload=message() * 1_000))


@case("grpc/message/10", "a message without its last byte", answers(status=13))
def _(c):
    c.greet()
    c.send(c.call(payload=message(b"1234", length=5)))


@case("grpc/message/11", "three bytes of a prefix", answers(status=13))
def _(c):
    c.greet()
    c.send(c.call(payload=message()[:3]))


@case("grpc/message/12", "a message and one byte", answers(status=(12, 13)))
def _(c):
    c.greet()
    c.send(c.call(payload=message() + b"\0"))


@case("grpc/message/13", "a prefix that claims 4 MiB and a byte", answers(status=8))
def _(c):
    c.greet()
    c.send(c.call(payload=message(length=LIMIT + 1)))


@case("grpc/message/14", "a prefix that claims 4 GiB, in a request that continues",
      answers(status=8), resets(1, "NO_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), data(1, message(length=2**32 - 1), end=False))
    c.wait(lambda frame: frame.type == HEADERS)
    c.send(data(1, bytes(10_000), end=False))
    return lambda: expect(c.field(1, "grpc-status") == "8", "the status does not come")


@case("grpc/message/15", "a message for a method that does not exist, of 1 MiB", answers(status=12))
def _(c):
    c.greet()
    c.send(c.open(change={":path": "/no.such.Service/Method"}))
    c.upload(1, message(bytes(1 << 20)))


# Calls beside each other.


@case("grpc/calls/1", "a hundred calls in one write", answers(199, status=0))
def _(c):
    c.greet()
    c.send(b"".join(c.call(stream) for stream in range(1, 200, 2)))
    c.settle()
    wrong = [s for s in range(1, 200, 2) if c.field(s, "grpc-status") != "0"]
    expect(not wrong, f"no answer on {wrong}")


@case("grpc/calls/2", "two calls whose bytes alternate", answers(1, status=0))
def _(c):
    c.greet()
    c.send(c.open(1), c.open(3))
    for byte in message():
        c.send(data(3, bytes([byte]), end=False), data(1, bytes([byte]), end=False))
    c.send(data(3), data(1))
    c.settle()
    expect(c.field(3, "grpc-status") == "0", "the second call is lost")


@case("grpc/calls/3", "calls that fail in every way do not affect one that waits", answers(1, status=0))
def _(c):
    c.greet()
    c.send(c.open(1), data(1, message()[:2], end=False))
    c.send(c.call(3, payload=message(flag=2)), c.call(5, change={":path": "/"}))
    c.send(c.call(7, drop=["content-type"]), headers(9, c.block(), end=True))
    c.send(c.call(11, extra=[("Upper", "no")]), c.open(13), frames.reset(13))
    c.settle()
    c.send(data(1, message()[2:]))


MANY = range(1, 40, 2)


def heads_first(c, *frames_after):
    """The header lists of many calls, then what else: all in one write."""
    c.send(b"".join([*(c.open(stream) for stream in MANY), *frames_after]))


def unanswered(c, without=()):
    return [s for s in MANY if s not in without and c.field(s, "grpc-status") != "0"]


@case("grpc/calls/4", "twenty header lists, then the messages in that order", answers(39, status=0))
def _(c):
    c.greet()
    heads_first(c, *(data(stream, message()) for stream in MANY))
    c.settle()
    expect(not unanswered(c), f"no answer on {unanswered(c)}")


@case("grpc/calls/5", "twenty header lists, then the messages the other way round", answers(1, status=0))
def _(c):
    c.greet()
    heads_first(c, *(data(stream, message()) for stream in reversed(MANY)))
    c.settle()
    expect(not unanswered(c), f"no answer on {unanswered(c)}")


@case("grpc/calls/6", "twenty header lists, the third call given up, and the messages of the others",
      answers(39, status=0))  # fmt: skip
def _(c):
    c.greet()
    heads_first(c, frames.reset(5), *(data(stream, message()) for stream in MANY if stream != 5))
    c.settle()
    expect(not unanswered(c, (5,)), f"no answer on {unanswered(c, (5,))}")
    expect(c.field(5, "grpc-status") is None, "who has given up is answered")


@case("grpc/calls/7", "twenty header lists, messages in order but for one in two frames and one too late",
      answers(3, status=0))  # fmt: skip
def _(c):
    c.greet()
    split = data(7, message()[:3], end=False) + data(7, message()[3:])
    heads_first(c, *(split if s == 7 else data(s, message()) for s in MANY if s != 3))
    c.settle()
    expect(not unanswered(c, (3,)), f"no answer on {unanswered(c, (3,))}")
    c.send(data(3, message()))


# Messages that come back: for a server whose method echoes.


for number, size in enumerate((0, 1, 16_379, 16_380, 65_536, 1 << 20, LIMIT), 1):

    @case(f"grpc/echo/{number}", f"a message of {size} bytes comes back", answers(status=0), needs=("echoes",))
    def _(c, size=size):
        c.greet((frames.INITIAL_WINDOW_SIZE, 2**31 - 1))
        c.send(frames.window(0, 2**31 - 1 - frames.DEFAULT_WINDOW), c.open())
        body = message(frames.filler(size))
        c.upload(1, body)
        c.wait(lambda frame: frame.stream == 1 and frame.flags & END_STREAM)
        expect(c.body(1) == body, f"{len(c.body(1))} other bytes come back")


@case("grpc/echo/8", "a message of 1000 bytes in frames of one byte comes back",
      answers(status=0), needs=("echoes",))  # fmt: skip
def _(c):
    c.greet()
    body = message(bytes(range(250)) * 4)
    c.send(c.open(), b"".join(data(1, bytes([byte]), end=False) for byte in body), data(1))
    c.settle()
    expect(c.body(1) == body, f"{len(c.body(1))} other bytes come back")


@case("grpc/echo/9", "a message of 100 bytes through a window of 7, as it is opened again",
      answers(status=0), needs=("echoes",))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 7))
    body = message(bytes(range(100)))
    c.send(c.open(), data(1, body))
    while not c.is_closed and len(c.body(1)) < len(body):
        before = len(c.body(1))
        c.wait(lambda frame: frame.type == DATA)
        c.settle()
        expect(len(c.body(1)) - before <= 7, "more came than the window allows")
        c.send(frames.window(1, 7))
    expect(c.body(1) == body, "other bytes come back")


@case("grpc/echo/10", "a message of 4 MiB and a byte", answers(status=8),
      closes("ENHANCE_YOUR_CALM"), resets(1, "NO_ERROR"), needs=("echoes",))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open())
    c.upload(1, message(bytes(LIMIT + 1)))
    c.wait(lambda frame: frame.stream == 1 and frame.type == HEADERS)
    expect(c.field(1, "grpc-status") == "8", "the status does not come")


@case("grpc/echo/11", "each of twenty calls whose header lists came first gets its own message",
      answers(39, status=0), needs=("echoes",))  # fmt: skip
def _(c):
    c.greet()
    sent = {stream: message(f"call {stream}".encode()) for stream in MANY}
    heads_first(c, *(data(stream, body) for stream, body in sent.items()))
    c.settle()
    wrong = [stream for stream, body in sent.items() if c.body(stream) != body]
    expect(not wrong, f"another message came back on {wrong}")

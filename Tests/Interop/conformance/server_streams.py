# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: gRPC over HTTP/2 for calls with streams of messages.

All but those of health's Watch call chord.test.Stream, a service of plain bytes: Echo sends each message
back as it comes, Sum answers "<messages> <bytes>" at the end, Produce takes "<messages> <bytes>" and sends
as many, Hold sends the first message back and waits for its end, Fail takes "<code> <text>" and fails so.
A handler runs beside the connection: a case waits for the end of its stream, PINGs do not do.
"""

import frames
from cases import Suite, answers, closes, expect, ignores, resets
from frames import DATA, HEADERS, RST_STREAM, data, filler, headers, message

suite = Suite()

LIMIT = 4 << 20
LATE = (closes("STREAM_CLOSED"), resets(1, "STREAM_CLOSED"))
THREE = (b"one", b"", filler(300))


def case(number, says, *outcomes, needs="streams"):
    return suite.case(f"grpc-stream/{number}", says, *outcomes, needs=(needs,))


def begin(c, method, stream=1, extra=(), end=False):
    """The head of a call of the service."""
    block = c.block(change={":path": f"/chord.test.Stream/{method}"}, extra=extra)
    return headers(stream, block, end=end)


def joined(payloads):
    return b"".join(message(payload) for payload in payloads)


def comes_back(c, payloads, stream=1):
    c.finished(stream)
    expect_messages(c, payloads, stream)


def expect_messages(c, payloads, stream=1):
    found = frames.messages(c.body(stream))
    expect(found == [(0, each) for each in payloads], f"other messages come: {len(found)}")


def await_messages(c, count, stream=1):
    c.until(lambda: len(frames.messages(c.body(stream))) >= count or c.has_ended(stream))


# Messages and frames, which do not align.


@case("messages/1", "three messages in one frame, one of them empty", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, joined(THREE)))
    comes_back(c, THREE)


@case("messages/2", "three messages byte by byte, with empty frames between", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"))
    # Not too many: empty frames in a row of them are taken for an attack.
    for byte in joined([b"one", b"", b"three"]):
        c.send(data(1, bytes([byte]), end=False), data(1, end=False))
    c.send(data(1))
    comes_back(c, [b"one", b"", b"three"])


@case("messages/3", "messages cut inside their prefixes, each time elsewhere, and read in between",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    c.send(begin(c, "Echo"))
    rest = b""
    for cut in range(1, 5):
        whole = rest + message(bytes([cut]))
        following = message(bytes([cut, cut]))
        c.send(data(1, whole + following[:cut], end=False))
        await_messages(c, 2 * cut - 1)
        rest = following[cut:]
    c.send(data(1, rest))
    comes_back(c, [bytes([cut]) * count for cut in range(1, 5) for count in (1, 2)])


@case("messages/4", "a thousand messages in frames of 777 bytes", answers(status=0))
def _(c):
    c.greet()
    payloads = [filler(index % 100) for index in range(1_000)]
    c.send(begin(c, "Echo"))
    body = joined(payloads)
    for start in range(0, len(body), 777):
        c.send(data(1, body[start : start + 777], end=False))
    c.send(data(1))
    comes_back(c, payloads)


@case("messages/5", "a thousand empty messages in one frame", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, message() * 1_000))
    comes_back(c, [b""] * 1_000)


@case("messages/6", "a stream without a message", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1))
    comes_back(c, [])


@case("messages/7", "a stream that ends with its headers", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", end=True))
    comes_back(c, [])


@case("messages/8", "a message of 4 MiB comes back", answers(status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, frames.LARGEST_WINDOW))
    c.send(frames.window(0, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW), begin(c, "Echo"))
    payload = filler(LIMIT)
    c.upload(1, message(payload))
    comes_back(c, [payload])


@case("messages/9", "a prefix that claims 4 MiB and a byte, after a message", answers(status=8))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, message(b"good") + message(length=LIMIT + 1), end=False))
    comes_back(c, [b"good"])


@case("messages/10", "a prefix that claims 4 GiB, in a stream that continues", answers(status=8))
def _(c):
    c.greet()
    c.send(begin(c, "Sum"), data(1, message(length=2**32 - 1), end=False))
    c.finished()
    c.send(data(1, bytes(10_000), end=False), data(1))


for number, flag in enumerate((2, 3, 128, 255), 11):

    @case(f"messages/{number}", f"a compressed flag of {flag}, after a message", answers(status=13))
    def _(c, flag=flag):
        c.greet()
        c.send(begin(c, "Echo"), data(1, message(b"good") + message(b"bad", flag=flag)))
        comes_back(c, [b"good"])


@case("messages/15", "ten messages, each after the answer to the one before", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"))
    for index in range(10):
        c.send(data(1, message(bytes([index])), end=False))
        await_messages(c, index + 1)
    c.send(data(1))
    comes_back(c, [bytes([index]) for index in range(10)])


@case("messages/16", "messages of a client's stream; the answer waits for its end", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Sum"), data(1, joined(THREE), end=False))
    c.settle()
    expect(not c.of_type(DATA, 1), "an answer before the stream's end")
    c.send(data(1, message(b"four")))
    comes_back(c, [b"4 307"])


@case("messages/17", "a message, and a thousand for an answer, of which some are empty", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Produce"), data(1, message(b"1000 3")))
    c.send(begin(c, "Produce", 3), data(3, message(b"1000 0")))
    comes_back(c, [b""] * 1_000, 3)
    comes_back(c, [bytes([index & 255]) * 3 for index in range(1_000)])


# The end of the requests.


@case("end/1", "END_STREAM in an empty frame; the answer does not wait for it", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, message(b"first"), end=False))
    await_messages(c, 1)
    expect(not c.has_ended(1), "the answer ends before the request")
    c.send(data(1))
    comes_back(c, [b"first"])


@case("end/2", "END_STREAM in trailers, which mean nothing in a request", answers(status=0))
def _(c):
    c.greet()
    trailers = headers(1, frames.block([("checksum", "17")]), end=True)
    c.send(begin(c, "Echo"), data(1, message(b"first"), end=False), trailers)
    comes_back(c, [b"first"])


CUTS = (
    ("3", "a message without its last byte", message(b"1234", length=5)),
    ("4", "three bytes of a prefix", message()[:3]),
    ("5", "a prefix without its message", message(length=1)),
)

for number, says, cut in CUTS:

    @case(f"end/{number}", f"a message, then END_STREAM in {says}", answers(status=13))
    def _(c, cut=cut):
        c.greet()
        c.send(begin(c, "Echo"), data(1, message(b"first") + cut))
        comes_back(c, [b"first"])


@case("end/6", "trailers inside a message", answers(status=13))
def _(c):
    c.greet()
    trailers = headers(1, frames.block([("checksum", "17")]), end=True)
    c.send(begin(c, "Sum"), data(1, message(b"1234", length=5), end=False), trailers)
    c.finished()


AFTER = (
    ("7", "a message", lambda: data(1, message(b"late"))),
    ("8", "an empty DATA frame", lambda: data(1)),
    ("9", "trailers", lambda: headers(1, frames.block([("checksum", "17")]), end=True)),
)

for number, says, late in AFTER:

    @case(f"end/{number}", f"{says} after END_STREAM, while the answer is open", *LATE)
    def _(c, late=late):
        c.greet()
        c.send(begin(c, "Hold"), data(1, message(b"last")))
        await_messages(c, 1)
        c.send(late())


@case("end/10", "a server that has said all before the client: status, then RST_STREAM with NO_ERROR",
      answers(status=9))  # fmt: skip
def _(c):
    c.greet()
    c.send(begin(c, "Fail"), data(1, message(b"9 enough"), end=False))
    c.until(lambda: c.resets(1))
    expect([frame.error for frame in c.resets(1)] == ["NO_ERROR"], "another code than NO_ERROR")
    last = [frame for frame in c.frames if frame.stream == 1 and frame.type in (HEADERS, RST_STREAM)]
    expect(last[-1].type == RST_STREAM, "the status comes after the reset")
    # What was on its way is dropped.
    c.send(data(1, message(b"late"), end=False), data(1))


# Metadata.


@case("metadata/1", "initial metadata goes ahead of the first message, which is still to come",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("x-echo-initial", "ahead")]))
    c.until(lambda: c.of_type(HEADERS, 1))
    expect(c.field(1, "x-echo-initial") == "ahead" and c.field(1, ":status") == "200", "it is not there")
    expect(not c.of_type(DATA, 1), "a message without a request")
    c.send(data(1, message(b"a")))
    comes_back(c, [b"a"])
    expect(len(c.of_type(HEADERS, 1)) == 2, f"the answer is {c.story()}")


@case("metadata/2", "trailing metadata goes with the status alone", answers(status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("x-echo-trailing-bin", "AP8")]), data(1, message(b"a")))
    c.finished()
    head, tail = [fields for frame, _, fields in c.header_lists if frame.stream == 1]
    expect("x-echo-trailing-bin" not in dict(head), "it goes ahead")
    expect(dict(tail)["x-echo-trailing-bin"] in ("AP8", "AP8="), "it does not come back")
    expect(":status" not in dict(tail) and "content-type" not in dict(tail), "trailers are a head")


@case("metadata/3", "a failure without a message, and metadata with it, in one header list", answers(status=5))
def _(c):
    c.greet()
    c.send(begin(c, "Fail", extra=[("x-echo-trailing-bin", "AP8")]), data(1, message(b"5 none")))
    c.finished()
    expect(len(c.of_type(HEADERS, 1)) == 1, "a failure alone comes in one header list")
    expect(c.field(1, "grpc-message") == "none", "another grpc-message")
    expect(c.field(1, "content-type").startswith("application/grpc"), "no content-type")


@case("metadata/4", "a failure behind initial metadata", answers(status=5))
def _(c):
    c.greet()
    c.send(begin(c, "Fail", extra=[("x-echo-initial", "ahead")]), data(1, message(b"5 none")))
    c.finished()
    head, tail = [fields for frame, _, fields in c.header_lists if frame.stream == 1]
    expect("grpc-status" not in dict(head) and dict(tail)["grpc-status"] == "5", "in the wrong list")


@case("metadata/5", "metadata with -bin that is not base64", answers(status=(3, 13)))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("x-test-bin", "not base64!")]), data(1, message(b"a"), end=False))
    c.finished()


for number, path in ((6, "/chord.test.Stream/None"), (7, "/no.such.Service/Echo")):

    @case(f"metadata/{number}", f"messages for the path {path}: a status in one header list, at once",
          answers(status=12))  # fmt: skip
    def _(c, path=path):
        c.greet()
        c.send(c.open(change={":path": path}), data(1, message(b"a"), end=False))
        c.finished()
        expect(len(c.of_type(HEADERS, 1)) == 1, "a failure alone comes in one header list")
        expect(not c.of_type(DATA, 1), "and a message")
        # A client that has not heard yet goes on.
        c.send(data(1, message(b"b"), end=False), data(1))


# A node's own: health's Watch, whose request is one message and whose answers end with the node.


def watch(c, stream=1):
    return c.open(stream, change={":path": "/grpc.health.v1.Health/Watch"})


@case("watch/1", "Watch: an answer at once, and no end", ignores(), needs="health")
def _(c):
    c.greet()
    c.send(watch(c), data(1, message()))
    await_messages(c, 1)
    expect_messages(c, [b"\x08\x01"])
    return lambda: expect(not c.has_ended(1), "the stream ends")


@case("watch/2", "Watch without a message", answers(status=(12, 13)), needs="health")
def _(c):
    c.greet()
    c.send(watch(c), data(1))
    c.finished()


@case("watch/3", "Watch with a deadline", answers(status=4), needs="health")
def _(c):
    c.greet()
    head = c.open(change={":path": "/grpc.health.v1.Health/Watch"}, extra=[("grpc-timeout", "300m")])
    c.send(head, data(1, message()))
    c.finished()


@case("watch/4", "Watch given up; the next is answered", ignores(), needs="health")
def _(c):
    c.greet()
    c.send(watch(c), data(1, message()))
    await_messages(c, 1)
    c.send(frames.reset(1), watch(c, 3), data(3, message()))
    await_messages(c, 1, 3)
    expect_messages(c, [b"\x08\x01"], 3)


@case("watch/5", "Watch for a service that the node does not have", ignores(), needs="health")
def _(c):
    c.greet()
    c.send(watch(c), data(1, message(b"\x0a\x04none")))
    await_messages(c, 1)
    expect_messages(c, [b"\x08\x03"])


@case("watch/6", "Watch with two messages", answers(status=(12, 13)), needs="health")
def _(c):
    c.greet()
    c.send(watch(c), data(1, message() * 2))

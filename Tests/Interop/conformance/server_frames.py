# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: RFC 9113, section 6, frame by frame, and the floods of 10.5."""

import frames
from cases import Suite, answers, closes, expect, ignores, replies, resets
from frames import ACK, CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE
from frames import END_HEADERS, END_STREAM, LARGEST_WINDOW, PADDED, RST_STREAM, SETTINGS
from frames import WINDOW_UPDATE, WITH_PRIORITY, data, frame, headers, message

suite = Suite()
case = suite.case


# 6.1 DATA.


@case("http2/6.1/1", "DATA on stream 0", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), data(0, message()))


@case("http2/6.1/2", "DATA whose padding is as long as its payload", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), data(1, bytes([6]) + message(), flags=PADDED))


@case("http2/6.1/3", "DATA with PADDED and no byte for the length",
      closes("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), data(1, b"", flags=PADDED))


@case("http2/6.1/4", "DATA with the longest padding", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open(), data(1, frames.padded(message(), 255), flags=PADDED))


@case("http2/6.1/5", "a message in frames of one byte and 255 of padding, beyond the windows in sum:"
      " padding is given back too", answers())  # fmt: skip
def _(c):
    c.greet()
    room = min(
        c.limits.get(frames.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW),
        frames.DEFAULT_WINDOW + c.increments(0),
    )
    body = message(bytes(room // 257 + 100))
    c.send(c.open())
    for start in range(0, len(body), 128):
        pieces = (
            data(1, frames.padded(bytes([byte]), 255), end=False, flags=PADDED)
            for byte in body[start : start + 128]
        )
        c.send(b"".join(pieces))
        # The windows are the server's to open again; not before is more sent.
        c.settle()
    c.send(data(1))


# 6.2 HEADERS.


@case("http2/6.2/1", "HEADERS on stream 0", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(0, c.block()))


@case("http2/6.2/2", "HEADERS whose padding is longer than its payload", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    block = c.block()
    c.send(headers(1, bytes([len(block) + 1 & 255]) + block[:200], flags=END_HEADERS | PADDED))


@case("http2/6.2/3", "HEADERS with PADDED and an empty payload",
      closes("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(headers(1, b"", flags=END_HEADERS | PADDED))


@case("http2/6.2/4", "HEADERS with padding and priority fields", answers(status=0))
def _(c):
    c.greet()
    payload = frames.padded(frames.priority() + c.block(), 100)
    c.send(headers(1, payload, flags=END_HEADERS | PADDED | WITH_PRIORITY), data(1, message()))


@case("http2/6.2/5", "HEADERS too short for its priority fields",
      closes("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(headers(1, bytes(4), flags=END_HEADERS | WITH_PRIORITY))


# 6.3 PRIORITY.


@case("http2/6.3/1", "PRIORITY on stream 0", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frame(PRIORITY, 0, 0, frames.priority()))


@case("http2/6.3/2", "PRIORITY of 4 bytes",
      closes("FRAME_SIZE_ERROR"), resets(1, "FRAME_SIZE_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), frame(PRIORITY, 0, 1, bytes(4)))


@case("http2/6.3/3", "PRIORITY on an idle stream, which is then used", answers(status=0))
def _(c):
    c.greet()
    c.send(frame(PRIORITY, 0, 1, frames.priority()), c.call())


# 6.4 RST_STREAM.


@case("http2/6.4/1", "RST_STREAM on stream 0", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.reset(0))


@case("http2/6.4/2", "RST_STREAM of 3 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), frame(RST_STREAM, 0, 1, bytes(3)))


@case("http2/6.4/3", "RST_STREAM of 5 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), frame(RST_STREAM, 0, 1, bytes(5)))


@case("http2/6.4/4", "RST_STREAM with a code that does not exist", answers(3, status=0))
def _(c):
    c.greet()
    c.send(c.open(), frames.reset(1, 0xDEAD), c.call(3))


# 6.5 SETTINGS.


@case("http2/6.5/1", "SETTINGS with ACK and a payload", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frames.settings((frames.ENABLE_PUSH, 0), flags=ACK))


@case("http2/6.5/2", "SETTINGS on stream 1", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.settings(stream=1))


@case("http2/6.5/3", "SETTINGS of 3 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frame(SETTINGS, 0, 0, bytes(3)))


@case("http2/6.5/4", "SETTINGS of 7 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frame(SETTINGS, 0, 0, bytes(7)))


SETTING_CASES = (
    ("1", "ENABLE_PUSH of 2", (frames.ENABLE_PUSH, 2), "PROTOCOL_ERROR"),
    ("2", "INITIAL_WINDOW_SIZE of 2^31", (frames.INITIAL_WINDOW_SIZE, 2**31), "FLOW_CONTROL_ERROR"),
    ("3", "MAX_FRAME_SIZE of 2^14 - 1", (frames.MAX_FRAME_SIZE, 2**14 - 1), "PROTOCOL_ERROR"),
    ("4", "MAX_FRAME_SIZE of 2^24", (frames.MAX_FRAME_SIZE, 2**24), "PROTOCOL_ERROR"),
    ("5", "ENABLE_CONNECT_PROTOCOL of 2", (frames.ENABLE_CONNECT_PROTOCOL, 2), "PROTOCOL_ERROR"),
    ("6", "NO_RFC7540_PRIORITIES of 2", (frames.NO_RFC7540_PRIORITIES, 2), "PROTOCOL_ERROR"),
)  # fmt: skip

for number, says, pair, wrong in SETTING_CASES:

    @case(f"http2/6.5.2/{number}", f"SETTINGS with {says}", closes(wrong))
    def _(c, pair=pair):
        c.greet()
        c.send(frames.settings(pair))


@case("http2/6.5.2/7", "MAX_FRAME_SIZE and the others at their largest, then a call",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet(
        (frames.MAX_FRAME_SIZE, 2**24 - 1),
        (frames.INITIAL_WINDOW_SIZE, LARGEST_WINDOW),
        (frames.HEADER_TABLE_SIZE, 2**32 - 1),
        (frames.MAX_CONCURRENT_STREAMS, 2**32 - 1),
        (frames.MAX_HEADER_LIST_SIZE, 2**32 - 1),
    )
    c.send(c.call())


@case("http2/6.5.2/8", "MAX_CONCURRENT_STREAMS of 0, which is about the server's streams only",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.MAX_CONCURRENT_STREAMS, 0))
    c.send(c.call())


@case("http2/6.5.2/9", "HEADER_TABLE_SIZE of 0; the answer makes no use of the table",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.HEADER_TABLE_SIZE, 0))
    c.decoder.max_allowed_table_size = 0
    c.send(c.call())


@case("http2/6.5.3/1", "a setting twice in one frame: the last one counts", answers(status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0), (frames.INITIAL_WINDOW_SIZE, 1000))
    c.send(c.call())


@case("http2/6.5.3/2", "three SETTINGS frames: three acknowledgements", ignores())
def _(c):
    c.greet()
    c.send(frames.settings() * 3)
    return lambda: expect(
        len(c.settings_acknowledged()) == 4, "not each SETTINGS is acknowledged"
    )


# 6.6 PUSH_PROMISE.


@case("http2/6.6/1", "PUSH_PROMISE from a client", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + c.block()))


# 6.7 PING.


@case("http2/6.7/1", "PING; the answer has the same bytes", ignores())
def _(c):
    c.greet()
    c.send(frames.ping(b"\x00\xff 1234\n"))
    answer = c.wait(lambda each: each.type == PING)
    expect(answer and answer.flags == ACK and answer.payload == b"\x00\xff 1234\n", "another answer")


@case("http2/6.7/2", "PING with ACK that nobody asked for; it is not answered", ignores())
def _(c):
    c.greet()
    c.send(frames.ping(b"unasked!", flags=ACK))
    return lambda: expect(
        all(each.payload != b"unasked!" for each in c.of_type(PING)), "it is answered"
    )


@case("http2/6.7/3", "PING on stream 1", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.ping(stream=1))


@case("http2/6.7/4", "PING of 6 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frames.ping(b"sixsix"))


# 6.8 GOAWAY.


@case("http2/6.8/1", "GOAWAY on stream 1", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.goaway(stream=1))


@case("http2/6.8/2", "GOAWAY of 7 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frame(GOAWAY, 0, 0, bytes(7)))


def finishes():
    """The server closes without calling it an error, as soon as nothing is left to do."""
    outcome = ignores()
    outcome.words = "the call is answered, and the connection closed"
    outcome.holds = lambda c: (
        c.is_closed
        and c.field(1, "grpc-status") == "0"
        and all(each.error == "NO_ERROR" for each in c.of_type(GOAWAY))
    )
    return outcome


@case("http2/6.8/3", "GOAWAY in the middle of a call", finishes())
def _(c):
    c.greet()
    c.send(c.open(), frames.goaway(reason=b"enough"), data(1, message()))
    c.wait(lambda each: False)


@case("http2/6.8/4", "GOAWAY with a code that does not exist, in the middle of a call", finishes())
def _(c):
    c.greet()
    c.send(c.open(), frames.goaway(code=0xDEAD), data(1, message()))
    c.wait(lambda each: False)


# 6.9 WINDOW_UPDATE.


@case("http2/6.9/1", "WINDOW_UPDATE by 0 on the connection", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.window(0, 0))


@case("http2/6.9/2", "WINDOW_UPDATE by 0 on a stream",
      resets(1, "PROTOCOL_ERROR"), closes("PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), frames.window(1, 0))


@case("http2/6.9/3", "WINDOW_UPDATE of 3 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frame(WINDOW_UPDATE, 0, 0, bytes(3)))


@case("http2/6.9/4", "WINDOW_UPDATE with the reserved bit set", answers(status=0))
def _(c):
    c.greet()
    c.send(c.open(), frames.window(1, 1 << 31 | 5), data(1, message()))


@case("http2/6.9.1/1", "a window of one byte: the answer stops there, and goes on byte by byte",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 1))
    c.send(c.call())
    c.settle()
    expect(len(c.body(1)) == 1, f"{len(c.body(1))} bytes came through a window of 1")
    c.send(frames.window(1, 1))
    c.settle()
    expect(len(c.body(1)) == 2, f"{len(c.body(1))} bytes came through a window of 2")
    c.send(frames.window(1, 10_000))


@case("http2/6.9.1/2", "the connection's window beyond 2^31 - 1", closes("FLOW_CONTROL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.window(0, LARGEST_WINDOW))


@case("http2/6.9.1/3", "a stream's window beyond 2^31 - 1", resets(1, "FLOW_CONTROL_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), frames.window(1, LARGEST_WINDOW))


@case("http2/6.9.2/1", "INITIAL_WINDOW_SIZE grows under an answer that waits", answers(status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(c.call())
    c.settle()
    expect(not c.body(1), "bytes came through a window of 0")
    c.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 1000)))


@case("http2/6.9.2/2", "INITIAL_WINDOW_SIZE shrinks until a window is below zero",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 3))
    c.send(c.call())
    c.settle()
    c.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 1)), frames.window(1, 2))
    c.settle()
    expect(len(c.body(1)) == 3, f"{len(c.body(1))} bytes came, 3 had room")
    c.send(frames.window(1, 10_000))


@case("http2/6.9.2/3", "INITIAL_WINDOW_SIZE that makes a stream's window pass 2^31 - 1",
      closes("FLOW_CONTROL_ERROR"))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 100))
    c.send(c.open(), frames.window(1, LARGEST_WINDOW - 100))
    c.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 101)))


# 6.10 CONTINUATION.


@case("http2/6.10/1", "a header block in HEADERS and three CONTINUATION frames", answers(status=0))
def _(c):
    c.greet()
    block = c.block()
    c.send(headers(1, block[:5], flags=0), frames.continuation(1, block[5:50], flags=0))
    c.send(frames.continuation(1, b"", flags=0), frames.continuation(1, block[50:]))
    c.send(data(1, message()))


@case("http2/6.10/2", "a header block with DATA inside", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), data(1, message()))


@case("http2/6.10/3", "CONTINUATION on stream 0", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frames.continuation(0, b""))


@case("http2/6.10/4", "CONTINUATION on another stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frames.continuation(3, b""))


@case("http2/6.10/5", "CONTINUATION after END_HEADERS", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.open(), frames.continuation(1, b""))


@case("http2/6.10/6", "CONTINUATION after END_HEADERS in a CONTINUATION", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frames.continuation(1, b""))
    c.send(frames.continuation(1, b""))


@case("http2/6.10/7", "CONTINUATION after DATA", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), data(1, b""), frames.continuation(1, b""))


# 10.5 Floods.


@case("http2/10.5/1", "a header block in a thousand CONTINUATION frames",
      closes("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frame(CONTINUATION, 0, 1) * 1_000)


@case("http2/10.5/2", "a header list over SETTINGS_MAX_HEADER_LIST_SIZE",
      resets(1, "ENHANCE_YOUR_CALM"), replies(431))  # fmt: skip
def _(c):
    c.greet()
    size = c.limits[frames.MAX_HEADER_LIST_SIZE]
    block = c.block(extra=[("filler", "x" * 2_000)] * (size // 2_000 + 1))
    c.send(headers(1, block[:16_000], flags=0), frames.continuation(1, block[16_000:]))
    c.send(data(1, message()))


@case("http2/10.5/3", "a few bytes that name one large field of the table again and again",
      resets(1, "ENHANCE_YOUR_CALM"), replies(431))  # fmt: skip
def _(c):
    c.greet()
    block = c.block() + frames.remembered("filler", "x" * 3_000) + frames.indexed(62) * 10_000
    c.with_headers(block)


@case("http2/10.5/4", "5000 calls that are reset at once",
      closes("ENHANCE_YOUR_CALM", "INTERNAL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    for first in range(1, 10_000, 500):
        c.send(b"".join(c.open(n) + frames.reset(n) for n in range(first, first + 500, 2)))


@case("http2/10.5/5", "5000 calls that make the server reset them", closes("ENHANCE_YOUR_CALM"))
def _(c):
    c.greet()
    for first in range(1, 10_000, 500):
        pairs = (c.open(n) + frames.window(n, LARGEST_WINDOW) for n in range(first, first + 500, 2))
        c.send(b"".join(pairs))
        # Streams that are not reset yet count as open.
        c.settle()


@case("http2/10.5/6", "SETTINGS with more entries than the server takes",
      closes("ENHANCE_YOUR_CALM"), ignores())  # fmt: skip
def _(c):
    c.greet()
    c.send(frames.settings(*[(0xF00, 1)] * 2_000))


@case("http2/10.5/7", "2000 empty DATA frames in a call; it is answered all the same",
      answers(status=0), closes("ENHANCE_YOUR_CALM"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), frame(DATA, 0, 1) * 2_000, data(1, message()))


@case("http2/10.5/8", "500 PING frames at once", ignores(), closes("ENHANCE_YOUR_CALM"))
def _(c):
    c.greet()
    c.send(frames.ping() * 500)

    def each_is_answered():
        found = [each for each in c.of_type(PING) if each.payload == b"conforms"]
        expect(c.is_closed or len(found) == 500, f"{len(found)} of 500 are answered")

    return each_is_answered

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: RFC 9113, sections 3.4 to 5.5."""

import frames
from cases import Suite, answers, closes, expect, hangs_up, ignores, resets
from frames import DATA, HEADERS, PING, PRIORITY, SETTINGS
from frames import END_HEADERS, END_STREAM, data, frame, headers, message

suite = Suite()
case = suite.case


# 3.4 Connection preface.


@case("http2/3.4/1", "the preface with empty SETTINGS; the server's SETTINGS come first", ignores())
def _(c):
    c.greet()
    expect(c.frames[0].type == SETTINGS and not c.frames[0].flags, "SETTINGS are not first")


@case("http2/3.4/2", "a preface with a wrong byte", closes("PROTOCOL_ERROR"), hangs_up())
def _(c):
    c.send(frames.PREFACE.replace(b"SM", b"SN"), frames.settings())


@case("http2/3.4/3", "a request of HTTP/1.1", closes("PROTOCOL_ERROR"), hangs_up())
def _(c):
    c.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")


@case("http2/3.4/4", "the preface, then PING and no SETTINGS", closes("PROTOCOL_ERROR"))
def _(c):
    c.send(frames.PREFACE, frames.ping())


@case("http2/3.4/5", "the preface byte by byte, then a call", answers(status=0))
def _(c):
    for byte in frames.PREFACE + frames.settings():
        c.send(bytes([byte]))
    c.send(c.call())


@case("http2/3.4/6", "preface, SETTINGS and a call at once, before any answer", answers(status=0))
def _(c):
    c.send(frames.PREFACE, frames.settings(), c.call())


@case("http2/3.4/7", "SETTINGS of the preface with ACK set", closes("PROTOCOL_ERROR"))
def _(c):
    c.send(frames.PREFACE, frames.settings(flags=frames.ACK))


@case("http2/3.4/8", "the preface a second time, in place of a frame",
      closes("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(frames.PREFACE)


# 4.1 Frame format, 4.2 frame size, 4.3 compression.


@case("http2/4.1/1", "a frame of an unknown type on stream 0", ignores())
def _(c):
    c.greet()
    c.send(frame(0xF7, 0xFF, 0, b"unknown"))


@case("http2/4.1/2", "PING with flags that mean nothing; the answer has ACK only", ignores())
def _(c):
    c.greet()
    c.send(frames.ping(flags=0xFE))
    answer = c.wait(lambda each: each.type == PING)
    expect(answer and answer.flags == frames.ACK, "the PING's answer carries other flags")


@case("http2/4.1/3", "PING with the reserved bit of the stream identifier set", ignores())
def _(c):
    c.greet()
    c.send(frames.ping(stream=1 << 31))
    expect(c.wait(lambda each: each.type == PING), "the PING is not answered")


@case("http2/4.1/4", "a call with the reserved bit of its stream identifier set", answers(status=0))
def _(c):
    c.greet()
    bit = 1 << 31
    c.send(headers(bit | 1, c.block()), data(bit | 1, message()))


@case("http2/4.1/5", "a call with flags that mean nothing on HEADERS and DATA", answers(status=0))
def _(c):
    c.greet()
    c.send(frame(HEADERS, END_HEADERS | 0xD2, 1, c.block()))
    c.send(frame(DATA, END_STREAM | 0xF6, 1, message()))


@case("http2/4.2/1", "a DATA frame of exactly 2^14 bytes", answers())
def _(c):
    c.greet()
    c.send(c.call(payload=message(bytes(frames.DEFAULT_FRAME - 5))))


@case("http2/4.2/2", "a DATA frame of 2^14 + 1 bytes",
      closes("FRAME_SIZE_ERROR"), resets(1, "FRAME_SIZE_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(payload=message(bytes(frames.DEFAULT_FRAME - 4))))


@case("http2/4.2/3", "a HEADERS frame of more than 2^14 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(c.call(extra=[("filler", "x" * frames.DEFAULT_FRAME)]))


@case("http2/4.2/4", "a SETTINGS frame of more than 2^14 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frames.settings(*[(0xFF00, 1)] * 2_731))


@case("http2/4.2/5", "an unknown frame of more than 2^14 bytes", closes("FRAME_SIZE_ERROR"))
def _(c):
    c.greet()
    c.send(frame(0xF7, 0, 0, bytes(frames.DEFAULT_FRAME + 1)))


@case("http2/4.2/6", "a frame header that claims 2^24 - 1 bytes, and nothing after it",
      closes("FRAME_SIZE_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(frame(DATA, 0, 1, length=2**24 - 1))


@case("http2/4.3/1", "a header block that does not decode", closes("COMPRESSION_ERROR"))
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\x80")


@case("http2/4.3/2", "a header block with PRIORITY inside", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frame(PRIORITY, 0, 1, frames.priority()))
    c.send(frames.continuation(1, b""))


@case("http2/4.3/3", "a header block with HEADERS of another stream inside",
      closes("PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), headers(3, c.block()))


@case("http2/4.3/4", "a header block with an unknown frame inside", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(headers(1, c.block(), flags=0), frame(0xF7, 0, 0), frames.continuation(1, b""))


@case("http2/4.3/5", "a malformed request fills the dynamic table, the next one uses it",
      answers(3, status=0))  # fmt: skip
def _(c):
    c.greet()
    c.with_headers(c.block(extra=[("Upper", "no")]) + frames.remembered("te", "trailers"))
    c.with_headers(c.block(drop=["te"]) + frames.indexed(62), 3)


@case("http2/4.3/6", "headers of a stream that is reset meanwhile fill the table all the same",
      answers(3, status=0))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(1, drop=["te"]), frames.reset(1))
    c.send(headers(1, frames.remembered("te", "trailers"), end=True))
    c.with_headers(c.block(drop=["te"]) + frames.indexed(62), 3)


# 5.1 Stream states.


@case("http2/5.1/1", "DATA on an idle stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(data(1, b"idle"))


@case("http2/5.1/2", "RST_STREAM on an idle stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.reset(1))


@case("http2/5.1/3", "WINDOW_UPDATE on an idle stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.window(1, 100))


@case("http2/5.1/4", "CONTINUATION on an idle stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(frames.continuation(1, c.block()))


def half_closed(c):
    """A call whose answer cannot leave: our window for it is empty."""
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(c.call())
    c.wait(lambda each: each.type == HEADERS)


@case("http2/5.1/5", "DATA on a half-closed stream",
      closes("STREAM_CLOSED"), resets(1, "STREAM_CLOSED"))  # fmt: skip
def _(c):
    half_closed(c)
    c.send(data(1, b"more"))


@case("http2/5.1/6", "HEADERS on a half-closed stream",
      closes("STREAM_CLOSED"), resets(1, "STREAM_CLOSED"))  # fmt: skip
def _(c):
    half_closed(c)
    c.send(headers(1, frames.block([("late", "yes")]), end=True))


@case("http2/5.1/7", "CONTINUATION on a half-closed stream",
      closes("STREAM_CLOSED", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    half_closed(c)
    c.send(frames.continuation(1, frames.block([("late", "yes")])))


@case("http2/5.1/8", "WINDOW_UPDATE and PRIORITY on a half-closed stream; the answer goes on",
      answers(status=0))  # fmt: skip
def _(c):
    half_closed(c)
    c.send(frame(PRIORITY, 0, 1, frames.priority()), frames.window(1, 1000))


def after_reset(c):
    c.greet()
    c.send(c.open(), frames.reset(1))


# A closed stream's frames may be an error or be ignored: RFC 9113 made a MAY of what was a MUST.
LATE = (closes("STREAM_CLOSED", "PROTOCOL_ERROR"), resets(1, "STREAM_CLOSED"), ignores())


@case("http2/5.1/9", "DATA after RST_STREAM", *LATE)
def _(c):
    after_reset(c)
    c.send(data(1, b"late"))


@case("http2/5.1/10", "HEADERS after RST_STREAM", *LATE)
def _(c):
    after_reset(c)
    c.send(c.open())


@case("http2/5.1/11", "CONTINUATION after RST_STREAM", closes("STREAM_CLOSED", "PROTOCOL_ERROR"))
def _(c):
    after_reset(c)
    c.send(frames.continuation(1, c.block()))


def after_answer(c):
    c.greet()
    c.send(c.call())
    c.wait(lambda each: each.type == HEADERS and each.flags & END_STREAM)


@case("http2/5.1/12", "DATA on a stream that both sides have ended", *LATE)
def _(c):
    after_answer(c)
    c.send(data(1, b"late"))


@case("http2/5.1/13", "HEADERS on a stream that both sides have ended", *LATE)
def _(c):
    after_answer(c)
    c.send(c.open())


@case("http2/5.1/14", "CONTINUATION on a stream that both sides have ended",
      closes("STREAM_CLOSED", "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    after_answer(c)
    c.send(frames.continuation(1, c.block()))


@case("http2/5.1/15", "WINDOW_UPDATE, RST_STREAM and PRIORITY on a closed stream", ignores())
def _(c):
    after_answer(c)
    c.send(frames.window(1, 1), frames.reset(1), frame(PRIORITY, 0, 1, frames.priority()))


@case("http2/5.1.1/1", "a request on an even stream", closes("PROTOCOL_ERROR"))
def _(c):
    c.greet()
    c.send(c.call(2))


# A stream that was passed over counts as closed from then on, so 5.1's choice holds here too.
@case("http2/5.1.1/2", "a request on a stream below one used before; it is not answered",
      closes("PROTOCOL_ERROR", "STREAM_CLOSED"), ignores())  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(5), c.call(3))
    c.settle()
    expect(not c.fields(3), "the call on the lower stream is answered")


@case("http2/5.1.1/3", "requests on streams that leave many out", answers(2**31 - 1, status=0))
def _(c):
    c.greet()
    c.send(c.call(1), c.call(1_001), c.call(2**31 - 1))


@case("http2/5.1.2/1", "one stream more than SETTINGS_MAX_CONCURRENT_STREAMS allows",
      resets(None, "REFUSED_STREAM", "PROTOCOL_ERROR"),
      closes("PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    limit = c.limits[frames.MAX_CONCURRENT_STREAMS]
    expect(limit <= 100_000, "the limit is no limit")
    block = frames.headers(1, c.block())
    for stream in range(1, 2 * limit + 3, 2):
        c.send(block[:5] + stream.to_bytes(4, "big") + block[9:])
    c.wait(lambda each: each.type in (frames.RST_STREAM, frames.GOAWAY))
    expect(all(each.stream == 2 * limit + 1 for each in c.of_type(frames.RST_STREAM)),
           "a stream within the limit was refused")  # fmt: skip


# 5.3 Priority, which is to be read and not obeyed.


@case("http2/5.3/1", "HEADERS with priority fields", answers(status=0))
def _(c):
    c.greet()
    block = frames.priority(dependency=11) + c.block()
    c.send(headers(1, block, flags=END_HEADERS | frames.WITH_PRIORITY), data(1, message()))


@case("http2/5.3/2", "HEADERS that depend on their own stream",
      answers(status=0), resets(1, "PROTOCOL_ERROR"), closes("PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    block = frames.priority(dependency=1) + c.block()
    c.send(headers(1, block, flags=END_HEADERS | frames.WITH_PRIORITY), data(1, message()))


@case("http2/5.3/3", "PRIORITY that depends on its own stream",
      ignores(), resets(1, "PROTOCOL_ERROR"), closes("PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(frame(PRIORITY, 0, 1, frames.priority(dependency=1)))


@case("http2/5.3/4", "PRIORITY_UPDATE of RFC 9218", ignores())
def _(c):
    c.greet()
    c.send(frame(0x10, 0, 0, (1).to_bytes(4, "big") + b"u=1"))


# 5.4 Errors, 5.5 extensions.


@case("http2/5.4.2/1", "a malformed request between two good ones: only it is lost",
      resets(3, "PROTOCOL_ERROR"))  # fmt: skip
def _(c):
    c.greet()
    c.send(c.call(1), c.call(3, extra=[("Upper", "no")]), c.call(5))
    c.settle()
    expect(c.field(1, "grpc-status") == c.field(5, "grpc-status") == "0", "a good call is lost")


@case("http2/5.5/1", "unknown frames before, inside and after a call", answers(status=0))
def _(c):
    c.greet()
    unknown = frame(0xB7, 0x5, 1, b"?")
    c.send(unknown, c.open(), unknown, data(1, message()), unknown)


@case("http2/5.5/2", "unknown settings; they are acknowledged", ignores())
def _(c):
    c.greet((0xF00, 7), (0, 0), (0xFFFF, 2**32 - 1))

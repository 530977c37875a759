# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a client: RFC 9113, sections 3.4 to 6.10, and header compression.

`status` is what the caller may be told, by gRPC's names; OK where the client must not mind. `told` is
what the reason must contain, where it is more than there must be one.
"""

import frames
from cases import Suite, anything, closes, ignores, resets
from frames import ACK, CONTINUATION, END_HEADERS, GOAWAY, LARGEST_WINDOW, PADDED
from frames import PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY
from frames import data, frame, headers, message, table_size

suite = Suite()
case = suite.case

LOST = ("UNAVAILABLE", "INTERNAL")


# 3.4 The server's preface.


@case("client/3.4/1", "PING before SETTINGS", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.send(frames.ping())


@case("client/3.4/2", "an answer of HTTP/1.1", closes("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


@case("client/3.4/3", "the end of the connection in place of SETTINGS", anything(), status=LOST)
def _(s):
    s.close()


@case("client/3.4/4", "the client's own preface", closes("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.send(frames.PREFACE, frames.settings())


@case("client/3.4/5", "half a SETTINGS frame, then the end", anything(), status=LOST)
def _(s):
    s.send(frames.settings((frames.MAX_FRAME_SIZE, 20_000))[:11])
    s.close()


# 4 Frames.


@case("client/4.1/1", "unknown frames before, inside and after an answer", ignores(), status="OK")
def _(s):
    stream = s.called()
    unknown = frame(0xB7, 0xFF, stream, b"?")
    s.send(unknown, s.head(stream), unknown, s.reply(stream), unknown, s.trailers(stream), unknown)


@case("client/4.1/2", "an answer byte by byte", ignores(), status="OK")
def _(s):
    for byte in s.answer(s.called()):
        s.send(bytes([byte]))


@case("client/4.2/1", "a DATA frame of more than the client takes", closes("FRAME_SIZE_ERROR"),
      resets(1, "FRAME_SIZE_ERROR"), status=LOST)  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(bytes(frames.DEFAULT_FRAME))))


@case("client/4.2/2", "a HEADERS frame of more than the client takes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(s.head(extra=[("filler", "x" * frames.DEFAULT_FRAME)]))


@case("client/4.2/3", "a frame header that claims 2^24 - 1 bytes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frame(SETTINGS, 0, 0, length=2**24 - 1))


@case("client/4.3/1", "a header block with PING inside", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(headers(1, frames.block(((":status", "200"),)), flags=0), frames.ping())


# 5.1 Stream states.


IDLE = (
    ("1", "DATA", data(3, b"idle")),
    ("2", "HEADERS", headers(3, frames.block(((":status", "200"),)))),
    ("3", "RST_STREAM", frames.reset(3)),
    ("4", "WINDOW_UPDATE", frames.window(3, 10)),
    ("5", "CONTINUATION", frames.continuation(3, b"")),
    ("6", "HEADERS of the server's own", headers(2, frames.block(((":status", "200"),)))),
    ("7", "DATA of the server's own", data(2, b"idle")),
)

for number, says, bad in IDLE:

    @case(f"client/5.1/{number}", f"{says} on an idle stream", closes("PROTOCOL_ERROR"), status=LOST)
    def _(s, bad=bad):
        s.called()
        s.send(bad)


@case("client/5.1/8", "DATA after the answer's end", ignores(), closes("STREAM_CLOSED"),
      resets(1, "STREAM_CLOSED"), status="OK")  # fmt: skip
def _(s):
    s.called()
    s.send(s.answer(), data(1, b"late"))


@case("client/5.1/9", "a second answer after the first", ignores(), closes("STREAM_CLOSED", "PROTOCOL_ERROR"),
      resets(1, "STREAM_CLOSED"), status="OK")  # fmt: skip
def _(s):
    s.called()
    s.send(s.answer(), s.answer())


# 6.1 to 6.4.


@case("client/6.1/1", "DATA on stream 0", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(s.head(), data(0, message()))


@case("client/6.1/2", "DATA whose padding is as long as its payload", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(s.head(), data(1, bytes([6]) + message(), end=False, flags=PADDED))


@case("client/6.1/3", "DATA with padding", ignores(), status="OK")
def _(s):
    s.called()
    s.send(s.head(), data(1, frames.padded(message(), 255), end=False, flags=PADDED), s.trailers())


@case("client/6.2/1", "HEADERS on stream 0", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(s.head(0))


@case("client/6.2/2", "HEADERS with padding and priority fields", ignores(), status="OK")
def _(s):
    s.called()
    block = frames.block(((":status", "200"), ("content-type", "application/grpc")))
    payload = frames.padded(frames.priority() + block, 9)
    s.send(headers(1, payload, flags=END_HEADERS | PADDED | WITH_PRIORITY), s.reply(), s.trailers())


@case("client/6.2/3", "HEADERS whose padding is longer than its payload", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(headers(1, b"\xff" + frames.block(((":status", "200"),)), flags=END_HEADERS | PADDED))


@case("client/6.3/1", "PRIORITY on stream 0", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frame(PRIORITY, 0, 0, frames.priority()))


@case("client/6.3/2", "PRIORITY on the call's stream", ignores(), status="OK")
def _(s):
    s.called()
    s.send(frame(PRIORITY, 0, 1, frames.priority()), s.answer())


@case("client/6.4/1", "RST_STREAM on stream 0", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.reset(0))


@case("client/6.4/2", "RST_STREAM of 3 bytes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frame(RST_STREAM, 0, 1, bytes(3)))


RESETS = (
    ("NO_ERROR", "INTERNAL"), ("PROTOCOL_ERROR", "INTERNAL"), ("INTERNAL_ERROR", "INTERNAL"),
    ("FLOW_CONTROL_ERROR", "INTERNAL"), ("SETTINGS_TIMEOUT", "INTERNAL"),
    ("FRAME_SIZE_ERROR", "INTERNAL"), ("REFUSED_STREAM", "UNAVAILABLE"), ("CANCEL", "CANCELLED"),
    ("COMPRESSION_ERROR", "INTERNAL"), ("CONNECT_ERROR", "INTERNAL"),
    ("ENHANCE_YOUR_CALM", "RESOURCE_EXHAUSTED"), ("INADEQUATE_SECURITY", "PERMISSION_DENIED"),
)  # fmt: skip

for number, (name, status) in enumerate(RESETS, 3):

    @case(f"client/6.4/{number}", f"RST_STREAM with {name} in place of an answer", ignores(), status=status,
          told="refused" if name == "REFUSED_STREAM" else "the peer reset the stream")  # fmt: skip
    def _(s, name=name):
        # A client may try a refused call again, on the same connection too.
        stream = s.called()
        for _ in range(10):
            s.send(frames.reset(stream, frames.CODES.index(name)))
            if name != "REFUSED_STREAM":
                return
            s.settle()
            later = [each.stream for each in s.of_type(frames.HEADERS) if each.stream > stream]
            if not later:
                return
            stream = later[0]


@case("client/6.4/15", "RST_STREAM with a code that does not exist", ignores(), status=("INTERNAL", "UNKNOWN"))
def _(s):
    s.called()
    s.send(frames.reset(1, 0xDEAD))


@case("client/6.4/16", "RST_STREAM with NO_ERROR after a whole answer", ignores(), status="OK")
def _(s):
    s.called()
    s.send(s.answer(), frames.reset(1, 0))


@case("client/6.4/17", "RST_STREAM in the middle of an answer", ignores(), status="INTERNAL")
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"half", length=8)), frames.reset(1, 2))


# 6.5 SETTINGS.


SETTING_CASES = (
    ("1", "SETTINGS with ACK and a payload", frames.settings((1, 1), flags=ACK), "FRAME_SIZE_ERROR"),
    ("2", "SETTINGS on stream 1", frames.settings(stream=1), "PROTOCOL_ERROR"),
    ("3", "SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, bytes(5)), "FRAME_SIZE_ERROR"),
    ("4", "ENABLE_PUSH of 1", frames.settings((frames.ENABLE_PUSH, 1)), "PROTOCOL_ERROR"),
    ("5", "INITIAL_WINDOW_SIZE of 2^31", frames.settings((frames.INITIAL_WINDOW_SIZE, 2**31)),
     "FLOW_CONTROL_ERROR"),
    ("6", "MAX_FRAME_SIZE of 0", frames.settings((frames.MAX_FRAME_SIZE, 0)), "PROTOCOL_ERROR"),
    ("7", "MAX_FRAME_SIZE of 2^24", frames.settings((frames.MAX_FRAME_SIZE, 2**24)), "PROTOCOL_ERROR"),
    ("8", "ENABLE_CONNECT_PROTOCOL of 2", frames.settings((frames.ENABLE_CONNECT_PROTOCOL, 2)),
     "PROTOCOL_ERROR"),
)  # fmt: skip

for number, says, bad, wrong in SETTING_CASES:

    @case(f"client/6.5/{number}", says, closes(wrong), status=LOST)
    def _(s, bad=bad):
        s.called()
        s.send(bad)


@case("client/6.5/9", "unknown settings, which are ignored", ignores(), status="OK")
def _(s):
    s.send(s.answer(s.called((0xF00, 7), (0xFFFF, 2**32 - 1))))


@case("client/6.5/10", "INITIAL_WINDOW_SIZE of 0, then windows byte by byte: the request comes in pieces",
      ignores(), status="OK")  # fmt: skip
def _(s):
    s.greet((frames.INITIAL_WINDOW_SIZE, 0))
    s.wait(lambda each: each.type == frames.HEADERS)
    while not s.has_ended(1) and not s.is_closed:
        s.send(frames.window(1, 1))
        s.settle()
    s.send(s.answer())


@case("client/6.5/11", "MAX_CONCURRENT_STREAMS of 0, and more later", ignores(), status="OK")
def _(s):
    s.greet((frames.MAX_CONCURRENT_STREAMS, 0))
    s.settle()
    s.send(frames.settings((frames.MAX_CONCURRENT_STREAMS, 1)))
    s.send(s.answer(s.request()))


@case("client/6.5/12", "HEADER_TABLE_SIZE of 0; the request makes no use of the table", ignores(), status="OK")
def _(s):
    s.decoder.max_allowed_table_size = 4096
    s.send(s.answer(s.called((frames.HEADER_TABLE_SIZE, 0))))


# 6.6 PUSH_PROMISE, 6.7 PING, 6.8 GOAWAY.


@case("client/6.6/1", "PUSH_PROMISE, which the client has turned off", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    block = frames.block([(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "x")])
    s.send(frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + block))


@case("client/6.7/1", "PING in the middle of an answer", ignores(), status="OK")
def _(s):
    s.called()
    s.send(s.head(), frames.ping(), s.reply(), frames.ping(b"unasked!", flags=ACK), s.trailers())


@case("client/6.7/2", "PING on stream 1", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.ping(stream=1))


@case("client/6.7/3", "PING of 7 bytes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.ping(b"seven77"))


@case("client/6.8/1", "GOAWAY on stream 1", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.goaway(stream=1))


@case("client/6.8/2", "GOAWAY of 7 bytes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frame(GOAWAY, 0, 0, bytes(7)))


@case("client/6.8/3", "GOAWAY that allows for the call, then its answer", anything(), status="OK")
def _(s):
    s.called()
    s.send(frames.goaway(last=1), s.answer())
    s.wait(lambda each: False)


@case("client/6.8/4", "GOAWAY that leaves the call out, again and again", anything(), status=LOST)
def _(s):
    s.called()
    s.send(frames.goaway(last=0))
    s.close()


@case("client/6.8/5", "GOAWAY with ENHANCE_YOUR_CALM and a reason, then the end", anything(),
      status=("UNAVAILABLE", "RESOURCE_EXHAUSTED"))  # fmt: skip
def _(s):
    s.called()
    s.send(frames.goaway(last=1, code=11, reason=b"too_many_pings"))
    s.close()


# 6.9 WINDOW_UPDATE.


@case("client/6.9/1", "WINDOW_UPDATE by 0 on the connection", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.window(0, 0))


@case("client/6.9/2", "WINDOW_UPDATE by 0 on the call's stream", closes("PROTOCOL_ERROR"),
      resets(1, "PROTOCOL_ERROR"), status=LOST)  # fmt: skip
def _(s):
    s.called()
    s.send(frames.window(1, 0))


@case("client/6.9/3", "WINDOW_UPDATE of 5 bytes", closes("FRAME_SIZE_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frame(WINDOW_UPDATE, 0, 0, bytes(5)))


@case("client/6.9/4", "the connection's window beyond 2^31 - 1", closes("FLOW_CONTROL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(frames.window(0, LARGEST_WINDOW))


@case("client/6.9/5", "the stream's window beyond 2^31 - 1", resets(1, "FLOW_CONTROL_ERROR"),
      closes("FLOW_CONTROL_ERROR"), status=LOST, told="FLOW_CONTROL_ERROR")  # fmt: skip
def _(s):
    s.called()
    s.send(frames.window(1, LARGEST_WINDOW))


# 6.10 CONTINUATION.


@case("client/6.10/1", "an answer's headers in three frames", ignores(), status="OK")
def _(s):
    s.called()
    block = frames.block(((":status", "200"), ("content-type", "application/grpc")))
    s.send(headers(1, block[:3], flags=0), frames.continuation(1, block[3:9], flags=0))
    s.send(frames.continuation(1, block[9:]), s.reply(), s.trailers())


@case("client/6.10/2", "CONTINUATION after END_HEADERS", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(s.head(), frames.continuation(1, b""))


@case("client/6.10/3", "CONTINUATION on another stream", closes("PROTOCOL_ERROR"), status=LOST)
def _(s):
    s.called()
    s.send(headers(1, frames.block(((":status", "200"),)), flags=0), frames.continuation(3, b""))


@case("client/6.10/4", "a header block in a thousand CONTINUATION frames",
      closes("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR"),
      status=(*LOST, "RESOURCE_EXHAUSTED"))  # fmt: skip
def _(s):
    s.called()
    s.send(headers(1, frames.block(((":status", "200"),)), flags=0), frame(CONTINUATION, 0, 1) * 1_000)


# Header compression.


BLOCKS = (
    ("2.3.3/1", "an index beyond both tables", frames.indexed(70)),
    ("4.2/1", "a change of the table's size behind a field", frames.indexed(8) + table_size(10)),
    ("5.1/1", "a number that no 32 bits hold", b"\xff" * 8 + b"\x0f"),
    ("5.2/1", "a string longer than its block", b"\x00" + frames.text("x") + frames.integer(99, 7)),
    ("5.2/2", "a string with Huffman's end-of-string", b"\x00" + frames.text("x") + b"\x84\xff\xff\xff\xff"),
    ("6.1/1", "the index 0", frames.indexed(0)),
    ("6.3/1", "a table larger than the client allows", table_size(1 << 20) + frames.indexed(8)),
)

for number, says, bad in BLOCKS:

    @case(f"client-hpack/{number}", says, closes("COMPRESSION_ERROR"), status=LOST)
    def _(s, bad=bad):
        s.called()
        s.send(headers(1, bad))


@case("client-hpack/6.2.1/1", "an answer whose fields come from the dynamic table", ignores(), status="OK")
def _(s):
    s.called()
    block = frames.indexed(8) + frames.remembered("content-type", "application/grpc")
    s.send(headers(1, block + frames.remembered("x-test", "1")), s.reply())
    s.send(headers(1, frames.remembered("grpc-status", "0") + frames.indexed(63), end=True))

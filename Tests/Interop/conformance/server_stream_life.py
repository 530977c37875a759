# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: what happens to streams of messages on their way. They are given up, run out of
time, wait for windows, and there are others beside them. The service is that of server_streams.py."""

import frames
from cases import Suite, answers, code, expect
from frames import HEADERS, data, message
from server_streams import LATE, LIMIT, await_messages, begin, comes_back, joined

suite = Suite()


def case(number, says, *outcomes):
    return suite.case(f"grpc-stream/{number}", says, *outcomes, needs=("streams",))


# Calls given up, in every phase.


def gives_up(c, *sent, method="Echo", seen=0, error="CANCEL"):
    """Begins a call, waits for some messages of the answer, gives it up and makes another one."""
    c.greet()
    c.send(begin(c, method), *sent)
    await_messages(c, seen)
    c.send(frames.reset(1, code(error)))
    c.send(begin(c, "Echo", 3), data(3, message(b"next")))
    comes_back(c, [b"next"], 3)
    expect(not c.resets(1) and not c.has_ended(1), "the call goes on")


PHASES = (
    ("1", "behind the headers", (), {}),
    ("2", "inside a prefix", (data(1, message()[:2], end=False),), {}),
    ("3", "inside a message", (data(1, message(b"half", length=8), end=False),), {}),
    ("4", "between two messages", (data(1, message(b"a"), end=False),), {"seen": 1}),
    ("5", "inside the second message",
     (data(1, message(b"a") + message(b"half", length=8), end=False),), {"seen": 1}),
    ("6", "after END_STREAM, inside the answer", (data(1, message(b"a")),), {"seen": 1, "method": "Hold"}),
    ("7", "by NO_ERROR", (data(1, message(b"a"), end=False),), {"seen": 1, "error": "NO_ERROR"}),
    ("8", "by INTERNAL_ERROR", (data(1, message(b"a"), end=False),),
     {"seen": 1, "error": "INTERNAL_ERROR"}),
)  # fmt: skip

for number, says, sent, more in PHASES:

    @case(f"cancel/{number}", f"RST_STREAM {says}; the next call is answered", answers(3, status=0))
    def _(c, sent=sent, more=more):
        gives_up(c, *sent, **more)


@case("cancel/9", "RST_STREAM while a whole answer waits for a window", answers(3, status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(begin(c, "Produce"), data(1, message(b"1000 1000")))
    c.until(lambda: c.of_type(HEADERS, 1))
    c.send(frames.reset(1), begin(c, "Echo", 3), frames.window(3, 100), data(3, message(b"next")))
    comes_back(c, [b"next"], 3)


@case("cancel/10", "RST_STREAM after the answer's end", answers(3, status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, message(b"a")))
    c.finished()
    c.send(frames.reset(1), begin(c, "Echo", 3), data(3, message(b"next")))
    comes_back(c, [b"next"], 3)


@case("cancel/11", "RST_STREAM and what was on its way behind it", answers(3, status=0), *LATE)
def _(c):
    c.greet()
    c.send(begin(c, "Echo"), data(1, message(b"a"), end=False), frames.reset(1))
    c.send(data(1, message(b"late")), begin(c, "Echo", 3), data(3, message(b"next")))
    comes_back(c, [b"next"], 3)


@case("cancel/12", "six streams cancelled with full windows of unread data: the connection window is"
      " restored", answers(13, status=0))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    sent = 0
    for stream in range(1, 13, 2):
        c.send(begin(c, "Echo", stream))
        sent += push(c, stream, others=sent)
        c.send(frames.reset(stream))
        c.settle()
    c.send(begin(c, "Sum", 13), frames.window(13, 100))
    left = message(bytes(900_000))
    c.until(lambda: c.room(13, others=sent) >= len(left))
    c.send(*[data(13, left[start : start + 16_000], end=False) for start in range(0, len(left), 16_000)])
    c.send(data(13))
    comes_back(c, [b"1 900000"], 13)


# Deadlines.


@case("deadline/1", "a deadline before the first message", answers(status=4))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("grpc-timeout", "50m")]))
    c.finished()


@case("deadline/2", "a deadline inside a message", answers(status=4))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("grpc-timeout", "50m")]), data(1, message(b"half", length=8), end=False))
    c.finished()


@case("deadline/3", "a deadline after END_STREAM, inside the answer", answers(status=4))
def _(c):
    c.greet()
    c.send(begin(c, "Hold", extra=[("grpc-timeout", "300m")]), data(1, message(b"first")))
    c.finished()
    expect(not c.resets(1), "a stream that both sides have ended is reset")


@case("deadline/4", "a deadline while the answer waits for a window; the status does, too", answers(status=4))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(begin(c, "Hold", extra=[("grpc-timeout", "50m")]), data(1, message(b"first")))
    c.until(lambda: c.of_type(HEADERS, 1))
    c.send(begin(c, "Hold", 3, extra=[("grpc-timeout", "50m")]))
    c.finished(3)
    c.send(frames.window(1, 100))
    c.finished()


@case("deadline/5", "two calls with deadlines and one without, which continues", answers(5, status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", 1, extra=[("grpc-timeout", "100m")]))
    c.send(begin(c, "Echo", 3, extra=[("grpc-timeout", "50m")]), begin(c, "Echo", 5))
    c.finished(1)
    c.finished(3)
    told = [c.field(stream, "grpc-status") for stream in (1, 3, 5)]
    expect(told == ["4", "4", None], f"the statuses are {told}")
    c.send(data(5, message(b"a")))
    comes_back(c, [b"a"], 5)


@case("deadline/6", "a grpc-timeout that is none", answers(status=(3, 13)))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", extra=[("grpc-timeout", "soon")]))
    c.finished()


# Windows.


@case("window/1", "no window: no byte of a message comes; then it comes byte by byte", answers(status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(begin(c, "Echo"), data(1, message(b"abc")))
    c.until(lambda: c.of_type(HEADERS, 1))
    for index in range(8):
        c.settle()
        expect(len(c.body(1)) == index, f"{len(c.body(1))} bytes through a window of {index}")
        c.send(frames.window(1, 1))
        c.until(lambda: len(c.body(1)) > index)
    comes_back(c, [b"abc"])


@case("window/2", "a window of 1000 bytes, and 100 messages of as many: the rest after WINDOW_UPDATE",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 1_000))
    c.send(begin(c, "Produce"), data(1, message(b"100 1000")))
    c.until(lambda: len(c.body(1)) >= 1_000)
    c.settle()
    expect(len(c.body(1)) == 1_000, f"{len(c.body(1))} bytes through a window of 1000")
    # More than the connection's window, too.
    c.send(frames.window(1, 200_000))
    c.until(lambda: len(c.body(1)) >= frames.DEFAULT_WINDOW)
    c.settle()
    expect(len(c.body(1)) == frames.DEFAULT_WINDOW, f"{len(c.body(1))} bytes through the connection's")
    c.send(frames.window(0, 200_000))
    comes_back(c, [bytes([index]) * 1_000 for index in range(100)])


@case("window/3", "two streams share the connection's window, and have no more than that", answers(3, status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 1 << 20))
    for stream in (1, 3):
        c.send(begin(c, "Produce", stream), data(stream, message(b"100 1000")))
    c.until(lambda: len(c.body(1)) + len(c.body(3)) >= frames.DEFAULT_WINDOW)
    c.settle()
    came = len(c.body(1)) + len(c.body(3))
    expect(came == frames.DEFAULT_WINDOW, f"{came} bytes through the connection's window")
    c.send(frames.window(0, 1 << 20))
    for stream in (1, 3):
        comes_back(c, [bytes([index]) * 1_000 for index in range(100)], stream)


@case("window/4", "a stream that waits for its window does not hold up another one", answers(3, status=0))
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(begin(c, "Produce"), data(1, message(b"100 1000")), begin(c, "Echo", 3))
    c.send(frames.window(3, 100), data(3, message(b"passes")))
    comes_back(c, [b"passes"], 3)
    expect(not c.body(1), "bytes without a window")


def push(c, stream, others=0, most=8 << 20):
    """Sends messages of 1000 bytes for as long as the server takes them; gives back their bytes."""
    piece = message(bytes(995))
    sent = 0
    while sent < most:
        room = min(c.room(stream, others), most)
        while sent < room:
            size = min(room - sent, 1_000 - sent % 1_000)
            c.send(data(stream, piece[sent % 1_000 :][:size], end=False))
            sent += size
        before = c.room(stream, others)
        c.settle()
        if c.room(stream, others) == before:
            break
    expect(sent < most, f"{sent} bytes are taken, of whose answer nobody reads anything")
    return sent


@case("window/5", "a client that reads nothing and sends: its window closes, and opens as it reads",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet((frames.INITIAL_WINDOW_SIZE, 0))
    c.send(begin(c, "Echo"))
    sent = push(c, 1)
    c.send(frames.window(0, 1 << 30), frames.settings((frames.INITIAL_WINDOW_SIZE, 1 << 30)))
    size = -(-sent // 1_000) * 1_000
    c.upload(1, message(bytes(995)) * (size // 1_000), sent=sent)
    comes_back(c, [bytes(995)] * (size // 1_000))


# Calls beside each other.


@case("calls/1", "two streams whose bytes alternate", answers(1, status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", 1), begin(c, "Echo", 3))
    for first, second in zip(joined([b"abc", b"", b"d"]), joined([b"", b"xyz", b"w"])):
        c.send(data(3, bytes([second]), end=False), data(1, bytes([first]), end=False))
    c.send(data(3), data(1))
    comes_back(c, [b"", b"xyz", b"w"], 3)
    comes_back(c, [b"abc", b"", b"d"], 1)
    expect(c.field(3, "grpc-status") == "0", "the second call is lost")


@case("calls/2", "a hundred streams, a message each in turn", answers(199, status=0))
def _(c):
    c.greet()
    streams = range(1, 200, 2)
    c.send(b"".join(begin(c, "Echo", stream) for stream in streams))
    for turn in range(3):
        c.send(b"".join(data(s, message(bytes([turn, s])), end=turn == 2) for s in reversed(streams)))
    for stream in streams:
        comes_back(c, [bytes([turn, stream]) for turn in range(3)], stream)
        expect(c.field(stream, "grpc-status") == "0", f"no good end of {stream}")


@case("calls/3", "streams that fail in every way do not affect one that continues", answers(1, status=0))
def _(c):
    c.greet()
    c.send(begin(c, "Echo", 1), data(1, message(b"before") + message(b"half")[:7], end=False))
    c.send(begin(c, "Echo", 3), data(3, message(flag=2)), begin(c, "Echo", 5), frames.reset(5))
    c.send(begin(c, "Sum", 7), data(7, message(length=LIMIT + 1), end=False))
    c.send(begin(c, "None", 9, end=True), begin(c, "Fail", 11), data(11, message(b"2 so")))
    c.send(begin(c, "Sum", 13), data(13, message()[:3]))
    for stream, status in ((3, "13"), (7, "8"), (9, "12"), (11, "2"), (13, "13")):
        c.finished(stream)
        expect(c.field(stream, "grpc-status") == status, f"another status on {stream}")
    c.send(data(1, message(b"half")[7:]))
    comes_back(c, [b"before", b"half"])

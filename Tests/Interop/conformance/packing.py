# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Messages compressed by gzip (RFC 1952), correct and incorrect."""

import gzip
import struct
import zlib

from frames import filler, message, messages

# Below the limit of the smallest method that is called, 4 KiB.
TEXT = b"all alike, " * 300
FEXTRA, FNAME, FCOMMENT, FHCRC = 4, 8, 16, 2


def packed(payload):
    """A message, compressed."""
    return message(zipped(payload), flag=1)


def zipped(payload, level=9):
    return gzip.compress(payload, level, mtime=0)


def unpacked(body, encoding):
    """The decompressed messages of an answer; raises an error if flags and content disagree."""
    found = []
    for flag, payload in messages(body):
        if flag not in (0, 1) or (flag and encoding != "gzip"):
            raise ValueError(f"a compressed flag of {flag} under grpc-encoding {encoding}")
        found.append(gzip.decompress(payload) if flag else payload)
    return found


def with_header(payload):
    """A member with every optional field of the header."""
    plain = zipped(payload)
    flags = FEXTRA | FNAME | FCOMMENT | FHCRC
    head = plain[:3] + bytes([flags]) + plain[4:10]
    head += struct.pack("<H", 6) + b"xx\x02\0ab" + b"name\0" + b"comment\0"
    return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + plain[10:]


def changed(payload, **places):
    """The bytes with some of them others: `at0=5` makes the first 5, `end1=5` the last."""
    out = bytearray(payload)
    for place, value in places.items():
        index = int(place.removeprefix("at").removeprefix("end"))
        out[-index if place.startswith("end") else index] = value
    return bytes(out)


def saying(payload, size):
    """A member with a wrong length."""
    return zipped(payload)[:-4] + struct.pack("<I", size)


LIMIT = 4 << 20
# Made once, and before anybody waits for them.
LARGEST = zipped(bytes(LIMIT))
BOMB = zipped(bytes(16 << 20))
# What is no gzip, or not whole: what it is, and its bytes.
BROKEN = (
    ("no byte", b""),
    ("bytes that are not gzip", filler(100)),
    ("a zlib stream in place of a gzip member", zlib.compress(TEXT)),
    ("a raw deflate stream in place of a gzip member", zipped(TEXT)[10:-8]),
    ("a header and nothing else", zipped(TEXT)[:10]),
    ("a member without its last byte", zipped(TEXT)[:-1]),
    ("a member without its trailer", zipped(TEXT)[:-8]),
    ("a member cut in the middle", zipped(TEXT)[:25]),
    ("a member with another checksum", changed(zipped(TEXT), end8=zipped(TEXT)[-8] ^ 1)),
    ("a member with a length that is too large", saying(TEXT, len(TEXT) + 1)),
    ("a member with a length that is too small", saying(TEXT, len(TEXT) - 1)),
    ("a member with length 0 and content", saying(TEXT, 0)),
    ("a member with a block type that does not exist", changed(zipped(TEXT), at10=7)),
    ("a member with a method that does not exist", changed(zipped(TEXT), at2=7)),
    ("a member with reserved flags", changed(zipped(TEXT), at3=0xE0)),
    ("a member followed by other bytes", zipped(TEXT) + b"garbage!"),
    ("a member followed by a header", zipped(TEXT) + zipped(TEXT)[:10]),
)
# What is more than 4 MiB.
BOMBS = (
    ("4 MiB and one byte", zipped(bytes(LIMIT + 1))),
    ("16 MiB", BOMB),
    ("16 MiB with a claimed length of 10 bytes", BOMB[:-4] + struct.pack("<I", 10)),
    ("64 members of 1 MiB", zipped(bytes(1 << 20)) * 64),
)

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cases against a server: RFC 7541, header compression."""

import hpack
import frames
from cases import Suite, answers, closes
from frames import headers, indexed, literal, remembered, table_size

suite = Suite()
case = suite.case

BROKEN = closes("COMPRESSION_ERROR")


# 2.3 Tables.


@case("hpack/2.3.3/1", "an index beyond both tables", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + indexed(70))


@case("hpack/2.3.3/2", "a name by an index beyond both tables", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + frames.integer(70, 6, 0x40) + frames.text("value"))


@case("hpack/2.3.3/3", "the last of the static table and the first of the dynamic one",
      answers(status=0))  # fmt: skip
def _(c):
    c.greet()
    c.with_headers(c.block() + remembered("x-test", "1") + indexed(61) + indexed(62))


@case("hpack/2.3.3/4", "an index that the table had until it was emptied", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + remembered("x-test", "1"))
    c.with_headers(table_size(0) + table_size(4096) + c.block() + indexed(62), 3)


# 4 The dynamic table.


@case("hpack/4.2/1", "a change of the table's size at the end of a block", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + table_size(1024))


@case("hpack/4.2/2", "the table's size to 0 and back at a block's beginning", answers(status=0))
def _(c):
    c.greet()
    c.with_headers(table_size(0) + table_size(4096) + c.block())


@case("hpack/4.4/1", "an entry larger than the table, which empties it", answers(status=0))
def _(c):
    c.greet()
    c.with_headers(table_size(64) + c.block() + remembered("x-test", "v" * 100))


@case("hpack/4.4/2", "an index right after such an entry", BROKEN)
def _(c):
    c.greet()
    block = table_size(64) + c.block() + remembered("a", "1") + remembered("x", "v" * 100)
    c.with_headers(block + indexed(62))


@case("hpack/4.4/3", "entries that push each other out, one after another", answers(status=0))
def _(c):
    c.greet()
    fields = b"".join(remembered(f"x-{n}", "v" * 1_000) for n in range(8))
    c.with_headers(c.block() + fields + indexed(62) + indexed(64))


# 5 Numbers and strings.


@case("hpack/5.1/1", "a number that no 32 bits hold", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\xff" + b"\xff" * 6 + b"\x0f")


@case("hpack/5.1/2", "a number that does not end", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\xff" + b"\x80" * 200)


@case("hpack/5.1/3", "a number in more bytes than it needs", answers(status=0), BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\x00\x7f\x81\x80\x00" + b"x" * 128 + frames.text("v"))


def huffman(coded):
    return b"\x00" + frames.text("x-test") + frames.integer(len(coded), 7, 0x80) + coded


@case("hpack/5.2/1", "a string in Huffman code with more than 7 bits of padding", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + huffman(b"\x1f\xff"))


@case("hpack/5.2/2", "a string in Huffman code padded with zeros", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + huffman(b"\x18"))


@case("hpack/5.2/3", "a string in Huffman code with the end-of-string symbol", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + huffman(b"\xff\xff\xff\xff"))


@case("hpack/5.2/4", "a string that is longer than its block", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\x00" + frames.text("x-test") + frames.integer(50, 7) + b"short")


@case("hpack/5.2/5", "a string of 4 GiB, by its length", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\x00" + frames.integer(2**32 - 1, 7))


@case("hpack/5.2/6", "all of a request in Huffman code", answers(status=0))
def _(c):
    c.greet()
    c.with_headers(hpack.Encoder().encode(c.head(), huffman=True))


# 6 Forms of a field.


@case("hpack/6.1/1", "the index 0", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + indexed(0))


@case("hpack/6.1/2", ":method and :scheme by the static table", answers(status=0))
def _(c):
    c.greet()
    c.with_headers(indexed(3) + indexed(7) + c.block(drop=[":method", ":scheme"]))


@case("hpack/6.2.1/1", "a field that enters the table, used by the next request",
      answers(3, status=0))  # fmt: skip
def _(c):
    c.greet()
    c.with_headers(c.block(drop=["te"]) + remembered("te", "trailers"))
    c.with_headers(c.block(drop=["te"]) + indexed(62), 3)


@case("hpack/6.2.2/1", "a field without its value", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + b"\x00" + frames.text("x-test"))


@case("hpack/6.2.3/1", "a field that is never to be indexed", answers(status=0))
def _(c):
    c.greet()
    c.with_headers(c.block() + literal("x-secret", "1", 0x10))


@case("hpack/6.2.3/2", "such a field is in no table afterwards", BROKEN)
def _(c):
    c.greet()
    c.with_headers(c.block() + literal("x-secret", "1", 0x10) + indexed(62))


@case("hpack/6.3/1", "a table larger than the server allows", BROKEN)
def _(c):
    c.greet()
    size = c.limits.get(frames.HEADER_TABLE_SIZE, 4096)
    c.with_headers(table_size(size + 1) + c.block())


@case("hpack/6.3/2", "a block that is only a change of the table's size, as trailers",
      answers())  # fmt: skip
def _(c):
    c.greet()
    c.send(c.open(), frames.data(1, frames.message(), end=False))
    c.send(headers(1, table_size(100), end=True))


@case("hpack/6.3/3", "a block that ends inside a change of the table's size", BROKEN)
def _(c):
    c.greet()
    c.send(headers(1, b"\x3f"))

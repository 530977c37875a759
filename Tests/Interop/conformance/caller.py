# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The client side of a connection to the server under test."""

from connection import Connection, dial
import frames
from frames import SETTINGS


class Caller(Connection):
    """A connection with helpers for correct calls."""

    def __init__(self, address, context, path):
        super().__init__(dial(address), context, host=address.rsplit(":", 1)[0])
        self.authority = address
        self.path = path

    def greet(self, *pairs):
        """Sends the preface, settings, and the acknowledgement of the server's settings."""
        self.send(frames.PREFACE, frames.settings(*pairs))
        self.wait(lambda frame: frame.type == SETTINGS and not frame.flags & frames.ACK)
        self.send(frames.settings(flags=frames.ACK))
        self.wait(lambda frame: frame.type == SETTINGS and frame.flags & frames.ACK)

    def head(self, change=None, drop=(), extra=(), first=()):
        """The header fields of a correct call, with some changes."""
        fields = {
            ":method": "POST",
            ":scheme": "https",
            ":path": self.path,
            ":authority": self.authority,
            "content-type": "application/grpc",
            "te": "trailers",
        }
        fields.update(change or {})
        kept = [pair for pair in fields.items() if pair[0] not in drop]
        return [*first, *kept, *extra]

    def block(self, **changes):
        return frames.block(self.head(**changes))

    def open(self, stream=1, **changes):
        """The start of a call, without its message."""
        return frames.headers(stream, self.block(**changes))

    def call(self, stream=1, payload=None, **changes):
        """A complete call with an empty message."""
        body = frames.message() if payload is None else payload
        return self.open(stream, **changes) + frames.data(stream, body)

    def with_headers(self, block, stream=1):
        """A call with the given header block."""
        self.send(frames.headers(stream, block), frames.data(stream, frames.message()))

    def listens(self, stream):
        return super().listens(stream) and not self.has_ended(stream)

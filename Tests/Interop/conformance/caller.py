# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The client's side of a connection whose server is under test."""

from connection import Connection, dial
import frames
from frames import SETTINGS


class Caller(Connection):
    """A connection that knows what a right call of the server looks like."""

    def __init__(self, address, context, path):
        super().__init__(dial(address), context, host=address.rsplit(":", 1)[0])
        self.authority = address
        self.path = path

    def greet(self, *pairs):
        """The preface, settings, and the acknowledgement of the server's."""
        self.send(frames.PREFACE, frames.settings(*pairs))
        self.wait(lambda frame: frame.type == SETTINGS and not frame.flags & frames.ACK)
        self.send(frames.settings(flags=frames.ACK))
        self.wait(lambda frame: frame.type == SETTINGS and frame.flags & frames.ACK)

    def head(self, change=None, drop=(), extra=(), first=()):
        """The header fields of a right call, with some of them different."""
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
        """The beginning of a call, whose message is still to come."""
        return frames.headers(stream, self.block(**changes))

    def call(self, stream=1, payload=None, **changes):
        """A whole call with an empty message."""
        body = frames.message() if payload is None else payload
        return self.open(stream, **changes) + frames.data(stream, body)

    def with_headers(self, block, stream=1):
        """A call with a header block of the case's own."""
        self.send(frames.headers(stream, block), frames.data(stream, frames.message()))

    def listens(self, stream):
        return super().listens(stream) and not self.has_ended(stream)

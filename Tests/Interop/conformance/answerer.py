# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The server side of a connection to the client under test."""

from connection import Connection
import frames
from frames import ACK, DATA, END_STREAM, HEADERS, SETTINGS

RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))
TRAILERS = (("grpc-status", "0"),)


class Answerer(Connection):
    """A connection with helpers for correct answers."""

    may_leave = True

    def __init__(self, plain, context, **more):
        super().__init__(plain, context, **more)
        self.is_greeted = False

    def parse(self):
        """The client's preface precedes its frames."""
        if not self.is_greeted:
            if len(self.pending) < len(frames.PREFACE):
                return
            if not self.pending.startswith(frames.PREFACE):
                raise ConnectionError("the client's preface is another")
            self.pending = self.pending[len(frames.PREFACE) :]
            self.is_greeted = True
        super().parse()

    def greet(self, *pairs):
        self.send(frames.settings(*pairs))
        self.wait(lambda frame: frame.type == SETTINGS and not frame.flags & ACK)
        self.send(frames.settings(flags=ACK))

    def request(self):
        """Waits for a complete request, and returns its stream."""
        found = self.wait(
            lambda frame: frame.type in (HEADERS, DATA) and frame.flags & END_STREAM
        )
        return found.stream if found else 1

    def called(self, *pairs):
        """The start of most cases: settings and a request."""
        self.greet(*pairs)
        return self.request()

    def head(self, stream=1, fields=RESPONSE, end=False, extra=(), first=()):
        return frames.headers(stream, frames.block([*first, *fields, *extra]), end=end)

    def trailers(self, stream=1, fields=TRAILERS):
        return frames.headers(stream, frames.block(fields), end=True)

    def reply(self, stream=1, payload=None):
        return frames.data(stream, frames.message() if payload is None else payload, end=False)

    def answer(self, stream=1, payload=None, **changes):
        """A complete answer with one message."""
        return self.head(stream, **changes) + self.reply(stream, payload) + self.trailers(stream)

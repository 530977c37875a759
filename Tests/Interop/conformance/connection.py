# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""One connection over mutual TLS, and all its input."""

import socket
import ssl
import time

import hpack
import frames
from frames import ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING
from frames import PADDED, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY


class Silence(Exception):
    """The expected input did not arrive in time."""


def client_context(roots, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(roots)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def server_context(roots, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(roots)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    return context


def dial(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


class Connection:
    """Sends raw bytes, and records all received frames.

    TLS runs between two pieces of memory: what has arrived can then still be read after a write has
    failed, and that is when a server's last words matter. Without a context the bytes go as they are,
    for a forwarder that speaks TLS further on.
    """

    # Whether the other side may close when it has no more to do.
    may_leave = False

    def __init__(self, plain, context, host=None, patience=20):
        self.socket = plain
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived, self.leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context and context.wrap_bio(
            self.arrived, self.leaving, server_side=host is None, server_hostname=host
        )
        self.end_of_time = time.monotonic() + patience
        self.pending = b""
        self.frames = []
        self.taken = 0
        self.is_closed = False
        # Whether this side has closed.
        self.is_hung_up = False
        self.was_reset = False
        self.decoder = hpack.Decoder(max_header_list_size=1 << 20)
        self.header_lists = []
        self.pings = 0
        # Whether the other side has done all that it was sent.
        self.is_settled = False
        if self.tls:
            self.handshake()

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                self.flush()
                piece = self.receive()
                if not piece:
                    raise ConnectionError("closed during the handshake") from None
                self.arrived.write(piece)

    # Out.

    def send(self, *parts):
        """Sends; that the other side has closed already is no error, the reading will tell."""
        self.is_settled = False
        joined = b"".join(parts)
        if not self.tls:
            self.leaving.write(joined)
            return self.flush()
        try:
            self.tls.write(joined)
        except ssl.SSLError:
            return
        self.flush()

    def flush(self):
        try:
            self.socket.sendall(self.leaving.read())
        except OSError:
            pass

    def close(self):
        self.is_hung_up = True
        try:
            self.socket.close()
        except OSError:
            pass

    # Out, within the windows.

    def upload(self, stream, body, piece=frames.DEFAULT_FRAME, sent=0, end=True):
        """Sends a stream's bytes, of which some may be sent, and its end, as fast as the other side's
        windows open."""
        while sent < len(body):
            if not self.listens(stream):
                return
            room = self.room(stream)
            if sent >= room:
                self.read()
                continue
            part = body[sent : min(sent + piece, room)]
            self.send(frames.data(stream, part, end=False))
            sent += len(part)
        if end:
            self.send(frames.data(stream))

    def listens(self, stream):
        """Whether the other side still wants a stream's bytes."""
        return not self.is_closed and not self.resets(stream)

    def room(self, stream, others=0):
        """How many bytes a stream may have sent by now, where the connection's others have sent so
        many."""
        window = self.limits.get(frames.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW)
        return min(
            window + self.increments(stream),
            frames.DEFAULT_WINDOW + self.increments(0) - others,
        )

    def increments(self, stream):
        updates = self.of_type(WINDOW_UPDATE, stream)
        return sum(int.from_bytes(each.payload, "big") for each in updates)

    @property
    def limits(self):
        """What the other side's settings say."""
        found = {}
        for frame in self.of_type(SETTINGS):
            for start in range(0, len(frame.payload) - 5, 6):
                name = int.from_bytes(frame.payload[start : start + 2], "big")
                found[name] = int.from_bytes(frame.payload[start + 2 : start + 6], "big")
        return found

    # In.

    def read(self):
        """Takes in what is there, waiting for at least something."""
        piece = self.receive()
        if not piece:
            self.is_closed = True
        if self.tls:
            self.decrypt(piece)
        else:
            self.pending += piece
        self.parse()

    def decrypt(self, piece):
        if piece:
            self.arrived.write(piece)
        while True:
            try:
                plain = self.tls.read(65_536)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                # TLS's good-bye, or an alert.
                plain = b""
            if not plain:
                self.is_closed = True
                break
            self.pending += plain
        self.flush()

    def receive(self):
        left = self.end_of_time - time.monotonic()
        if left <= 0:
            raise Silence("nothing came in time")
        self.socket.settimeout(left)
        try:
            return self.socket.recv(65_536)
        except TimeoutError:
            raise Silence("nothing came in time") from None
        except OSError:
            self.was_reset = True
            return b""

    def parse(self):
        while len(self.pending) >= 9:
            size = int.from_bytes(self.pending[:3], "big")
            if len(self.pending) < 9 + size:
                break
            kind, flags = self.pending[3], self.pending[4]
            stream = int.from_bytes(self.pending[5:9], "big")
            self.keep(frames.Frame(kind, flags, stream, self.pending[9 : 9 + size]))
            self.pending = self.pending[9 + size :]

    def keep(self, frame):
        self.frames.append(frame)
        if frame.type == HEADERS:
            payload = frame.payload
            if frame.flags & PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if frame.flags & WITH_PRIORITY:
                payload = payload[5:]
            self.header_lists.append([frame, payload, None])
        elif frame.type == CONTINUATION:
            self.header_lists[-1][1] += frame.payload
        if frame.type in (HEADERS, CONTINUATION) and frame.flags & END_HEADERS:
            entry = self.header_lists[-1]
            entry[2] = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in self.decoder.decode(entry[1], raw=True)
            ]

    def wait(self, condition):
        """Reads until a frame, not looked at before, is the right one; gives it back, or None at the
        connection's end."""
        while True:
            while self.taken < len(self.frames):
                self.taken += 1
                if condition(self.frames[self.taken - 1]):
                    return self.frames[self.taken - 1]
            if self.is_closed:
                return None
            self.read()

    def until(self, holds):
        """Reads until something holds, or the other side has closed."""
        while not self.is_closed and not holds():
            self.read()

    def finished(self, stream=1):
        """Reads until a stream has come to its end, one way or the other."""
        self.until(lambda: self.has_ended(stream) or self.resets(stream))

    def settle(self):
        """Waits until the other side has done everything that it was sent, or has closed.

        The answer to a PING overtakes what else one read gives rise to; the second one's does not. More
        of them, without a call, a gRPC server may take for an attack.
        """
        for _ in range(2):
            self.pings += 1
            payload = b"settle" + self.pings.to_bytes(2, "big")
            self.send(frames.ping(payload))
            while not self.is_closed and not any(
                frame.type == PING and frame.flags & ACK and frame.payload == payload
                for frame in self.frames
            ):
                if any(frame.type == GOAWAY and frame.error != "NO_ERROR" for frame in self.frames):
                    # The connection is given up: all that may come is its end.
                    self.wait(lambda frame: False)
                    return
                self.read()
        self.is_settled = True

    # What came.

    def of_type(self, kind, stream=None):
        return [
            frame
            for frame in self.frames
            if frame.type == kind and (stream is None or frame.stream == stream)
        ]

    def fields(self, stream):
        """All header fields of a stream's answer, trailers included."""
        return [
            field
            for frame, _, fields in self.header_lists
            if frame.stream == stream
            for field in fields or ()
        ]

    def field(self, stream, name):
        return next((value for key, value in self.fields(stream) if key == name), None)

    def body(self, stream):
        return b"".join(frame.payload for frame in self.of_type(DATA, stream))

    def has_ended(self, stream):
        return any(
            frame.flags & END_STREAM
            for frame in self.frames
            if frame.stream == stream and frame.type in (DATA, HEADERS)
        )

    def story(self):
        """What came, in a line."""
        told = [
            str(frame)
            for frame in self.frames
            if not (frame.type == PING and frame.payload.startswith(b"settle"))
        ]
        if len(told) > 12:
            told[6:-6] = [f"… {len(told) - 12} more …"]
        if self.is_closed:
            told.append("reset" if self.was_reset else "closed")
        return ", ".join(told)

    def resets(self, stream):
        return self.of_type(RST_STREAM, stream)

    def settings_acknowledged(self):
        return [frame for frame in self.of_type(SETTINGS) if frame.flags & ACK]

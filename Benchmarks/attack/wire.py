# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames on a TLS socket: nothing checks what is sent."""

import collections
import gzip
import socket
import ssl
import struct
import time

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK, PADDED, PRIORITIZED = 1, 4, 1, 8, 0x20
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, HEADER_TABLE_SIZE = 4, 5, 1
CANCEL = 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ERRORS = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
]  # fmt: skip
CHORD = "/chord.v1.ChordService/"
FIND_SUCCESSOR, NOTIFY = CHORD + "FindSuccessor", CHORD + "Notify"
WATCH = "/chord.v1.AdminService/Watch"
STORE = "/chord.v1.StoreService/"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*entries):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *entry) for entry in entries))


def number(value):
    return struct.pack(">I", value)


def message(content, compressed=False):
    return bytes([compressed]) + number(len(content)) + content


def literal(name, value):
    """A header field without indexing (RFC 7541, 6.2.2): every request has the same bytes."""
    name, value = name.encode(), value.encode()
    return b"\0" + hpack.hpack.encode_integer(len(name), 7) + name + hpack.hpack.encode_integer(len(value), 7) + value


def head(path, more=()):
    fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "attack")]
    fields += [("content-type", "application/grpc"), ("te", "trailers"), *more]
    return b"".join(bytes(literal(*each)) for each in fields)


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(tag, value):
    """A field of a protobuf message: bytes, or a number."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def bomb(size):
    """A message of zeros, compressed."""
    return message(gzip.compress(bytes(size)), compressed=True)


class Credentials:
    """Files of a certificate."""

    def __init__(self, certs, name):
        self.roots = f"{certs}/ca.pem"
        self.certificate = self.key = None
        if name is not None:
            self.certificate, self.key = f"{certs}/{name}.pem", f"{certs}/{name}.key"

    def context(self, protocols=("h2",)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.roots)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def dial(address, timeout=10, source=None, receive_buffer=None):
    host, port = address.rsplit(":", 1)
    plain = socket.socket(socket.AF_INET)
    if receive_buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        plain.bind((source, 0))
    plain.settimeout(timeout)
    try:
        plain.connect((host, int(port)))
    except OSError:
        plain.close()
        raise
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


class Connection:
    """One HTTP/2 connection over mutual TLS, and what the node said on it."""

    def __init__(self, address, context, entries=(), preface=True, **options):
        self.socket = context.wrap_socket(dial(address, **options))
        self.decoder = hpack.Decoder()
        self.buffer, self.next = b"", 1
        self.open = set()
        self.outcomes = collections.Counter()
        self.is_closed, self.pongs, self.bytes = False, 0, 0
        self.last_status = None
        self.refilled = 0
        if preface:
            # The connection's window is refilled from time to time.
            self.send(PREFACE + settings(*entries) + frame(WINDOW_UPDATE, 0, 0, number(0x7FFF0000 - 65535)))

    def note(self, what, count=1):
        self.outcomes[what] += count

    def send(self, data):
        """Sends; False if the node has closed the connection or takes nothing more."""
        if self.is_closed:
            return False
        try:
            self.socket.settimeout(2)
            self.socket.sendall(data)
        except TimeoutError:
            self.note("node reads no more")
            self.is_closed = True
        except OSError:
            self.drain(0.2)
            self.end()
        return not self.is_closed

    def end(self):
        if not self.is_closed:
            self.note("closed")
        self.is_closed = True

    def stream(self):
        self.next += 2
        return self.next - 2

    def begin(self, block, body=None):
        """The frames of a request; without a body it is left unfinished."""
        stream = self.stream()
        self.open.add(stream)
        if body is None:
            return frame(HEADERS, END_HEADERS, stream, block)
        frames = [frame(HEADERS, END_HEADERS, stream, block)]
        pieces = [body[at : at + 16384] for at in range(0, len(body), 16384)]
        frames += [frame(DATA, 0, stream, piece) for piece in pieces[:-1]]
        return b"".join(frames) + frame(DATA, END_STREAM, stream, pieces[-1])

    def call(self, path, content, timeout=10):
        """One call; its gRPC status, None without one. Times out to "no answer"."""
        self.last_status = None
        stream = self.next
        if not self.send(self.begin(head(path), message(content))):
            return None
        end = time.monotonic() + timeout
        while stream in self.open and not self.is_closed and time.monotonic() < end:
            self.take_in(0.5)
        return self.last_status

    def take_in(self, timeout=0.0):
        """Reads input that is there or comes within a time; False if there is none."""
        if self.is_closed:
            return False
        try:
            self.socket.settimeout(timeout)
            data = self.socket.recv(1 << 18)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except ssl.SSLError as error:
            self.note(f"alert {error.reason}")
            self.is_closed = True
            return False
        except OSError:
            data = b""
        if not data:
            self.end()
            return False
        self.buffer += data
        self.bytes += len(data)
        at = 0
        while len(self.buffer) - at >= 9:
            length = int.from_bytes(self.buffer[at : at + 3], "big")
            if len(self.buffer) - at < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[at + 3 : at + 9])
            self.frame(kind, flags, stream, self.buffer[at + 9 : at + 9 + length])
            at += 9 + length
        self.buffer = self.buffer[at:]
        return True

    def drain(self, seconds):
        """Reads until nothing has come for a time."""
        while self.take_in(seconds):
            pass

    def frame(self, kind, flags, stream, payload):
        if kind == HEADERS:
            for name, value in self.decoder.decode(payload):
                if name == "grpc-status":
                    self.last_status = int(value)
                    self.note(f"status {value}")
            if flags & END_STREAM:
                self.open.discard(stream)
        elif kind == DATA:
            self.refilled += len(payload)
            if self.refilled > 1 << 28:
                self.send(frame(WINDOW_UPDATE, 0, 0, number(self.refilled)))
                self.refilled = 0
        elif kind == RST_STREAM:
            self.open.discard(stream)
            self.note(f"reset {ERRORS[int.from_bytes(payload, 'big')]}")
        elif kind == GOAWAY:
            code = ERRORS[int.from_bytes(payload[4:8], "big")]
            debug = payload[8:].decode(errors="replace")
            # Only debug data that is a limit's name tells outcomes apart.
            self.note(f"goaway {debug}" if debug.replace("_", "").isalpha() else f"goaway {code}")
        elif kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self.send(frame(PING, ACK, 0, payload))

    def close(self):
        self.socket.close()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Exceeds one limit of a server, with hand-made frames on a TLS socket.

The one argument is a JSON object: the address, the PEM files of the caller, the name of the attack and
its numbers. The reaction of the server is printed as one JSON object: the GOAWAY, whether it closed
the connection, the streams that it reset, and the status of each answer.
"""

import json
import socket
import ssl
import struct
import sys
import time

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED = 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW_SIZE = 4
# Time limit for a correct server.
PATIENCE = 30


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*entries):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *entry) for entry in entries))


def ping(number):
    return frame(PING, payload=struct.pack(">Q", number))


def message(content):
    return b"\0" + struct.pack(">I", len(content)) + content


class Peer:
    """One connection and its input."""

    def __init__(self, order, *entries, preface=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(order["roots"])
        context.load_cert_chain(order["certificate"], order["key"])
        context.set_alpn_protocols(["h2"])
        host, port = order["address"].rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.buffer = b""
        self.goaway, self.debug, self.closed = None, "", False
        self.resets, self.statuses, self.pongs, self.ready = {}, {}, 0, False
        self.next = 1
        if preface:
            self.send(PREFACE + settings(*entries))

    def send(self, *frames):
        """Sends; a closed connection is no error."""
        try:
            self.socket.sendall(b"".join(frames))
        except OSError:
            pass

    def stream(self):
        self.next += 2
        return self.next - 2

    def head(self, stream, method="Echo", flags=END_HEADERS, more=()):
        fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/interop.Test/" + method),
            (":authority", "limits"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        return frame(HEADERS, flags, stream, self.encoder.encode(fields + list(more)))

    def request(self, stream, method="Echo", content=b"hello"):
        """A whole call, in frames no larger than a server must take."""
        framed = message(content)
        pieces = [framed[at : at + 16384] for at in range(0, len(framed), 16384)]
        frames = [frame(DATA, 0, stream, piece) for piece in pieces[:-1]]
        frames.append(frame(DATA, END_STREAM, stream, pieces[-1]))
        return self.head(stream, method) + b"".join(frames)

    def read_until(self, condition):
        """Reads until the condition holds, the server has closed, or the time limit passes."""
        end = time.monotonic() + PATIENCE
        while not self.closed and not condition() and time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            self.take_in()

    def read_what_is_there(self):
        """Reads without waiting, so that input does not pile up."""
        self.socket.settimeout(0.001)
        self.take_in()

    def read_to_end(self):
        self.read_until(lambda: False)

    def take_in(self):
        try:
            data = self.socket.recv(1 << 16)
        except (TimeoutError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload = self.buffer[9 : 9 + length]
            self.buffer = self.buffer[9 + length :]
            self.frame(kind, flags, stream, payload)

    def frame(self, kind, flags, stream, payload):
        if kind == HEADERS:
            for name, value in self.decoder.decode(payload):
                if name == "grpc-status":
                    self.statuses[stream] = int(value)
        elif kind == RST_STREAM:
            self.resets[stream] = struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
            self.debug = payload[8:].decode()
        elif kind == SETTINGS and flags == 0:
            self.ready = True
        elif kind == PING and flags:
            self.pongs += 1

    def outcome(self, **more):
        return {
            "goaway": self.goaway,
            "debug": self.debug,
            "closed": self.closed,
            "resets": list(self.resets.values()),
            "statuses": list(self.statuses.values()),
            **more,
        }


# Streams and calls


def concurrent_streams(order):
    # Before the settings are acknowledged a client may not know better: it is refused, not closed.
    peer = Peer(order)
    for _ in range(order["count"]):
        peer.send(peer.head(peer.stream()))
    peer.read_until(lambda: len(peer.resets) >= order["over"])
    return peer.outcome()


def call_rate(order):
    peer = Peer(order)
    for _ in range(order["count"]):
        peer.send(peer.request(peer.stream()))
    peer.read_until(lambda: len(peer.statuses) == order["count"])
    return peer.outcome()


def calls_in_flight(order):
    peer = Peer(order)
    for _ in range(order["count"]):
        # One read each, so that calls are told of before the next ones come.
        before = len(peer.statuses)
        peer.send(peer.request(peer.stream(), "Wait"), ping(1))
        pongs = peer.pongs
        peer.read_until(lambda: peer.pongs > pongs or len(peer.statuses) > before)
    peer.read_until(lambda: len(peer.statuses) >= order["over"])
    return peer.outcome()


def begun_requests(order):
    peer = Peer(order)
    for _ in range(order["count"]):
        peer.send(peer.head(peer.stream()))
    peer.read_until(lambda: len(peer.resets) >= order["over"])
    return peer.outcome()


def streams(order):
    peer = Peer(order)
    for _ in range(order["count"]):
        peer.send(peer.head(peer.stream(), "Stream"))
    peer.read_until(lambda: len(peer.resets) >= order["over"])
    return peer.outcome()


def message_size(order):
    peer = Peer(order)
    stream = peer.stream()
    peer.send(peer.head(stream), frame(DATA, 0, stream, b"\0" + struct.pack(">I", order["count"])))
    peer.read_until(lambda: stream in peer.statuses)
    return peer.outcome()


def request_time(order):
    peer = Peer(order)
    stream = peer.stream()
    peer.send(peer.head(stream), frame(DATA, 0, stream, b"\0\0\0\0\x09half"))
    peer.read_until(lambda: stream in peer.statuses)
    return peer.outcome()


# Headers


def header_list(order):
    peer = Peer(order)
    fields = [("x-%d" % number, "y" * 1000) for number in range(order["count"])]
    stream = peer.stream()
    peer.send(peer.head(stream, more=fields))
    peer.read_until(lambda: stream in peer.resets)
    # The connection and its compression state live on.
    after = peer.stream()
    peer.send(peer.request(after))
    peer.read_until(lambda: after in peer.statuses)
    return peer.outcome()


def header_time(order):
    peer = Peer(order)
    peer.send(peer.head(peer.stream(), flags=0))
    peer.read_to_end()
    return peer.outcome()


def continuations(order):
    peer = Peer(order)
    stream = peer.stream()
    peer.send(peer.head(stream, flags=0))
    for number in range(order["count"]):
        block = peer.encoder.encode([("x-%d" % number, "z")])
        peer.send(frame(CONTINUATION, 0, stream, block))
    peer.read_to_end()
    return peer.outcome()


# Floods


def rapid_reset(order):
    peer = Peer(order)
    for _ in range(order["count"]):
        stream = peer.stream()
        peer.send(peer.head(stream), frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
    peer.read_to_end()
    return peer.outcome()


def made_you_reset(order):
    # A window beyond its largest size is an error of the stream: the server has to reset it.
    peer = Peer(order)
    for _ in range(order["count"]):
        stream = peer.stream()
        peer.send(peer.head(stream), frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 2**31 - 1)))
        peer.read_what_is_there()
    peer.read_to_end()
    return peer.outcome()


def flood(order):
    """Sends frames of one kind, a few at a time, and reads the answers."""
    peer = Peer(order)
    stream = peer.stream()
    peer.send(peer.head(stream))
    kinds = {
        "ping": ping(7),
        "settings": settings(),
        "priority": frame(PRIORITY, 0, 1001, struct.pack(">IB", 0, 7)),
        "unknown": frame(0xFA, 0, 0, b"?"),
        "window": frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
        "empty": frame(DATA, 0, stream),
        "padded": frame(DATA, PADDED, stream, b"\x03\0\0\0"),
    }
    for _ in range(order["count"] // 10):
        peer.send(kinds[order["kind"]] * 10)
        peer.read_what_is_there()
        if peer.closed:
            break
    peer.read_to_end()
    return peer.outcome()


def acknowledgements(order):
    # Many questions in one read: their answers pile up before any can leave.
    peer = Peer(order)
    peer.send(ping(7) * order["count"])
    peer.read_to_end()
    return peer.outcome()


def settings_entries(order):
    peer = Peer(order)
    peer.send(settings(*[(INITIAL_WINDOW_SIZE, 65535)] * order["count"]))
    peer.read_to_end()
    return peer.outcome()


def idle_pings(order):
    peer = Peer(order)
    for number in range(order["count"]):
        peer.send(ping(number))
        peer.read_until(lambda: peer.pongs > number)
    peer.read_to_end()
    return peer.outcome(pongs=peer.pongs)


# Clients that do not take what they asked for


def queued_output(order):
    peer = Peer(order, (INITIAL_WINDOW_SIZE, 0))
    for _ in range(order["count"]):
        peer.send(peer.request(peer.stream(), content=b"w" * 10_000))
    peer.read_until(lambda: len(peer.resets) >= order["over"])
    return peer.outcome()


def slow_reader(order):
    peer = Peer(order, (INITIAL_WINDOW_SIZE, 0))
    peer.send(peer.request(peer.stream(), content=b"w" * 10_000))
    peer.read_until(lambda: peer.resets)
    return peer.outcome()


# Connections


def mute(order):
    peer = Peer(order, preface=False)
    peer.read_to_end()
    return peer.outcome()


def connections(order):
    """Opens connections one after the other, and counts those that the server keeps."""
    kept, last = [], None
    for _ in range(order["count"]):
        try:
            peer = Peer(order)
        except OSError:
            continue
        peer.read_until(lambda: peer.ready)
        # The answer to a ping shows that the connection is not about to end.
        peer.send(ping(1))
        peer.read_until(lambda: peer.pongs > 0)
        if peer.closed:
            last = peer
        else:
            kept.append(peer)
    outcome = (last or kept[-1]).outcome() if last or kept else {}
    return {**outcome, "kept": len(kept)}


def handshakes(order):
    """Silent connections from another address of this host."""
    host, port = order["address"].rsplit(":", 1)
    held = [
        socket.create_connection(
            (host, int(port)), timeout=PATIENCE, source_address=(order["source"], 0)
        )
        for _ in range(order["count"])
    ]
    closed = 0
    end = time.monotonic() + PATIENCE
    while closed < order["over"] and time.monotonic() < end:
        for plain in list(held):
            plain.settimeout(0.01)
            try:
                if plain.recv(1) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue
            except OSError:
                held.remove(plain)
                closed += 1
    return {"closed": False, "kept": len(held), "resets": [], "statuses": [], "debug": ""}


def main():
    order = json.loads(sys.argv[1])
    print(json.dumps(globals()[order["attack"]](order)), flush=True)


if __name__ == "__main__":
    main()

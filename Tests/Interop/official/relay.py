# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A relay between a caller and a server that records which messages are compressed.

The cases of compression are about a flag on the wire, which neither grpcio's interface nor ours shows.
So such calls go through here: mutual TLS on either side, bytes unchanged in between, and each gRPC
message is printed before its last byte goes on, as "wire request compressed 291" or "wire response plain
314170". Who has a message in hand can therefore count on its line: the n-th message is the n-th line.

As a program it takes one JSON object: the server's address, and the PEM files of both sides. It prints
"port N", and ends when its standard input does.
"""

import asyncio
import contextlib
import json
import pathlib
import queue
import ssl
import struct
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
from frames import DATA, PADDED, PREFACE  # noqa: E402


class Messages:
    """The gRPC messages in the bytes of one way of an HTTP/2 connection."""

    def __init__(self, skipped):
        self.skipped = skipped
        self.rest = bytearray()
        self.streams = {}

    def feed(self, piece):
        """Yields whether each message that is complete now is compressed, and its length."""
        self.rest += piece
        if self.skipped:
            if len(self.rest) < self.skipped:
                return
            del self.rest[: self.skipped]
            self.skipped = 0
        while len(self.rest) >= 9:
            size = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + size:
                return
            kind, flags, stream = struct.unpack_from(">BBI", self.rest, 3)
            payload = bytes(self.rest[9 : 9 + size])
            del self.rest[: 9 + size]
            if kind != DATA:
                continue
            if flags & PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            yield from self.complete(self.streams.setdefault(stream, bytearray()), payload)

    @staticmethod
    def complete(waiting, payload):
        waiting += payload
        while len(waiting) >= 5:
            flag, size = struct.unpack_from(">BI", waiting)
            if len(waiting) < 5 + size:
                return
            del waiting[: 5 + size]
            yield flag == 1, size


class Relay:
    """Listens on a port of the kernel's choice, on a thread of its own."""

    def __init__(self, to, roots, listening, dialling):
        self.to = to
        self.listening = self.context(ssl.PROTOCOL_TLS_SERVER, roots, listening)
        self.listening.verify_mode = ssl.CERT_REQUIRED
        self.dialling = self.context(ssl.PROTOCOL_TLS_CLIENT, roots, dialling)
        self.passed = {"request": queue.Queue(), "response": queue.Queue()}
        started = queue.Queue()
        threading.Thread(target=lambda: asyncio.run(self.serve(started)), daemon=True).start()
        self.port = started.get(timeout=20)

    @staticmethod
    def context(purpose, roots, files):
        made = ssl.SSLContext(purpose)
        made.load_verify_locations(roots)
        made.load_cert_chain(files["certificate"], files["key"])
        made.set_alpn_protocols(["h2"])
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        return made

    async def serve(self, started):
        server = await asyncio.start_server(self.connect, "127.0.0.1", 0, ssl=self.listening)
        started.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def connect(self, reader, writer):
        host, port = self.to.rsplit(":", 1)
        far_reader, far_writer = await asyncio.open_connection(
            host, int(port), ssl=self.dialling, server_hostname=host
        )
        ways = [
            asyncio.create_task(self.pump(reader, far_writer, "request", len(PREFACE))),
            asyncio.create_task(self.pump(far_reader, writer, "response", 0)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, far_writer):
            end.close()

    async def pump(self, reader, writer, way, skipped):
        messages = Messages(skipped)
        with contextlib.suppress(OSError, ssl.SSLError):
            while piece := await reader.read(65_536):
                for compressed, size in messages.feed(piece):
                    said = "compressed" if compressed else "plain"
                    print(f"wire {way} {said} {size}", flush=True)
                    self.passed[way].put(compressed)
                writer.write(piece)
                await writer.drain()

    def next(self, way):
        """Whether the next message of that way was compressed: to be asked once for each, in order."""
        return self.passed[way].get(timeout=20)


def main():
    order = json.loads(sys.argv[1])
    relay = Relay(order["address"], order["roots"], order["server"], order["client"])
    print(f"port {relay.port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Forwards plain TCP to mutual TLS, for tools without client certificates.

    tls_forwarder.py --to 127.0.0.1:7946 --roots ca.pem --certificate c.pem --key c.key

Prints "listening HOST:PORT" and forwards all bytes until its standard input ends or it is interrupted.
Anyone who can connect to that port has the certificate's rights, so it listens on the loopback interface
by default.
"""

import argparse
import asyncio
import contextlib
import ssl
import sys


def context(options):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(options.roots)
    made.load_cert_chain(options.certificate, options.key)
    made.set_alpn_protocols(["h2"])
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    return made


async def pump(reader, writer):
    """Forwards bytes in one direction. The end of one direction ends both: TLS cannot close one alone."""
    with contextlib.suppress(OSError, ssl.SSLError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()


async def forward(reader, writer, options, secure):
    host, port = options.to.rsplit(":", 1)
    try:
        far_reader, far_writer = await asyncio.open_connection(
            host, int(port), ssl=secure, server_hostname=options.name or host
        )
    except OSError as error:
        print(f"no connection to {options.to}: {error}", file=sys.stderr, flush=True)
        writer.close()
        return
    ways = [
        asyncio.create_task(pump(reader, far_writer)),
        asyncio.create_task(pump(far_reader, writer)),
    ]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for end in (writer, far_writer):
        end.close()
    for end in (writer, far_writer):
        with contextlib.suppress(OSError, ssl.SSLError):
            await end.wait_closed()
    for way in ways:
        way.cancel()


async def serve(options):
    secure = context(options)
    host, port = options.listen.rsplit(":", 1)
    server = await asyncio.start_server(
        lambda reader, writer: forward(reader, writer, options, secure), host, int(port)
    )
    host, port = server.sockets[0].getsockname()[:2]
    print(f"listening {host}:{port}", flush=True)
    # A thread that waits for the input's end would have to be ended itself.
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    with contextlib.suppress(PermissionError):
        loop.add_reader(
            sys.stdin,
            lambda: sys.stdin.buffer.raw.read(4_096) or ended.done() or ended.set_result(None),
        )
    await ended


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--to", required=True, help="the node's address")
    parser.add_argument("--name", help="the host in the node's certificate, if it is another")
    parser.add_argument("--roots", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

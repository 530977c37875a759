# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""TLS: what is refused in the handshake, or is not there at all."""

import errno
import os
import pty
import socket
import ssl
import struct
import subprocess

from registry import attack
from resources import newcomer
from wire import FIND_SUCCESSOR, Connection, field, dial

LOOKUP = field(1, bytes(8))
# Every outcome by which a node ends a handshake.
REFUSED = "refused"


def present(attacker, context, note=REFUSED):
    """One handshake and one call on it; notes whether the node answered."""
    try:
        connection = Connection(attacker.address, context, timeout=5)
    except ssl.SSLError as error:
        attacker.note(note)
        attacker.note(f"alert {error.reason}")
        return
    except OSError:
        attacker.note(note)
        return
    status = connection.call(FIND_SUCCESSOR, LOOKUP, timeout=5)
    if status is not None:
        attacker.note("answered")
    elif connection.is_closed:
        attacker.note(note)
    else:
        attacker.note("left open")
    attacker.end(connection)


def repeat(attacker, context):
    while attacker.running():
        present(attacker, context)


def refusal(name, source, needs, **more):
    return attack(name, source, needs, [REFUSED], forbidden=["answered", "left open"], **more)


@refusal("no-certificate", "TLS", "none")
def no_certificate(attacker):
    """Handshakes without a certificate, one after the other."""
    repeat(attacker, attacker.credentials().context())


@refusal("tls-1.2", "TLS", "client", rated=False)
def tls12(attacker):
    """The newest version offered is TLS 1.2."""
    context = attacker.credentials().context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    repeat(attacker, context)


@refusal("no-alpn", "TLS", "client", rated=False)
def no_alpn(attacker):
    """No protocol is offered."""
    repeat(attacker, attacker.credentials().context(protocols=()))


@refusal("other-alpn", "TLS", "client", rated=False)
def other_alpn(attacker):
    """Only HTTP/1.1 is offered."""
    repeat(attacker, attacker.credentials().context(protocols=["http/1.1"]))


@attack("renegotiation", "TLS", "client", ["refused"], forbidden=["renegotiated"], rated=False)
def renegotiation(attacker):
    """TLS 1.3 has no renegotiation; a client that insists must fall back to TLS 1.2."""
    command = ["openssl", "s_client", "-connect", attacker.address, "-tls1_2", "-alpn", "h2", "-legacy_renegotiation"]
    credentials = attacker.credentials()
    command += ["-cert", credentials.certificate, "-key", credentials.key, "-CAfile", credentials.roots]
    while attacker.running():
        # A line R asks for renegotiation.
        said = subprocess.run(command, input=b"R\n", capture_output=True, timeout=20, check=False)
        attacker.note("renegotiated" if b"Cipher is (NONE)" not in said.stdout else "refused")


@attack("resumption", "TLS", "client", ["no ticket"], forbidden=["ticket", "resumed"], rated=False)
def resumption(attacker):
    """A session is kept and offered again, as after a change of the authority."""
    context = attacker.credentials().context()
    while attacker.running():
        first = attacker.connect(context=context)
        if not first:
            continue
        first.call(FIND_SUCCESSOR, LOOKUP)
        session = first.socket.session
        attacker.note("ticket" if session is not None and session.has_ticket else "no ticket")
        attacker.end(first)
        if session is None:
            continue
        with context.wrap_socket(dial(attacker.address), session=session) as second:
            if second.session_reused:
                attacker.note("resumed")


@attack("key-update-flood", "RFC 8446 4.6.3", "client", ["sent"])
def key_update_flood(attacker):
    """KeyUpdate messages that ask for one in return, by openssl s_client on a terminal of its own."""
    credentials = attacker.credentials()
    command = ["openssl", "s_client", "-connect", attacker.address, "-alpn", "h2"]
    command += ["-cert", credentials.certificate, "-key", credentials.key, "-CAfile", credentials.roots]
    while attacker.running():
        ours, theirs = pty.openpty()
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.close(theirs)
        os.set_blocking(ours, False)
        os.set_blocking(process.stdout.fileno(), False)
        attacker.note("connections")
        while attacker.running() and process.poll() is None:
            try:
                # Each line is one read of s_client, and each read that begins with K one KeyUpdate.
                os.write(ours, b"K\n" * 200)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    break
            # The echo of the terminal, and what s_client says, must not fill their buffers.
            for descriptor in (ours, process.stdout.fileno()):
                try:
                    said = os.read(descriptor, 1 << 16)
                    attacker.note("sent", said.count(b"KEYUPDATE"))
                except OSError:
                    pass
            attacker.stopped.wait(0.001)
        process.kill()
        process.wait()
        os.close(ours)
        process.stdout.close()


@attack("plain-http", "TLS", "none", ["closed"])
def plain_http(attacker):
    """HTTP without TLS."""
    while attacker.running():
        try:
            with dial(attacker.address, timeout=2) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                while plain.recv(1000):
                    pass
            attacker.note("closed")
        except ConnectionError:
            attacker.note("closed")
        except OSError:
            attacker.note("left open")


@attack("half-handshakes", "slow handshake", "none", ["sent"])
def half_handshakes(attacker):
    """Half of a ClientHello, then the end, on one connection after the other."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = attacker.credentials().context().wrap_bio(incoming, outgoing)
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    while attacker.running():
        try:
            plain = dial(attacker.address, timeout=2)
            plain.sendall(hello[: len(hello) // 2])
            # A reset instead of an orderly end.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.close()
            attacker.note("sent")
        except OSError:
            attacker.note("connection refused")


@attack("silent-connections", "D5, slow handshake", "none", ["held"], memory=200, beside=newcomer, prepares=True)
def silent_connections(attacker):
    """Two addresses hold 256 connections each without a byte, and renew those that the node closes."""
    held = {}
    while attacker.running() or not held:
        for source in ("127.0.0.2", "127.0.0.3"):
            for place in range(256):
                plain = held.get((source, place))
                try:
                    if plain is None or plain.recv(1) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    continue
                except OSError:
                    if plain:
                        plain.close()
                        attacker.note("closed by the node")
                    try:
                        plain = dial(attacker.address, timeout=2, source=source)
                        plain.setblocking(False)
                        held[source, place] = plain
                        attacker.note("held")
                    except OSError:
                        held.pop((source, place), None)
                        attacker.note("connection refused")
        attacker.ready()
        attacker.stopped.wait(0.1)
        if attacker.is_short:
            # The good client beside it needs a moment to call.
            attacker.stopped.wait(0.5)


@attack("slow-handshake", "slow handshake", "none", ["closed by the node"], patience=13, prepares=True)
def slow_handshake(attacker):
    """A ClientHello at one byte per second, on a hundred connections."""
    held = [dial(attacker.address, timeout=2) for _ in range(100)]
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(400)
    attacker.ready()
    for byte in hello:
        if not attacker.running():
            break
        for plain in list(held):
            try:
                plain.send(bytes([byte]))
                plain.setblocking(False)
                if plain.recv(100) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                held.remove(plain)
                plain.close()
                attacker.note("closed by the node")
        attacker.stopped.wait(1)
    for plain in held:
        plain.close()
    attacker.note("still open", len(held))

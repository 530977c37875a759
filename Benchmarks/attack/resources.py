# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a client can make a node hold: requests, answers, streams, connections, inflated bytes, lines of the log."""

import resource
import time

from registry import attack
from wire import (
    DATA, END_HEADERS, FIND_SUCCESSOR, HEADERS, INITIAL_WINDOW_SIZE, NOTIFY, STORE, WATCH, bomb, field, frame, head,
    message, number,
)  # fmt: skip

# A node allows 1,000; a stream that has just ended may still count.
MOST_STREAMS = 990
LOOKUP = field(1, bytes(8))
EXHAUSTED = "status 8"
# The longest time until a new client has its answer, in seconds.
NEWCOMER = 1.0


def hold(attacker, count, keep):
    """Holds connections; `keep` is called for each of them again and again."""
    connections = [connection for _ in range(count) if (connection := attacker.connect())]
    while attacker.running():
        for connection in connections:
            keep(connection)
            connection.take_in()
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
        attacker.ready()
        # A flood of refused calls is another attack.
        attacker.stopped.wait(0.2)
    attacker.note("still open", sum(len(connection.open) for connection in connections))
    for connection in connections:
        attacker.end(connection)


@attack("unfinished-requests", "D3", "client", [EXHAUSTED], memory=256, prepares=True)
def unfinished_requests(attacker):
    """16 connections keep 1,000 requests each that are begun and never ended."""
    block = head(FIND_SUCCESSOR)

    def keep(connection):
        missing = MOST_STREAMS - len(connection.open)
        if missing:
            connection.send(b"".join(connection.begin(block) for _ in range(missing)))
            attacker.note("sent", missing)

    hold(attacker, 16, keep)


@attack("unfinished-large-messages", "D4", "client", [EXHAUSTED], memory=200)
def unfinished_large_messages(attacker):
    """198 streams with a message of 4 MiB each that never ends, of a method that takes 64 KiB."""
    block, prefix = head(FIND_SUCCESSOR), b"\0" + number(4 << 20)
    for connection in attacker.connections():
        for _ in range(198):
            stream = connection.next
            connection.send(connection.begin(block) + frame(DATA, 0, stream, prefix + bytes(16000)))
            connection.take_in()
            attacker.note("sent")
            if not attacker.running():
                break


@attack("unfinished-values", "D4", "client", [EXHAUSTED], memory=400)
def unfinished_values(attacker):
    """The same with Put, which takes 4 MiB: all but the last byte of a value comes."""
    block, prefix = head(STORE + "Put"), b"\0" + number(2 << 20)
    connections = []
    piece = bytes(16384)
    while attacker.running():
        if len(connections) < 16 and (connection := attacker.connect()):
            connections.append(connection)
        for connection in connections:
            stream = connection.next
            connection.send(connection.begin(block) + frame(DATA, 0, stream, prefix))
            for _ in range(127):
                if stream not in connection.open or not connection.send(frame(DATA, 0, stream, piece)):
                    break
                connection.take_in()
                attacker.note("sent")
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
            if connection.is_closed:
                connections.remove(connection)
    for connection in connections:
        attacker.end(connection)


@attack("oversized-messages", "messages", "client", [EXHAUSTED])
def oversized_messages(attacker):
    """Messages that announce 4 GiB."""
    block = head(FIND_SUCCESSOR)
    for connection in attacker.connections():
        while attacker.running() and not connection.is_closed:
            frames = []
            for _ in range(100):
                stream = connection.next
                frames += [connection.begin(block), frame(DATA, 0, stream, b"\0\xff\xff\xff\xff")]
            if not connection.send(b"".join(frames)):
                break
            while len(connection.open) > 500 and connection.take_in(0.5):
                pass
            attacker.note("sent", 100)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()


@attack("truncated-messages", "messages", "client", ["status 13|status 3"], forbidden=["status 0"])
def truncated_messages(attacker):
    """Messages that end before their announced length."""
    calls(attacker, FIND_SUCCESSOR, b"\0" + number(100) + b"half")


@attack("messages-that-are-none", "log", "client", ["status 3|status 13"], forbidden=["status 0"])
def messages_that_are_none(attacker):
    """Messages that cannot be decoded; each is a line in the log, up to the limit of lines."""
    calls(attacker, FIND_SUCCESSOR, message(b"\xff" * 40))


@attack("forbidden-calls", "log", "client", ["status 7"], forbidden=["status 0"])
def forbidden_calls(attacker):
    """Calls that a client may not make."""
    calls(attacker, NOTIFY, message(b""))


@attack("unknown-methods", "log", "client", ["status 12"], forbidden=["status 0"])
def unknown_methods(attacker):
    """Calls of methods that do not exist."""
    calls(attacker, "/chord.v1.ChordService/Nothing", message(b""))


def calls(attacker, path, body, count=200):
    """Complete calls, each of which the node refuses."""
    block = head(path)
    for connection in attacker.connections():
        while attacker.running():
            if not connection.send(b"".join(connection.begin(block, body) for _ in range(count))):
                break
            attacker.note("sent", count)
            end = time.monotonic() + 5
            while len(connection.open) > count and time.monotonic() < end and not connection.is_closed:
                connection.take_in(0.5)
            connection.take_in(0.5)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()


@attack("gzip-bomb", "D8", "client", [EXHAUSTED], memory=200)
def gzip_bomb(attacker):
    """Messages of 4 KB that become 4 MiB, to a method that takes 64 KiB."""
    block, body = head(FIND_SUCCESSOR, [("grpc-encoding", "gzip")]), bomb(4 << 20)
    bombs(attacker, block, body)


@attack("gzip-bomb-of-values", "D8", "client", [EXHAUSTED], memory=320)
def gzip_bomb_of_values(attacker):
    """The same to Put, which takes 4 MiB."""
    block, body = head(STORE + "Put", [("grpc-encoding", "gzip")]), bomb((4 << 20) - 10)
    bombs(attacker, block, body)


def bombs(attacker, block, body):
    for connection in attacker.connections():
        while attacker.running():
            if not connection.send(b"".join(connection.begin(block, body) for _ in range(20))):
                break
            attacker.note("sent", 20)
            end = time.monotonic() + 5
            while len(connection.open) > 20 and time.monotonic() < end and connection.take_in(0.5):
                pass
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()


@attack("watches-opened-and-closed", "D2", "client", ["opened"], memory=200)
def watches_opened_and_closed(attacker):
    """Thousands of Watch streams, a thousand at a time, and then the end of their connection."""
    block = head(WATCH)
    for connection in attacker.connections():
        if not connection.send(b"".join(connection.begin(block, message(b"")) for _ in range(1000))):
            continue
        end = time.monotonic() + 0.5
        while time.monotonic() < end and attacker.running():
            connection.take_in(0.05)
        attacker.note("opened", 1000)


@attack("watches-held", "D3", "client", [EXHAUSTED], memory=256, prepares=True)
def watches_held(attacker):
    """As many Watch streams as a client gets, on 16 connections."""
    block, body = head(WATCH), message(b"")

    def keep(connection):
        missing = MOST_STREAMS - len(connection.open)
        if missing:
            connection.send(b"".join(connection.begin(block, body) for _ in range(missing)))
            attacker.note("sent", missing)

    hold(attacker, 16, keep)


def newcomer(target):
    """A new client has its answer soon."""
    began = time.monotonic()
    status = target.new_client_calls()
    took = time.monotonic() - began
    target.facts["newcomer"] = f"{took * 1000:.0f} ms"
    if status != 0:
        return [f"a new client is not served: {status}"]
    # In the short form only behaviour counts.
    if took > NEWCOMER and not target.is_short:
        return [f"a new client waits {took:.2f} s"]
    return []


@attack("unread-answers", "D6, slow reader", "client", ["reset ENHANCE_YOUR_CALM"], memory=320, patience=36,
        short=False, prepares=True)
def unread_answers(attacker):
    """900 answers that are not read on each of four connections, and an ordinary call now and then."""
    connections = [attacker.connect(entries=[(INITIAL_WINDOW_SIZE, 0)]) for _ in range(4)]
    block = head(FIND_SUCCESSOR)
    for connection in connections:
        connection.send(b"".join(connection.begin(block, message(LOOKUP)) for _ in range(900)))
    attacker.ready()
    while attacker.running():
        for connection in connections:
            connection.drain(0.05)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
            # Windows of this size let no answer through; the connection is a busy one nevertheless.
            connection.send(connection.begin(block, message(LOOKUP)))
        attacker.stopped.wait(2)
    for connection in connections:
        attacker.end(connection)


@attack("slow-headers", "slow headers", "client", ["goaway headers_too_slow"], patience=14, prepares=True)
def slow_headers(attacker):
    """Header blocks that begin and never end, on 50 connections."""
    wait_for_end(attacker, 50, lambda connection: frame(HEADERS, 0, connection.stream(), head(FIND_SUCCESSOR)[:40]))


@attack("slow-settings", "slow handshake", "client", ["goaway SETTINGS_TIMEOUT|closed"], patience=14, prepares=True)
def slow_settings(attacker):
    """TLS and then nothing, on 50 connections."""
    wait_for_end(attacker, 50, lambda connection: b"", preface=False)


@attack("slow-requests", "slow reader", "client", ["status 4"], patience=36, short=False, prepares=True)
def slow_requests(attacker):
    """Requests with one byte of their message per two seconds."""
    block = head(FIND_SUCCESSOR)
    connections = [attacker.connect() for _ in range(10)]
    for connection in connections:
        for _ in range(50):
            stream = connection.next
            connection.send(connection.begin(block) + frame(DATA, 0, stream, b"\0" + number(100)))
    attacker.ready()
    while attacker.running():
        for connection in connections:
            connection.send(b"".join(frame(DATA, 0, stream, b"\0") for stream in list(connection.open)))
            connection.drain(0.02)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
        attacker.stopped.wait(2)
    for connection in connections:
        attacker.end(connection)


def wait_for_end(attacker, count, begin, **options):
    connections = [connection for _ in range(count) if (connection := attacker.connect(**options))]
    for connection in connections:
        if options.get("preface", True):
            # Nothing may come between the pieces of a header block, not even the acknowledgement of settings.
            connection.take_in(1)
        connection.send(begin(connection))
    attacker.ready()
    while attacker.running():
        for connection in connections:
            connection.take_in(0.002)
        attacker.stopped.wait(0.2)
        for connection in connections:
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
    for connection in connections:
        attacker.end(connection)


@attack("idle-connections", "a million idle connections", "client", ["goaway too_many_connections"], memory=200,
        beside=newcomer, prepares=True)
def idle_connections(attacker):
    """As many idle connections of one identity as the node and this machine allow."""
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 64, 2000)
    held = []
    context = attacker.credentials().context()
    while attacker.running() and len(held) < most:
        connection = attacker.connect(context=context)
        if connection:
            held.append(connection)
            connection.take_in(0.02)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()
        if len(held) >= 300:
            attacker.ready()
    attacker.ready()
    while attacker.running():
        attacker.stopped.wait(0.1)
    attacker.note("held", sum(not connection.is_closed for connection in held))
    for connection in held:
        attacker.end(connection)


@attack("new-connections", "connections", "client", ["connections"], beside=newcomer)
def new_connections(attacker):
    """Handshakes with a good certificate, one after the other, and nothing behind them."""
    context = attacker.credentials().context()
    while attacker.running():
        connection = attacker.connect(context=context)
        if connection:
            attacker.end(connection)


@attack("half-open-requests", "messages", "client", ["sent"])
def half_open_requests(attacker):
    """Requests whose connection ends in the middle of their message."""
    block = head(FIND_SUCCESSOR)
    for connection in attacker.connections():
        stream = connection.stream()
        connection.send(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, 0, stream, b"\0\0\0\0\x64half"))
        attacker.note("sent")
        attacker.end(connection)

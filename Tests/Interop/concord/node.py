# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A node that speaks Concord's contract, with Concord's faults, written independently of this project:

- FindSuccessor uses an open interval. For a node's own identifier it names the node before it, or forwards
  the question to the finger before it. If that finger does not answer, each successor is tried in turn. In a
  small ring the node is its own successor and calls itself, in this process, even if the caller is gone or
  its deadline has passed. The real node crashes then. This one crashes when the recursion has lasted as long
  as the real stack (`--stack`), or when too many questions are in progress (`--most`).
- At the start, and when a nearer successor is found, all 64 fingers name the first successor. One random
  finger is repaired per tick. Fingers that name a stopped node stay until their turn.
- A list wraps around in small rings and contains the node itself. When the first successor is gone, the next
  takes its place, and fingers do not change.
- Only joining calls have their own deadline; a forwarded question uses that of its caller. A silent peer
  delays the tick.
- Notify believes its caller; only a live predecessor stays.
- A stopped node is dialled again after 1 s, 1.6 s and so on up to two minutes, as in grpc-go. Until then
  calls to it fail at once, even if it is back.
- An answer without a server, and an address that cannot be dialled, crash it.

It exits at the end of its standard input. On SIGTERM and SIGINT it stops serving and exits without a message
to others, as Concord does. It writes "died" and the cause when one of its faults ends it.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import threading
import time

import grpc
import grpc.aio

import contract

concord_pb2 = contract.load("concord_pb2")
concord_pb2_grpc = contract.load("concord_pb2_grpc")
empty_pb2 = contract.load("google.protobuf.empty_pb2")

# The defaults of grpc-go, written down because the library used here may have others.
REDIALLING = [
    ("grpc.initial_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 120_000),
    # A node can restart at the same port, so channels share no connection.
    ("grpc.use_local_subchannel_pool", 1),
]


def say(line):
    print(line, flush=True)


def die(reason):
    say(f"died {reason}")
    os._exit(70)


class Unanswered(Exception):
    """A call that failed."""


class Caller:
    """The caller of a question: its deadline, and whether it still waits."""

    def __init__(self, seconds=None):
        self.end = None if seconds is None else time.monotonic() + seconds
        self.is_gone = False
        self.calls = set()

    def leave(self):
        self.is_gone = True
        for call in list(self.calls):
            call.cancel()


class Peers:
    """Channels to other nodes, which stay open."""

    def __init__(self, certificates):
        self.credentials = certificates.client()
        self.channels = {}

    def stub(self, server):
        if not server.name or not contract.is_dialled(server.address):
            die(f"cannot dial {server.name!r} at {server.address!r}")
        if server.address not in self.channels:
            self.channels[server.address] = grpc.aio.secure_channel(
                server.address, self.credentials, options=REDIALLING
            )
        return concord_pb2_grpc.ChordServiceStub(self.channels[server.address])

    async def call(self, method, request, caller):
        """A call for a caller: it uses the remaining deadline, and ends with the caller."""
        if caller.is_gone:
            raise Unanswered("the caller is gone")
        left = None if caller.end is None else caller.end - time.monotonic()
        if left is not None and left <= 0:
            raise Unanswered("no time is left")
        call = method(request, timeout=left)
        caller.calls.add(call)
        try:
            return await call
        except grpc.RpcError as error:
            raise Unanswered(f"{error.code().name} {error.details()}") from None
        except asyncio.CancelledError:
            if not caller.is_gone:
                raise
            raise Unanswered("the caller is gone") from None
        finally:
            caller.calls.discard(call)

    async def find(self, server, id, caller):
        answer = await self.call(self.stub(server).FindSuccessor, concord_pb2.FindReq(id=id), caller)
        if not answer.HasField("server"):
            die(f"{server.name} answered FindSuccessor without a server")
        return answer.server

    async def ring(self, server, caller):
        return await self.call(self.stub(server).GetRing, empty_pb2.Empty(), caller)

    async def notify(self, server, candidate, caller):
        await self.call(self.stub(server).Notify, candidate, caller)


class Node(concord_pb2_grpc.ChordServiceServicer):
    def __init__(self, name, certificates, options):
        self.options = options
        self.peers = Peers(certificates)
        self.ready = False
        self.predecessor = None
        self.successors = []
        self.fingers = []
        self.under_way = 0
        self.bits = options.width
        self.server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        concord_pb2_grpc.add_ChordServiceServicer_to_server(self, self.server)
        port = self.server.add_secure_port(options.listen, certificates.server())
        if port == 0:
            sys.exit(f"cannot listen at {options.listen}")
        host = options.listen.rpartition(":")[0]
        self.listens = f"{host}:{port}"
        self.self = concord_pb2.Server(
            id=contract.identifier(name) >> (contract.BITS - self.bits),
            name=name,
            address=options.advertise or self.listens,
        )

    # What others ask.

    async def FindSuccessor(self, request, context):
        if not self.ready:
            await context.abort(grpc.StatusCode.UNKNOWN, "not ready")
        caller = Caller(context.time_remaining())
        self.under_way += 1
        if self.under_way > self.options.most:
            die(f"out of memory: {self.under_way} questions are under way")
        # A separate task: its calls notice that the caller is gone, the task does not.
        task = asyncio.create_task(self.find(request.id, caller))
        task.add_done_callback(self.answered)
        try:
            server = await asyncio.shield(task)
        except Unanswered as error:
            await context.abort(grpc.StatusCode.UNKNOWN, f"nobody answers: {error}")
        finally:
            if not task.done():
                caller.leave()
        return concord_pb2.FindResp(server=server)

    def answered(self, task):
        self.under_way -= 1
        if not task.cancelled():
            task.exception()

    async def find(self, id, caller):
        began = time.monotonic()
        depth = 0
        while True:
            if contract.strictly_between(self.self.id, id, self.successors[0].id):
                return self.successors[0]
            preceding = self.closest_preceding(id)
            if preceding is None:
                return self.self
            failure = None
            for server in [preceding] + list(self.successors):
                if server.id == self.self.id:
                    break
                try:
                    return await self.peers.find(server, id, caller)
                except Unanswered as error:
                    failure = error
            else:
                raise failure
            # It calls itself. What that gives is the answer, so the recursion is a loop here; it ends only
            # when somebody answers.
            depth += 1
            if time.monotonic() - began > self.options.stack:
                die(f"stack overflow: FindSuccessor({id:016x}) called itself {depth} times")
            await asyncio.sleep(0.001)

    def closest_preceding(self, id):
        for finger in reversed(self.fingers):
            if contract.strictly_between(self.self.id, finger.id, id):
                return finger
        return None

    async def GetRing(self, request, context):
        return self.state()

    def state(self):
        if not self.ready:
            return concord_pb2.Ring()
        return concord_pb2.Ring(predecessor=self.predecessor, successors=self.successors)

    async def Notify(self, request, context):
        if self.ready:
            await self.notified(request)
        return empty_pb2.Empty()

    async def notified(self, candidate):
        old = self.predecessor
        if old is None or contract.strictly_between(old.id, candidate.id, self.self.id):
            self.predecessor = candidate
            return
        try:
            await self.ring_of(old)
        except Unanswered:
            if self.predecessor == old:
                self.predecessor = candidate

    # What it does itself.

    async def ring_of(self, server):
        if server == self.self:
            return self.state()
        return await self.peers.ring(server, Caller())

    def create(self):
        self.predecessor = self.self
        self.successors = [self.self] * self.options.successors
        self.begin()

    def begin(self):
        self.fill_fingers()
        self.ready = True
        say(f"ready {self.self.name} {self.self.address} {self.self.id:016x}")

    def fill_fingers(self):
        self.fingers = [self.successors[0]] * self.bits

    def list_after(self, first, others):
        return ([first] + list(others))[: self.options.successors]

    async def join(self, addresses):
        """Asks each bootstrap address in turn, forever."""
        turn = 0
        while True:
            address = addresses[turn % len(addresses)]
            turn += 1
            bootstrap = concord_pb2.Server(name="bootstrap", address=address)
            problem = None
            try:
                found = await self.peers.find(bootstrap, self.self.id, Caller(5))
                ring = await self.peers.ring(found, Caller(5))
                if not ring.HasField("predecessor"):
                    problem = f"{found.name} has no predecessor"
            except Unanswered as error:
                problem = str(error)
            if problem is None:
                self.predecessor = ring.predecessor
                self.successors = self.list_after(found, ring.successors)
                return self.begin()
            say(f"join {address} {problem}")
            await asyncio.sleep(self.options.interval)

    async def run(self):
        while True:
            await self.tick()
            await asyncio.sleep(self.options.interval)

    async def tick(self):
        await self.stabilise()
        index = random.randrange(self.bits)
        try:
            target = (self.self.id + (1 << index)) % (1 << self.bits)
            self.fingers[index] = await self.find(target, Caller())
        except Unanswered:
            # It keeps what it has.
            pass

    async def stabilise(self):
        head = self.successors[0]
        try:
            ring = await self.ring_of(head)
        except Unanswered:
            return self.drop(head)
        nearer = ring.predecessor if ring.HasField("predecessor") else None
        if nearer and contract.strictly_between(self.self.id, nearer.id, head.id):
            try:
                ring = await self.ring_of(nearer)
                head = nearer
            except Unanswered:
                pass
        is_new = head.id != self.successors[0].id
        self.successors = self.list_after(head, ring.successors)
        if is_new:
            self.fill_fingers()
        if head == self.self:
            return await self.notified(self.self)
        try:
            await self.peers.notify(head, self.self, Caller())
        except Unanswered as error:
            say(f"notify {head.name} {error}")

    def drop(self, head):
        rest = [server for server in self.successors if server.id != head.id]
        self.successors = rest or [self.self] * self.options.successors


async def live(options):
    certificates = contract.Certificates(
        options.certs_dir, options.certificate or f"host-{options.name}"
    )
    node = Node(options.name, certificates, options)
    await node.server.start()
    say(f"serving {node.self.name} {node.listens} {node.self.id:016x}")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    async def member():
        if options.join:
            await node.join(options.join)
        else:
            node.create()
        await node.run()

    task = asyncio.create_task(member())
    ending = asyncio.create_task(ended.wait())
    await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    await node.server.stop(0)
    contract.clean_up()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="A node of Concord's contract.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--advertise", help="default: where it listens")
    parser.add_argument("--certs-dir", required=True)
    parser.add_argument("--certificate", help="default: host-NAME")
    parser.add_argument("--join", action="append", default=[])
    parser.add_argument("--interval", type=float, default=3)
    parser.add_argument("--successors", type=int, default=3)
    parser.add_argument("--width", type=int, default=contract.BITS, help="bits of an identifier")
    parser.add_argument("--stack", type=float, default=8, help="seconds until a recursion kills it")
    parser.add_argument("--most", type=int, default=2000, help="questions under way that kill it")
    options = parser.parse_args()
    # The parent may have blocked these signals; all threads inherit the mask from here.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT])
    # Ends together with its parent.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    asyncio.run(live(options))


if __name__ == "__main__":
    main()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A node of Concord's contract, written against it and not against this project, faults included:

- FindSuccessor takes its interval as open: for a node's own identifier it names the node before it.
- A list that is shorter than it should be is filled up with the node itself, and may go round.
- One finger, chosen by lot, is looked up in each tick.
- No call but those of joining has a deadline: whoever does not answer holds the tick up.
- Notify believes whatever it is told; only a live predecessor stays.
- An answer without a server, and an address that cannot be dialled, crash it.

It ends when its standard input does. SIGTERM makes it stop serving and end: Concord says no goodbye.
"""

import argparse
import concurrent.futures
import os
import random
import signal
import sys
import threading
import time

import grpc

import contract

concord_pb2 = contract.load("concord_pb2")
concord_pb2_grpc = contract.load("concord_pb2_grpc")
empty_pb2 = contract.load("google.protobuf.empty_pb2")


def say(line):
    print(line, flush=True)


def crash(reason):
    say(f"crash {reason}")
    os._exit(70)


class Peers:
    """Channels to other nodes, each kept."""

    def __init__(self, certificates, interval):
        self.certificates = certificates
        self.wait = max(50, int(interval * 1000))
        self.channels = {}
        self.lock = threading.Lock()

    def stub(self, server):
        if not server.name or not contract.is_dialled(server.address):
            crash(f"cannot dial {server.name!r} at {server.address!r}")
        with self.lock:
            if server.address not in self.channels:
                self.channels[server.address] = grpc.secure_channel(
                    server.address,
                    self.certificates.client(),
                    options=[
                        # One port, several lives of a node: no connection is shared between channels.
                        ("grpc.use_local_subchannel_pool", 1),
                        ("grpc.initial_reconnect_backoff_ms", 50),
                        ("grpc.min_reconnect_backoff_ms", 50),
                        ("grpc.max_reconnect_backoff_ms", self.wait),
                    ],
                )
            return concord_pb2_grpc.ChordServiceStub(self.channels[server.address])

    def find(self, server, id, timeout=None):
        answer = self.stub(server).FindSuccessor(concord_pb2.FindReq(id=id), timeout=timeout)
        if not answer.HasField("server"):
            crash(f"{server.name} answered FindSuccessor without a server")
        return answer.server

    def ring(self, server, timeout=None):
        return self.stub(server).GetRing(empty_pb2.Empty(), timeout=timeout)

    def notify(self, server, candidate):
        self.stub(server).Notify(candidate)


class Node(concord_pb2_grpc.ChordServiceServicer):
    def __init__(self, name, certificates, options):
        self.options = options
        self.peers = Peers(certificates, options.interval)
        self.lock = threading.Lock()
        self.ready = False
        self.predecessor = None
        self.successors = []
        self.fingers = {}
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(64))
        concord_pb2_grpc.add_ChordServiceServicer_to_server(self, server)
        port = server.add_secure_port(options.listen, certificates.server())
        if port == 0:
            sys.exit(f"cannot listen at {options.listen}")
        self.host = options.listen.rpartition(":")[0]
        self.self = concord_pb2.Server(
            id=contract.identifier(name), name=name, address=f"{self.host}:{port}"
        )
        self.server = server

    # What others ask.

    def FindSuccessor(self, request, context):
        if not self.ready:
            context.abort(grpc.StatusCode.UNKNOWN, "not ready")
        try:
            return concord_pb2.FindResp(server=self.find(request.id))
        except grpc.RpcError as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"nobody answers: {error.code()}")

    def find(self, id):
        with self.lock:
            successors = list(self.successors)
            preceding = self.closest_preceding(id)
        if contract.strictly_between(self.self.id, id, successors[0].id):
            return successors[0]
        if preceding is None:
            return self.self
        others = [server for server in successors if server.id != self.self.id]
        failure = None
        for server in [preceding] + others:
            try:
                return self.peers.find(server, id)
            except grpc.RpcError as error:
                failure = error
        raise failure

    def closest_preceding(self, id):
        for index in sorted(self.fingers, reverse=True):
            finger = self.fingers[index]
            if contract.strictly_between(self.self.id, finger.id, id):
                return finger
        return None

    def GetRing(self, request, context):
        if not self.ready:
            return concord_pb2.Ring()
        with self.lock:
            return concord_pb2.Ring(predecessor=self.predecessor, successors=self.successors)

    def Notify(self, request, context):
        if self.ready:
            self.notified(request)
        return empty_pb2.Empty()

    def notified(self, candidate):
        with self.lock:
            old = self.predecessor
            if old is None or contract.strictly_between(old.id, candidate.id, self.self.id):
                self.predecessor = candidate
                return
        if old == candidate or old.id == self.self.id:
            return
        try:
            self.peers.ring(old)
        except grpc.RpcError:
            with self.lock:
                if self.predecessor == old:
                    self.predecessor = candidate

    # What it does itself.

    def padded(self, servers):
        count = self.options.successors
        return (list(servers) + [self.self] * count)[:count]

    def create(self):
        with self.lock:
            self.predecessor = self.self
            self.successors = self.padded([])
        self.begin()

    def begin(self):
        with self.lock:
            self.fingers = {0: self.successors[0]}
        self.ready = True
        say(f"ready {self.self.name} {self.self.address} {self.self.id:016x}")

    def join(self, addresses):
        """Asks each bootstrap address in turn, for ever."""
        turn = 0
        while True:
            address = addresses[turn % len(addresses)]
            turn += 1
            bootstrap = concord_pb2.Server(name="bootstrap", address=address)
            try:
                found = self.peers.find(bootstrap, self.self.id, timeout=5)
                ring = self.peers.ring(found, timeout=5)
            except grpc.RpcError as error:
                say(f"join {address} {error.code().name} {error.details()}")
                time.sleep(self.options.interval)
                continue
            if not ring.HasField("predecessor"):
                say(f"join {found.name} has no predecessor")
                time.sleep(self.options.interval)
                continue
            with self.lock:
                self.predecessor = ring.predecessor
                self.successors = self.padded([found] + list(ring.successors)[:-1])
            return self.begin()

    def run(self):
        while True:
            self.tick()
            time.sleep(self.options.interval)

    def tick(self):
        self.stabilise()
        index = random.randrange(contract.BITS)
        try:
            finger = self.find((self.self.id + (1 << index)) % contract.SIZE)
        except grpc.RpcError:
            finger = None
        with self.lock:
            if finger is None:
                self.fingers.pop(index, None)
            else:
                self.fingers[index] = finger
            self.fingers[0] = self.successors[0]

    def stabilise(self):
        with self.lock:
            head = self.successors[0]
        if head.id == self.self.id:
            # Alone, or taken to be: whoever has notified is the way back.
            with self.lock:
                before = self.predecessor
            if before is None or before.id == self.self.id:
                return
            head = before
        try:
            ring = self.peers.ring(head)
        except grpc.RpcError:
            return self.drop(head)
        if ring.HasField("predecessor") and contract.strictly_between(
            self.self.id, ring.predecessor.id, head.id
        ):
            try:
                nearer = self.peers.ring(ring.predecessor)
                head, ring = ring.predecessor, nearer
            except grpc.RpcError:
                pass
        with self.lock:
            self.successors = self.padded([head] + list(ring.successors))
        try:
            self.peers.notify(head, self.self)
        except grpc.RpcError as error:
            say(f"notify {head.name} {error.code().name} {error.details()}")

    def drop(self, head):
        with self.lock:
            rest = [server for server in self.successors if server.id != head.id]
            self.successors = self.padded(rest)
            self.fingers = {i: s for i, s in self.fingers.items() if s.id != head.id}
            alone = self.successors[0].id == self.self.id
            if alone and self.predecessor.id == head.id:
                self.predecessor = self.self


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--certs-dir", required=True)
    parser.add_argument("--certificate", help="default: host-NAME")
    parser.add_argument("--join", action="append", default=[])
    parser.add_argument("--interval", type=float, default=3)
    parser.add_argument("--successors", type=int, default=3)
    options = parser.parse_args()
    # Waited for below, whatever whoever started this has done with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    certificates = contract.Certificates(
        options.certs_dir, options.certificate or f"host-{options.name}"
    )
    node = Node(options.name, certificates, options)
    node.server.start()
    say(f"serving {node.self.name} {node.self.address} {node.self.id:016x}")

    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()

    def live():
        if options.join:
            node.join(options.join)
        else:
            node.create()
        node.run()

    threading.Thread(target=live, daemon=True).start()
    signal.sigwait([signal.SIGTERM])
    node.server.stop(0)
    os._exit(0)


if __name__ == "__main__":
    main()

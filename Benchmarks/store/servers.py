# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Three nodes of a store on this machine, with mutual TLS and synced writes: ours, and etcd's."""

import hashlib
import importlib
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from history import StoreStubs  # noqa: E402
from rings import Bench, Ring, dying_with_us  # noqa: E402

NODES = ["n1", "n2", "n3"]
KEYS = 10
VALUE = b"v" * 100
# All keys lie in one range with one leader, as all keys of etcd do.
PARTITION = b"bench"
# How long three nodes may take until one leads and two follow, and how long one must lead.
PATIENCE, REST = 120, 15


def is_inside(position, after, through):
    """Whether a position lies in the arc (after, through]."""
    if after < through:
        return after < position <= through
    return position > after or position <= through


def keys():
    return [f"key {index}".encode() for index in range(KEYS)]


class Ours:
    name = "chord"

    def __init__(self, folder, certs, binary):
        self.bench = Bench(folder, binary, None, "warning")
        self.bench.certs = certs
        self.ring = Ring(self.bench, [])
        for node in NODES:
            self.ring.start(node)
        self.pids = [node.process.pid for node in self.ring.nodes.values()]
        self.stubs = StoreStubs(self.bench)
        self.await_rest()
        messages = self.stubs.messages
        self.calls = {
            "put": [
                ("/chord.v1.StoreService/Put", messages.PutRequest(partition=PARTITION, key=key, value=VALUE))
                for key in keys()
            ],
            "get": [
                ("/chord.v1.StoreService/Get", messages.GetRequest(partition=PARTITION, keys=[key])) for key in keys()
            ],
        }

    @property
    def leader(self):
        """The address of the leader of the keys' range."""
        return self.leaders()[0]

    def leaders(self):
        """The addresses of the nodes that lead the keys' range with three voters and nothing to mend."""
        position = hashlib.sha256(PARTITION).digest()[:8]
        found = []
        for node in self.ring.nodes.values():
            for each in self.stubs.status(node.address):
                voters = [replica for replica in each.range.replicas if replica.kind == 1]
                leads = each.leader == each.replica and len(voters) == len(NODES) and not each.issues
                if leads and is_inside(position, each.range.after, each.range.through):
                    found.append(node.address)
        return found

    def await_rest(self):
        """Waits until the range has been split at its members' places, and has had one leader for a while: leadership
        moves once to the owner of the range."""
        deadline, since, before = time.monotonic() + PATIENCE, time.monotonic(), None
        while time.monotonic() < deadline:
            ranges = {len(self.stubs.status(node.address)) for node in self.ring.nodes.values()}
            now = self.leaders(), ranges
            if now != before or len(now[0]) != 1 or len(ranges) != 1 or min(ranges) < len(NODES):
                since, before = time.monotonic(), now
            elif time.monotonic() - since > REST:
                return
            time.sleep(0.2)
        sys.exit(f"bench: the store is not at rest after {PATIENCE} s")

    def close(self):
        self.ring.close()


class Etcd:
    name = "etcd"

    def __init__(self, folder, certs):
        self.certs = certs
        self.processes = []
        clients, peers = [dict(zip(NODES, self.free_addresses())) for _ in range(2)]
        cluster = ",".join(f"{node}=https://{peers[node]}" for node in NODES)
        for node in NODES:
            tls = {"cert-file": f"{certs}/{node}.pem", "key-file": f"{certs}/{node}.key"}
            tls["trusted-ca-file"] = f"{certs}/ca.pem"
            options = {
                "name": node, "data-dir": f"{folder}/{node}.etcd", "initial-cluster": cluster,
                "listen-client-urls": f"https://{clients[node]}", "advertise-client-urls": f"https://{clients[node]}",
                "listen-peer-urls": f"https://{peers[node]}", "initial-advertise-peer-urls": f"https://{peers[node]}",
                **tls, **{f"peer-{key}": value for key, value in tls.items()},
                "logger": "zap", "log-level": "error",
            }
            command = [*dying_with_us(), "etcd", "--client-cert-auth", "--peer-client-cert-auth"]
            command += [f"--{key}={value}" for key, value in options.items()]
            with open(f"{folder}/{node}.etcd.log", "wb") as log:
                self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        self.pids = [process.pid for process in self.processes]
        self.messages, self.stubs = self.generated(folder)
        self.leader = self.await_leader(list(clients.values()))
        self.calls = {
            "put": [
                ("/etcdserverpb.KV/Put", self.messages.PutRequest(key=key, value=VALUE)) for key in keys()
            ],
            "get": [("/etcdserverpb.KV/Range", self.messages.RangeRequest(key=key)) for key in keys()],
        }

    @staticmethod
    def is_installed():
        return shutil.which("etcd") is not None

    @staticmethod
    def free_addresses():
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in NODES]
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        for each in sockets:
            each.close()
        return addresses

    @staticmethod
    def generated(folder):
        from grpc_tools import protoc

        here = pathlib.Path(__file__).parent
        if protoc.main(["protoc", f"-I{here}", f"--python_out={folder}", f"--grpc_python_out={folder}", "etcd.proto"]):
            sys.exit("bench: protoc failed")
        sys.path.insert(0, folder)
        return importlib.import_module("etcd_pb2"), importlib.import_module("etcd_pb2_grpc")

    def await_leader(self, addresses):
        certs = pathlib.Path(self.certs)
        credentials = grpc.ssl_channel_credentials(
            *[(certs / name).read_bytes() for name in ("ca.pem", "client-demo.key", "client-demo.pem")]
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for address in addresses:
                with grpc.secure_channel(address, credentials) as channel:
                    try:
                        request = self.messages.StatusRequest()
                        status = self.stubs.MaintenanceStub(channel).Status(request, timeout=5)
                    except grpc.RpcError:
                        continue
                if status.leader and status.leader == status.header.member_id:
                    return address
            time.sleep(0.1)
        sys.exit(f"bench: etcd has no leader after {PATIENCE} s")

    def close(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The founding of a ring, with an attacker that holds a host's certificate."""

import contextlib
import importlib
import json
import pathlib
import select
import socket
import time

from insiders import contract, node, read
from registry import attack

FOUNDERS = ["f1", "f2", "f3"]


def founding_is_theirs(target):
    """One founder hears the attacker alone and must not become a member; then the real ones found the ring."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in FOUNDERS]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    bench, before = target.bench, target.bench.options
    bench.options = [*before, "--initial-ring", ",".join(addresses), "--admit-host-certificates"]
    processes, problems = [], []
    try:
        processes.append(target.ring.launch("f1", addresses[0], []))
        pathlib.Path(target.folder, "founders.tmp").write_text(json.dumps(addresses))
        pathlib.Path(target.folder, "founders.tmp").rename(f"{target.folder}/founders.json")
        if is_ready(processes[0], 2 if target.is_short else 5):
            problems.append("a founder became a member by the attacker's word")
        for name, address in list(zip(FOUNDERS, addresses))[1:]:
            processes.append(target.ring.launch(name, address, []))
        for name, process in zip(FOUNDERS, processes):
            if not is_ready(process, 30):
                problems.append(f"{name} founds no ring beside the attacker")
        for address in addresses:
            state = bench.stub(address).GetSuccessorList(bench.messages.GetSuccessorListRequest(), timeout=5)
            names = {each.name for each in [state.node, state.predecessor, *state.successors]}
            if not names <= set(FOUNDERS):
                problems.append(f"the ring has members {sorted(names)}")
    finally:
        bench.options = before
        for process in processes:
            process.kill()
            process.wait()
        with contextlib.suppress(OSError):
            pathlib.Path(target.folder, "founders.json").unlink()
    return problems


def is_ready(process, limit):
    ready, _, _ = select.select([process.stdout], [], [], limit)
    return bool(ready) and process.stdout.readline().startswith("ready")


@attack("invented-founder", "D11", "host", ["decided"], rated=False, prepares=True, beside=founding_is_theirs)
def invented_founder(attacker):
    """Decides the founding of a ring with a founder that does not exist."""
    grpc = importlib.import_module("grpc")
    services = importlib.import_module("chord.v1.chord_pb2_grpc")
    messages, credentials = contract(), attacker.credentials()
    attacker.ready()
    path = pathlib.Path(attacker.folder, "founders.json")
    while not path.exists() and not attacker.stopped.is_set():
        time.sleep(0.01)
    if attacker.stopped.is_set():
        return
    addresses = json.loads(path.read_text())
    channel = grpc.secure_channel(
        addresses[0],
        grpc.ssl_channel_credentials(
            read(credentials.roots), read(credentials.key), read(credentials.certificate)
        ),
        [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)],
    )
    stub = services.ChordServiceStub(channel)
    parameters = messages.RingParameters.FromString(attacker.parameters)
    parameters.store = b""
    capabilities = messages.Capabilities.FromString(attacker.capabilities)
    first = None
    while not attacker.stopped.is_set():
        ghosts = [node("ghost", addresses[1]), node("ghost2", addresses[2])]
        request = messages.FoundRequest(
            founder=ghosts[0], parameters=parameters, initial_ring=addresses, capabilities=capabilities
        )
        if first:
            request.decided.extend(sorted([first, *ghosts], key=lambda each: each.id))
        try:
            reply = stub.Found(request, timeout=2, wait_for_ready=True)
            first = reply.node
            attacker.note("decided")
        except grpc.RpcError as error:
            attacker.note("decided")
            attacker.note(f"refused {error.code().name}: {error.details()}"[:100])
        attacker.stopped.wait(0.05)

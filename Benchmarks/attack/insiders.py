# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A member that lies, with a node's certificate of the ring's authority."""

import concurrent.futures
import hashlib
import importlib
import json
import pathlib
import random
import select
import threading
import time

import registry
from registry import attack
from wire import CHORD, FIND_SUCCESSOR, NOTIFY, Credentials, field, head, message

HIGHEST = 2**64 - 1
# How long a liar may take to become a member, in seconds.
PATIENCE = 20


def identifier(name, place=0):
    text = f"{name}\0{place}" if place else name
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def contract():
    return importlib.import_module("chord.v1.chord_pb2")


def read(path):
    return pathlib.Path(path).read_bytes()


def node(name, address, id=None, incarnation=None, place=0):
    id = identifier(name, place) if id is None else id
    now = int(time.time() * 1000)
    return contract().Node(
        id=id.to_bytes(8, "big"), name=name, address=address, incarnation=incarnation or now, place=place
    )


class Liar:
    """A server of the ring's contract that answers honestly, but for the methods that are replaced."""

    def __init__(self, attacker, name="mallory"):
        import grpc

        self.attacker, self.name, self.messages = attacker, name, contract()
        self.lies, self.released = {}, threading.Event()
        self.credentials = Credentials(attacker.certs, name)
        self.parameters = self.messages.RingParameters.FromString(attacker.parameters)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
        pair = (read(self.credentials.key), read(self.credentials.certificate))
        roots = read(self.credentials.roots)
        credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=True)
        self.server.add_generic_rpc_handlers([self])
        self.address = f"127.0.0.1:{self.server.add_secure_port('127.0.0.1:0', credentials)}"
        self.node = node(name, self.address)
        self.others = [
            node(each["name"], each["address"], each["id"], each["incarnation"], each["place"])
            for each in attacker.nodes
        ]
        own = int.from_bytes(self.node.id, "big")
        after = [each for each in self.others if int.from_bytes(each.id, "big") > own]
        before = [each for each in self.others if int.from_bytes(each.id, "big") < own]
        self.successors = after + before
        self.predecessor = self.successors[-1]
        channel = grpc.ssl_channel_credentials(roots, *pair)
        services = importlib.import_module("chord.v1.chord_pb2_grpc")
        self.stub = services.ChordServiceStub(grpc.secure_channel(self.successors[0].address, channel))
        self.before = services.ChordServiceStub(grpc.secure_channel(self.predecessor.address, channel))

    def service(self, details):
        import grpc

        if not details.method.startswith(CHORD):
            return None
        name = details.method.rpartition("/")[2]
        self.attacker.note(f"asked {name}")

        def answer(request, context):
            return self.lies.get(name, getattr(self, name))(request, context).SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer)

    # Honest answers.

    def GetSuccessorList(self, *_):
        capabilities = self.messages.Capabilities.FromString(self.attacker.capabilities)
        return self.messages.GetSuccessorListReply(
            node=self.node, predecessor=self.predecessor, successors=self.successors, parameters=self.parameters,
            capabilities=capabilities,
        )  # fmt: skip

    def GetPredecessor(self, *_):
        return self.messages.GetPredecessorReply(predecessor=self.predecessor)

    def Probe(self, *_):
        return self.messages.ProbeReply(reached=True)

    def Notify(self, *_):
        return self.messages.NotifyReply(verdict=self.messages.NOTIFY_VERDICT_NEARER_KNOWN)

    def Leave(self, *_):
        return self.messages.LeaveReply()

    def Meet(self, *_):
        return self.messages.MeetReply()

    def Found(self, *_):
        return self.messages.FoundReply(node=self.node, member=True)

    def FindSuccessor(self, request, _):
        nodes = sorted([*self.others, self.node], key=lambda each: each.id)
        owner = next((each for each in nodes if each.id >= request.id), nodes[0])
        return self.messages.FindSuccessorReply(owner=owner, answering=self.node)

    # Membership.

    def run(self):
        """Becomes a member, and stays one until the attack is over."""
        import grpc

        self.server.start()
        pathlib.Path(self.attacker.folder, "liar.json").write_text(json.dumps({"address": self.address}))
        began, capabilities = time.monotonic(), self.messages.Capabilities.FromString(self.attacker.capabilities)
        request = self.messages.NotifyRequest(
            candidate=self.node, parameters=self.parameters, capabilities=capabilities
        )
        taken = False
        while not self.attacker.stopped.is_set():
            try:
                self.stub.Notify(request, timeout=2)
                listed = self.before.GetSuccessorList(self.messages.GetSuccessorListRequest(), timeout=2)
                if not taken and listed.successors and listed.successors[0].name == self.name:
                    taken = True
                    self.attacker.note("is a member")
                    self.attacker.ready()
            except grpc.RpcError as error:
                self.attacker.note(f"refused {error.code().name}: {error.details()}"[:100])
            if not taken and time.monotonic() - began > PATIENCE:
                self.attacker.ready()
            self.attacker.stopped.wait(0.3)
        self.released.set()
        self.server.stop(0).wait(2)


def lie(name, source, beside, expected="is a member", **more):
    more = {"rated": False, "prepares": True, "beside": beside, **more}
    return attack(name, source, "node", [expected], **more)


def ghosts(liar, count=8):
    """Nodes that do not exist, at identifiers that do not follow from their names."""
    choose = random.Random(3)
    return [node(f"ghost{index}", "10.9.9.9:1", choose.getrandbits(64)) for index in range(count)]


# What must hold beside a liar, seen from the honest nodes.


def lookups_are_right(target):
    """No node names an invented owner, or the liar for a key that is not its own."""
    import grpc
    from target import KEYS

    wrong, invented, errors, asked = [], 0, 0, 0
    standing = [(each.id, each.name) for each in target.ring.nodes.values()]
    standing = sorted([*standing, (identifier("mallory"), "mallory")])
    names = [name for _, name in standing]
    # For keys of the node behind it, the liar can name whom it likes: docs/threat-model.md.
    behind = names[(names.index("mallory") + 1) % len(names)]
    end = time.monotonic() + (3 if target.is_short else 10)
    for key in KEYS * 3:
        value = int.from_bytes(key, "big")
        owner = next((name for id, name in standing if id >= value), standing[0][1])
        for each in target.ring.nodes.values():
            if time.monotonic() > end:
                break
            asked += 1
            try:
                said = target.bench.lookup(each, value)
                if said != owner and owner == behind:
                    invented += 1
                elif said != owner:
                    wrong.append(f"{each.name} names {said} instead of {owner}")
            except grpc.RpcError:
                errors += 1
    target.facts.update(lookups=asked, lookups_wrong=len(wrong), lookups_failed=errors)
    target.facts["lookups_invented"] = invented
    problems = [f"{len(wrong)} of {asked} lookups are wrong: {wrong[0]}"] if wrong else []
    return problems + ([f"{errors} of {asked} lookups failed"] if errors > asked // 10 else [])


def addresses_are_right(target):
    """The honest nodes know each other at their own addresses."""
    problems = lookups_are_right(target)
    real = {each.name: each.address for each in target.ring.nodes.values()}
    for each in target.ring.nodes.values():
        state = target.bench.state(each)
        for other in [state.predecessor, *state.successors]:
            if other.name in real and other.address != real[other.name]:
                problems.append(f"{each.name} knows {other.name} at {other.address}")
    return problems


def joiner_survives(target):
    """A joiner that meets the liar becomes a member or gives up; it must not end by a signal."""
    address = json.loads(pathlib.Path(target.folder, "liar.json").read_text())["address"]
    problems = []
    for contacts in ([address], [target.node.address]):
        process = target.ring.launch("f1", "127.0.0.1:0", contacts)
        ready, _, _ = select.select([process.stdout], [], [], 15)
        line = process.stdout.readline() if ready else ""
        target.facts[f"joined by {'the liar' if contacts == [address] else 'a member'}"] = line.startswith("ready")
        if process.poll() is not None and process.returncode < 0:
            problems.append(f"a joiner ended by signal {-process.returncode}")
        process.kill()
        process.wait()
    return problems


# The lies.


@lie("lying-lookups", "D9", lookups_are_right)
def lying_lookups(attacker):
    """Lookups are answered with the liar, an invented owner, an error, and nothing, in turn."""
    liar, turn = Liar(attacker), random.Random(4)

    def answer(request, context):
        which = turn.randrange(4)
        if which == 0:
            return liar.messages.FindSuccessorReply(owner=liar.node, answering=liar.node)
        if which == 1:
            return liar.messages.FindSuccessorReply(owner=ghosts(liar, 1)[0], answering=liar.node)
        if which == 2:
            context.abort(importlib.import_module("grpc").StatusCode.INTERNAL, "no")
        return liar.messages.FindSuccessorReply()

    liar.lies["FindSuccessor"] = answer
    liar.run()


@lie("lookups-name-liar", "D9", lookups_are_right, short=False)
def lookups_name_liar(attacker):
    """Every lookup is answered with the liar itself."""
    liar = Liar(attacker)
    liar.lies["FindSuccessor"] = lambda *_: liar.messages.FindSuccessorReply(owner=liar.node, answering=liar.node)
    liar.run()


@lie("lookups-name-ghosts", "D9", lookups_are_right, short=False)
def lookups_name_ghosts(attacker):
    """Every lookup is answered with a node that does not exist, at the identifier that was asked for."""
    liar = Liar(attacker)

    def answer(request, _):
        ghost = node("ghost", "10.9.9.9:1", int.from_bytes(request.id, "big"))
        return liar.messages.FindSuccessorReply(owner=ghost, answering=liar.node)

    liar.lies["FindSuccessor"] = answer
    liar.run()


@lie("lookups-fail", "D9", lookups_are_right, short=False)
def lookups_fail(attacker):
    """Every lookup ends with an error."""
    liar = Liar(attacker)
    grpc = importlib.import_module("grpc")
    liar.lies["FindSuccessor"] = lambda _, context: context.abort(grpc.StatusCode.NOT_FOUND, "nobody")
    liar.run()


@lie("lookups-hang", "D9", lookups_are_right, short=False)
def lookups_hang(attacker):
    """Headers come at once, and then nothing for seven seconds."""
    liar = Liar(attacker)

    def answer(_, context):
        context.send_initial_metadata(())
        liar.released.wait(7)
        return liar.messages.FindSuccessorReply()

    liar.lies["FindSuccessor"] = answer
    liar.run()


@lie("lists-of-ghosts", "D9", lookups_are_right, short=False)
def lists_of_ghosts(attacker):
    """Its list names invented nodes."""
    liar = Liar(attacker)

    def answer(*_):
        reply = liar.GetSuccessorList()
        del reply.successors[:]
        reply.successors.extend(ghosts(liar))
        return reply

    liar.lies["GetSuccessorList"] = answer
    liar.run()


@lie("pointers-to-strangers", "DHT", addresses_are_right, short=False)
def pointers_to_strangers(attacker):
    """Its list names nodes at the right identifiers for their names, at addresses where nobody proves that name."""
    liar = Liar(attacker)

    def answer(*_):
        reply = liar.GetSuccessorList()
        del reply.successors[:]
        reply.successors.extend(node(f"stranger{index}", liar.address) for index in range(8))
        reply.predecessor.CopyFrom(node("stranger9", "127.0.0.1:1"))
        return reply

    liar.lies["GetSuccessorList"] = answer
    liar.run()


@lie("hearsay-of-members", "D10", addresses_are_right, short=False)
def hearsay_of_members(attacker):
    """Its list names the other members at its own address, with later incarnations."""
    liar = Liar(attacker)

    def answer(*_):
        reply = liar.GetSuccessorList()
        for each in [*reply.successors, reply.predecessor]:
            each.address, each.incarnation = liar.address, each.incarnation + 20_000
        return reply

    liar.lies["GetSuccessorList"] = answer
    liar.run()


# Members do not take a node with such a list for one of theirs.
@lie("incarnation-of-joiner", "D1", joiner_survives, "asked GetSuccessorList", short=False)
def incarnation_of_joiner(attacker):
    """Its list names the joiner's own name with the highest incarnation."""
    liar = Liar(attacker)

    def answer(*_):
        reply = liar.GetSuccessorList()
        for incarnation in (HIGHEST, HIGHEST - 1):
            reply.successors.insert(0, node("f1", "127.0.0.1:1", incarnation=incarnation))
        return reply

    liar.lies["GetSuccessorList"] = answer
    liar.run()


# Statements that are made to honest nodes.


def statements(attacker, path, bodies):
    """The same calls again and again."""
    block = head(path)
    for connection in attacker.connections():
        while attacker.running():
            frames = b"".join(connection.begin(block, message(body)) for body in bodies())
            if not connection.send(frames):
                break
            attacker.note("sent")
            end = time.monotonic() + 5
            while len(connection.open) > 50 and time.monotonic() < end and not connection.is_closed:
                connection.take_in(0.5)
            connection.take_in(0.2)
            attacker.tally.update(connection.outcomes)
            connection.outcomes.clear()


def notify(candidate, attacker):
    messages = contract()
    parameters = messages.RingParameters.FromString(attacker.parameters)
    capabilities = messages.Capabilities.FromString(attacker.capabilities)
    request = messages.NotifyRequest(candidate=candidate, parameters=parameters, capabilities=capabilities)
    return request.SerializeToString()


@attack("spoofed-notify", "DHT", "node", ["status 7"], forbidden=["status 0"])
def spoofed_notify(attacker):
    """Notify in the name of other members, and of nodes that do not exist."""
    names = [each["name"] for each in attacker.nodes[1:]] + ["ghost", "ghost2"]
    bodies = [notify(node(name, "127.0.0.1:9"), attacker) for name in names]
    statements(attacker, NOTIFY, lambda: bodies)


@attack("chosen-identifiers", "DHT", "node", ["status 3"], forbidden=["status 0"])
def chosen_identifiers(attacker):
    """Notify in its own name, at an identifier right before a member."""
    ids = [(each["id"] - 1) % 2**64 for each in attacker.nodes]
    bodies = [notify(node("mallory", "127.0.0.1:9", id), attacker) for id in ids]
    bodies += [notify(node("mallory", "127.0.0.1:9", identifier("mallory"), place=99), attacker)]
    statements(attacker, NOTIFY, lambda: bodies)


@attack("incarnation-flood", "D7", "node", ["status 0|status 8"], lines=registry.MOST_LINES)
def incarnation_flood(attacker):
    """Notify with an incarnation that rises each time, at an address where nobody listens."""
    count = iter(range(10**9))
    first = int(time.time() * 1000)

    def bodies():
        return [notify(node("mallory", "127.0.0.1:9", incarnation=first + next(count)), attacker) for _ in range(20)]

    statements(attacker, NOTIFY, bodies)


@attack("incarnation-maximum", "D1", "node", ["status 3"], forbidden=["status 0"])
def incarnation_maximum(attacker):
    """Notify with the highest incarnations that fit into the message."""
    bodies = [notify(node("mallory", "127.0.0.1:9", incarnation=HIGHEST - less), attacker) for less in range(4)]
    statements(attacker, NOTIFY, lambda: bodies)


@attack("forged-leave", "DHT", "node", ["status 7"], forbidden=["status 0"])
def forged_leave(attacker):
    """Leave in the names of the other members."""
    messages = contract()
    bodies = [
        messages.LeaveRequest(
            node=node(each["name"], each["address"], each["id"], each["incarnation"], each["place"]),
            predecessor=node("mallory", "127.0.0.1:9"),
        ).SerializeToString()
        for each in attacker.nodes
        if each["name"] != "n1"
    ]
    statements(attacker, CHORD + "Leave", lambda: bodies)


@attack("replayed-leave", "DHT", "node", ["status 0|status 3|status 9"])
def replayed_leave(attacker):
    """Its own Leave of an earlier life, again and again, with other members as those that it had lost."""
    messages = contract()
    lost = [node(f"lost{index}", "127.0.0.1:9") for index in range(16)]
    request = messages.LeaveRequest(
        node=node("mallory", "127.0.0.1:9", incarnation=1), predecessor=node("n2", "127.0.0.1:9"), lost=lost
    )
    statements(attacker, CHORD + "Leave", lambda: [request.SerializeToString()] * 10)


@attack("forged-merge", "DHT", "node", ["status 7"], forbidden=["status 0"])
def forged_merge(attacker):
    """Meet in another node's name: the beginning of a merge of two rings."""
    messages = contract()
    parameters = messages.RingParameters.FromString(attacker.parameters)
    request = messages.MeetRequest(
        node=node("ghost", "127.0.0.1:9"), parameters=parameters, contact=node("ghost2", "127.0.0.1:9")
    )
    statements(attacker, CHORD + "Meet", lambda: [request.SerializeToString()] * 10)


@attack("lookup-hops", "DHT", "node", ["status 0|status 3"])
def lookup_hops(attacker):
    """Lookups with the largest budgets of hops, and long lists of excluded nodes."""
    messages = contract()
    request = messages.FindSuccessorRequest(id=bytes(8), hop_budget=2**32 - 1, want_path=True)
    request.excluded.extend(bytes([index] * 8) for index in range(32))
    statements(attacker, FIND_SUCCESSOR, lambda: [request.SerializeToString(), field(1, bytes(500))] * 10)

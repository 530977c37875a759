# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of mixed rings: our nodes and nodes that speak Concord's contract.

    mixed.py --chord .build/release/chord [--keys 10000] [--times 10] [SCENARIO...]

Each scenario is a function below; without a name all run. The exit code is 0 if all pass. The duration of
every step is printed.
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import contract
import hostile
from ring import OURS, THEIRS, Failure, Ring

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


def say(line):
    print(line, flush=True)


class Suite:
    """Shared by all scenarios: certificates, the command, durations and sizes."""

    def __init__(self, options):
        self.options = options
        self.keys = options.keys
        self.interval = options.interval
        self.folder = options.certs_dir or self.certificates()
        # A data directory of its own, not the user's.
        os.environ["XDG_STATE_HOME"] = f"{self.folder}/state"

    def certificates(self):
        folder = tempfile.mkdtemp(prefix="chord-mixed-")
        script = f"{contract.ROOT}/scripts/certs"
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("HOSTS", "DAYS", "NODES", "TRUST_DOMAIN", "NOT_BEFORE", "NOT_AFTER", "FORCE")
        }
        environment["CERTS_DIR"] = folder
        environment["NODES"] = " ".join(f"{kind}{number}" for kind in "nc" for number in range(1, 7))
        subprocess.run([script, "set"], env=environment, check=True, stdout=subprocess.DEVNULL)
        # Those of ours that are to show none but a host have one too.
        for name in [f"c{number}" for number in range(1, 7)] + ["n1", "n2", "x1"]:
            command = [script, "host", name]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return folder

    def ring(self, **settings):
        settings.setdefault("interval", self.interval)
        return Ring(self.folder, self.options.chord, **settings)

    def run(self, *arguments, proof="mixed"):
        """A command of ours that prints JSON."""
        command = [self.options.chord, *arguments, "--json", "--certs-dir", self.folder]
        asker = "host-x1" if proof == "hosts" else "client-demo"
        command += ["--as", asker]
        if proof != "names":
            command += ["--admit-host-certificates"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        try:
            return done.returncode, json.loads(done.stdout)
        except json.JSONDecodeError:
            raise Failure(f"{' '.join(arguments)}: {done.returncode} {done.stderr}") from None

    def settle_some(self, ring, what, limit=60):
        """Waits for an ideal ring, without lookups."""
        say(f"    {what}: ideal after {ring.await_ideal(limit):.2f} s")

    def settle(self, ring, what, limit=60):
        """Waits for an ideal ring, then looks keys up from each of our nodes.

        On a busy machine nodes can stop for so long that others take them for dead and log it. Such a ring
        may recover and is asked again. A wrong answer without such a log line is an error.
        """
        tries = 3
        while True:
            took = ring.await_ideal(limit)
            said = ring.changes()
            began = time.monotonic()
            try:
                count = ring.look_up(self.keys)
                break
            except Failure:
                tries -= 1
                if tries == 0 or not ring.has_changed_since(said):
                    raise
        took_lookups = time.monotonic() - began
        say(f"    {what}: ideal after {took:.2f} s, {count} lookups right in {took_lookups:.2f} s")
        return took


def names(kinds):
    """n1, n2 and so on for ours, c1, c2 and so on for theirs."""
    counts = {OURS: 0, THEIRS: 0}
    for kind in kinds:
        counts[kind] += 1
        yield ("n" if kind == OURS else "c") + str(counts[kind]), kind


def grow(ring, kinds):
    """Nodes join one after the other, each through the one before it."""
    last = None
    for name, kind in names(kinds):
        ring.add(name, kind, last)
        last = name


def break_and_mend(suite, ring, first):
    """Crashes, leaves and returns of one node of each kind; `first` stays as the contact."""
    for kind in (OURS, THEIRS):
        candidates = [m.name for m in ring.in_order() if m.kind == kind and m.name != first]
        if not candidates:
            continue
        name = candidates[0]
        if not suite.options.short:
            port = int(ring.members[name].address.rpartition(":")[2])
            ring.kill(name)
            suite.settle(ring, f"kill -9 of {name}")
            ring.add(name, kind, first, port)
            suite.settle(ring, f"{name} back at its address")
        ring.leave(name)
        suite.settle(ring, f"{name} left")
        ring.add(name, kind, first)
        suite.settle(ring, f"{name} back at another address")
        # Back before anybody has noticed that it was away.
        port = int(ring.members[name].address.rpartition(":")[2])
        ring.kill(name)
        ring.add(name, kind, first, port)
        suite.settle(ring, f"{name} started again at once")


@scenario
def three_and_three(suite):
    with suite.ring() as ring:
        grow(ring, [OURS, THEIRS] * 3)
        suite.settle(ring, "3 + 3")
        break_and_mend(suite, ring, "n1")


@scenario
def three_and_three_of_theirs_first(suite):
    with suite.ring() as ring:
        grow(ring, [THEIRS, OURS] * 3)
        suite.settle(ring, "3 + 3")
        break_and_mend(suite, ring, "c1")


@scenario
def one_and_five(suite):
    with suite.ring() as ring:
        grow(ring, [THEIRS] * 5 + [OURS])
        suite.settle(ring, "1 + 5")
        break_and_mend(suite, ring, "c1")


@scenario
def five_and_one(suite):
    with suite.ring() as ring:
        grow(ring, [OURS] * 5 + [THEIRS])
        suite.settle(ring, "5 + 1")
        break_and_mend(suite, ring, "n1")


@scenario
def two(suite):
    """The smallest rings, where lists wrap around and all nodes are neighbours."""
    for first, second in ((OURS, THEIRS), (THEIRS, OURS)):
        with suite.ring() as ring:
            grow(ring, [first, second])
            suite.settle(ring, f"{first}, then {second}")
            if not suite.options.short:
                break_and_mend(suite, ring, "n1")
        with suite.ring() as ring:
            grow(ring, [first, second])
            suite.settle(ring, f"{first}, then {second}")
            ring.kill("c1" if first == THEIRS else "n1")
            suite.settle(ring, f"{first} killed")


@scenario
def at_once(suite):
    """All but one join at the same moment."""
    for first in (OURS, THEIRS):
        with suite.ring() as ring:
            kinds = [first] + [OURS, THEIRS] * 3
            kinds.reverse()
            everybody = list(names(kinds[::-1]))
            ring.add(*everybody[0])
            started = [ring.start(name, kind, everybody[0][0]) for name, kind in everybody[1:6]]
            for member in started:
                member.await_ready()
            suite.settle(ring, f"five at once after one of {first}")


@scenario
def every_order(suite):
    """Three of each kind, in every order of kinds."""
    orders = sorted(set(itertools.permutations([OURS] * 3 + [THEIRS] * 3)))
    for kinds in orders if suite.options.all_orders else orders[::5]:
        with suite.ring() as ring:
            grow(ring, kinds)
            suite.settle(ring, "".join(kind[0] for kind in kinds))


@scenario
def two_crash_at_once(suite):
    """One of each kind, at the same moment."""
    with suite.ring() as ring:
        grow(ring, [OURS, THEIRS] * 3)
        suite.settle(ring, "3 + 3")
        for pair in (("n2", "c2"), ("n3", "c3")):
            for name in pair:
                ring.kill(name)
            suite.settle(ring, f"kill -9 of {' and '.join(pair)}")


@scenario
def hosts_only(suite):
    """No certificate contains a name."""
    with suite.ring(proof="hosts") as ring:
        grow(ring, [OURS, THEIRS, OURS, THEIRS])
        suite.settle(ring, "no SPIFFE name at all")
        break_and_mend(suite, ring, "n1")


@scenario
def names_only(suite):
    """Every certificate contains a name, and no other is admitted."""
    with suite.ring(proof="names") as ring:
        grow(ring, [OURS, THEIRS, OURS, THEIRS])
        suite.settle(ring, "SPIFFE names for all")
        break_and_mend(suite, ring, "c1")


def come_and_go(suite, ring):
    """One of our nodes leaves or is killed, and returns after the others have noticed, at its address or
    another."""
    contact = next(name for name, member in ring.members.items() if member.kind == THEIRS)
    turns = [(ring.leave, True)] if suite.options.short else []
    for how, is_moved in turns or [(how, moved) for how in (ring.leave, ring.kill) for moved in (False, True)]:
        port = 0 if is_moved else int(ring.members["n1"].address.rpartition(":")[2])
        how("n1")
        ring.await_ideal(120)
        come_back(suite, ring, contact, port, how.__name__)


def come_back(suite, ring, contact, port, what):
    """One of our nodes is a member again at once, whatever the other nodes still know of it."""
    began = time.monotonic()
    ring.add("n1", OURS, contact, port)
    took = time.monotonic() - began
    what = f"n1 back after {what}, at {'its' if port else 'another'} address"
    say(f"    {what}: a member after {took:.2f} s")
    if took > suite.options.return_limit:
        raise Failure(f"{what}: a member after {took:.2f} s, allowed {suite.options.return_limit:.0f} s")
    suite.settle(ring, what, 180)


def crash_and_join(suite, ring):
    """One of theirs is killed whose address is in every finger of the one before it, another of ours joins
    meanwhile, and one that was killed comes back. Theirs keep those fingers for a long time."""
    ring.add("c6", THEIRS, "c1")
    suite.settle(ring, "c6 joined", 180)
    port = int(ring.members["n1"].address.rpartition(":")[2])
    ring.kill("c6")
    ring.kill("n1")
    suite.settle_some(ring, "c6 and n1 killed", 180)
    began = time.monotonic()
    ring.add("n2", OURS, "c1")
    say(f"    n2 joined after that: a member after {time.monotonic() - began:.2f} s")
    come_back(suite, ring, "c1", port, "kill")


def probed(suite, ring, name, *more):
    """Checks a member three times: no error is found, and all nodes stay alive."""
    for turn in range(1 if suite.options.short else 3):
        began = time.monotonic()
        code, report = suite.run(
            "interop", "check", ring.members[name].address, "--ring", "mixed", *more, proof=ring.proof
        )
        found = [check for check in report["checks"] if check["outcome"] != "ok"]
        wrong = [check for check in found if check["outcome"] == "wrong"]
        known = ", ".join(sorted({check["check"] for check in found})) or "nothing"
        say(f"    check of {name} {' '.join(more)}: {time.monotonic() - began:.2f} s, known: {known}")
        if code != 0 or wrong:
            raise Failure(f"interop check of {name}: {code} {wrong}")
        ring.check_alive()


def at_their_pace(suite, proof):
    """Concord's own interval, at which outdated state lasts long."""
    interval = suite.options.slow
    for theirs in (1,) if suite.options.short else (1, 2, 5):
        with suite.ring(interval=interval, proof=proof) as ring:
            grow(ring, [THEIRS] * theirs + [OURS])
            suite.settle(ring, f"{theirs} + 1 at {interval:.0f} s", 120)
            come_and_go(suite, ring)
            if theirs == 5:
                crash_and_join(suite, ring)
            for name in ("c1", "n1"):
                probed(suite, ring, name)
                probed(suite, ring, name, "--join", "--name", "n3", "--timeout", "120s")
            suite.settle(ring, "after the checks", 180)


@scenario
def at_their_pace_hosts(suite):
    """Certificates of their nodes prove hosts, of our nodes names."""
    at_their_pace(suite, "mixed")


@scenario
def at_their_pace_names(suite):
    at_their_pace(suite, "names")


@scenario
def check_after_crash(suite):
    """The check finds no error in a node after a crash elsewhere in the ring."""
    for victim in ("c2", "n2"):
        with suite.ring(interval=suite.options.slow) as ring:
            grow(ring, [THEIRS, OURS] * 2 + [THEIRS])
            suite.settle(ring, "3 + 2 at their pace", 120)
            ring.kill(victim)
            for name in ("c1", "c3", "n1"):
                probed(suite, ring, name)


@scenario
def stopped(suite):
    """One of their nodes hangs, and continues later."""
    with suite.ring() as ring:
        grow(ring, [OURS] * 3 + [THEIRS])
        suite.settle(ring, "3 + 1")
        held = ring.members.pop("c1")
        ring.gone.append(held)
        os.kill(held.process.pid, signal.SIGSTOP)
        suite.settle(ring, "c1 stopped")
        os.kill(held.process.pid, signal.SIGCONT)
        ring.gone.remove(held)
        ring.members["c1"] = held
        suite.settle(ring, "c1 goes on")


@scenario
def hostile_peers(suite):
    """A member that starts to misbehave, in every known way."""
    behaviours = hostile.SHORT if suite.options.short else hostile.BEHAVIOURS
    for behaviour in behaviours:
        with suite.ring() as ring:
            grow(ring, [OURS] * 3)
            suite.settle(ring, "3 of ours")
            with hostile.Peer(suite.folder, "x1") as peer:
                peer.take_place(ring)
                peer.behaviour = behaviour
                peer.await_calls(4)
                if behaviour in hostile.STAYING:
                    # It is alive and says that it is a member: what it owns is its own, and no more.
                    # Each lookup that comes by one that hangs costs the patience there is with foreign peers.
                    keys = min(suite.keys, 300) if behaviour == "lookups-that-hang" else suite.keys
                    count = ring.look_up(keys, others=[peer.self])
                    say(f"    a peer that answers with {behaviour}: {count} lookups right")
                    continue
                suite.settle(ring, f"a peer that answers with {behaviour}")
                peer.call_everything(ring)
                suite.settle(ring, "and that calls with what is wrong")


@scenario
def check(suite):
    """Output of `chord ring` and `chord interop check` for both kinds of nodes."""

    # Where a good node is asked: it may take its time.
    patient = ("--peer-timeout", "10s")
    # Where a bad one is: it stays so.
    hasty = ("--settle", "1s")

    def expect(what, found, expected):
        if found != expected:
            raise Failure(f"{what}: {found}, not {expected}")

    def outcomes(report):
        return {check["check"]: check["outcome"] for check in report["checks"]}

    def found(report, subject):
        return next(check["found"] for check in report["checks"] if check["check"] == subject)

    with suite.ring() as ring:
        ring.add("c1", THEIRS)
        code, report = suite.run("interop", "check", ring.members["c1"].address, *patient)
        expect("one of theirs alone", (code, set(outcomes(report).values())), (0, {"ok"}))
        ring.add("c2", THEIRS, "c1")
        ring.await_ideal()
        address = ring.members["c1"].address
        # By whatever name it is dialled.
        for dialled in (address, address.replace("127.0.0.1", "localhost")):
            code, report = suite.run("interop", "check", dialled, *patient)
            expect(f"theirs at {dialled}", code, 0)
            expect(f"theirs at {dialled}", found(report, "concord: identity").split(",")[0], "c1")
            expect(f"theirs at {dialled}", found(report, "concord: address"), address)
            # Three entries in a ring of two go round.
            known = [check for check, outcome in outcomes(report).items() if outcome == "known"]
            expect(f"theirs at {dialled}", known, ["concord: successor list"])
        # Who lacks a setting is told which.
        join = ["--name", "n3", "--listen", "127.0.0.1:0", "--certs-dir", suite.folder]
        join += ["--join", address, "--join-timeout", "500ms"]
        admit = "--admit-host-certificates"
        for more, expected, hint in (
            ([], 77, admit),
            ([admit], 69, "--dialect"),
            ([admit, "--dialect", "concord", "--hash", "sha1"], 78, "--hash"),
            ([admit, "--dialect", "concord", "--width", "32"], 78, "--width"),
        ):
            command = [suite.options.chord, "serve", *join, *more]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            expect(f"serve {' '.join(more)}: {done.stderr}", done.returncode, expected)
            expect(f"serve {' '.join(more)}: {done.stderr}", hint in done.stderr.splitlines()[-1], True)
    with suite.ring() as ring:
        grow(ring, [THEIRS, OURS, THEIRS, OURS])
        suite.settle(ring, "2 + 2")
        _, walk = suite.run("ring", "--node", ring.members["n1"].address, *patient)
        spoken = {node["name"]: node["dialect"] for node in walk["nodes"]}
        expect("chord ring", spoken, {"c1": "concord", "c2": "concord", "n1": "native", "n2": "native"})
        expect("chord ring", walk["ideal"], True)
        for name, dialects in (("c1", ["concord"]), ("n1", ["native", "concord"])):
            address = ring.members[name].address
            code, report = suite.run("interop", "check", address, "--ring", "mixed", *patient)
            # Four in the ring, three in a list: nothing is out of the ordinary.
            bad = [check for check in report["checks"] if check["outcome"] != "ok"]
            expect(f"interop check {name}", (code, bad), (0, []))
            expect(f"interop check {name}", report["dialects"], dialects)
            join = ("--ring", "mixed", "--join", "--name", "n3", "--timeout", "30s", *patient)
            code, report = suite.run("interop", "check", address, *join)
            last = [check["check"] for check in report["checks"]][-3:]
            expect(f"interop check --join {name}", (code, last), (0, ["join", "stabilise", "leave"]))
        suite.settle(ring, "after the checks")
        # One whose identifiers have another width: check and log say so, and name both. c3's place at 32
        # bits is before n2.
        for name, contact in (("c4", None), ("c3", "n1")):
            narrow = ring.start(name, THEIRS, contact, width=32)
            narrow.await_ready()
            ring.gone.append(ring.members.pop(name))
            if contact:
                said = ring.members["n2"].await_line("computes identifiers differently")
            else:
                code, report = suite.run("interop", "check", narrow.address, *hasty)
                said = found(report, "concord: identifiers")
                expect("interop check of another width", code, 1)
            names = [f"{narrow.id:016x}", f"{narrow.id >> 32:016x}", "32 bits"]
            expect(f"{said}: {names}", [name for name in names if name not in said], [])
    with suite.ring() as ring:
        # It is dialled at one address, and tells its ring another.
        lost = ring.start("c1", THEIRS, advertise="127.0.0.1:9")
        lost.await_serving()
        code, report = suite.run("interop", "check", lost.address, *hasty)
        expect("an address that nobody can reach", code, 1)
        expect("an address that nobody can reach", outcomes(report)["concord: address"], "wrong")
    for behaviour in ("garbage", "nothing", "a-wrong-id", "an-error"):
        with hostile.Peer(suite.folder, "x1") as peer:
            peer.behaviour = behaviour
            code, report = suite.run("interop", "check", peer.self.address, *hasty)
            expect(f"interop check of {behaviour}", (code, report["good"]), (1, False))


@scenario
def intervals(suite):
    """What is promised: with three of each kind at Concord's own 3 s, ideal within two intervals of the
    slower side for each node whose pointers a join or crash concerns."""
    interval = suite.options.slow
    with suite.ring(interval=interval) as ring:
        grow(ring, [OURS, THEIRS] * 3)
        ring.await_ideal(120)
        # Each of the nodes whose list holds it, and the one after it.
        def limit():
            return 2 * interval * min(len(ring.members), max(ring.successors, ring.theirs) + 1)

        for name in ("c2", "n2"):
            kind = ring.kill(name).kind
            took = ring.await_ideal(120)
            say(f"    kill -9 of {name}: ideal after {took:.2f} s, allowed {limit():.0f} s")
            if took > limit():
                raise Failure(f"ideal after {took:.1f} s, more than {limit()} s")
            ring.add(name, kind, "n1")
            took = ring.await_ideal(120)
            say(f"    {name} joined: ideal after {took:.2f} s, allowed {limit():.0f} s")
            if took > limit():
                raise Failure(f"ideal after {took:.1f} s, more than {limit()} s")


@scenario
def many_lookups(suite):
    """Lookups in a settled ring are never wrong."""
    with suite.ring() as ring:
        grow(ring, [OURS, THEIRS] * 3)
        ring.await_ideal()
        count = 0
        began = time.monotonic()
        while count < suite.options.lookups:
            count += ring.look_up(min(10_000, suite.options.lookups // 3 + 1), seed=count)
        say(f"    {count} lookups, none wrong, in {time.monotonic() - began:.1f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chord", required=True, help="the command")
    parser.add_argument("--certs-dir", help="certificates that exist already")
    parser.add_argument("--keys", type=int, default=200, help="lookups from each of ours")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two rounds")
    parser.add_argument("--slow", type=float, default=3, help="the interval of what is promised")
    parser.add_argument("--return-limit", type=float, default=10, help="seconds that a return may take")
    parser.add_argument("--lookups", type=int, default=100_000, help="for many-lookups")
    parser.add_argument("--all-orders", action="store_true", help="every order of joining, not some")
    parser.add_argument("--short", action="store_true", help="fewer steps in some scenarios")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", help=", ".join(SCENARIOS))
    options = parser.parse_args()
    suite = Suite(options)
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario is called {unknown[0]}; there are {', '.join(SCENARIOS)}")
    failed = 0
    try:
        for turn in range(options.times):
            for name in options.scenarios or SCENARIOS:
                began = time.monotonic()
                say(f"{name} ({turn + 1} of {options.times})" if options.times > 1 else name)
                try:
                    SCENARIOS[name](suite)
                    say(f"  ok {name} {time.monotonic() - began:.1f} s")
                except (Failure, AssertionError, subprocess.SubprocessError) as error:
                    failed += 1
                    say(f"  FAILED {name}: {error}")
    finally:
        if not options.certs_dir:
            shutil.rmtree(suite.folder, ignore_errors=True)
        contract.clean_up()
    say("all hold" if failed == 0 else f"{failed} failed")
    # Channels' threads need not be waited for.
    sys.stdout.flush()
    os._exit(min(failed, 1))


if __name__ == "__main__":
    main()

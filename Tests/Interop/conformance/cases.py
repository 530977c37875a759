# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""A case: its number, its input, and its correct outcomes.

A number reads suite/section/count, as "http2/6.1/2": http2 is RFC 9113, hpack RFC 7541, grpc, grpc-stream
and grpc-gzip the descriptions of gRPC over HTTP/2 and of its compression, where the section is a word.
A case has several outcomes if the specification allows a choice.
"""

import concurrent.futures
import time
import traceback
from dataclasses import dataclass, field
from typing import Callable

import frames
from connection import Silence
from frames import GOAWAY, RST_STREAM


class Wrong(Exception):
    """The other side did something that no outcome of the case allows."""


@dataclass
class Outcome:
    """A possible outcome of a case: its text, and a check."""

    words: str
    holds: Callable


@dataclass
class Case:
    number: str
    says: str
    outcomes: tuple
    act: Callable
    options: dict = field(default_factory=dict)


class Suite:
    """A table of cases, filled by a decorator."""

    def __init__(self):
        self.cases = []

    def case(self, number, says, *outcomes, **options):
        assert outcomes and all(number != case.number for case in self.cases), number

        def add(act):
            self.cases.append(Case(number, says, outcomes, act, options))
            return act

        return add


# Outcomes.


def failures(connection):
    return [frame for frame in connection.of_type(GOAWAY) if frame.error != "NO_ERROR"]


def lives(connection):
    """A client may close the connection with its call, after a GOAWAY."""
    has_left = connection.may_leave and bool(connection.of_type(GOAWAY))
    return not failures(connection) and (has_left or not connection.is_closed)


def closes(*codes):
    """A connection error: a GOAWAY with a code, and the end of the connection (5.4.1)."""
    return Outcome(
        f"connection error {' or '.join(codes)}",
        lambda connection: connection.is_closed
        and any(frame.error in codes for frame in failures(connection)),
    )


def hangs_up():
    """The end of the connection without a GOAWAY."""
    return Outcome(
        "connection closed",
        lambda connection: connection.is_closed and not connection.of_type(GOAWAY),
    )


def resets(stream, *codes):
    """A stream error; the connection stays open (5.4.2)."""
    return Outcome(
        f"stream error {' or '.join(codes)}",
        lambda connection: lives(connection)
        and any(frame.error in codes for frame in connection.resets(stream)),
    )


def ignores():
    """Nothing happens: no stream is reset, and the connection stays open."""
    return Outcome(
        "ignored",
        lambda connection: lives(connection) and not connection.of_type(RST_STREAM),
    )


def answers(stream=1, status=None):
    """A gRPC answer; with a particular status, or one of several, where the case is about it."""
    several = (status,) if isinstance(status, int) else status
    wanted = several and [str(each) for each in several]

    def holds(connection):
        found = connection.field(stream, "grpc-status")
        return (
            lives(connection)
            and connection.field(stream, ":status") == "200"
            and connection.has_ended(stream)
            and found is not None
            and (wanted is None or found in wanted)
        )

    words = "answered" + (f", grpc-status {' or '.join(wanted)}" if wanted else "")
    return Outcome(words, holds)


def replies(http, stream=1):
    """An HTTP answer without gRPC."""
    return Outcome(
        f"HTTP {http}",
        lambda connection: lives(connection)
        and connection.field(stream, ":status") == str(http)
        and connection.has_ended(stream),
    )


def anything():
    """Any behaviour on the wire is allowed; only the outcome at the caller counts."""
    return Outcome("anything on the wire", lambda connection: True)


def although(outcome, why):
    """A known and accepted deviation from the specification."""
    return Outcome(f"{outcome.words} (known deviation: {why})", outcome.holds)


# Running.


def judge(case, connection):
    """The text of the matching outcome, or None."""
    return next((each.words for each in case.outcomes if each.holds(connection)), None)


def report(case, began, ended=None, problem=None, story=""):
    return {
        "case": case.number,
        "says": case.says,
        "right": [outcome.words for outcome in case.outcomes],
        "outcome": ended,
        "deviates": bool(ended) and "known deviation" in ended,
        "problem": problem,
        "story": story,
        "seconds": round(time.monotonic() - began, 3),
    }


def run(case, open_connection):
    """Runs one case on its own connection."""
    began = time.monotonic()
    connection = None
    try:
        connection = open_connection(case)
        # What a case gives back is to be asked when the other side has done everything.
        after = case.act(connection)
        # A case that ends by settling has done so: four PINGs after the last answer are an attack.
        if not (connection.is_hung_up or connection.is_settled):
            connection.settle()
        if after:
            after()
        ended = judge(case, connection)
        problem = None if ended else "none of the right outcomes"
        return report(case, began, ended, problem, connection.story())
    except (Wrong, Silence) as error:
        return report(case, began, None, str(error), connection.story() if connection else "")
    except Exception:  # A mistake of the case's own must show as the case's.
        return report(case, began, None, traceback.format_exc())
    finally:
        if connection:
            connection.close()


def run_all(cases, open_connection, width=12):
    with concurrent.futures.ThreadPoolExecutor(max_workers=width) as pool:
        return list(pool.map(lambda case: run(case, open_connection), cases))


def table(suites):
    """The cases as a Markdown table, for docs/conformance.md."""
    lines = ["| case | sent | right |", "|---|---|---|"]
    for suite in suites:
        for case in suite.cases:
            right = "; ".join(outcome.words for outcome in case.outcomes)
            if status := case.options.get("status"):
                told = status if isinstance(status, str) else " or ".join(status)
                right += f"; the caller is told {told}"
            lines.append(f"| {case.number} | {case.says} | {right} |")
    return "\n".join(lines)


def expect(condition, words):
    if not condition:
        raise Wrong(words)


def code(name):
    return frames.CODES.index(name)

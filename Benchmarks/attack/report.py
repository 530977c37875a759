# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""What is printed: a table of at most 100 columns, or JSON."""

import json

HEADS = f"{'attack':<26} {'source':<15} {'with':<6} {'rate':>5} {'CPU':>5} {'before':>6} {'peak':>5} {'limit':>5}"


def catalogue(attacks):
    for each in attacks:
        print(f"{each.name:<26} {each.source:<20} {each.needs:<7} {each.summary}")
    return 0


class Table:
    def __init__(self, as_json):
        self.as_json = as_json
        self.count = self.failed = 0

    def show(self, row):
        self.count += 1
        self.failed += not row["held"]
        if self.as_json:
            print(json.dumps(row), flush=True)
            return
        if self.count == 1:
            print(f"{HEADS} {'log/s':>5} {'whole':>6}\n{'':<70}{'MiB':>11}")
        ratio, cost = (
            "–" if row[key] is None else f"{row[key]:.0%}" for key in ("ratio", "ratio_of_processor_time")
        )
        print(
            f"{row['attack']:<26} {row['source'][:15]:<15} {row['needs']:<6} {ratio:>5} {cost:>5}"
            f" {row['memory_before_mib']:>6.0f} {row['memory_peak_mib']:>5.0f} {row['memory_allowed_mib']:>5}"
            f" {row['lines_per_second']:>5} {row['healing_seconds']:>4.1f} s",
            flush=True,
        )
        for problem in row["problems"]:
            print(f"    NOT HELD: {problem}", flush=True)
        if row["problems"]:
            print(f"    seen: {row['seen']}", flush=True)

    def finish(self):
        if not self.as_json:
            verdict = "all hold" if not self.failed else f"{self.failed} of {self.count} do not hold"
            print(f"{self.count} attacks\n{verdict}")
        return 1 if self.failed or not self.count else 0

#!/usr/bin/env python3
# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Cost of a call, a handshake and an idle connection of our server, compared with other servers.

    make bench-rpc
    make bench-rpc BENCH=ours,nghttpd ROUNDS=9 JSON=table.json

ours        a node of a ring of three answers FindSuccessor from its routing view
openssl     handshakes only, with blocking calls; verifies the client's certificate
nghttpd     serves a file of the answer's size (accepts any client certificate)
grpc-swift  takes the same request and answers the same number of bytes, without decoding

All use TLS 1.3 with client certificates, one event loop and one core. The same load generator runs on
another core. The servers are measured in turn, row by row and round by round; each round starts new
processes. A ratio is ours / theirs within one round, so that other load on the machine affects both. The
median over the rounds is printed. Below 1 means less CPU, memory or time. For calls per second more is
better; if the load generator is always busy, they show its limit and not the server's.
"""

import argparse
import collections
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from servers import BUILT, NODES, SERVERS, Bench, Question

Cores = collections.namedtuple("Cores", "server load")
# Connections, calls in progress on each, and the fraction of --requests.
LOADS = {"1x1": (1, 1, 0.25), "1x16": (1, 16, 1), "1x100": (1, 100, 1), "8x16": (8, 16, 1)}
# What is measured, and how it is printed.
UNITS = {
    "per_second": ("per second", "{:,.0f}"), "p50_us": ("p50 µs", "{:,.0f}"), "p99_us": ("p99 µs", "{:,.0f}"),
    "cpu_us": ("CPU µs each", "{:,.2f}"), "kib": ("KiB each", "{:,.1f}"), "load_busy": ("load busy", "{:.0%}"),
}  # fmt: skip


def cpu_seconds(pid):
    """CPU time of all threads of a process, ended ones included."""
    # The clock of a process, numbered as clock_getcpuclockid(3) does: finer than /proc/PID/stat.
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid):
    """The resident set size once it is stable."""
    def now():
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    size, same, deadline = now(), 0, time.monotonic() + 5
    while same < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
        before, size = size, now()
        same = same + 1 if before == size else 0
    return size


def put_load(server, mode, options):
    """One run of the load generator, and the CPU time of the server."""
    certs = server.bench.certs
    command = ["taskset", "--cpu-list", str(server.cores.load), str(BUILT / "load"), mode]
    command += ["--address", server.address, "--ca", f"{certs}/ca.pem"]
    command += ["--cert", f"{certs}/client-demo.pem", "--key", f"{certs}/client-demo.key"]
    command += [*server.request(), *map(str, options)]
    if command[-1] == "--strangers":
        command.append(f"{certs}/ca/ca.key")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def line():
            text = process.stdout.readline()
            if not text:
                sys.exit(f"bench: {server.name} {mode}: the load generator gave up; logs in {server.bench.folder}")
            return text

        line()
        memory = resident_bytes(server.pid) if mode == "idle" else 0
        cpu = cpu_seconds(server.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        result = json.loads(line())
        cpu = cpu_seconds(server.pid) - cpu
        if mode == "idle":
            memory = resident_bytes(server.pid) - memory
        process.stdin.close()
    if result["failures"]:
        sys.exit(f"bench: {server.name} {mode}: {result['failures']} of {result['count']} failed")
    result["cpu_us"] = cpu / result["count"] * 1e6
    result["kib"] = memory / result["count"] / 1024
    return result


def rows(options):
    """Name, mode, options of the load generator, and the measured value, in order."""
    # Memory first: a server that has worked reuses what it was given before.
    yield "idle", "idle", ["--requests", options.idle, "--warm-up", 20], ["kib"]
    shakes = ["--requests", options.handshakes, "--warm-up", 20]
    figures = ["per_second", "p50_us", "p99_us", "cpu_us", "load_busy"]
    yield "handshake", "handshake", shakes, figures
    # The servers remember fewer certificates than the load generator has.
    yield "stranger", "handshake", [*shakes, "--strangers"], figures
    for name, (connections, streams, part) in LOADS.items():
        count = max(int(options.requests * part), connections * streams)
        load = ["--connections", connections, "--streams", streams, "--requests", count, "--warm-up", count // 5]
        yield name, "load", load, figures


def measure(bench, question, cores, options):
    """Every row of every round: {row: {server: [one result per round]}}."""
    results = {}
    for turn in range(options.rounds):
        servers = [SERVERS[name](bench, question, cores) for name in options.servers]
        try:
            for server in servers:
                server.start()
            for row, mode, load, _ in rows(options):
                told = []
                for server in servers:
                    if server.rows is not None and row not in server.rows:
                        continue
                    result = put_load(server, mode, load)
                    results.setdefault(row, {}).setdefault(server.name, []).append(result)
                    figure = "kib" if mode == "idle" else "cpu_us"
                    told.append(f"{server.name} {UNITS[figure][1].format(result[figure])}")
                unit = UNITS[figure][0]
                print(f"round {turn + 1}/{options.rounds}  {row:10} {unit:12} {', '.join(told)}", file=sys.stderr)
        finally:
            for server in servers:
                server.stop()
    return results


def summary(results, options):
    """Medians of every figure, and of the ratios within each round."""
    table = {}
    for row, _, _, figures in rows(options):
        of_row = table[row] = {"median": {}, "ours_to": {}}
        for name, runs in results.get(row, {}).items():
            of_row["median"][name] = {
                figure: statistics.median(run[figure] for run in runs) for figure in figures
            }
            if name == "ours" or "ours" not in results[row]:
                continue
            pairs = list(zip(results[row]["ours"], runs, strict=True))
            of_row["ours_to"][name] = {
                figure: statistics.median(ours[figure] / theirs[figure] for ours, theirs in pairs)
                for figure in figures
                if figure != "load_busy" and all(theirs[figure] > 0 for _, theirs in pairs)
            }
    return table


def show(table):
    """One line per row and server, with the ratio ours / theirs after each other server's figure."""
    print(f"{'':10} {'':11}" + "".join(f"{title:>19}" for title, _ in UNITS.values()))
    for row, of_row in table.items():
        for index, (name, medians) in enumerate(of_row["median"].items()):
            cells = ""
            for figure, (_, form) in UNITS.items():
                value = form.format(medians[figure]) if figure in medians else ""
                ratio = of_row["ours_to"].get(name, {}).get(figure)
                cells += f"{value:>11}" + (f"  ({ratio:4.2f})" if ratio else " " * 8)
            print(f"{row if index == 0 else '':10} {name:11}{cells}".rstrip())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default=",".join(SERVERS), help="which, separated by commas; default all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=40_000, help="calls of a row; a quarter of them for 1x1")
    parser.add_argument("--handshakes", type=int, default=400)
    parser.add_argument("--idle", type=int, default=200, help="idle connections; a node lets one identity have 256")
    parser.add_argument("--json", metavar="FILE", help="where to write every figure of every round")
    options = parser.parse_args()
    options.servers = options.servers.split(",")
    if unknown := [name for name in options.servers if name not in SERVERS]:
        parser.error(f"no server {unknown[0]}; there are {', '.join(SERVERS)}")
    if min(options.rounds, options.requests, options.handshakes, options.idle) < 1:
        parser.error("rounds, requests, handshakes and idle are at least 1")
    return options


def main():
    options = arguments()
    if not sys.platform.startswith("linux"):
        sys.exit("bench: cores, clocks and memory of other processes are read as Linux shows them")
    allowed = sorted(os.sched_getaffinity(0))
    cores = Cores(allowed[0], allowed[-1])
    if len(allowed) == 1:
        print("bench: one core for server and load: they slow one another down", file=sys.stderr)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = tempfile.mkdtemp(prefix="chord-bench-")
    bench = Bench(folder)
    bench.issue(NODES)
    question = Question(bench)
    results = measure(bench, question, cores, options)
    table = summary(results, options)
    print(
        f"{options.rounds} rounds, answers of {question.answer_bytes} bytes; server on core {cores.server}, load on "
        f"core {cores.load}; machine load {os.getloadavg()[0]:.1f}\n(medians; in brackets ours / theirs, pair by pair)\n"
    )
    show(table)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"answer_bytes": question.answer_bytes, "summary": table, "rounds": results}, file, indent=1)
    print(f"\nlogs in {folder}")


if __name__ == "__main__":
    main()

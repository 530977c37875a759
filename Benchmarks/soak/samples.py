# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a process holds: memory, descriptors, threads and bytes on the disk, read from /proc."""

import os
import pathlib
import statistics

ESTABLISHED = "01"
FIELDS = ("rss_kib", "anon_kib", "threads", "descriptors", "connections", "others", "disk_kib")


def established():
    """The inodes of all sockets with an open connection."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in pathlib.Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == ESTABLISHED:
                    found.add(words[9])
    return found


def disk_kib(folder):
    """The room that a folder's files take on the disk."""
    blocks = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                blocks += os.stat(os.path.join(path, name)).st_blocks
            except FileNotFoundError:
                pass
    return blocks // 2


def descriptors(pid, open_connections):
    """All descriptors of a process, and how many of them are open connections."""
    everything = connections = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        everything += 1
        if target.startswith("socket:[") and target[8:-1] in open_connections:
            connections += 1
    return everything, connections


def sample(pid, folder):
    status = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        status[name] = value.split()
    everything, connections = descriptors(pid, established())
    return {
        "rss_kib": int(status["VmRSS"][0]),
        "anon_kib": int(status["RssAnon"][0]),
        "threads": int(status["Threads"][0]),
        "descriptors": everything,
        "connections": connections,
        # Without open connections, which come and go with the peers.
        "others": everything - connections,
        "disk_kib": disk_kib(folder),
    }


def middle(samples):
    """The median of each field."""
    return {field: statistics.median_low(each[field] for each in samples) for field in FIELDS}


def slope(points):
    """The slope of a line through points (x, y) by least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (statistics.fmean(each) for each in zip(*points))
    square = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / square if square else 0.0

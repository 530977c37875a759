# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""The network of a chaos run: loopback, or two sides that can be cut apart.

The two sides are network namespaces, joined by a bridge in a third one, where the client runs. All are
inside of namespaces created for the run. When its first process ends, the kernel ends all others and
removes the network, so nothing is left behind.
"""

import os
import shutil
import signal
import subprocess
import sys

from rings import dying_with_us

INSIDE = "CHORD_CHAOS_INSIDE"
# The program can be in a folder that is only in the administrator's PATH.
FIREWALL = shutil.which("iptables") or shutil.which("iptables", path="/usr/sbin:/sbin")
NAMESPACES = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Side:
    """A side of the network: the host of its nodes, and a prefix for their command."""

    def __init__(self, host, before=()):
        self.host, self.before = host, list(before)


class Loopback:
    description = "loopback; partitions are skipped"
    sides = [Side("127.0.0.1")]
    has_firewall = False

    def close(self):
        pass


class Divided:
    """Two namespaces and a bridge. After a cut, packets between the sides vanish without an error, as in
    a real network; the client still reaches both sides."""

    description = "two network namespaces"

    def __init__(self):
        self.holders, self.sides = [], []
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "middle", "type", "bridge")
        run("ip", "address", "add", "10.99.0.254/24", "dev", "middle")
        run("ip", "link", "set", "middle", "up")
        for number in (1, 2):
            # The line shows that the process is in its namespace. It then waits for the end of its input.
            command = [*dying_with_us(), "unshare", "--net", "sh", "-c", "echo in; read line"]
            holder = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            self.holders.append(holder)
            holder.stdout.readline()
            inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
            side = Side(f"10.99.0.{number}", inside)
            end = ["type", "veth", "peer", "name", "inner", "netns", str(holder.pid)]
            run("ip", "link", "add", f"side{number}", *end)
            run("ip", "link", "set", f"side{number}", "master", "middle", "up")
            run(*inside, "ip", "link", "set", "lo", "up")
            run(*inside, "ip", "address", "add", f"{side.host}/24", "dev", "inner")
            run(*inside, "ip", "link", "set", "inner", "up")
            self.sides.append(side)

    def cut(self):
        self._isolate("on")

    def mend(self):
        self._isolate("off")

    def _isolate(self, state):
        for number in (1, 2):
            run("ip", "link", "set", f"side{number}", "type", "bridge_slave", "isolated", state)

    @property
    def has_firewall(self):
        return FIREWALL is not None

    def close_port(self, side, port, only_from=None):
        """Blocks calls to this port from all nodes, or from the other side only; the node can still call. The
        client still reaches it."""
        self._filter(side, port, "-A", only_from)

    def open_port(self, side, port, only_from=None):
        self._filter(side, port, "-D", only_from)

    def _filter(self, side, port, action, only_from):
        asker = "10.99.0.254"
        sources = [only_from.host] if only_from else [each.host for each in self.sides]
        assert asker not in sources
        for source in sources:
            rule = ["-p", "tcp", "-s", source, "--dport", str(port), "-j", "DROP"]
            run(*side.before, FIREWALL, "-w", action, "INPUT", *rule)

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()


def run(*command):
    subprocess.run(command, check=True)


def unsharing():
    """The command that creates the namespaces; None if that is not permitted."""
    if not all(shutil.which(tool) for tool in ("ip", "nsenter", "unshare")):
        return None
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, *NAMESPACES]
        probe = [*command, "ip", "link", "add", "probe", "type", "bridge"]
        if subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return command
    return None


def enter(wanted):
    """Runs this program again inside of namespaces where that is wanted and permitted, and ends with
    its exit code; returns the network to use when there is nothing (more) to enter."""
    if os.environ.get(INSIDE):
        return Divided()
    if wanted == "loopback":
        return Loopback()
    command = unsharing()
    if command is None:
        if wanted == "namespaces":
            sys.exit("chaos: namespaces are not permitted here, or ip, nsenter or unshare is missing")
        return Loopback()
    environment = dict(os.environ, **{INSIDE: "1"})
    child = subprocess.Popen([*dying_with_us(), *command, sys.executable, *sys.argv], env=environment)

    def end(number, _):
        # unshare takes all processes inside with it.
        child.kill()
        child.wait()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    # Ctrl-C also reaches the inner program, which cleans up and reports its progress.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(child.wait())

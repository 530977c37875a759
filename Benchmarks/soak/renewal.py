# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Certificates that are issued again and again, and the folder from which nodes and clients read them."""

import datetime
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("ring", "chaos", "attack"):
    sys.path.insert(0, str(HERE.parent / folder))

from rings import ROOT  # noqa: E402

# Clocks of other machines may be behind.
BEFORE = 5
MARKS = re.compile(r"^\S+ (warning|error|critical) .*?: (.*)$")


def stamp(seconds):
    """A time from now, as scripts/certs takes it."""
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return time.strftime("%Y%m%d%H%M%SZ")


class Authority:
    """An authority and the files that it issues, in a folder that no node reads."""

    def __init__(self, folder, hosts):
        self.folder, self.hosts = pathlib.Path(folder), ",".join(hosts)
        self._certs("ca")

    def _certs(self, *words, **settings):
        environment = dict(os.environ, CERTS_DIR=str(self.folder), **settings)
        subprocess.run([ROOT / "scripts/certs", *words], env=environment, check=True, stdout=subprocess.DEVNULL)

    def _life(self, seconds):
        return {"NOT_BEFORE": stamp(-BEFORE), "NOT_AFTER": stamp(seconds), "FORCE": "1"}

    def issue_set(self, names, seconds):
        """New certificates of nodes, of the client demo and of the administrator admin; the names of their files."""
        self._certs("set", NODES=" ".join(names), HOSTS=self.hosts, **self._life(seconds))
        return [*names, "client-demo", "admin-admin"]

    def issue_client(self, name, seconds):
        self._certs("client", name, HOSTS="", **self._life(seconds))
        return f"client-{name}"

    def read(self, name):
        return (self.folder / name).read_bytes()


class Live:
    """The folder that nodes and clients read."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        # Held while files of clients change, so that a client of this program never reads a key and the certificate
        # of another key.
        self.lock = threading.Lock()

    def read(self, *names):
        with self.lock:
            return [(self.folder / name).read_bytes() for name in names]

    def replace(self, name, content):
        """Replaces a file in one step."""
        new = self.folder / f".{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(new, self.folder / name)

    def install(self, authority, names):
        """Replaces keys and certificates, each file in one step."""
        with self.lock:
            for name in names:
                self.replace(f"{name}.key", authority.read(f"{name}.key"))
                self.replace(f"{name}.pem", authority.read(f"{name}.pem"))

    def install_in_place(self, authority, names, pause, changed):
        """Writes keys, and then certificates, in place: each file is half written for a while.

        `changed` is called after each step.
        """
        for ending in (".key", ".pem"):
            files = [(open(self.folder / f"{name}{ending}", "wb"), authority.read(f"{name}{ending}")) for name in names]
            for begin, end in ((0, 0.5), (0.5, 1)):
                for file, content in files:
                    file.write(content[int(len(content) * begin) : int(len(content) * end)])
                    file.flush()
                changed()
                time.sleep(pause)
            for file, _ in files:
                file.close()

    def trust(self, *authorities):
        """Sets the trusted authorities, and their revocation lists."""
        # A list without its authority would be refused, so lists come later, and go earlier.
        bundle, lists = (b"".join(each.read(name) for each in authorities) for name in ("ca.pem", "crl.pem"))
        path = self.folder / "ca.pem"
        grows = not path.exists() or len(bundle) > path.stat().st_size
        steps = [("ca.pem", bundle), ("crl.pem", lists)]
        with self.lock:
            for name, content in steps if grows else reversed(steps):
                self.replace(name, content)


def shown_certificate(live, address, client="client-demo"):
    """The certificate that a node shows to a new connection, as PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with live.lock:
        context.load_verify_locations(live.folder / "ca.pem")
        context.load_cert_chain(live.folder / f"{client}.pem", live.folder / f"{client}.key")
    context.set_alpn_protocols(["h2"])
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as plain:
        with context.wrap_socket(plain) as connection:
            return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))


def same_certificate(pem, text):
    return "".join(pem.decode().split()) == "".join(text.split())


def general(text):
    """A text without what differs from one time to the next: numbers, addresses, identifiers, folders."""
    return re.sub(r"[0-9a-fA-F]{8,}|/\S+/|\d[\d.:TZ-]*", "…", text)


def complaints(folder, names):
    """How often each warning and error occurs in the logs of nodes."""
    counts = {}
    for name in names:
        with open(f"{folder}/{name}.log", errors="replace") as lines:
            for line in lines:
                if match := MARKS.match(line):
                    key = match[1], general(match[2].split(" chord.", 1)[0]).strip()[:160]
                    counts[key] = counts.get(key, 0) + 1
    return counts

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Generated code of the contracts, and helpers for TLS and identifiers."""

import hashlib
import importlib
import os
import re
import shutil
import sys
import tempfile

import grpc
from grpc_tools import protoc

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BITS = 64
SIZE = 1 << BITS


def generate(folder):
    """Generates the code of both contracts in a folder, which later processes use."""
    well_known = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    for path, proto in ((HERE, "concord.proto"), (f"{ROOT}/Protos", "chord/v1/chord.proto")):
        arguments = ["", f"-I{path}", f"-I{well_known}", f"--python_out={folder}"]
        if protoc.main(arguments + [f"--grpc_python_out={folder}", proto]) != 0:
            sys.exit(f"grpc_tools.protoc failed for {proto}")
    return folder


made = []


def load(name):
    """A generated module. CHORD_GENERATED names a folder with existing ones."""
    folder = os.environ.get("CHORD_GENERATED")
    if not folder:
        folder = os.environ["CHORD_GENERATED"] = generate(tempfile.mkdtemp(prefix="chord-python-"))
        made.append(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def clean_up():
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


def identifier(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def strictly_between(start, value, end):
    """Whether value lies between start and end, both excluded."""
    if start < end:
        return start < value < end
    return value > start or value < end if start != end else value != start


def is_dialled(address):
    host, colon, port = address.rpartition(":")
    return bool(host and colon and re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Certificates:
    """A certificate of scripts/certs by its file name without .pem, and its trusted authorities."""

    def __init__(self, folder, name):
        self.roots = read(f"{folder}/ca.pem")
        self.key = read(f"{folder}/{name}.key")
        self.chain = read(f"{folder}/{name}.pem")

    def server(self):
        return grpc.ssl_server_credentials(
            [(self.key, self.chain)], root_certificates=self.roots, require_client_auth=True
        )

    def client(self):
        return grpc.ssl_channel_credentials(self.roots, self.key, self.chain)

# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Calls a node's health, reflection and administration services with grpcio.

The one argument is a JSON object: the node's address, the folder of the contracts, and the PEM files of
a client and of an administrator. At the end the node is asked to leave. The results are printed as one JSON
object.
"""

import json
import os
import pathlib
import sys
import tempfile
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc


def read(path):
    return pathlib.Path(path).read_bytes()


class Contract:
    """The messages of .proto files, without generated code, whose modules would hide grpcio's."""

    def __init__(self, folder):
        files = sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*.proto"))
        with tempfile.NamedTemporaryFile() as file:
            if protoc.main(["", f"-I{folder}", f"--descriptor_set_out={file.name}", *files]) != 0:
                sys.exit("services.py: protoc failed")
            self.files = descriptor_pb2.FileDescriptorSet.FromString(read(file.name)).file
        self.pool = descriptor_pool.DescriptorPool()
        waiting = list(self.files)
        while waiting:
            file = waiting.pop(0)
            try:
                self.pool.Add(file)
            except TypeError:
                waiting.append(file)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))


class Caller:
    def __init__(self, order, role, contract):
        credentials = grpc.ssl_channel_credentials(
            read(order["roots"]), read(order[role]["key"]), read(order[role]["certificate"])
        )
        self.channel = grpc.secure_channel(order["address"], credentials)
        self.contract = contract

    def unary(self, path, request, reply):
        call = self.channel.unary_unary(
            path, type(request).SerializeToString, self.contract.message(reply).FromString
        )
        try:
            return call(request, timeout=20)
        except grpc.RpcError as error:
            return error.code().name

    def stream(self, path, request, reply):
        return self.channel.unary_stream(
            path, type(request).SerializeToString, self.contract.message(reply).FromString
        )(request, timeout=60)


def reflect(caller, contract, package):
    """The listed services, and whether their files are those of the contract."""
    request = contract.message(f"{package}.ServerReflectionRequest")
    reply = contract.message(f"{package}.ServerReflectionResponse")
    path = f"/{package}.ServerReflection/ServerReflectionInfo"
    call = caller.channel.stream_stream(path, request.SerializeToString, reply.FromString)
    listed = next(call(iter([request(list_services="")]), timeout=20))
    services = [service.name for service in listed.list_services_response.service]
    known = {file.name: file for file in contract.files}
    # A node knows the files of the services that it has, and not those of other implementations.
    served = [
        file.name
        for file in contract.files
        if any(f"{file.package}.{service.name}" in services for service in file.service)
    ]
    answers = list(call(iter([request(file_by_filename=name) for name in served]), timeout=20))
    symbols = list(call(iter([request(file_containing_symbol=name) for name in services]), timeout=20))
    differing = []
    for answer in answers + symbols:
        for bytes_ in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(bytes_)
            if file != known.get(file.name):
                differing.append(file.name)
    found = [len(answer.file_descriptor_response.file_descriptor_proto) for answer in answers + symbols]
    missing = next(call(iter([request(file_by_filename="no.proto")]), timeout=20))
    return {
        "services": services,
        "differing": differing,
        "found": bool(served) and all(found),
        "missing": missing.error_response.error_code,
        "echoed": missing.original_request.file_by_filename,
    }


def drain(stream, seen, field):
    """Reads a stream to its end."""
    try:
        for message in stream:
            seen.append(getattr(message, field))
    except grpc.RpcError as error:
        seen.append(error.code().name)


def main():
    order = json.loads(sys.argv[1])
    contract = Contract(order["contracts"])
    client, admin = (Caller(order, role, contract) for role in ("client", "admin"))
    result = {
        "reflection": reflect(client, contract, "grpc.reflection.v1"),
        "former reflection": reflect(client, contract, "grpc.reflection.v1alpha"),
    }
    # The client that grpcio brings knows the former name only.
    database = ProtoReflectionDescriptorDatabase(client.channel)
    result["by grpcio's own client"] = sorted(database.get_services())
    found = database.FindFileContainingSymbol("chord.v1.ChordService")
    result["found by it"] = found.name

    def check(service):
        request = contract.message("grpc.health.v1.HealthCheckRequest")(service=service)
        answer = client.unary("/grpc.health.v1.Health/Check", request, "grpc.health.v1.HealthCheckResponse")
        return answer if isinstance(answer, str) else answer.status

    result["health"] = [check(""), check("chord.v1.ChordService"), check("none")]
    watch = client.stream(
        "/grpc.health.v1.Health/Watch",
        contract.message("grpc.health.v1.HealthCheckRequest")(),
        "grpc.health.v1.HealthCheckResponse",
    )
    states = [next(watch).status]
    description = client.unary(
        "/chord.v1.AdminService/Describe",
        contract.message("chord.v1.DescribeRequest")(),
        "chord.v1.DescribeReply",
    )
    result["description"] = [description.node.name, description.phase, len(description.successors), description.version]
    events = client.stream(
        "/chord.v1.AdminService/Watch", contract.message("chord.v1.WatchRequest")(), "chord.v1.WatchReply"
    )
    kinds = [next(events).kind]
    # grpcio forgets messages that nobody has read when a call ends with a failure.
    readers = [
        threading.Thread(target=drain, args=arguments)
        for arguments in ((watch, states, "status"), (events, kinds, "kind"))
    ]
    for reader in readers:
        reader.start()
    leave = contract.message("chord.v1.AdminLeaveRequest")()
    path, reply = "/chord.v1.AdminService/Leave", "chord.v1.AdminLeaveReply"
    result["client leaves"] = client.unary(path, leave, reply)
    left = admin.unary(path, leave, reply)
    result["admin leaves"] = left if isinstance(left, str) else "OK"
    for reader in readers:
        reader.join()
    result["states"], result["kinds"] = states, kinds
    print(json.dumps(result), flush=True)


main()
# Skips Python's shutdown, in which grpcio can wait for the lock of a stopped thread.
os._exit(0)

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import Foundation
import NIOConcurrencyHelpers

/// The contract of a release, read from its `.proto` files in docs/api: the fields that its programs know.
struct ReleasedWire: Sendable {
    /// The fields of each message: the type of a field that is a message itself, else nil.
    private var messages: [String: [UInt64: String?]] = [:]
    /// The types of each method's request and response.
    private var methods: [String: (request: String, response: String)] = [:]

    /// - Throws: where the files are not there.
    init(version: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../docs/api/\(version)/chord/v1")
        for name in ["chord.proto", "admin.proto"] {
            read(try String(contentsOf: folder.appending(path: name), encoding: .utf8))
        }
        for (message, fields) in messages {
            messages[message] = fields.mapValues { type in
                type.flatMap { messages.keys.contains($0) ? $0 : nil }
            }
        }
    }

    private mutating func read(_ text: String) {
        var message = ""
        var service = ""
        for line in text.split(separator: "\n") {
            let words = line.prefix { $0 != "/" }.split { " \t=;(){}".contains($0) }.map(
                String.init
            )
            switch (words.first, words.count) {
            case ("message", 2...):
                message = words[1]
                messages[message] = [:]
            case ("service", 2...): service = words[1]
            case ("enum", _): message = ""
            case ("rpc", 5...):
                let types = words.dropFirst(2).filter { $0 != "returns" && $0 != "stream" }
                guard let request = types.first, let response = types.last else { continue }
                methods["/chord.v1.\(service)/\(words[1])"] = (request, response)
            case (_, 3...) where !message.isEmpty:
                guard let number = words.last.flatMap({ UInt64($0) }) else { continue }
                messages[message]?[number] = .some(words[words.count - 3])
            default: break
            }
        }
    }

    /// A request or a response as a program of the release reads it: without all other fields.
    func stripped(_ bytes: [UInt8], of method: String, isRequest: Bool) -> [UInt8] {
        guard let types = methods[method] else { return bytes }
        return stripped(bytes[...], isRequest ? types.request : types.response)
    }

    private func stripped(_ bytes: ArraySlice<UInt8>, _ message: String) -> [UInt8] {
        let fields = messages[message] ?? [:]
        var output: [UInt8] = []
        var rest = bytes
        while let field = Field(reading: &rest) {
            guard let type = fields[field.number] else { continue }
            guard let type, field.kind == 2 else {
                output += field.bytes
                continue
            }
            let inner = stripped(field.content, type)
            output += Field.variableLength(field.number << 3 | 2)
            output += Field.variableLength(UInt64(inner.count)) + inner
        }
        return output
    }

    private struct Field {
        let number: UInt64
        let kind: UInt64
        /// Tag and content.
        let bytes: ArraySlice<UInt8>
        let content: ArraySlice<UInt8>

        /// Nil at the end, and where the bytes are no field.
        init?(reading rest: inout ArraySlice<UInt8>) {
            var next = rest
            guard let tag = Self.number(reading: &next) else { return nil }
            number = tag >> 3
            kind = tag & 7
            let start: Int
            let count: Int
            switch kind {
            case 0:
                start = next.startIndex
                guard Self.number(reading: &next) != nil else { return nil }
                count = next.startIndex - start
            case 1: (start, count) = (next.startIndex, 8)
            case 5: (start, count) = (next.startIndex, 4)
            case 2:
                guard let length = Self.number(reading: &next) else { return nil }
                (start, count) = (next.startIndex, Int(length))
            default: return nil
            }
            guard start + count <= rest.endIndex else { return nil }
            content = rest[start..<start + count]
            bytes = rest[..<(start + count)]
            rest = rest[(start + count)...]
        }

        private static func number(reading bytes: inout ArraySlice<UInt8>) -> UInt64? {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = bytes.popFirst(), shift < 64 {
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }

        static func variableLength(_ value: UInt64) -> [UInt8] {
            var bytes: [UInt8] = []
            var rest = value
            while rest >= 0x80 {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            return bytes + [UInt8(rest)]
        }
    }
}

/// The nodes of a ring whose programs are of a release: messages from and to them have its fields only.
final class ReleasedNodes: Sendable {
    private struct State {
        var wire: ReleasedWire?
        var addresses: Set<String> = []
        /// Bytes that were taken out of messages.
        var strippedBytes = 0
    }

    private let state = NIOLockedValueBox(State())

    /// The node at an address is of a release from now on.
    func add(_ address: String, _ wire: ReleasedWire) {
        state.withLockedValue { state in
            state.wire = wire
            state.addresses.insert(address)
        }
    }

    /// The node at an address is of the present version.
    func remove(_ address: String) { _ = state.withLockedValue { $0.addresses.remove(address) } }

    var strippedBytes: Int { state.withLockedValue { $0.strippedBytes } }

    func read(_ bytes: [UInt8], _ method: String, isRequest: Bool, _ ends: [String]) -> [UInt8] {
        state.withLockedValue { state in
            guard let wire = state.wire, !state.addresses.isDisjoint(with: ends) else {
                return bytes
            }
            let left = wire.stripped(bytes, of: method, isRequest: isRequest)
            state.strippedBytes += bytes.count - left.count
            return left
        }
    }
}

/// A transport in a ring with nodes of a release.
final class ReleasedWireTransport: ClientTransport {
    private let address: String
    private let base: any ClientTransport
    private let nodes: ReleasedNodes

    init(address: String, base: any ClientTransport, nodes: ReleasedNodes) {
        self.address = address
        self.base = base
        self.nodes = nodes
    }

    func resetBackoff(of address: String) { base.resetBackoff(of: address) }

    func openStream(_ call: ClientStreamCall, on executor: any NodeExecutor) -> ClientStream {
        base.openStream(call, on: executor)
    }

    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle {
        var call = call
        let ends = [address, call.target.address]
        call.message = nodes.read(call.message, call.method.path, isRequest: true, ends)
        return base.start(
            call,
            on: executor,
            observer: Observer(base: observer, nodes: nodes, method: call.method.path, ends: ends)
        )
    }

    private final class Observer: ClientCallObserver {
        private let base: any ClientCallObserver
        private let nodes: ReleasedNodes
        private let method: String
        private let ends: [String]

        init(base: any ClientCallObserver, nodes: ReleasedNodes, method: String, ends: [String]) {
            self.base = base
            self.nodes = nodes
            self.method = method
            self.ends = ends
        }

        func callSent() { base.callSent() }
        func callAccepted(_ metadata: Metadata) { base.callAccepted(metadata) }
        func callFinished(_ result: ClientResult) {
            var result = result
            result.message = nodes.read(result.message, method, isRequest: false, ends)
            base.callFinished(result)
        }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC

/// A streaming service for tests. Its messages are plain bytes, so that any gRPC client can call it
/// without generated code.
///
/// Every method returns its caller's metadata `x-echo-initial` as initial metadata and
/// `x-echo-trailing-bin` as trailing metadata, and compresses its messages if the caller's
/// `x-compress` is `gzip`.
package struct StreamService: Sendable {
    package static let name = "chord.test.Stream"

    /// Returns each message as it arrives. Bidirectional.
    package static let echo = RPCMethod(test: "Echo", of: name)
    /// Responds with `<messages> <bytes>` after the last message. Client streaming.
    package static let sum = RPCMethod(test: "Sum", of: name)
    /// Receives `<messages> <bytes>` and sends that many messages of that size. Server streaming.
    package static let produce = RPCMethod(test: "Produce", of: name)
    /// Returns the first message, reads no more, and waits for the call's end. Bidirectional.
    package static let hold = RPCMethod(test: "Hold", of: name)
    /// Receives `<code> <text>` and fails with that status. Server streaming.
    package static let fail = RPCMethod(test: "Fail", of: name)

    /// What the service has observed.
    package struct Counters: Sendable {
        package var sent = 0
        package var received = 0
        package var started = 0
        package var ended = 0
        /// The ends of calls that failed.
        package var failures: [Status] = []
    }

    private let state = Watched(Counters())

    package init() {}

    package var counters: Counters { state.withLockedValue { $0 } }

    /// Waits until a condition of the counters holds.
    package func until(_ condition: @escaping @Sendable (Counters) -> Bool) async throws {
        try await state.until(condition)
    }

    package func register(in router: inout Router, on executor: (any NodeExecutor)? = nil) {
        add(Self.echo, to: &router, on: executor) { stream throws(Status) in
            for try await message in stream.requests {
                state.withLockedValue { $0.received += 1 }
                try await stream.send(message)
                state.withLockedValue { $0.sent += 1 }
            }
        }
        add(Self.sum, to: &router, on: executor) { stream throws(Status) in
            var (messages, bytes) = (0, 0)
            for try await message in stream.requests {
                state.withLockedValue { $0.received += 1 }
                messages += 1
                bytes += message.count
            }
            try await stream.send(Array("\(messages) \(bytes)".utf8))
        }
        add(Self.produce, to: &router, on: executor) { stream throws(Status) in
            let (count, bytes) = try await Self.numbers(of: stream)
            for index in 0..<count {
                try await stream.send([UInt8](repeating: UInt8(index & 0xff), count: bytes))
                state.withLockedValue { $0.sent += 1 }
            }
        }
        add(Self.hold, to: &router, on: executor) { stream throws(Status) in
            guard let first = try await stream.nextMessage() else { return }
            state.withLockedValue { $0.received += 1 }
            try await stream.send(first)
            // Nobody sends what this waits for.
            while try await stream.nextMessage() != nil {}
            await Self.untilCancelled()
            throw Status(.cancelled, "cancelled")
        }
        add(Self.fail, to: &router, on: executor) { stream throws(Status) in
            guard let text = try await stream.nextMessage() else { return }
            let parts = String(decoding: text, as: UTF8.self).split(
                separator: " ",
                maxSplits: 1
            )
            throw Status(
                StatusCode(wire: Int(parts.first ?? "") ?? 2),
                parts.count > 1 ? String(parts[1]) : ""
            )
        }
    }

    private func add(
        _ method: RPCMethod,
        to router: inout Router,
        on executor: (any NodeExecutor)?,
        _ body: @escaping @Sendable (ServerStream) async throws(Status) -> Void
    ) {
        router.register(method, on: executor) { [state] stream throws(Status) in
            state.withLockedValue { $0.started += 1 }
            defer { state.withLockedValue { $0.ended += 1 } }
            let initial = stream.metadata.entries.filter { $0.name == "x-echo-initial" }
            let isCompressing = stream.metadata["x-compress"] == Array("gzip".utf8)
            if isCompressing || !initial.isEmpty {
                try stream.sendHeaders(Metadata(initial), compressing: isCompressing)
            }
            if let value = stream.metadata["x-echo-trailing-bin"] {
                stream.addTrailers([.init(name: "x-echo-trailing-bin", value: value)])
            }
            do throws(Status) {
                try await body(stream)
            } catch {
                state.withLockedValue { $0.failures.append(error) }
                throw error
            }
            return []
        }
    }

    private static func numbers(
        of stream: ServerStream
    ) async throws(Status) -> (count: Int, bytes: Int) {
        let text = try await stream.nextMessage() ?? []
        let numbers = String(decoding: text, as: UTF8.self).split(separator: " ").compactMap {
            Int($0)
        }
        guard numbers.count == 2 else {
            throw Status(.invalidArgument, "a number of messages and one of bytes are missing")
        }
        return (numbers[0], numbers[1])
    }

    private static func untilCancelled() async {
        let (nothing, continuation) = AsyncStream.makeStream(of: Never.self)
        // A stream's iteration ends when its task is cancelled.
        for await _ in nothing {}
        withExtendedLifetime(continuation) {}
    }
}

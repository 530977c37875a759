// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

@testable import Chord

/// Resources of nodes and clients, and their release.
@Suite(.tags(.network)) struct LifetimeTests {
    @Test("A node runs once: a second run fails and the first continues", .timeLimit(.minutes(2)))
    func runsOnce() async throws {
        let node = try await ChordNode(try await configuration("n1"))
        try await running(node) {
            let error = await #expect(throws: ChordError.self) { try await node.run() }
            #expect(error?.code == .invalidState)
            #expect(node.range?.isWholeCircle == true)
            let client = try await client("alice", of: node)
            #expect(try await client.lookup(key: "apple").owner == node.reference)
            await client.close()
            // Nor does closing it harm a node that runs.
            await node.close()
            #expect(node.range != nil)
        }
        let again = await #expect(throws: ChordError.self) { try await node.run() }
        #expect(again?.code == .invalidState)
        await node.close()
        let closed = await #expect(throws: ChordError.self) { try await node.waitUntilJoined() }
        #expect(closed?.code == .stopped)
        let lookup = await #expect(throws: ChordError.self) { try await node.lookup(key: "apple") }
        #expect(lookup?.code == .notMember)
    }

    @Test(
        "A node that never runs frees its port and data directory, also on given event loops",
        .timeLimit(.minutes(2)),
        arguments: [true, false]
    )
    func neverRun(closes: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-lifetime-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var setting = try await configuration("n1")
        setting.eventLoopGroup = group
        setting.dataDirectory = folder.path
        var node: ChordNode? = try await ChordNode(setting)
        setting.listen = try #require(node?.reference.address)
        let taken = await #expect(throws: ChordError.self) { try await ChordNode(setting) }
        #expect(taken?.cause is DataDirectoryFailure)
        if closes { await node?.close() }
        node = nil
        // Without a wait for its end, the port is free a moment later.
        var next: ChordNode?
        while next == nil {
            next = try? await ChordNode(setting)
        }
        await next?.close()
        try await group.shutdownGracefully()
    }

    @Test(
        "Graceful shutdown ends a service that waits for membership",
        .timeLimit(.minutes(2))
    )
    func shutdownBeforeMembership() async throws {
        struct Waiting: Service {
            let node: ChordNode
            let isWaiting: AsyncStream<Void>.Continuation

            func run() async throws {
                isWaiting.yield()
                await #expect(throws: CancellationError.self) { try await node.waitUntilJoined() }
                try await gracefulShutdown()
            }
        }
        let absent = try ReservedPort()
        var setting = try await configuration("n1", joining: [absent.address])
        setting.joinTimeout = nil
        let node = try await ChordNode(setting)
        let (begun, isWaiting) = AsyncStream.makeStream(of: Void.self)
        let group = ServiceGroup(
            services: [node, Waiting(node: node, isWaiting: isWaiting)],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await _ in begun { break }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await node.close()
        withExtendedLifetime(absent) {}
    }

    // MARK: Clients

    /// A client of somebody who takes connections and says nothing, with patience for an hour.
    private func patientClient(of address: String) async throws -> ChordClient {
        var setting = ChordClientConfiguration(
            nodes: [address],
            certificates: try await TestCertificates.of("alice")
        )
        setting.failureDetection = FailureDetection(allowing: .seconds(3600))
        setting.lookups = LookupLimits(allowing: .seconds(3600))
        setting.transport.client.connectTimeout = .seconds(3600)
        setting.certificates.handshakeTimeout = .seconds(3600)
        setting.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try ChordClient(setting)
    }

    @Test("A client's calls end when their task is cancelled", .timeLimit(.minutes(2)))
    func cancelling() async throws {
        let (connections, connected) = AsyncStream.makeStream(of: Void.self)
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                connected.yield()
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let client = try await patientClient(of: "127.0.0.1:\(port)")
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await client.lookup(key: "apple") }, { _ = try await client.walk() },
            { _ = try await client.parameters() }, { _ = try await client.trace(key: "apple") },
            { _ = try await client.describe() }, { _ = try await client.leave() },
            { _ = try await client.merge(with: "127.0.0.1:1") },
        ]
        for call in calls {
            let task = Task { try await call() }
            task.cancel()
            let error = await #expect(throws: ChordError.self) { try await task.value }
            #expect(error?.code == .cancelled)
        }
        // In the middle of the call, too.
        let waiting = Task { try await client.lookup(key: "apple") }
        let watching = Task { () -> Int in
            var count = 0
            for try await _ in client.watch() { count += 1 }
            return count
        }
        for await _ in connections { break }
        waiting.cancel()
        watching.cancel()
        let error = await #expect(throws: ChordError.self) { try await waiting.value }
        #expect(error?.code == .cancelled)
        #expect(try await watching.value == 0)
        await client.close()
        try await silent.close()
    }

    /// An object that a thread holds.
    private final class Mark: Sendable {}

    @Test("Closing a client ends its calls and its thread", .timeLimit(.minutes(2)))
    func closing() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let client = try await patientClient(of: "127.0.0.1:\(port)")
        let group = try #require(client.ownGroup)
        // What a thread holds for itself goes when the thread ends. (A loop that has ended does not say so:
        // whoever asks it waits for ever.)
        let held = ThreadSpecificVariable<Mark>()
        weak let mark = try await group.next().submit {
            let mark = Mark()
            held.currentValue = mark
            return mark
        }.get()
        #expect(mark != nil)
        let calls = (0..<8).map { _ in Task { try await client.lookup(key: "apple") } }
        let watch = Task { for try await _ in client.watch() {} }
        await client.close()
        for call in calls {
            let error = await #expect(throws: ChordError.self) { try await call.value }
            #expect([.noContact, .stopped].contains(error?.code))
        }
        await #expect(throws: ChordError.self) { try await watch.value }
        let later = await #expect(throws: ChordError.self) { try await client.walk() }
        #expect(later?.code == .stopped)
        // The thread is gone.
        #expect(mark == nil)
        withExtendedLifetime(held) {}
        await client.close()
        try await silent.close()
    }
}

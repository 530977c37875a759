// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import ChordTransport
import Logging
import NIOConcurrencyHelpers
import NIOPosix

/// Our transport without a node, for features that the protocol's calls do not use.
struct BareTransport: Sendable {
    static let executors = EventLoopExecutors(
        group: MultiThreadedEventLoopGroup(numberOfThreads: 1)
    )

    let server: GRPCServer
    let client: NetworkTransport

    var executor: EventLoopExecutor { Self.executors.all[0] }

    private init(_ context: TLSContext, _ configuration: TransportConfiguration) {
        let log = TransportLog(
            logger: Logger(label: "interop") { _ in SwiftLogNoOpLogHandler() },
            failuresPerSecond: 10
        )
        let source = TLSContextSource(context)
        let metrics = ChordTransportMetrics()
        server = GRPCServer(
            tls: source,
            executors: Self.executors,
            configuration: configuration,
            log: log,
            metrics: metrics
        )
        client = NetworkTransport(
            tls: source,
            executors: Self.executors,
            configuration: configuration,
            log: log,
            metrics: metrics
        )
    }

    /// A transport for the time of `body`.
    static func running<R: Sendable>(
        as issued: TestAuthority.Issued,
        configuration: TransportConfiguration = TransportConfiguration(),
        _ body: (BareTransport) async throws -> R
    ) async throws -> R {
        let transport = BareTransport(
            try await TestCertificates.get().revokingContext(issued),
            configuration
        )
        do {
            let result = try await body(transport)
            await transport.stop()
            return result
        } catch {
            await transport.stop()
            throw error
        }
    }

    private func stop() async {
        await client.shutdown(grace: .zero)
        await server.shutdown(grace: .zero)
    }

    /// Serves on a port chosen by the kernel, and returns it.
    func serve(_ router: Router) async throws -> String {
        try await server.bind(host: "127.0.0.1", port: 0)
        try await server.serve(router)
        return server.localAddresses[0].description
    }

    /// Opens a stream; without a time it has no deadline.
    func open(
        _ method: RPCMethod,
        at address: String,
        within time: Duration? = .seconds(20),
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) -> ClientStream {
        client.openStream(
            ClientStreamCall(
                target: PeerTarget(
                    address: address,
                    expected: ExpectedPeer(name: PythonServer.name)
                ),
                method: method,
                deadline: time.map { executor.now + $0 },
                metadata: metadata,
                compression: compression
            ),
            on: executor
        )
    }

    /// Makes a call and waits for its end.
    func call(
        _ method: RPCMethod,
        _ message: [UInt8] = [],
        at address: String,
        expecting expected: ExpectedPeer = ExpectedPeer(name: PythonServer.name),
        within time: Duration = .seconds(20),
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) async -> ObservedCall.Outcome {
        let observed = ObservedCall()
        return await withCheckedContinuation { continuation in
            executor.execute { [client, executor] in
                observed.start(
                    ClientCall(
                        target: PeerTarget(address: address, expected: expected),
                        method: method,
                        message: message,
                        deadline: executor.now + time,
                        metadata: metadata,
                        compression: compression
                    ),
                    over: client,
                    on: executor
                ) { continuation.resume(returning: $0) }
            }
        }
    }
}

/// A call and its outcome at the caller.
final class ObservedCall: ClientCallObserver {
    struct Outcome: Sendable {
        /// The response headers; nil where the answer was trailers only, or none came.
        var headers: Metadata?
        var result: ClientResult
    }

    private let headers = NIOLockedValueBox<Metadata?>(nil)
    private let completion = NIOLockedValueBox<(@Sendable (Outcome) -> Void)?>(nil)

    func start(
        _ call: ClientCall,
        over transport: any ClientTransport,
        on executor: any NodeExecutor,
        _ completion: @escaping @Sendable (Outcome) -> Void
    ) {
        self.completion.withLockedValue { $0 = completion }
        transport.start(call, on: executor, observer: self)
    }

    func callAccepted(_ metadata: Metadata) {
        headers.withLockedValue { $0 = metadata }
    }

    func callFinished(_ result: ClientResult) {
        let outcome = Outcome(headers: headers.withLockedValue { $0 }, result: result)
        completion.withLockedValue { $0 }?(outcome)
    }
}

/// The test service, on both sides of the tests.
enum TestMethod {
    static let service = "interop.Test"
    static let echo = RPCMethod(test: "Echo", of: service)
    static let fail = RPCMethod(test: "Fail", of: service)
    static let stream = RPCMethod(test: "Stream", of: service)
    static let wait = RPCMethod(test: "Wait", of: service)
}

/// A message without runs of equal bytes. The Python side creates the same.
func filler(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

/// A message that gRPC's percent-encoding has to carry.
let awkwardMessage = "50 % schief: Größe, 大小,\n\u{1F40C}"

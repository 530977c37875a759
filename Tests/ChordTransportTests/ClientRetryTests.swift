// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordTransport

@Suite("Calls that a server has not processed", .tags(.network), .timeLimit(.minutes(5)))
struct ClientRetryTests: RawServerSuite {
    @Test func refusedCallIsRetriedOnce() async throws {
        let requests = NIOLockedValueBox(0)
        let result = try await outcome { _, session, stream in
            let count = requests.withLockedValue { count in
                count += 1
                return count
            }
            if count == 1 {
                session.reset(stream: stream, errorCode: .refusedStream)
            } else {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: Self.headers(Self.grpc),
                    body: emptyMessage,
                    trailers: Self.headers([("grpc-status", "0")])
                )
            }
        }
        #expect(result.status == .ok)
        #expect(requests.withLockedValue { $0 } == 2)
    }

    @Test func callIsNotTriedAThirdTime() async throws {
        let requests = NIOLockedValueBox(0)
        let result = try await outcome { _, session, stream in
            requests.withLockedValue { $0 += 1 }
            session.reset(stream: stream, errorCode: .refusedStream)
        }
        #expect(result.status.code == .unavailable)
        #expect(result.status.origin == .transport)
        #expect(requests.withLockedValue { $0 } == 2)
    }

    @Test func callNotProcessedBeforeGoAwayUsesANewConnection() async throws {
        // The connections themselves: the identity of one that is gone may be that of the next.
        let connections = NIOLockedValueBox<[RawHTTP2]>([])
        let result = try await outcome { raw, session, stream in
            let isFirst = connections.withLockedValue { seen in
                if !seen.contains(where: { $0 === raw }) { seen.append(raw) }
                return seen.count == 1
            }
            if isFirst {
                session.goAway(lastStream: 0)
            } else {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: Self.headers(Self.grpc),
                    body: emptyMessage,
                    trailers: Self.headers([("grpc-status", "0")])
                )
            }
        }
        #expect(result.status == .ok)
        #expect(connections.withLockedValue { $0.count } == 2)
    }
}

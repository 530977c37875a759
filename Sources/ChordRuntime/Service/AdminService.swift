// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordIdentity
package import ChordRPC
package import ChordWire
import Logging

/// The handlers of `chord.v1.AdminService`.
struct AdminService: NodeService {
    let shell: NodeShell
    private let began: MonotonicTime

    init(shell: NodeShell) {
        self.shell = shell
        began = shell.executor.now
    }

    var methods: [ServiceMethod] {
        [
            ServiceMethod(AdminMethods.describe) { describe($0, &$1) },
            ServiceMethod(AdminMethods.watch, on: shell.executor) { stream throws(Status) in
                try await watch(stream)
                return []
            },
            ServiceMethod(AdminMethods.leave, on: shell.executor) { bytes, peer throws(Status) in
                try await leave(bytes, peer)
            },
            ServiceMethod(AdminMethods.merge, on: shell.executor) { bytes, peer throws(Status) in
                try await merge(bytes, peer)
            },
        ]
    }

    private var space: IdentifierSpace { shell.parameters.space }

    private var description: NodeDescription {
        NodeDescription(
            shell.view,
            version: ProgramVersion.number,
            uptime: shell.executor.now - began,
            certificates: shell.configuration.certificateEnds()
        )
    }

    private func describe(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        do throws(WireError) {
            _ = try DescribeRequest(decoding: bytes, space: space)
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
        DescribeReply(description).encode(appendingTo: &call.reply, space: space)
        return .replied
    }

    private func leave(_ bytes: [UInt8], _ peer: PeerIdentity) async throws(Status) -> [UInt8] {
        do throws(WireError) {
            _ = try AdminLeaveRequest(decoding: bytes, space: space)
        } catch {
            throw Status(.invalidArgument, "\(error)")
        }
        shell.logger.notice("asked to leave", metadata: [LogKeys.peer: "\(peer)"])
        try await shell.leaveForGood()
        return AdminLeaveReply().encoded(in: space)
    }

    private func merge(_ bytes: [UInt8], _ peer: PeerIdentity) async throws(Status) -> [UInt8] {
        let request: AdminMergeRequest
        do throws(WireError) {
            request = try AdminMergeRequest(decoding: bytes, space: space)
        } catch {
            throw Status(.invalidArgument, "\(error)")
        }
        shell.logger.notice(
            "asked to merge with another ring",
            metadata: [LogKeys.peer: "\(peer)", LogKeys.address: "\(request.contact)"]
        )
        do throws(ChordError) {
            let merge = try await shell.merge(through: request.contact)
            return AdminMergeReply(contact: merge.contact, wasOne: merge.wasOne).encoded(in: space)
        } catch {
            throw error.status
        }
    }

    private func watch(_ stream: ServerStream) async throws(Status) {
        let _: WatchRequest = try await stream.onlyRequest(in: space)
        // The subscription precedes the snapshot, so that no event between the two is missed.
        let feed = shell.watchers
        var place = feed.subscribe()
        defer { feed.unsubscribe() }
        let now = WatchReply(.now(description), time: shell.executor.wallClockMilliseconds)
        try await stream.send(now.encoded(in: space))
        while let news = await feed.next(&place) { try await stream.send(news) }
        throw shell.hasEnded
    }
}

extension ServerStream {
    /// Reads the request of a call that streams only its answers. The caller must have ended its
    /// side: once an answer has begun, a second request could not be refused any more.
    nonisolated(nonsending) package func onlyRequest<Request: WireMessage>(
        in space: IdentifierSpace
    ) async throws(Status) -> Request {
        guard let message = try await nextMessage() else {
            throw Status(.internalError, "the call ended without a request")
        }
        guard try await nextMessage() == nil else {
            throw Status(.internalError, "more than one request in a call that accepts one")
        }
        do throws(WireError) {
            return try Request(decoding: message, space: space)
        } catch {
            throw Status(.invalidArgument, "\(error)")
        }
    }
}

extension NodeShell {
    /// The status of streams that end because the node ends.
    nonisolated var hasEnded: Status {
        Status(.unavailable, "\(configuration.name) has left the ring and stops")
    }
}

extension ChordError {
    /// The error as the status that an administrator receives.
    fileprivate var status: Status {
        switch code {
        case .notMember, .parametersDiffer, .nameTaken: Status(.failedPrecondition, message)
        case .invalidConfiguration: Status(.invalidArgument, message)
        case .refused: Status(.permissionDenied, message)
        default: Status(.unavailable, message)
        }
    }
}

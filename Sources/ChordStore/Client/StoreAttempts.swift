// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC
import ChordRuntime

/// What came of the attempts of one operation, and how it ends if it fails.
package struct StoreAttempts: Sendable {
    /// What a failed call means for the operation.
    package enum Verdict: Sendable {
        /// No other node would do it.
        case final(StoreClientError)
        /// The node was not reached, or the connection broke: another may do it.
        case unreachable
        /// The node cannot do it at present: another may, or the same one later.
        case unable
    }

    private struct Failure: Sendable {
        var address: String
        var text: String
    }

    private let isWrite: Bool
    /// Whether the operation is a write that may have been done, or may be done yet.
    package private(set) var mayHaveHappened = false
    /// The last failure of each node, in the order in which the nodes were asked first.
    private var failures: [Failure] = []
    private var reasons: [ChordError.Reason] = []
    private var hasAnswer = false
    private var answersOfRound = 0
    private var answersWithoutStore = 0

    package init(isWrite: Bool) {
        self.isWrite = isWrite
    }

    /// Whether no node has answered, and no write is in doubt: to go on would only keep the caller waiting.
    package var areHopeless: Bool { !hasAnswer && !mayHaveHappened }

    /// Whether every node that answered in this round has no store.
    package var areWithoutStore: Bool {
        answersWithoutStore > 0 && answersWithoutStore == answersOfRound && !mayHaveHappened
    }

    package mutating func beginRound() {
        answersOfRound = 0
        answersWithoutStore = 0
    }

    /// Judges a failed call.
    package mutating func judge(_ result: ClientResult, at address: String) -> Verdict {
        let status = result.status
        if isWrite, result.leavesInDoubt { mayHaveHappened = true }
        switch (status.origin, status.code) {
        case (.transport, _), (.silence, _):
            keep(status.told(by: address), at: address)
            reasons += ChordError.Reason.of(status)
            return .unreachable
        case (.local, .deadlineExceeded):
            keep("\(address): no answer in the time of an attempt", at: address)
            return .unreachable
        case (.local, .unavailable):
            return .final(failing(.stopped, "the client is closed"))
        case (.peer, .unavailable), (.peer, .deadlineExceeded), (.peer, .cancelled),
            (.peer, .unimplemented):
            answered(status.message, at: address)
            if status.code == .unimplemented { answersWithoutStore += 1 }
            return .unable
        default:
            return .final(
                StoreClientError(status, at: address, mayHaveHappened: mayHaveHappened)
            )
        }
    }

    /// A node has answered, but not done the operation.
    package mutating func answered(_ text: String, at address: String) {
        hasAnswer = true
        answersOfRound += 1
        keep("\(address): \(text)", at: address)
    }

    private mutating func keep(_ text: String, at address: String) {
        if let index = failures.firstIndex(where: { $0.address == address }) {
            failures[index].text = text
        } else {
            failures.append(Failure(address: address, text: text))
        }
    }

    // MARK: Errors

    package var deadlinePassed: StoreClientError {
        hasAnswer
            ? failing(.unavailable, "no node could do the operation in time: \(told)")
            : failing(
                .deadlineExceeded,
                "no node answered in time\(told.isEmpty ? "" : ": ")\(told)"
            )
    }

    package var nobodyReached: StoreClientError {
        failing(.noContact, "no node answered: \(told)")
    }

    package var noStore: StoreClientError {
        failing(.noStore, "the nodes that were asked have no store: \(told)")
    }

    package func invalidAnswer(at address: String, _ cause: any Error) -> StoreClientError {
        StoreClientError(
            .invalidAnswer,
            "the answer of \(address)",
            // The answer said that the call succeeded.
            mayHaveHappened: isWrite,
            cause: cause
        )
    }

    package var cancelled: StoreClientError {
        failing(.cancelled, "the task was cancelled")
    }

    private var told: String { failures.map(\.text).joined(separator: "; ") }

    private func failing(_ code: StoreClientError.Code, _ message: String) -> StoreClientError {
        StoreClientError(
            code,
            message,
            mayHaveHappened: mayHaveHappened,
            reasons: reasons
        )
    }
}

extension ClientResult {
    /// Whether a failed write may have been done nevertheless.
    ///
    /// The store says so by the reason of its status. The gRPC library of a node answers with DEADLINE_EXCEEDED,
    /// CANCELLED, INTERNAL or UNKNOWN without asking the store.
    fileprivate var leavesInDoubt: Bool {
        if status.reason == .mayHaveHappened { return true }
        // A cancelled caller is told at once, and does not learn whether the request had left.
        if status.origin == .local, status.code == .cancelled { return true }
        guard status.origin == .peer else { return mayHaveReachedPeer }
        return [.deadlineExceeded, .cancelled, .internalError, .unknown, .dataLoss]
            .contains(status.code)
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordBase
package import ChordRPC
public import ChordRuntime

/// A failed operation of a ``StoreClient``.
///
/// For a write, ``mayHaveHappened`` says whether it may have been done, or may be done yet. If so, read before
/// writing again. If not, the write was not done.
public struct StoreClientError: CodedError {
    /// The kind of the error; new kinds may be added.
    public struct Code: ErrorCode {
        private enum Kind: String {
            case invalidArgument, noContact, unavailable, deadlineExceeded, refused, limitReached
            case pageGone, answerForgotten, noStore, parametersDiffer, invalidAnswer, cancelled
            case stopped, callFailed, impossible
        }

        private let kind: Kind

        /// A key, a value or a setting of the operation is not allowed; the message says which.
        public static let invalidArgument = Self(kind: .invalidArgument)
        /// None of the nodes could be reached.
        public static let noContact = Self(kind: .noContact)
        /// Until the deadline, no node could do the operation: the key's range has no leader, or no majority of its
        /// replicas answers. The message names the missing nodes, as far as they are known.
        public static let unavailable = Self(kind: .unavailable)
        /// No answer came before the deadline.
        public static let deadlineExceeded = Self(kind: .deadlineExceeded)
        /// The node does not allow this client to do the operation.
        public static let refused = Self(kind: .refused)
        /// A limit is reached: of the store, of a full disk, or of a node under load. The message names it.
        public static let limitReached = Self(kind: .limitReached)
        /// The rows have changed since the first page of a list, and the next page of the former state cannot be
        /// shown any more. List again.
        public static let pageGone = Self(kind: .pageGone)
        /// The store cannot do it as it is now, and repeating does not help. The message says what to change first.
        public static let impossible = Self(kind: .impossible)
        /// The range does not remember the answer to a repeated write any more.
        public static let answerForgotten = Self(kind: .answerForgotten)
        /// The nodes that were asked have no store.
        public static let noStore = Self(kind: .noStore)
        /// The ring has a hash function that this client does not have.
        public static let parametersDiffer = Self(kind: .parametersDiffer)
        /// A node's answer contradicts itself or the question.
        public static let invalidAnswer = Self(kind: .invalidAnswer)
        /// The calling task was cancelled.
        public static let cancelled = Self(kind: .cancelled)
        /// The client was closed.
        public static let stopped = Self(kind: .stopped)
        /// The call failed otherwise; the cause is its ``Status``.
        public static let callFailed = Self(kind: .callFailed)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What went wrong, and what to do about it.
    public let message: String
    /// Whether a write may have been done, or may be done yet. False for reads.
    public let mayHaveHappened: Bool
    /// The underlying error, if there is one. The message does not repeat it.
    public let cause: (any Error)?
    /// Causes that the user can remove. Those of several nodes are in the order of the nodes.
    public let reasons: [ChordError.Reason]

    package init(
        _ code: Code,
        _ message: String,
        mayHaveHappened: Bool = false,
        cause: (any Error)? = nil,
        reasons: [ChordError.Reason] = []
    ) {
        self.code = code
        self.message = message
        self.mayHaveHappened = mayHaveHappened
        self.cause = cause
        self.reasons = reasons
    }

    /// `code: message (cause: …)`, and whether a write may have happened.
    public var description: String {
        "\(code): \(message)" + (cause.map { " (cause: \($0))" } ?? "")
            + (mayHaveHappened ? "; the write may have happened" : "")
    }
}

extension StoreClientError {
    /// The error of the ring's client, before the store was asked.
    package init(_ error: ChordError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .stopped: .stopped
            case .parametersDiffer: .parametersDiffer
            case .noContact: .noContact
            case .deadlineExceeded: .deadlineExceeded
            case .refused: .refused
            case .invalidAnswer: .invalidAnswer
            default: .callFailed
            }
        self.init(code, error.message, cause: error.cause, reasons: error.reasons)
    }

    /// A status with which no other node would help.
    package init(_ status: Status, at address: String, mayHaveHappened: Bool) {
        let code: Code =
            switch status.code {
            case .invalidArgument: .invalidArgument
            case .permissionDenied, .unauthenticated: .refused
            case .resourceExhausted: .limitReached
            case .aborted: .pageGone
            case .failedPrecondition where status.reason == .mayHaveHappened: .answerForgotten
            case .failedPrecondition: .impossible
            case .unimplemented: .noStore
            case .cancelled where status.origin == .local: .cancelled
            default: .callFailed
            }
        let isTold = code != .callFailed
        self.init(
            code,
            isTold ? "\(address): \(status.message)" : "\(address) does not do the operation",
            mayHaveHappened: mayHaveHappened,
            cause: isTold ? nil : status,
            reasons: code == .refused && status.origin == .peer ? [] : ChordError.Reason.of(status)
        )
    }
}

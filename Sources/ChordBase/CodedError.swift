// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// An error with a code for programs, a message for people and the error that caused it.
public protocol CodedError: Error, CustomStringConvertible {
    /// The kinds of this error.
    associatedtype Code: ErrorCode

    /// The kind of the error.
    var code: Code { get }
    /// The problem and, if known, the remedy.
    var message: String { get }
    /// The error that caused this one.
    var cause: (any Error)? { get }
}

extension CodedError {
    /// `code: message (cause: …)`.
    public var description: String {
        guard let cause else { return "\(code): \(message)" }
        return "\(code): \(message) (cause: \(cause))"
    }
}

/// The kind of an error: a struct over a private enum, so that new kinds do not break callers'
/// `switch` statements. Its description is its name.
public protocol ErrorCode: Hashable, Sendable, CustomStringConvertible {}

/// An error that has a code, a message and a cause, and nothing else.
public struct ModuleError<Code: ErrorCode>: CodedError {
    /// The kind of the error.
    public let code: Code
    /// The problem and, if known, the remedy.
    public let message: String
    /// The error that caused this one.
    public let cause: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

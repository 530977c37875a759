// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A gRPC status code.
public struct StatusCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number that gRPC has for it.
    public let rawValue: UInt8

    /// The code of a number.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The call succeeded.
    public static let ok = StatusCode(rawValue: 0)
    /// The caller gave the call up.
    public static let cancelled = StatusCode(rawValue: 1)
    /// Something failed that fits no other code.
    public static let unknown = StatusCode(rawValue: 2)
    /// The request makes no sense, whatever the state of the system.
    public static let invalidArgument = StatusCode(rawValue: 3)
    /// No answer came in time.
    public static let deadlineExceeded = StatusCode(rawValue: 4)
    /// The requested object does not exist.
    public static let notFound = StatusCode(rawValue: 5)
    /// The object to create already exists.
    public static let alreadyExists = StatusCode(rawValue: 6)
    /// The caller may not do that.
    public static let permissionDenied = StatusCode(rawValue: 7)
    /// A limit was reached.
    public static let resourceExhausted = StatusCode(rawValue: 8)
    /// The system is not in the state that the request needs.
    public static let failedPrecondition = StatusCode(rawValue: 9)
    /// The request met another; it may be tried again.
    public static let aborted = StatusCode(rawValue: 10)
    /// The request is past the valid range.
    public static let outOfRange = StatusCode(rawValue: 11)
    /// There is no such method.
    public static let unimplemented = StatusCode(rawValue: 12)
    /// An invariant is broken.
    public static let internalError = StatusCode(rawValue: 13)
    /// The peer is not reached or cannot answer now; it may be tried again.
    public static let unavailable = StatusCode(rawValue: 14)
    /// Data is lost or damaged.
    public static let dataLoss = StatusCode(rawValue: 15)
    /// The caller has not proved its identity.
    public static let unauthenticated = StatusCode(rawValue: 16)

    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ]

    /// The name that gRPC has for it.
    public var description: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "CODE_\(rawValue)"
    }

    /// The code for a number from a peer. Numbers that gRPC does not define become UNKNOWN.
    package init(wire number: Int) {
        self =
            (0..<Self.names.count).contains(number) ? StatusCode(rawValue: UInt8(number)) : .unknown
    }
}

/// The result of a call, and which side determined it.
public struct Status: Error, Hashable, Sendable, CustomStringConvertible {
    /// The side that determined the status. It is not sent: for a received status it is always the
    /// peer.
    package enum Origin: Hashable, Sendable {
        /// The peer sent the status, so it is alive.
        case peer
        /// The connection failed: it could not be opened, the handshake was refused, or it was
        /// reset.
        case transport
        /// The peer did not answer in time. It may be alive and only the connection broken.
        case silence
        /// This side ended the call: its deadline passed, or the caller cancelled.
        case local
    }

    /// What a program can act on: why a connection could not be opened, where the operator can correct it, or
    /// that a write is in doubt. Only ``mayHaveHappened`` is sent.
    package enum Reason: Hashable, Sendable {
        /// The peer does not accept our certificate.
        case ownCertificateRefused
        /// We do not accept the peer's certificate.
        case peerCertificateRefused
        /// The peer's certificate proves its host only, and this node does not accept such
        /// certificates.
        case peerProvesHostOnly
        /// The peer's certificate does not hold for the dialled host, or has another name than
        /// expected.
        case peerIsAnother
        /// The peer does not speak TLS 1.3 or HTTP/2.
        case notOurProtocol
        /// The peer's machine answers that nothing listens at the address.
        case nothingListens
        /// The call failed, and what it asked for may have been done or may be done yet.
        case mayHaveHappened

        /// The trailer that carries a reason to the caller.
        package static let trailer: StaticString = "chord-reason"

        /// The value of the trailer; nil for a reason that is not sent.
        package var trailerValue: StaticString? {
            self == .mayHaveHappened ? "may-have-happened" : nil
        }

        /// The reason that a trailer carries; nil for a value that is unknown here.
        package init?(trailer value: UnsafeRawBufferPointer) {
            guard let known = Reason.mayHaveHappened.trailerValue,
                value.elementsEqual(
                    UnsafeRawBufferPointer(start: known.utf8Start, count: known.utf8CodeUnitCount)
                )
            else { return nil }
            self = .mayHaveHappened
        }
    }

    /// The kind of the end.
    public var code: StatusCode
    /// The problem, for people.
    public var message: String
    package var origin: Origin
    package var reason: Reason?
    /// How many milliseconds the peer will not be dialled; 0 if it may be dialled now. It is not
    /// sent.
    package var redialMilliseconds: UInt32 = 0

    /// Whether the peer could not be reached. False if the peer answered, or this side ended the
    /// call.
    package var isUnreachable: Bool { origin == .transport || origin == .silence }

    package init(
        _ code: StatusCode,
        _ message: String = "",
        origin: Origin = .peer,
        reason: Reason? = nil
    ) {
        self.code = code
        self.message = message
        self.origin = origin
        self.reason = reason
    }

    /// The end of a call, as its handler tells it to the caller.
    public init(_ code: StatusCode, _ message: String) {
        self.init(code, message, origin: .peer)
    }

    /// The status as its receiver sees it: the peer has sent it, with a reason only if that is sent.
    package var asSent: Status {
        Status(code, message, reason: reason?.trailerValue == nil ? nil : reason)
    }

    package static let ok = Status(.ok)

    package var isOK: Bool { code == .ok }

    /// Code and message in one line.
    public var description: String {
        let rest =
            redialMilliseconds > 0 ? "; not dialled again for \(redialMilliseconds) ms" : ""
        return (message.isEmpty ? "\(code)" : "\(code): \(message)") + rest
    }
}

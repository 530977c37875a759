// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordIdentity

/// One method of one service, with all that a server holds its callers to.
///
/// The router, the limits, the order of shedding, the metrics and reflection are made from these values;
/// nothing about a method is stated anywhere else.
public struct RPCMethod: Hashable, Sendable, CustomStringConvertible {
    /// How the messages of a call travel.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// One request, one answer.
        case unary
        /// One request, any number of answers.
        case serverStreaming
        /// Any number of requests, one answer.
        case clientStreaming
        /// Any number of both.
        case bidirectional
    }

    /// What a node under load gives up first.
    public enum Priority: String, Hashable, Sendable, CaseIterable {
        /// Refused with RESOURCE_EXHAUSTED when as many calls are under way as may be.
        case ordinary
        /// Answered to nodes however many calls are under way. For the ring's own maintenance: shedding it
        /// would turn load into suspicion.
        case maintenance
    }

    /// The service with its package, such as `chord.v1.ChordService`.
    public let service: String
    /// The method, such as `Notify`.
    public let name: String
    /// HTTP/2's `:path`.
    public let path: String
    /// How the messages travel.
    public let kind: Kind
    /// Who may call it.
    public let callers: Roles
    /// The longest message that a caller may send, in bytes, decompressed. It is known before the message's
    /// first byte is held, and bounds what an unfinished request can hold.
    public let maximumMessageBytes: Int
    /// What becomes of its calls under load.
    public let priority: Priority
    /// The .proto file that declares it, which reflection hands out; nil where there is none.
    public let protoFile: String?

    /// Describes a method.
    ///
    /// - Parameters:
    ///   - service: the full name of the service, package included.
    ///   - name: the name of the method.
    ///   - kind: how its messages travel.
    ///   - callers: who may call it; others are refused with PERMISSION_DENIED.
    ///   - maximumMessageBytes: the longest message of a caller; larger ones are refused with
    ///     RESOURCE_EXHAUSTED. What the server takes at most (`receiveLimitBytes`) holds besides.
    ///   - priority: what becomes of its calls under load.
    ///   - protoFile: the .proto file that declares it, by the name in its descriptor.
    public init(
        service: String,
        name: String,
        kind: Kind = .unary,
        callers: Roles,
        maximumMessageBytes: Int = 64 << 10,
        priority: Priority = .ordinary,
        protoFile: String? = nil
    ) {
        self.service = service
        self.name = name
        path = "/\(service)/\(name)"
        self.kind = kind
        self.callers = callers
        self.maximumMessageBytes = maximumMessageBytes
        self.priority = priority
        self.protoFile = protoFile
    }

    /// A method that others serve and of which only the name matters here, as nobody may call it here.
    package init(calling name: String, of service: String) {
        self.init(service: service, name: name, callers: [])
    }

    /// Two values of one path are the same method: who calls it need not know what its server holds callers
    /// to.
    public static func == (left: Self, right: Self) -> Bool { left.path == right.path }

    /// Hashes the path.
    public func hash(into hasher: inout Hasher) { hasher.combine(path) }

    /// The method's value of the label `method` of metrics.
    package var metricLabel: String { "\(service)/\(name)" }

    /// The path.
    public var description: String { path }
}

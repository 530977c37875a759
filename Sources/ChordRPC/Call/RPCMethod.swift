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

    /// The order in which a node under load refuses calls.
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
    /// The roles that may call the method.
    public let callers: Roles
    /// What a policy decides about its calls.
    public let rule: MethodRule
    /// The longest message that a caller may send, in bytes, after decompression. It is known
    /// before the first byte of a message is stored, and limits the memory of an incomplete
    /// request.
    public let maximumMessageBytes: Int
    /// How calls are treated under load.
    public let priority: Priority
    /// The .proto file that declares the method, for reflection; nil if there is none.
    public let protoFile: String?

    /// Describes a method.
    ///
    /// - Parameters:
    ///   - service: the full name of the service, including its package.
    ///   - name: the name of the method.
    ///   - kind: unary, or the direction of its streams.
    ///   - callers: the roles that may call it; others are refused with PERMISSION_DENIED.
    ///   - rule: what a policy decides about its calls.
    ///   - maximumMessageBytes: the longest message of a caller; larger ones are refused with
    ///     RESOURCE_EXHAUSTED. The server's own limit (`receiveLimitBytes`) also applies.
    ///   - priority: how calls are treated under load.
    ///   - protoFile: the .proto file that declares it, by the name in its descriptor.
    public init(
        service: String,
        name: String,
        kind: Kind = .unary,
        callers: Roles,
        rule: MethodRule = .rolesOnly,
        maximumMessageBytes: Int = 64 << 10,
        priority: Priority = .ordinary,
        protoFile: String? = nil
    ) {
        self.service = service
        self.name = name
        path = "/\(service)/\(name)"
        self.kind = kind
        self.callers = callers
        self.rule = rule
        self.maximumMessageBytes = maximumMessageBytes
        self.priority = priority
        self.protoFile = protoFile
    }

    /// A method of another server, of which only the path is needed here.
    package init(calling name: String, of service: String) {
        self.init(service: service, name: name, callers: [])
    }

    /// Two values with the same path are the same method. A caller need not know the server's
    /// limits.
    public static func == (left: Self, right: Self) -> Bool { left.path == right.path }

    /// Hashes the path.
    public func hash(into hasher: inout Hasher) { hasher.combine(path) }

    /// The method's value of the label `method` of metrics.
    package var metricLabel: String { "\(service)/\(name)" }

    /// The path.
    public var description: String { path }
}

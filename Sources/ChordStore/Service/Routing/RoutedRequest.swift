// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordWire

/// A request about one position, which is answered where the position's range is led.
protocol RoutedRequest: WireMessage {
    associatedtype Reply: RoutedReply

    static var method: RPCMethod { get }

    /// Whether the first caller must be an administrator.
    static var needsAdministrator: Bool { get }

    var route: WireRoute { get set }
    /// What a policy must allow the first caller, at ``ruledPlace``.
    var permissions: Set<Permission> { get }
    /// The partition or key that a policy's rules are about; nil for a request about a range.
    var ruledPlace: [UInt8]? { get }
    /// The keys that the request may change.
    var writtenKeys: [[UInt8]] { get }
    /// The position whose range answers.
    func position(in context: NodeContext) -> Identifier
    /// Whether the request may change rows.
    var isWrite: Bool { get }
    /// Whether it may be sent again after an attempt whose end is not known.
    var isRepeatable: Bool { get }
    /// Whether any replica may answer.
    var isStale: Bool { get }

    /// Gives a write that has no identifier one. Others stay as they are.
    mutating func identify(by id: WireWriteID)

    /// Answers the request at this node's replica.
    ///
    /// - Parameter completion: gets the answer, or why there is none here. Runs on the node's executor.
    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<Reply, StoreObstacle>) -> Void
    )
}

/// A request about keys of one partition.
protocol PartitionRequest: RoutedRequest {
    /// The partition that decides about the position.
    var place: [UInt8] { get }
}

extension PartitionRequest {
    var permissions: Set<Permission> { [.get] }
    var ruledPlace: [UInt8]? { place }

    func position(in context: NodeContext) -> Identifier { context.identifier(of: place) }
}

/// A reply that may send its caller elsewhere instead.
protocol RoutedReply: WireMessage {
    associatedtype Content: Hashable & Sendable

    var outcome: WireOutcome<Content> { get set }

    init(_ outcome: WireOutcome<Content>)
}

extension GetReply: RoutedReply {}
extension ListReply: RoutedReply {}
extension CountReply: RoutedReply {}
extension SetReplicasReply: RoutedReply {}
extension RaiseVersionsReply: RoutedReply {}
extension ExportReply: RoutedReply {}
extension WriteReply: RoutedReply {}

extension RoutedReply {
    init(redirect: WireRangeHint) { self.init(.redirect(redirect)) }

    /// Where to ask instead; nil for an answer.
    var redirect: WireRangeHint? {
        if case .redirect(let hint) = outcome { hint } else { nil }
    }

    /// The range that answered, and its time; nil for a redirect.
    var answeredAt: WireRangeAnswer? {
        if case .answer(let answer, _) = outcome { answer } else { nil }
    }

    /// Tells a caller that keeps ranges about the range that answers, unless it knew all of it.
    mutating func tell(_ place: WireRangeHint, onCallBy route: WireRoute) {
        guard route.wantsRedirect, case .answer(var answer, let content) = outcome,
            answer.range == place.descriptor.range,
            route.range != answer.range || route.epoch != place.descriptor.epoch
        else { return }
        answer.place = place
        outcome = .answer(answer, content)
    }
}

/// Why a node's replica gives no answer.
enum StoreObstacle: Error, Sendable {
    /// Another replica, or another range, has to answer.
    case refused(StoreRefusal)
    /// The caller is told.
    case failed(StoreFailure)
}

extension RoutedRequest {
    static var needsAdministrator: Bool { false }
    var permissions: Set<Permission> { Self.needsAdministrator ? [.administer] : [] }
    var ruledPlace: [UInt8]? { nil }
    var writtenKeys: [[UInt8]] { [] }
    var isWrite: Bool { false }
    var isRepeatable: Bool { true }
    var isStale: Bool { false }

    mutating func identify(by id: WireWriteID) {}
}

// MARK: - Reads

extension GetRequest: PartitionRequest {
    typealias Reply = GetReply
    static var method: RPCMethod { StoreMethods.get }
    var place: [UInt8] { partition.isEmpty ? keys[0] : partition }
    var isStale: Bool { level == .stale }
}

extension ListRequest: PartitionRequest {
    typealias Reply = ListReply
    static var method: RPCMethod { StoreMethods.list }
    var place: [UInt8] { partition }
    var isStale: Bool { level == .stale }
}

extension CountRequest: PartitionRequest {
    typealias Reply = CountReply
    static var method: RPCMethod { StoreMethods.count }
    var place: [UInt8] { partition }
    var isStale: Bool { level == .stale }
}

// MARK: - Writes

/// A request that changes rows.
protocol RoutedWrite: PartitionRequest where Reply == WriteReply {
    var id: WireWriteID? { get set }
    var operations: [WireOperation] { get }
    var wantsPrevious: Bool { get }
}

extension RoutedWrite {
    var isWrite: Bool { true }
    var writtenKeys: [[UInt8]] { operations.filter { $0.action != .check }.map(\.key) }

    /// Who is told a former value, or checks another key, reads.
    var permissions: Set<Permission> {
        var needed: Set<Permission> = wantsPrevious ? [.get] : []
        for operation in operations {
            switch operation.action {
            case .put, .touch: needed.insert(.put)
            case .delete: needed.insert(.delete)
            case .check: needed.insert(.get)
            }
        }
        return needed
    }

    /// A write with an identifier is done once, however often it is sent.
    var isRepeatable: Bool { id != nil }

    mutating func identify(by id: WireWriteID) {
        if self.id == nil { self.id = id }
    }
}

extension PutRequest: RoutedWrite {
    static var method: RPCMethod { StoreMethods.put }
    var place: [UInt8] { partition.isEmpty ? key : partition }
    var operations: [WireOperation] { [operation] }
}

extension DeleteRequest: RoutedWrite {
    static var method: RPCMethod { StoreMethods.delete }
    var place: [UInt8] { partition.isEmpty ? key : partition }
    var operations: [WireOperation] { [operation] }
}

extension TouchRequest: RoutedWrite {
    static var method: RPCMethod { StoreMethods.touch }
    var place: [UInt8] { partition.isEmpty ? key : partition }
    var operations: [WireOperation] { [operation] }
}

extension BatchRequest: RoutedWrite {
    static var method: RPCMethod { StoreMethods.batch }
    var place: [UInt8] { partition }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC
package import ChordCore

/// One step of the recovery of a range.
package struct RecoverRequest: StoreMessage, Hashable {
    package enum Step: CaseIterable, Hashable, Sendable {
        case inspect, promise, found, retire, note
    }

    package var step: Step
    /// Nil for all ranges that were or are recovered.
    package var range: UInt128?
    package var givenUp: [UInt128] = []
    /// The highest index that a replica of the range is known to have had.
    package var index: UInt64 = 0
    /// The last entry of the founder.
    package var lastIndex: UInt64 = 0
    package var lastTerm: UInt64 = 0
    package var successor: UInt128?

    package init(_ step: Step, range: UInt128?) {
        self.step = step
        self.range = range
    }

    static let codec = StoreMessageCodec(
        "RecoverRequest",
        .store(StoreMessageBytes.short),
        chord__v1__recover_request__init,
        chord__v1__recover_request__unpack
    )

    init(_ packed: Chord__V1__RecoverRequest, _ space: IdentifierSpace) throws(WireError) {
        step = try Step(packed.step, .field("step"), "step")
        range = try packed.range.bitsIfPresent(.field("range"))
        givenUp = try bitsList(
            packed.given_up,
            packed.n_given_up,
            WireLimits.disksGivenUpAtOnce,
            .field("given_up")
        )
        index = try packed.index.checked(.field("index"))
        lastIndex = try packed.last_index.checked(.field("last_index"))
        lastTerm = try packed.last_term.checked(.field("last_term"))
        successor = try packed.successor.bitsIfPresent(.field("successor"))
        if step != .inspect, step != .note, range == nil {
            throw FieldPath.field("range").error(.missing, "empty")
        }
    }

    func fill(
        _ packed: inout Chord__V1__RecoverRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.step = step.packed
        packed.range = arena.bits(range)
        (packed.n_given_up, packed.given_up) = arena.list(givenUp[...]) { $0.bits($1) }
        packed.index = index
        packed.last_index = lastIndex
        packed.last_term = lastTerm
        packed.successor = arena.bits(successor)
    }
}

extension RecoverRequest.Step: WireEnumeration {
    var packed: Chord__V1__RecoverStep {
        switch self {
        case .inspect: CHORD__V1__RECOVER_STEP__RECOVER_STEP_INSPECT
        case .promise: CHORD__V1__RECOVER_STEP__RECOVER_STEP_PROMISE
        case .found: CHORD__V1__RECOVER_STEP__RECOVER_STEP_FOUND
        case .retire: CHORD__V1__RECOVER_STEP__RECOVER_STEP_RETIRE
        case .note: CHORD__V1__RECOVER_STEP__RECOVER_STEP_NOTE
        }
    }
}

/// What a node has of ranges that are to be recovered.
package struct RecoverReply: StoreMessage, Hashable {
    package enum State: CaseIterable, Hashable, Sendable {
        case absent, active, lost, promised, founded, retired
    }

    /// What a node has of one range.
    package struct Replica: Hashable, Sendable {
        package var state: State
        package var range: UInt128
        package var descriptor: WireRangeDescriptor?
        /// The number of the node's replica; nil where it has none.
        package var replica: UInt64?
        /// The last entry of its log.
        package var lastIndex: UInt64 = 0
        package var lastTerm: UInt64 = 0
        package var commit: UInt64 = 0
        package var applied: UInt64 = 0
        package var rows: UInt64 = 0
        /// The leader's number.
        package var leader: UInt64?
        /// The disks that the recovery gives up.
        package var givenUp: [UInt128] = []
        package var successor: UInt128?

        package init(_ state: State, range: UInt128) {
            self.state = state
            self.range = range
        }
    }

    package var disk: UInt128
    /// Why the step was refused; empty where it was not.
    package var refusal = ""
    package var replicas: [Replica] = []
    /// All disks that the node knows to be given up.
    package var givenUp: [UInt128] = []

    package init(disk: UInt128) {
        self.disk = disk
    }

    static let codec = StoreMessageCodec(
        "RecoverReply",
        .page,
        chord__v1__recover_reply__init,
        chord__v1__recover_reply__unpack
    )

    init(_ packed: Chord__V1__RecoverReply, _ space: IdentifierSpace) throws(WireError) {
        disk = try packed.disk.bits(.field("disk"))
        refusal = try packed.refusal.text(WireLimits.reasonBytes, .field("refusal"))
        replicas = try packed.replicas.list(
            count: packed.n_replicas,
            of: 0...WireLimits.statusRanges,
            "replicas",
            .field("replicas")
        ) { replica throws(WireError) in try Replica(replica, space) }
        givenUp = try bitsList(
            packed.given_up,
            packed.n_given_up,
            WireLimits.disksGivenUp,
            .field("given_up")
        )
    }

    func fill(
        _ packed: inout Chord__V1__RecoverReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.disk = arena.bits(disk)
        packed.refusal = arena.text(refusal.cut(toBytes: WireLimits.reasonBytes.upperBound))
        (packed.n_replicas, packed.replicas) = arena.messages(replicas) { arena, replica in
            arena.recoverReplica(replica, space)
        }
        (packed.n_given_up, packed.given_up) = arena.list(givenUp[...]) { $0.bits($1) }
    }
}

extension RecoverReply.State: WireEnumeration {
    var packed: Chord__V1__RecoverState {
        switch self {
        case .absent: CHORD__V1__RECOVER_STATE__RECOVER_STATE_ABSENT
        case .active: CHORD__V1__RECOVER_STATE__RECOVER_STATE_ACTIVE
        case .lost: CHORD__V1__RECOVER_STATE__RECOVER_STATE_LOST
        case .promised: CHORD__V1__RECOVER_STATE__RECOVER_STATE_PROMISED
        case .founded: CHORD__V1__RECOVER_STATE__RECOVER_STATE_FOUNDED
        case .retired: CHORD__V1__RECOVER_STATE__RECOVER_STATE_RETIRED
        }
    }
}

extension RecoverReply.Replica {
    init(_ packed: Chord__V1__RecoverReplica, _ space: IdentifierSpace) throws(WireError) {
        state = try RecoverReply.State(packed.state, .field("state"), "state")
        range = try packed.range.bits(.field("range"))
        descriptor = try packed.descriptor.ifPresent(.field("descriptor")) {
            descriptor throws(WireError) in try WireRangeDescriptor(descriptor, space)
        }
        replica = try packed.replica.ifSet(.field("replica"))
        lastIndex = try packed.last_index.checked(.field("last_index"))
        lastTerm = try packed.last_term.checked(.field("last_term"))
        commit = try packed.commit.checked(.field("commit"))
        applied = try packed.applied.checked(.field("applied"))
        rows = try packed.rows.checked(.field("rows"))
        leader = try packed.leader.ifSet(.field("leader"))
        givenUp = try bitsList(
            packed.given_up,
            packed.n_given_up,
            WireLimits.disksGivenUpAtOnce,
            .field("given_up")
        )
        successor = try packed.successor.bitsIfPresent(.field("successor"))
    }
}

extension EncodingArena {
    fileprivate mutating func recoverReplica(
        _ replica: RecoverReply.Replica,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RecoverReplica> {
        let message = message(chord__v1__recover_replica__init)
        message.pointee.state = replica.state.packed
        message.pointee.range = bits(replica.range)
        message.pointee.descriptor = replica.descriptor.map { descriptor($0, space) }
        message.pointee.replica = replica.replica ?? 0
        message.pointee.last_index = replica.lastIndex
        message.pointee.last_term = replica.lastTerm
        message.pointee.commit = replica.commit
        message.pointee.applied = replica.applied
        message.pointee.rows = replica.rows
        message.pointee.leader = replica.leader ?? 0
        (message.pointee.n_given_up, message.pointee.given_up) = list(replica.givenUp[...]) {
            $0.bits($1)
        }
        message.pointee.successor = bits(replica.successor)
        return message
    }
}

/// Random identifiers in a list.
func bitsList(
    _ first: UnsafeMutablePointer<ProtobufCBinaryData>?,
    _ count: Int,
    _ limit: Int,
    _ path: FieldPath
) throws(WireError) -> [UInt128] {
    try path.check(count, in: 0...limit, "identifiers")
    guard let first else { return [] }
    var values: [UInt128] = []
    for index in 0..<count { values.append(try first[index].bits(path.element(index))) }
    return values
}

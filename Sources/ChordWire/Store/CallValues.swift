// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// The identity of the first caller of a forwarded call.
package struct WireCaller: Hashable, Sendable {
    package enum Role: Hashable, Sendable, CaseIterable {
        case node, client, admin
    }

    package var role: Role
    /// Empty if the certificate proves its host only.
    package var name: String
    package var trustDomain: String

    package init(role: Role, name: String, trustDomain: String) {
        self.role = role
        self.name = name
        self.trustDomain = trustDomain
    }
}

/// Where the caller expects the range of its keys, and what to do if it is elsewhere.
package struct WireRoute: Hashable, Sendable {
    /// The range that the caller expects; nil for a caller that keeps no ranges.
    package var range: UInt128?
    /// The epoch that the caller knows of the range.
    package var epoch: WireRangeEpoch?
    /// Whether to answer with a redirect instead of forwarding the call.
    package var wantsRedirect: Bool
    /// The first caller, if a node has forwarded the call.
    package var caller: WireCaller?

    package init(
        range: UInt128? = nil,
        epoch: WireRangeEpoch? = nil,
        wantsRedirect: Bool = false,
        caller: WireCaller? = nil
    ) {
        self.range = range
        self.epoch = epoch
        self.wantsRedirect = wantsRedirect
        self.caller = caller
    }
}

/// Identifies a write, so that it is done once however often it is sent.
package struct WireWriteID: Hashable, Sendable {
    package var client: UInt128
    /// 1 or more.
    package var number: UInt64
    /// The lowest number that the client waits for, 1 to `number`.
    package var lowestUnanswered: UInt64
    /// The range's time in milliseconds when the client sent the write first; 0 if it knew none.
    package var preparedMilliseconds: UInt64

    package init(
        client: UInt128,
        number: UInt64,
        lowestUnanswered: UInt64,
        preparedMilliseconds: UInt64
    ) {
        self.client = client
        self.number = number
        self.lowestUnanswered = lowestUnanswered
        self.preparedMilliseconds = preparedMilliseconds
    }
}

/// Which range answered, and at which point of its history.
package struct WireRangeAnswer: Hashable, Sendable {
    package var range: UInt128
    package var epoch: WireRangeEpoch
    /// The version that was written or read.
    package var version: UInt64
    /// The range's time in milliseconds.
    package var timeMilliseconds: UInt64
    /// The range as the answering node knows it, for a caller that keeps ranges and did not know it so.
    package var place: WireRangeHint?

    package init(
        range: UInt128,
        epoch: WireRangeEpoch,
        version: UInt64,
        timeMilliseconds: UInt64,
        place: WireRangeHint? = nil
    ) {
        self.range = range
        self.epoch = epoch
        self.version = version
        self.timeMilliseconds = timeMilliseconds
        self.place = place
    }
}

/// What a request about a range gets: an answer, or the place where the range is.
package enum WireOutcome<Content: Hashable & Sendable>: Hashable, Sendable {
    case answer(WireRangeAnswer, Content)
    case redirect(WireRangeHint)
}

/// How strict a read is.
package enum WireReadLevel: Hashable, Sendable, CaseIterable {
    /// Sees every write that was answered before the read was sent.
    case linearizable
    /// The same by the leader's lease, where the store permits it.
    case lease
    /// The state of any replica.
    case stale
}

/// How far the answering replica is behind.
package struct WireReplicaLag: Hashable, Sendable {
    /// Entries that are known to be committed and not applied.
    package var entries: UInt64
    /// Time since the replica heard from a leader. Carried in whole milliseconds.
    package var silence: Duration

    package init(entries: UInt64, silence: Duration) {
        self.entries = entries
        self.silence = silence
    }
}

// MARK: - Decoding

extension WireCaller.Role: WireEnumeration {
    var packed: Chord__V1__CallerRole {
        switch self {
        case .node: CHORD__V1__CALLER_ROLE__CALLER_ROLE_NODE
        case .client: CHORD__V1__CALLER_ROLE__CALLER_ROLE_CLIENT
        case .admin: CHORD__V1__CALLER_ROLE__CALLER_ROLE_ADMIN
        }
    }
}

extension WireCaller {
    init(_ packed: Chord__V1__ForwardedCaller) throws(WireError) {
        role = try Role(packed.role, .field("role"), "role")
        name = try packed.name.text(WireLimits.callerNameBytes, .field("name"))
        trustDomain = try packed.trust_domain.text(
            WireLimits.callerNameBytes,
            .field("trust_domain")
        )
    }
}

extension WireRoute {
    /// The route of a request; without the field, that of a caller that keeps no ranges.
    init(_ packed: UnsafeMutablePointer<Chord__V1__CallRoute>?) throws(WireError) {
        let route = try packed.ifPresent(.field("route")) { route throws(WireError) in
            WireRoute(
                range: try route.range.bitsIfPresent(.field("range")),
                epoch: try route.epoch.ifPresent(.field("epoch"), WireRangeEpoch.init),
                wantsRedirect: route.redirect != 0,
                caller: try route.caller.ifPresent(.field("caller"), WireCaller.init)
            )
        }
        self = route ?? WireRoute()
    }
}

extension WireWriteID {
    init(_ packed: Chord__V1__WriteId) throws(WireError) {
        client = try packed.client.bits(.field("client"))
        number = try packed.number.counted(.field("number"))
        lowestUnanswered = try packed.lowest_unanswered.counted(.field("lowest_unanswered"))
        preparedMilliseconds = try packed.prepared_ms.checked(.field("prepared_ms"))
        guard lowestUnanswered <= number else {
            throw FieldPath.field("lowest_unanswered").error(
                .contradictory,
                "\(lowestUnanswered), and the write's own number is \(number)"
            )
        }
    }
}

extension WireRangeAnswer {
    init(_ packed: Chord__V1__RangeAnswer, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        epoch = try packed.epoch.value(.field("epoch"), WireRangeEpoch.init)
        version = try packed.version.checked(.field("version"))
        timeMilliseconds = try packed.time_ms.checked(.field("time_ms"))
        place = try packed.place.ifPresent(.field("place")) { hint throws(WireError) in
            try WireRangeHint(hint, space)
        }
    }
}

extension WireOutcome {
    init(
        redirect: UnsafeMutablePointer<Chord__V1__RangeHint>?,
        answer: UnsafeMutablePointer<Chord__V1__RangeAnswer>?,
        _ space: IdentifierSpace,
        _ content: () throws(WireError) -> Content
    ) throws(WireError) {
        let hint = try redirect.ifPresent(.field("redirect")) { hint throws(WireError) in
            try WireRangeHint(hint, space)
        }
        if let hint {
            self = .redirect(hint)
        } else {
            // The message of an error says "answer": a redirect is the exception.
            let answer = try answer.value(.field("answer")) { answer throws(WireError) in
                try WireRangeAnswer(answer, space)
            }
            self = .answer(answer, try content())
        }
    }
}

extension WireReadLevel {
    init(_ packed: Chord__V1__ReadLevel) throws(WireError) {
        switch packed {
        case CHORD__V1__READ_LEVEL__READ_LEVEL_UNSPECIFIED,
            CHORD__V1__READ_LEVEL__READ_LEVEL_LINEARIZABLE:
            self = .linearizable
        case CHORD__V1__READ_LEVEL__READ_LEVEL_LEASE: self = .lease
        case CHORD__V1__READ_LEVEL__READ_LEVEL_STALE: self = .stale
        default:
            throw FieldPath.field("level").error(
                .malformed,
                "\(packed.rawValue) is an unknown level"
            )
        }
    }

    /// The number; that of the default is not sent.
    var packed: Chord__V1__ReadLevel {
        switch self {
        case .linearizable: CHORD__V1__READ_LEVEL__READ_LEVEL_UNSPECIFIED
        case .lease: CHORD__V1__READ_LEVEL__READ_LEVEL_LEASE
        case .stale: CHORD__V1__READ_LEVEL__READ_LEVEL_STALE
        }
    }
}

extension WireReplicaLag {
    init(_ packed: Chord__V1__ReplicaLag) throws(WireError) {
        entries = try packed.entries.checked(.field("entries"))
        silence = try packed.silent_ms.milliseconds(.field("silent_ms"))
    }
}

// MARK: - Encoding

extension EncodingArena {
    /// A route; no message for that of a caller that keeps no ranges.
    mutating func route(_ route: WireRoute) -> UnsafeMutablePointer<Chord__V1__CallRoute>? {
        guard route != WireRoute() else { return nil }
        let message = message(chord__v1__call_route__init)
        message.pointee.range = bits(route.range)
        message.pointee.epoch = route.epoch.map { epoch($0) }
        message.pointee.redirect = route.wantsRedirect ? 1 : 0
        message.pointee.caller = route.caller.map { caller($0) }
        return message
    }

    private mutating func caller(
        _ caller: WireCaller
    ) -> UnsafeMutablePointer<Chord__V1__ForwardedCaller> {
        let message = message(chord__v1__forwarded_caller__init)
        message.pointee.role = caller.role.packed
        message.pointee.name = text(caller.name)
        message.pointee.trust_domain = text(caller.trustDomain)
        return message
    }

    mutating func writeID(_ id: WireWriteID) -> UnsafeMutablePointer<Chord__V1__WriteId> {
        let message = message(chord__v1__write_id__init)
        message.pointee.client = bits(id.client)
        message.pointee.number = id.number
        message.pointee.lowest_unanswered = id.lowestUnanswered
        message.pointee.prepared_ms = id.preparedMilliseconds
        return message
    }

    mutating func answer(
        _ answer: WireRangeAnswer,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RangeAnswer> {
        let message = message(chord__v1__range_answer__init)
        message.pointee.range = bits(answer.range)
        message.pointee.epoch = epoch(answer.epoch)
        message.pointee.version = answer.version
        message.pointee.time_ms = answer.timeMilliseconds
        message.pointee.place = answer.place.map { hint($0, space) }
        return message
    }

    mutating func lag(_ lag: WireReplicaLag) -> UnsafeMutablePointer<Chord__V1__ReplicaLag> {
        let message = message(chord__v1__replica_lag__init)
        message.pointee.entries = lag.entries
        message.pointee.silent_ms = lag.silence.wireMilliseconds
        return message
    }
}

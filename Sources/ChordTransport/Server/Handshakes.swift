// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// The handshakes under way: how many are allowed, and which one is closed to make room for a new one. A
/// value; connections are represented by numbers.
struct Handshakes {
    struct Handshake {
        let host: HostGroup
        let isOfKnownHost: Bool
        let began: MonotonicTime
        var isSilent = true
    }

    enum Admission: Hashable {
        case admitted
        /// Another handshake is closed to make room, because of a limit.
        case instead(of: UInt64, at: TransportLimit)
        case refused(TransportLimit)
    }

    /// How many hosts are remembered from which a peer has authenticated.
    private static let knownHosts = 1024

    private var handshakes: [UInt64: Handshake] = [:]
    private var ofHost: [HostGroup: Set<UInt64>] = [:]
    private var strangers = 0
    /// Hosts from which a peer has authenticated: the number of the last such connection, and whether a node
    /// was among them.
    private var known: [HostGroup: (last: UInt64, isMember: Bool)] = [:]

    var count: Int { handshakes.count }

    /// Whether one more handshake may begin.
    func admission(
        from host: HostGroup,
        at now: MonotonicTime,
        _ limits: TransportConfiguration.ServerLimits
    ) -> Admission {
        let own = ofHost[host] ?? []
        if own.count >= limits.maxHandshakesPerHost {
            return instead(of: own, at: now, limits, .handshakesPerHost)
        }
        if known[host] != nil {
            guard count >= limits.maxHandshakes else { return .admitted }
            // Handshakes of unknown hosts are closed first.
            let among = largest { !$0.isOfKnownHost } ?? largest { _ in true } ?? []
            return instead(of: among, at: now, limits, .handshakes)
        }
        let kept = min(limits.handshakesOfKnownHosts, limits.maxHandshakes / 4)
        let most = limits.maxHandshakes - kept
        guard strangers >= most || count >= limits.maxHandshakes else { return .admitted }
        return instead(of: largest { !$0.isOfKnownHost } ?? [], at: now, limits, .handshakes)
    }

    /// Selects the handshake to close: the oldest of those that have sent nothing, else the oldest if it has
    /// taken longer than an honest one.
    private func instead(
        of some: Set<UInt64>,
        at now: MonotonicTime,
        _ limits: TransportConfiguration.ServerLimits,
        _ limit: TransportLimit
    ) -> Admission {
        if let silent = some.lazy.filter({ handshakes[$0]?.isSilent == true }).min() {
            return .instead(of: silent, at: limit)
        }
        if let oldest = some.min(), let handshake = handshakes[oldest],
            now - handshake.began >= limits.handshakeGrace
        {
            return .instead(of: oldest, at: limit)
        }
        return .refused(limit)
    }

    /// The handshakes of the host that has the most of them, among those that `counts`.
    private func largest(_ counts: (Handshake) -> Bool) -> Set<UInt64>? {
        ofHost.values
            .filter { $0.first.flatMap { handshakes[$0] }.map(counts) == true }
            // Of equal ones the host that began first, so that the order of a dictionary does not matter.
            .max { ($0.count, $1.min() ?? 0) < ($1.count, $0.min() ?? 0) }
    }

    mutating func begin(_ number: UInt64, from host: HostGroup, at now: MonotonicTime) {
        let handshake = Handshake(host: host, isOfKnownHost: known[host] != nil, began: now)
        handshakes[number] = handshake
        ofHost[host, default: []].insert(number)
        if !handshake.isOfKnownHost { strangers += 1 }
    }

    mutating func heard(_ number: UInt64) {
        handshakes[number]?.isSilent = false
    }

    /// A handshake has succeeded or failed. Does nothing if it ended before.
    mutating func end(_ number: UInt64) {
        guard let handshake = handshakes.removeValue(forKey: number) else { return }
        ofHost[handshake.host]?.remove(number)
        if ofHost[handshake.host]?.isEmpty == true { ofHost[handshake.host] = nil }
        if !handshake.isOfKnownHost { strangers -= 1 }
    }

    /// A peer has authenticated from there.
    mutating func remember(_ host: HostGroup, number: UInt64, isMember: Bool) {
        let wasMember = known[host]?.isMember ?? false
        known[host] = (number, isMember || wasMember)
        guard known.count > Self.knownHosts else { return }
        // Members are forgotten last.
        let oldest = known.min {
            ($0.value.isMember ? 1 : 0, $0.value.last) < ($1.value.isMember ? 1 : 0, $1.value.last)
        }
        if let oldest { known[oldest.key] = nil }
    }
}

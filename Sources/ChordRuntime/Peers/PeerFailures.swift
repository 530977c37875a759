// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// The last reason why each peer was found dead, for later reports.
final class PeerFailures: Sendable {
    /// Neighbours are few, so the table is small; in an unstable ring it is cleared.
    private static let most = 64

    private let statuses = NIOLockedValueBox<[String: Status]>([:])

    func record(_ status: Status, of address: String) {
        statuses.withLockedValue { statuses in
            if statuses.count >= Self.most { statuses = [:] }
            statuses[address] = status
        }
    }

    /// Why the peer at an address was last found dead; nil if it was not.
    func last(of address: String) -> Status? {
        statuses.withLockedValue { $0[address] }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What the receiver of a Notify has decided about the node that sent it.
package enum NotifyVerdict: Hashable, Sendable {
    /// Nothing was said: a node of an earlier version, or of another implementation. It takes whoever is
    /// nearer.
    case unspecified
    /// The notifier is the receiver's predecessor now.
    case taken
    /// The receiver has a live predecessor that is nearer.
    case nearerKnown
    /// The receiver is still finding out whether the notifier can be reached.
    case trying
    /// Neither the receiver nor the members that it asked could reach the notifier.
    case notReached(address: String, reason: String)
}

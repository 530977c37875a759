// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordCore

/// The limits of messages.
///
/// A peer chooses what it sends; these limits bound its cost here. They are part of the contract
/// and not configuration: other nodes would refuse the messages of a node with higher limits.
package enum WireLimits {
    /// Bytes of a message, checked before memory is allocated for it.
    package static let messageBytes = 64 * 1024
    /// Nodes in a list of successors or of next hops.
    package static let listNodes = 64
    /// Nodes in the path of a lookup: the largest default hop budget, 2 × 256.
    package static let pathNodes = 512
    /// Nodes that a lookup excludes.
    package static let excludedNodes = 32
    /// The incarnation of a node.
    package static let incarnation = 0...Incarnation.highest
    /// Bytes of a node's name.
    package static let nameBytes = 1...255
    /// Bytes of an address: a host name of at most 255 bytes, or an IPv6 address in brackets, a
    /// colon and a port.
    package static let addressBytes = 1...262
    /// Bytes of the reason why a node was not reached.
    package static let reasonBytes = 0...512
    /// Bytes of a service's name in a health check. The empty name is the whole server.
    package static let serviceNameBytes = 0...255
    /// Bytes of a file's or a symbol's name in a reflection request.
    package static let symbolBytes = 1...1024
    /// Nodes in a description's routing table: two for each bit of the widest identifier.
    package static let tableNodes = 512
    /// Bytes of a program's version.
    package static let versionBytes = 0...64
    /// Digits of a certificate's serial number. Authorities use at most twenty bytes.
    package static let serialBytes = 0...64
    /// Bytes of a ring's name.
    package static let ringNameBytes = 1...255
    /// Bytes of a hash function's name.
    package static let hashNameBytes = 1...64
    /// The index of a node's place.
    package static let placeIndex = 0...RingParameters.largestPlacements - 1
    /// Places of a node.
    package static let placements = 1...RingParameters.largestPlacements
    /// Bytes of the ids of disks and stores.
    package static let randomBytes = 16
    /// Bytes of the name of a failure domain, where there is one.
    package static let failureDomainBytes = NodeReference.failureDomainBytes
    /// The version of the contract.
    package static let version = 1...Int(Int32.max)
    /// Features that a node names.
    package static let features = 64
    /// Bytes of a feature's name.
    package static let featureBytes = 1...64
    /// The times of a claim on a range, in milliseconds.
    package static let claimMilliseconds = 0...Int(RangeClaim.longest.components.seconds) * 1000
    /// Entries of a ring's successor lists.
    package static let successorCount = 1...listNodes
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The keys of structured log lines. No key may hold stored values or key material.
package enum LogKeys {
    package static let node = "chord.node"
    package static let ring = "chord.ring"
    package static let peer = "chord.peer"
    package static let address = "chord.address"
    package static let predecessor = "chord.predecessor"
    package static let successors = "chord.successors"
    package static let missing = "chord.missing"
    package static let from = "chord.from"
    package static let to = "chord.to"
    package static let cause = "chord.cause"
    package static let answer = "chord.answer"
    package static let error = "chord.error"
    package static let share = "chord.share"
    package static let hash = "chord.hash"
    package static let rules = "chord.policy.rules"
    package static let file = "chord.file"
    package static let incarnation = "chord.incarnation"
    package static let omitted = "chord.log.omitted"
    package static let certificate = "chord.certificate"
    package static let serial = "chord.certificate.serial"
    package static let ends = "chord.certificate.ends"
    package static let left = "chord.certificate.left"
    package static let revocation = "chord.revocation_lists"
}

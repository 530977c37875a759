// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// One line of an audit log. It never has values.
package struct AuditRecord: Hashable, Sendable {
    package enum Event: String, Hashable, Sendable {
        /// An administrator's call.
        case administration
        /// A call that its caller may not make.
        case refusal
        /// A write to the store.
        case write
    }

    package var event: Event
    /// Who made the call.
    package var subject: PolicySubject
    /// The node that passed the call on; nil for a call of `subject` itself.
    package var via: String?
    /// The serial number of the caller's certificate; empty for a call that was passed on.
    package var serial: String
    /// The path of the method.
    package var method: String
    /// The partition or the key; nil where the call is not about one.
    package var place: [UInt8]?
    /// The keys of a write.
    package var keys: [[UInt8]] = []
    /// For a refusal its reason, for a write how it ended.
    package var outcome: String
    /// The rule that decided; nil if none did.
    package var rule: String?
    /// Records of this kind that were left out before this one.
    package var omitted: UInt64 = 0
}

/// Where the records of an audit go. Called on any executor; it must not block.
package protocol AuditSink: Sendable {
    func record(_ record: AuditRecord)
}

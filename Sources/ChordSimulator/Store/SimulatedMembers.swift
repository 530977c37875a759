// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordStore

/// What all nodes know of the ring: its store members.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedMembers: @unchecked Sendable {
    /// The members by identifier; nil while nobody knows them.
    private var members: [(position: Identifier, member: StoreMember)]?
    var problems: [String] = []
    /// Every node knows only itself.
    var areSeparate = false

    func update(_ members: [(position: Identifier, member: StoreMember)]) {
        self.members = members.sorted { $0.position < $1.position }
    }

    /// What one node knows: all members, beginning with the first one at or after an identifier.
    func members(from identifier: Identifier, asSeenBy node: StoreMember) -> [StoreMember]? {
        areSeparate ? [node] : members(from: identifier)
    }

    /// All members, beginning with the first one at or after an identifier.
    func members(from identifier: Identifier) -> [StoreMember]? {
        members.map { members in
            let start = members.firstIndex { $0.position >= identifier } ?? 0
            return (members[start...] + members[..<start]).map(\.member)
        }
    }

    /// The identifiers of members inside an arc.
    func positions(inside range: IdentifierRange) -> [Identifier]? {
        members?.map(\.position).filter(range.contains)
    }
}

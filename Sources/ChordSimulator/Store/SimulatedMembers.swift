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
    /// The ring has fallen into parts: the part of each node. Nodes know the members of their own part.
    var parts: [String: Int] = [:]
    /// No node is sure of the ring, so that nothing is moved.
    var isUnsure = false
    /// Identifiers of members that have come and gone: ranges may be split there.
    var formerPositions: [Identifier] = []

    func update(_ members: [(position: Identifier, member: StoreMember)]) {
        self.members = members.sorted { $0.position < $1.position }
    }

    /// What one node knows: all members, beginning with the first one at or after an identifier.
    func members(from identifier: Identifier, asSeenBy node: StoreMember) -> [StoreMember]? {
        if isUnsure { return nil }
        if areSeparate { return [node] }
        let own = parts[node.node]
        return members(from: identifier)?.filter { parts[$0.node] == own }
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
        members.map { members in
            (members.map(\.position) + formerPositions).filter(range.contains)
        }
    }

    /// The identifiers of members inside an arc that one node knows.
    func positions(
        inside range: IdentifierRange,
        asSeenBy node: StoreMember
    ) -> [Identifier]? {
        let own = parts[node.node]
        return members.map { members in
            let known = members.filter { parts[$0.member.node] == own }
            return (known.map(\.position) + formerPositions).filter(range.contains)
        }
    }
}

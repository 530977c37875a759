// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTransport

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The state of a node between restarts: its name and ring, whether it has been a member, and the
/// members that it knew last. The file is small, and is replaced as a whole.
struct StateFile: Sendable {
    /// A member in the file. Its identifier follows from these values.
    struct Member: Codable, Hashable, Sendable {
        var name: String
        var address: String
        var incarnation: UInt64
        /// The index of its place; nil for the first.
        var place: Int?
    }

    /// The parameters of a ring that cannot change while its nodes keep their data.
    struct Ring: Codable, Hashable, Sendable {
        var name: String
        var hash: String
        /// The identifier of a fixed text. It distinguishes hash functions with the same name.
        var probe: String
        var width: Int
        var identifierRule: String

        init(_ parameters: RingParameters) {
            name = parameters.ring
            hash = parameters.hash
            width = parameters.space.width
            probe = "\(parameters.probe)"
            identifierRule = parameters.rule.rawValue
        }
    }

    /// The stored state.
    struct Memory: Hashable, Sendable {
        /// Whether the node has been a member of its ring.
        var isMember = false
        /// The members that the node knew last, at most `mostMembers`.
        var members: [Member] = []
        /// The index of the node's place, once it has been a member; nil where an older program wrote the file.
        var place: Int?
        /// The places that its ring gives to each node, once it has been a member.
        var placements: Int?
    }

    private struct Contents: Codable {
        var version: Int
        var node: String
        var ring: Ring
        var member: Bool
        var members: [Member]
        var place: Int?
        var placements: Int?
    }

    /// Why the content of a file makes no sense. A file of another node is a different error.
    struct Damage: Error, CustomStringConvertible {
        var description: String
    }

    /// The largest number of members in a file: enough to find one that is up, and few enough to
    /// try them all.
    static let mostMembers = 32
    private static let mostBytes = 64 * 1024
    private static let version = 1

    let path: String
    let node: String
    let ring: Ring

    /// The content of the file; nil if there is none yet.
    ///
    /// - Throws: `Damage`; `FileError` if it cannot be read; `DataDirectoryFailure` if it
    ///   belongs to another node or ring.
    func memory() throws -> Memory? {
        guard let file = try OpenFile.existing(path, O_RDONLY) else { return nil }
        let bytes = try file.contents(atMost: Self.mostBytes + 1)
        guard bytes.count <= Self.mostBytes else {
            throw Damage(description: "it has more than \(Self.mostBytes) bytes")
        }
        let contents: Contents
        do {
            contents = try JSONDecoder().decode(Contents.self, from: Data(bytes))
        } catch {
            throw Damage(description: "it is not the JSON that a node writes")
        }
        guard contents.version == Self.version else {
            throw Damage(description: "it has version \(contents.version), not \(Self.version)")
        }
        // A node that was never a member has nothing to lose: its first command may have been a
        // mistake.
        guard contents.member else { return Memory() }
        try check(contents)
        guard contents.members.count <= Self.mostMembers else {
            throw Damage(
                description: "it contains \(contents.members.count) members, more than "
                    + "\(Self.mostMembers)"
            )
        }
        // Version 0.1 writes no number, and its rings have one place per node.
        let placements = contents.placements ?? 1
        guard (1...RingParameters.largestPlacements).contains(placements) else {
            throw Damage(description: "it says that the ring gives each node \(placements) places")
        }
        for member in contents.members { try Self.check(member, placements: placements) }
        if let place = contents.place { try Self.check(place: place, placements: placements) }
        return Memory(
            isMember: true,
            members: contents.members,
            place: contents.place,
            placements: placements
        )
    }

    /// Checks that the file belongs to this node.
    private func check(_ contents: Contents) throws(DataDirectoryFailure) {
        func refuse(_ theirs: String, _ ours: String) -> DataDirectoryFailure {
            DataDirectoryFailure(
                folder,
                "\(path) belongs to \(theirs), and this is \(ours); the file was not changed: give each node of "
                    + "each ring its own data directory"
            )
        }
        guard contents.node == node else {
            throw refuse("node \(contents.node)", "node \(node)")
        }
        guard contents.ring.name == ring.name else {
            throw refuse("the ring \"\(contents.ring.name)\"", "a node of \"\(ring.name)\"")
        }
        guard contents.ring == ring else {
            throw refuse(
                "a ring with \(Self.text(contents.ring))",
                "a node of a ring with \(Self.text(ring))"
            )
        }
    }

    private static func text(_ ring: Ring) -> String {
        "hash \(ring.hash), width \(ring.width), identifiers from \(ring.identifierRule)s, probe "
            + ring.probe
    }

    private static func check(place: Int, placements: Int) throws(Damage) {
        guard (0..<placements).contains(place) else {
            throw Damage(
                description: "it names place \(place) of a ring that gives each node \(placements)"
            )
        }
    }

    private static func check(_ member: Member, placements: Int) throws(Damage) {
        try check(place: member.place ?? 0, placements: placements)
        guard (1...255).contains(member.name.utf8.count), !member.name.utf8.contains(0) else {
            throw Damage(
                description: "it contains a member's name that does not have 1 to 255 bytes"
            )
        }
        do throws(AddressError) {
            _ = try NetworkAddress(member.address)
        } catch {
            throw Damage(description: "it contains an invalid address: \(error)")
        }
    }

    /// The members to store: those known now, then earlier ones while there is room. A member that
    /// left may be back when this node restarts, and the last node to leave knows no others.
    static func merged(_ now: [Member], after former: [Member]) -> [Member] {
        var seen: Set<String> = []
        return Array((now + former).filter { seen.insert($0.name).inserted }.prefix(mostMembers))
    }

    /// Replaces the file durably.
    func write(_ memory: Memory) throws(FileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = Contents(
            version: Self.version,
            node: node,
            ring: ring,
            member: memory.isMember,
            members: memory.members,
            place: memory.place,
            placements: memory.placements
        )
        guard let data = try? encoder.encode(contents) else {
            preconditionFailure("no JSON: \(contents)")
        }
        try OpenFile.replace(path, with: Array(data) + [UInt8(ascii: "\n")])
    }

    private var folder: String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

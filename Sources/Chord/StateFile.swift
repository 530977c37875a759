// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

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

/// What a node remembers from one life to the next, in a file: which node of which ring it is, whether it
/// has been a member, and the members that it knew last. It is small, and replaced as a whole or not at all.
struct StateFile: Sendable {
    /// A member as the file names it. Its identifier follows from these.
    struct Member: Codable, Hashable, Sendable {
        var name: String
        var address: String
        var incarnation: UInt64
    }

    /// What of a ring cannot change while its nodes keep their data.
    struct Ring: Codable, Hashable, Sendable {
        var name: String
        var hash: String
        /// The identifier of a fixed text: it tells apart functions of one name.
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

    /// What a node remembers.
    struct Memory: Hashable, Sendable {
        /// Whether the node has been a member of its ring.
        var isMember = false
        /// Members that it knew last, at most `mostMembers`.
        var members: [Member] = []
    }

    private struct Contents: Codable {
        var version: Int
        var node: String
        var ring: Ring
        var member: Bool
        var members: [Member]
    }

    /// Why a file is not used: it does not make sense. That it is another's is an error of its own.
    struct Damage: Error, CustomStringConvertible {
        var description: String
    }

    /// The most members in a file: enough to find one that is up, few enough to try them all.
    static let mostMembers = 32
    private static let mostBytes = 64 * 1024
    private static let version = 1

    let path: String
    let node: String
    let ring: Ring

    /// What the file says; nil where there is none yet.
    ///
    /// - Throws: `Damage`; `SystemFailure` where it cannot be read; `DataDirectoryFailure` where it is another
    ///   node's, or of another ring.
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
        // Of a node that was no member there is nothing to lose: its first command may have been a mistake.
        guard contents.member else { return Memory() }
        try check(contents)
        guard contents.members.count <= Self.mostMembers else {
            throw Damage(
                description: "it names \(contents.members.count) members, more than "
                    + "\(Self.mostMembers)"
            )
        }
        for member in contents.members { try Self.check(member) }
        return Memory(isMember: true, members: contents.members)
    }

    /// Whether the file is this node's.
    private func check(_ contents: Contents) throws(DataDirectoryFailure) {
        func refuse(_ theirs: String, _ ours: String) -> DataDirectoryFailure {
            DataDirectoryFailure(
                folder,
                "\(path) is of \(theirs), and this is \(ours); nothing was changed: give each node of "
                    + "each ring a data directory of its own"
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
                "a node of one with \(Self.text(ring))"
            )
        }
    }

    private static func text(_ ring: Ring) -> String {
        "hash \(ring.hash), width \(ring.width), identifiers from \(ring.identifierRule)s, probe "
            + ring.probe
    }

    private static func check(_ member: Member) throws(Damage) {
        guard (1...255).contains(member.name.utf8.count), !member.name.utf8.contains(0) else {
            throw Damage(description: "it names a member whose name has not 1 to 255 bytes")
        }
        do throws(AddressError) {
            _ = try NetworkAddress(member.address)
        } catch {
            throw Damage(description: "it has an address that is none: \(error)")
        }
    }

    /// The members to write down: those that are known now, and of those before as many as there is room
    /// for. Who left may be back when this node starts again, and the last to leave knows nobody.
    static func merged(_ now: [Member], after former: [Member]) -> [Member] {
        var seen: Set<String> = []
        return Array((now + former).filter { seen.insert($0.name).inserted }.prefix(mostMembers))
    }

    /// Replaces the file: a new one is written beside it, reaches the disk, and takes its name, which
    /// reaches the disk too.
    func write(_ memory: Memory) throws(SystemFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = Contents(
            version: Self.version,
            node: node,
            ring: ring,
            member: memory.isMember,
            members: memory.members
        )
        guard let data = try? encoder.encode(contents) else {
            preconditionFailure("no JSON: \(contents)")
        }
        let beside = path + ".new"
        let file = try OpenFile(beside, O_WRONLY | O_CREAT | O_TRUNC)
        try file.replaceContents(with: Array(data) + [UInt8(ascii: "\n")])
        try file.sync()
        try OpenFile.move(beside, to: path)
        try OpenFile(folder, O_RDONLY | O_DIRECTORY).sync()
    }

    private var folder: String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

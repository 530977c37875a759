// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTransport
import Foundation

/// The members that a node knew last, in a file: what a cluster finds itself by when all of it starts
/// again. It is small, and replaced as a whole or not at all.
struct StateFile: Sendable {
    /// A member as the file names it. Its identifier follows from these.
    struct Member: Codable, Hashable, Sendable {
        var name: String
        var address: String
        var incarnation: UInt64
    }

    private struct Contents: Codable {
        var version: Int
        var ring: String
        var members: [Member]
    }

    /// Why a file is not used.
    struct Damage: Error, CustomStringConvertible {
        var description: String
    }

    /// The most members in a file: enough to find one that is up, few enough to try them all.
    static let mostMembers = 32
    private static let mostBytes = 64 * 1024
    private static let version = 1

    let path: String
    let ring: String

    /// The members in the file; none where there is no file yet.
    func members() throws(Damage) -> [Member] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let contents: Contents
        do {
            let handle = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? handle.close() }
            let data = try handle.read(upToCount: Self.mostBytes + 1) ?? Data()
            guard data.count <= Self.mostBytes else {
                throw Damage(description: "it has more than \(Self.mostBytes) bytes")
            }
            contents = try JSONDecoder().decode(Contents.self, from: data)
        } catch let damage as Damage {
            throw damage
        } catch {
            throw Damage(description: "it cannot be read: \(error)")
        }
        guard contents.version == Self.version else {
            throw Damage(description: "it has version \(contents.version), not \(Self.version)")
        }
        guard contents.ring == ring else {
            throw Damage(description: "it is of the ring \"\(contents.ring)\", not \"\(ring)\"")
        }
        guard contents.members.count <= Self.mostMembers else {
            throw Damage(
                description: "it names \(contents.members.count) members, more than "
                    + "\(Self.mostMembers)"
            )
        }
        for member in contents.members { try Self.check(member) }
        return contents.members
    }

    private static func check(_ member: Member) throws(Damage) {
        guard (1...255).contains(member.name.utf8.count), !member.name.utf8.contains(0) else {
            throw Damage(description: "it names a member whose name has not 1 to 255 bytes")
        }
        do throws(TransportError) {
            _ = try HostAndPort(member.address)
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

    /// Replaces the file: a new one is written beside it, reaches the disk, and takes its name.
    func write(_ members: [Member]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = Contents(version: Self.version, ring: ring, members: members)
        var data = try encoder.encode(contents)
        data.append(UInt8(ascii: "\n"))
        let beside = path + ".new"
        guard
            FileManager.default.createFile(
                atPath: beside,
                contents: nil,
                attributes: [.posixPermissions: 0o600]
            )
        else { throw CocoaError(.fileWriteUnknown) }
        let handle = try FileHandle(forWritingTo: URL(filePath: beside))
        do {
            try handle.write(contentsOf: data)
            try handle.synchronize()
            try handle.close()
        } catch {
            try? handle.close()
            throw error
        }
        guard rename(beside, path) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
    }
}

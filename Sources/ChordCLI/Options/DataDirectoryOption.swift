// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension NodeOptions {
    /// The node's data directory: the given one, else the default.
    func dataDirectory(makesFolders: Bool = true) throws(CommandFailure) -> String {
        if let dataDir { return dataDir }
        let base = try DefaultDataDirectory.base(
            stateHome: System.environment("XDG_STATE_HOME"),
            home: System.environment("HOME")
        )
        if makesFolders { try DefaultDataDirectory.make(base) }
        return "\(base)/\(DefaultDataDirectory.fileName(of: name))"
    }
}

/// The default data directory of a node.
enum DefaultDataDirectory {
    /// The parent folder for all nodes of a user, by the XDG Base Directory Specification.
    static func base(stateHome: String?, home: String?) throws(CommandFailure) -> String {
        // The specification ignores relative paths.
        if let stateHome, stateHome.hasPrefix("/") { return "\(stateHome)/chord" }
        if let home, home.hasPrefix("/") { return "\(home)/.local/state/chord" }
        throw CommandFailure(
            .configuration,
            "there is no home folder for this node's data",
            hint: "choose a folder with --data-dir FOLDER"
        )
    }

    /// A node's name as a folder name. Bytes other than letters, digits, `-`, `_` and `.` are
    /// written as % and two digits, so that the name cannot lead to another folder.
    static func fileName(of name: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: byte == UInt8(ascii: ".")
            }
        }
        var result = ""
        for (index, byte) in name.utf8.enumerated() {
            if isPlain(byte), index > 0 || byte != UInt8(ascii: ".") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    /// Creates a folder and its missing parents.
    static func make(_ path: String) throws(CommandFailure) {
        var end = path.startIndex
        while end != path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            let folder = String(path[..<end])
            guard mkdir(folder, 0o700) != 0, errno != EEXIST else { continue }
            let reason = String(cString: strerror(errno))
            // Parents that exist may not be writable.
            if access(folder, F_OK) == 0 { continue }
            throw CommandFailure(
                .configuration,
                "cannot create the folder \(folder) for this node's data: \(reason)",
                hint: "choose a folder with --data-dir FOLDER"
            )
        }
    }
}

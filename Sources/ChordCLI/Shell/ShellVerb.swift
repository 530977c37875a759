// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

/// The commands of the shell: those of the classic Chord assignment.
enum ShellVerb: String, CaseIterable {
    case help, quit, port, create, join, ping, get, put, delete, putrandom, dump, dumpkey, dumpaddr,
        dumpall

    /// The command with its words, for the help.
    var usage: String {
        switch self {
        case .port: "port NUMBER"
        case .join, .ping, .dumpaddr: "\(rawValue) HOST:PORT"
        case .get, .delete, .dumpkey: "\(rawValue) KEY"
        case .put: "put KEY VALUE"
        case .putrandom: "putrandom COUNT"
        case .help, .quit, .create, .dump, .dumpall: rawValue
        }
    }

    /// What the command does, for the help.
    var summary: String {
        switch self {
        case .help: "show this list"
        case .quit: "hand the data over, leave the ring, and end"
        case .port: "listen on this port; before create or join"
        case .create: "begin a new ring"
        case .join: "join the ring of the node at this address"
        case .ping: "ask the node at this address for a sign of life"
        case .get: "show the value of a key"
        case .put: "store a value; key and value have no blanks"
        case .delete: "delete a key"
        case .putrandom: "store this number of random keys"
        case .dump: "show this node: its range, neighbours, fingers and keys"
        case .dumpkey: "show the node that owns a key"
        case .dumpaddr: "show the node at this address"
        case .dumpall: "show every node of the ring"
        }
    }

    /// The lines of the help.
    static var helpLines: [String] {
        let width = allCases.map(\.usage.count).max() ?? 0
        return allCases.map { "\($0.usage.padding(toLength: width))  \($0.summary)" }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The metadata of a call: names and values in order. A name may occur more than once.
package struct Metadata: Hashable, Sendable, ExpressibleByArrayLiteral {
    package struct Entry: Hashable, Sendable {
        /// Lower-case ASCII letters, digits, `-`, `_` and `.`.
        package var name: String
        /// The value's bytes, decoded if the name ends in `-bin`.
        package var value: [UInt8]

        package init(name: String, value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    package init(arrayLiteral elements: Entry...) {
        entries = elements
    }

    package var isEmpty: Bool { entries.isEmpty }

    package mutating func append(_ name: String, _ value: String) {
        entries.append(Entry(name: name, value: Array(value.utf8)))
    }

    /// The first value of a name.
    package subscript(_ name: String) -> [UInt8]? {
        entries.first { $0.name == name }?.value
    }

    /// Whether an application may send a name. gRPC reserves `grpc-` and pseudo-headers.
    package static func isAllowed(name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("grpc-")
            && name.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2d
                    || byte == 0x5f || byte == 0x2e
            }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// The form of keys in the command line and in the output.
struct KeyForm: ParsableArguments {
    @Flag(help: "Keys and partitions are hexadecimal digits, here and in the output.")
    var hex = false

    /// The bytes of a key or a partition as typed.
    func bytes(_ text: String, _ name: String) throws -> [UInt8] {
        guard hex else { return Array(text.utf8) }
        guard let bytes = Self.bytes(hexadecimal: text) else {
            throw ValidationError(
                "\(name) \"\(text.prefix(60))\" is not hexadecimal: two digits for each byte."
            )
        }
        return bytes
    }

    private static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    /// A key or a partition in one line of output.
    func text(_ bytes: [UInt8]) -> String {
        guard hex else { return String(decoding: bytes, as: UTF8.self).printable }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// The key of a command of the store.
struct KeyOptions: ParsableArguments {
    @Argument(help: "The key; any text.")
    var key: String

    @Option(
        help: ArgumentHelp(
            "The partition of the key. Default: the key is a partition of its own.",
            valueName: "name"
        )
    )
    var partition: String?

    @OptionGroup
    var form: KeyForm

    func validate() throws { _ = try resolved() }

    func resolved() throws -> StoreKey {
        if key.isEmpty, partition == nil { throw ValidationError("The key is empty.") }
        if partition == "" {
            throw ValidationError("--partition is empty; is a shell variable not set?")
        }
        return StoreKey(
            try form.bytes(key, "the key"),
            in: try partition.map { try form.bytes($0, "--partition") }
        )
    }
}

/// The condition of a write.
struct ConditionOptions: ParsableArguments {
    @Flag(help: "Only if the key is absent.")
    var ifAbsent = false

    @Option(
        help: ArgumentHelp("Only if the key is present with this version.", valueName: "number")
    )
    var ifVersion: UInt64?

    @Flag(help: "Print the value that was there before.")
    var previous = false

    func validate() throws {
        if ifAbsent, ifVersion != nil {
            throw ValidationError("Give --if-absent or --if-version, not both.")
        }
        if ifVersion == 0 { throw ValidationError("--if-version must be 1 or more.") }
    }

    var condition: StoreCondition? {
        ifAbsent ? .absent : ifVersion.map { .version($0) }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordBase
import ChordCommandLine

/// The output for a write.
struct WriteView {
    private let result: StoreWriteResult
    private let key: StoreKey
    private let verb: String
    private let condition: StoreCondition?
    private let wantsPrevious: Bool

    /// - Parameters:
    ///   - verb: what was done, for example "stored".
    ///   - options: the condition; nil for a write that needs a present key.
    init(
        _ result: StoreWriteResult,
        of key: StoreKey,
        _ verb: String,
        _ options: ConditionOptions?
    ) {
        self.result = result
        self.key = key
        self.verb = verb
        condition = options?.condition
        wantsPrevious = options?.previous ?? false
    }

    /// Prints the answer.
    ///
    /// - Throws: `CommandFailure` or `ExitCode` if the write was not done.
    func show(json: Bool) throws {
        if json { StandardStreams.output(self.json.lines) }
        if let failure {
            // The printed object says why.
            if json { throw ExitCode(failure.kind.rawValue) }
            throw failure
        }
        guard !json else { return }
        for line in lines { StandardStreams.output(line) }
    }

    /// The answer as text.
    var lines: [String] {
        var lines = [
            result.previousVersion == nil && verb == "absent already"
                ? verb : "\(verb)  version \(result.version)"
        ]
        if wantsPrevious { lines.append("before  \(before)") }
        return lines
    }

    private var before: String {
        guard let version = result.previousVersion else {
            return result.isRepeated ? "not known any more" : "absent"
        }
        guard let bytes = result.previousValue else { return "version \(version)" }
        let text = String(validating: bytes, as: UTF8.self)
        return "version \(version)  "
            + (text.map(\.printable)
                ?? "\(bytes.count.counted("byte")) that are no text; --json shows them")
    }

    /// Why the write was not done; nil if it was.
    var failure: CommandFailure? {
        guard !result.applied else { return nil }
        let present = result.previousVersion
        switch condition {
        case .absent?:
            return CommandFailure(
                .condition,
                "nothing changed: the key exists\(present.map { ", with version \($0)" } ?? "")",
                hint: "without --if-absent the value is replaced"
            )
        case .version(let wanted)?:
            return CommandFailure(
                .condition,
                present.map { "nothing changed: the key has version \($0), not \(wanted)" }
                    ?? "nothing changed: the key is absent",
                hint: "chord get --json shows the present version and value"
            )
        case nil: return .absent(key)
        }
    }

    /// The answer for JSON.
    var json: JSON {
        var members = JSON.members(of: key)
        members += [("applied", .boolean(result.applied))]
        if result.applied { members.append(("version", .version(result.version))) }
        if let version = result.previousVersion {
            var previous: [(String, JSON)] = [("version", .version(version))]
            if let bytes = result.previousValue { previous += JSON.members("value", bytes) }
            members.append(("previous", .object(previous)))
        }
        members.append(("repeated", .boolean(result.isRepeated)))
        return .object(members)
    }
}

extension CommandFailure {
    /// The key does not exist.
    static func absent(_ key: StoreKey) -> CommandFailure {
        CommandFailure(
            .absent,
            "the key is absent",
            hint: key.partition == nil
                ? "a key that was stored with --partition is found with the same --partition only"
                : "chord list --partition lists the keys of a partition"
        )
    }
}

extension JSON {
    /// A key, and its partition if it has one of its own.
    static func members(of key: StoreKey) -> [(String, JSON)] {
        members("key", key.name) + (key.partition.map { members("partition", $0) } ?? [])
    }

    /// Bytes as text, or in base64 under another name if they are no text.
    static func members(_ name: String, _ bytes: [UInt8]) -> [(String, JSON)] {
        if let text = String(validating: bytes, as: UTF8.self) { return [(name, .string(text))] }
        let text = String(decoding: Base64.encode(bytes, isPadded: true), as: UTF8.self)
        return [("\(name)_base64", .string(text))]
    }

    /// A version, which is at most 2^62.
    static func version(_ number: UInt64) -> JSON { .integer(Int(clamping: number)) }

    /// The members of a present value.
    static func members(of value: StoreValue, withBytes: Bool = true) -> [(String, JSON)] {
        (withBytes ? members("value", value.bytes) : []) + [("version", .version(value.version))]
            + (value.timeToLive.map { [("ttl_ms", .time($0))] } ?? [])
    }
}

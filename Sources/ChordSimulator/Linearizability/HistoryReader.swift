// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// Why a history cannot be read.
package typealias HistoryError = ModuleError<HistoryErrorCode>

/// The kind of a `HistoryError`.
package struct HistoryErrorCode: ErrorCode {
    private enum Kind: String { case unreadable }

    private let kind: Kind

    /// A line is not of the format; the message names the line.
    package static let unreadable = Self(kind: .unreadable)

    package var description: String { kind.rawValue }
}

// A history as clients write it down: a JSON value on each line, UTF-8, one line for a call before it is sent
// and one for its answer. So a client that is killed leaves calls without answers, which count as unknown.
// The lines of several clients can be in any order. Empty lines are skipped.
//
//     {"call": 7, "client": "c2", "time": 1200000, "partition": "p",
//      "operations": [{"key": "k", "action": "put", "value": "v", "condition": {"version": 12}}]}
//     {"return": 7, "time": 1900000, "outcome": "applied", "version": 31,
//      "rows": [{"value": "u", "version": 12}]}
//
// call, return    a number that names the operation, from 0 on, once in the history
// client          name of the client; may be missing
// time            nanoseconds on a clock that all clients share. A clock that is wrong by more than the
//                 network's delays makes right histories look wrong.
// partition       may be missing with one operation: then it is the key
// operations      one, or those of a batch. `action` is "get", "put" with "value", "delete", "check" or
//                 "touch". "check" does nothing, "touch" only what a history does not show; it needs a row.
// condition       "absent", "present" or {"version": N}; missing for none
// outcome         "applied": all conditions held. "conditionFailed": one did not, nothing was changed.
//                 "refused": it did not and will not happen. "unknown": it may have happened, or may yet.
// version         of what the operation has written, if the answer says
// rows            for each operation what was there before: {"value": …, "version": …}, where one of the two
//                 may be missing, {"absent": true}, or null if the answer does not say
//
// Keys and values are texts that stand for the bytes: what is the same must have the same text, and what is
// different another one. A client whose values are long or not UTF-8 writes a digest. Values that are written
// once only make the check much stronger. Keys with a time to live cannot be checked.

/// Reads a history.
package struct HistoryReader {
    private struct Call {
        var line: Int
        var client: String
        var time: Int64
        var partition: String
        var steps: [HistoryOperation.Step]
    }

    private struct Return {
        var line: Int
        var time: Int64
        /// Nil if the operation was refused.
        var outcome: HistoryOperation.Outcome?
        var rows: [HistoryOperation.Observation]?
    }

    private var calls: [Int: Call] = [:]
    private var returns: [Int: Return] = [:]

    /// The operations of a history, in order of their calls, without those that were refused.
    ///
    /// - Throws: `unreadable`.
    package static func read(_ text: [UInt8]) throws(HistoryError) -> [HistoryOperation] {
        var reader = HistoryReader()
        for (place, line) in text.split(separator: 0x0A, omittingEmptySubsequences: false)
            .enumerated()
        where !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) {
            do throws(HistoryJSON.Problem) {
                try reader.add(HistoryJSON(line), line: place + 1)
            } catch {
                throw HistoryError(.unreadable, "line \(place + 1): \(error.text)")
            }
        }
        return try reader.operations()
    }

    private func operations() throws(HistoryError) -> [HistoryOperation] {
        var operations: [HistoryOperation] = []
        for (number, call) in calls {
            let answer = returns[number]
            if let answer, answer.outcome == nil { continue }
            var steps = call.steps
            if let answer, let rows = answer.rows {
                guard rows.count == steps.count else {
                    throw HistoryError(
                        .unreadable,
                        "line \(answer.line): \(rows.count) rows for \(steps.count) operations"
                    )
                }
                for (place, row) in rows.enumerated() { steps[place].seen = row }
            }
            if let answer, answer.time < call.time {
                throw HistoryError(
                    .unreadable,
                    "line \(answer.line): the answer comes before the call of line \(call.line)"
                )
            }
            operations.append(
                HistoryOperation(
                    number: number,
                    client: call.client,
                    partition: call.partition,
                    steps: steps,
                    outcome: answer?.outcome ?? .unknown,
                    called: call.time,
                    returned: answer?.time ?? .max
                )
            )
        }
        for (number, answer) in returns where calls[number] == nil {
            throw HistoryError(.unreadable, "line \(answer.line): no line has the call \(number)")
        }
        return operations.sorted { ($0.called, $0.number) < ($1.called, $1.number) }
    }

    // MARK: Lines

    private typealias Problem = HistoryJSON.Problem

    private mutating func add(_ value: HistoryJSON, line: Int) throws(HistoryJSON.Problem) {
        guard case .object(let members) = value else {
            throw Problem(text: "a line is a JSON object")
        }
        let fields = Fields(members)
        let time = try fields.integer("time")
        switch (members["call"], members["return"]) {
        case (.integer(let number)?, nil):
            try fields.only(["call", "client", "time", "partition", "operations"])
            let steps = try fields.list("operations").map { value throws(Problem) in
                try Self.step(value)
            }
            guard let first = steps.first else { throw Problem(text: "\"operations\" is empty") }
            let partition = try fields.optionalString("partition")
            guard partition != nil || steps.count == 1 else {
                throw Problem(text: "a batch needs a \"partition\"")
            }
            let call = Call(
                line: line,
                client: try fields.optionalString("client") ?? "",
                time: time,
                partition: partition ?? first.key,
                steps: steps
            )
            guard calls.updateValue(call, forKey: try Self.number(number)) == nil else {
                throw Problem(text: "the call \(number) is there twice")
            }
        case (nil, .integer(let number)?):
            try fields.only(["return", "time", "outcome", "version", "rows"])
            let answer = Return(
                line: line,
                time: time,
                outcome: try Self.outcome(fields),
                rows: members["rows"] == nil
                    ? nil
                    : try fields.list("rows").map { value throws(Problem) in try Self.row(value) }
            )
            guard returns.updateValue(answer, forKey: try Self.number(number)) == nil else {
                throw Problem(text: "the call \(number) returns twice")
            }
        default: throw Problem(text: "a line has either \"call\" or \"return\", a number")
        }
    }

    private static func number(_ number: Int64) throws(HistoryJSON.Problem) -> Int {
        guard number >= 0 else { throw Problem(text: "the number of a call is negative") }
        return Int(number)
    }

    private static func step(_ value: HistoryJSON) throws(HistoryJSON.Problem)
        -> HistoryOperation.Step
    {
        guard case .object(let members) = value else {
            throw Problem(text: "an operation is a JSON object")
        }
        let fields = Fields(members)
        try fields.only(["key", "action", "value", "condition"])
        let key = try fields.string("key")
        var condition = try condition(members["condition"])
        let action: HistoryOperation.Action
        switch try fields.string("action") {
        case "get", "check": action = .get
        case "put": action = .put(try fields.string("value"))
        case "delete": action = .delete
        case "touch":
            action = .get
            if condition == .none { condition = .present }
        case let other: throw Problem(text: "unknown action \"\(other)\"")
        }
        if case .put = action {
        } else if members["value"] != nil {
            throw Problem(text: "only \"put\" has a \"value\"")
        }
        return HistoryOperation.Step(key: key, action, if: condition)
    }

    private static func condition(
        _ value: HistoryJSON?
    ) throws(HistoryJSON.Problem) -> HistoryOperation.Condition {
        switch value {
        case nil: return .none
        case .string("absent")?: return .absent
        case .string("present")?: return .present
        case .object(let members)?:
            let fields = Fields(members)
            try fields.only(["version"])
            return .version(try fields.version("version"))
        default:
            throw Problem(text: "a condition is \"absent\", \"present\" or {\"version\": N}")
        }
    }

    private static func outcome(
        _ fields: Fields
    ) throws(HistoryJSON.Problem) -> HistoryOperation.Outcome? {
        switch try fields.string("outcome") {
        case "applied": return .applied(version: try fields.optionalVersion("version"))
        case "conditionFailed": return .conditionFailed
        case "refused": return nil
        case "unknown": return .unknown
        case let other: throw Problem(text: "unknown outcome \"\(other)\"")
        }
    }

    private static func row(
        _ value: HistoryJSON
    ) throws(HistoryJSON.Problem) -> HistoryOperation.Observation {
        switch value {
        case .null: return .nothing
        case .object(["absent": .boolean(true)]): return .absent
        case .object(let members):
            let fields = Fields(members)
            try fields.only(["value", "version"])
            return .row(
                value: try fields.optionalString("value"),
                version: try fields.optionalVersion("version")
            )
        default:
            throw Problem(
                text: "a row is {\"value\": …, \"version\": …}, {\"absent\": true} or null"
            )
        }
    }
}

/// The members of a JSON object.
private struct Fields {
    private typealias Problem = HistoryJSON.Problem
    private let members: [String: HistoryJSON]

    init(_ members: [String: HistoryJSON]) {
        self.members = members
    }

    func only(_ names: Set<String>) throws(HistoryJSON.Problem) {
        if let other = members.keys.sorted().first(where: { !names.contains($0) }) {
            throw Problem(text: "unknown member \"\(other)\"")
        }
    }

    func integer(_ name: String) throws(HistoryJSON.Problem) -> Int64 {
        guard case .integer(let number)? = members[name] else {
            throw Problem(text: "\"\(name)\" must be a number")
        }
        return number
    }

    func version(_ name: String) throws(HistoryJSON.Problem) -> UInt64 {
        guard let version = UInt64(exactly: try integer(name)) else {
            throw Problem(text: "\"\(name)\" is negative")
        }
        return version
    }

    func optionalVersion(_ name: String) throws(HistoryJSON.Problem) -> UInt64? {
        members[name] == nil ? nil : try version(name)
    }

    func string(_ name: String) throws(HistoryJSON.Problem) -> String {
        guard case .string(let text)? = members[name] else {
            throw Problem(text: "\"\(name)\" must be a string")
        }
        return text
    }

    func optionalString(_ name: String) throws(HistoryJSON.Problem) -> String? {
        members[name] == nil ? nil : try string(name)
    }

    func list(_ name: String) throws(HistoryJSON.Problem) -> [HistoryJSON] {
        guard case .array(let values)? = members[name] else {
            throw Problem(text: "\"\(name)\" must be a list")
        }
        return values
    }
}

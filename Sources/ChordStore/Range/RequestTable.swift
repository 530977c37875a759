// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The writes that a range has answered lately, so that a repeated request is not applied twice
/// [Ongaro 6.3].
///
/// The table is part of the range's replicated state. Nothing is evicted to make room: a client whose
/// record was dropped too early would have its write applied twice. A record is dropped when the client has
/// written nothing for ``window`` of range time. A client without record whose write was prepared before
/// that is refused, because the write may have been applied and forgotten.
package struct RequestTable: Hashable, Sendable {
    /// Bounds of the table, equal on all replicas and for all releases: the decision to refuse is part of
    /// applying an entry.
    package enum Limits {
        /// Range time for which a silent client is remembered.
        package static let window: Duration = .seconds(300)
        /// Clients of one identity.
        package static let clientsPerIdentity = 1024
        /// Clients of all identities.
        package static let clients = 65_536
        /// Milliseconds of range time between two searches for silent clients.
        package static let dropInterval: UInt64 = 10_000
        /// Answers that one client has not confirmed.
        package static let unanswered = 1024
    }

    /// What the table remembers of a client.
    package struct Record: Hashable, Sendable {
        package var identity: String
        /// The client has the answers to all lower numbers.
        package var lowestUnanswered: UInt64
        /// When the client's last write was applied.
        package var lastWrite: RangeTime
        /// Answers by number, without values.
        package var answers: [UInt64: WriteOutcome]

        package init(
            identity: String,
            lowestUnanswered: UInt64,
            lastWrite: RangeTime,
            answers: [UInt64: WriteOutcome]
        ) {
            self.identity = identity
            self.lowestUnanswered = lowestUnanswered
            self.lastWrite = lastWrite
            self.answers = answers
        }
    }

    /// What to do with a write.
    package enum Verdict: Hashable, Sendable {
        case new
        /// The write was applied before, with this outcome.
        case repeated(WriteOutcome)
        case refused(WriteRefusal)
    }

    package private(set) var records: [ClientID: Record] = [:]
    private var clientsOfIdentity: [String: Int] = [:]
    /// Clients whose records changed since the last ``takeChanges()``.
    private var changed: Set<ClientID> = []

    package init() {}

    /// Judges a write before it is applied.
    package func verdict(on id: WriteID, identity: String, now: RangeTime) -> Verdict {
        guard let record = records[id.client] else {
            if now.since(id.preparedAt) >= Limits.window { return .refused(.mayHaveHappened) }
            let ofIdentity = clientsOfIdentity[identity, default: 0]
            guard records.count < Limits.clients, ofIdentity < Limits.clientsPerIdentity else {
                return .refused(.tooManyClients)
            }
            return .new
        }
        if let answer = record.answers[id.number] { return .repeated(answer) }
        if id.number < record.lowestUnanswered { return .refused(.answeredBefore) }
        // Counting what the write itself confirms would cost time for every write.
        return record.answers.count < Limits.unanswered || id.lowestUnanswered == id.number
            ? .new : .refused(.tooManyUnanswered)
    }

    /// Remembers the answer to a new write.
    package mutating func remember(
        _ outcome: WriteOutcome,
        of id: WriteID,
        identity: String,
        now: RangeTime
    ) {
        if records[id.client] == nil { clientsOfIdentity[identity, default: 0] += 1 }
        var record =
            records[id.client]
            ?? Record(identity: identity, lowestUnanswered: 0, lastWrite: now, answers: [:])
        record.confirm(below: id.lowestUnanswered)
        record.lastWrite = now
        var answer = outcome
        for index in answer.operations.indices { answer.operations[index].previousValue = nil }
        record.answers[id.number] = answer
        records[id.client] = record
        changed.insert(id.client)
    }

    /// Drops the records of clients that have written nothing for the window.
    package mutating func dropSilent(now: RangeTime) {
        for (client, record) in records where now.since(record.lastWrite) >= Limits.window {
            records[client] = nil
            changed.insert(client)
            let left = clientsOfIdentity[record.identity, default: 1] - 1
            clientsOfIdentity[record.identity] = left > 0 ? left : nil
        }
    }

    /// The clients whose records changed since the last call, in order. A client without record was
    /// dropped.
    package mutating func takeChanges() -> [ClientID] {
        defer { changed = [] }
        return changed.sorted()
    }

    /// Reports all clients as changed: the table was taken over from another replica.
    package mutating func markAllChanged() {
        changed.formUnion(records.keys)
    }

    /// Puts back a record that was read from disk.
    package mutating func restore(_ record: Record, of client: ClientID) {
        if records[client] == nil { clientsOfIdentity[record.identity, default: 0] += 1 }
        records[client] = record
    }
}

extension RequestTable.Record {
    /// Forgets the answers that the client has received.
    fileprivate mutating func confirm(below number: UInt64) {
        guard number > lowestUnanswered else { return }
        if number - lowestUnanswered <= UInt64(answers.count) {
            for confirmed in lowestUnanswered..<number { answers[confirmed] = nil }
        } else {
            answers = answers.filter { $0.key >= number }
        }
        lowestUnanswered = number
    }
}

// MARK: - Bytes

extension RequestTable.Record {
    static let formatVersion: UInt8 = 1

    /// The record as it is stored.
    package var encoded: [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.byte(Self.formatVersion)
        writer.text(identity)
        writer.number(lowestUnanswered)
        writer.number(lastWrite.milliseconds)
        writer.list(answers.sorted { $0.key < $1.key }) { writer, answer in
            writer.number(answer.key)
            writer.flag(answer.value.applied)
            writer.number(answer.value.version.number)
            writer.list(answer.value.operations) { writer, operation in
                writer.flag(operation.conditionHeld)
                writer.optional(operation.previousVersion) { $0.number($1.number) }
            }
        }
        return writer.bytes
    }

    /// Reads a stored record.
    package init(decoding bytes: [UInt8]) throws(StoreError) {
        var reader = ByteReader(bytes, what: "a record of the request table")
        try reader.checkVersion(Self.formatVersion)
        identity = try reader.text()
        lowestUnanswered = try reader.number()
        lastWrite = RangeTime(milliseconds: try reader.number())
        var answers: [UInt64: WriteOutcome] = [:]
        for _ in 0..<(try reader.count()) {
            let number = try reader.number()
            let applied = try reader.flag()
            let version = LogIndex(try reader.number())
            let operations = try reader.list { reader throws(StoreError) in
                WriteOutcome.Operation(
                    conditionHeld: try reader.flag(),
                    previousVersion: try reader.optional { reader throws(StoreError) in
                        LogIndex(try reader.number())
                    }
                )
            }
            answers[number] = WriteOutcome(
                applied: applied,
                version: version,
                operations: operations
            )
        }
        self.answers = answers
        try reader.end()
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
import ChordRuntime
import CoreMetrics
import Logging
import NIOConcurrencyHelpers
import NIOPosix

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

/// The file of an audit: one line of JSON per record.
///
/// Records are written on a thread of its own, because disks can be slow. Those that come faster than
/// they can be written, or that cannot be written, are counted, and the next record tells their
/// number.
final class AuditLog: AuditSink {
    /// Records that may wait.
    private static let mostWaiting = 10_000

    private let node: String
    private let path: String
    private let logger: Logger
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let lost: Counter
    private let state: NIOLockedValueBox<State>

    private struct State {
        /// Used on the thread only.
        var file: OpenFile
        var identity: FileIdentity?
        var hasFailed = false
        /// Used everywhere.
        var waiting = 0
        var omitted: UInt64 = 0
    }

    /// Opens the file for appending.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`.
    init(_ path: String, node: String, logger: Logger) throws(ChordError) {
        self.node = node
        self.path = path
        self.logger = logger
        lost = Counter(label: "chord_audit_records_lost_total", dimensions: [("node", node)])
        do throws(FileError) {
            let file = try Self.open(path)
            state = NIOLockedValueBox(State(file: file, identity: FileIdentity(of: path)))
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the audit log \(quoted(path)) cannot be opened: \(error.reason)"
            )
        }
        thread.start()
    }

    private static func open(_ path: String) throws(FileError) -> OpenFile {
        try OpenFile(path, O_WRONLY | O_CREAT | O_APPEND)
    }

    func record(_ record: AuditRecord) {
        let time = Date()
        let isAdmitted = state.withLockedValue { state in
            guard state.waiting < Self.mostWaiting else {
                state.omitted += 1
                return false
            }
            state.waiting += 1
            return true
        }
        guard isAdmitted else { return lost.increment() }
        // Also after `close()` has begun: what waits then is still written.
        thread.submit { [self] _ in write(record, time) }
    }

    /// Waits until all records are written. Later ones are lost.
    func close() async { try? await thread.shutdownGracefully() }

    private func write(_ record: AuditRecord, _ time: Date) {
        let omitted = state.withLockedValue { state in
            state.waiting -= 1
            defer { state.omitted = 0 }
            return state.omitted
        }
        var line = AuditLine(record, node: node, time: time)
        if record.omitted + omitted > 0 { line.omitted = record.omitted + omitted }
        do throws(FileError) {
            try reopenIfMoved()
            let file = state.withLockedValue { $0.file }
            try file.append(line.encoded)
            state.withLockedValue { $0.hasFailed = false }
        } catch {
            lost.increment()
            let isFirst = state.withLockedValue { state in
                state.omitted += omitted + 1
                defer { state.hasFailed = true }
                return !state.hasFailed
            }
            guard isFirst else { return }
            logger.error(
                "the audit log cannot be written; calls go on, and their records are lost",
                metadata: [LogKeys.file: "\(path)", LogKeys.error: "\(error)"]
            )
        }
    }

    /// Programs that rotate logs move the file away.
    private func reopenIfMoved() throws(FileError) {
        let known = state.withLockedValue { $0.identity }
        let found = FileIdentity(of: path)
        guard found == nil || found?.inode != known?.inode || found?.device != known?.device else {
            return
        }
        let file = try Self.open(path)
        let identity = FileIdentity(of: path)
        state.withLockedValue { state in
            state.file = file
            state.identity = identity
        }
    }
}

/// One line of the file. The names are part of the documented format (docs/policy.md).
private struct AuditLine: Encodable {
    var time: String
    var node: String
    var event: String
    var role: String
    var name: String
    var trustDomain: String
    var serial: String?
    var via: String?
    var method: String
    var place: String?
    var placeHex: String?
    var keys: [String]?
    var outcome: String
    var rule: String?
    var omitted: UInt64?

    enum CodingKeys: String, CodingKey {
        case time, node, event, role, name
        case trustDomain = "trust_domain"
        case serial, via, method, place
        case placeHex = "place_hex"
        case keys, outcome, rule, omitted
    }

    init(_ record: AuditRecord, node: String, time: Date) {
        let milliseconds = Int64(time.timeIntervalSince1970 * 1_000)
        let seconds = PeerCertificate.timestamp(secondsSince1970: milliseconds / 1_000).dropLast()
        let fraction = String(milliseconds % 1_000)
        let zeros = String(repeating: "0", count: 3 - fraction.count)
        self.time = "\(seconds).\(zeros)\(fraction)Z"
        self.node = node
        event = record.event.rawValue
        role = record.subject.role.rawValue
        name = record.subject.name
        trustDomain = record.subject.trustDomain
        serial = record.serial.isEmpty ? nil : record.serial
        via = record.via
        method = record.method
        if let place = record.place {
            self.place = String(validating: place, as: UTF8.self)
            if self.place == nil { placeHex = Self.hexadecimal(place) }
        }
        if !record.keys.isEmpty {
            keys = record.keys.map {
                String(validating: $0, as: UTF8.self) ?? "0x" + Self.hexadecimal($0)
            }
        }
        outcome = record.outcome
        rule = record.rule
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The line with its end.
    var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A struct of strings and numbers can always be encoded.
        guard let data = try? encoder.encode(self) else { return [] }
        return Array(data) + [UInt8(ascii: "\n")]
    }
}

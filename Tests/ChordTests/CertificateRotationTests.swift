// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTLS
import ChordTestSupport
import Foundation
import Logging
import Metrics
import MetricsTestKit
import Testing

@testable import Chord

/// Certificate files that are replaced while a node or a client runs.
@Suite(.tags(.network), .timeLimit(.minutes(5))) struct CertificateRotationTests {
    private func serial(of issued: TestAuthority.Issued?) throws -> String {
        let issued = try #require(issued)
        return try #require(try CertificateFile.inspect(file: issued.certificate).first).serial
    }

    private func node(_ folder: CertificateFolder, _ log: CapturedLog) async throws -> ChordNode {
        var configuration = try await configuration("n1")
        configuration.certificates = folder.certificates("n1")
        configuration.logger = log.logger
        return try await ChordNode(configuration)
    }

    private func client(
        of node: ChordNode,
        _ folder: CertificateFolder,
        _ log: CapturedLog = CapturedLog()
    ) throws -> ChordClient {
        var settings = ChordClientConfiguration(
            nodes: [node.reference.address],
            certificates: folder.certificates("client-carol")
        )
        settings.logger = log.logger
        return try ChordClient(settings)
    }

    /// Runs a node of the folder during `body`.
    private func withNode(
        _ body: sending (CertificateFolder, ChordNode, CapturedLog) async throws -> Void
    ) async throws {
        let folder = try await onOwnThread { try CertificateFolder() }
        defer { folder.remove() }
        let log = CapturedLog(level: .info)
        let node = try await node(folder, log)
        try await running(node) { try await body(folder, node, log) }
    }

    @Test("A node and a client notice new files and another authority without a failed call")
    func rotation() async throws {
        try await withNode { folder, node, log in
            let clientLog = CapturedLog(level: .info)
            let client = try client(of: node, folder, clientLog)
            func settled(_ round: Int, _ what: String) async throws {
                let expected = try serial(of: folder.renewed[round]["n1"])
                try await eventually("the node's certificate: \(what)") {
                    // Every one of these calls must succeed.
                    try await client.describe().certificates?.serial == expected
                }
                let own = try serial(of: folder.renewed[round]["client-carol"])
                try await eventually("the client's certificate: \(what)") {
                    _ = try await client.describe()
                    return clientLog.lines.last?.metadata["chord.certificate.serial"] == "\(own)"
                }
            }
            try folder.put(#require(folder.renewed[0]["n1"]), as: "n1")
            try folder.put(#require(folder.renewed[0]["client-carol"]), as: "client-carol")
            try await settled(0, "renewed")

            try folder.trust(folder.roots)
            try await eventually("both trust both") {
                _ = try await client.describe()
                return node.tls.current.validities.count == 2
                    && log.lines(with: "read the certificates again").count == 2
                    && clientLog.lines(with: "read the certificates again").count == 2
            }
            try folder.put(#require(folder.renewed[1]["n1"]), as: "n1")
            try folder.put(#require(folder.renewed[1]["client-carol"]), as: "client-carol")
            try await settled(1, "from the other authority")
            try folder.trust([folder.roots[1]])
            try await eventually("only the other authority is trusted") {
                _ = try await client.describe()
                return log.lines(with: "read the certificates again").count == 4
            }
            // The open connection was made by a certificate that is not trusted any more. New ones work.
            let late = try self.client(of: node, folder)
            _ = try await late.describe()
            await late.close()
            await client.close()
            #expect(log.lines.filter { $0.level >= .error }.isEmpty)
        }
    }

    @Test("A set that does not fit together is reported once, counted, and the former one stays")
    func halfWritten() async throws {
        let metrics = TestMetrics()
        func value(_ outcome: String) -> Int64 {
            metrics.counters.filter {
                $0.label == "chord_certificate_reloads_total"
                    && $0.dimensions.contains { $0 == ("outcome", outcome) }
            }.map(\.totalValue).reduce(0, +)
        }
        func isRefused() -> Double? {
            metrics.recorders.first { $0.label == "chord_certificate_files_refused" }?.lastValue
        }
        let folder = try await onOwnThread { try CertificateFolder() }
        defer { folder.remove() }
        let log = CapturedLog(level: .info)
        var configuration = try await configuration("n1")
        configuration.certificates = folder.certificates("n1")
        configuration.logger = log.logger
        let settings = configuration
        let node = try await withMetricsFactory(metrics) { try await ChordNode(settings) }
        try await running(node) {
            let before = node.tls.current.certificate.serial
            let renewed = try #require(folder.renewed[0]["n1"])
            try folder.putKey(renewed, as: "n1")
            let text = "the certificate files have changed and cannot be used"
            try await log.until { $0.contains { $0.message.contains(text) } }
            let line = try #require(log.lines(with: text).first)
            #expect(line.level == .error)
            let error = "\(line.metadata["chord.error"] ?? "")"
            #expect(error.contains("does not belong to the first"))
            #expect(isRefused() == 1)
            #expect(value("refused") == 1)
            #expect(node.tls.current.certificate.serial == before)
            let client = try client(of: node, folder)
            _ = try await client.describe()

            try folder.putCertificate(renewed, as: "n1")
            let after = try serial(of: renewed)
            try await eventually("the whole set is used") {
                node.tls.current.certificate.serial == after
            }
            try await eventually("the metric follows") { isRefused() == 0 }
            #expect(value("taken") == 1)
            #expect(log.lines(with: text).count == 1)
            await client.close()
        }
    }

    @Test("A key whose certificate comes a moment later is not reported")
    func slowWriter() async throws {
        try await withNode { folder, node, log in
            let renewed = try #require(folder.renewed[0]["n1"])
            try folder.putKey(renewed, as: "n1")
            let seen = folder.certificates("n1").seen
            // The node has looked, refused the set without a word, and waits for the rest.
            try await eventually("the node has tried the set") {
                node.certificateReloader.isIncomplete(seen)
            }
            try folder.putCertificate(renewed, as: "n1")
            let after = try serial(of: renewed)
            try await eventually("the whole set is used") {
                node.tls.current.certificate.serial == after
            }
            #expect(log.lines.filter { $0.level >= .error }.isEmpty)
        }
    }

    @Test("A revocation list that appears is noticed, and it may not vanish")
    func list() async throws {
        try await withNode { folder, node, log in
            try folder.put(folder.againstAlice)
            try await log.until {
                $0.last {
                    $0.message == "read the certificates again"
                }?.metadata["chord.revocation_lists"] == "\(folder.folder.path)/crl.pem"
            }
            try FileManager.default.removeItem(at: folder.folder.appending(path: "crl.pem"))
            try await log.until {
                $0.contains { "\($0.metadata["chord.error"] ?? "")".contains("is missing") }
            }
            try folder.put(folder.empty)
            try await eventually("the list is back") {
                log.lines(with: "read the certificates again").count == 2
            }
        }
    }
}

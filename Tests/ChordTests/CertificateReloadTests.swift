// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordTLS
import ChordTestSupport
import Foundation
import Logging
import Testing

/// Certificates of a running node: read anew, shown to operators.
@Suite(.tags(.network), .timeLimit(.minutes(5))) struct CertificateReloadTests {
    private func node(_ laid: CertificateFolder, _ log: CapturedLog) async throws -> ChordNode {
        var configuration = try await configuration("n1")
        configuration.certificates = laid.certificates("n1")
        configuration.logger = log.logger
        return try await ChordNode(configuration)
    }

    private func describe(
        _ node: ChordNode,
        as name: String,
        _ laid: CertificateFolder
    ) async throws -> NodeDescription {
        var settings = ChordClientConfiguration(
            nodes: [node.reference.address],
            certificates: laid.certificates(name)
        )
        settings.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let client = try ChordClient(settings)
        do {
            let answer = try await client.describe()
            await client.close()
            return answer
        } catch {
            await client.close()
            throw error
        }
    }

    @Test("A new revocation list turns revocation on, and a missing one does not turn it off")
    func lists() async throws {
        let laid = try await onOwnThread { try CertificateFolder() }
        defer { laid.remove() }
        let log = CapturedLog(level: .debug)
        let node = try await node(laid, log)
        try await running(node) {
            #expect(log.lines(with: "there is no revocation list").map(\.level) == [.notice])
            let before = try await describe(node, as: "client-alice", laid)
            #expect(before.certificates?.revocationList == nil)

            try laid.put(laid.againstAlice)
            try node.reloadCertificates()
            let told = log.lines(with: "read the certificates again")
            #expect(
                told.last?.metadata["chord.revocation_lists"]
                    == "\(laid.folder.path)/crl.pem"
            )
            let error = await #expect(throws: ChordError.self) {
                try await describe(node, as: "client-alice", laid)
            }
            // The client's own copy of the list says so first, before anything is dialled.
            let own = try #require((error?.cause as? TLSError)?.code)
            #expect(own == .certificateRevoked)
            let after = try await describe(node, as: "client-carol", laid)
            #expect((after.certificates?.revocationList ?? 0) > CertificateFile.now)

            try FileManager.default.removeItem(at: laid.folder.appending(path: "crl.pem"))
            let vanished = #expect(throws: ChordError.self) { try node.reloadCertificates() }
            let cause = try #require(vanished?.cause as? TLSError)
            #expect(cause.code == .revocationListVanished)
            #expect(cause.message.contains("is missing"))
            // Alice has no list any more and dials; the node still has it.
            let refused = await #expect(throws: ChordError.self) {
                try await describe(node, as: "client-alice", laid)
            }
            #expect(refused?.reasons == [.ownCertificateRefused])
            // Told as a refusal, with who and which certificate, and once however often she tries.
            _ = try? await describe(node, as: "client-alice", laid)
            let refusals = log.lines.filter { $0.level == .warning }
            #expect(refusals.count == 1, "\(refusals)")
            #expect(
                refusals.first?.metadata["chord.peer.name"]
                    == "'spiffe://chord.test/chord/client/alice'"
            )
            #expect(refusals.first?.metadata["chord.certificate.serial"] != nil)

            try laid.put(laid.empty)
            try node.reloadCertificates()
            _ = try await describe(node, as: "client-alice", laid)
        }
    }

    @Test("A node's description says when its certificates end")
    func description() async throws {
        let laid = try await onOwnThread { try CertificateFolder() }
        defer { laid.remove() }
        try laid.put(laid.empty)
        let node = try await node(laid, CapturedLog(level: .debug))
        try await running(node) {
            let ends = try #require(
                try await describe(node, as: "client-carol", laid).certificates
            )
            let leaf = try #require(
                try CertificateFile.inspect(file: "\(laid.folder.path)/n1.pem").first
            )
            #expect(ends.certificate == leaf.notAfter)
            #expect(ends.serial == leaf.serial)
            let root = try #require(
                try CertificateFile.inspect(file: "\(laid.folder.path)/ca.pem").first
            )
            #expect(ends.authority == root.notAfter)
            #expect((ends.revocationList ?? 0) > CertificateFile.now)
        }
    }
}

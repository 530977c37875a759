// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordIdentity
import ChordTLS
import Foundation
import ChordTestSupport
import Testing

@testable import Chord
@testable import ChordCLI

/// Hints depend on an error's codes and the running command, not on its message.
@Suite(.tags(.unit)) struct HintTests {
    private func failure(_ error: any Error, _ command: RunningCommand = .ask) -> CommandFailure {
        CommandFailure(explaining: error, in: command)
    }

    @Test("If no node answers, the hint depends on the command")
    func noContact() {
        let error = ChordError(.noContact, "noUsableIdentity: speaks no chord.v1, AdminService")
        #expect(failure(error, .serve).hint?.contains("--join HOST:PORT") == true)
        #expect(failure(error, .serve).hint?.contains("--node") == false)
        #expect(failure(error, .ask).hint?.contains("--node HOST:PORT") == true)
        #expect(failure(error, .ask).kind == .unavailable)
        #expect(failure(error, .cluster).hint?.contains("--base-port") == false)
    }

    @Test(
        "The cause decides hint and exit code",
        arguments: [
            (
                ChordError.Reason.ownCertificateRefused, CommandFailure.Kind.refused,
                "same authority"
            ),
            (.peerCertificateRefused, .refused, "same authority"),
            (.peerProvesHostOnly, .refused, "--admit-host-certificates"),
            (.peerIsAnother, .refused, "a host that its certificate names"),
            (.otherImplementation, .unavailable, "--dialect"),
            (.notOurProtocol, .unavailable, "is the port right?"),
        ]
    )
    func reasons(_ reason: ChordError.Reason, _ kind: CommandFailure.Kind, _ hint: String) {
        let beneath = ChordError(.noContact, "beneath", reasons: [reason])
        for error in [beneath, ChordError(.noContact, "above", cause: beneath)] {
            #expect(failure(error).kind == kind)
            #expect(failure(error).hint?.contains(hint) == true, "\(failure(error))")
        }
    }

    @Test("Refusals of administrators' calls have hints")
    func refusals() {
        let administrators = ChordError(.refused, "no", reasons: [.administratorsOnly])
        #expect(failure(administrators).hint?.contains("make admin-cert") == true)
        #expect(
            failure(ChordError(.refused, "AdminService")).hint?.contains("cert inspect") == true
        )
    }

    @Test("The hint about a ring's custom hash names no setting")
    func customHash() {
        let error = ChordError(.parametersDiffer, "hash", reasons: [.customHash])
        #expect(failure(error).hint?.contains("--id") == true)
        #expect(failure(error).hint?.contains("--hash") == false)
        #expect(
            failure(ChordError(.parametersDiffer, "x"), .serve).hint?.contains("--hash") == true
        )
        #expect(failure(ChordError(.parametersDiffer, "x"), .ask).hint?.contains("--hash") == false)
    }

    @Test("The hint renews a certificate with its own role")
    func certificates() {
        func hint(
            _ code: TLSError.Code,
            _ file: String,
            _ role: Role?,
            _ command: RunningCommand
        ) -> String {
            let error = TLSError(code, "m", about: .init(file: file, role: role))
            let above = ChordError(.invalidConfiguration, "cannot start", cause: error)
            return failure(above, command).hint ?? ""
        }
        #expect(
            hint(.certificateRevoked, "a/n1.pem", .node, .serve).contains(
                "make node-cert NAME=n1 FORCE=1"
            )
        )
        #expect(
            hint(.certificateExpired, "a/client-bob.pem", .client, .ask).contains(
                "make client-cert NAME=bob FORCE=1"
            )
        )
        #expect(
            hint(.certificateExpired, "a/admin-eve.pem", .admin, .ask).contains(
                "make admin-cert NAME=eve FORCE=1"
            )
        )
        #expect(hint(.fileMissing, "a/x.pem", nil, .ask).contains("make client-cert"))
        #expect(hint(.fileMissing, "a/x.pem", nil, .serve).contains("make node-cert"))
        #expect(hint(.revocationListExpired, "a/crl.pem", nil, .serve).contains("make crl"))
    }

    @Test("A reason is printed once")
    func once() {
        let identity = IdentityError(.noUsableIdentity, "it names nobody")
        let tls = TLSError(.identityRefused, "refused: it names nobody", cause: identity)
        #expect(failure(tls).message == "refused: it names nobody")
        #expect("\(tls)" == "identityRefused: refused: it names nobody")
        let above = ChordError(.noContact, "above", cause: ChordError(.noContact, "beneath"))
        #expect(failure(above).message == "above: beneath")
    }

    @Test(
        "An address of another machine is not reported as in use",
        .timeLimit(.minutes(2))
    )
    func listening() async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "listening")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Documentation's addresses (RFC 5737) are nobody's.
        try sets.lay(sets.otherAddress, in: folder)
        let foreign = try await ChordProcess.run([
            "serve", "--name", "n1", "--listen", "192.0.2.1:0", "--certs-dir", folder.path,
        ])
        #expect(foreign.code == 78)
        #expect(foreign.errors.contains("an address of this machine"), "\(foreign.errors)")
        #expect(!foreign.errors.contains("stop the program that listens there"))
    }

    @Test("A cluster with a revoked node reports it and starts nothing", .timeLimit(.minutes(2)))
    func cluster() async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "cluster")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try sets.lay(sets.revoked, list: sets.list, in: folder)
        let outcome = try await ChordProcess.run([
            "cluster", "1", "--certs-dir", folder.path, "--state-dir",
            folder.appending(path: "state").path,
        ])
        #expect(outcome.code == 78)
        #expect(outcome.errors.contains("is revoked by its issuer"), "\(outcome.errors)")
        #expect(outcome.errors.contains("make node-cert NAME=n1 FORCE=1"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("--base-port"))
    }
}

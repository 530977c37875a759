// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordTLS
import Foundation

/// `chord cert`.
struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert",
        abstract: "Look at certificates.",
        subcommands: [CertInspectCommand.self]
    )
}

/// `chord cert inspect`.
struct CertInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a certificate is and what it is good for.",
        discussion: """
            The first certificate in the file is judged as a ring's member would judge it. Where its \
            key, ca.pem and crl.pem lie beside it, they are checked with it. The exit code is 1 where \
            something is wrong.
            """
    )

    @Argument(help: ArgumentHelp("A PEM file.", valueName: "file"))
    var file: String

    @Option(
        help: ArgumentHelp(
            "A trust domain that is ours; repeatable. Default: that of the certificate.",
            valueName: "domain"
        )
    )
    var trustDomain: [String] = []

    func run() async throws {
        try await reportingFailures {
            let certificates = try CertificateFile.inspect(file: file)
            let now = Int64(Date().timeIntervalSince1970)
            for (index, certificate) in certificates.enumerated() {
                if index > 0 { Standard.output("") }
                let report = CertificateReport(
                    certificate: certificate,
                    now: now,
                    trustDomains: Set(trustDomain)
                )
                for line in report.lines { Standard.output(line) }
            }
            guard let leaf = certificates.first else { return }
            let judgement = CertificateJudgement(
                leaf,
                file: file,
                now: now,
                trustDomains: Set(trustDomain)
            )
            Standard.output("")
            for line in judgement.lines { Standard.output(line) }
            if !judgement.problems.isEmpty { throw ExitCode(1) }
        }
    }
}

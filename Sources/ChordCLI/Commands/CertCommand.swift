// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordTLS

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

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try await reportingFailures {
            let certificates = try CertificateFile.inspect(file: file)
            let now = Duration.sinceEpoch.components.seconds
            let reports = certificates.map {
                CertificateReport(certificate: $0, now: now, trustDomains: Set(trustDomain))
            }
            guard let leaf = certificates.first else { return }
            let judgement = CertificateJudgement(
                leaf,
                file: file,
                now: now,
                trustDomains: Set(trustDomain)
            )
            if json {
                let all: [(String, JSON)] = [("certificates", .array(reports.map(\.json)))]
                Standard.output(JSON.object(all + judgement.members).lines)
            } else {
                for report in reports {
                    for line in report.lines { Standard.output(line) }
                    Standard.output("")
                }
                for line in judgement.lines { Standard.output(line) }
            }
            if !judgement.problems.isEmpty { throw ExitCode(1) }
        }
    }
}

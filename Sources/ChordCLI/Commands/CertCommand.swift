// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
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
            The first certificate in the file is judged together with NAME.key, ca.pem and crl.pem beside \
            it, as chord serve and the other commands judge them when they start: what is called wrong \
            here they refuse, and what they refuse is called wrong here. The exit code is 1 where \
            something is wrong.
            """
    )

    @Argument(help: ArgumentHelp("A PEM file.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("Its key, in place of the one beside it.", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The authorities that are trusted.", valueName: "file"))
    var ca: String?

    @Option(help: ArgumentHelp("The revocation list.", valueName: "file"))
    var crl: String?

    @Option(
        help: ArgumentHelp(
            "The name of the node that is to show it. Default: the file's, where key and ca.pem lie"
                + " beside it.",
            valueName: "name"
        )
    )
    var name: String?

    @Option(
        help: ArgumentHelp("A host that others are to dial it at; repeatable.", valueName: "host")
    )
    var host: [String] = []

    @Option(
        help: ArgumentHelp(
            "A trust domain that is ours; repeatable. Default: that of the certificate.",
            valueName: "domain"
        )
    )
    var trustDomain: [String] = []

    @Flag(help: "Judge it for rings that run with --admit-host-certificates.")
    var admitHostCertificates = false

    @Flag(help: "Judge it for nodes that run with --require-crl.")
    var requireCrl = false

    @Flag(help: "Judge a peer's certificate, whose key is elsewhere.")
    var noKey = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try await reportingFailures {
            let read = try CertificateFile.inspect(file: file)
            let reports = read.map {
                CertificateReport(
                    certificate: $0,
                    now: CertificateFile.now,
                    trustDomains: Set(trustDomain)
                )
            }
            guard let leaf = read.first else { return }
            let judgement = CertificateJudgement(
                leaf,
                certificates,
                name: nameOfNode,
                hosts: host,
                hasKey: !noKey
            )
            if json {
                let all: [(String, JSON)] = [("certificates", .array(reports.map(\.json)))]
                StandardStreams.output(JSON.object(all + judgement.members).lines)
            } else {
                for report in reports {
                    for line in report.lines { StandardStreams.output(line) }
                    StandardStreams.output("")
                }
                for line in judgement.lines { StandardStreams.output(line) }
            }
            if !judgement.problems.isEmpty { throw ExitCode(1) }
        }
    }

    /// The folder that the file lies in, with a slash at its end, or nothing.
    private var folder: String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    /// The file's name without what follows the last dot.
    private var base: String {
        let name = file.dropFirst(folder.count)
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return String(name) }
        return String(name[..<dot])
    }

    private var certificates: Certificates {
        var certificates = Certificates(
            files: TLSFiles(
                certificateChain: file,
                privateKey: key ?? "\(folder)\(base).key",
                trustRoots: ca ?? "\(folder)ca.pem",
                revocationList: crl
            )
        )
        certificates.optionalRevocationList = "\(folder)crl.pem"
        certificates.trustDomains = Set(trustDomain)
        certificates.admitsHostCertificates = admitHostCertificates
        certificates.requiresRevocationLists = requireCrl
        return certificates
    }

    /// Files as `make certs` lays them out are shown by the node that is called as they are.
    private var nameOfNode: String? {
        if let name { return name }
        let files = certificates.files
        let isLaidOut =
            key == nil && ca == nil && file == "\(folder)\(base).pem"
            && CertificateFile.exists(files.privateKey) && CertificateFile.exists(files.trustRoots)
        return isLaidOut ? base : nil
    }
}

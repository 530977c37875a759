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
        abstract: "Inspect certificates.",
        subcommands: [CertInspectCommand.self]
    )
}

/// `chord cert inspect`.
struct CertInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a certificate contains and what it can be used for.",
        discussion: """
            The first certificate in the file is checked together with NAME.key, ca.pem and crl.pem in the \
            same folder. The checks are those that chord serve and the other commands make when they \
            start: exactly the reported problems make them refuse the files. The exit code is 1 if there \
            is a problem.
            """
    )

    @Argument(help: ArgumentHelp("A PEM file.", valueName: "file"), completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp(
            "The file of its key. Default: NAME.key in the same folder.",
            valueName: "file"
        )
    )
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The file of trusted authorities. Default: ca.pem in the same folder.",
            valueName: "file"
        )
    )
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "The file of the revocation list. Default: crl.pem in the same folder.",
            valueName: "file"
        )
    )
    var crl: String?

    @Option(
        help: ArgumentHelp(
            "The name of the node that will use it. Default: that of the file, if its key and ca.pem are"
                + " in the same folder.",
            valueName: "name"
        )
    )
    var name: String?

    @Option(
        help: ArgumentHelp(
            "A host at which others will dial the node; repeatable.",
            valueName: "host"
        )
    )
    var host: [String] = []

    @Option(
        help: ArgumentHelp(
            "An accepted trust domain; repeatable. Default: that of the certificate.",
            valueName: "domain"
        )
    )
    var trustDomain: [String] = []

    @Flag(help: "Check it for rings with --admit-host-certificates.")
    var admitHostCertificates = false

    @Flag(help: "Check it for nodes with --require-crl.")
    var requireCrl = false

    @Flag(help: "Check a certificate whose key is on another machine.")
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

    /// The file's folder with a slash at its end, or nothing.
    private var folder: String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    /// The file's name without its extension.
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

    /// Files named as by `make certs` belong to the node with the same name.
    private var nameOfNode: String? {
        if let name { return name }
        let files = certificates.files
        let isLaidOut =
            key == nil && ca == nil && file == "\(folder)\(base).pem"
            && CertificateFile.exists(files.privateKey) && CertificateFile.exists(files.trustRoots)
        return isLaidOut ? base : nil
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Chord
import ChordCommandLine
public import Logging

/// Where a node listens, whom it joins, how it runs.
struct NodeOptions: ParsableArguments {
    @Option(help: "The node's name, the one in its certificate.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 lets the system choose.",
            valueName: "host:port"
        )
    )
    var listen = "127.0.0.1:7946"

    @Option(
        help: ArgumentHelp(
            "What other nodes dial, where it differs from --listen.",
            valueName: "host:port"
        )
    )
    var advertise: String?

    @Option(
        help: ArgumentHelp(
            "A member to join through; repeat it to name others to try. With it, this node never begins a"
                + " ring that it was not a member of.",
            valueName: "host:port"
        )
    )
    var join: [String] = []

    @Option(
        help: ArgumentHelp(
            "The addresses of all founders of a new ring, this node's own among them, the same at each:"
                + " the ring begins when all are up. One that is there already is joined.",
            valueName: "host:port,..."
        )
    )
    var initialRing: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long to try to join or to wait for the other founders; \(Interval.help), or never.",
            valueName: "time"
        )
    )
    var joinTimeout = Patience(.seconds(60), "60s")

    @Option(
        help: ArgumentHelp(
            "How long leaving the ring may take; \(Interval.help).",
            valueName: "time"
        )
    )
    var leaveTimeout = Interval(seconds: 20)

    @Option(
        help: ArgumentHelp(
            "The folder of what this node remembers: that it has been a member, and the members that it"
                + " knew last. Its parent folder must be there. Default: chord/NAME in XDG_STATE_HOME,"
                + " else in ~/.local/state, which is made.",
            valueName: "folder"
        ),
        completion: .directory
    )
    var dataDir: String?

    @Option(
        help: ArgumentHelp("Time between two rounds of maintenance.", valueName: "time")
    )
    var stabilizeInterval = Interval(seconds: 1)

    @OptionGroup
    var failureDetection: PeerTimeoutOption

    @Option(help: ArgumentHelp("Threads to serve with.", valueName: "n"))
    var threads = 1

    func validate() throws {
        guard join.isEmpty || initialRing.isEmpty else {
            throw ValidationError("--join and --initial-ring exclude one another.")
        }
        try AddressList.check(
            join,
            of: "--join",
            "give HOST:PORT of a member; leave --join out only for the first node of a new ring"
        )
        try AddressList.check(
            initialRing,
            of: "--initial-ring",
            "give HOST:PORT of every founder, separated by commas"
        )
        guard dataDir != "" else {
            throw ValidationError("--data-dir is empty: is a variable not set? Give a folder.")
        }
        guard (1...256).contains(threads) else {
            throw ValidationError("--threads is from 1 to 256.")
        }
        guard stabilizeInterval.duration >= .milliseconds(1) else {
            throw ValidationError("--stabilize-interval is at least 1ms.")
        }
    }
}

extension NodeOptions {
    /// - Throws: a `CommandFailure` where others could not dial the node.
    func checkAddresses() throws(CommandFailure) {
        let hint = "--advertise HOST:PORT says which address of this machine others dial"
        if let advertise, Self.isEverywhere(advertise) {
            throw CommandFailure(
                .configuration,
                "--advertise \(advertise) is no address that anybody can dial",
                hint: hint
            )
        }
        if advertise == nil, Self.isEverywhere(listen) {
            throw CommandFailure(
                .configuration,
                "--listen \(listen) listens at all addresses of this machine, and others have to dial one",
                hint: hint
            )
        }
    }

    /// Whether an address stands for all addresses of a machine.
    private static func isEverywhere(_ address: String) -> Bool {
        ["0.0.0.0:", "[::]:", "[0:0:0:0:0:0:0:0]:"].contains { address.hasPrefix($0) }
    }
}

/// Which files make the node's certificate, and whose it accepts.
struct CertificateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of NAME.pem, NAME.key, ca.pem and crl.pem. Default: CHORD_CERTS_DIR, else"
                + " certs/generated.",
            valueName: "folder"
        )
    )
    var certsDir: String?

    @Option(help: ArgumentHelp("The certificate, in place of the folder's.", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("Its key.", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The authorities that are trusted.", valueName: "file"))
    var ca: String?

    @Option(
        help: ArgumentHelp(
            "The revocation list; it must be there. Default: crl.pem in the folder, where there is one.",
            valueName: "file"
        )
    )
    var crl: String?

    @Flag(
        help: ArgumentHelp(
            "Refuse certificates whose authority has no revocation list, where there are lists of others."
        )
    )
    var requireCrl = false

    @Option(
        help: ArgumentHelp(
            "A SPIFFE trust domain that is ours; repeatable. Default: that of the own certificate.",
            valueName: "domain"
        )
    )
    var trustDomain: [String] = []

    @Flag(
        help: ArgumentHelp(
            "Accept certificates without a SPIFFE name as nodes, proven for their host only: whoever"
                + " holds a host's certificate can claim any name there."
        )
    )
    var admitHostCertificates = false

    func certificates(for name: String) throws(CommandFailure) -> Certificates {
        var certificates = Certificates(
            directory: try RingOptions.directory(given: certsDir),
            name: name
        )
        if let cert { certificates.files.certificateChain = cert }
        if let key { certificates.files.privateKey = key }
        if let ca { certificates.files.trustRoots = ca }
        if let crl { certificates.files.revocationList = crl }
        certificates.requiresRevocationLists = requireCrl
        certificates.trustDomains = Set(trustDomain)
        certificates.admitsHostCertificates = admitHostCertificates
        return certificates
    }
}

/// What all members of a ring have in common.
struct ParameterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The ring's name.", valueName: "name"))
    var ring = "chord"

    @Option(
        help: ArgumentHelp(
            "Length of the successor lists; one less may crash at once without harm.",
            valueName: "n"
        )
    )
    var successors = 4

    @Option(help: ArgumentHelp("Bits of an identifier, 1 to 256.", valueName: "bits"))
    var width = 64

    @Option(help: ArgumentHelp("The hash: sha256 or sha1.", valueName: "name"))
    var hash = "sha256"

    @Option(
        help: ArgumentHelp(
            "Where a node's identifier comes from: name or address.",
            valueName: "what"
        )
    )
    var idFrom = "name"

    @Option(
        help: ArgumentHelp(
            "A contract of nodes of another make that may be members, besides our own; repeatable: "
                + DialectName.foreign.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "name"
        )
    )
    var dialect: [String] = []

    func validate() throws {
        for dialect in dialect where DialectName(rawValue: dialect) == nil {
            throw ValidationError(
                "--dialect is \(DialectName.foreign.map(\.rawValue).joined(separator: " or ")), not "
                    + "\"\(dialect)\"."
            )
        }
        guard HashFunction.named(hash) != nil else {
            throw ValidationError("--hash is sha256 or sha1, not \"\(hash)\".")
        }
        guard (1...32).contains(successors) else {
            throw ValidationError("--successors is from 1 to 32, not \(successors).")
        }
        let most = HashFunction.named(hash)?.bits ?? 256
        guard (1...most).contains(width) else {
            throw ValidationError("--width is from 1 to \(most) with --hash \(hash), not \(width).")
        }
        if width > 64, let dialect = dialect.first {
            throw ValidationError(
                "--width is at most 64 with --dialect \(dialect), whose identifiers have 64 bits, not"
                    + " \(width)."
            )
        }
        guard IdentifierRule(rawValue: idFrom) != nil else {
            throw ValidationError("--id-from is name or address, not \"\(idFrom)\".")
        }
    }

    /// The dialects that are spoken besides our own.
    var dialects: Set<DialectName> { Set(dialect.compactMap(DialectName.init)) }

    func configuration() throws -> RingConfiguration {
        try validate()
        var configuration = RingConfiguration(name: ring)
        configuration.successorCount = successors
        configuration.width = width
        configuration.hash = HashFunction.named(hash) ?? .sha256
        configuration.identifierRule = IdentifierRule(rawValue: idFrom) ?? .name
        return configuration
    }
}

/// What is logged, and how.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The least that is logged: trace, debug, info, notice, warning or error.",
            valueName: "level"
        )
    )
    var logLevel = Logger.Level.info

    @Option(help: ArgumentHelp("text or json.", valueName: "format"))
    var logFormat = LineLogHandler.Format.text

    /// A log whose every line names the node.
    func logger(of node: String) -> Logger {
        var logger = Logger(label: "chord") { _ in
            LineLogHandler(format: logFormat, level: logLevel)
        }
        logger[metadataKey: "chord.node"] = "\(node)"
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LineLogHandler.Format: ExpressibleByArgument {}

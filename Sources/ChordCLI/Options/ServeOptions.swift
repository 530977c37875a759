// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Chord
import ChordCommandLine
public import Logging

/// Options for addresses, joining and intervals.
struct NodeOptions: ParsableArguments {
    @Option(name: .customLong(Setting.name.name), help: Setting.name.help)
    var name: String

    @Option(.listen)
    var listen: String

    @Option(.advertise)
    var advertise: String?

    @Option(.join)
    var join: [String]

    @Option(.initialRing)
    var initialRing: [String]

    @Option(.joinTimeout)
    var joinTimeout: Patience

    @Option(.leaveTimeout)
    var leaveTimeout: Interval

    @Option(.dataDir, completion: .directory)
    var dataDir: String?

    @Option(.failureDomain)
    var failureDomain: String?

    @Option(.stabilizeInterval)
    var stabilizeInterval: Interval

    @OptionGroup
    var failureDetection: PeerTimeoutOption

    @Option(.threads)
    var threads: Int

    @Option(.memberCache)
    var memberCache: ByteSize

    func validate() throws {
        guard join.isEmpty || initialRing.isEmpty else {
            throw ValidationError("Give --join or --initial-ring, not both.")
        }
        try AddressList.check(
            join,
            of: "--join",
            "give HOST:PORT of a member; omit --join only for the first node of a new ring"
        )
        try AddressList.check(
            initialRing,
            of: "--initial-ring",
            "give HOST:PORT of every founder, separated by commas"
        )
        guard dataDir != "" else {
            throw ValidationError(
                "--data-dir is empty; is a shell variable not set? Otherwise give a folder."
            )
        }
        if let failureDomain {
            let lengths = NodeReference.failureDomainBytes
            guard lengths.contains(failureDomain.utf8.count) else {
                throw ValidationError(
                    "--failure-domain has \(failureDomain.utf8.count) bytes; give \(lengths.lowerBound) to"
                        + " \(lengths.upperBound)."
                )
            }
        }
        guard (1...256).contains(threads) else {
            throw ValidationError("--threads must be from 1 to 256.")
        }
        guard stabilizeInterval.duration >= .milliseconds(1) else {
            throw ValidationError("--stabilize-interval must be at least 1ms.")
        }
    }
}

extension NodeOptions {
    /// - Throws: a `CommandFailure` if other nodes could not dial the node.
    func checkAddresses() throws(CommandFailure) {
        let hint = "set --advertise HOST:PORT to the address of this machine that other nodes dial"
        if let advertise, Self.isEverywhere(advertise) {
            throw CommandFailure(
                .configuration,
                "--advertise \(advertise) is a wildcard address, which other nodes cannot dial",
                hint: hint
            )
        }
        if advertise == nil, Self.isEverywhere(listen) {
            throw CommandFailure(
                .configuration,
                "--listen \(listen) is a wildcard address, and other nodes need one that they can dial",
                hint: hint
            )
        }
    }

    /// Whether an address is a wildcard address.
    private static func isEverywhere(_ address: String) -> Bool {
        ["0.0.0.0:", "[::]:", "[0:0:0:0:0:0:0:0]:"].contains { address.hasPrefix($0) }
    }
}

/// The node's certificate files, and which certificates it accepts.
struct CertificateOptions: ParsableArguments {
    @Option(.certsDir)
    var certsDir: String?

    @Option(.cert)
    var cert: String?

    @Option(.key)
    var key: String?

    @Option(.ca)
    var ca: String?

    @Option(.crl)
    var crl: String?

    @OptionGroup
    var peers: PeerCertificateOptions

    @Option(.allowNames)
    var allowNames: String?

    func certificates(for name: String) throws(CommandFailure) -> Certificates {
        var certificates = Certificates(
            directory: try RingOptions.directory(given: certsDir),
            name: name
        )
        if let cert { certificates.files.certificateChain = cert }
        if let key { certificates.files.privateKey = key }
        if let ca { certificates.files.trustRoots = ca }
        if let crl { certificates.files.revocationList = crl }
        peers.apply(to: &certificates)
        certificates.admittedNodes = allowNames.map {
            $0.contains("/") ? .file($0) : .patterns(AddressList.addresses(in: [$0]))
        }
        return certificates
    }
}

/// Who may do what at the node.
struct AccessOptions: ParsableArguments {
    @Option(.policy, completion: .file())
    var policy: String?

    @Option(.auditLog, completion: .file())
    var auditLog: String?

    @Flag(.auditWrites)
    var auditWrites: Bool

    func validate() throws {
        guard auditLog != nil || !auditWrites else {
            throw ValidationError("--audit-writes needs --audit-log, the file to record writes in.")
        }
    }

    var configuration: AccessConfiguration {
        var configuration = AccessConfiguration()
        configuration.policy = policy
        configuration.auditLog = auditLog
        configuration.auditsWrites = auditWrites
        return configuration
    }
}

/// The parameters that all members of a ring share.
struct ParameterOptions: ParsableArguments {
    @Option(.ring)
    var ring: String

    @Option(.successors)
    var successors: Int

    @Option(.placements)
    var placements: Int?

    @Option(.width)
    var width: Int

    @Option(.hash)
    var hash: String

    @Option(.idFrom)
    var idFrom: String

    @Option(.dialect)
    var dialect: [String]

    func validate() throws {
        for dialect in dialect where DialectName(rawValue: dialect) == nil {
            throw ValidationError(
                "--dialect must be \(DialectName.foreign.map(\.rawValue).joined(separator: " or ")), not "
                    + "\"\(dialect)\"."
            )
        }
        guard HashFunction.named(hash) != nil else {
            throw ValidationError("--hash must be sha256 or sha1, not \"\(hash)\".")
        }
        guard (1...32).contains(successors) else {
            throw ValidationError("--successors must be from 1 to 32, not \(successors).")
        }
        if let placements {
            let most = RingParameters.largestPlacements
            guard (1...most).contains(placements) else {
                throw ValidationError("--placements is from 1 to \(most), not \(placements).")
            }
            if placements > 1, let dialect = dialect.first {
                throw ValidationError(
                    "--placements is 1 with --dialect \(dialect), whose nodes have one place each, not"
                        + " \(placements)."
                )
            }
        }
        let most = HashFunction.named(hash)?.bits ?? 256
        guard (1...most).contains(width) else {
            throw ValidationError(
                "--width must be from 1 to \(most) with --hash \(hash), not \(width)."
            )
        }
        if width > 64, let dialect = dialect.first {
            throw ValidationError(
                "--width must be at most 64 with --dialect \(dialect), whose identifiers have 64 bits, not"
                    + " \(width)."
            )
        }
        guard IdentifierRule(rawValue: idFrom) != nil else {
            throw ValidationError("--id-from must be name or address, not \"\(idFrom)\".")
        }
    }

    /// The dialects that are spoken besides our own.
    var dialects: Set<DialectName> { Set(dialect.compactMap(DialectName.init)) }

    func configuration() throws -> RingConfiguration {
        try validate()
        var configuration = RingConfiguration(name: ring)
        configuration.successorCount = successors
        configuration.placements = placements
        configuration.width = width
        configuration.hash = HashFunction.named(hash) ?? .sha256
        configuration.identifierRule = IdentifierRule(rawValue: idFrom) ?? .name
        return configuration
    }
}

/// The node's part of the ring's store.
struct StoreOptions: ParsableArguments {
    @Option(.store)
    var store: String?

    @Flag(.noStore)
    var noStore: Bool

    @Option(.replicas)
    var replicas: Int

    @Option(.replaceAfter)
    var replaceAfter: Interval

    @Option(.rebalanceRate)
    var rebalanceRate: ByteSize

    @Flag(.leaseReads)
    var leaseReads: Bool

    @Option(.rangeSize)
    var rangeSize: ByteSize

    @Option(.storeQuota)
    var storeQuota: ByteSize?

    func validate() throws {
        if let store, !["disk", "memory"].contains(store) {
            throw ValidationError("--store must be disk or memory, not \"\(store)\".")
        }
        guard store == nil || !noStore else {
            throw ValidationError("Give --store or --no-store, not both.")
        }
        guard [1, 3, 5, 7].contains(replicas) else {
            throw ValidationError("--replicas must be 1, 3, 5 or 7, not \(replicas).")
        }
        guard storeQuota?.bytes != 0 else {
            throw ValidationError(
                "--store-quota must be more than 0; without it there is no quota."
            )
        }
        guard StoreConfiguration.rangeSizes.contains(rangeSize.bytes) else {
            throw ValidationError("--range-size must be from 16KiB to 1GiB.")
        }
        guard replaceAfter.duration >= .seconds(1) else {
            throw ValidationError("--replace-after must be at least 1s.")
        }
    }

    /// The node's part of the store.
    ///
    /// - Parameter isMixed: whether nodes of other implementations may be members. Such a node cannot tell a joiner
    ///   which store the ring has, so a mixed ring has one only where it is asked for.
    func configuration(isMixed: Bool) -> StoreConfiguration {
        let standard: StoreConfiguration.Engine = noStore || isMixed ? .routing : .disk
        var configuration = StoreConfiguration(
            store.flatMap(StoreConfiguration.Engine.init) ?? standard
        )
        configuration.replicas = replicas
        configuration.replaceAfter = replaceAfter.duration
        configuration.rebalanceRate = rebalanceRate.bytes == 0 ? nil : rebalanceRate.bytes
        configuration.leaseReads = leaseReads
        configuration.quota = storeQuota?.bytes
        configuration.rangeSize = rangeSize.bytes
        return configuration
    }
}

/// Options of the log.
struct LogOptions: ParsableArguments {
    @Option(.logLevel)
    var logLevel: Logger.Level

    @Option(.logFormat)
    var logFormat: LineLogHandler.Format

    /// A logger that names the node in every line.
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

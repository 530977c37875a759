// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

// Every setting of `serve` and of the commands that ask a ring.

extension Setting {
    /// The settings of `serve`, in the order of the reference.
    static let serve: [(title: String, settings: [Setting])] = [
        (
            "The node",
            [
                name, listen, advertise, join, initialRing, joinTimeout, leaveTimeout, dataDir,
                failureDomain, stabilizeInterval, peerTimeout, threads, memberCache,
            ]
        ),
        (
            "Its certificates",
            [
                certsDir, cert, key, ca, crl, requireCrl, trustDomain, admitHostCertificates,
                allowNames,
            ]
        ),
        ("Who may do what", [policy, auditLog, auditWrites]),
        (
            "The ring's parameters, the same at every member",
            [ring, successors, placements, hash, width, idFrom, dialect]
        ),
        (
            "Its part of the store",
            [
                store, noStore, replicas, replaceAfter, rebalanceRate, storeQuota, rangeSize,
                leaseReads,
            ]
        ),
        ("The log", [logLevel, logFormat]),
    ]

    /// The settings of commands that ask a ring.
    static let client: [Setting] = [
        node, certsDir, shownAs, requireCrl, trustDomain, admitHostCertificates, peerTimeout,
    ]

    static let name = Setting(
        name: "name",
        unit: "name",
        summary: "The node's name, as in its certificate.",
        tradeOff:
            "The node's identifier is the hash of its name, so a new name is a new place in the"
            + " ring."
    )
    static let listen = Setting(
        name: "listen",
        unit: "host:port",
        standard: "127.0.0.1:7946",
        summary: "The address to listen on. With port 0 the system chooses the port.",
        tradeOff:
            "A wildcard address also needs `--advertise`. With a fixed port other nodes find this"
            + " node after a restart."
    )
    static let advertise = Setting(
        name: "advertise",
        unit: "host:port",
        summary: "The address that other nodes dial, if it differs from --listen.",
        tradeOff:
            "Needed behind address translation, or with a wildcard address. Other nodes refuse a"
            + " node that they cannot dial at this address."
    )
    static let join = Setting(
        name: "join",
        kind: .list,
        unit: "host:port",
        summary:
            "The address of a member to join through; repeatable, for more members to try. With it,"
            + " a node that has never been a member begins no ring.",
        tradeOff: "With more members the node can start while some of them are down.",
        group: "begin"
    )
    static let initialRing = Setting(
        name: "initial-ring",
        kind: .list,
        unit: "host:port,...",
        summary:
            "The addresses of all founders of a new ring, including this node's. Every founder needs"
            + " the same list. The ring begins when all founders are up. If the ring exists already,"
            + " the node joins it.",
        tradeOff: "Safer than one first node, but the ring waits for the slowest founder.",
        group: "begin"
    )
    static let joinTimeout = Setting(
        name: "join-timeout",
        unit: "time",
        standard: "60s",
        summary:
            "How long to try to join, or to wait for the other founders; \(Interval.help), or never.",
        tradeOff:
            "A longer time waits for members that start slowly. With a shorter time a supervisor"
            + " learns of the failure sooner."
    )
    static let leaveTimeout = Setting(
        name: "leave-timeout",
        unit: "time",
        standard: "20s",
        summary: "How long leaving the ring may take; \(Interval.help).",
        tradeOff:
            "With a longer time slow neighbours still learn of it. Others find out by their own"
            + " maintenance."
    )
    static let dataDir = Setting(
        name: "data-dir",
        unit: "folder",
        summary:
            "The folder where this node stores that it has been a member, and which members it knew"
            + " last. The parent folder must exist. Default: chord/NAME in XDG_STATE_HOME, else in"
            + " ~/.local/state, which is created.",
        tradeOff:
            "On a disk that outlives the machine, a node also finds its ring after a move to another"
            + " machine."
    )
    static let failureDomain = Setting(
        name: "failure-domain",
        unit: "text",
        summary:
            "What this node fails together with, such as its rack or zone; 1 to 64 bytes. Other nodes see"
            + " it, and chord describe shows it.",
        tradeOff:
            "Give all nodes the same kind of domain. Nothing depends on it yet; it is for the placement"
            + " of replicas."
    )
    static let stabilizeInterval = Setting(
        name: "stabilize-interval",
        unit: "time",
        standard: "1s",
        summary: "Time between two rounds of maintenance.",
        tradeOff: "A shorter time detects crashes sooner; a longer one costs fewer messages."
    )
    static let peerTimeout = Setting(
        name: "peer-timeout",
        unit: "time",
        summary:
            "Time without an answer after which a node counts as dead; \(Interval.help). Slow"
            + " machines and long distances need more. Default: CHORD_PEER_TIMEOUT, else 1s.",
        tradeOff:
            "A shorter time routes around dead nodes sooner; a longer one tolerates nodes that pause."
    )
    static let threads = Setting(
        name: "threads",
        unit: "n",
        standard: "1",
        summary: "The number of threads that serve calls.",
        tradeOff:
            "One thread serves some hundred thousand lookups per second. Each further thread has its"
            + " own connection to every peer."
    )
    static let memberCache = Setting(
        name: "member-cache",
        unit: "size",
        standard: "2MiB",
        summary:
            "The memory for members that this node knows beside its routing table, from answers to lookups; 0 keeps"
            + " none.",
        tradeOff:
            "Most lookups take one hop to members that are known, about 200 bytes each, and some connect to a"
            + " member that was not called before. With 0 they take about half the logarithm of the ring's size."
    )
    static let certsDir = Setting(
        name: "certs-dir",
        unit: "folder",
        summary:
            "The folder of NAME.pem, NAME.key, ca.pem and crl.pem. Default: CHORD_CERTS_DIR, else"
            + " certs/generated.",
        tradeOff:
            "One folder for all certificates is simple. On its own host a node needs only its own"
            + " files."
    )
    static let cert = Setting(
        name: "cert",
        unit: "file",
        summary: "The certificate's file, instead of NAME.pem in the folder.",
        tradeOff: "For certificates with other file names."
    )
    static let key = Setting(
        name: "key",
        unit: "file",
        summary: "The key's file, instead of NAME.key in the folder.",
        tradeOff: "For keys with other file names. The file must have mode 0600."
    )
    static let ca = Setting(
        name: "ca",
        unit: "file",
        summary: "The file of trusted authorities, instead of ca.pem in the folder.",
        tradeOff:
            "With several authorities in one file, a new authority can replace an old one without"
            + " interruption."
    )
    static let crl = Setting(
        name: "crl",
        unit: "file",
        summary:
            "The file of the revocation list, which must exist. Default: crl.pem in the folder, if"
            + " it exists.",
        tradeOff: "With this option the node does not start if the list is missing."
    )
    static let requireCrl = Setting(
        name: "require-crl",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Refuse certificates whose authority has no revocation list, if there are lists of other"
            + " authorities.",
        tradeOff:
            "Safer, but if one list is missing, all certificates of its authority are refused."
    )
    static let trustDomain = Setting(
        name: "trust-domain",
        kind: .list,
        unit: "domain",
        summary:
            "An accepted SPIFFE trust domain; repeatable. Default: that of the node's own"
            + " certificate.",
        tradeOff: "Each further domain admits its members to the ring."
    )
    static let admitHostCertificates = Setting(
        name: "admit-host-certificates",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Accept nodes whose certificates have no SPIFFE name. Such a certificate proves only its"
            + " host: its holder can claim any node name there.",
        tradeOff: "Needed for nodes of other implementations; weaker than names in certificates."
    )
    static let allowNames = Setting(
        name: "allow-names",
        unit: "names or file",
        summary:
            "The names of nodes that may be members, separated by commas, with * for any characters;"
            + " or a file with one per line, given with a / in its path. Default: any name.",
        tradeOff:
            "A stolen certificate of another service of the same authority is no member then. New"
            + " members must be added to the list of every node."
    )
    static let policy = Setting(
        name: "policy",
        unit: "file",
        summary:
            "A file with rules about who may get, put, delete, watch, look up, walk and administer"
            + " (docs/policy.md). Default: what the roles of certificates allow.",
        tradeOff: "Give every node the same rules: each judges the calls that it gets."
    )
    static let auditLog = Setting(
        name: "audit-log",
        unit: "file",
        summary: "A file that gets a line of JSON for each administrator's call and each refusal.",
        tradeOff: "Who has done what can be found out later. The file grows: rotate it."
    )
    static let auditWrites = Setting(
        name: "audit-writes",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Record writes of clients in the audit log too, with their keys and without values.",
        tradeOff: "A line of about 300 bytes for each write."
    )
    static let ring = Setting(
        name: "ring",
        unit: "name",
        standard: "chord",
        summary: "The ring's name.",
        tradeOff: "Nodes of rings with different names refuse each other."
    )
    static let successors = Setting(
        name: "successors",
        unit: "n",
        standard: "4",
        summary:
            "Length of the successor lists, 1 to 32. The ring survives if fewer neighbouring nodes"
            + " than this crash at once.",
        tradeOff: "Each further entry costs a node reference in every maintenance answer."
    )
    static let placements = Setting(
        name: "placements",
        unit: "n",
        summary:
            "Places on the circle that each node may take, 1 to 64, of which it takes the one that makes"
            + " shares most even. Default: that of the ring which the node joins; for a new ring"
            + " \(RingConfiguration.standardPlacements), or 1 with --dialect.",
        tradeOff:
            "More make shares more even, and cost a node that joins as many lookups, made together."
            + " `1` for rings that nodes of version 0.1 or of other implementations are to join."
    )
    static let width = Setting(
        name: "width",
        unit: "bits",
        standard: "64",
        summary: "The number of bits of an identifier, 1 to 256.",
        tradeOff:
            "With fewer bits messages are shorter, and two nodes are more likely to have the same"
            + " identifier."
    )
    static let hash = Setting(
        name: "hash",
        unit: "name",
        standard: "sha256",
        summary: "The hash function: sha256 or sha1.",
        tradeOff: "`sha1` only for rings that already use it."
    )
    static let idFrom = Setting(
        name: "id-from",
        unit: "source",
        standard: "name",
        summary: "The source of a node's identifier: name or address.",
        tradeOff:
            "`address` is for rings whose members have no names. A node then gets a new identifier"
            + " with a new address."
    )
    static let dialect = Setting(
        name: "dialect",
        kind: .list,
        unit: "name",
        summary:
            "An additional RPC contract, so that nodes of another implementation can be members;"
            + " repeatable: "
            + DialectName.foreign.map(\.rawValue).joined(separator: ", ") + ".",
        tradeOff:
            "Required at every node of this implementation as soon as one member uses the contract."
    )
    static let logLevel = Setting(
        name: "log-level",
        unit: "level",
        standard: "info",
        summary: "The lowest level that is logged: trace, debug, info, notice, warning or error.",
        tradeOff:
            "`debug` shows each step of maintenance and `trace` each message; both cost time and"
            + " space."
    )
    static let logFormat = Setting(
        name: "log-format",
        unit: "format",
        standard: "text",
        summary: "The format of log lines: text or json.",
        tradeOff: "`json` is for log collectors."
    )
    static let config = Setting(
        name: "config",
        unit: "file",
        summary:
            "A file of settings with lines CHORD_NAME=value; docs/configuration.md lists them."
            + " Default: CHORD_CONFIG, else .chord.env for the settings that clients also have.",
        tradeOff: "One file per node keeps its command line short."
    )
    static let node = Setting(
        name: "node",
        kind: .list,
        unit: "host:port",
        summary:
            "The address of a member to ask; repeatable, for more members to try if one is down."
            + " Default, except for leave: CHORD_NODE, else 127.0.0.1:7946.",
        tradeOff: "With more members a command works while some of them are down."
    )
    static let shownAs = Setting(
        name: "as",
        unit: "name",
        summary:
            "The certificate to use: the name of its file without .pem. Default: CHORD_AS, else the"
            + " only client-….pem in the folder.",
        tradeOff: "Commands for administrators need the certificate of an administrator."
    )
}

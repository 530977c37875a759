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
                stabilizeInterval, peerTimeout, threads,
            ]
        ),
        (
            "Its certificates",
            [certsDir, cert, key, ca, crl, requireCrl, trustDomain, admitHostCertificates]
        ),
        (
            "The ring's parameters, the same at every member",
            [ring, successors, hash, width, idFrom, dialect]
        ),
        ("The log", [logLevel, logFormat]),
    ]

    /// The settings of commands that ask a ring.
    static let client: [Setting] = [node, certsDir, shownAs, peerTimeout]

    static let name = Setting(
        name: "name",
        unit: "name",
        summary: "The node's name, the one in its certificate.",
        tradeOff: "The node's identifier is its hash: another name is another place in the ring."
    )
    static let listen = Setting(
        name: "listen",
        unit: "host:port",
        standard: "127.0.0.1:7946",
        summary: "Where to listen; port 0 lets the system choose.",
        tradeOff:
            "A wildcard address needs `--advertise`; a fixed port lets others find the node again."
    )
    static let advertise = Setting(
        name: "advertise",
        unit: "host:port",
        summary: "What other nodes dial, where it differs from --listen.",
        tradeOff:
            "Needed behind a translation or with a wildcard address; others refuse a node that they"
            + " cannot dial there."
    )
    static let join = Setting(
        name: "join",
        kind: .list,
        unit: "host:port",
        summary:
            "A member to join through; repeat it to name others to try. With it, this node never"
            + " begins a ring that it was not a member of.",
        tradeOff: "More members make a start possible while some are down.",
        group: "begin"
    )
    static let initialRing = Setting(
        name: "initial-ring",
        kind: .list,
        unit: "host:port,...",
        summary:
            "The addresses of all founders of a new ring, this node's own among them, the same at"
            + " each: the ring begins when all are up. One that is there already is joined.",
        tradeOff: "Safer than one first node, and the ring waits for the slowest founder.",
        group: "begin"
    )
    static let joinTimeout = Setting(
        name: "join-timeout",
        unit: "time",
        standard: "60s",
        summary:
            "How long to try to join or to wait for the other founders; \(Interval.help), or never.",
        tradeOff: "Longer waits for members that start slowly; shorter tells a supervisor sooner."
    )
    static let leaveTimeout = Setting(
        name: "leave-timeout",
        unit: "time",
        standard: "20s",
        summary: "How long leaving the ring may take; \(Interval.help).",
        tradeOff: "Longer lets slow neighbours hear of it; who does not hear finds out by itself."
    )
    static let dataDir = Setting(
        name: "data-dir",
        unit: "folder",
        summary:
            "The folder of what this node remembers: that it has been a member, and the members that"
            + " it knew last. Its parent folder must be there. Default: chord/NAME in XDG_STATE_HOME,"
            + " else in ~/.local/state, which is made.",
        tradeOff: "On a disk that survives the machine, a node finds its ring again after a move."
    )
    static let stabilizeInterval = Setting(
        name: "stabilize-interval",
        unit: "time",
        standard: "1s",
        summary: "Time between two rounds of maintenance.",
        tradeOff: "Shorter finds crashes sooner; longer costs fewer messages."
    )
    static let peerTimeout = Setting(
        name: "peer-timeout",
        unit: "time",
        summary:
            "How long a node may be silent before it counts as dead, \(Interval.help): more where"
            + " machines are slow or far apart. Default: CHORD_PEER_TIMEOUT, else 1s.",
        tradeOff:
            "Shorter routes around dead nodes sooner; longer spares live ones that stand still."
    )
    static let threads = Setting(
        name: "threads",
        unit: "n",
        standard: "1",
        summary: "Threads to serve with.",
        tradeOff:
            "One serves some hundred thousand lookups per second; each more connects to every peer"
            + " once more."
    )
    static let certsDir = Setting(
        name: "certs-dir",
        unit: "folder",
        summary:
            "The folder of NAME.pem, NAME.key, ca.pem and crl.pem. Default: CHORD_CERTS_DIR, else"
            + " certs/generated.",
        tradeOff:
            "One folder for all certificates is simple; on a host of its own a node needs its own"
            + " files alone."
    )
    static let cert = Setting(
        name: "cert",
        unit: "file",
        summary: "The certificate, in place of the folder's.",
        tradeOff: "For files that are laid out otherwise."
    )
    static let key = Setting(
        name: "key",
        unit: "file",
        summary: "Its key.",
        tradeOff: "For files that are laid out otherwise; mode 0600."
    )
    static let ca = Setting(
        name: "ca",
        unit: "file",
        summary: "The authorities that are trusted.",
        tradeOff: "Several authorities in one file let one replace another without an interruption."
    )
    static let crl = Setting(
        name: "crl",
        unit: "file",
        summary:
            "The revocation list; it must be there. Default: crl.pem in the folder, where there is"
            + " one.",
        tradeOff: "Named, a list that is missing keeps the node from starting."
    )
    static let requireCrl = Setting(
        name: "require-crl",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Refuse certificates whose authority has no revocation list, where there are lists of"
            + " others.",
        tradeOff:
            "Safer; an authority whose list is forgotten is refused with all that it has issued."
    )
    static let trustDomain = Setting(
        name: "trust-domain",
        kind: .list,
        unit: "domain",
        summary:
            "A SPIFFE trust domain that is ours; repeatable. Default: that of the own certificate.",
        tradeOff: "Each more lets members of another domain in."
    )
    static let admitHostCertificates = Setting(
        name: "admit-host-certificates",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary: "Accept certificates without a SPIFFE name as nodes, proven for their host only:"
            + " whoever holds a host's certificate can claim any name there.",
        tradeOff: "Needed for nodes of other implementations; weaker than names in certificates."
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
        summary: "Length of the successor lists; one less may crash at once without harm.",
        tradeOff: "Each more costs a node reference in every maintenance answer. 1 to 32."
    )
    static let width = Setting(
        name: "width",
        unit: "bits",
        standard: "64",
        summary: "Bits of an identifier, 1 to 256.",
        tradeOff: "Fewer make messages shorter and two nodes at one identifier likelier."
    )
    static let hash = Setting(
        name: "hash",
        unit: "name",
        standard: "sha256",
        summary: "The hash: sha256 or sha1.",
        tradeOff: "`sha1` for rings that use it already."
    )
    static let idFrom = Setting(
        name: "id-from",
        unit: "what",
        standard: "name",
        summary: "Where a node's identifier comes from: name or address.",
        tradeOff:
            "`address` for rings whose members have no names; a node that moves is another one then."
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
        summary: "The least that is logged: trace, debug, info, notice, warning or error.",
        tradeOff: "`debug` shows each step of maintenance, `trace` each message, at a cost."
    )
    static let logFormat = Setting(
        name: "log-format",
        unit: "format",
        standard: "text",
        summary: "text or json.",
        tradeOff: "`json` for log collectors."
    )
    static let config = Setting(
        name: "config",
        unit: "file",
        summary:
            "A file of settings, lines CHORD_NAME=value; docs/configuration.md lists them. Default:"
            + " CHORD_CONFIG, else .chord.env for the settings that clients have too.",
        tradeOff: "One file per node keeps its command line short."
    )
    static let node = Setting(
        name: "node",
        kind: .list,
        unit: "host:port",
        summary:
            "A member to ask; repeat it to name others to try when one is down. Default, except for"
            + " leave: CHORD_NODE, else 127.0.0.1:7946.",
        tradeOff: "More members make an answer possible while some are down."
    )
    static let shownAs = Setting(
        name: "as",
        unit: "name",
        summary:
            "Whose certificate to show, as its file is called without .pem. Default: CHORD_AS, else"
            + " the only client-….pem there is.",
        tradeOff: "Administrators' commands take the certificate of an administrator."
    )
}

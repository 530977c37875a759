// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

// Explains the library's errors to the user, with a hint about the remedy.
//
// Hints depend on error codes and on the running command, never on error texts.

/// The running command, as far as hints depend on it.
enum RunningCommand {
    /// `chord serve`.
    case serve
    /// A node that `chord cluster` runs.
    case clusterNode
    /// `chord cluster` itself.
    case cluster
    /// A command that asks a ring.
    case ask
    /// A line of `chord shell`.
    case shell
}

extension CommandFailure {
    /// Explains any error.
    init(explaining error: any Error, in command: RunningCommand = .ask) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ChordError: self.init(chord: error, command)
        case let error as StoreClientError: self.init(store: error, command)
        case let error as TLSError:
            self.init(.configuration, error.message, hint: CertificateHint(error, command).text)
        case is CancellationError: self.init(.failed, "interrupted")
        default: self.init(.failed, "\(error)")
        }
    }

    private init(chord error: ChordError, _ command: RunningCommand) {
        let text = Self.sentence(of: error)
        switch error.code {
        case .invalidConfiguration: self.init(settings: error, command)
        case .nameTaken:
            self.init(
                .configuration,
                text,
                hint: "each running node needs its own name; wait until the other node has ended"
            )
        case .parametersDiffer:
            self.init(.configuration, text, hint: Self.hint(difference: error, command))
        case .noContact where (error.cause as? JoinFailure)?.allWait == true:
            self.init(
                .unavailable,
                text,
                hint:
                    "start all nodes that begin a ring together with the same --initial-ring;"
                    + " --join takes addresses of members of an existing ring"
            )
        case .noContact: self.init(contact: error, text, command)
        case .unreachable:
            self.init(
                .unavailable,
                text,
                hint: "set --advertise HOST:PORT to an address that the other members can dial;"
                    + " a firewall must allow these connections"
            )
        case .stopped: self.init(.unavailable, text)
        case .cancelled: self.init(.failed, "interrupted")
        case .notMember:
            self.init(
                .unavailable,
                text,
                hint: "the node has not joined yet or is leaving; try again"
            )
        case .refused where error.allReasons.contains(.administratorsOnly):
            self.init(
                .refused,
                text,
                hint: "this needs an administrator's certificate: make admin-cert NAME=bob, then"
                    + " --as admin-bob"
            )
        case .refused:
            self.init(
                .refused,
                text,
                hint: "chord cert inspect FILE shows what a certificate can be used for"
            )
        case .invalidAnswer:
            self.init(
                .failed,
                text,
                hint: "that node is faulty or lies; ask another node with --node HOST:PORT"
            )
        case .lookupFailed, .deadlineExceeded:
            self.init(.failed, text, hint: "chord ring shows whether the ring is ideal; try again")
        case .replaced:
            self.init(
                .failed,
                text,
                hint:
                    "a newer process with this name is running; it continues, and this one has ended"
            )
        default:
            self.init(.failed, text)
        }
    }

    private init(settings error: ChordError, _ command: RunningCommand) {
        let hint: String
        switch error.cause {
        case let tls as TLSError:
            self.init(.configuration, tls.message, hint: CertificateHint(tls, command).text)
            return
        case is AddressError:
            hint = "an address is HOST:PORT, for example 10.0.0.1:7946 or [::1]:7946"
        case let transport as TransportError: hint = Self.hint(transport, command)
        case is DataDirectoryFailure: hint = "use another folder with --data-dir FOLDER"
        case is JoinFailure:
            hint =
                "set --join to another member, or --initial-ring, at each node, to all nodes that begin"
                + " a ring together; without both this node begins a new ring"
        default:
            switch command {
            case .serve, .clusterNode: hint = "chord help serve lists the settings"
            case .cluster: hint = "chord help cluster lists the settings"
            case .ask: hint = "--help after the command lists its settings"
            case .shell: hint = "chord help shell lists the settings"
            }
        }
        self.init(.configuration, Self.sentence(of: error), hint: hint)
    }

    private static func hint(_ error: TransportError, _ command: RunningCommand) -> String {
        let isOne = command == .clusterNode || command == .cluster
        return switch error.code {
        case .addressInUse where isOne:
            "stop the program that listens there, or use --base-port; with 0 the system chooses ports"
        case .addressInUse:
            "stop the program that listens there, or choose another port; with port 0 the system chooses"
        case .addressNotOurs:
            "--listen needs an address of this machine; --advertise is the address that others dial"
        case .portReserved:
            "ports below 1024 need a permission; choose another port, or allow it"
                + " (CAP_NET_BIND_SERVICE)"
        case .resolveFailed: "is the host name spelled correctly? An IP address also works"
        default: "chord help serve lists the settings"
        }
    }

    private static func hint(difference error: ChordError, _ command: RunningCommand) -> String {
        if error.allReasons.contains(.customHash) {
            return
                "only programs that have the ring's hash function can look its keys up; chord lookup"
                + " --id looks up an identifier"
        }
        switch command {
        case .serve, .clusterNode, .cluster:
            return
                "give --ring, --hash, --width, --id-from, --successors and --placements as the ring has them, or join"
                + " another"
        case .ask, .shell: return "chord describe shows the parameters of a node's ring"
        }
    }

    /// No contact answered as a member. Problems with certificates are reported first, because they
    /// matter more than nodes that are down.
    private init(contact error: ChordError, _ text: String, _ command: RunningCommand) {
        self.init(unreached: error.allReasons, text, command)
    }

    /// No node could be reached, for these reasons.
    init(unreached reasons: [ChordError.Reason], _ text: String, _ command: RunningCommand) {
        if reasons.contains(.peerProvesHostOnly) {
            self.init(
                .refused,
                text,
                hint:
                    "--admit-host-certificates accepts such nodes; their certificates prove only the host;"
                    + " docs/interop.md says when to use it"
            )
        } else if reasons.contains(.otherImplementation) {
            self.init(
                .unavailable,
                text,
                hint:
                    "a node of another implementation is joined with --dialect; for other commands"
                    + " name a node of this implementation"
            )
        } else if reasons.contains(.ownCertificateRefused)
            || reasons.contains(.peerCertificateRefused)
        {
            self.init(
                .refused,
                text,
                hint:
                    "both sides need certificates of the same authority and the same trust domain;"
                    + " chord cert inspect FILE shows both"
            )
        } else if reasons.contains(.peerIsAnother) {
            self.init(
                .refused,
                text,
                hint:
                    "dial it at a host that its certificate names, or issue it one that names this"
                    + " host: make node-cert NAME=… HOSTS=… FORCE=1"
            )
        } else if reasons.contains(.notOurProtocol) {
            self.init(
                .unavailable,
                text,
                hint: "another kind of program listens there; is the port right?"
            )
        } else {
            let hint =
                switch command {
                case .serve:
                    "is a node running there? Repeat --join HOST:PORT to give other members"
                case .ask:
                    "is a node running there? Repeat --node HOST:PORT to give other members"
                case .shell: "is a node running there?"
                case .clusterNode, .cluster: "each node's log in the state folder shows the reason"
                }
            self.init(.unavailable, text, hint: hint)
        }
    }

    /// The message, with the messages of its causes.
    static func sentence(of error: any Error) -> String {
        switch error {
        // The reason why an identity was refused is already part of the message.
        case let error as TLSError:
            join(error.message, error.cause is IdentityError ? nil : error.cause)
        case let error as any CodedError: join(error.message, error.cause)
        default: "\(error)"
        }
    }

    private static func join(_ message: String, _ cause: (any Error)?) -> String {
        guard let cause else { return message }
        return "\(message): \(sentence(of: cause))"
    }
}

/// Runs a command. Turns errors into lines on standard error and an exit code.
///
/// - Parameter command: The running command, on which hints depend.
func reportingFailures(
    in command: RunningCommand = .ask,
    _ body: () async throws -> Void
) async throws {
    try await CommandFailure.reporting(
        explaining: { CommandFailure(explaining: $0, in: command) },
        body
    )
}

/// The hint for a refused certificate, key or revocation list.
struct CertificateHint {
    let text: String

    init(_ error: TLSError, _ command: RunningCommand) {
        let make = Self.make(error.subject, command)
        switch (error.code, (error.cause as? IdentityError)?.code) {
        case (.fileMissing, _): text = Self.missing(command)
        case (.fileUnreadable, _): text = "the user who runs this command must be able to read it"
        case (.keyEncrypted, _): text = "only its owner may be able to read a key: mode 0600"
        case (.keyExposed, _): text = "only its owner may be able to read a key: chmod 600"
        case (.fileMalformed, _):
            text = "the files must be PEM text; chord cert inspect FILE shows the content of one"
        case (.keyMismatch, _):
            text = "use the key that was created together with the certificate"
        case (.keyUnsuitable, _): text = "\(make) FORCE=1 creates a certificate with a P-256 key"
        case (.certificateExpired, _), (.certificateNotYetValid, _):
            text = "if the clock is right, issue a new certificate: \(make) FORCE=1"
        case (.certificateRevoked, _): text = "issue a new certificate: \(make) FORCE=1"
        case (.revocationListExpired, _), (.revocationListMissing, _), (.revocationListRefused, _):
            text = "make crl signs the list again; copy it to every node"
        case (.revocationListVanished, _): text = "make crl signs a new list"
        case (.unknownAuthority, _):
            text =
                "--ca must name the file of the authority that issued the certificates of the ring's"
                + " members"
        case (.identityRefused, .wrongHost?):
            let host = error.subject.host.map { " HOSTS=\($0)" } ?? " HOSTS=…"
            text = "\(make)\(host) FORCE=1, or --advertise a host that the certificate names"
        case (.identityRefused, .wrongRole?):
            text =
                "make node-cert NAME=… creates a node's certificate; --cert and --key name its files"
        case (.identityRefused, .wrongName?):
            text = "--name must be the name in the certificate"
        case (.identityRefused, .noUsableIdentity?):
            text =
                "--admit-host-certificates accepts certificates without a SPIFFE name; they prove only"
                + " hosts"
        default: text = "chord cert inspect FILE shows what a certificate can be used for"
        }
    }

    private static func missing(_ command: RunningCommand) -> String {
        switch command {
        case .ask:
            "make certs creates a set of certificates, make client-cert NAME=… one more client's;"
                + " --certs-dir names their folder, --as the certificate to use"
        case .serve, .clusterNode, .cluster, .shell:
            "make certs creates a set of certificates, make node-cert NAME=… one more node's;"
                + " --certs-dir names their folder"
        }
    }

    /// The command that issues such a certificate.
    private static func make(_ subject: TLSError.Subject, _ command: RunningCommand) -> String {
        let file = subject.file?.split(separator: "/").last.map(String.init) ?? ""
        let base = file.split(separator: ".").first.map(String.init) ?? ""
        let role = subject.role ?? (command == .ask ? .client : .node)
        var name = base
        if role != .node {
            let prefix = "\(role)-"
            // The files of clients' certificates have this prefix.
            name = base.hasPrefix(prefix) ? String(base.dropFirst(prefix.count)) : "…"
        }
        return "make \(role)-cert NAME=\(name.isEmpty ? "…" : name)"
    }
}

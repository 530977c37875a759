// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

// What the errors of the library mean to the person at the terminal, and what can be done.
//
// A hint is made from an error's codes and from the command that runs, never from a text.

/// The command that runs, as far as it matters for what can be done.
enum RunningCommand {
    /// `chord serve`.
    case serve
    /// A node that `chord cluster` runs.
    case clusterNode
    /// `chord cluster` itself.
    case cluster
    /// A command that asks a ring.
    case ask
}

extension CommandFailure {
    /// The explanation of any error.
    init(explaining error: any Error, in command: RunningCommand = .ask) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ChordError: self.init(chord: error, command)
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
                hint: "a name is one live node; wait until the other has ended"
            )
        case .parametersDiffer:
            self.init(.configuration, text, hint: Self.hint(difference: error, command))
        case .noContact where (error.cause as? JoinFailure)?.allWait == true:
            self.init(
                .unavailable,
                text,
                hint:
                    "nodes that begin a ring together are all started with the same --initial-ring;"
                    + " --join names members of a ring that there is"
            )
        case .noContact: self.init(contact: error, text, command)
        case .unreachable:
            self.init(
                .unavailable,
                text,
                hint: "--advertise HOST:PORT names an address that the other members can dial; a"
                    + " firewall must let them in"
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
                hint: "it takes the certificate of an administrator: make admin-cert NAME=bob, then"
                    + " --as admin-bob"
            )
        case .refused:
            self.init(
                .refused,
                text,
                hint: "chord cert inspect FILE says what a certificate is good for"
            )
        case .invalidAnswer:
            self.init(
                .failed,
                text,
                hint: "that node is broken or lies; name another with --node HOST:PORT"
            )
        case .lookupFailed, .deadlineExceeded:
            self.init(.failed, text, hint: "chord ring shows whether the ring is whole; try again")
        case .replaced:
            self.init(
                .failed,
                text,
                hint: "a newer process runs under this name; it goes on, this one ended"
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
        case is AddressError: hint = "an address is HOST:PORT, as 10.0.0.1:7946 or [::1]:7946"
        case let transport as TransportError: hint = Self.hint(transport, command)
        case is DataDirectoryFailure: hint = "--data-dir FOLDER names another folder"
        case is JoinFailure:
            hint =
                "--join names another member; --initial-ring, at each node, all that begin a ring"
                + " together; without both this node begins a ring of its own"
        default:
            switch command {
            case .serve, .clusterNode: hint = "chord help serve lists the settings"
            case .cluster: hint = "chord help cluster lists the settings"
            case .ask: hint = "--help after the command lists its settings"
            }
        }
        self.init(.configuration, Self.sentence(of: error), hint: hint)
    }

    private static func hint(_ error: TransportError, _ command: RunningCommand) -> String {
        let isOne = command == .clusterNode || command == .cluster
        return switch error.code {
        case .addressInUse where isOne:
            "stop what listens there, or take other ports with --base-port; 0 lets the system choose"
        case .addressInUse:
            "stop what listens there, or choose another port; --listen HOST:0 lets the system choose"
        case .addressNotOurs:
            "--listen takes an address of this machine; --advertise names the one that others dial"
        case .portReserved:
            "ports below 1024 are the system's as a rule; choose another, or allow it"
                + " (CAP_NET_BIND_SERVICE)"
        case .resolveFailed: "is the name spelled right? An IP address will do as well"
        default: "chord help serve lists the settings"
        }
    }

    private static func hint(difference error: ChordError, _ command: RunningCommand) -> String {
        if error.allReasons.contains(.customHash) {
            return
                "its keys are looked up by programs that have its hash; chord lookup --id asks for an"
                + " identifier"
        }
        switch command {
        case .serve, .clusterNode, .cluster:
            return
                "give --ring, --hash, --width, --id-from and --successors as the ring has them, or join"
                + " another"
        case .ask: return "chord describe shows what a node's ring is"
        }
    }

    /// Nobody answered as a member. What keeps certificates apart weighs more than a node that is down.
    private init(contact error: ChordError, _ text: String, _ command: RunningCommand) {
        let reasons = error.allReasons
        if reasons.contains(.peerProvesHostOnly) {
            self.init(
                .refused,
                text,
                hint: "--admit-host-certificates accepts such a node, proven for its host only;"
                    + " docs/interop.md says when to"
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
                hint: "both sides need certificates of the same authority and trust domain;"
                    + " chord cert inspect FILE says what one is good for"
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
                hint: "something else listens there; is the port right?"
            )
        } else {
            let hint =
                switch command {
                case .serve:
                    "is a node running there? Name others with --join HOST:PORT, repeatedly"
                case .ask:
                    "is a node running there? Name others with --node HOST:PORT, repeatedly"
                case .clusterNode, .cluster: "the logs in the state folder say what each node saw"
                }
            self.init(.unavailable, text, hint: hint)
        }
    }

    /// The message, and the messages beneath it.
    private static func sentence(of error: any Error) -> String {
        switch error {
        // What an identity was refused for is part of the message.
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

/// Runs a command and turns what it throws into lines on standard error and an exit code.
///
/// - Parameter command: The command that runs: what can be done about a failure depends on it.
func reportingFailures(
    in command: RunningCommand = .ask,
    _ body: () async throws -> Void
) async throws {
    try await CommandFailure.reporting(
        explaining: { CommandFailure(explaining: $0, in: command) },
        body
    )
}

/// What can be done about a certificate, key or revocation list that is refused.
struct CertificateHint {
    let text: String

    init(_ error: TLSError, _ command: RunningCommand) {
        let make = Self.make(error.subject, command)
        switch (error.code, (error.cause as? IdentityError)?.code) {
        case (.fileMissing, _): text = Self.missing(command)
        case (.fileUnreadable, _): text = "who runs this command has to be able to read it"
        case (.keyEncrypted, _): text = "a key is read by its owner only: mode 0600"
        case (.keyExposed, _): text = "a key is read by its owner only: chmod 600"
        case (.fileMalformed, _):
            text = "the files are PEM text; chord cert inspect FILE reads one"
        case (.keyMismatch, _):
            text = "a certificate and its key are made together and stay together"
        case (.keyUnsuitable, _): text = "\(make) FORCE=1 makes one with a P-256 key"
        case (.certificateExpired, _), (.certificateNotYetValid, _):
            text = "where the clock is right, issue a new certificate: \(make) FORCE=1"
        case (.certificateRevoked, _): text = "issue a new certificate: \(make) FORCE=1"
        case (.revocationListExpired, _), (.revocationListMissing, _), (.revocationListRefused, _):
            text = "make crl signs the list anew; copy it to every node"
        case (.revocationListVanished, _): text = "make crl signs a new list"
        case (.unknownAuthority, _):
            text =
                "a ring's members trust the authority that issued their certificates; --ca names the"
                + " file"
        case (.identityRefused, .wrongHost?):
            let host = error.subject.host.map { " HOSTS=\($0)" } ?? " HOSTS=…"
            text = "\(make)\(host) FORCE=1, or --advertise a host that it holds for"
        case (.identityRefused, .wrongRole?):
            text = "make node-cert NAME=… makes a node's; --cert and --key name its files"
        case (.identityRefused, .wrongName?):
            text = "--name is the name in the certificate"
        case (.identityRefused, .noUsableIdentity?):
            text =
                "--admit-host-certificates takes certificates without a SPIFFE name, proven for their"
                + " hosts only"
        default: text = "chord cert inspect FILE says what a certificate is good for"
        }
    }

    private static func missing(_ command: RunningCommand) -> String {
        switch command {
        case .ask:
            "make certs makes a set of certificates, make client-cert NAME=… one more client's;"
                + " --certs-dir names the folder they lie in, --as the one to show"
        case .serve, .clusterNode, .cluster:
            "make certs makes a set of certificates, make node-cert NAME=… one more node's; --certs-dir"
                + " names the folder they lie in"
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
            // Certificates of clients lie in files that are called so.
            name = base.hasPrefix(prefix) ? String(base.dropFirst(prefix.count)) : "…"
        }
        return "make \(role)-cert NAME=\(name.isEmpty ? "…" : name)"
    }
}

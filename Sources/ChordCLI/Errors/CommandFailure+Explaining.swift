// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTLS

// What the errors of the library mean to the person at the terminal, and what can be done.

extension CommandFailure {
    /// The explanation of any error.
    init(explaining error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ChordError: self.init(chord: error)
        case let error as TLSError: self.init(files: error, prefix: "")
        case is CancellationError: self.init(.failed, "interrupted")
        default: self.init(.failed, "\(error)")
        }
    }

    private init(chord error: ChordError) {
        let text = Self.sentence(of: error)
        let raw = "\(error)"
        switch error.code {
        case .invalidConfiguration:
            if let tls = error.cause as? TLSError {
                self.init(files: tls, prefix: "")
            } else if raw.contains("bindFailed") {
                self.init(
                    .configuration,
                    text,
                    hint:
                        "stop what listens there, or choose another port; --listen HOST:0 lets the"
                        + " system choose"
                )
            } else {
                self.init(.configuration, text, hint: "chord help serve lists the settings")
            }
        case .nameTaken:
            self.init(
                .configuration,
                text,
                hint: "a name is one live node; wait until the other has ended"
            )
        case .parametersDiffer:
            self.init(
                .configuration,
                text,
                hint:
                    "give --ring, --hash, --width, --id-from and --successors as the ring has them, or"
                    + " join another"
            )
        case .noContact where raw.contains("noUsableIdentity: "):
            self.init(
                .refused,
                text,
                hint: "--admit-host-certificates accepts such a node, proven for its host only;"
                    + " docs/interop.md says when to"
            )
        case .noContact where raw.contains("speaks no chord.v1"):
            self.init(
                .unavailable,
                text,
                hint:
                    "a node of another make is joined with --dialect, and asked through one of ours"
            )
        case .noContact where Self.isRefusalByCertificate(raw):
            self.init(
                .refused,
                text,
                hint: "both sides need certificates of the same authority and trust domain;"
                    + " chord cert inspect FILE says what one is good for"
            )
        case .noContact:
            self.init(
                .unavailable,
                text,
                hint: "is a node running there? Name others with --node HOST:PORT, repeatedly"
            )
        case .unreachable:
            self.init(
                .unavailable,
                text,
                hint: "--advertise HOST:PORT names an address that the other members can dial; a"
                    + " firewall must let them in"
            )
        case .stopped: self.init(.unavailable, text)
        case .notMember:
            self.init(
                .unavailable,
                text,
                hint: "the node has not joined yet or is leaving; try again"
            )
        case .refused where raw.contains("AdminService"):
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

    /// Files for TLS: nearly always a path, a permission or a date.
    private init(files error: TLSError, prefix: String) {
        let hint: String
        switch error.code {
        case .fileMissing:
            hint =
                "make certs makes a set of certificates; --certs-dir names the folder they lie in"
        case .fileUnreadable, .keyEncrypted: hint = "a key is read by its owner only: mode 0600"
        case .fileMalformed: hint = "the files are PEM text; chord cert inspect FILE reads one"
        case .keyMismatch: hint = "a certificate and its key are made together and stay together"
        case .certificateExpired, .certificateNotYetValid:
            hint = "issue a new certificate: make node-cert NAME=… FORCE=1"
        case .revocationListExpired: hint = "scripts/certs crl signs the list anew"
        default: hint = "chord cert inspect FILE says what a certificate is good for"
        }
        self.init(.configuration, Self.sentence(of: error), hint: hint)
    }

    /// The message, and the messages beneath it, without the names of codes.
    private static func sentence(of error: any Error) -> String {
        switch error {
        case let error as ChordError: join(error.message, error.cause)
        case let error as TLSError: join(error.message, error.cause)
        default: tidied("\(error)")
        }
    }

    private static func join(_ message: String, _ cause: (any Error)?) -> String {
        let message = tidied(message)
        guard let cause else { return message }
        let beneath = sentence(of: cause)
        return message.contains(beneath) ? message : "\(message): \(beneath)"
    }

    /// Descriptions name their codes, for programs and logs. A person wants the sentence only.
    static func tidied(_ text: String) -> String {
        let nested = " (cause: "
        var result = text.replacing(
            #/\b(?:[A-Z_]{6,}|[a-z]+[A-Z][A-Za-z]*|truncated|malformed): /#,
            with: ""
        )
        .replacing(#/; not dialled again for \d+ ms/#, with: "")
        let depth = result.ranges(of: nested).count
        result = result.replacing(nested, with: ": ")
        for _ in 0..<depth where result.hasSuffix(")") { result.removeLast() }
        return result
    }

    /// Whether the node was there and certificates stood in the way. The transport says so in words.
    private static func isRefusalByCertificate(_ text: String) -> Bool {
        [
            "peerRefused", "identityRefused", "unknownAuthority", "certificateExpired",
            "certificateNotYetValid", "certificateRevoked", "certificateRefused",
            "certificateMissing",
            "revocationListMissing", "revocationListExpired",
        ].contains { text.contains("\($0): ") }
    }
}

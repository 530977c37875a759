// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import ChordIdentity

/// `chord policy`.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Check the rules of a policy, and what they decide.",
        discussion: "docs/policy.md describes the form of a policy.",
        subcommands: [PolicyCheckCommand.self, PolicyExplainCommand.self]
    )
}

/// `chord policy check`.
struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a policy.",
        discussion: """
            The exit code is 78 if a node would refuse the policy. Parts without effect are warned of, and do not \
            change the exit code.
            """
    )

    @Argument(help: ArgumentHelp("The policy.", valueName: "file"), completion: .file())
    var file: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try await reportingFailures {
            let parser = try PolicyFile.read(file)
            if json {
                StandardStreams.output(Self.json(of: parser).lines)
            } else {
                for mistake in parser.mistakes { StandardStreams.output("mistake: \(mistake)") }
                for warning in parser.warnings { StandardStreams.output("warning: \(warning)") }
                if parser.mistakes.isEmpty {
                    let count = parser.policy.rules.count
                    StandardStreams.output("\(count) rule\(count == 1 ? "" : "s"), no mistakes")
                }
            }
            guard parser.mistakes.isEmpty else {
                throw ExitCode(CommandFailure.Kind.configuration.rawValue)
            }
        }
    }

    private static func json(of parser: PolicyParser) -> JSON {
        func list(_ findings: [PolicyFinding]) -> JSON {
            .array(
                findings.map {
                    .object([("line", .integer($0.line)), ("message", .string($0.message))])
                }
            )
        }
        return .object([
            ("rules", .integer(parser.policy.rules.count)),
            ("mistakes", list(parser.mistakes)),
            ("warnings", list(parser.warnings)),
        ])
    }
}

/// `chord policy explain`.
struct PolicyExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell what a policy decides about somebody, and by which rule.",
        discussion: """
            Examples: chord policy explain --policy rules --as alice put app/x
                      chord policy explain --policy rules --as admin-bob administer

            The exit code is 77 if the policy refuses it.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "One of \(Permission.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "permission"
        )
    )
    var permission: String

    @Argument(
        help: ArgumentHelp(
            "The key, or its partition if it has one; for \(Permission.words(of: \.concernsKeys))."
        )
    )
    var key: String?

    @Option(
        help: ArgumentHelp(
            "Who: the name in a certificate of role client, or client-NAME, admin-NAME or node-NAME.",
            valueName: "name"
        )
    )
    var `as`: String

    @Option(help: ArgumentHelp("The trust domain of that certificate.", valueName: "domain"))
    var trustDomain = "chord.local"

    @Option(
        help: ArgumentHelp("The policy. Default: CHORD_POLICY.", valueName: "file"),
        completion: .file()
    )
    var policy: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard let permission = Permission(rawValue: permission) else {
            throw ValidationError(
                "\"\(permission)\" is no permission: one of"
                    + " \(Permission.allCases.map(\.rawValue).joined(separator: ", "))."
            )
        }
        if permission.concernsKeys, key == nil {
            throw ValidationError("\(permission) needs a key.")
        }
        if !permission.concernsKeys, key != nil {
            throw ValidationError("\(permission) is not about keys.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            guard let permission = Permission(rawValue: permission) else { return }
            guard let file = try policy ?? SettingsReader.value(of: .policy) else {
                throw CommandFailure(.usage, "no policy is given", hint: "--policy FILE names one")
            }
            let parser = try PolicyFile.read(file)
            if let mistake = parser.mistakes.first {
                throw CommandFailure(
                    .configuration,
                    "the policy \(quoted(file)) cannot be used: \(mistake)",
                    hint: "chord policy check \(file) shows all mistakes"
                )
            }
            let (isAllowed, reason) = verdict(of: parser.policy, on: permission)
            if json {
                StandardStreams.output(
                    JSON.object([
                        ("allowed", .boolean(isAllowed)), ("reason", .string(reason)),
                    ]).lines
                )
            } else {
                let what = key.map { " on \(quoted($0))" } ?? ""
                StandardStreams.output(
                    "\(subject) \(isAllowed ? "may" : "may not") \(permission)\(what): \(reason)"
                )
            }
            if !isAllowed { throw ExitCode(CommandFailure.Kind.refused.rawValue) }
        }
    }

    private func verdict(of policy: Policy, on permission: Permission) -> (Bool, String) {
        if permission == .administer, subject.role != .admin {
            let reason = "only a certificate of role admin can administer, whatever the policy says"
            return (false, reason)
        }
        if !permission.concernsKeys, subject.role == .node {
            return (true, "nodes always may, because they pass on calls of others")
        }
        let decision = policy.decision(on: permission, at: Array((key ?? "").utf8), by: subject)
        return (decision.isAllowed, decision.reason)
    }

    private var subject: PolicySubject {
        for role in Role.allCases where `as`.hasPrefix("\(role)-") {
            return PolicySubject(
                role: role,
                name: String(`as`.dropFirst("\(role)-".count)),
                trustDomain: trustDomain
            )
        }
        return PolicySubject(role: .client, name: `as`, trustDomain: trustDomain)
    }
}

extension Permission {
    fileprivate static func words(of condition: (Permission) -> Bool) -> String {
        allCases.filter(condition).map(\.rawValue).joined(separator: ", ")
    }
}

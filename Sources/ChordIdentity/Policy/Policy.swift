// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Rules about who may do what. The first rule that fits decides, and what no rule fits is refused.
///
/// A policy restricts what the roles of certificates allow; it never gives a right that a role does
/// not have.
public struct Policy: Hashable, Sendable {
    /// The rules, in the order of the file.
    public var rules: [PolicyRule]

    /// A policy of these rules.
    public init(rules: [PolicyRule]) {
        self.rules = rules
    }

    /// Decides whether somebody may do something.
    ///
    /// - Parameter place: The partition of the key, or the key itself if it has none; empty for
    ///   permissions that are not about keys.
    public func decision(
        on permission: Permission,
        at place: [UInt8] = [],
        by subject: PolicySubject
    ) -> PolicyDecision {
        let deciding = rules.first { rule in
            rule.permissions.contains(permission) && rule.fits(subject)
                && (!permission.concernsKeys || rule.covers(place))
        }
        return PolicyDecision(isAllowed: deciding?.effect == .allow, rule: deciding)
    }
}

/// Who wants to do something.
public struct PolicySubject: Hashable, Sendable, CustomStringConvertible {
    /// The role of the certificate.
    public var role: Role
    /// The name in the certificate; empty if it has none.
    public var name: String
    /// The trust domain in the certificate; empty if it has none.
    public var trustDomain: String

    /// A holder of a certificate.
    public init(role: Role, name: String, trustDomain: String) {
        self.role = role
        self.name = name
        self.trustDomain = trustDomain
    }

    /// The holder of a certificate that was verified.
    public init(_ peer: PeerIdentity) {
        self.init(role: peer.role, name: peer.name ?? "", trustDomain: peer.trustDomain ?? "")
    }

    /// For messages, `client alice of example.org`.
    public var description: String {
        let who = name.isEmpty ? "\(role) without a name" : "\(role) \(quoted(name))"
        return trustDomain.isEmpty ? who : "\(who) of \(trustDomain)"
    }
}

/// What a policy decided, and by which rule.
public struct PolicyDecision: Hashable, Sendable {
    /// Whether it may be done.
    public var isAllowed: Bool
    /// The rule that decided; nil if none fits.
    public var rule: PolicyRule?

    /// The reason as a sentence without a full stop.
    public var reason: String {
        guard let rule else { return "no rule of the policy allows it" }
        let verb = isAllowed ? "allows" : "denies"
        return "rule \(rule.name) (line \(rule.line) of the policy) \(verb) it"
    }
}

/// One rule of a policy.
public struct PolicyRule: Hashable, Sendable {
    /// Whether the rule allows or denies.
    public enum Effect: String, Hashable, Sendable, CaseIterable {
        case allow, deny
    }

    /// The name, unique in its policy.
    public var name: String
    /// The line of the file, from 1.
    public var line: Int
    /// Whether it allows or denies.
    public var effect: Effect
    /// The roles of those whom it concerns.
    public var roles: Roles
    /// The names of those whom it concerns.
    public var names: NamePattern
    /// Their trust domain; nil for any.
    public var trustDomain: String?
    /// What it allows or denies.
    public var permissions: Set<Permission>
    /// The beginnings of the partitions or keys that it concerns; nil for all.
    public var prefixes: [[UInt8]]?

    func fits(_ subject: PolicySubject) -> Bool {
        roles.contains(subject.role) && names.matches(subject.name)
            && (trustDomain == nil || trustDomain == subject.trustDomain)
    }

    func covers(_ place: [UInt8]) -> Bool {
        guard let prefixes else { return true }
        return prefixes.contains { place.starts(with: $0) }
    }
}

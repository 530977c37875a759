// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordRPC
import NIOConcurrencyHelpers

/// Decides who may do what beyond the roles of methods, and keeps the audit.
///
/// A node without a policy allows what roles allow.
package final class AccessControl: CallAuthority {
    private struct State {
        var policy: Policy?
        var generation: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>
    private let audit: (any AuditSink)?
    private let auditsWrites: Bool
    /// Refused callers may try without pause: their records are limited.
    private let refusals: LogBudget

    /// - Parameter now: The clock by which refusals are limited.
    package init(
        policy: Policy?,
        audit: (any AuditSink)? = nil,
        auditsWrites: Bool = false,
        now: @escaping @Sendable () -> MonotonicTime
    ) {
        state = NIOLockedValueBox(State(policy: policy))
        self.audit = audit
        self.auditsWrites = auditsWrites
        refusals = LogBudget(LogLimits(), now: now)
    }

    /// Puts another policy into use. Calls that were accepted go on, except for watches.
    package func replace(with policy: Policy) {
        state.withLockedValue { state in
            state.policy = policy
            state.generation += 1
        }
    }

    /// Rises with each policy.
    package var generation: UInt64 { state.withLockedValue { $0.generation } }

    // MARK: Whole calls

    package func refusal(of method: RPCMethod, to peer: PeerIdentity) -> Status? {
        let permissions = method.rule.permissions
        guard peer.role != .node, let first = permissions.first else { return nil }
        let access = Access(method, by: peer)
        let hasAnother = permissions.dropFirst().contains { isAllowed($0, at: nil, access) }
        if !hasAnother, let refusal = refusal(of: [first], at: nil, access) { return refusal }
        if first == .administer, let audit {
            audit.record(record(.administration, access, outcome: "begun"))
        }
        return nil
    }

    private func isAllowed(_ permission: Permission, at place: [UInt8]?, _ access: Access) -> Bool {
        guard let policy = state.withLockedValue({ $0.policy }) else { return true }
        return policy.decision(on: permission, at: place ?? [], by: access.subject).isAllowed
    }

    package func refusedByRole(_ method: RPCMethod, _ peer: PeerIdentity) {
        refused(Access(method, by: peer), at: nil, because: "the role is not allowed", nil)
    }

    // MARK: Keys

    /// Why somebody may not do all of this at a partition or key; nil if they may.
    package func refusal(
        of permissions: Set<Permission>,
        at place: [UInt8]?,
        _ access: Access
    ) -> Status? {
        guard let policy = state.withLockedValue({ $0.policy }) else { return nil }
        for permission in Permission.allCases where permissions.contains(permission) {
            let decision = policy.decision(on: permission, at: place ?? [], by: access.subject)
            guard !decision.isAllowed else { continue }
            refused(access, at: place, because: decision.reason, decision.rule)
            let what = place.map { " on \(quoted(String(decoding: $0, as: UTF8.self)))" } ?? ""
            return Status(
                .permissionDenied,
                "\(access.subject) may not \(permission)\(what): \(decision.reason)"
            )
        }
        return nil
    }

    // MARK: Audit

    /// A write has ended.
    package func wrote(_ keys: [[UInt8]], at place: [UInt8], _ access: Access, _ code: StatusCode) {
        guard auditsWrites, let audit else { return }
        var record = record(.write, access, outcome: "\(code)")
        record.place = place
        record.keys = keys
        audit.record(record)
    }

    private func refused(
        _ access: Access,
        at place: [UInt8]?,
        because reason: String,
        _ rule: PolicyRule?
    ) {
        guard let audit,
            case .admitted(let omitted) = refusals.admit("\(access.subject) \(access.method)")
        else { return }
        var record = record(.refusal, access, outcome: reason)
        record.place = place
        record.rule = rule?.name
        record.omitted = omitted
        audit.record(record)
    }

    private func record(
        _ event: AuditRecord.Event,
        _ access: Access,
        outcome: String
    ) -> AuditRecord {
        AuditRecord(
            event: event,
            subject: access.subject,
            via: access.via,
            serial: access.serial,
            method: "\(access.method)",
            outcome: outcome
        )
    }
}

/// A call, by whom it is made and through whom it came.
package struct Access: Sendable {
    package var method: RPCMethod
    package var subject: PolicySubject
    /// The node that passed the call on; nil for a call of `subject` itself.
    package var via: String?
    package var serial: String

    /// A call that the peer of a connection makes.
    package init(_ method: RPCMethod, by peer: PeerIdentity) {
        self.method = method
        subject = PolicySubject(peer)
        serial = peer.serial
    }

    /// A call that a node passes on.
    package init(_ method: RPCMethod, by subject: PolicySubject, via node: PeerIdentity) {
        self.method = method
        self.subject = subject
        via = node.name
        serial = ""
    }
}

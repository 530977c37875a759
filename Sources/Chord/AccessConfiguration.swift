// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
public import ChordRuntime
import Logging

/// Who may do what at a node beyond the roles of certificates, and the audit of it.
public struct AccessConfiguration: Hashable, Sendable {
    /// A file with the rules of a policy. Nil allows what roles allow. A running node notices changes
    /// of the file within five seconds. Every node of a ring needs the same rules: each judges the
    /// calls that it gets.
    public var policy: String?
    /// A file that gets a line of JSON for each administrator's call and each refusal. It is created
    /// if it does not exist, and opened again after it was moved away. Nil keeps no audit.
    public var auditLog: String?
    /// Whether the audit has each write that a client has asked this node for: its key and how it
    /// ended, never its value.
    public var auditsWrites = false

    /// No policy and no audit.
    public init() {}
}

/// What a node keeps of an access configuration while it runs.
struct AccessParts: Sendable {
    var control: AccessControl?
    var audit: AuditLog?
    /// The policy's file before it was read.
    var seen: FileChanges.Seen = []

    init() {}

    /// Reads the policy and opens the audit log.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`.
    init(
        _ configuration: AccessConfiguration,
        node: String,
        logger: Logger,
        now: @escaping @Sendable () -> MonotonicTime
    ) throws(ChordError) {
        guard configuration.auditLog != nil || !configuration.auditsWrites else {
            throw ChordError(
                .invalidConfiguration,
                "auditsWrites needs auditLog, the file that writes are recorded in"
            )
        }
        seen = configuration.seen
        let policy = try configuration.policy.map { (path) throws(ChordError) in
            try PolicyFile.policy(in: path, warningIn: logger)
        }
        audit = try configuration.auditLog.map { (path) throws(ChordError) in
            try AuditLog(path, node: node, logger: logger)
        }
        guard policy != nil || audit != nil else { return }
        control = AccessControl(
            policy: policy,
            audit: audit,
            auditsWrites: configuration.auditsWrites,
            now: now
        )
    }
}

extension AccessParts {
    /// Reads the policy again when its file has changed; nil without a policy.
    func reloader(
        _ configuration: ChordConfiguration,
        executor: any NodeExecutor
    ) -> FileReloader? {
        let (access, logger) = (configuration.access, configuration.logger)
        guard let control, let path = access.policy else { return nil }
        return FileReloader(
            .policy,
            first: seen,
            executor: executor,
            logger: logger,
            node: configuration.name,
            seeFiles: { access.seen },
            use: {
                let policy = try PolicyFile.policy(in: path, warningIn: logger)
                control.replace(with: policy)
                logger.info(
                    "read the policy again",
                    metadata: [LogKeys.file: "\(path)", LogKeys.rules: "\(policy.rules.count)"]
                )
            }
        )
    }
}

extension ChordNode {
    /// Reads the policy again. A running node notices a changed file by itself within five seconds;
    /// this method does not wait for that, and tells why a policy is refused. It reads a file, so it
    /// must not run on an event loop. Without a policy it does nothing.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the previous policy then stays in use.
    public func reloadPolicy() throws(ChordError) {
        do {
            try policyReloader?.reload()
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the present policy stays in use",
                cause: error
            )
        }
    }
}

extension AccessConfiguration {
    /// The present state of the policy's file.
    var seen: FileChanges.Seen { [policy.flatMap { FileIdentity(of: $0) }] }
}

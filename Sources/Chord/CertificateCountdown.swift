// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS

/// What is to be said, and when, about the ends of certificates and revocation lists.
///
/// A value without a clock: it is told the time. Times are seconds since 1970, as certificates have them.
struct CertificateCountdown: Sendable {
    /// How near an end is.
    enum Stage: Int, Comparable {
        case ample
        /// A third of its life is left.
        case third
        /// A tenth of its life is left.
        case tenth
        case over

        static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    /// One thing to say.
    struct Notice: Equatable {
        var validity: CertificateValidity
        var stage: Stage
        /// Seconds until the end; negative after it.
        var left: Int64

        /// Whether the node does not work any more, as opposed to: will not for much longer.
        var isError: Bool { stage == .over }
    }

    private let validities: [CertificateValidity]
    private var said: [Stage]

    init(_ validities: [CertificateValidity]) {
        self.validities = validities
        said = validities.map { _ in .ample }
    }

    static func stage(of validity: CertificateValidity, at now: Int64) -> Stage {
        guard now <= validity.to else { return .over }
        let (left, leftOverflows) = validity.to.subtractingReportingOverflow(now)
        let (life, lifeOverflows) = validity.to.subtractingReportingOverflow(validity.from)
        guard !leftOverflows, !lifeOverflows else { return .ample }
        return left <= life / 10 ? .tenth : left <= life / 3 ? .third : .ample
    }

    /// What is new since the last time.
    mutating func notices(at now: Int64) -> [Notice] {
        var notices: [Notice] = []
        for (index, validity) in validities.enumerated() {
            let stage = Self.stage(of: validity, at: now)
            guard stage > said[index] else { continue }
            said[index] = stage
            notices.append(
                Notice(
                    validity: validity,
                    stage: stage,
                    left: validity.to.subtractingReportingOverflow(now).0
                )
            )
        }
        return notices
    }

    /// The seconds that are left of each kind, the first end of each; negative after it.
    func left(at now: Int64) -> [CertificateValidity.Kind: Int64] {
        var result: [CertificateValidity.Kind: Int64] = [:]
        for validity in validities {
            let left = validity.to.subtractingReportingOverflow(now).0
            result[validity.kind] = min(result[validity.kind] ?? left, left)
        }
        return result
    }
}

extension CertificateCountdown.Notice {
    /// The notice for a log.
    var message: String {
        let what =
            switch validity.kind {
            case .certificate: "this node's certificate"
            case .authority: "the authority of this node's certificate"
            case .revocationList: "a revocation list"
            }
        guard stage == .over else { return "\(what) ends soon; \(remedy) before it does" }
        let consequence =
            switch validity.kind {
            case .certificate: "every peer refuses it"
            case .authority: "every peer refuses what it has issued"
            case .revocationList: "every certificate of its authority is refused"
            }
        return "\(what) has ended, and \(consequence); \(remedy), or set the clock if it is wrong"
    }

    private var remedy: String {
        switch validity.kind {
        case .certificate: "issue a new one and send SIGHUP"
        case .authority: "make a new authority and have every node trust both"
        case .revocationList: "sign it anew and send SIGHUP to every node"
        }
    }
}

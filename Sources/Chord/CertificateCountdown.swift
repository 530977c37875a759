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
        var term: CertificateTerm
        var stage: Stage
        /// Seconds until the end; negative after it.
        var left: Int64

        /// Whether the node does not work any more, as opposed to: will not for much longer.
        var isError: Bool { stage == .over }
    }

    private let terms: [CertificateTerm]
    private var said: [Stage]

    init(_ terms: [CertificateTerm]) {
        self.terms = terms
        said = terms.map { _ in .ample }
    }

    static func stage(of term: CertificateTerm, at now: Int64) -> Stage {
        guard now <= term.to else { return .over }
        let (left, leftOverflows) = term.to.subtractingReportingOverflow(now)
        let (life, lifeOverflows) = term.to.subtractingReportingOverflow(term.from)
        guard !leftOverflows, !lifeOverflows else { return .ample }
        return left <= life / 10 ? .tenth : left <= life / 3 ? .third : .ample
    }

    /// What is new since the last time.
    mutating func notices(at now: Int64) -> [Notice] {
        var notices: [Notice] = []
        for (index, term) in terms.enumerated() {
            let stage = Self.stage(of: term, at: now)
            guard stage > said[index] else { continue }
            said[index] = stage
            notices.append(
                Notice(term: term, stage: stage, left: term.to.subtractingReportingOverflow(now).0)
            )
        }
        return notices
    }

    /// The seconds that are left of each kind, the first end of each; negative after it.
    func left(at now: Int64) -> [CertificateTerm.Kind: Int64] {
        var result: [CertificateTerm.Kind: Int64] = [:]
        for term in terms {
            let left = term.to.subtractingReportingOverflow(now).0
            result[term.kind] = min(result[term.kind] ?? left, left)
        }
        return result
    }
}

extension CertificateCountdown.Notice {
    /// The notice for a log.
    var message: String {
        let what =
            switch term.kind {
            case .certificate: "this node's certificate"
            case .authority: "the authority of this node's certificate"
            case .revocationList: "a revocation list"
            }
        guard stage == .over else { return "\(what) ends soon; \(remedy) before it does" }
        let consequence =
            switch term.kind {
            case .certificate: "every peer refuses it"
            case .authority: "every peer refuses what it has issued"
            case .revocationList: "every certificate of its authority is refused"
            }
        return "\(what) has ended, and \(consequence); \(remedy), or set the clock if it is wrong"
    }

    private var remedy: String {
        switch term.kind {
        case .certificate: "issue a new one and send SIGHUP"
        case .authority: "make a new authority and have every node trust both"
        case .revocationList: "sign it anew and send SIGHUP to every node"
        }
    }
}

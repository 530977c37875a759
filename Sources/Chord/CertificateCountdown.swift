// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS

/// Decides when to report the expiry of certificates and revocation lists.
///
/// A value without a clock: callers pass the time, in seconds since 1970, as in certificates.
struct CertificateCountdown: Sendable {
    /// The part of the lifetime that is left.
    enum Stage: Int, Comparable {
        case ample
        /// At most a third is left.
        case third
        /// At most a tenth is left.
        case tenth
        case over

        static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    /// One report.
    struct Notice: Equatable {
        var validity: CertificateValidity
        var stage: Stage
        /// Seconds until expiry; negative after it.
        var left: Int64

        /// Whether something has expired, and not just expires soon.
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

    /// The reports that are due since the last call.
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

    /// The seconds until the first expiry of each kind; negative after it.
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
    /// The report as a log message.
    var message: String {
        let what =
            switch validity.kind {
            case .certificate: "this node's certificate"
            case .authority: "the authority of this node's certificate"
            case .revocationList: "a revocation list"
            }
        guard stage == .over else { return "\(what) expires soon; \(remedy) before that" }
        let consequence =
            switch validity.kind {
            case .certificate: "every peer refuses it"
            case .authority: "every peer refuses the certificates that it has issued"
            case .revocationList: "every certificate of its authority is refused"
            }
        return
            "\(what) has expired, and \(consequence); \(remedy), or correct the clock if it is wrong"
    }

    private var remedy: String {
        switch validity.kind {
        case .certificate: "issue a new one in its place"
        case .authority: "create a new authority and let every node trust both"
        case .revocationList: "sign it again and copy it to every node"
        }
    }
}

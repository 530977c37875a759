// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

extension CertificateEnds {
    /// The expiry dates as text, one part each, the certificate's first.
    func texts(at now: Int64) -> [String] {
        var texts = ["expires \(Self.text(certificate, at: now))", "serial \(serial.printable)"]
        if let authority { texts.append("its authority expires \(Self.text(authority, at: now))") }
        texts.append(
            revocationList.map { "its revocation list expires \(Self.text($0, at: now))" }
                ?? "no revocation list that expires"
        )
        return texts
    }

    private static func text(_ end: Int64, at now: Int64) -> String {
        // A peer can send any number.
        let shown = PeerCertificate.timestamp(secondsSince1970: min(end, lastShown))
        let left = end.subtractingReportingOverflow(now).partialValue
        return left < 0
            ? "\(shown): it has expired"
            : "\(shown.prefix(10)) (\(CertificateReport.days(left)) left)"
    }

    /// The end of the year 9999.
    private static let lastShown: Int64 = 253_402_300_799

    /// The expiry dates for JSON. Missing values are omitted.
    var json: JSON {
        func stamp(_ end: Int64) -> JSON { .string(Duration.seconds(end).stamp) }
        var members: [(String, JSON)] = [
            ("serial", .string(serial)), ("ends", stamp(certificate)),
        ]
        if let authority { members.append(("authority_ends", stamp(authority))) }
        if let revocationList { members.append(("revocation_list_ends", stamp(revocationList))) }
        return .object(members)
    }
}

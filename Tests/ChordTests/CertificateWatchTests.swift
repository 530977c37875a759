// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTLS
import ChordTestSupport
import Logging
import Metrics
import MetricsTestKit
import Testing

@testable import Chord

/// Ends of certificates and revocation lists are told in time.
@Suite(.tags(.unit)) struct CertificateWatchTests {
    private let day: Int64 = 86_400

    private func term(
        _ kind: CertificateValidity.Kind,
        from: Int64 = 0,
        days: Int64
    ) -> CertificateValidity {
        CertificateValidity(
            kind: kind,
            name: "CN = n1",
            serial: "1A",
            from: from,
            to: from + days * day
        )
    }

    @Test("A warning at a third and at a tenth of its life, an error at the end, each once")
    func stages() {
        var countdown = CertificateCountdown([term(.certificate, days: 30)])
        #expect(countdown.notices(at: 0).isEmpty)
        #expect(countdown.notices(at: 20 * day - 1).isEmpty)
        #expect(countdown.notices(at: 20 * day).map(\.stage) == [.third])
        #expect(countdown.notices(at: 21 * day).isEmpty)
        #expect(countdown.notices(at: 27 * day).map(\.stage) == [.tenth])
        #expect(countdown.notices(at: 30 * day).isEmpty)
        let end = countdown.notices(at: 30 * day + 1)
        #expect(end.map(\.stage) == [.over])
        #expect(end.first?.isError == true)
        #expect(end.first?.message.contains("every peer refuses it") == true)
        #expect(countdown.notices(at: 99 * day).isEmpty)
    }

    @Test("A node that starts late in its certificate's life reports it at once")
    func late() {
        var countdown = CertificateCountdown([
            term(.certificate, days: 30), term(.authority, days: 300),
            term(.revocationList, days: 7),
        ])
        #expect(countdown.notices(at: 28 * day).map(\.stage) == [.tenth, .over])
        #expect(
            countdown.left(at: 28 * day) == [
                .certificate: 2 * day, .authority: 272 * day, .revocationList: -21 * day,
            ]
        )
    }

    @Test("Any date that a certificate can hold is accepted")
    func extremes() {
        let ends = [Int64.min, -1, 0, 1, Int64.max - 1, Int64.max]
        for from in ends {
            for to in ends {
                for now in ends {
                    let term = CertificateValidity(kind: .certificate, name: "", from: from, to: to)
                    var countdown = CertificateCountdown([term])
                    let notices = countdown.notices(at: now)
                    #expect((notices.first?.stage == .over) == (now > to))
                    _ = countdown.left(at: now)
                }
            }
        }
    }

    @Test("The seconds that are left are a metric of each kind")
    func metric() {
        let metrics = TestMetrics()
        let executor = ManualExecutor(wallClockMilliseconds: 1_000_000)
        let watch = withMetricsFactory(metrics) {
            CertificateWatch(node: "n1", executor: executor, logger: CapturedLog().logger)
        }
        func left(_ kind: String) -> Double? {
            metrics.recorders(
                label: "chord_certificate_expiry_seconds",
                dimensions: [("node", "n1"), ("kind", kind)]
            ).first?.lastValue
        }
        watch.watch([
            term(.certificate, from: 1_000, days: 2), term(.authority, from: 1_000, days: 9),
            term(.revocationList, from: 0, days: 0),
        ])
        executor.run(for: .seconds(day))
        #expect(left("certificate") == Double(day))
        #expect(left("authority") == Double(8 * day))
        #expect(left("revocation_list") == Double(-1_000 - day))
        let names = CertificateValidity.Kind.allCases.map {
            "chord_certificate_expiry_seconds{kind=\($0.rawValue)}"
        }
        #expect(metrics.recorded == Dictionary(uniqueKeysWithValues: names.map { ($0, true) }))
        watch.stop()
    }

    @Test("Expiry is checked once a minute, and the message names the certificate")
    func watching() throws {
        let executor = ManualExecutor(wallClockMilliseconds: 1_000_000)
        let log = CapturedLog(level: .debug)
        let watch = CertificateWatch(node: "n1", executor: executor, logger: log.logger)
        watch.watch([term(.certificate, from: 1_000, days: 30)])
        #expect(log.lines.isEmpty)
        #expect(executor.timerCount == 1)
        executor.run(for: .seconds(20 * day - 1))
        #expect(log.lines.isEmpty)
        executor.run(for: .seconds(1))
        let warning = try #require(log.lines.first)
        #expect(log.lines.count == 1)
        #expect(warning.level == .warning)
        #expect(warning.message.contains("this node's certificate expires soon"))
        #expect(warning.metadata["chord.node"] == "n1")
        #expect(warning.metadata["chord.certificate"] == "CN = n1")
        #expect(warning.metadata["chord.certificate.serial"] == "1A")
        #expect(warning.metadata["chord.certificate.ends"] == "1970-01-31T00:16:40Z")
        #expect(warning.metadata["chord.certificate.left"] == "10 days")
        executor.run(for: .seconds(10 * day))
        #expect(log.lines.map(\.level) == [.warning, .warning])
        executor.run(for: .seconds(60))
        #expect(log.lines.map(\.level) == [.warning, .warning, .error])
        // A new certificate is watched in place of the old one.
        watch.watch([term(.certificate, from: 1_000 + 30 * day, days: 30)])
        #expect(executor.timerCount == 1)
        executor.run(for: .seconds(day))
        #expect(log.lines.count == 3)
        watch.stop()
        #expect(executor.timerCount == 0)
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import MetricsTestKit

extension TestMetrics {
    /// Every metric that was made, as `name{label=value}`, and whether anything was recorded with it. The
    /// label `node` is left out: it differs from node to node.
    ///
    /// A test that compares all of it with a table fails when a metric is declared and never asserted.
    package var recorded: [String: Bool] {
        var recorded: [String: Bool] = [:]
        func add(_ name: String, _ labels: [(String, String)], _ hasValues: Bool) {
            let text = labels.filter { $0.0 != "node" }.map { "\($0.0)=\($0.1)" }
            let key = text.isEmpty ? name : "\(name){\(text.joined(separator: ","))}"
            recorded[key] = recorded[key, default: false] || hasValues
        }
        for counter in counters { add(counter.label, counter.dimensions, counter.totalValue > 0) }
        for recorder in recorders {
            add(recorder.label, recorder.dimensions, !recorder.values.isEmpty)
        }
        for meter in meters { add(meter.label, meter.dimensions, !meter.values.isEmpty) }
        for timer in timers { add(timer.label, timer.dimensions, !timer.values.isEmpty) }
        return recorded
    }
}

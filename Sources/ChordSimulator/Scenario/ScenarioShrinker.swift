// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Shortens a failing scenario: everything that the same kind of violation does not need is
/// removed.
package enum ScenarioShrinker {
    /// The shortest scenario found with the same kind of violation. It uses delta debugging over
    /// faults and founders, and then tries simpler settings one by one.
    ///
    /// - Parameters:
    ///   - attempts: the number of runs that may be used.
    ///   - run: runs a scenario and returns its violation.
    package static func shrink(
        _ scenario: Scenario,
        attempts: Int = 2000,
        run: (Scenario) -> Violation.Kind? = { MachineSimulation.run($0).violation?.kind }
    ) -> Scenario {
        guard let kind = run(scenario) else { return scenario }
        var left = attempts
        func fails(_ candidate: Scenario) -> Bool {
            guard left > 0 else { return false }
            left -= 1
            return run(candidate) == kind
        }
        var best = scenario
        var previous: Scenario
        repeat {
            previous = best
            best.faults = reduced(best.faults) { faults in
                var candidate = best
                candidate.faults = faults
                return fails(candidate)
            }
            best.founders = reduced(best.founders) { founders in
                guard !founders.isEmpty else { return false }
                var candidate = best
                candidate.founders = founders
                return fails(candidate)
            }
            for simplify in simplifications {
                var candidate = best
                simplify(&candidate)
                if candidate != best, fails(candidate) { best = candidate }
            }
        } while best != previous && left > 0
        return best
    }

    private static let simplifications: [@Sendable (inout Scenario) -> Void] = [
        { $0.lookupInterval = .zero },
        { $0.network.loss = 0 },
        { $0.network.duplication = 0 },
        { $0.timing.clockSkew = 0 },
        { $0.network.refusesWhenDown = true },
        { $0.birth = .founded },
        { $0.network.delay = .fixed(.milliseconds(10)) },
        { $0.network.delay = .fixed($0.network.delay.limit) },
        { scenario in
            guard let last = scenario.faults.last else { return }
            scenario.healTime = last.time + .milliseconds(100)
        },
    ]

    /// A subset of `elements`, in their order, that still fails and from which no single element
    /// can be removed (ddmin of Zeller and Hildebrandt).
    static func reduced<Element>(
        _ elements: [Element],
        fails: ([Element]) -> Bool
    ) -> [Element] {
        var best = elements
        var pieces = 2
        while !best.isEmpty {
            let size = max(1, (best.count + pieces - 1) / pieces)
            var isSmaller = false
            var start = 0
            while start < best.count {
                let end = min(best.count, start + size)
                let candidate = Array(best[..<start] + best[end...])
                if fails(candidate) {
                    best = candidate
                    isSmaller = true
                } else {
                    start = end
                }
            }
            if isSmaller {
                pieces = max(2, pieces - 1)
            } else if size == 1 {
                break
            } else {
                pieces = min(best.count, pieces * 2)
            }
        }
        return best
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordRuntime

/// The times of the protocol, which must fit each other and the network: maintenance intervals,
/// peer timeouts and lookup deadlines.
public struct Timings: Hashable, Sendable {
    /// Intervals of maintenance.
    public var intervals = MaintenanceIntervals()
    /// How long a peer may be silent before it counts as dead.
    public var failureDetection = FailureDetection()
    /// Limits of lookups.
    public var lookups = LookupLimits()

    /// The times of ``lan``.
    public init() {}

    /// The default, for machines in one data centre: a crash is detected within about two seconds.
    public static let lan = Timings()

    /// For nodes on one machine: a crash is detected within a second. A process that is stopped for
    /// half a second counts as dead.
    public static let local: Timings = {
        var timings = Timings()
        timings.intervals.stabilize = .milliseconds(250)
        timings.failureDetection.maintenanceFloor = .milliseconds(500)
        return timings
    }()

    /// For nodes far apart: slower rounds, and timeouts for long round trips.
    public static let wan: Timings = {
        var timings = Timings()
        timings.intervals.stabilize = .seconds(5)
        timings.failureDetection.initial = .seconds(2)
        timings.failureDetection.lookupFloor = .milliseconds(500)
        timings.failureDetection.maintenanceFloor = .seconds(2)
        timings.failureDetection.cap = .seconds(10)
        timings.failureDetection.connect = .seconds(5)
        timings.lookups.deadline = .seconds(15)
        return timings
    }()
}

extension ChordConfiguration {
    /// `intervals`, `failureDetection` and `lookups` as one value: ``Timings/lan``,
    /// ``Timings/wan``, ``Timings/local`` or a custom one.
    public var timings: Timings {
        get {
            var timings = Timings()
            timings.intervals = intervals
            timings.failureDetection = failureDetection
            timings.lookups = lookups
            return timings
        }
        set {
            intervals = newValue.intervals
            failureDetection = newValue.failureDetection
            lookups = newValue.lookups
        }
    }
}

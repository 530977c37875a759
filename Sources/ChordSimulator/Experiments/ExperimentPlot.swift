// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A chart of several curves, which can be drawn as SVG.
package struct ExperimentPlot: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        var x: Double
        var y: Double
        /// The ends of a whisker.
        var low: Double?
        var high: Double?

        init(_ x: Double, _ y: Double, low: Double? = nil, high: Double? = nil) {
            self.x = x
            self.y = y
            self.low = low
            self.high = high
        }
    }

    /// The role of a curve, which determines its style.
    package enum Kind: Hashable, Sendable {
        case ours
        case variant
        /// Our data, counted in another way.
        case recounted
        case published
        case publishedVariant

        var colour: String {
            switch self {
            case .ours: "#1f5fa8"
            case .variant: "#c4570f"
            case .recounted: "#3a7d34"
            case .published: "#8a2d8f"
            case .publishedVariant: "#555555"
            }
        }

        var isPublished: Bool { self == .published || self == .publishedVariant }
    }

    package struct Series: Hashable, Sendable {
        var name: String
        var kind: Kind
        var points: [Point]

        init(_ name: String, _ kind: Kind, _ points: [Point]) {
            self.name = name
            self.kind = kind
            self.points = points
        }
    }

    package var title: String
    /// The size of the experiment, and its seed.
    package var subtitle = ""
    package var xTitle: String
    package var yTitle: String
    /// Whether the x axis is logarithmic.
    package var isLogarithmic = false
    /// Labels for x = 0, 1, 2 … if the axis has no numbers; the points are then not connected.
    package var categories: [String] = []
    package var series: [Series]
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Curves over one axis, and how they look as SVG.
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

    /// What a curve is of, and so its look.
    package enum Kind: Hashable, Sendable {
        case ours
        case variant
        /// Ours, counted in another way.
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
    /// How large the experiment was, and its seed.
    package var subtitle = ""
    package var xTitle: String
    package var yTitle: String
    /// Whether equal factors of x are equal distances.
    package var isLogarithmic = false
    /// What stands at 0, 1, 2 … of an axis that is no number; its points are not joined.
    package var categories: [String] = []
    package var series: [Series]
}

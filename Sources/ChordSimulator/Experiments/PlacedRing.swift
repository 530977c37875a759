// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordHash

/// A ring whose nodes each take the best of several places when they join, as a joiner does
/// (``PlaceRule/best(of:in:)``).
struct PlacedRing {
    private let placements: Int
    private let name: String
    private let space = IdentifierSpace.standard
    private let rule: PlaceRule
    private var last = 0
    /// The members' identifiers, in order.
    private(set) var ids: [Identifier] = []

    /// An empty ring. The name and the numbers of the nodes give their places.
    init(placements: Int, name: String) {
        self.placements = placements
        self.name = name
        rule = PlaceRule { node, index in
            HashFunction.sha1.identifier(
                of: PlaceRule.text(node.name, index: index),
                in: .standard
            )
        }
    }

    /// A new node joins.
    mutating func join() {
        last += 1
        let node = NodeReference(id: .zero, name: "\(name)/\(last)", address: "", incarnation: 1)
        let candidates = (0..<(ids.isEmpty ? 1 : placements)).map { index in
            let id = rule.node(node, at: index).id
            let next = LookupAuditor.firstIndex(atLeast: id, in: ids)
            return PlaceRule.Candidate(
                index: index,
                id: id,
                before: ids.isEmpty ? id : ids[(next + ids.count - 1) % ids.count],
                after: ids.isEmpty ? id : ids[next % ids.count]
            )
        }
        let id = PlaceRule.best(of: candidates, in: space)?.id ?? candidates[0].id
        ids.insert(id, at: LookupAuditor.firstIndex(atLeast: id, in: ids))
    }

    /// A random node departs, and its neighbour takes its share.
    mutating func depart(using generator: inout SeededGenerator) {
        ids.remove(at: Int(generator.below(UInt64(ids.count))))
    }

    /// The largest and the smallest share of the circle, as multiples of the mean.
    var extremes: (largest: Double, smallest: Double) {
        let shares = ids.indices.map { index in
            space.fraction(from: ids[(index + ids.count - 1) % ids.count], to: ids[index])
        }
        let count = Double(ids.count)
        return ((shares.max() ?? 0) * count, (shares.min() ?? 0) * count)
    }
}

/// The evenness of shares over many rings, compared with a model.
struct ShareEvenness {
    /// A size of a ring, and the model's figures with 16 places: the largest and the smallest share, and the
    /// largest after departures and joins of three times the ring, as multiples of the mean.
    struct Model {
        var nodes: Int
        var largest: Double
        var smallest: Double
        var largestAfterChurn: Double?
    }

    static let placements = 16
    static let rings = 20
    static let models = [
        Model(nodes: 7, largest: 1.5, smallest: 0.68, largestAfterChurn: 1.5),
        Model(nodes: 100, largest: 1.8, smallest: 0.48, largestAfterChurn: 2.6),
        Model(nodes: 1000, largest: 2.2, smallest: 0.40, largestAfterChurn: 3.4),
        Model(nodes: 10_000, largest: 2.6, smallest: 0.32, largestAfterChurn: nil),
    ]
    /// The relative difference from the model that counts as agreement.
    static let tolerance = 0.15

    /// The measured figures of one size.
    struct Measured {
        var nodes: Int
        var withOnePlace: Double
        var largest: Double
        var smallest: Double
        var largestAfterChurn: Double?
    }

    private(set) var measured: [Measured] = []
    /// Figures that differ from the model by more than the tolerance.
    private(set) var differences: [String] = []

    /// Measures rings of the model's sizes up to a limit.
    init(upTo limit: Int, seed: UInt64, _ progress: (String) -> Void) {
        var generator = SeededGenerator(seed: seed ^ 0x706C_6163_6573)
        for model in Self.models where model.nodes <= limit {
            progress("shares of rings of \(model.nodes)")
            var samples = (one: Sample(), largest: Sample(), smallest: Sample(), churned: Sample())
            // Small rings differ much from each other.
            for number in 0..<max(Self.rings, 2000 / model.nodes) {
                let name = "\(seed)/\(model.nodes)/\(number)"
                var one = PlacedRing(placements: 1, name: name)
                var ring = PlacedRing(placements: Self.placements, name: name)
                for _ in 0..<model.nodes {
                    one.join()
                    ring.join()
                }
                samples.one.add(one.extremes.largest)
                samples.largest.add(ring.extremes.largest)
                samples.smallest.add(ring.extremes.smallest)
                guard model.largestAfterChurn != nil else { continue }
                for _ in 0..<(3 * model.nodes) {
                    ring.depart(using: &generator)
                    ring.join()
                }
                samples.churned.add(ring.extremes.largest)
            }
            let result = Measured(
                nodes: model.nodes,
                withOnePlace: samples.one.mean,
                largest: samples.largest.mean,
                smallest: samples.smallest.mean,
                largestAfterChurn: model.largestAfterChurn.map { _ in samples.churned.mean }
            )
            measured.append(result)
            compare("largest share", model.nodes, result.largest, model.largest)
            compare("smallest share", model.nodes, result.smallest, model.smallest)
            if let churned = result.largestAfterChurn, let expected = model.largestAfterChurn {
                compare("largest share after churn", model.nodes, churned, expected)
            }
        }
    }

    private mutating func compare(
        _ what: String,
        _ nodes: Int,
        _ found: Double,
        _ expected: Double
    ) {
        guard abs(found - expected) > Self.tolerance * expected else { return }
        differences.append("\(what) of \(nodes) nodes: \(found.short(2)), model \(expected)")
    }

    /// The figures as sentences.
    var notes: [String] {
        measured.map { result in
            let churned = result.largestAfterChurn.map {
                "; after departures and joins of three times the ring \($0.short(2))"
            }
            return "Shares of \(result.nodes) nodes, mean of the rings: the largest "
                + "\(result.withOnePlace.short(2)) times the mean with 1 place per node and "
                + "\(result.largest.short(2)) with \(Self.placements), the smallest then "
                + "\(result.smallest.short(2))" + (churned ?? "") + "."
        }
    }
}

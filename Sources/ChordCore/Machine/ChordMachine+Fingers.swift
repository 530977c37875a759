// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Fingers (section 4.4 of the SIGCOMM paper), repaired a whole table at a time.
//
// A pass walks the circle: it looks up the next finger target after the last confirmed node, enters the
// owner in the table and goes on from there. That takes one lookup for each distinct
// finger, about log2 N of them, rather than one per bit; and since everything between two confirmed
// nodes is taken out, dead nodes do not stay in the table.

extension ChordMachine {
    mutating func startFingerPassIfDue() -> [Directive] {
        guard fingerPass == nil, quietTicks >= configuration.fingerQuietTicks,
            let last = successors.entries.last
        else { return [] }
        quietTicks = 0
        return lookUpFinger(after: last.id, changed: false)
    }

    /// Takes the owner of a finger target; nil if the lookup failed. An answer with a stale token
    /// changes nothing.
    package mutating func resolveFinger(
        _ owner: NodeReference?,
        for token: Token
    ) -> [Directive] {
        guard phase == .member, let pass = fingerPass, pass.token == token else { return [] }
        fingerPass = nil
        guard let owner else { return [] }
        let isRoundTheCircle =
            owner.id == node.id || !owner.id.isBetween(pass.confirmed, and: node.id)
        if isRoundTheCircle { return endPass(pass) }
        var isNew = false
        var directives = changing(.stabilized) { machine, _ in
            let before = machine.table
            machine.prune(between: pass.confirmed, and: owner.id)
            machine.table.insert(owner)
            isNew = machine.table != before
        }
        directives += lookUpFinger(after: owner.id, changed: pass.changed || isNew)
        return directives
    }

    /// Removes nodes that are not fingers. Each is asked once whether it is still in this ring:
    /// after a split, lookups pass over all nodes of the other part.
    private mutating func prune(between confirmed: Identifier, and end: Identifier) {
        remember(table.entries.filter { $0.id.isBetween(confirmed, and: end) })
        table.removeAll(between: confirmed, and: end)
    }

    private mutating func lookUpFinger(
        after confirmed: Identifier,
        changed: Bool
    ) -> [Directive] {
        // The smallest power of two beyond a distance is that of its bit width.
        let exponent = parameters.space.distance(from: node.id, to: confirmed).bitWidthOfValue
        var pass = FingerPass(
            token: nextToken(),
            target: confirmed,
            confirmed: confirmed,
            changed: changed
        )
        guard exponent < parameters.space.width else { return endPass(pass) }
        pass.target = parameters.space.adding(node.id, powerOfTwo: exponent)
        fingerPass = pass
        return [.findFinger(pass.token, pass.target)]
    }

    /// No finger points between the last confirmed node and this node.
    private mutating func endPass(_ pass: FingerPass) -> [Directive] {
        var isNew = false
        let directives = changing(.stabilized) { machine, _ in
            let before = machine.table
            machine.prune(between: pass.confirmed, and: machine.node.id)
            isNew = machine.table != before
        }
        // A pass that changed something is followed by the next one at once, because the ring is
        // changing.
        if pass.changed || isNew { quietTicks = configuration.fingerQuietTicks }
        return directives
    }
}

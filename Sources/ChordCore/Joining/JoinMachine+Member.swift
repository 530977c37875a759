// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension JoinMachine {
    // MARK: Having a place

    /// The ring has changed since the member answered: another attempt may succeed.
    package mutating func placeChanged(now: Duration) -> [JoinDirective] {
        guard case .taking = phase else { return [] }
        return fail(.ringChanged, now: now)
    }

    /// The node is a member that no other node knows. Joining is complete once its head has
    /// accepted it.
    package mutating func joined(_ standing: Standing, now: Duration) -> [JoinDirective] {
        switch phase {
        case .taking, .joined: phase = .joined
        case .new, .asking, .waiting, .ended: return []
        }
        if standing.isTaken {
            phase = .ended
            return [.finish]
        }
        if let refusal = standing.refusal, now - refusal.since >= settings.refusalPatience {
            return giveUp(
                JoinError(
                    .unreachable,
                    "\(refusal.head.name) cannot reach this node at \(refusal.address): \(refusal.reason). It is "
                        + "this node's successor and must be able to dial it: open the port, or "
                        + "advertise an address that other members can dial"
                ),
                naming: false
            )
        }
        guard let deadline else { return [.awaitHead(atMost: settings.stabilize)] }
        guard now < deadline else {
            let head = standing.head?.description ?? "the node after its place"
            return giveUp(
                JoinError(
                    .noContact,
                    "\(head) has not accepted this node as its predecessor in time; can it dial "
                        + "\(node.address)?"
                ),
                naming: false
            )
        }
        return [.awaitHead(atMost: min(settings.stabilize, deadline - now))]
    }
}

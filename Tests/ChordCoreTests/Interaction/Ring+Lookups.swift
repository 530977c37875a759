// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

extension Ring {
    // MARK: Lookups

    /// A whole recursive lookup over the views as they are now.
    func lookUp(
        _ target: Identifier,
        from address: String,
        joiner: NodeReference? = nil,
        hopBudget: Int? = nil
    ) -> Found {
        var path: [String] = []
        let budget =
            hopBudget ?? LookupMachine.defaultHopBudget(width: parameters.space.width)
        let outcome = forward(target, at: address, joiner, hops: 0, budget, &path)
        return Found(outcome: outcome, path: path)
    }

    private func forward(
        _ target: Identifier,
        at address: String,
        _ joiner: NodeReference?,
        hops: Int,
        _ budget: Int,
        _ path: inout [String]
    ) -> Result<NodeReference, LookupFailure> {
        guard let node = nodes[address], node.isUp else { return .failure(.exhausted) }
        var lookup = LookupMachine(target: target, joiner: joiner, hops: hops, hopBudget: budget)
        let before = path
        while true {
            path = before + [address]
            switch lookup.step(in: node.machine.view) {
            case .answer(let owner):
                return .success(owner)
            case .fail(let failure):
                return .failure(failure)
            case .ask(let next):
                let outcome = forward(
                    target,
                    at: next.address,
                    joiner,
                    hops: hops + 1,
                    budget,
                    &path
                )
                switch outcome {
                case .failure(.exhausted), .failure(.notMember): lookup.exclude(next.id)
                default: return outcome
                }
            }
        }
    }
}

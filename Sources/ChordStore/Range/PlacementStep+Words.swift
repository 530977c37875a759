// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// What operators read of placement.

extension PlacementStep: CustomStringConvertible {
    package var description: String {
        switch self {
        case .prepare(let member): "gives \(member.node) a replica"
        case .retract: "takes back a replica that is not needed any more"
        case .change(let configuration): "changes the replicas to \(configuration)"
        case .transfer(let heir): "hands the leadership to replica \(heir)"
        case .wait(let reason): "waits: \(reason)"
        case .settled: "the replicas are the wanted ones"
        }
    }
}

extension PlacementWait: CustomStringConvertible {
    package var description: String {
        switch self {
        case .ringUnsure: "the ring has not named the same members for long enough"
        case .changing: "the change before is not complete"
        case .catchingUp(let number): "replica \(number) is catching up"
        case .lastCopy: "the only replica leaves, and no other member can take its place"
        case .noReplacement(let number):
            "replica \(number) is silent, and no other member can take its place"
        }
    }
}

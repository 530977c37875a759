// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import Testing

@testable import ChordStore

/// A range whose steps are carried out at once.
struct PlacementFixture {
    var descriptor: RangeDescriptor
    var configuration: RaftConfiguration
    var leader: String
    /// Members of the ring from the end of the range on; nil while the ring is not sure.
    var ring: [String]? = []
    var silence: [String: Duration] = [:]
    var behind: Set<String> = []
    var departed: Set<String> = []
    var lost: Set<ReplicaNumber> = []
    private var avoided: Set<DiskID> = []
    private var voterCounts: [Int] = []

    init(voters: [String], leader: String = "a") {
        let members = voters.map(Self.member)
        let replicas = members.enumerated().map { place, member in
            ReplicaDescriptor(
                number: ReplicaNumber(UInt64(place) + 1),
                node: member.node,
                address: member.address,
                disk: member.disk,
                role: .voter
            )
        }
        descriptor = RangeDescriptor(
            id: RangeID(high: 0, low: 1),
            bounds: IdentifierRange(after: .zero, through: .zero),
            replicas: replicas,
            nextNumber: ReplicaNumber(UInt64(voters.count) + 1),
            replication: 3
        )
        do {
            configuration = try RaftConfiguration(voters: replicas.map(\.number))
        } catch {
            fatalError("the fixture's voters are no configuration: \(error)")
        }
        self.leader = leader
    }

    static func member(_ name: String) -> StoreMember {
        let letter = UInt64(name.utf8.first ?? 0)
        return StoreMember(node: name, address: "\(name):1", disk: DiskID(high: 0, low: letter))
    }

    func number(of name: String) -> ReplicaNumber {
        descriptor.replicas.first { $0.node == name }?.number ?? ReplicaNumber(0)
    }

    /// Names of the voters in alphabetical order.
    var voters: [String] {
        configuration.voters.compactMap { descriptor.replica($0)?.node }.sorted()
    }

    var view: PlacementView {
        PlacementView(
            descriptor: descriptor,
            configuration: configuration,
            leader: number(of: leader),
            progress: Dictionary(
                uniqueKeysWithValues: descriptor.replicas.map { replica in
                    let progress = PlacementView.Progress(
                        isCaughtUp: !behind.contains(replica.node)
                            && silence[replica.node] == nil,
                        silence: silence[replica.node] ?? .zero
                    )
                    return (replica.number, progress)
                }
            ),
            wanted: ring.map { $0.map(Self.member) },
            departed: Set(departed.map { Self.member($0).disk }),
            avoided: avoided,
            lost: lost,
            replaceAfter: .seconds(300)
        )
    }

    /// Carries steps out until there is none.
    @discardableResult
    mutating func settle() -> [PlacementStep] {
        var steps: [PlacementStep] = []
        while steps.count < 100 {
            let step = Placement.nextStep(view)
            switch step {
            case .wait, .settled: return steps
            case .prepare(let member): descriptor.prepare(member)
            case .retract: descriptor.retractPrepared()
            case .transfer(let heir):
                leader = descriptor.replica(heir)?.node ?? leader
            case .change(let next):
                avoided.formUnion(view.learnersGivenUp(by: next))
                configuration = next
                descriptor.adopt(next)
                voterCounts.append(next.voters.count)
            }
            steps.append(step)
        }
        Issue.record("placement does not settle: \(steps.suffix(6))")
        return steps
    }

    /// The fewest voters that any configuration had while `changes` was carried out.
    mutating func fewestVoters(_ changes: (inout Self) -> Void) -> Int {
        voterCounts = [configuration.voters.count]
        changes(&self)
        return voterCounts.min() ?? 0
    }
}

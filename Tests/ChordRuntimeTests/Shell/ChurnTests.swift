// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Churn", .tags(.interaction))
struct ChurnTests {
    @Test("The ring repairs itself during churn", arguments: 1...6 as ClosedRange<UInt64>)
    func churn(seed: UInt64) throws {
        var settings = InProcessRing.Settings()
        settings.queryMode = seed % 2 == 0 ? .delaying : .answering
        let ring = try InProcessRing.settled(10, seed: seed, settings)
        let executor = ring.executor
        func pick(_ count: Int) -> Int { Int(executor.random() % UInt64(count)) }
        var names = Set(ring.circle.map(\.name))
        var joining: [ManualTask<Void>] = []
        var lookups: [ManualTask<LookupResult>] = []
        for step in 0..<60 {
            let circle = ring.circle
            let victim = circle[pick(circle.count)].name
            switch pick(4) {
            case 0 where circle.count > 7: ring.kill(victim)
            case 1 where circle.count > 7: try ring.leave(victim)
            case 2:
                let contacts = [circle[pick(circle.count)], circle[pick(circle.count)]]
                    .map(\.address)
                let gone = names.subtracting(ring.members.keys).sorted()
                let name = gone.isEmpty || pick(2) == 0 ? "s\(step)" : gone[pick(gone.count)]
                names.insert(name)
                let shell = ring.add(name)
                joining.append(
                    executor.start { try await shell.join(through: contacts, for: nil) }
                )
            default: break
            }
            for node in ring.circle.prefix(4) {
                let id = ring.randomIdentifier()
                let shell = ring.shell(node.name)
                lookups.append(executor.start { try await shell.lookup(id) })
            }
            executor.run(for: .milliseconds(100 + pick(1500)))
        }
        // A contact may have gone before it could help: the joiner is then given up.
        executor.run(for: .seconds(30))
        for name in ring.members.keys.sorted() where !ring.shell(name).view.isMember {
            ring.kill(name)
        }
        for task in joining { _ = try? task.value() }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        for lookup in lookups {
            _ = try? lookup.value()
            #expect(lookup.isFinished)
            if case .success(let result) = lookup.result {
                #expect(names.contains(result.owner.name))
            }
        }
        let failed = lookups.count { (try? $0.value()) == nil }
        #expect(failed <= lookups.count / 20, "\(failed) of \(lookups.count)")
        for node in ring.circle {
            let shell = ring.shell(node.name)
            for _ in 0..<20 {
                let id = ring.randomIdentifier()
                let result = try executor.wait { try await shell.lookup(id) }
                #expect(result.owner == ring.owner(of: id))
            }
        }
    }
}

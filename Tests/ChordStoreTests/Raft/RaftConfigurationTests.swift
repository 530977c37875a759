// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct RaftConfigurationTests {
    private func replicas(_ numbers: UInt64...) -> [ReplicaNumber] {
        numbers.map { ReplicaNumber($0) }
    }

    private func joint() throws -> RaftConfiguration {
        try RaftConfiguration(voters: replicas(1, 2, 3)).firstStep(
            to: RaftConfiguration(voters: replicas(3, 4, 5), learners: replicas(1))
        )
    }

    @Test func bytesAreReadAsTheyWereWritten() throws {
        let plain = try RaftConfiguration(voters: replicas(7, 1, .max), learners: replicas(3))
        #expect(try RaftConfiguration(encoded: plain.encoded) == plain)
        #expect(plain.encoded.count == 1 + 3 + 4 * 8)
        let joint = try joint()
        #expect(try RaftConfiguration(encoded: joint.encoded) == joint)
        #expect(joint.description == "(3 4 5)&(1 2 3) learners (1)")
    }

    @Test(
        arguments: [
            ([], StoreErrorCode.corrupted), ([2, 0, 0, 0], .unknownVersion),
            ([1, 0, 0, 0], .invalidConfiguration), ([1, 1, 9], .corrupted),
            ([1, 255], .corrupted),
        ] as [([UInt8], StoreErrorCode)]
    )
    func otherBytesAreRefused(bytes: [UInt8], code: StoreErrorCode) {
        let error = #expect(throws: StoreError.self) { try RaftConfiguration(encoded: bytes) }
        #expect(error?.code == code)
    }

    @Test func everyCutOrProlongedEncodingIsRefused() throws {
        let bytes = try joint().encoded
        for length in 0..<bytes.count {
            #expect(throws: StoreError.self) {
                try RaftConfiguration(encoded: Array(bytes.prefix(length)))
            }
        }
        #expect(throws: StoreError.self) { try RaftConfiguration(encoded: bytes + [0]) }
    }

    @Test func replicasAreNamedOnce() {
        #expect(throws: StoreError.self) { try RaftConfiguration(voters: replicas(1, 1)) }
        #expect(throws: StoreError.self) {
            try RaftConfiguration(voters: replicas(1, 2), learners: replicas(2))
        }
        #expect(throws: StoreError.self) { try RaftConfiguration(voters: []) }
        #expect(throws: StoreError.self) {
            try RaftConfiguration(voters: (0..<65).map { ReplicaNumber($0) })
        }
    }

    @Test func aJointConfigurationNeedsBothMajorities() throws {
        let joint = try joint()
        let reached: [ReplicaNumber: Int] = [
            ReplicaNumber(1): 9, ReplicaNumber(2): 4, ReplicaNumber(3): 7, ReplicaNumber(4): 5,
            ReplicaNumber(5): 2,
        ]
        #expect(joint.majority { reached[$0] ?? 0 } == 5)
        #expect(joint.isMajority { replicas(1, 3, 4).contains($0) })
        #expect(!joint.isMajority { replicas(3, 4, 5).contains($0) })
        #expect(joint.afterJoint.majority { reached[$0] ?? 0 } == 5)
        #expect(RaftConfiguration.empty.majority { _ in 1 } == nil)
    }

    @Test func electionsAreDecidedByMajorities() throws {
        let four = try RaftConfiguration(voters: replicas(1, 2, 3, 4))
        let (one, two, three) = (ReplicaNumber(1), ReplicaNumber(2), ReplicaNumber(3))
        #expect(four.result(of: [one: true, two: true]) == .open)
        #expect(four.result(of: [one: true, two: true, three: true]) == .won)
        #expect(four.result(of: [one: false, two: false]) == .lost)
        #expect(four.result(of: [ReplicaNumber(9): true]) == .open)
        #expect(RaftConfiguration.empty.result(of: [:]) == .lost)
    }

    @Test func aChangeOfLearnersNeedsNoJointConfiguration() throws {
        let present = try RaftConfiguration(voters: replicas(1, 2))
        let target = try RaftConfiguration(voters: replicas(2, 1), learners: replicas(3))
        #expect(present.firstStep(to: target) == target)
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
public import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

/// A range whose wanted number of replicas was set.
public struct StoreReplicasChange: Hashable, Sendable {
    /// The range's identifier, 32 hexadecimal digits.
    public var range: String
    /// The positions of the range.
    public var bounds: IdentifierRange
    /// The number before.
    public var former: Int
    /// The number from now on.
    public var replicas: Int

    /// Makes a change from its parts.
    public init(range: String, bounds: IdentifierRange, former: Int, replicas: Int) {
        self.range = range
        self.bounds = bounds
        self.former = former
        self.replicas = replicas
    }
}

extension StoreClient {
    /// Sets the number of nodes that hold each key, for all ranges of the store, one after the other around the ring.
    /// It needs a certificate of role `admin`.
    ///
    /// When it returns every range wants the number, and ranges that are split later inherit it. The replicas follow
    /// one change at a time; status(of:timeout:) tells what is missing. If it throws, some ranges may want the new
    /// number and others the former one: call it again.
    ///
    /// - Parameters:
    ///   - count: 1, 3, 5 or 7; at most the length of the ring's successor lists, and if it is more than before, at
    ///     most the number of members that hold data.
    ///   - timeout: the time for each range; nil stands for StoreClientLimits/deadline.
    ///   - progress: called for each range.
    /// - Throws: `StoreClientError` as put(_:_:timeToLive:if:wantsPrevious:timeout:), with `refused` for other
    ///   certificates, and with `impossible` if the ring has too few members.
    @discardableResult
    public func setReplicas(
        _ count: Int,
        timeout: Duration? = nil,
        progress: (StoreReplicasChange) -> Void = { _ in }
    ) async throws(StoreClientError) -> [StoreReplicasChange] {
        guard WireLimits.wantedVoters.contains(count) else {
            throw StoreBounds.refuse(
                "\(count) replicas are not possible: a store has 1, 3, 5 or 7, because an even number survives no "
                    + "more failures than the odd one below it"
            )
        }
        return try await core.run { () throws(StoreClientError) in
            try await core.setReplicas(count, timeout, progress)
        }
    }
}

extension StoreClientCore {
    /// More ranges than a ring can have.
    private static let mostRanges = 1 << 20

    fileprivate func setReplicas(
        _ count: Int,
        _ timeout: Duration?,
        _ progress: (StoreReplicasChange) -> Void
    ) async throws(StoreClientError) -> [StoreReplicasChange] {
        let space = try await keyHash().space
        var changes: [StoreReplicasChange] = []
        var position = Identifier.zero
        repeat {
            let request = SetReplicasRequest(position: position, replicas: count)
            let aim = Aim(
                position: position,
                space: space,
                deadline: now + (timeout ?? limits.deadline)
            )
            let answered = try await answer(to: request, aim)
            let descriptor = answered.content.descriptor
            guard descriptor.bounds.contains(position), descriptor.wantedVoters == count else {
                throw StoreClientError(
                    .invalidAnswer,
                    "\(answered.address) answers for a range that was not asked for"
                )
            }
            let change = StoreReplicasChange(
                range: "\(RandomBits(wire: descriptor.range))",
                bounds: descriptor.bounds,
                former: answered.content.former,
                replicas: count
            )
            changes.append(change)
            progress(change)
            position = space.adding(descriptor.bounds.upperBound, Identifier(1))
            // The way around the ring ends where the first range began.
        } while !isAround(changes) && changes.count < Self.mostRanges
        return changes
    }

    private func isAround(_ changes: [StoreReplicasChange]) -> Bool {
        guard let first = changes.first?.bounds, let last = changes.last?.bounds else {
            return false
        }
        return last.upperBound == first.lowerBound || last.contains(first.lowerBound)
    }
}

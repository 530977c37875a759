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
    fileprivate func setReplicas(
        _ count: Int,
        _ timeout: Duration?,
        _ progress: (StoreReplicasChange) -> Void
    ) async throws(StoreClientError) -> [StoreReplicasChange] {
        var changes: [StoreReplicasChange] = []
        try await askAllRanges(timeout) {
            SetReplicasRequest(position: $0, replicas: count)
        } _: { content throws(StoreClientError) in
            guard content.descriptor.wantedVoters == count else {
                throw StoreClientError(
                    .invalidAnswer,
                    "a range wants \(content.descriptor.wantedVoters) replicas after it was told to want \(count)"
                )
            }
            let change = StoreReplicasChange(
                range: "\(RandomBits(wire: content.descriptor.range))",
                bounds: content.descriptor.bounds,
                former: content.former,
                replicas: count
            )
            changes.append(change)
            progress(change)
            return content.descriptor.bounds
        }
        return changes
    }
}

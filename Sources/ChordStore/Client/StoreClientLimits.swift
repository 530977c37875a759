// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Times and sizes of a client of the store.
public struct StoreClientLimits: Hashable, Sendable {
    /// The time for one operation with all its attempts, if the caller gives none. It is longer than an election,
    /// so that an operation survives the death of a leader. A longer time survives more, and tells later of a range
    /// that has no majority.
    public var deadline: Duration = .seconds(5)
    /// The longest time for one attempt. After it the operation is repeated at another node, because the asked one
    /// may be stopped. A longer time tolerates slower nodes.
    public var attempt: Duration = .seconds(2)
    /// The first wait before the nodes are asked again, if none of them could do the operation. It doubles up to
    /// `retryCap`. A shorter time notices a new leader sooner; a longer one asks less.
    public var retry: Duration = .milliseconds(50)
    /// The longest wait between two attempts.
    public var retryCap: Duration = .milliseconds(500)
    /// How long a node that could not be reached is not asked, if others can be.
    public var avoidance: Duration = .seconds(5)
    /// How long a watched node may say nothing before the stream counts as broken. Nodes say something every two seconds.
    public var watchSilence: Duration = .seconds(8)
    /// How old the known time of a range may be for a new write. The store refuses writes that were prepared more
    /// than 5 minutes ago by a client that it does not know.
    public var timeLifetime: Duration = .seconds(60)
    /// Ranges that the client remembers, with their leaders.
    public var knownRanges = 4096
    /// Writes to one range that have no answer yet; further ones wait. A range remembers 1,024 answers for each
    /// client.
    public var unansweredWrites = 512

    /// The default values.
    public init() {}

    /// The default values, with times that tolerate peers that are silent for the whole peer timeout.
    public init(allowing peerTimeout: Duration) {
        deadline = max(deadline, peerTimeout * 5)
        attempt = max(attempt, peerTimeout * 2)
        watchSilence = max(watchSilence, peerTimeout * 4)
    }
}

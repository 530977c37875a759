// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The limits of the store's messages.
///
/// They bound what an entry of the log can hold: the largest write, its entry and the Raft call with this
/// entry alone fit into 4 MiB, which gRPC implementations accept by default.
extension WireLimits {
    /// Bytes of a key or of a partition.
    package static let keyBytes = 0...1024
    /// Bytes of a value. A store's own limit, 1 MiB by default, is at most this.
    package static let valueBytes = 0...(3 << 20)
    /// Bytes of all values in one write, or in one reply.
    package static let valuesBytes = 3 << 20
    /// Keys of a Get, or operations of a Batch.
    package static let batchKeys = 1...256
    /// Replicas of a range, and numbers in a list of a configuration.
    package static let rangeReplicas = 1...16
    /// The numbers of voters that a store can want.
    package static let wantedVoters = [1, 3, 5, 7]
    /// Terms, indices of entries, versions, replica numbers, times in milliseconds, sizes in bytes. Values up
    /// to it can be counted up for centuries without overflow.
    package static let counter: ClosedRange<UInt64> = 0...(1 << 62)
    /// Rows of a page.
    package static let pageRows = 10_000
    /// Keys that one change of a watched partition names: as many as one entry expires.
    package static let changedKeys = 1_024
    /// Bytes of a page's token.
    package static let tokenBytes = 0...4096
    /// Ranges in a page of a status.
    package static let statusRanges = 1_000
    /// Issues of a range in a status.
    package static let rangeIssues = 16
    /// Bytes of a name in the identity of a forwarded caller.
    package static let callerNameBytes = 0...255
    /// Hints in a call.
    package static let hints = 1...64
    /// Bytes of one part of a snapshot.
    package static let chunkBytes = 1...(1 << 20)
    /// Raft messages in a call.
    package static let raftMessages = 4_096
    /// Heartbeats, or answers to heartbeats, in a call.
    package static let raftHeartbeats = 16_384
    /// Entries in all messages of a call.
    package static let raftEntries = 16_384
    /// Bytes of an entry's payload.
    package static let entryBytes = 0...((3 << 20) + (576 << 10))
    /// The version of the contract between store nodes.
    package static let peerVersion: UInt32 = 1
    /// Numbers to which the keys of rows hash in a checksum.
    package static let checksumBuckets = 256
    /// Rows that a checksum names.
    package static let checksumRows = 1_000
    /// How far ahead of a log the entry of a checksum may be chosen.
    package static let checksumMargin: ClosedRange<UInt64> = 0...65_536
    /// Disks that one recovery gives up.
    package static let disksGivenUpAtOnce = 256
    /// Disks that a node knows to be given up.
    package static let disksGivenUp = 1_024
}

/// Bytes of the requests of each method, for the methods' own values and for decoding.
package enum StoreMessageBytes {
    /// A request with a route and a few short fields, and its answer.
    package static let short = 16 << 10
    /// 256 keys.
    package static let get = 320 << 10
    /// The largest value, key and partition.
    package static let put = (3 << 20) + (16 << 10)
    /// 256 operations with their keys, and the values.
    package static let batch = (3 << 20) + (512 << 10)
    /// Rows or values of 3 MiB with their keys. Senders end a page before.
    package static let page = 4 << 20
    /// Messages of Raft groups. Senders split what is longer into several calls.
    package static let raft = 4 << 20
    /// 64 descriptors.
    package static let hints = 640 << 10
    /// A part of a snapshot.
    package static let chunk = (1 << 20) + (16 << 10)
    /// A part of a range's rows, and two descriptors.
    package static let export = (1 << 20) + (48 << 10)
}

extension MessageLimit {
    /// For requests and answers with short lists only.
    static func store(_ bytes: Int) -> MessageLimit {
        MessageLimit(bytes: bytes, overheadBytes: 1 << 20)
    }

    /// For answers with thousands of rows or ranges.
    static let page = MessageLimit(bytes: StoreMessageBytes.page, overheadBytes: 8 << 20)
    /// For calls with thousands of Raft messages, heartbeats and entries.
    static let raft = MessageLimit(bytes: StoreMessageBytes.raft, overheadBytes: 16 << 20)
}

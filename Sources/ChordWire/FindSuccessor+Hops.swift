// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos

extension FindSuccessorReply {
    /// Appends the number of hops to a reply that is encoded without them.
    ///
    /// Encoded messages may be appended to each other: what the later one sets counts (protocol
    /// buffers, "last one wins"). So a reply that many calls share is encoded once.
    package static func encodeHops(_ hops: Int, appendingTo output: inout [UInt8]) {
        var arena = EncodingArena()
        var message = Chord__V1__FindSuccessorReply()
        chord__v1__find_successor_reply__init(&message)
        message.hops = UInt32(clamping: hops)
        arena.pack(&message, appendingTo: &output)
    }
}

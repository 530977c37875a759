// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// How much a peer may make this side of a connection hold or do.
///
/// Every limit bounds one resource of one connection; a node multiplies them by the connections it
/// accepts. A peer that passes a limit loses the stream or the connection, never the node.
public struct HTTP2Limits: Sendable, Hashable {
    /// Streams the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Default 1000.
    ///
    /// A forwarded lookup parks its stream for several round trips, so a busy neighbour needs
    /// rate × latency of them: 1000 carries 20,000 lookups per second at 50 ms. Each open stream
    /// costs about half a kibibyte.
    public var maxConcurrentStreams: UInt32

    /// Bytes a peer may send on one stream before the reader has taken any. Default 1 MiB.
    ///
    /// Throughput of one stream is at most window ÷ round trip, about 100 MB/s at 10 ms. Lookups
    /// need hardly any of it, range transfers all of it.
    public var initialStreamWindow: Int32

    /// Bytes a peer may send on all streams before the readers have taken any. Default 4 MiB.
    ///
    /// The real bound on memory held for unread data per connection. Below the stream window it
    /// lets one slow reader stop every other stream. Values below 65,535 count as 65,535, which
    /// the protocol grants before any negotiation.
    public var connectionWindow: Int32

    /// The largest frame accepted, from 16,384 (the default and the least allowed) to 16,777,215.
    ///
    /// Larger frames save headers on bulk data, but each one holds up all other streams.
    public var maxFrameSize: UInt32

    /// The largest header list accepted: names, values and 32 bytes per field. Default 16 KiB.
    ///
    /// A stream whose header list is larger is reset with ENHANCE_YOUR_CALM.
    public var maxHeaderListBytes: UInt32

    /// Header bytes accepted per read of all streams together. Default 1 MiB.
    ///
    /// A few bytes can name kibibytes of the compression table, so one read could otherwise expand
    /// a thousandfold. A stream beyond the limit is reset with ENHANCE_YOUR_CALM.
    public var maxHeaderBytesPerRead: Int

    /// The size of the header compression table, in each direction. Default 4096.
    ///
    /// Repeated fields cost a byte or two while they fit. Zero saves the memory and most of the
    /// processor time a header bomb could cost, at some 200 bytes more per request.
    public var headerTableBytes: UInt32

    /// Streams the peer may reset in a burst before the connection is closed. Default 1000.
    ///
    /// Answers the rapid reset attack. Honest cancellations count too: hedged calls and passed
    /// deadlines must fit. Counts on a server only.
    public var maxStreamResets: UInt64

    /// Resets per second by which the burst allowance grows again. Default 33.
    public var streamResetsPerSecond: UInt64

    /// Frames that carry no message (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown types)
    /// accepted in a burst before the connection is closed. Calls earn more: four per call, and one
    /// per frame and kibibyte sent. Default 10,000.
    ///
    /// Each frame costs little, but a peer can send millions of them per second. Honest peers send
    /// a few per round trip, and more for data that they receive: window updates, and pings that
    /// measure bandwidth.
    public var maxControlFrames: UInt64

    /// Such frames per second by which the burst allowance grows again. Default 330.
    public var controlFramesPerSecond: UInt64

    /// DATA frames without content and without the end of their stream, taken in a burst before the
    /// connection is closed. Default 100.
    ///
    /// No implementation needs them, and flow control, which bounds all other data, does not count
    /// them. Some flush one now and then, so that none at all would be too strict.
    public var maxEmptyDataFrames: UInt64

    /// Such frames per second by which the burst allowance grows again. Default 10.
    public var emptyDataFramesPerSecond: UInt64

    /// CONTINUATION frames one header block may take. Default 8.
    public var maxContinuations: Int

    /// Answers to PING and SETTINGS that may wait to be sent. Default 1000.
    ///
    /// A peer that sends those and does not read would otherwise fill our memory.
    public var maxOutboundAcknowledgements: Int

    /// Entries one SETTINGS frame may have. Default 32.
    public var maxSettings: Int

    /// Bytes of message data that may wait to be sent on one stream before the writer is told to
    /// pause. Default 256 KiB.
    ///
    /// Not a hard limit: a writer that ignores it is stopped by ``maxQueuedOutputBytes``.
    public var streamHighWaterBytes: Int

    /// Bytes of message data that may wait to be sent on all streams. Default 16 MiB.
    ///
    /// A stream that would pass it is reset with ENHANCE_YOUR_CALM: the peer asks faster than it
    /// reads.
    public var maxQueuedOutputBytes: Int

    /// The default limits, each of which can be given another value.
    public init(
        maxConcurrentStreams: UInt32 = 1000,
        initialStreamWindow: Int32 = 1 << 20,
        connectionWindow: Int32 = 4 << 20,
        maxFrameSize: UInt32 = 16_384,
        maxHeaderListBytes: UInt32 = 16_384,
        maxHeaderBytesPerRead: Int = 1 << 20,
        headerTableBytes: UInt32 = 4096,
        maxStreamResets: UInt64 = 1000,
        streamResetsPerSecond: UInt64 = 33,
        maxControlFrames: UInt64 = 10_000,
        controlFramesPerSecond: UInt64 = 330,
        maxEmptyDataFrames: UInt64 = 100,
        emptyDataFramesPerSecond: UInt64 = 10,
        maxContinuations: Int = 8,
        maxOutboundAcknowledgements: Int = 1000,
        maxSettings: Int = 32,
        streamHighWaterBytes: Int = 256 << 10,
        maxQueuedOutputBytes: Int = 16 << 20
    ) {
        self.maxConcurrentStreams = maxConcurrentStreams
        self.initialStreamWindow = initialStreamWindow
        self.connectionWindow = connectionWindow
        self.maxFrameSize = maxFrameSize
        self.maxHeaderListBytes = maxHeaderListBytes
        self.maxHeaderBytesPerRead = maxHeaderBytesPerRead
        self.headerTableBytes = headerTableBytes
        self.maxStreamResets = maxStreamResets
        self.streamResetsPerSecond = streamResetsPerSecond
        self.maxControlFrames = maxControlFrames
        self.controlFramesPerSecond = controlFramesPerSecond
        self.maxEmptyDataFrames = maxEmptyDataFrames
        self.emptyDataFramesPerSecond = emptyDataFramesPerSecond
        self.maxContinuations = maxContinuations
        self.maxOutboundAcknowledgements = maxOutboundAcknowledgements
        self.maxSettings = maxSettings
        self.streamHighWaterBytes = streamHighWaterBytes
        self.maxQueuedOutputBytes = maxQueuedOutputBytes
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension TransportConfiguration {
    /// How much of the node its callers may take, all connections together, and how fast.
    public struct ServerLimits: Sendable, Hashable {
        /// Open connections of one identity. Default 256.
        ///
        /// A node dials one connection per event loop, and those from before a restart may remain
        /// for a while: 256 is enough for a machine with a hundred cores. Programs that share one
        /// client certificate count together; raise the limit for them. A connection above the
        /// limit is told so and closed, and its client waits before it tries again.
        public var maxConnectionsPerIdentity: Int

        /// Handshakes in progress. Default 512.
        ///
        /// A handshake takes half a millisecond of an event loop's time, and about 60 KiB for as
        /// long as the peer delays it. With a higher limit a node that returns reaches all others
        /// sooner; a lower one leaves more time to open connections. If all are in use, the oldest
        /// handshake without input is closed, at the host that has the most.
        public var maxHandshakes: Int

        /// The part of ``maxHandshakes`` that is reserved for hosts from which a peer has
        /// authenticated before. Default 128; at most a quarter.
        ///
        /// It keeps unknown hosts, however many, from excluding members and known clients. A lower
        /// value leaves more to new hosts.
        public var handshakesOfKnownHosts: Int

        /// Handshakes in progress from one host address. Default 256.
        ///
        /// Without this limit one silent host could use all of ``maxHandshakes``. All hosts behind
        /// one address translator count together, and so do all hosts of an IPv6 /64 network, which
        /// usually belongs to one customer. If all are in use, the oldest handshake of that host
        /// without input is closed.
        public var maxHandshakesPerHost: Int

        /// How long a handshake with input may take before it can be closed to make room for
        /// another. Default 1 s.
        ///
        /// Otherwise one byte per handshake would keep them all. It must exceed three round trips
        /// of the farthest peer.
        public var handshakeGrace: Duration

        /// How long a header block may take from its first byte to its last. Default 10 s.
        ///
        /// While it is incomplete the connection can carry nothing else, so that the peer has no
        /// honest reason to draw it out; longer spares links that stall for seconds.
        public var headerTimeout: Duration

        /// Calls that one connection may start in a burst. Default 200,000.
        ///
        /// See ``callsPerSecond``. A burst below a few thousand would hurt neighbours that forward
        /// calls which they had to hold back.
        public var callBurst: Int

        /// Calls per second that one connection may start beyond its burst. Default 100,000.
        ///
        /// A connection uses one event loop, which can answer several times as many; the rest is
        /// for the other connections on that loop. Further calls are refused with
        /// RESOURCE_EXHAUSTED without being read. Lower the limit if unknown clients may call.
        public var callsPerSecond: Int

        /// Calls of nodes in progress, on all connections. Default 20,000.
        ///
        /// Each call needs memory for its request, its responder and usually our own call to the
        /// next hop, together some kibibytes. Above the limit every call except the ring's
        /// maintenance is refused with RESOURCE_EXHAUSTED, so a node under load loses callers but
        /// not its place. Calls that are answered at once hardly count. One identity may use as
        /// many as are free, so a single one gets half: see ``maxClientCallsInFlight``.
        public var maxNodeCallsInFlight: Int

        /// Calls of clients in progress, on all connections. Default 16,000.
        ///
        /// They are counted separately from calls of nodes, so that clients cannot displace nodes.
        /// One identity may use as many as are free: a single one gets half of them, two get a
        /// third each, and a new one always finds some. Calls of administrators are not counted,
        /// because they must reach a node in trouble.
        public var maxClientCallsInFlight: Int

        /// Calls with streams of messages under way at once, of nodes and of all others, each. Default
        /// 2,000.
        ///
        /// They may wait for as long as they like (Watch), so that they do not count among the calls
        /// above. Each holds a task and some 8 KiB. One identity may have as many as are free.
        public var maxStreams: Int

        /// Bytes held for one connection: requests that are not whole, messages that no handler has
        /// read, and answers that the client has not taken. Default 8 MiB.
        ///
        /// A call that would pass it is refused with RESOURCE_EXHAUSTED, and so is each new call while
        /// it is passed. Must exceed the longest message that a method takes; higher serves clients that
        /// send many long messages at once.
        public var maxHeldBytesPerConnection: Int

        /// The same on all connections. Default 128 MiB.
        ///
        /// One identity may use as many bytes as are free, so a single one gets half. This is the
        /// actual limit on the memory that callers can fill. Partly filled buffers may cost up to
        /// as much again.
        public var maxHeldBytes: Int

        /// Bytes that the compressed messages of one identity may become in a burst. Default 64 MiB.
        ///
        /// Inflating costs 2.3 ms of an event loop per mebibyte, and a caller pays a thousandth of it.
        /// See ``inflatedBytesPerSecond``.
        public var inflationBurst: Int

        /// Bytes per second by which that burst grows again. Default 8 MiB: a fiftieth of a loop's time.
        ///
        /// Beyond it compressed messages are refused with RESOURCE_EXHAUSTED and others are not. Raise
        /// it where clients store large compressed values.
        public var inflatedBytesPerSecond: Int

        /// The defaults, each of which can be given another value.
        public init(
            maxConnectionsPerIdentity: Int = 256,
            maxHandshakes: Int = 512,
            maxHandshakesPerHost: Int = 256,
            handshakesOfKnownHosts: Int = 128,
            handshakeGrace: Duration = .seconds(1),
            headerTimeout: Duration = .seconds(10),
            callBurst: Int = 200_000,
            callsPerSecond: Int = 100_000,
            maxNodeCallsInFlight: Int = 20_000,
            maxClientCallsInFlight: Int = 16_000,
            maxStreams: Int = 2000,
            maxHeldBytesPerConnection: Int = 8 << 20,
            maxHeldBytes: Int = 128 << 20,
            inflationBurst: Int = 64 << 20,
            inflatedBytesPerSecond: Int = 8 << 20
        ) {
            self.maxConnectionsPerIdentity = maxConnectionsPerIdentity
            self.maxHandshakes = maxHandshakes
            self.maxHandshakesPerHost = maxHandshakesPerHost
            self.handshakesOfKnownHosts = handshakesOfKnownHosts
            self.handshakeGrace = handshakeGrace
            self.headerTimeout = headerTimeout
            self.callBurst = callBurst
            self.callsPerSecond = callsPerSecond
            self.maxNodeCallsInFlight = maxNodeCallsInFlight
            self.maxClientCallsInFlight = maxClientCallsInFlight
            self.maxStreams = maxStreams
            self.maxHeldBytesPerConnection = maxHeldBytesPerConnection
            self.maxHeldBytes = maxHeldBytes
            self.inflationBurst = inflationBurst
            self.inflatedBytesPerSecond = inflatedBytesPerSecond
        }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension TransportConfiguration {
    /// How much of the node its callers may take, all connections together, and how fast.
    public struct ServerLimits: Sendable, Hashable {
        /// Connections of one identity open at once. Default 256.
        ///
        /// A node dials one connection per event loop of its own, and those of its former life may
        /// linger: 256 leaves room for a machine of a hundred cores. Programs that share one client
        /// certificate count together; raise it for them. One more is told so and closed, and its
        /// dialler waits before it tries again.
        public var maxConnectionsPerIdentity: Int

        /// Handshakes under way at once. Default 512.
        ///
        /// A handshake takes half a millisecond of an event loop's time and holds some 60 KiB for as
        /// long as the peer draws it out. More let a node that comes back greet everybody sooner;
        /// fewer leave more time to the connections that are open. Where all are taken, the oldest
        /// that has not said a word makes room, at the host that has the most of them.
        public var maxHandshakes: Int

        /// Of ``maxHandshakes``, how many only hosts may use from which a peer has authenticated before.
        /// Default 128; at most a quarter.
        ///
        /// So strangers, however many hosts they come from, do not keep members and known clients out.
        /// Fewer leave more to those who come for the first time.
        public var handshakesOfKnownHosts: Int

        /// Handshakes under way at once from one host address. Default 256.
        ///
        /// Without it one host that connects and says nothing could hold all of ``maxHandshakes``.
        /// Everybody behind one address translator counts together, and so does everybody in one
        /// IPv6 network of 64 bits, which is what one customer commonly has. Where all are taken, the
        /// oldest of that host that has not said a word makes room.
        public var maxHandshakesPerHost: Int

        /// How long a handshake in which something was said may take before it too makes room for
        /// another where all are taken. Default 1 s.
        ///
        /// Otherwise a byte each would hold them all. Must exceed three round trips of the farthest peer.
        public var handshakeGrace: Duration

        /// How long a header block may take from its first byte to its last. Default 10 s.
        ///
        /// While it is incomplete the connection can carry nothing else, so that the peer has no
        /// honest reason to draw it out; longer spares links that stall for seconds.
        public var headerTimeout: Duration

        /// Calls one connection may begin in a burst. Default 200,000.
        ///
        /// See ``callsPerSecond``. A burst below a few thousand would hurt neighbours that forward
        /// what they have held back.
        public var callBurst: Int

        /// Calls per second that one connection may begin beyond its burst. Default 100,000.
        ///
        /// A connection lives on one event loop, which answers a few times as many: what is left is
        /// for the others on that loop. Calls beyond it are refused with RESOURCE_EXHAUSTED unread;
        /// lower it where strangers may call.
        public var callsPerSecond: Int

        /// Calls of nodes under way at once, on all connections. Default 20,000.
        ///
        /// Each holds its request, its responder and mostly a call of our own to the next hop, some
        /// kibibytes. Above it every call but the ring's maintenance is refused with
        /// RESOURCE_EXHAUSTED, so that a node under load loses callers and never its place. Calls that
        /// are answered at once hardly count. One identity may have as many as are free, which is half
        /// of them where it is alone: see ``maxClientCallsInFlight``.
        public var maxNodeCallsInFlight: Int

        /// Calls of clients under way at once, on all connections. Default 16,000.
        ///
        /// Counted apart from those of nodes, which clients therefore cannot crowd out. One identity
        /// may have as many as are free: one alone half of them, two a third each. Whoever comes next
        /// always finds room. Calls of admins are not counted: whoever is to find out what ails a node
        /// must reach it.
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
        /// One identity may hold as many as are free, which is half of them where it is alone. The real
        /// bound on the memory that callers fill; what it costs besides is up to as much again, for
        /// buffers that are not full.
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

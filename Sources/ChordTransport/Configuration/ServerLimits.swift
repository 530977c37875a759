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
        /// fewer leave more time to the connections that are open.
        public var maxHandshakes: Int

        /// Handshakes under way at once from one host address. Default 256.
        ///
        /// Without it one host that connects and says nothing could hold all of ``maxHandshakes``.
        /// Everybody behind one address translator counts together.
        public var maxHandshakesPerHost: Int

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

        /// Calls under way at once, on all connections. Default 20,000.
        ///
        /// Each holds its request, its responder and mostly a call of our own to the next hop, some
        /// kibibytes. Above it every call but the ring's maintenance is refused with
        /// RESOURCE_EXHAUSTED, so that a node under load loses callers and never its place; admins
        /// are not refused. Calls that are answered at once hardly count.
        public var maxCallsInFlight: Int

        /// Calls under way, on all connections, above which those of clients are refused with
        /// RESOURCE_EXHAUSTED. Default 16,000.
        ///
        /// The rest up to ``maxCallsInFlight`` is for nodes, whose lookups have come part of their
        /// way already. Lower keeps more for them, higher refuses clients later.
        public var maxClientCallsInFlight: Int

        /// The paths of the calls by which the ring maintains itself. From nodes they are answered
        /// however many calls are under way: shedding them would turn load into suspicion.
        public var maintenancePaths: Set<String>

        /// The maintenance calls of this project's contract, and of those that it also speaks.
        public static let standardMaintenancePaths: Set<String> = [
            "/chord.v1.ChordService/Notify", "/chord.v1.ChordService/GetPredecessor",
            "/chord.v1.ChordService/GetSuccessorList", "/chord.v1.ChordService/Leave",
            "/chord.v1.ChordService/Found", "/chord.v1.ChordService/Meet",
            "/concord.ChordService/GetRing", "/concord.ChordService/Notify",
        ]

        /// The defaults, each of which can be given another value.
        public init(
            maxConnectionsPerIdentity: Int = 256,
            maxHandshakes: Int = 512,
            maxHandshakesPerHost: Int = 256,
            headerTimeout: Duration = .seconds(10),
            callBurst: Int = 200_000,
            callsPerSecond: Int = 100_000,
            maxCallsInFlight: Int = 20_000,
            maxClientCallsInFlight: Int = 16_000,
            maintenancePaths: Set<String> = standardMaintenancePaths
        ) {
            self.maxConnectionsPerIdentity = maxConnectionsPerIdentity
            self.maxHandshakes = maxHandshakes
            self.maxHandshakesPerHost = maxHandshakesPerHost
            self.headerTimeout = headerTimeout
            self.callBurst = callBurst
            self.callsPerSecond = callsPerSecond
            self.maxCallsInFlight = maxCallsInFlight
            self.maxClientCallsInFlight = maxClientCallsInFlight
            self.maintenancePaths = maintenancePaths
        }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension TransportConfiguration {
    /// TCP keepalive at both ends of a connection (RFC 9293, section 3.8.4), and how long sent data
    /// may stay unacknowledged (RFC 5482).
    ///
    /// It detects machines that have disappeared and networks that were cut, at no cost for the
    /// processes. Only pings detect a process that hangs, because its system still answers.
    public struct SocketKeepalive: Sendable, Hashable {
        /// How long a connection may be silent before the other system is asked for a sign of life. Whole
        /// seconds, at least one. Default 30 s.
        ///
        /// Shorter notices sooner, at a packet per interval, connection and direction.
        public var idle: Duration

        /// The time between questions that go unanswered. Whole seconds, at least one. Default 10 s.
        public var interval: Duration

        /// Questions that go unanswered before the connection is lost, at least one. Default 3.
        public var probes: Int

        /// The defaults, each of which can be given another value.
        public init(
            idle: Duration = .seconds(30),
            interval: Duration = .seconds(10),
            probes: Int = 3
        ) {
            self.idle = idle
            self.interval = interval
            self.probes = probes
        }
    }

    /// How the accepting side looks after connections that are open for long.
    public struct ServerKeepalive: Sendable, Hashable {
        /// How long a client with calls in progress may be silent before the server sends a ping.
        /// Default 2 h, as in gRPC; detection may take twice as long.
        ///
        /// A connection without calls is closed by `idleTimeout` anyway. A shorter interval
        /// releases the memory for a vanished client sooner, at the cost of a packet per interval
        /// and client.
        public var interval: Duration

        /// How long the sign of life may take before the connection is closed. Default 20 s, gRPC's
        /// own.
        public var timeout: Duration

        /// How far apart a client's pings must be while it does nothing else. Default 5 min, gRPC's
        /// own.
        ///
        /// Pings of clients that call, or that calls of theirs just ended for, do not count. Shorter
        /// lets clients behind address translators keep their connections, at the price of a wake-up
        /// for each ping.
        public var minPingInterval: Duration

        /// The number of early pings that are tolerated before the client gets `too_many_pings` and
        /// loses its connection. Default 2, as in gRPC.
        public var maxPingStrikes: Int

        /// The age at which a connection is drained; nil, the default, keeps it as long as it is
        /// used.
        ///
        /// Connections between nodes should last. Behind a load balancer an age distributes
        /// connections again; each costs a handshake. The age varies at random by up to a tenth, so
        /// that connections of the same age do not all end at once.
        public var maxAge: Duration?

        /// How long the calls of a connection that has reached its age may go on. Default 5 min.
        ///
        /// Longer loses fewer streams, shorter ends the connection closer to its age.
        public var maxAgeGrace: Duration

        /// The defaults, each of which can be given another value.
        public init(
            interval: Duration = .seconds(7200),
            timeout: Duration = .seconds(20),
            minPingInterval: Duration = .seconds(300),
            maxPingStrikes: Int = 2,
            maxAge: Duration? = nil,
            maxAgeGrace: Duration = .seconds(300)
        ) {
            self.interval = interval
            self.timeout = timeout
            self.minPingInterval = minPingInterval
            self.maxPingStrikes = maxPingStrikes
            self.maxAge = maxAge
            self.maxAgeGrace = maxAgeGrace
        }
    }

    /// How the dialling side looks after connections on which nothing comes in.
    public struct ClientKeepalive: Sendable, Hashable {
        /// How long a connection may be silent before the peer is asked for a sign of life; nil, the
        /// default, for never.
        ///
        /// Calls that get no answer ask by themselves. Keepalive is for address translators and
        /// firewalls that forget quiet connections, and for long streams. Servers of gRPC close the
        /// connection of a client that pings more often than every 5 min without calling; the
        /// interval is then doubled, up to ``maxInterval``.
        public var interval: Duration?

        /// The longest interval that a peer's objections can lead to. Default 1 h.
        ///
        /// Longer obeys peers that object to every ping; shorter notices a dead peer sooner.
        public var maxInterval: Duration

        /// How long the sign of life may take before the connection is closed. Default 20 s, gRPC's
        /// own.
        public var timeout: Duration

        /// Whether to ask also while no call is under way. Default false: an idle connection that has
        /// died costs a dial when it is needed again, and pings cost a packet per interval all along.
        public var permitsWithoutCalls: Bool

        /// The defaults, each of which can be given another value.
        public init(
            interval: Duration? = nil,
            timeout: Duration = .seconds(20),
            permitsWithoutCalls: Bool = false,
            maxInterval: Duration = .seconds(3600)
        ) {
            self.interval = interval
            self.maxInterval = maxInterval
            self.timeout = timeout
            self.permitsWithoutCalls = permitsWithoutCalls
        }

        /// The interval that follows `interval` when a peer reports too many pings.
        func interval(after interval: Duration) -> Duration {
            // An interval that is longer already was chosen by the user and stays.
            guard interval < maxInterval else { return interval }
            return interval < maxInterval / 2 ? interval * 2 : maxInterval
        }

        /// Whether a connection that has been quiet so long is to be asked for a sign of life.
        func isDue(after quiet: Duration, interval: Duration, hasCalls: Bool) -> Bool {
            quiet >= interval && (hasCalls || permitsWithoutCalls)
        }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordHTTP2

/// How a node's connections behave: every limit and every interval has a name here.
public struct TransportConfiguration: Sendable, Hashable {
    /// What a peer may make one connection hold or do, on both sides of it.
    public var limits: HTTP2Limits

    /// The largest message accepted, a request or an answer. Default 4 MiB, gRPC's own.
    ///
    /// A message is whole in memory before its handler runs, so that this times the calls open at
    /// once bounds a connection's memory. Lower it where only lookups travel; values in the store
    /// must fit below it.
    public var receiveLimitBytes: Int

    /// How the systems look after connections; nil to leave that to the system, which commonly takes a
    /// vanished machine for a quiet one.
    public var socketKeepalive: SocketKeepalive? = SocketKeepalive()

    /// The accepting side.
    public var server: Server

    /// The dialling side.
    public var client: Client

    /// The defaults, each of which can be given another value.
    public init(
        limits: HTTP2Limits = HTTP2Limits(),
        receiveLimitBytes: Int = 4 << 20,
        server: Server = Server(),
        client: Client = Client()
    ) {
        self.limits = limits
        self.receiveLimitBytes = receiveLimitBytes
        self.server = server
        self.client = client
    }
}

extension TransportConfiguration {
    /// The accepting side's settings.
    public struct Server: Sendable, Hashable {
        /// Connections the kernel may hold that we have not accepted yet. Default 1024.
        ///
        /// A node that comes back is dialled by everybody at once; what does not fit is refused and
        /// tries again after its backoff. The kernel's own cap (`somaxconn`) applies besides.
        public var backlog: Int32

        /// How long no connection is accepted once the system has no file left for one. Default 100 ms.
        ///
        /// Whoever dials meanwhile waits. Longer leaves more time to what is open; shorter takes
        /// newcomers in sooner once files are free again.
        public var acceptPause = Duration.milliseconds(100)

        /// Connections open at once, handshakes included. Default 10,000, and fewer where the process may
        /// not open as many files: of those a quarter, and 16, are kept for other things.
        ///
        /// An idle connection holds some 60 KiB. One more than this is closed as soon as it is
        /// accepted, before it costs a handshake.
        public var maxConnections: Int

        /// How long a connection without calls stays open. Default 30 min.
        ///
        /// Longer than the client's, so that it is the client who closes and no call is lost to a
        /// connection that closes under it. A peer that forgets its connections costs memory until
        /// this passes.
        public var idleTimeout: Duration

        /// How long an open connection may take until its HTTP/2 SETTINGS are here. Default 10 s.
        ///
        /// The TLS handshake has a limit of its own, which runs before this.
        public var settingsTimeout: Duration

        /// How long a request may take to become whole, and a client to take nothing of an answer,
        /// before the call is given up; and of all that it was sent, before the connection is. Default
        /// 30 s. Each has a clock of its own, whatever else goes on; they are looked at every sixth of
        /// the time.
        ///
        /// Neither costs a client anything, and each holds memory here. Longer spares peers on very
        /// slow links.
        public var stallTimeout: Duration

        /// How long calls that race with our first GOAWAY are still taken when draining, where the
        /// peer does not answer a ping sooner. Default 1 s, about the longest round trip to expect.
        public var drainNotice: Duration

        /// Whether answers of a kibibyte or more are compressed for callers that accept it. Default
        /// false.
        ///
        /// It spares bytes on slow links where values are text, and costs processor time, which unary
        /// answers spend on the event loop. A stream's handler may decide otherwise.
        public var compressesAnswers: Bool

        /// Lines per second about failed handshakes and broken peers. Default 10.
        ///
        /// Whoever can reach the port can cause such lines; the rest is counted and told with the
        /// next line.
        public var loggedFailuresPerSecond: Int

        /// What callers may take of the node.
        public var limits = ServerLimits()

        /// Pings, and how old connections become.
        public var keepalive = ServerKeepalive()

        /// The defaults, each of which can be given another value.
        public init(
            backlog: Int32 = 1024,
            maxConnections: Int = 10_000,
            idleTimeout: Duration = .seconds(1800),
            settingsTimeout: Duration = .seconds(10),
            stallTimeout: Duration = .seconds(30),
            drainNotice: Duration = .seconds(1),
            compressesAnswers: Bool = false,
            loggedFailuresPerSecond: Int = 10
        ) {
            self.backlog = backlog
            self.maxConnections = maxConnections
            self.idleTimeout = idleTimeout
            self.settingsTimeout = settingsTimeout
            self.stallTimeout = stallTimeout
            self.drainNotice = drainNotice
            self.compressesAnswers = compressesAnswers
            self.loggedFailuresPerSecond = loggedFailuresPerSecond
        }
    }

    /// The dialling side's settings.
    public struct Client: Sendable, Hashable {
        /// For whoever is no member of the ring: gRPC's published backoff, 1 s × 1.6 up to 120 s.
        ///
        /// A node must notice soon that a neighbour is back; a ring must not be dialled by all its
        /// clients at once when it comes back.
        public static var outsider: Client {
            var client = Client(initialBackoff: .seconds(1), maxBackoff: .seconds(120))
            // Who watches a node sends nothing, and would never learn that its process is stuck. Just above
            // the five minutes that servers ask for between pings.
            client.keepalive.interval = .seconds(310)
            return client
        }

        /// How long one address may take to accept a connection. Default 3 s.
        ///
        /// It covers one lost SYN, which Linux repeats after a second. A dead host holds the calls
        /// that wait for it as long.
        public var connectTimeout: Duration

        /// How long an accepted connection may take until it is ready: TLS, then the peer's
        /// SETTINGS. Default 10 s.
        ///
        /// A stopped process still accepts connections, in its kernel; this is what notices.
        public var readyTimeout: Duration

        /// The wait after the first failed dial. Default 100 ms.
        public var initialBackoff: Duration

        /// What each further failed dial multiplies the wait by. Default 1.6, gRPC's own.
        public var backoffMultiplier: Double

        /// The part of the wait by which chance shortens or lengthens it. Default 0.2.
        ///
        /// Nodes that lost the same peer at the same time would otherwise dial it in step.
        public var backoffJitter: Double

        /// The longest wait between dials. Default 1 s: about the interval of stabilisation.
        ///
        /// Longer saves dials to dead peers; but a peer that is back is called no sooner than this,
        /// unless it calls us first.
        public var maxBackoff: Duration

        /// How long a connection without calls stays open. Default 5 min.
        ///
        /// A handshake costs as much processor time as hundreds of calls, an idle connection some
        /// 60 KiB on each side. Fingers are called every few seconds, so that this closes only what
        /// the routing table has forgotten.
        public var idleTimeout: Duration

        /// Calls to one peer that may wait, for its connection or for one of its streams. Default
        /// 1000.
        ///
        /// More fail at once with RESOURCE_EXHAUSTED, so that a slow peer pushes back on whoever
        /// asks instead of filling memory.
        public var maxWaitingCalls: Int

        /// How long a connection's peer may leave a ping unanswered after a call on it went
        /// unanswered. Default 2 s.
        ///
        /// Then the connection is closed and its calls fail, so that the next one dials anew. Must
        /// exceed the longest round trip with room for a busy peer.
        public var pingTimeout: Duration

        /// Connections open at once, to all peers together. Default 4096.
        ///
        /// Each costs some 60 KiB here and there. Where a dial needs room, the connection without
        /// calls that was used least recently makes way; where all are in use, the call that needed
        /// the dial fails with RESOURCE_EXHAUSTED. Each event loop has its share of them.
        public var maxConnections = 4096

        /// Bytes of unary answers that are not whole, on one connection. Default 8 MiB.
        ///
        /// An answer that would pass it fails its call with RESOURCE_EXHAUSTED. Must exceed the longest
        /// answer; higher serves many long answers at once.
        public var maxHeldBytesPerConnection = 8 << 20

        /// Pings on quiet connections.
        public var keepalive = ClientKeepalive()

        /// The defaults, each of which can be given another value.
        public init(
            connectTimeout: Duration = .seconds(3),
            readyTimeout: Duration = .seconds(10),
            initialBackoff: Duration = .milliseconds(100),
            backoffMultiplier: Double = 1.6,
            backoffJitter: Double = 0.2,
            maxBackoff: Duration = .seconds(1),
            idleTimeout: Duration = .seconds(300),
            maxWaitingCalls: Int = 1000,
            pingTimeout: Duration = .seconds(2)
        ) {
            self.connectTimeout = connectTimeout
            self.readyTimeout = readyTimeout
            self.initialBackoff = initialBackoff
            self.backoffMultiplier = backoffMultiplier
            self.backoffJitter = backoffJitter
            self.maxBackoff = maxBackoff
            self.idleTimeout = idleTimeout
            self.maxWaitingCalls = maxWaitingCalls
            self.pingTimeout = pingTimeout
        }
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordHTTP2

/// How a node's connections behave: every limit and every interval has a name here.
public struct TransportConfiguration: Sendable, Hashable {
    /// Limits on the memory and work that a peer can cause on one connection, at both ends.
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
        /// Connections that wait in the kernel until the node accepts them. Default 1024.
        ///
        /// All other nodes dial a node that returns at the same time. Connections that do not fit
        /// are refused and tried again after a backoff. The kernel's own limit (`somaxconn`) also
        /// applies.
        public var backlog: Int32

        /// How long no connection is accepted after the system had no free file descriptor. Default
        /// 100 ms.
        ///
        /// New connections wait in the meantime. A longer pause leaves more time to open
        /// connections; a shorter one accepts new ones sooner once descriptors are free.
        public var acceptPause = Duration.milliseconds(100)

        /// Connections open at once, handshakes included. Default 10,000, and fewer where the process may
        /// not open as many files: of those a quarter, and 16, are kept for other things.
        ///
        /// An idle connection holds some 60 KiB. One more than this is closed as soon as it is
        /// accepted, before it costs a handshake.
        public var maxConnections: Int

        /// How long a connection without calls stays open. Default 30 min.
        ///
        /// It is longer than the client's timeout, so that the client closes the connection, and no
        /// call is lost on a connection that is just being closed. A peer that forgets its
        /// connections costs memory until this time has passed.
        public var idleTimeout: Duration

        /// How long an open connection may take until its HTTP/2 SETTINGS are here. Default 10 s.
        ///
        /// The TLS handshake has a limit of its own, which runs before this.
        public var settingsTimeout: Duration

        /// How long a request may stay incomplete, and how long a client may leave an answer
        /// unread, before the call is given up. If a client reads nothing at all for this time, its
        /// connection is closed. Default 30 s. Each request and answer has its own time, whatever
        /// else happens. The times are checked every sixth of the timeout.
        ///
        /// Both cost the client nothing, and the node memory. A longer timeout tolerates peers on
        /// very slow links.
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

        /// Log lines per second about failed handshakes and faulty peers. Default 10.
        ///
        /// Anyone who can reach the port can cause such lines. Further ones are counted, and the
        /// next line tells their number.
        public var loggedFailuresPerSecond: Int

        /// Limits on the resources that callers can use.
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
        /// For clients that are not members of the ring.
        ///
        /// The longest wait between dials is 2 s. gRPC's published backoff begins with 1 s and grows to
        /// 120 s: while nodes are restarted one after the other, a client would still wait for the first
        /// ones when the last is down, and its calls would fail. Clients that dial more rarely than nodes
        /// spread their handshakes when a node returns.
        public static var outsider: Client {
            var client = Client(maxBackoff: .seconds(2))
            // A watching client sends nothing, and would never detect that the node's process
            // hangs. The interval is just above the five minutes between pings that servers
            // require.
            client.keepalive.interval = .seconds(310)
            return client
        }

        /// How long one address may take to accept a connection. Default 3 s.
        ///
        /// It covers one lost SYN, which Linux repeats after a second. A dead host holds the calls
        /// that wait for it as long.
        public var connectTimeout: Duration

        /// How long an accepted connection may take to become ready: TLS, then the peer's SETTINGS.
        /// Default 10 s.
        ///
        /// The kernel of a stopped process still accepts connections; this timeout detects it.
        public var readyTimeout: Duration

        /// The wait after the first failed dial. Default 100 ms.
        public var initialBackoff: Duration

        /// The factor by which the wait grows with each further failed dial. Default 1.6, as in
        /// gRPC.
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
        /// A handshake costs as much processor time as hundreds of calls; an idle connection costs
        /// about 60 KiB on each side. Fingers are called every few seconds, so this closes only
        /// connections to nodes that are no longer in the routing table.
        public var idleTimeout: Duration

        /// Calls to one peer that may wait for its connection or for one of its streams. Default
        /// 1000.
        ///
        /// Further calls fail at once with RESOURCE_EXHAUSTED, so that a slow peer slows down the
        /// callers instead of filling the memory.
        public var maxWaitingCalls: Int

        /// How long a peer may leave a ping unanswered after a call on the connection went
        /// unanswered. Default 2 s.
        ///
        /// Then the connection is closed and its calls fail, so that the next call opens a new one.
        /// It must exceed the longest round trip, with some reserve for a busy peer.
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

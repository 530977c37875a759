// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

extension StoreServer {
    /// Begins to watch rows: here, where the range is led here; else the caller is told the leader, or a stream from
    /// there is passed on, once.
    ///
    /// - Throws: why not. With UNAVAILABLE the caller tries again, here or elsewhere.
    func watch(
        _ request: StoreWatchRequest,
        by peer: PeerIdentity
    ) async throws(Status) -> any MessageSource {
        if request.route.caller != nil, peer.role != .node {
            throw Status(.permissionDenied, "only a node may name another caller than itself")
        }
        let access = StoreCaller(peer, deadline: nil).access(StoreMethods.watch, request.route)
        if let refusal = context.accessControl?.refusal(
            of: [.watch],
            at: request.partition,
            access
        ) {
            throw refusal
        }
        if case .failure(let failure) = openNode, !passesCallsOn { throw failure.status }
        let target = WatchTarget(
            position: context.identifier(of: request.partition),
            partition: request.partition,
            prefix: request.prefix,
            isSingleKey: request.isSingleKey,
            after: request.afterVersion.map { LogIndex($0) }
        )
        var hint: RangeHint?
        if let node {
            let identity = StoreCaller(peer, deadline: nil).identity(request.route)
            switch await node.watch(target) {
            case .success(let watch):
                if let refusal = watchers.begin(identity, setup.settings.watches) {
                    await node.end(watch)
                    throw refusal.status
                }
                return WatchSession(watch, at: node, of: self, for: identity, access, request)
            case .failure(.elsewhere(let newer)): hint = newer
            case .failure(.notHere): break
            case .failure(let refusal): throw Status(watching: refusal, at: name)
            }
        }
        if hint == nil { hint = directory.hint(for: target.position) }
        if hint == nil { hint = await find(target.position) }
        guard let hint else { throw StoreFailure.rangeNotFound.status }
        if request.route.wantsRedirect || request.route.caller != nil {
            return RedirectedWatch(
                StoreWatchReply(.redirect(WireRangeHint(hint))).encoded(in: space)
            )
        }
        return try await relay(request, by: peer, to: hint)
    }

    private func relay(
        _ request: StoreWatchRequest,
        by peer: PeerIdentity,
        to hint: RangeHint
    ) async throws(Status) -> any MessageSource {
        guard !relays.areStopped else { throw Status(.unavailable, "\(name) stops") }
        guard let leader = hint.leader.flatMap({ hint.descriptor.replica($0) }), leader.node != name
        else { throw StoreFailure.noLeader(range: hint.descriptor.id.description).status }
        var request = request
        request.route = WireRoute(
            range: hint.descriptor.id.bits.wire,
            epoch: WireRangeEpoch(hint.descriptor.epoch),
            caller: WireCaller(peer)
        )
        let stream = context.transport.openStream(
            ClientStreamCall(
                target: PeerTarget(storeNode: leader.node, address: leader.address),
                method: StoreMethods.watch,
                deadline: nil
            ),
            on: executor
        )
        try await stream.send(request.encoded(in: space))
        stream.finishSending()
        relays.last += 1
        relays.streams[relays.last] = stream
        return RelayedWatch(stream, relays.last, from: leader.node, at: self, of: hint)
    }
}

/// Streams of changes that a node passes on.
struct WatchRelays: Sendable {
    var streams: [UInt64: ClientStream] = [:]
    var last: UInt64 = 0
    var areStopped = false

    /// Ends all: the node stops, and their callers go on at other nodes.
    mutating func stop() {
        areStopped = true
        for stream in streams.values { stream.cancel() }
    }
}

/// How many watchers a node has, and of whom.
struct WatcherCounts: Sendable {
    private(set) var all = 0
    private var identities: [String: Int] = [:]

    /// Counts a watcher; or tells why there may be no more.
    mutating func begin(_ identity: String, _ settings: WatchSettings) -> StoreFailure? {
        guard all < settings.perNode else {
            return .tooManyWatchers(limit: settings.perNode, isOfCaller: false)
        }
        let own = identities[identity] ?? 0
        guard own < settings.perCaller else {
            return .tooManyWatchers(limit: settings.perCaller, isOfCaller: true)
        }
        identities[identity] = own + 1
        all += 1
        return nil
    }

    mutating func end(_ identity: String) {
        all -= 1
        let left = (identities[identity] ?? 1) - 1
        identities[identity] = left > 0 ? left : nil
    }
}

/// The messages of one watcher at the range's leader. It ends when it is dropped.
final class WatchSession: MessageSource {
    private let watch: RangeWatch
    private let node: StoreNode
    private let server: StoreServer
    private let identity: String
    private let access: Access
    private let request: StoreWatchRequest
    /// The policy that allowed the watch last. Confined to the reader.
    private let allowedBy: NIOLockedValueBox<UInt64>
    /// Whether the first message was sent. Confined to the reader.
    private let hasSpoken = NIOLockedValueBox(false)

    init(
        _ watch: RangeWatch,
        at node: StoreNode,
        of server: StoreServer,
        for identity: String,
        _ access: Access,
        _ request: StoreWatchRequest
    ) {
        self.access = access
        allowedBy = NIOLockedValueBox(server.context.accessControl?.generation ?? 0)
        self.watch = watch
        self.node = node
        self.server = server
        self.identity = identity
        self.request = request
    }

    deinit {
        let (watch, node, server, identity) = (watch, node, server, identity)
        server.executor.runOrExecute {
            node.assumeIsolated { $0.end(watch) }
            server.assumeIsolated { $0.watchers.end(identity) }
        }
    }

    /// Ends the steps: a reader that waits gets an error.
    func end() {
        let (watch, node) = (watch, node)
        server.executor.runOrExecute { node.assumeIsolated { $0.end(watch) } }
    }

    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]? {
        let (watch, node) = (watch, node)
        let cancelled = Result<WatchStep, StoreRefusal>.failure(.busy("the caller has gone"))
        let result = await server.executor.answer(orWhenCancelled: cancelled) { completion in
            node.assumeIsolated { $0.next(of: watch, completion) }
            return { node.assumeIsolated { $0.stopWaiting(watch) } }
        }
        try checkPolicy()
        switch result {
        case .success(let step): return await encoded(step)
        case .failure(let refusal): throw Status(watching: refusal, at: server.name)
        }
    }

    /// A new policy may not allow the watch any more. Nothing is told after that.
    private func checkPolicy() throws(Status) {
        guard let control = server.context.accessControl else { return }
        let generation = control.generation
        let isNew = allowedBy.withLockedValue { allowedBy in
            defer { allowedBy = generation }
            return allowedBy != generation
        }
        guard isNew else { return }
        if let refusal = control.refusal(of: [.watch], at: request.partition, access) {
            throw refusal
        }
    }

    nonisolated(nonsending) private func encoded(_ step: WatchStep) async -> [UInt8] {
        var content = StoreWatchReply.Content(step, keysOnly: request.keysOnly)
        let isFirst = hasSpoken.withLockedValue { hasSpoken in
            defer { hasSpoken = true }
            return !hasSpoken
        }
        if isFirst { content.answer = await node.answer(to: watch, request.route, step) }
        return StoreWatchReply(.content(content)).encoded(in: server.space)
    }
}

/// The only message of a watcher that has to go elsewhere.
private final class RedirectedWatch: MessageSource {
    private let message: NIOLockedValueBox<[UInt8]?>

    init(_ message: [UInt8]) {
        self.message = NIOLockedValueBox(message)
    }

    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]? {
        message.withLockedValue { $0.take() }
    }
}

/// The messages of a watcher whose range is led by another node.
private final class RelayedWatch: MessageSource {
    private let stream: ClientStream
    private let number: UInt64
    private let leader: String
    private let server: StoreServer
    private let hint: RangeHint
    private let hasSpoken = NIOLockedValueBox(false)

    init(
        _ stream: ClientStream,
        _ number: UInt64,
        from leader: String,
        at server: StoreServer,
        of hint: RangeHint
    ) {
        self.stream = stream
        self.number = number
        self.leader = leader
        self.server = server
        self.hint = hint
    }

    deinit {
        let (server, number) = (server, number)
        server.executor.runOrExecute {
            server.assumeIsolated { $0.relays.streams[number] = nil }
        }
    }

    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]? {
        let message: [UInt8]?
        do throws(Status) {
            message = try await stream.nextMessage()
        } catch {
            await server.forget(hint)
            guard error.origin != .peer else { throw Status(error.code, error.message) }
            throw Status(.unavailable, "\(leader), which leads the range, does not answer")
        }
        let isFirst = hasSpoken.withLockedValue { hasSpoken in
            defer { hasSpoken = true }
            return !hasSpoken
        }
        guard isFirst, let message,
            case .redirect(let newer)? =
                (try? StoreWatchReply(decoding: message, space: server.space))?.part
        else { return message }
        await server.forget(hint, for: RangeHint(newer))
        throw Status(.unavailable, "\(leader) does not lead the range any more; try again")
    }
}

extension StoreServer {
    fileprivate func forget(_ hint: RangeHint, for newer: RangeHint? = nil) {
        directory.forget(hint.descriptor.id)
        if let newer { directory.note(newer) }
    }
}

extension StoreNode {
    /// What the first message tells about the range.
    fileprivate func answer(
        to watch: RangeWatch,
        _ route: WireRoute,
        _ step: WatchStep
    ) -> WireRangeAnswer? {
        guard let replica = replicas[watch.range] else { return nil }
        var answer = WireRangeAnswer(replica.view, version: step.version)
        let place = WireRangeHint(hint(of: replica))
        if route.wantsRedirect, route.range != answer.range || route.epoch != answer.epoch {
            answer.place = place
        }
        return answer
    }
}

extension Status {
    /// Why a stream of changes ends. With UNAVAILABLE the watcher goes on elsewhere, after its last version.
    fileprivate init(watching refusal: StoreRefusal, at name: String) {
        switch refusal {
        case .noLeader(let descriptor):
            self = StoreFailure.noLeader(range: descriptor.id.description).status
        case .unavailable(let error): self = StoreFailure(error, at: name).status
        case .busy(let reason): self.init(.unavailable, "\(name): \(reason); try again")
        default: self.init(.unavailable, "\(name) does not lead the range any more; try again")
        }
    }
}

extension StoreWatchReply.Content {
    package init(_ step: WatchStep, keysOnly: Bool = false) {
        self.init(
            stateBegins: step.stateBegins,
            hasGap: step.hasGap,
            changes: step.changes.map { WireChange($0, keysOnly: keysOnly) },
            rows: step.rows.map { element in
                WireRow(
                    key: element.key.key,
                    value: WireValue(element.row, at: step.time, withBytes: !keysOnly)
                )
            },
            stateIsComplete: step.stateIsComplete,
            version: step.version.number
        )
    }
}

extension WireChange {
    fileprivate init(_ changes: AppliedChanges, keysOnly: Bool) {
        self.init(
            version: changes.version.number,
            keys: changes.rows.map { row in
                switch row.change {
                case .put(let value, let timeToLive):
                    Key(row.key, .put(value: keysOnly ? [] : value, timeToLive: timeToLive))
                case .deleted: Key(row.key, .delete)
                case .expired: Key(row.key, .expire)
                }
            }
        )
    }
}

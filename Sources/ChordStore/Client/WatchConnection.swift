// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
package import ChordRPC
import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

/// A stream of changes that a client reads. Dropping it ends it.
package protocol WatchSource: MessageSource {
    /// Ends the stream: a reader that waits gets an error.
    func cancel()
}

extension ClientStream: WatchSource {}

/// The stream of one reader, while there is one, and where the next one goes.
struct WatchConnection: Sendable {
    let subject: WatchSubject
    fileprivate(set) var reader: WatchReader
    /// The open stream, and the question that it answers.
    fileprivate var open: (source: any WatchSource, question: StoreRoute.Question)?
    fileprivate var isChecked = false

    init(_ subject: WatchSubject) {
        self.subject = subject
        reader = subject.reader
    }

    mutating func close() {
        open?.source.cancel()
        open = nil
    }
}

extension StoreClientCore {
    /// Waits for the next events of a watch. Opens a stream if there is none.
    func read(
        _ connection: inout WatchConnection
    ) async throws(StoreClientError) -> [StoreWatchEvent] {
        guard let (source, question) = connection.open else {
            return try await connect(&connection)
        }
        let message: [UInt8]?
        do throws(Status) {
            message = try await nextMessage(of: source, within: limits.watchSilence)
        } catch {
            return try lost(&connection, question, error)
        }
        guard let message else {
            let ended = Status(.unavailable, "the node has ended the stream")
            return try lost(&connection, question, ended)
        }
        return try take(message, from: question, &connection)
    }

    /// The stream has ended. What cannot heal is thrown; else the next read opens another one.
    private func lost(
        _ connection: inout WatchConnection,
        _ question: StoreRoute.Question,
        _ status: Status
    ) throws(StoreClientError) -> [StoreWatchEvent] {
        connection.close()
        var attempts = StoreAttempts(isWrite: false)
        let verdict = attempts.judge(ClientResult(status: status), at: question.target.address)
        note(verdict, question, position(of: connection))
        if case .final(let error) = verdict { throw error }
        return [.interrupted(reason: status.told(by: question.target.address))]
    }

    private func position(of connection: WatchConnection) -> Identifier? {
        state.withLockedValue { $0.hash }?.identifier(of: connection.subject.request.partition)
    }

    /// Opens a stream at the node that leads the range, as long as that takes.
    private func connect(
        _ connection: inout WatchConnection
    ) async throws(StoreClientError) -> [StoreWatchEvent] {
        if !connection.isChecked {
            try connection.subject.check()
            connection.isChecked = true
        }
        let hash = try await knownHash()
        let position = hash.identifier(of: connection.subject.request.partition)
        let contacts = state.withLockedValue { $0.order(network.contacts) }
        var route = StoreRoute(
            to: position,
            contacts: contacts,
            backoff: limits.retry...max(limits.retry, limits.retryCap)
        )
        var attempts = StoreAttempts(isWrite: false)
        while true {
            if Task.isCancelled { throw attempts.cancelled }
            let now = now
            switch state.withLockedValue({ $0.next(&route, now: now) }) {
            case .ask(let question):
                let events = try await open(
                    question,
                    position,
                    hash.space,
                    &route,
                    &attempts,
                    &connection
                )
                if let events { return events }
            case .wait where attempts.areWithoutStore: throw attempts.noStore
            case .wait(let wait), .nobodyReached(let wait):
                attempts.beginRound()
                await pause(wait, until: now + limits.retryCap * 2)
            }
        }
    }

    /// The ring's rule for keys. A ring that cannot be reached yet is waited for.
    private func knownHash() async throws(StoreClientError) -> RingClient.KeyHash {
        while true {
            do throws(StoreClientError) {
                return try await keyHash()
            } catch {
                guard error.code == .noContact || error.code == .deadlineExceeded,
                    !Task.isCancelled
                else { throw error }
            }
            await pause(limits.retryCap, until: now + limits.retryCap * 2)
        }
    }

    /// Asks one node for a stream.
    ///
    /// - Returns: nil if another node must be asked.
    private func open(
        _ question: StoreRoute.Question,
        _ position: Identifier,
        _ space: IdentifierSpace,
        _ route: inout StoreRoute,
        _ attempts: inout StoreAttempts,
        _ connection: inout WatchConnection
    ) async throws(StoreClientError) -> [StoreWatchEvent]? {
        var request = connection.subject.request
        request.route = question.route
        request.afterVersion = connection.reader.version
        let address = question.target.address
        let message: [UInt8]?
        let source: any WatchSource
        do throws(Status) {
            source = try await network.watch(question.target, request.encoded(in: space))
            message = try await nextMessage(of: source, within: limits.attempt)
        } catch {
            let verdict = attempts.judge(ClientResult(status: error), at: address)
            note(verdict, question, position)
            switch verdict {
            case .final(let error): throw error
            case .unreachable: break
            case .unable: route.reachedSomebody()
            }
            return nil
        }
        state.withLockedValue { $0.reached(question.target, among: network.contacts) }
        route.reachedSomebody()
        guard let message else {
            attempts.answered("it has ended the stream", at: address)
            return nil
        }
        let part: StoreWatchReply.Part
        do throws(WireError) {
            part = try StoreWatchReply(decoding: message, space: space).part
        } catch {
            throw attempts.invalidAnswer(at: address, error)
        }
        switch part {
        case .redirect(let hint):
            source.cancel()
            guard hint.descriptor.bounds.contains(position) else {
                attempts.answered("it names a range that does not hold the key", at: address)
                return nil
            }
            attempts.answered("it names \(hint.leaderName) as the leader", at: address)
            state.withLockedValue { $0.ranges.learn(hint) }
            return nil
        case .content(let content):
            if let place = content.answer?.place, place.descriptor.bounds.contains(position) {
                state.withLockedValue { $0.ranges.learn(place) }
            }
            connection.open = (source, question)
            return try connection.reader.take(content)
        }
    }

    private func take(
        _ message: [UInt8],
        from question: StoreRoute.Question,
        _ connection: inout WatchConnection
    ) throws(StoreClientError) -> [StoreWatchEvent] {
        let address = question.target.address
        guard let space = state.withLockedValue({ $0.hash })?.space else { return [] }
        let part: StoreWatchReply.Part
        do throws(WireError) {
            part = try StoreWatchReply(decoding: message, space: space).part
        } catch {
            throw StoreClientError(.invalidAnswer, "a message of \(address)", cause: error)
        }
        guard case .content(let content) = part else {
            let moved = Status(.unavailable, "the range is led elsewhere")
            return try lost(&connection, question, moved)
        }
        return try connection.reader.take(content)
    }

    private func note(
        _ verdict: StoreAttempts.Verdict,
        _ question: StoreRoute.Question,
        _ position: Identifier?
    ) {
        guard let position else { return }
        let now = now
        state.withLockedValue { state in
            switch verdict {
            case .final: break
            case .unreachable:
                state.missed(question, at: position, until: now + limits.avoidance, now: now)
            case .unable:
                guard let leader = question.leader else { return }
                state.ranges.forgetLeader(leader, at: position)
            }
        }
    }

    /// The next message, or an error if it does not come in time.
    private func nextMessage(
        of source: any WatchSource,
        within time: Duration
    ) async throws(Status) -> [UInt8]? {
        let silence = SilenceTimer(source, after: time, on: network.executor)
        defer { silence.stop() }
        do throws(Status) {
            return try await source.nextMessage()
        } catch {
            guard silence.hasFired else { throw error }
            throw Status(.unavailable, "the node has said nothing for \(time)", origin: .silence)
        }
    }
}

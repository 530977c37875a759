// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordStore
import ChordTestSupport
import Testing

@Suite("Failed attempts of a client", .tags(.unit))
struct StoreAttemptsTests {
    private func result(
        _ code: StatusCode,
        _ origin: Status.Origin = .peer,
        reason: Status.Reason? = nil,
        reached: Bool = true
    ) -> ClientResult {
        var result = ClientResult(status: Status(code, "why", origin: origin, reason: reason))
        result.mayHaveReachedPeer = reached
        return result
    }

    private func judge(
        _ result: ClientResult,
        isWrite: Bool = true
    ) -> (verdict: StoreAttempts.Verdict, mayHaveHappened: Bool) {
        var attempts = StoreAttempts(isWrite: isWrite)
        let verdict = attempts.judge(result, at: "n1:1")
        return (verdict, attempts.mayHaveHappened)
    }

    @Test(
        "a write is in doubt unless a node says that it was not done",
        arguments: [
            (StatusCode.unavailable, false), (.invalidArgument, false), (.permissionDenied, false),
            (.resourceExhausted, false), (.failedPrecondition, false), (.aborted, false),
            (.unimplemented, false), (.deadlineExceeded, true), (.cancelled, true),
            (.internalError, true), (.unknown, true), (.dataLoss, true),
        ]
    )
    func doubt(code: StatusCode, isInDoubt: Bool) {
        #expect(judge(result(code)).mayHaveHappened == isInDoubt)
        #expect(judge(result(code, reason: .mayHaveHappened)).mayHaveHappened)
        #expect(!judge(result(code, reason: .mayHaveHappened), isWrite: false).mayHaveHappened)
    }

    @Test(
        "a call that ended on the way is in doubt if it was sent",
        arguments: [Status.Origin.transport, .silence]
    )
    func lostConnection(origin: Status.Origin) {
        for isSent in [false, true] {
            let judged = judge(result(.unavailable, origin, reached: isSent))
            #expect(judged.mayHaveHappened == isSent)
            guard case .unreachable = judged.verdict else {
                Issue.record("\(judged.verdict)")
                return
            }
        }
    }

    @Test(
        "some failures are final",
        arguments: [
            (StatusCode.invalidArgument, StoreClientError.Code.invalidArgument),
            (.permissionDenied, .refused), (.unauthenticated, .refused),
            (.resourceExhausted, .limitReached), (.aborted, .pageGone),
            (.internalError, .callFailed), (.failedPrecondition, .impossible),
        ]
    )
    func final(code: StatusCode, expected: StoreClientError.Code) {
        guard case .final(let error) = judge(result(code)).verdict else {
            Issue.record("\(code) is not final")
            return
        }
        #expect(error.code == expected)
    }

    @Test("doubt lasts over later attempts that were not done")
    func doubtLasts() {
        var attempts = StoreAttempts(isWrite: true)
        _ = attempts.judge(result(.unavailable, .transport), at: "n1:1")
        guard case .final(let error) = attempts.judge(result(.resourceExhausted), at: "n2:1")
        else {
            Issue.record("not final")
            return
        }
        #expect(error.code == .limitReached && error.mayHaveHappened)
        #expect("\(error)".hasSuffix("the write may have happened"))
    }

    @Test("the error at the deadline tells the last failure of each node")
    func deadline() {
        var attempts = StoreAttempts(isWrite: true)
        _ = attempts.judge(result(.unavailable, .silence, reached: false), at: "n1:1")
        #expect(attempts.deadlinePassed.code == .deadlineExceeded)
        #expect(attempts.areHopeless)
        _ = attempts.judge(result(.unavailable), at: "n2:1")
        attempts.answered("it names n3 as the leader", at: "n2:1")
        let error = attempts.deadlinePassed
        #expect(error.code == .unavailable && !error.mayHaveHappened)
        #expect(error.message.hasSuffix(": why; n2:1: it names n3 as the leader"))
        #expect(!attempts.areHopeless)
    }

    @Test("nodes without a store are told apart from nodes that are unable")
    func noStore() {
        var attempts = StoreAttempts(isWrite: false)
        #expect(!attempts.areWithoutStore)
        _ = attempts.judge(result(.unimplemented), at: "n1:1")
        #expect(attempts.areWithoutStore)
        _ = attempts.judge(result(.unavailable), at: "n2:1")
        #expect(!attempts.areWithoutStore)
        attempts.beginRound()
        _ = attempts.judge(result(.unimplemented), at: "n1:1")
        #expect(attempts.areWithoutStore)
        #expect(attempts.noStore.code == .noStore)
    }

    @Test("a cancelled write is in doubt, because nobody knows whether it was sent")
    func cancelled() {
        let judged = judge(result(.cancelled, .local, reached: false))
        guard case .final(let error) = judged.verdict else {
            Issue.record("not final")
            return
        }
        #expect(error.code == .cancelled && error.mayHaveHappened)
    }

    @Test("a closed client ends its operations")
    func closed() {
        let judged = judge(result(.unavailable, .local, reached: false))
        guard case .final(let error) = judged.verdict else {
            Issue.record("not final")
            return
        }
        #expect(error.code == .stopped && !error.mayHaveHappened)
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

extension CommandFailure {
    /// Explains an error of the store's client.
    init(store error: StoreClientError, _ command: RunningCommand) {
        let text = Self.sentence(of: error)
        guard !error.mayHaveHappened else {
            self.init(
                .inDoubt,
                "\(text); the write may have been done",
                hint: "chord get shows the present value; read it before you write again"
            )
            return
        }
        switch error.code {
        case .noContact: self.init(unreached: error.reasons, text, command)
        case .invalidArgument: self.init(.configuration, text)
        case .unavailable, .deadlineExceeded:
            self.init(
                .unavailable,
                text,
                hint:
                    "chord store status shows which nodes are missing; --peer-timeout waits longer"
            )
        case .refused:
            self.init(
                .refused,
                text,
                hint: "chord cert inspect FILE shows what a certificate can be used for"
            )
        case .limitReached, .impossible: self.init(.failed, text)
        case .pageGone:
            self.init(
                .failed,
                text,
                hint: "the keys printed so far are of an older version; run the command again"
            )
        case .noStore:
            self.init(
                .failed,
                text,
                hint: "a store begins with its ring: its first nodes must run without --no-store"
            )
        case .parametersDiffer:
            self.init(
                .configuration,
                text,
                hint: "only programs that have the ring's hash function can use its store"
            )
        case .invalidAnswer:
            self.init(
                .failed,
                text,
                hint: "that node is faulty or lies; ask another node with --node HOST:PORT"
            )
        case .stopped: self.init(.unavailable, text)
        case .cancelled: self.init(.failed, "interrupted")
        default: self.init(.failed, text)
        }
    }
}

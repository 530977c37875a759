// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Transfer of the leadership [Ongaro 3.10].

extension RaftMachine {
    /// Hands the leadership over to another voter. Until it has taken over, or an election timeout has passed,
    /// no proposals are taken. The lease ends at once, for the rest of the term.
    ///
    /// - Throws: why it is not begun.
    package mutating func transferLeadership(to target: ReplicaNumber) throws(RaftRefusal) {
        if let halt { throw .halted(halt) }
        guard let leadership else { throw .notLeader(leader) }
        if leadership.transfer?.target == target || target == number { return }
        guard configuration.voters.contains(target) else { throw .notVoter(target) }
        noteActivity()
        if let transfer = leadership.transfer { abortTransfer(transfer) }
        self.leadership?.isLeaseForfeited = true
        self.leadership?.transfer = Leadership.Transfer(
            target: target,
            deadline: now + settings.electionTimeoutMinimum
        )
        tellTransferTarget()
    }

    /// Makes the target campaign once it has the whole log.
    mutating func tellTransferTarget() {
        guard let transfer = leadership?.transfer, !transfer.isTold,
            let peer = leadership?.progress(of: transfer.target), peer.match == log.last.index
        else { return }
        leadership?.transfer?.isTold = true
        send(.timeoutNow, to: transfer.target)
    }

    mutating func abortTransfer(_ transfer: Leadership.Transfer) {
        leadership?.transfer = nil
        directives.append(.transferAborted(to: transfer.target))
    }
}

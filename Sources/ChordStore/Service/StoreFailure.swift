// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC

/// Why a call of the store fails, and how its caller is told.
///
/// Each failure says whether a write may have happened: by the reason of its status, which is sent as a trailer.
/// A condition that does not hold is an answer and no failure.
package enum StoreFailure: Error, Hashable, Sendable {
    /// No majority of a range's replicas answers. `missing` names the nodes that do not.
    case noMajority(range: String, missing: [String], mayHaveHappened: Bool)
    /// The range has no leader at present.
    case noLeader(range: String)
    /// The leader lost its leadership while a write was under way.
    case leadershipLost(range: String)
    /// Nobody in the ring holds the position of the key.
    case rangeNotFound
    /// A repeated write of a client whose answers are not kept any more.
    case answerForgotten
    /// The write's number is below the lowest one that the client still waits for.
    case answeredBefore
    /// The request table has no room for another client of this identity.
    case tooManyClients
    /// The client waits for too many answers.
    case tooManyUnanswered
    /// The store takes shorter values only.
    case valueTooLong(bytes: Int, limit: Int)
    /// The values of a reply are too long together.
    case replyTooLong(limit: Int)
    /// The version of a page's token cannot be shown any more.
    case pageGone
    /// No range can want so many replicas.
    case impossibleReplicas(Int, mostOfRing: Int)
    /// The ring has fewer members with a store than replicas are asked for.
    case fewMembers(wanted: Int, members: Int)
    /// The ring has not named the same members for long enough to count them.
    case ringUnsure
    /// No version is so high, so that none can be above it.
    case impossibleVersion(UInt64)
    /// The node keeps as many copies of ranges as it may.
    case tooManyCopies(node: String, limit: Int)
    /// The copy is not there, or another node made it.
    case copyGone
    /// The disk is full.
    case diskFull(node: String)
    /// The node holds as many bytes as its quota allows.
    case quotaReached(node: String, StoreQuota.Reached)
    /// The node, or the caller's certificate at this node, has as many watchers as may be.
    case tooManyWatchers(limit: Int, isOfCaller: Bool)
    /// Too many bytes wait to be committed.
    case overloaded(range: String)
    /// The node has no store, or has closed it.
    case closed(node: String, reason: String)
    /// The caller belongs to another store.
    case otherStore(theirs: String, ours: String)
    /// The call was meant for another disk.
    case otherDisk(theirs: String, ours: String)

    /// What the caller is told.
    package var status: Status {
        Status(code, message, reason: mayHaveHappened ? .mayHaveHappened : nil)
    }

    /// Whether the failure leaves open that a write was done.
    package var mayHaveHappened: Bool {
        switch self {
        case .noMajority(_, _, let mayHaveHappened): mayHaveHappened
        case .leadershipLost, .answerForgotten, .answeredBefore: true
        default: false
        }
    }

    private var code: StatusCode {
        switch self {
        case .noMajority, .noLeader, .leadershipLost, .rangeNotFound, .closed, .ringUnsure:
            .unavailable
        case .answerForgotten, .answeredBefore, .otherStore, .otherDisk, .fewMembers:
            .failedPrecondition
        case .tooManyClients, .tooManyUnanswered, .replyTooLong, .diskFull, .overloaded,
            .quotaReached, .tooManyCopies, .tooManyWatchers:
            .resourceExhausted
        case .valueTooLong, .impossibleReplicas, .impossibleVersion: .invalidArgument
        case .pageGone, .copyGone: .aborted
        }
    }

    private var message: String {
        switch self {
        case .noMajority(let range, let missing, let mayHaveHappened):
            "range \(range) has no majority: no answer from \(missing.joined(separator: ", "))"
                + (mayHaveHappened ? "; the write may have happened" : "")
        case .noLeader(let range): "range \(range) has no leader at present; try again"
        case .leadershipLost(let range):
            "the leader of range \(range) changed; the write may have happened"
        case .rangeNotFound: "no node of the ring holds the range of this key; try again"
        case .answerForgotten:
            "the answer to this write is not kept any more: it may have happened; read before you repeat it"
        case .answeredBefore:
            "the write has a lower number than the lowest unanswered one of its client; it may have happened"
        case .tooManyClients:
            "the range keeps the answers of too many clients with this certificate; try again in 5 minutes, "
                + "or use fewer client ids"
        case .tooManyUnanswered:
            "the client waits for too many answers; wait for some of them first"
        case .valueTooLong(let bytes, let limit):
            "the value has \(bytes) bytes, and this store takes at most \(limit)"
        case .replyTooLong(let limit):
            "the values have more than \(limit) bytes together; ask for fewer keys"
        case .pageGone:
            "rows of the partition have changed since the first page, or may have; begin again with the first "
                + "page"
        case .impossibleReplicas(let count, let most):
            "\(count) replicas are not possible: a store has 1, 3, 5 or 7, because an even number survives no "
                + "more failures than the odd one below it"
                + (most < 7
                    ? ", and in this ring at most \(most), the owner and its list of successors"
                    : "")
        case .fewMembers(let wanted, let members):
            "\(wanted) replicas need \(wanted) members with a store, and the ring has \(members): start "
                + "\(wanted - members) more first; fewer members than replicas all hold every key anyway"
        case .impossibleVersion(let version):
            "versions cannot be raised above \(version): they are at most \(RangeState.highestFloor) by then"
        case .tooManyCopies(let node, let limit):
            "\(node) keeps copies of \(limit) ranges for exports, and makes no more at a time; try again later"
        case .copyGone:
            "the copy of the range is not here any more; begin the range again with a new copy"
        case .ringUnsure:
            "the ring has not named the same members for long enough to count them; try again in ten seconds"
        case .diskFull(let node): "the disk of \(node) is full; reads and deletes are possible"
        case .quotaReached(let node, let reached): "\(node) \(reached)"
        case .tooManyWatchers(let limit, let isOfCaller):
            isOfCaller
                ? "this certificate has \(limit) watchers at this node already; watch a prefix instead of single "
                    + "keys, or share the watchers of a process"
                : "this node has \(limit) watchers already; end some of them"
        case .overloaded(let range): "range \(range) has too many writes under way; try again later"
        case .closed(let node, let reason): "\(node) does not serve the store: \(reason)"
        case .otherStore(let theirs, let ours):
            "the call is for store \(theirs), and this node belongs to store \(ours)"
        case .otherDisk(let theirs, let ours):
            "the call is for disk \(theirs), and this node has disk \(ours)"
        }
    }
}

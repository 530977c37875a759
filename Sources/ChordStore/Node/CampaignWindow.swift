// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// When the groups campaign that a node has woken at the same time.
///
/// An election costs two rounds of messages and a synced vote. Those of thousands of groups at once would delay
/// each other beyond the election timeouts, and begin again. So each campaigns at a random time in a window that
/// grows with their number. The first quarter belongs to the replicas that should lead.
struct CampaignWindow: Hashable, Sendable {
    /// The part of each group. A longer one makes the last group wait for longer; a shorter one lets more elections
    /// run at once. An election takes about a millisecond of CPU time on all replicas together.
    static let share: Duration = .milliseconds(2)

    /// How long a window is.
    let length: Duration

    /// - Parameter groups: how many groups are woken.
    init(groups: Int, settings: RaftSettings) {
        length = max(settings.heartbeatInterval, Self.share * groups)
    }

    /// When a replica campaigns.
    ///
    /// - Parameters:
    ///   - isOwner: whether its node should lead the range.
    ///   - random: any number.
    func delay(isOwner: Bool, random: UInt64) -> Duration {
        let quarter = length / 4
        let span = isOwner ? quarter : length - quarter
        let place = Duration.microseconds(Int64(random % UInt64(max(1, span / .microseconds(1)))))
        return isOwner ? place : quarter + place
    }
}

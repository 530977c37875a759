// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// One executor for each event loop of a group, made once, so that executors can be compared by
/// identity.
package final class EventLoopExecutors: Sendable {
    package let group: any EventLoopGroup
    /// In the order of the group's loops.
    package let all: [EventLoopExecutor]
    private let byLoop: [ObjectIdentifier: EventLoopExecutor]

    package init(group: any EventLoopGroup) {
        self.group = group
        let executors = group.makeIterator().map { EventLoopExecutor(eventLoop: $0) }
        precondition(!executors.isEmpty, "the event loop group \(group) has no loops")
        all = executors
        byLoop = Dictionary(
            uniqueKeysWithValues: executors.map { (ObjectIdentifier($0.eventLoop), $0) }
        )
    }

    /// The executor of `loop`; nil if the loop is not of the group.
    package func executor(of loop: any EventLoop) -> EventLoopExecutor? {
        byLoop[ObjectIdentifier(loop)]
    }

    /// The executor of the group's next loop, in turn.
    package func next() -> EventLoopExecutor {
        byLoop[ObjectIdentifier(group.next())] ?? all[0]
    }
}

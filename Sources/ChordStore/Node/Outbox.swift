// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Messages that wait to be sent, by receiver.
///
/// All messages of one turn of the executor to one node leave in one call. While several calls to a node are
/// under way, its messages wait for the next one. What is too much is dropped, the oldest first: Raft repeats
/// what is lost.
struct Outbox {
    fileprivate struct Mailbox {
        var messages: [GroupMessage] = []
        var bytes = 0
        var callsUnderWay = 0
        /// A call is due even without messages.
        var isHeartbeatDue = false

        var isIdle: Bool { messages.isEmpty && !isHeartbeatDue }
    }

    /// What leaves by one call.
    struct Call {
        var member: StoreMember
        var messages: [GroupMessage]
        /// Whether the call is also the node's heartbeat.
        var isHeartbeat: Bool
    }

    /// Calls to one node that may be under way. More keep a long line busy; fewer put more messages into
    /// one call.
    private static let calls = 4
    /// Bytes of one call.
    private static let callBytes = 2 << 20
    /// Bytes that wait for one node at most.
    private static let waitingBytes = 16 << 20
    /// Messages of one call: the limit of the contract.
    static let callMessages = 4096
    /// Entries in all messages of one call: the limit of the contract. Each message of a machine has fewer.
    static let callEntries = 16_384

    private var mailboxes: [StoreMember: Mailbox] = [:]

    mutating func add(_ message: GroupMessage, to member: StoreMember) {
        var mailbox = mailboxes.removeValue(forKey: member) ?? Mailbox()
        mailbox.messages.append(message)
        mailbox.bytes += message.size
        if mailbox.bytes > Self.waitingBytes {
            var dropped = 0
            while dropped < mailbox.messages.count, mailbox.bytes > Self.waitingBytes / 2 {
                mailbox.bytes -= mailbox.messages[dropped].size
                dropped += 1
            }
            mailbox.messages.removeFirst(dropped)
        }
        mailboxes[member] = mailbox
    }

    /// Has a call leave for a node, with the messages that wait or without any.
    mutating func addHeartbeat(to member: StoreMember) {
        mailboxes[member, default: Mailbox()].isHeartbeatDue = true
    }

    /// What can be sent now.
    mutating func take() -> [Call] {
        var calls: [Call] = []
        // A node's name can be there with its former disk too. The order must be that of every run.
        let members = mailboxes.keys.sorted { ($0.node, $0.disk) < ($1.node, $1.disk) }
        for member in members {
            while let call = mailboxes[member]?.takeCall(to: member, Self.calls, Self.callBytes) {
                calls.append(call)
            }
        }
        return calls
    }

    /// A call has ended. True if messages wait for the node.
    mutating func ended(callTo member: StoreMember) -> Bool {
        guard var mailbox = mailboxes[member] else { return false }
        mailbox.callsUnderWay -= 1
        mailboxes[member] = mailbox.callsUnderWay == 0 && mailbox.isIdle ? nil : mailbox
        return !mailbox.isIdle
    }
}

extension Outbox.Mailbox {
    fileprivate mutating func takeCall(
        to member: StoreMember,
        _ calls: Int,
        _ callBytes: Int
    ) -> Outbox.Call? {
        guard !isIdle, callsUnderWay < calls else { return nil }
        var taken = 0
        var size = 0
        var entries = 0
        while taken < min(messages.count, Outbox.callMessages) {
            let next = messages[taken]
            guard
                taken == 0
                    || (size + next.size <= callBytes
                        && entries + next.entryCount <= Outbox.callEntries)
            else { break }
            size += next.size
            entries += next.entryCount
            taken += 1
        }
        let call = Outbox.Call(
            member: member,
            messages: Array(messages.prefix(taken)),
            isHeartbeat: isHeartbeatDue
        )
        messages.removeFirst(taken)
        bytes -= size
        callsUnderWay += 1
        isHeartbeatDue = false
        return call
    }
}

extension GroupMessage {
    /// Entries of an append; 0 for every other message.
    fileprivate var entryCount: Int {
        if case .append(let append) = message.body { append.entries.count } else { 0 }
    }

    /// Bytes that the message counts for in limits.
    var size: Int {
        // A descriptor has the name, the address and the disk of each replica.
        var size = 128 + (descriptor.map { 64 + 600 * $0.replicas.count } ?? 0)
        if case .append(let append) = message.body {
            size += append.entries.reduce(0) { $0 + $1.size }
        }
        return size
    }
}

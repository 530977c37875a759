// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension NodeShell {
    /// Starts to leave, from any thread and without waiting; `waitForEnd` returns once it is done.
    package nonisolated func requestLeave() {
        Task(executorPreference: executor) { await self.leave() }
    }
}

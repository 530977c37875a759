// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// The version of swift-chord.
public enum ChordVersion {
    /// As in its tag, three numbers.
    public static let number = ProgramVersion.number
}

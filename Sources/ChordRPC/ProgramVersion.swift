// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The version of this program, for peers and operators.
package enum ProgramVersion {
    package static let number = "0.1.0"
}

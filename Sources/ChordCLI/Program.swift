// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

/// The `chord` program.
@main
enum Program {
    static func main() async {
        CommandProcess.prepare()
        await CommandProcess.run(
            ChordCommand.self,
            hintForBytes:
                "for a key of other bytes give its identifier: chord lookup --id HEX",
            expanding: ServeSettings.expand
        )
    }
}

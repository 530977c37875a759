// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine

/// The `chord` command.
struct ChordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chord",
        abstract: "Run nodes of a Chord ring, look keys up, store values, and inspect the ring.",
        discussion: """
            Every node and every client needs a certificate; `make certs` creates a set of them.

            Commands that ask a ring take --node, --certs-dir and --as. Without these options they use \
            CHORD_NODE, CHORD_CERTS_DIR and CHORD_AS from the environment, else from the file .chord.env \
            in the current folder. The same holds for --peer-timeout and CHORD_PEER_TIMEOUT, the time \
            without an answer after which a node counts as dead.

            Commands that print data take --json. Errors are then JSON too: one object on standard \
            error. docs/json.md lists the keys.

            EXIT CODES
              0   success
              1   failure, for example: no owner found, or the ring did not become ideal in time
              64  wrong command line
              66  the key is absent
              69  no node could be reached, or the watched node ended
              73  the condition of a write did not hold; nothing changed
              74  a write failed, and may have been done nevertheless
              75  with --check: the ring is not ideal, or something is wrong with the store
              77  refused: the certificate is not accepted, or its role does not allow the call
              78  wrong setting or file
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, PutCommand.self, GetCommand.self, DeleteCommand.self,
            TouchCommand.self, ListCommand.self, CountCommand.self, StoreCommand.self,
            ShellCommand.self, LookupCommand.self, RingCommand.self, DescribeCommand.self,
            WatchCommand.self, LeaveCommand.self, MergeCommand.self, ClusterCommand.self,
            CertCommand.self, PolicyCommand.self, BenchCommand.self, InteropCommand.self,
            VersionCommand.self,
        ]
    )
}

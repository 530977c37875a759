// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine

/// The `chord` command.
struct ChordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chord",
        abstract: "A Chord ring: run its nodes, ask it, look at it.",
        discussion: """
            Every node and every client needs a certificate; `make certs` makes a set of them.

            Commands that ask a ring find it by --node, --certs-dir and --as, else by CHORD_NODE, \
            CHORD_CERTS_DIR and CHORD_AS in the environment, else by lines of these names in the \
            file .chord.env of the current folder. So it is with --peer-timeout and CHORD_PEER_TIMEOUT, how \
            long a node may be silent.

            Commands that print data take --json; then errors are JSON too, one object on standard \
            error. The keys are listed in docs/json.md.

            EXIT CODES
              0   done
              1   failed: no owner found, the ring did not become ideal in time
              64  the command line was not understood
              69  no node could be reached, or the one that was watched ended
              75  with ring --check: the ring is not ideal
              77  refused: by a certificate, or by the rules of who may do what
              78  a setting or a file that cannot work
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, LookupCommand.self, RingCommand.self, DescribeCommand.self,
            WatchCommand.self, LeaveCommand.self, MergeCommand.self, ClusterCommand.self,
            CertCommand.self, InteropCommand.self, VersionCommand.self,
        ]
    )
}

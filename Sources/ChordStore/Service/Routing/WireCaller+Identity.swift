// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordWire

extension WireCaller {
    init(_ peer: PeerIdentity) {
        let role: Role =
            switch peer.role {
            case .node: .node
            case .admin: .admin
            default: .client
            }
        self.init(role: role, name: peer.name ?? "", trustDomain: peer.trustDomain ?? "")
    }
}

extension PolicySubject {
    init(_ caller: WireCaller) {
        let role: Role =
            switch caller.role {
            case .node: .node
            case .client: .client
            case .admin: .admin
            }
        self.init(role: role, name: caller.name, trustDomain: caller.trustDomain)
    }
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A node's description. Its parameters contain their own width, so that a client that does not
/// know the ring can read it.
package struct DescribeReply: WireMessage, Hashable {
    package var description: NodeDescription

    /// A reply from its part.
    package init(_ description: NodeDescription) {
        self.description = description
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "DescribeReply"
        self = try withUnpacked(name, bytes, chord__v1__describe_reply__unpack) {
            message throws(WireError) in
            DescribeReply(try message.description(name))
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        arena.pack(&arena.description(description).pointee, appendingTo: &output)
    }
}

extension Chord__V1__DescribeReply {
    func description(_ name: StaticString) throws(WireError) -> NodeDescription {
        func path(_ field: StaticString) -> FieldPath { FieldPath(message: name, field: field) }
        guard let parameters = try parameters.parametersIfPresent(path("parameters"))
        else { throw path("parameters").error(.missing, "absent") }
        let space = parameters.space
        guard let phase = ChordMachine.Phase.allCases.first(where: { $0.number == phase }) else {
            throw path("phase").error(.malformed, "\(phase.rawValue) is an unknown phase")
        }
        var description = NodeDescription(
            node: try node.node(space, path("node")),
            phase: phase,
            predecessor: try predecessor.node(space, path("predecessor")),
            successors: try successors.nodes(
                count: n_successors,
                space,
                path("successors")
            ),
            table: try table.nodes(
                count: n_table,
                atMost: WireLimits.tableNodes,
                space,
                path("table")
            ),
            parameters: parameters,
            version: try version.text(WireLimits.versionBytes, path("version")),
            uptime: uptime_ms == 0 ? nil : .milliseconds(uptime_ms),
            certificates: try certificates.map { ends throws(WireError) in
                try ends.pointee.ends(path("certificates"))
            }
        )
        description.isHeadUnreached = head_unreached != 0
        return description
    }
}

extension Chord__V1__CertificateEnds {
    func ends(_ path: FieldPath) throws(WireError) -> CertificateEnds {
        // A time before 1970, or none, counts as absent.
        func end(_ seconds: Int64) -> Int64? { seconds > 0 ? seconds : nil }
        return CertificateEnds(
            serial: try serial.text(WireLimits.serialBytes, path),
            certificate: max(0, certificate),
            authority: end(authority),
            revocationList: end(revocation_list)
        )
    }
}

extension ChordMachine.Phase {
    fileprivate var number: Chord__V1__NodePhase {
        switch self {
        case .notJoined: CHORD__V1__NODE_PHASE__NODE_PHASE_OUTSIDE
        case .founding: CHORD__V1__NODE_PHASE__NODE_PHASE_FOUNDING
        case .member: CHORD__V1__NODE_PHASE__NODE_PHASE_MEMBER
        case .left: CHORD__V1__NODE_PHASE__NODE_PHASE_LEFT
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        let (milliseconds, overflows) = components.seconds.multipliedReportingOverflow(by: 1_000)
        return overflows ? .max : milliseconds &+ components.attoseconds / 1_000_000_000_000_000
    }
}

extension EncodingArena {
    mutating func description(
        _ description: NodeDescription
    ) -> UnsafeMutablePointer<Chord__V1__DescribeReply> {
        let message = allocate(Chord__V1__DescribeReply.self, count: 1)
        let space = description.parameters.space
        chord__v1__describe_reply__init(message)
        message.pointee.node = node(description.node, space)
        message.pointee.phase = description.phase.number
        message.pointee.predecessor = node(description.predecessor, space)
        (message.pointee.n_successors, message.pointee.successors) = nodes(
            description.successors,
            space
        )
        (message.pointee.n_table, message.pointee.table) = nodes(
            description.table,
            atMost: WireLimits.tableNodes,
            space
        )
        message.pointee.parameters = parameters(description.parameters)
        message.pointee.version = text(description.version)
        message.pointee.uptime_ms = UInt64(clamping: description.uptime?.wholeMilliseconds ?? 0)
        message.pointee.head_unreached = description.isHeadUnreached ? 1 : 0
        message.pointee.certificates = description.certificates.map { certificates($0) }
        return message
    }

    private mutating func certificates(
        _ ends: CertificateEnds
    ) -> UnsafeMutablePointer<Chord__V1__CertificateEnds> {
        let message = allocate(Chord__V1__CertificateEnds.self, count: 1)
        chord__v1__certificate_ends__init(message)
        message.pointee.serial = text(ends.serial)
        message.pointee.certificate = ends.certificate
        message.pointee.authority = ends.authority ?? 0
        message.pointee.revocation_list = ends.revocationList ?? 0
        return message
    }
}

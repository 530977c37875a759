// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What a user gets with `import Chord`: the values that the API speaks in, from the modules below.

@_exported public import struct ChordCore.Identifier
@_exported public import struct ChordCore.IdentifierRange
@_exported public import struct ChordCore.IdentifierSpace
@_exported public import enum ChordCore.IdentifierRule
@_exported public import struct ChordCore.NodeReference
@_exported public import enum ChordCore.RingEvent
@_exported public import struct ChordCore.RingParameters
@_exported public import struct ChordCore.RingState
@_exported public import struct ChordCore.ChordMachine
@_exported public import struct ChordHash.HashFunction
@_exported public import struct ChordHTTP2.HTTP2Limits
@_exported public import struct ChordRuntime.ChordError
@_exported public import struct ChordRuntime.LookupLimits
@_exported public import struct ChordRuntime.LookupResult
@_exported public import struct ChordRuntime.LookupStep
@_exported public import struct ChordRuntime.LookupTrace
@_exported public import struct ChordRuntime.MaintenanceIntervals
@_exported public import struct ChordRuntime.RingMember
@_exported public import struct ChordRuntime.RingWalk
@_exported public import struct ChordRuntime.SilenceLimits
@_exported public import struct ChordTLS.TLSFiles
@_exported public import struct ChordTransport.TransportConfiguration

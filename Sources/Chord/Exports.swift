// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What a user gets with `import Chord`: the values that the API speaks in, with all their members. Whole
// modules, because members of nested types do not come along with a single type.

@_exported public import ChordBase
@_exported public import ChordCore
@_exported public import ChordHTTP2
@_exported public import ChordHash
@_exported public import ChordIdentity
@_exported public import ChordRPC
@_exported public import ChordRuntime
@_exported public import ChordTransport
@_exported public import struct ChordTLS.TLSFiles

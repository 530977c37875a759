// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The types of the API, which `import Chord` makes visible with all their members. Whole modules
// are exported, because exporting a single type does not export members of its nested types.

@_exported public import ChordBase
@_exported public import ChordCore
@_exported public import ChordHTTP2
@_exported public import ChordHash
@_exported public import ChordIdentity
@_exported public import ChordRPC
@_exported public import ChordRuntime
@_exported public import ChordStore
@_exported public import ChordTransport
@_exported public import struct ChordTLS.TLSFiles

// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// zlib as Swift sees it, with functions for the macros that Swift does not.
#ifndef SWIFT_CHORD_CZLIB_SHIM_H
#define SWIFT_CHORD_CZLIB_SHIM_H

#include <zlib.h>

// 16 more than the window's bits means gzip's header and trailer instead of zlib's.
static inline int czlib_deflate_init_gzip(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int czlib_inflate_init_gzip(z_streamp stream) {
    return inflateInit2(stream, 15 + 16);
}

#endif

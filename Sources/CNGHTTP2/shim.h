// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// nghttp2 as Swift sees it.
#ifndef SWIFT_CHORD_CNGHTTP2_SHIM_H
#define SWIFT_CHORD_CNGHTTP2_SHIM_H

#include <nghttp2/nghttp2.h>

#endif

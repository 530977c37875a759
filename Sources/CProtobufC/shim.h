// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// protobuf-c as Swift sees it.
#ifndef SWIFT_CHORD_CPROTOBUFC_SHIM_H
#define SWIFT_CHORD_CPROTOBUFC_SHIM_H

#include <protobuf-c/protobuf-c.h>

#endif

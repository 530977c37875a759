// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// OpenSSL as Swift sees it; static inline functions stand for the macros that Swift cannot import.
#ifndef SWIFT_CHORD_COPENSSL_SHIM_H
#define SWIFT_CHORD_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#endif

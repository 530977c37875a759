// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// OpenSSL as Swift sees it; static inline functions stand for the macros that Swift cannot import.
#ifndef SWIFT_CHORD_COPENSSL_SHIM_H
#define SWIFT_CHORD_COPENSSL_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// To be called before anything else of OpenSSL: at exit it takes nothing down. Threads that still run
// then would go on using what it frees, and the system takes everything back anyway.
static inline void chord_OPENSSL_prepare(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

// Contexts.

static inline int chord_SSL_CTX_set_tls13_only(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
}

static inline void chord_SSL_CTX_set_base_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
}

// The chain in the file is the chain that is sent: building one anew costs every handshake a search
// of the trust store.
static inline void chord_SSL_CTX_set_base_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_AUTO_RETRY | SSL_MODE_NO_AUTO_CHAIN |
                                  SSL_MODE_RELEASE_BUFFERS);
}

static inline void chord_SSL_CTX_disable_session_cache(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void chord_SSL_CTX_set_read_ahead(SSL_CTX *context) {
    SSL_CTX_set_read_ahead(context, 1);
}

static inline int chord_SSL_CTX_set_groups(SSL_CTX *context, const char *groups) {
    return SSL_CTX_set1_groups_list(context, groups) == 1;
}

// Connections.

// Whether the record buffers outlive the record. Switched off, those that are empty go at once.
static inline void chord_SSL_keep_buffers(SSL *session, int keeps) {
    if (keeps) {
        SSL_clear_mode(session, SSL_MODE_RELEASE_BUFFERS);
    } else {
        SSL_set_mode(session, SSL_MODE_RELEASE_BUFFERS);
        SSL_free_buffers(session);
    }
}

static inline int chord_SSL_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}

static inline int chord_SSL_set_owner(SSL *ssl, void *owner) { return SSL_set_app_data(ssl, owner); }

static inline void *chord_SSL_owner(const SSL *ssl) { return SSL_get_app_data(ssl); }

// Buffered input and output.

static inline void chord_BIO_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

static inline void chord_BIO_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }

static inline long chord_BIO_get_mem_data(BIO *bio, char **data) {
    return BIO_get_mem_data(bio, data);
}

// The error queue.

static inline int chord_ERR_library(unsigned long code) { return ERR_GET_LIB(code); }

static inline int chord_ERR_reason(unsigned long code) { return ERR_GET_REASON(code); }

static inline int chord_ERR_is_system(unsigned long code) { return ERR_SYSTEM_ERROR(code) != 0; }

// Files.

// The permissions of a file, or minus the system's error number.
static inline int chord_file_permissions(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return -errno;
    return (int)(status.st_mode & 07777);
}

// Certificates.

// The clock that OpenSSL compares validities with.
static inline int64_t chord_seconds_since_1970(void) { return (int64_t)time(NULL); }

static inline int chord_ASN1_STRING_is_negative(const ASN1_INTEGER *value) {
    return ASN1_STRING_type(value) == V_ASN1_NEG_INTEGER;
}

static inline void chord_X509_CRL_stack_free(STACK_OF(X509_CRL) *lists) {
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
}

static inline unsigned long chord_XN_FLAG_LINE(void) {
    return XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
}

// Issuing.

static inline EVP_PKEY *chord_EVP_P256_gen(void) { return EVP_EC_gen("P-256"); }

static inline int chord_X509_NAME_add(X509_NAME *name, const char *field, const char *value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
                                      0);
}

// An extension as `openssl.cnf` writes it.
static inline int chord_X509_add_extension(X509 *subject, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int added = extension != NULL && X509_add_ext(subject, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline int chord_X509_CRL_add_authority(X509_CRL *list, X509 *issuer) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, NULL, NULL, list, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid");
    int added = extension != NULL && X509_CRL_add_ext(list, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

#endif

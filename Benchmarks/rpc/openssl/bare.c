// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What OpenSSL alone takes for a handshake: a server of blocking calls that shakes hands, sends an empty
// SETTINGS frame and waits for the client to close, one connection after the other. It verifies the
// client's certificate against the authority, speaks no HTTP/2, and has no use for a call.
//
//     bare FOLDER NAME      certificates: FOLDER/NAME.pem, NAME.key, ca.pem; prints "ready HOST:PORT"

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "bare: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int select_http2(SSL *tls, const unsigned char **chosen, unsigned char *count, const unsigned char *offered,
                        unsigned int offered_count, void *unused) {
    (void)tls, (void)unused;
    static const unsigned char ours[] = "\x02h2";
    unsigned char *found;
    if (SSL_select_next_proto(&found, count, ours, 3, offered, offered_count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *prepare(const char *folder, const char *name) {
    char certificate[4096], key[4096], authority[4096];
    snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, name);
    snprintf(key, sizeof key, "%s/%s.key", folder, name);
    snprintf(authority, sizeof authority, "%s/ca.pem", folder);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(context, authority, NULL) != 1)
        fail("certificates");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    // As our nodes have it: the same suites and groups, no sessions that could be resumed, and the chain is
    // the one in the file.
    if (SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1)
        fail("suites and groups");
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_alpn_select_cb(context, select_http2, NULL);
    return context;
}

static void serve(SSL_CTX *context, int descriptor) {
    static const char settings[9] = {0, 0, 0, 4};
    SSL *tls = SSL_new(context);
    if (tls == NULL || SSL_set_fd(tls, descriptor) != 1) fail("no memory");
    if (SSL_accept(tls) == 1 && SSL_write(tls, settings, sizeof settings) > 0) {
        char received[4096];
        while (SSL_read(tls, received, sizeof received) > 0) {
        }
        SSL_shutdown(tls);
    }
    ERR_clear_error();
    SSL_free(tls);
    close(descriptor);
}

int main(int count, char **arguments) {
    if (count != 3) fail("usage: bare FOLDER NAME");
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = prepare(arguments[1], arguments[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    // Accepted sockets inherit it.
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("cannot listen");
    printf("ready 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int descriptor = accept(listener, NULL, NULL);
        if (descriptor >= 0) serve(context, descriptor);
    }
}

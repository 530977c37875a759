// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What the two halves of the load generator share: client.c makes calls over connections, load.c says
// how many and measures.

#ifndef CHORD_BENCHMARKS_LOAD_H
#define CHORD_BENCHMARKS_LOAD_H

#include <netdb.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { most_bodies = 4096, most_strangers = 2048, frame_header = 5, identifier_length = 8 };

// A gRPC message with its frame header, and the path that it is posted to.
struct body {
    const char *path;
    uint8_t *bytes;
    size_t length;
};

enum mode { mode_load, mode_handshake, mode_idle };

struct settings {
    enum mode mode;
    char host[256], authority[300];
    const char *path, *ca, *certificate, *key;
    struct body bodies[most_bodies];
    size_t body_count, connections, streams, requests, warm_up;
    struct addrinfo *address;
    SSL_CTX *tls;
    // Certificates that connections show in turn, for --strangers.
    X509 *strangers[most_strangers];
    size_t stranger_count;
    int poll;
};
extern struct settings settings;

// What the current phase, warm-up or measurement, has done so far; a sample is in nanoseconds.
struct phase {
    size_t target, begun, done, failures, answer_bytes;
    uint64_t *samples;
};
extern struct phase phase;

struct connection;

__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
void *allocate(size_t count, size_t size);
uint64_t nanoseconds(clockid_t clock);
const char *tls_error(void);

// Makes room for the connections that are going to be open at once.
void prepare_client(size_t most);
void open_connection(void);
// Does what its socket allows; what is done is counted in the phase, and the next one begun.
void advance(struct connection *connection);
// Fills the streams of all open connections with the phase's first calls.
void begin_calls(void);

#endif

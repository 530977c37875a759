// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Puts load on an HTTP/2 server over mutual TLS 1.3, on one thread.
//
//     load MODE --address HOST:PORT --ca FILE --cert FILE --key FILE [options]
//
// load       --connections N connections with --streams N calls open on each, --requests N in all
// handshake  connects, shakes hands, awaits SETTINGS and closes, --requests N times
// idle       opens --requests N connections and holds them until standard input ends
//
// With --body FILE a call is a gRPC POST of that message to the --path before it, otherwise a GET; several
// bodies take turns. --random-identifiers N makes N of the first: each ends with other random 8 bytes.
// In handshake and idle, --connections says how many shake hands at the same time. With --strangers KEY, the
// authority's key, each shows another certificate, of 2048: those of a server that remembers fewer are never known.
//
// First come --warm-up N of the same. Then the line "ready" is printed and a line of standard input
// awaited, so that whoever measures the server can read its clocks in between; then come the requests,
// and one line of JSON says how it went. Any trouble with a connection ends the program: a number from
// a run with trouble would be no number.

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

// How long nothing may happen before the run is given up.
enum { patience_ms = 20000 };

struct settings settings = {.path = "/", .connections = 1, .streams = 1, .requests = 1000};
struct phase phase;

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (memory == NULL) fail("out of memory");
    return memory;
}

uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const char *tls_error(void) {
    unsigned long code = ERR_get_error();
    return code ? ERR_reason_error_string(code) : "connection closed";
}

// Phases.

// Standard input is watched as a null connection. Returns false when it has something to say.
static bool turn(int timeout) {
    struct epoll_event events[64];
    int count = epoll_wait(settings.poll, events, 64, timeout);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    if (count == 0) fail("the server says nothing more; %zu of %zu done", phase.done, phase.target);
    for (int index = 0; index < count; index++) {
        if (events[index].data.ptr == NULL) return false;
        advance(events[index].data.ptr);
    }
    return true;
}

static void begin_phase(size_t target) {
    free(phase.samples);
    memset(&phase, 0, sizeof phase);
    phase.target = target;
    phase.samples = allocate(target, sizeof *phase.samples);
}

static void run_connections(size_t target) {
    begin_phase(target);
    for (size_t index = 0; index < settings.connections && phase.begun < target; index++) open_connection();
    while (phase.done < target) turn(patience_ms);
}

static void run_requests(size_t target) {
    begin_phase(target);
    begin_calls();
    while (phase.done < target) turn(patience_ms);
}

static int compare(const void *left, const void *right) {
    uint64_t first = *(const uint64_t *)left, second = *(const uint64_t *)right;
    return (first > second) - (first < second);
}

static double percentile_us(double part) {
    return phase.done ? (double)phase.samples[(size_t)(part * (double)(phase.done - 1))] / 1000 : 0;
}

static void report(uint64_t wall, uint64_t busy) {
    qsort(phase.samples, phase.done, sizeof *phase.samples, compare);
    double seconds = (double)wall / 1e9;
    printf("{\"count\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"failures\": %zu, \"answer_bytes\": %zu, \"load_busy\": %.3f}\n",
           phase.done, seconds, (double)phase.done / seconds, percentile_us(0.5), percentile_us(0.99),
           phase.failures, phase.answer_bytes, (double)busy / (double)wall);
    fflush(stdout);
}

static void measure(void (*run)(size_t)) {
    run(settings.warm_up);
    puts("ready");
    fflush(stdout);
    while (true) {
        int character = getchar();
        if (character == '\n' || character == EOF) break;
    }
    uint64_t wall = nanoseconds(CLOCK_MONOTONIC), busy = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    run(settings.requests);
    wall = nanoseconds(CLOCK_MONOTONIC) - wall;
    report(wall, nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - busy);
}

// Connections stay open, and pings are answered, until standard input has a line or ends.
static void hold(void) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLHUP, .data.ptr = NULL};
    if (epoll_ctl(settings.poll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) return;
    while (turn(-1)) {
    }
}

// Settings.

static void read_body_file(const char *name) {
    if (settings.body_count == most_bodies) fail("at most %d bodies", most_bodies);
    FILE *file = fopen(name, "rb");
    if (file == NULL) fail("%s: %s", name, strerror(errno));
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    struct body *body = &settings.bodies[settings.body_count++];
    body->path = settings.path;
    body->length = length + frame_header;
    body->bytes = allocate(body->length, 1);
    // Byte 0 says that the message is not compressed, four more how long it is.
    for (int index = 0; index < 4; index++) body->bytes[1 + index] = (uint8_t)(length >> (24 - 8 * index));
    if (fread(body->bytes + frame_header, 1, length, file) != length) fail("%s: cannot read it", name);
    fclose(file);
}

// Bodies like the first, which ends with an identifier; each has another one. The same in every run (splitmix64).
static void randomize_bodies(size_t count) {
    if (settings.body_count != 1 || settings.bodies[0].length < frame_header + identifier_length)
        fail("--random-identifiers needs one --body before it, which ends with an identifier");
    if (count > most_bodies) fail("at most %d bodies", most_bodies);
    struct body first = settings.bodies[0];
    uint64_t state = 1;
    for (settings.body_count = 0; settings.body_count < count; settings.body_count++) {
        uint64_t value = state += 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        value ^= value >> 31;
        struct body *body = &settings.bodies[settings.body_count];
        *body = first;
        body->bytes = allocate(body->length, 1);
        memcpy(body->bytes, first.bytes, first.length);
        memcpy(body->bytes + first.length - identifier_length, &value, identifier_length);
    }
}

static size_t number(const char *text, bool zero) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || end == text || value > 100000000 || (value == 0 && !zero)) fail("not a number that fits: %s", text);
    return value;
}

static void set_address(const char *text) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof settings.host) fail("not HOST:PORT: %s", text);
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    snprintf(settings.host, sizeof settings.host, "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
    snprintf(settings.authority, sizeof settings.authority, "%s", text);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(settings.host, colon + 1, &hints, &settings.address);
    if (error) fail("%s: %s", text, gai_strerror(error));
}

static void prepare(void) {
    if (settings.address == NULL || settings.ca == NULL || settings.certificate == NULL || settings.key == NULL)
        fail("--address, --ca, --cert and --key are needed");
    settings.tls = SSL_CTX_new(TLS_client_method());
    if (settings.tls == NULL || SSL_CTX_load_verify_locations(settings.tls, settings.ca, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(settings.tls, settings.certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(settings.tls, settings.key, SSL_FILETYPE_PEM) != 1)
        fail("certificates: %s", tls_error());
    SSL_CTX_set_min_proto_version(settings.tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(settings.tls, SSL_VERIFY_PEER, NULL);
    // Every handshake is a full one: a session that could be resumed is not kept.
    SSL_CTX_set_session_cache_mode(settings.tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(settings.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(settings.tls, 1);
    SSL_CTX_set_alpn_protos(settings.tls, (const uint8_t *)"\x02h2", 3);
    settings.poll = epoll_create1(EPOLL_CLOEXEC);
    size_t most = settings.mode == mode_idle ? settings.warm_up + settings.requests : settings.connections;
    prepare_client(most);
}

// Makes certificates like the given one, with other serial numbers, and signs them with the authority's key.
static void make_strangers(const char *authority_key) {
    FILE *file = fopen(authority_key, "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    X509 *known = SSL_CTX_get0_certificate(settings.tls);
    if (key == NULL || known == NULL) fail("%s: %s", authority_key, tls_error());
    for (size_t index = 0; index < most_strangers; index++) {
        X509 *stranger = X509_dup(known);
        uint64_t serial;
        if (stranger == NULL || RAND_bytes((uint8_t *)&serial, sizeof serial) != 1 ||
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(stranger), serial | 1) != 1 ||
            X509_sign(stranger, key, EVP_sha256()) <= 0)
            fail("certificates: %s", tls_error());
        settings.strangers[index] = stranger;
    }
    settings.stranger_count = most_strangers;
    EVP_PKEY_free(key);
    fclose(file);
}

int main(int count, char **arguments) {
    static const struct option options[] = {
        {"address", required_argument, NULL, 'a'},     {"ca", required_argument, NULL, 'A'},
        {"cert", required_argument, NULL, 'c'},        {"key", required_argument, NULL, 'k'},
        {"path", required_argument, NULL, 'p'},        {"body", required_argument, NULL, 'b'},
        {"connections", required_argument, NULL, 'n'}, {"streams", required_argument, NULL, 's'},
        {"requests", required_argument, NULL, 'r'},    {"warm-up", required_argument, NULL, 'w'},
        {"random-identifiers", required_argument, NULL, 'i'}, {"strangers", required_argument, NULL, 'S'},
        {NULL, 0, NULL, 0},
    };
    static const char *const modes[] = {"load", "handshake", "idle"};
    const char *authority_key = NULL;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'a': set_address(optarg); break;
        case 'A': settings.ca = optarg; break;
        case 'c': settings.certificate = optarg; break;
        case 'k': settings.key = optarg; break;
        case 'p': settings.path = optarg; break;
        case 'b': read_body_file(optarg); break;
        case 'i': randomize_bodies(number(optarg, false)); break;
        case 'n': settings.connections = number(optarg, false); break;
        case 'S': authority_key = optarg; break;
        case 's': settings.streams = number(optarg, false); break;
        case 'r': settings.requests = number(optarg, false); break;
        case 'w': settings.warm_up = number(optarg, true); break;
        default: exit(64);
        }
    }
    int mode = 0;
    if (optind != count - 1) fail("which mode: load, handshake or idle?");
    while (mode <= mode_idle && strcmp(arguments[optind], modes[mode]) != 0) mode++;
    if (mode > mode_idle) fail("there is no mode %s", arguments[optind]);
    settings.mode = (enum mode)mode;
    prepare();
    if (authority_key != NULL) make_strangers(authority_key);
    if (settings.mode == mode_load) {
        run_connections(settings.connections);
        measure(run_requests);
        // Holds the connections until the server's clocks are read.
        hold();
    } else {
        measure(run_connections);
        hold();
    }
    return 0;
}

// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// A call on a connection; used again for the next one.
struct slot {
    struct connection *connection;
    const struct body *body;
    size_t sent;
    size_t received;
    uint64_t started;
    bool answered;
    bool succeeded;
};

enum state { connecting, settling, ready, closing };

struct connection {
    int descriptor;
    enum state state;
    bool watches_writing;
    SSL *tls;
    nghttp2_session *session;
    struct slot *slots;
    // When it began; once it is closing, how long its handshake took.
    uint64_t started;
    uint8_t *output;
    size_t output_length, output_sent, output_capacity;
};

static nghttp2_session_callbacks *callbacks;
static struct connection **established;
static size_t established_count;

static void record(uint64_t started, bool succeeded) {
    phase.samples[phase.done++] = nanoseconds(CLOCK_MONOTONIC) - started;
    if (!succeeded) phase.failures++;
}

// Calls.

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t capacity,
                         uint32_t *flags, nghttp2_data_source *source, void *context) {
    (void)session, (void)stream, (void)context;
    struct slot *slot = source->ptr;
    size_t count = slot->body->length - slot->sent;
    if (count > capacity) count = capacity;
    memcpy(buffer, slot->body->bytes + slot->sent, count);
    slot->sent += count;
    if (slot->sent == slot->body->length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

static nghttp2_nv header(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

// What our own client sends for a call that may take five seconds: the time that is left is rounded
// down to two or three digits, so that nearly all calls send the same.
static const char timeout[] = "4900m";

static void submit(struct slot *slot) {
    bool posts = settings.body_count > 0;
    if (posts) slot->body = &settings.bodies[phase.begun % settings.body_count];
    nghttp2_nv headers[7] = {
        header(":method", posts ? "POST" : "GET"),
        header(":scheme", "https"),
        header(":path", posts ? slot->body->path : settings.path),
        header(":authority", settings.authority),
    };
    nghttp2_data_provider provider = {.source.ptr = slot, .read_callback = read_body};
    if (posts) {
        headers[4] = header("te", "trailers");
        headers[5] = header("content-type", "application/grpc");
        headers[6] = header("grpc-timeout", timeout);
    }
    slot->sent = slot->received = 0;
    slot->answered = false;
    // A GET has no status besides HTTP's.
    slot->succeeded = !posts;
    slot->started = nanoseconds(CLOCK_MONOTONIC);
    int32_t stream = nghttp2_submit_request(slot->connection->session, NULL, headers, posts ? 7 : 4,
                                            posts ? &provider : NULL, slot);
    if (stream < 0) fail("cannot make a request: %s", nghttp2_strerror(stream));
    phase.begun++;
}

static bool equals(const uint8_t *bytes, size_t length, const char *text) {
    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context) {
    (void)flags, (void)context;
    struct slot *slot = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (slot == NULL) return 0;
    if (equals(name, name_length, ":status")) slot->answered = equals(value, value_length, "200");
    if (equals(name, name_length, "grpc-status")) slot->succeeded = equals(value, value_length, "0");
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t length, void *context) {
    (void)flags, (void)bytes, (void)context;
    struct slot *slot = nghttp2_session_get_stream_user_data(session, stream);
    if (slot != NULL) slot->received += length;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *context) {
    (void)context;
    struct slot *slot = nghttp2_session_get_stream_user_data(session, stream);
    if (slot == NULL) return 0;
    record(slot->started, slot->answered && slot->succeeded && slot->received > 0 && code == 0);
    if (slot->received > phase.answer_bytes) phase.answer_bytes = slot->received;
    if (phase.begun < phase.target) submit(slot);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    (void)session;
    struct connection *connection = context;
    bool acknowledges = frame->hd.flags & NGHTTP2_FLAG_ACK;
    if (frame->hd.type == NGHTTP2_SETTINGS && !acknowledges && connection->state == settling)
        connection->state = ready;
    if (frame->hd.type == NGHTTP2_GOAWAY && connection->state != closing)
        fail("the server goes away, error code %u", frame->goaway.error_code);
    return 0;
}

// Connections.

static void watch(struct connection *connection, bool writing, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(settings.poll, operation, connection->descriptor, &event) != 0)
        fail("epoll_ctl: %s", strerror(errno));
    connection->watches_writing = writing;
}

void open_connection(void) {
    struct connection *connection = allocate(1, sizeof *connection);
    struct addrinfo *address = settings.address;
    connection->started = nanoseconds(CLOCK_MONOTONIC);
    connection->descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0) fail("socket: %s", strerror(errno));
    int one = 1;
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection->descriptor, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        fail("cannot connect to %s: %s", settings.authority, strerror(errno));
    connection->tls = SSL_new(settings.tls);
    if (connection->tls == NULL || SSL_set_fd(connection->tls, connection->descriptor) != 1)
        fail("%s", tls_error());
    static size_t turn = 0;
    if (settings.stranger_count > 0 &&
        SSL_use_certificate(connection->tls, settings.strangers[turn++ % settings.stranger_count]) != 1)
        fail("%s", tls_error());
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection->tls), settings.host) != 1) {
        SSL_set1_host(connection->tls, settings.host);
        SSL_set_tlsext_host_name(connection->tls, settings.host);
    }
    SSL_set_connect_state(connection->tls);
    if (nghttp2_session_client_new(&connection->session, callbacks, connection) != 0)
        fail("out of memory");
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &entry, 1);
    connection->slots = allocate(settings.streams, sizeof *connection->slots);
    for (size_t index = 0; index < settings.streams; index++)
        connection->slots[index].connection = connection;
    // A socket that is not connected yet is first heard of when it can be written to.
    watch(connection, true, EPOLL_CTL_ADD);
    phase.begun++;
}

static void free_connection(struct connection *connection) {
    nghttp2_session_del(connection->session);
    SSL_free(connection->tls);
    close(connection->descriptor);
    free(connection->output);
    free(connection->slots);
    free(connection);
}

static void append(struct connection *connection, const uint8_t *bytes, size_t count) {
    size_t needed = connection->output_length + count;
    if (needed > connection->output_capacity) {
        connection->output_capacity = needed * 2;
        connection->output = realloc(connection->output, connection->output_capacity);
        if (connection->output == NULL) fail("out of memory");
    }
    memcpy(connection->output + connection->output_length, bytes, count);
    connection->output_length = needed;
}

// All that the session has to say leaves in as few records as it fits in.
static void flush(struct connection *connection) {
    bool blocked = false;
    while (!blocked) {
        const uint8_t *bytes;
        ssize_t count;
        while ((count = nghttp2_session_mem_send(connection->session, &bytes)) > 0)
            append(connection, bytes, (size_t)count);
        if (count < 0) fail("%s", nghttp2_strerror((int)count));
        if (connection->output_length == 0) break;
        ERR_clear_error();
        int written = SSL_write(connection->tls, connection->output + connection->output_sent,
                                (int)(connection->output_length - connection->output_sent));
        if (written > 0) {
            connection->output_sent += (size_t)written;
            if (connection->output_sent == connection->output_length)
                connection->output_sent = connection->output_length = 0;
        } else if (SSL_get_error(connection->tls, written) == SSL_ERROR_WANT_WRITE) {
            blocked = true;
        } else {
            fail("cannot write: %s", tls_error());
        }
    }
    if (blocked != connection->watches_writing) watch(connection, blocked, EPOLL_CTL_MOD);
}

// Returns false at the end of the connection.
static bool receive(struct connection *connection) {
    static uint8_t buffer[16384];
    do {
        ERR_clear_error();
        int count = SSL_read(connection->tls, buffer, sizeof buffer);
        if (count <= 0) {
            if (SSL_get_error(connection->tls, count) == SSL_ERROR_WANT_READ) return true;
            if (connection->state != closing) fail("cannot read: %s", tls_error());
            return false;
        }
        ssize_t used = nghttp2_session_mem_recv(connection->session, buffer, (size_t)count);
        if (used < 0) fail("%s", nghttp2_strerror((int)used));
    } while (SSL_has_pending(connection->tls));
    return true;
}

// Its handshake is done. The server's part in the end of a connection belongs to the measurement, so
// that one that is closed counts only when the server has closed it too.
static void settled(struct connection *connection) {
    if (settings.mode != mode_handshake) {
        established[established_count++] = connection;
        record(connection->started, true);
        return;
    }
    connection->started = nanoseconds(CLOCK_MONOTONIC) - connection->started;
    connection->state = closing;
    nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
    flush(connection);
    SSL_shutdown(connection->tls);
    shutdown(connection->descriptor, SHUT_WR);
}

void advance(struct connection *connection) {
    if (connection->state == connecting) {
        ERR_clear_error();
        int result = SSL_do_handshake(connection->tls);
        if (result != 1) {
            int error = SSL_get_error(connection->tls, result);
            if (error == SSL_ERROR_SYSCALL) fail("handshake: %s", strerror(errno));
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail("handshake: %s", tls_error());
            bool writing = error == SSL_ERROR_WANT_WRITE;
            if (writing != connection->watches_writing) watch(connection, writing, EPOLL_CTL_MOD);
            return;
        }
        const uint8_t *protocol;
        unsigned int length;
        SSL_get0_alpn_selected(connection->tls, &protocol, &length);
        if (!equals(protocol, length, "h2")) fail("the server does not speak HTTP/2");
        connection->state = settling;
    }
    bool settling_before = connection->state == settling;
    if (!receive(connection)) {
        phase.samples[phase.done++] = connection->started;
        free_connection(connection);
        if (phase.begun < phase.target) open_connection();
        return;
    }
    if (connection->state == closing) return;
    flush(connection);
    if (settling_before && connection->state == ready) {
        settled(connection);
        if (settings.mode != mode_handshake && phase.begun < phase.target) open_connection();
    }
}

void begin_calls(void) {
    // Stream by stream, so that a few calls spread over all connections.
    for (size_t stream = 0; stream < settings.streams; stream++)
        for (size_t index = 0; index < established_count && phase.begun < phase.target; index++)
            submit(&established[index]->slots[stream]);
    for (size_t index = 0; index < established_count; index++) flush(established[index]);
}

void prepare_client(size_t most) {
    established = allocate(most, sizeof *established);
    if (nghttp2_session_callbacks_new(&callbacks) != 0) fail("out of memory");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
}

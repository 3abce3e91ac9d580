/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/relay/amqp/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

struct tls {
        SSL_CTX *context;
        SSL *session;
        char error[200];
};

/* The library's first reason; what it queued behind it is commentary. */
static void library_error(char *ret, size_t size, const char *what) {
        unsigned long code = ERR_get_error();
        const char *reason = code ? ERR_reason_error_string(code) : NULL;

        (void) snprintf(ret, size, "%s%s%s", strempty(what), what ? ": " : "",
                        reason ? reason : code ? "an error" : errno ? strerror(errno) : "the server hung up");
        ERR_clear_error();
}

static bool load_authorities(SSL_CTX *context, const char *ca) {
        struct stat st;

        if (!ca)
                return SSL_CTX_set_default_verify_dir(context) == 1; /* looks up what it needs; the bundle is large */
        if (stat(ca, &st) < 0)
                return false;
        return S_ISDIR(st.st_mode) ? SSL_CTX_load_verify_dir(context, ca) == 1 : SSL_CTX_load_verify_file(context, ca) == 1;
}

/* What is wrong, or NULL. */
static const char *load_files(SSL_CTX *context, const struct tls_settings *s) {
        if (s->verify && !load_authorities(context, s->ca))
                return s->ca ? s->ca : "the system's certificate authorities";
        if (!s->certificate)
                return NULL;
        if (SSL_CTX_use_certificate_chain_file(context, s->certificate) != 1)
                return s->certificate;
        if (SSL_CTX_use_PrivateKey_file(context, s->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context) != 1)
                return s->key;
        return NULL;
}

static bool is_address(const char *host) {
        struct in6_addr address;

        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool expect_host(SSL *session, const struct tls_settings *s) {
        if (is_address(s->host))
                return !s->verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), s->host) == 1;
        SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set_tlsext_host_name(session, s->host) == 1 && (!s->verify || SSL_set1_host(session, s->host) == 1);
}

static int prepare(struct tls *t, const struct tls_settings *s, int fd, char *error, size_t error_size) {
        const char *wrong = NULL;

        t->context = SSL_CTX_new(TLS_client_method());
        if (t->context && SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) == 1) {
                SSL_CTX_set_verify(t->context, s->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
                (void) SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                                            SSL_MODE_RELEASE_BUFFERS);
                /* Servers hang up without a goodbye. */
                (void) SSL_CTX_set_options(t->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
                wrong = load_files(t->context, s);
                t->session = wrong ? NULL : SSL_new(t->context);
        }
        if (t->session && expect_host(t->session, s) && SSL_set_fd(t->session, fd) == 1) {
                SSL_set_connect_state(t->session);
                return 0;
        }
        library_error(error, error_size, wrong);
        return -EPROTO;
}

int tls_new(const struct tls_settings *settings, int fd, struct tls **ret, char *error, size_t error_size) {
        struct tls *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        ERR_clear_error();
        r = prepare(t, settings, fd, error, error_size);
        if (r < 0) {
                (void) tls_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

struct tls *tls_free(struct tls *t) {
        if (!t)
                return NULL;
        SSL_free(t->session);
        SSL_CTX_free(t->context);
        free(t);
        return NULL;
}

/* TLS_WANTS_x, 0 for the end of the stream, or -EPROTO with its words. */
static int outcome(struct tls *t, int n) {
        switch (SSL_get_error(t->session, n)) {
        case SSL_ERROR_WANT_READ:
                return TLS_WANTS_READ;
        case SSL_ERROR_WANT_WRITE:
                return TLS_WANTS_WRITE;
        case SSL_ERROR_ZERO_RETURN:
                return 0;
        default:
                library_error(t->error, sizeof(t->error), NULL);
                return -EPROTO;
        }
}

int tls_handshake(struct tls *t) {
        long verified;
        int n, r;

        ERR_clear_error();
        errno = 0;
        n = SSL_do_handshake(t->session);
        if (n == 1)
                return 0;
        r = outcome(t, n);
        if (r > 0)
                return r;
        verified = SSL_get_verify_result(t->session);
        if (verified != X509_V_OK && SSL_get_verify_mode(t->session) != SSL_VERIFY_NONE)
                (void) snprintf(t->error, sizeof(t->error), "the server's certificate: %s",
                                X509_verify_cert_error_string(verified));
        else if (r == 0)
                (void) snprintf(t->error, sizeof(t->error), "the server hung up");
        return -EPROTO;
}

ssize_t tls_read(struct tls *t, void *data, size_t size, bool *ret_wants_write) {
        int n, r;

        ERR_clear_error();
        errno = 0;
        n = SSL_read(t->session, data, (int) MIN(size, (size_t) INT_MAX));
        if (n > 0)
                return n;
        r = outcome(t, n);
        *ret_wants_write = r == TLS_WANTS_WRITE;
        return r > 0 ? -EAGAIN : r;
}

ssize_t tls_write(struct tls *t, const void *data, size_t size) {
        int n, r;

        ERR_clear_error();
        errno = 0;
        n = SSL_write(t->session, data, (int) MIN(size, (size_t) INT_MAX));
        if (n > 0)
                return n;
        r = outcome(t, n);
        return r > 0 ? -EAGAIN : r == 0 ? -EPROTO : r;
}

const char *tls_error(const struct tls *t) {
        return t->error;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/request.h"

#include "lib/channel.h"
#include "lib/memfd.h"

/* Where the body is, and what besides it is in the memory file. */
enum form {
        FORM_INLINE, /* everything in the packet */
        FORM_FD,     /* the body is the memory file */
        FORM_SPLIT,  /* the body, then the strings, are in the memory file */
        FORM_MAX,
};

enum { FLAG_HEAD = 1 << 0, FLAG_RETRY = 1 << 1, FLAG_MASTER = 1 << 2, FLAG_ALL = (1 << 3) - 1 };

#define TENANTS_MAX 65536

/* The plain strings, in the order they are packed in. */
static const size_t strings[] = {
        offsetof(struct request, id),           offsetof(struct request, method),
        offsetof(struct request, path),         offsetof(struct request, base_url),
        offsetof(struct request, script_name),  offsetof(struct request, tenant),
        offsetof(struct request, auth_id),      offsetof(struct request, accept),
        offsetof(struct request, content_type), offsetof(struct request, idempotency_key),
};

static const char **string_of(const struct request *r, size_t i) {
        return (const char **) ((uintptr_t) r + strings[i]);
}

static void pack_head(struct pack *p, const struct request *r, enum form form) {
        pack_u8(p, (uint8_t) form);
        pack_u8(p, (uint8_t) ((r->head ? FLAG_HEAD : 0) | (r->retry ? FLAG_RETRY : 0) | (r->master_tenant ? FLAG_MASTER : 0)));
        pack_u32(p, r->operation);
        pack_u64(p, r->deadline);
        pack_u64(p, r->body_size);
}

static void pack_pairs(struct pack *p, const struct request_pair *pairs, size_t n) {
        pack_u32(p, (uint32_t) n);
        for (size_t i = 0; i < n; i++) {
                pack_string(p, pairs[i].name);
                pack_string(p, pairs[i].value);
        }
}

static void pack_strings(struct pack *p, const struct request *r) {
        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                pack_string(p, *string_of(r, i));
        pack_u32(p, (uint32_t) r->n_tenants);
        for (size_t i = 0; i < r->n_tenants; i++)
                pack_string(p, r->tenants[i]);
        pack_pairs(p, r->params, r->n_params);
        pack_pairs(p, r->query, r->n_query);
}

int request_encode(const struct request *r, struct pack *p) {
        pack_head(p, r, r->body_fd >= 0 ? FORM_FD : FORM_INLINE);
        pack_strings(p, r);
        if (r->body_fd < 0)
                pack_bytes(p, r->body, r->body_size);
        return pack_end(p);
}

int request_encode_split(const struct request *r, struct pack *p, struct pack *tail) {
        int k;

        pack_head(p, r, FORM_SPLIT);
        pack_strings(tail, r);
        k = pack_end(p);
        return k < 0 ? k : pack_end(tail);
}

static size_t unpack_pairs(struct unpack *u, struct request_pair *pairs, size_t max) {
        uint32_t n = unpack_u32(u);

        if (n > max) {
                u->failed = true;
                return 0;
        }
        for (uint32_t i = 0; i < n; i++) {
                pairs[i].name = unpack_string(u);
                pairs[i].value = unpack_string(u);
        }
        return n;
}

static int unpack_strings(struct unpack *u, struct request *r) {
        uint32_t n;

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                *string_of(r, i) = unpack_string(u);

        n = unpack_u32(u);
        /* Each takes five bytes at least: a number that cannot be true allocates nothing. */
        if (n > TENANTS_MAX || n > (size_t) (u->end - u->at) / 5)
                return -EBADMSG;
        if (n > 0) {
                r->tenants = calloc(n, sizeof(*r->tenants));
                if (!r->tenants)
                        return -ENOMEM;
                for (uint32_t i = 0; i < n; i++)
                        r->tenants[i] = unpack_string(u);
                r->n_tenants = n;
        }

        r->n_params = unpack_pairs(u, r->params, REQUEST_PARAMS_MAX);
        r->n_query = unpack_pairs(u, r->query, REQUEST_PAIRS_MAX);
        return 0;
}

static int decode_inline(struct unpack *u, struct request *r, uint64_t body_size) {
        int k = unpack_strings(u, r);

        if (k < 0)
                return k;
        r->body = unpack_bytes(u, &r->body_size);
        if (r->body_size != body_size)
                return -EBADMSG;
        if (r->body_size == 0)
                r->body = NULL;
        return unpack_end(u);
}

static int decode_fd(struct unpack *u, struct request *r, uint64_t body_size, int body_fd) {
        int k = unpack_strings(u, r);

        if (k < 0)
                return k;
        k = memfd_check(body_fd, PACK_MAX, &r->body_size);
        if (k < 0)
                return k;
        if (r->body_size != body_size)
                return -EBADMSG;
        r->body_fd = body_fd;
        return unpack_end(u);
}

static int decode_split(struct unpack *u, struct request *r, uint64_t body_size, int body_fd) {
        struct unpack tail;
        size_t size;
        char *data;
        int k;

        k = unpack_end(u);
        if (k < 0)
                return k;
        k = memfd_read(body_fd, PACK_MAX, &data, &size);
        if (k < 0)
                return k;
        r->storage = data;
        if (body_size > size)
                return -EBADMSG;
        tail = unpack_begin(data + body_size, size - body_size);
        k = unpack_strings(&tail, r);
        if (k < 0)
                return k;
        r->body = data;
        r->body_size = body_size;
        r->body_fd = body_fd;
        return unpack_end(&tail);
}

int request_decode(const void *data, size_t size, int body_fd, struct request *ret) {
        struct request r = {.body_fd = -1};
        struct unpack u = unpack_begin(data, size);
        uint8_t form = unpack_u8(&u), flags = unpack_u8(&u);
        uint64_t body_size;
        int k;

        r.head = flags & FLAG_HEAD;
        r.retry = flags & FLAG_RETRY;
        r.master_tenant = flags & FLAG_MASTER;
        r.operation = unpack_u32(&u);
        r.deadline = unpack_u64(&u);
        body_size = unpack_u64(&u);

        if (u.failed || form >= FORM_MAX || (flags & ~FLAG_ALL) || (form == FORM_INLINE) != (body_fd < 0))
                return -EBADMSG;

        k = form == FORM_INLINE ? decode_inline(&u, &r, body_size)
          : form == FORM_FD ? decode_fd(&u, &r, body_size, body_fd)
          : decode_split(&u, &r, body_size, body_fd);
        if (k < 0) {
                request_done(&r);
                return k;
        }
        *ret = r;
        return 0;
}

void request_done(struct request *r) {
        free(r->tenants);
        free(r->storage);
        r->tenants = NULL;
        r->n_tenants = 0;
        r->storage = NULL;
}

void reply_done(struct reply *r) {
        free(r->content_type);
        free(r->location);
        free(r->body);
        r->body_fd = fd_close(r->body_fd);
        *r = REPLY_NULL;
}

int reply_encode(const struct reply *r, struct pack *p) {
        pack_u8(p, r->body_fd >= 0 ? FORM_FD : FORM_INLINE);
        pack_u32(p, r->status);
        pack_u32(p, r->retry_after);
        pack_string(p, r->content_type);
        pack_string(p, r->location);
        if (r->body_fd < 0)
                pack_bytes(p, r->body, r->body_size);
        return pack_end(p);
}

/* Whether a value may stand in a header: a worker never gets to write a header, or a second answer, of its own. */
static bool header_value_valid(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        return false;
        return true;
}

static int copy_string(const char *s, char **ret) {
        *ret = *s ? strdup(s) : NULL;
        return *s && !*ret ? -ENOMEM : 0;
}

int reply_send(int channel, uint64_t id, struct reply *reply) {
        struct pack p = PACK_NULL;
        int r;

        r = reply_encode(reply, &p);
        if (r >= 0 && p.size > WIRE_INLINE_MAX && reply->body_fd < 0) {
                pack_done(&p);
                p = PACK_NULL;
                reply->body_fd = memfd_sealed("reply", reply->body, reply->body_size);
                r = reply->body_fd;
                if (r >= 0)
                        r = reply_encode(reply, &p);
        }
        if (r >= 0)
                r = channel_send(channel, WIRE_REPLY, id, p.data, p.size, &reply->body_fd, reply->body_fd >= 0);
        pack_done(&p);
        return r;
}

int reply_decode(const void *data, size_t size, int body_fd, struct reply *ret) {
        struct reply r = REPLY_NULL;
        struct unpack u = unpack_begin(data, size);
        uint8_t form = unpack_u8(&u);
        const char *content_type, *location;
        const uint8_t *body = NULL;
        int k;

        r.status = unpack_u32(&u);
        r.retry_after = unpack_u32(&u);
        content_type = unpack_string(&u);
        location = unpack_string(&u);
        if (form == FORM_INLINE)
                body = unpack_bytes(&u, &r.body_size);

        if (unpack_end(&u) < 0 || form > FORM_FD || (form == FORM_FD) != (body_fd >= 0) || r.status < 200 ||
            r.status > 599 || !header_value_valid(content_type) || !header_value_valid(location))
                return -EBADMSG;

        if (form == FORM_FD) {
                k = memfd_check(body_fd, PACK_MAX, &r.body_size);
                if (k < 0)
                        return k;
        }
        if (copy_string(content_type, &r.content_type) < 0 || copy_string(location, &r.location) < 0)
                goto no_memory;
        if (body && r.body_size > 0) {
                r.body = malloc(r.body_size);
                if (!r.body)
                        goto no_memory;
                memcpy(r.body, body, r.body_size);
        }
        r.body_fd = body_fd;
        *ret = r;
        return 0;

no_memory:
        reply_done(&r);
        return -ENOMEM;
}

static const char *find(const struct request_pair *pairs, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(pairs[i].name, name))
                        return pairs[i].value;
        return NULL;
}

const char *request_query(const struct request *r, const char *name) {
        return find(r->query, r->n_query, name);
}

const char *request_param(const struct request *r, const char *name) {
        return find(r->params, r->n_params, name);
}

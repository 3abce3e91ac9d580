/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/index.h"

#include <inttypes.h>
#include <stdio.h>

#define MAGIC "wazo-backup 1"
#define DIGEST_TEXT (2 * SHA256_DIGEST_SIZE)

enum state { STATE_MAGIC, STATE_HEADER, STATE_ENTRIES, STATE_ENDED };

static const char *const types[] = {[INDEX_DATA] = "data", [INDEX_DB] = "db"};

const char *index_type_to_string(enum index_type type) {
        return types[type];
}

static void digest_text(const uint8_t digest[SHA256_DIGEST_SIZE], char ret[DIGEST_TEXT + 1]) {
        for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++)
                (void) sprintf(ret + 2 * i, "%02x", digest[i]);
}

static int hex(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool digest_parse(const char *text, size_t n, uint8_t ret[SHA256_DIGEST_SIZE]) {
        if (n != DIGEST_TEXT)
                return false;
        for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++) {
                int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t) (high << 4 | low);
        }
        return true;
}

/* Whether it can stand between two blanks. */
static bool is_word(const char *s) {
        if (!*s)
                return false;
        for (; *s; s++)
                if ((unsigned char) *s <= ' ' || *s == 0x7f)
                        return false;
        return true;
}

static bool is_text(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

static bool escapes(char c) {
        return (unsigned char) c < ' ' || c == 0x7f || c == '\\';
}

static bool has_content(char kind) {
        return kind != 'd';
}

int index_format(const struct index_entry *entry, char *ret, size_t size) {
        char digest[DIGEST_TEXT + 1] = "-";
        size_t at;
        int n;

        if (!strchr("dflh", entry->kind) || !entry->kind || entry->mode > 07777 || !is_word(entry->user) ||
            !is_word(entry->group) || !entry->path[0])
                return -EINVAL;
        if (has_content(entry->kind))
                digest_text(entry->digest, digest);
        n = snprintf(ret, size, "%c %04" PRIo32 " %s %s %" PRIu64 " %" PRId64 " %s ", entry->kind, entry->mode,
                     entry->user, entry->group, entry->size, entry->mtime, digest);
        if (n < 0 || (size_t) n >= size)
                return -EINVAL;
        at = (size_t) n;
        for (const char *p = entry->path; *p; p++) {
                if (at + 6 > size)
                        return -EINVAL;
                if (escapes(*p))
                        at += (size_t) sprintf(ret + at, "\\%03o", (unsigned) (unsigned char) *p);
                else
                        ret[at++] = *p;
        }
        ret[at++] = '\n';
        ret[at] = 0;
        return (int) at;
}

/* A word and the blank behind it; NULL at the line's end. */
static const char *word(const char **at, const char *end, size_t *ret_n) {
        const char *begin = *at, *blank = memchr(begin, ' ', (size_t) (end - begin));

        if (!blank || blank == begin)
                return NULL;
        *at = blank + 1;
        *ret_n = (size_t) (blank - begin);
        return begin;
}

static bool word_copy(const char **at, const char *end, char *ret, size_t size) {
        size_t n;
        const char *w = word(at, end, &n);

        if (!w || n >= size)
                return false;
        memcpy(ret, w, n);
        ret[n] = 0;
        return true;
}

static bool path_parse(const char *p, const char *end, char *ret, size_t size) {
        size_t n = 0;

        while (p < end) {
                char c = *p++;

                if (n + 1 >= size || c == 0)
                        return false;
                if (c == '\\') {
                        if (end - p < 3 || p[0] < '0' || p[0] > '3' || p[1] < '0' || p[1] > '7' || p[2] < '0' || p[2] > '7')
                                return false;
                        c = (char) ((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
                        p += 3;
                        if (c == 0)
                                return false;
                }
                ret[n++] = c;
        }
        ret[n] = 0;
        return n > 0;
}

static int parse(const char *line, size_t n, struct index_entry *e) {
        const char *at = line, *end = line + n;
        char kind[2], mode[8], number[24], *stop;
        const char *digest;
        size_t n_digest;

        if (!word_copy(&at, end, kind, sizeof(kind)) || !word_copy(&at, end, mode, sizeof(mode)) ||
            !word_copy(&at, end, e->user, sizeof(e->user)) || !word_copy(&at, end, e->group, sizeof(e->group)))
                return -EBADMSG;
        e->kind = kind[0];
        e->mode = (uint32_t) strtoul(mode, &stop, 8);
        if (*stop || !word_copy(&at, end, number, sizeof(number)))
                return -EBADMSG;
        e->size = strtoull(number, &stop, 10);
        if (*stop || !word_copy(&at, end, number, sizeof(number)))
                return -EBADMSG;
        e->mtime = strtoll(number, &stop, 10);
        if (*stop)
                return -EBADMSG;
        digest = word(&at, end, &n_digest);
        if (!digest || (has_content(e->kind) ? !digest_parse(digest, n_digest, e->digest) : n_digest != 1))
                return -EBADMSG;
        return path_parse(at, end, e->path, sizeof(e->path)) ? 0 : -EBADMSG;
}

int index_parse(const char *line, size_t n, struct index_entry *ret) {
        static char again[INDEX_LINE_MAX];
        int length;

        memset(ret->digest, 0, sizeof(ret->digest));
        if (parse(line, n, ret) < 0)
                return -EBADMSG;
        /* Numbers with a sign or a leading zero, and whatever else means the same, are not what we write. */
        length = index_format(ret, again, sizeof(again));
        return length > 0 && (size_t) length == n + 1 && memcmp(line, again, n) == 0 ? 0 : -EBADMSG;
}

struct index_writer {
        FILE *file;
        struct sha256_ctx digest;
        uint64_t n;
        char line[INDEX_LINE_MAX];
};

static int put(struct index_writer *w, const char *line) {
        size_t n = strlen(line);

        sha256_update(&w->digest, n, (const uint8_t *) line);
        return fwrite(line, 1, n, w->file) == n ? 0 : -EIO;
}

static int put_fact(struct index_writer *w, const char *key, const char *value) {
        if (!value[0] || !is_text(value))
                return 0;
        (void) snprintf(w->line, sizeof(w->line), "%s %s\n", key, value);
        return put(w, w->line);
}

static int put_header(struct index_writer *w, const struct index_origin *origin) {
        int r = put(w, MAGIC "\n");

        if (r >= 0)
                r = put_fact(w, "type", types[origin->type]);
        if (r >= 0)
                r = put_fact(w, "version", origin->version);
        if (r >= 0)
                r = put_fact(w, "host", origin->host);
        for (size_t i = 0; r >= 0 && i < origin->n_addresses; i++)
                r = put_fact(w, "address", origin->addresses[i]);
        if (r >= 0)
                r = put_fact(w, "made", origin->made);
        return r < 0 ? r : put(w, "\n");
}

int index_writer_new(const struct index_origin *origin, struct index_writer **ret) {
        _cleanup_(index_writer_freep) struct index_writer *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        sha256_init(&w->digest);
        w->file = tmpfile();
        if (!w->file)
                return -errno;
        r = put_header(w, origin);
        if (r < 0)
                return r;
        *ret = STEAL(w);
        return 0;
}

int index_writer_add(struct index_writer *w, const struct index_entry *entry) {
        int r = index_format(entry, w->line, sizeof(w->line));

        if (r < 0)
                return r;
        w->n++;
        return put(w, w->line);
}

int index_writer_finish(struct index_writer *w, int *ret_fd, uint64_t *ret_size) {
        uint8_t digest[SHA256_DIGEST_SIZE];
        char text[DIGEST_TEXT + 1];
        off_t size;

        sha256_digest(&w->digest, sizeof(digest), digest);
        digest_text(digest, text);
        if (fprintf(w->file, "end %" PRIu64 " %s\n", w->n, text) < 0 || fflush(w->file) != 0)
                return -EIO;
        size = lseek(fileno(w->file), 0, SEEK_END);
        if (size < 0 || lseek(fileno(w->file), 0, SEEK_SET) < 0)
                return -errno;
        *ret_fd = fileno(w->file);
        *ret_size = (uint64_t) size;
        return 0;
}

struct index_writer *index_writer_free(struct index_writer *w) {
        if (!w)
                return NULL;
        if (w->file)
                (void) fclose(w->file);
        free(w);
        return NULL;
}

void index_reader_begin(struct index_reader *r, int (*entry)(void *userdata, const char *line, size_t n), void *userdata) {
        r->origin = (struct index_origin) {0};
        r->entry = entry;
        r->userdata = userdata;
        r->state = STATE_MAGIC;
        r->n_entries = 0;
        r->n_line = 0;
        sha256_init(&r->digest);
}

static const char *fact(const char *line, const char *key) {
        size_t n = strlen(key);

        return strncmp(line, key, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int read_type(struct index_origin *o, const char *value) {
        for (unsigned i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i], value)) {
                        o->type = (enum index_type) i;
                        return 0;
                }
        return -EBADMSG;
}

static int read_address(struct index_origin *o, const char *value) {
        if (o->n_addresses >= INDEX_ADDRESSES_MAX || !strcopy(o->addresses[o->n_addresses], INDEX_TEXT_MAX, value))
                return -EBADMSG;
        o->n_addresses++;
        return 0;
}

static int read_fact(struct index_origin *o, const char *line) {
        const struct {
                const char *key;
                char *value;
                size_t size;
        } texts[] = {
                {"version", o->version, sizeof(o->version)}, {"host", o->host, sizeof(o->host)}, {"made", o->made, sizeof(o->made)},
        };

        if (!is_text(line))
                return -EBADMSG;
        if (fact(line, "type"))
                return read_type(o, fact(line, "type"));
        if (fact(line, "address"))
                return read_address(o, fact(line, "address"));
        for (unsigned i = 0; i < ELEMENTSOF(texts); i++)
                if (fact(line, texts[i].key))
                        return strcopy(texts[i].value, texts[i].size, fact(line, texts[i].key)) ? 0 : -EBADMSG;
        return strchr(line, ' ') ? 0 : -EBADMSG; /* a fact that a later version knows */
}

static int read_end(struct index_reader *r) {
        uint8_t digest[SHA256_DIGEST_SIZE], told[SHA256_DIGEST_SIZE];
        const char *at = r->line, *end = r->line + r->n_line, *number, *text;
        char count[24];
        size_t n;

        sha256_digest(&r->digest, sizeof(digest), digest);
        (void) snprintf(count, sizeof(count), "%" PRIu64, r->n_entries);
        (void) word(&at, end, &n);
        number = word(&at, end, &n);
        if (!number || n != strlen(count) || memcmp(number, count, n) != 0)
                return -EBADMSG;
        text = at;
        if (!digest_parse(text, (size_t) (end - text), told) || memcmp(digest, told, sizeof(digest)) != 0)
                return -EBADMSG;
        r->state = STATE_ENDED;
        return 0;
}

static int read_line(struct index_reader *r) {
        r->line[r->n_line] = 0;
        if (strlen(r->line) != r->n_line || r->state == STATE_ENDED)
                return -EBADMSG;
        if (r->state == STATE_ENTRIES && strncmp(r->line, "end ", 4) == 0)
                return read_end(r);
        sha256_update(&r->digest, r->n_line, (const uint8_t *) r->line);
        sha256_update(&r->digest, 1, (const uint8_t *) "\n");
        switch (r->state) {
        case STATE_MAGIC:
                r->state = STATE_HEADER;
                return streq(r->line, MAGIC) ? 0 : -EBADMSG;
        case STATE_HEADER:
                if (r->n_line > 0)
                        return read_fact(&r->origin, r->line);
                r->state = STATE_ENTRIES;
                return 0;
        default:
                r->n_entries++;
                return r->entry ? r->entry(r->userdata, r->line, r->n_line) : 0;
        }
}

int index_reader_feed(struct index_reader *r, const void *data, size_t size) {
        const char *p = data, *end = p + size;

        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t n = (size_t) ((newline ? newline : end) - p);
                int k;

                if (r->n_line + n >= sizeof(r->line))
                        return -EBADMSG;
                memcpy(r->line + r->n_line, p, n);
                r->n_line += n;
                p += n;
                if (!newline)
                        break;
                p++;
                k = read_line(r);
                if (k < 0)
                        return k;
                r->n_line = 0;
        }
        return 0;
}

int index_reader_end(const struct index_reader *r) {
        return r->state == STATE_ENDED && r->n_line == 0 ? 0 : -EBADMSG;
}

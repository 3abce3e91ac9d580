/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects' members, uuids, random texts. */
#include <ctype.h>
#include <stdio.h>
#include <sys/random.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

int64_t wazo_integer(const json_t *object, const char *member) {
        return json_integer_value(json_object_get(object, member));
}

const char *wazo_string(const json_t *object, const char *member) {
        return json_string_value(json_object_get(object, member));
}

bool wazo_boolean(const json_t *object, const char *member) {
        return json_is_true(json_object_get(object, member));
}

json_t *wazo_member(const json_t *object, const char *path) {
        while (object) {
                const char *dot = strchr(path, '.');
                char name[64];

                if (!dot)
                        return json_object_get(object, path);
                if ((size_t) (dot - path) >= sizeof(name))
                        return NULL;
                memcpy(name, path, (size_t) (dot - path));
                name[dot - path] = 0;
                object = json_object_get(object, name);
                path = dot + 1;
        }
        return NULL;
}

int wazo_set(json_t *object, const char *member, json_t *value) {
        return json_object_set_new(object, member, value) < 0 ? -ENOMEM : 0;
}

bool wazo_differs(const json_t *a, const json_t *b, const char *member) {
        const json_t *x = json_object_get(a, member), *y = json_object_get(b, member);

        if (!x || json_is_null(x))
                return y && !json_is_null(y);
        return !y || !json_equal(x, y);
}

void stamp_now(char ret[STAMP_SIZE], char separator, bool local) {
        struct timespec ts;
        struct tm tm;
        size_t n;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        if (local)
                (void) localtime_r(&ts.tv_sec, &tm);
        else
                (void) gmtime_r(&ts.tv_sec, &tm);
        n = strftime(ret, STAMP_SIZE - 16, "%Y-%m-%d %H:%M:%S", &tm);
        ret[10] = separator;
        (void) snprintf(ret + n, STAMP_SIZE - n, ".%06d", (int) (ts.tv_nsec / 1000));
}

/* ----- uuids and random texts ----- */

static void random_bytes(uint8_t *to, size_t size) {
        while (size > 0) {
                ssize_t n = getrandom(to, size, 0);

                if (n < 0 && errno != EINTR)
                        abort(); /* the kernel has no random numbers: nothing here could go on safely */
                if (n > 0) {
                        to += n;
                        size -= (size_t) n;
                }
        }
}

void wazo_uuid_make(char ret[WAZO_UUID_SIZE]) {
        uint8_t b[16];

        random_bytes(b, sizeof(b));
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        (void) snprintf(ret, WAZO_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                        b[15]);
}

bool wazo_uuid_valid(const char *s) {
        size_t i;

        for (i = 0; i < WAZO_UUID_SIZE - 1; i++)
                if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : !isxdigit((unsigned char) s[i]))
                        return false;
        return s[i] == 0;
}

void wazo_random_text(char *ret, size_t length, const char *alphabet) {
        size_t n = strlen(alphabet);

        for (size_t i = 0; i < length;) {
                uint8_t byte;

                random_bytes(&byte, 1);
                if (byte < 256 / n * n) /* no letter is likelier than another */
                        ret[i++] = alphabet[byte % n];
        }
        ret[length] = 0;
}

char *wazo_fold(const char *s) {
        return fold_text(s, strlen(s));
}

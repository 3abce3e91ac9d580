/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/json.h"

/* Looks only at brackets outside of strings: enough to know the depth before the parser recurses. */
static bool too_deep(const char *text, size_t size) {
        unsigned depth = 0;
        bool string = false;

        for (size_t i = 0; i < size; i++)
                if (string) {
                        if (text[i] == '\\')
                                i++;
                        else if (text[i] == '"')
                                string = false;
                } else if (text[i] == '"')
                        string = true;
                else if (text[i] == '{' || text[i] == '[') {
                        if (++depth > JSON_DEPTH_MAX)
                                return true;
                } else if ((text[i] == '}' || text[i] == ']') && depth > 0)
                        depth--;
        return false;
}

int json_read_object(const char *text, size_t size, char *reterr, size_t reterr_size, json_t **ret) {
        json_error_t error;
        json_t *json;

        if (too_deep(text, size)) {
                (void) snprintf(reterr, reterr_size, "nested more than %d deep", JSON_DEPTH_MAX);
                return -EINVAL;
        }
        json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!json) {
                (void) snprintf(reterr, reterr_size, "%d:%d: %s", error.line, error.column, error.text);
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
        }
        if (!json_is_object(json)) {
                json_decref(json);
                (void) snprintf(reterr, reterr_size, "not an object");
                return -EINVAL;
        }
        *ret = json;
        return 0;
}

void json_write_string(FILE *to, const char *s) {
        json_t *valid = json_string(s);

        (void) fputc('"', to);
        for (; *s; s++)
                if (*s == '"' || *s == '\\')
                        (void) fprintf(to, "\\%c", *s);
                else if ((unsigned char) *s < ' ')
                        (void) fprintf(to, "\\u%04x", (unsigned char) *s);
                else
                        (void) fputc(!valid && (*s & 0x80) ? '?' : *s, to);
        (void) fputc('"', to);
        json_decref(valid);
}

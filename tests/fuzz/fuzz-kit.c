/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies as clients send them: parsed, validated against fields of every type, answered, complained about. */
#include <stdio.h>

#include "workers/kit/internal.h"

static const struct wazo_choice choices[] = {{"a", NULL}, {"b", NULL}, {}};
static const struct wazo_field text = {"", WAZO_STRING, .length = WAZO_BETWEEN(1, 8), .pattern = "^[a-z0-9_]{1,8}$"};
static const struct wazo_field pair = {"", WAZO_LIST, .item = &text, .length = WAZO_BETWEEN(2, 2)};

static const struct wazo_field item[] = {
        {"start", WAZO_STRING, WAZO_REQUIRED, .check = wazo_check_digits},
        {"n", WAZO_INTEGER, .range = WAZO_AT_LEAST(0), .preset = "0"},
        {},
};

static const struct wazo_field fields[] = {
        {"s", WAZO_STRING, WAZO_NULLABLE, .length = WAZO_AT_MOST(10)},
        {"p", WAZO_STRING, .pattern = "^\\+?[0-9*#]+$"},
        {"q", WAZO_STRING, .pattern = "^\"(.*)\"( <\\+?[0-9]+>)?$", .length = WAZO_AT_MOST(160)},
        {"c", WAZO_STRING, .choices = choices},
        {"i", WAZO_INTEGER, .range = WAZO_BETWEEN(0, 10)},
        {"f", WAZO_FLOAT},
        {"b", WAZO_BOOLEAN},
        {"l", WAZO_BOOLEAN_LAX},
        {"u", WAZO_UUID},
        {"e", WAZO_EMAIL, .length = WAZO_AT_MOST(254)},
        {"o", WAZO_LIST, .item = &pair, .length = WAZO_AT_MOST(4), .store = WAZO_AS_PAIRS},
        {"r", WAZO_LIST, .fields = item},
        {"n", WAZO_OBJECT, .fields = item},
        {"a", WAZO_ANY, WAZO_NULLABLE},
        {},
};

static void check_object(const json_t *body) {
        for (const struct wazo_field *f = fields; f->name; f++) {
                const json_t *given = json_object_get(body, f->name);
                json_t *value = NULL, *errors = NULL;

                if (!given)
                        continue;
                if (validate_value(NULL, f, given, &value, &errors) < 0 || !value == !errors)
                        abort();
                if (value) {
                        for (unsigned dialect = DB_SQLITE; dialect <= DB_POSTGRESQL; dialect++) {
                                _cleanup_values_ struct values values = VALUES_NULL;

                                field_to_db(dialect, f, value, &values);
                                if (values.failed || values.n != 1)
                                        abort();
                                json_decref(field_from_db(dialect, f, &values.items[0]));
                        }
                } else
                        free(wazo_python(errors));
                json_decref(value);
                json_decref(errors);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_text_ struct text t = TEXT_NULL;
        _cleanup_free_ char *python = NULL;
        json_t *body, *again;

        if (body_parse((const char *) data, size, &body) != 0)
                return 0;
        check_object(body);
        python = wazo_python(body);
        dump_add(&t, body);
        if (text_end(&t) < 0 || !python)
                abort();
        /* What we write can be read again and is the same. */
        if (body_parse(t.data, t.size, &again) != 0 || !json_equal(body, again))
                abort();
        json_decref(again);
        json_decref(body);
        return 0;
}

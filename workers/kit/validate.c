/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies against fields: the types, coercions and messages of rest-conventions (marshmallow's). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "lib/fold.h"
#include "workers/kit/internal.h"

#define INT4_MAX 2147483647

static int say(json_t *messages, const char *text) {
        return json_array_append_new(messages, json_string(text)) < 0 ? -ENOMEM : 0;
}

/* A type that is wrong: the only message then, and no value. */
static int wrong(json_t *messages, const char *text) {
        int r = say(messages, text);

        return r < 0 ? r : 1;
}

int lax_boolean(const char *s) {
        static const char *const words[2][6] = {{"0", "f", "false", "off", "n", "no"}, {"1", "t", "true", "on", "y", "yes"}};

        for (int value = 0; value < 2; value++)
                for (size_t i = 0; i < ELEMENTSOF(words[0]); i++)
                        if (strcasecmp(s, words[value][i]) == 0)
                                return value;
        return -EINVAL;
}

/* ----- scalars: 0 and *ret, or 1 and a message ----- */

static int integer_of_text(const char *s, int64_t *ret) {
        char *end;
        long long value;

        while (isspace((unsigned char) *s))
                s++;
        errno = 0;
        value = strtoll(s, &end, 10);
        if (end == s || errno == ERANGE)
                return -EINVAL;
        while (isspace((unsigned char) *end))
                end++;
        if (*end)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int to_integer(const json_t *value, json_t **ret, json_t *messages) {
        static const char text[] = "Not a valid integer.";
        int64_t number;

        if (json_is_integer(value))
                number = json_integer_value(value);
        else if (json_is_real(value) && fabs(json_real_value(value)) < 9e18)
                number = (int64_t) json_real_value(value);
        else if (!json_is_string(value) || integer_of_text(json_string_value(value), &number) < 0)
                return wrong(messages, text);
        *ret = json_integer(number);
        return *ret ? 0 : -ENOMEM;
}

static int to_float(const json_t *value, json_t **ret, json_t *messages) {
        double number;
        char *end = NULL;

        if (json_is_number(value))
                number = json_number_value(value);
        else if (json_is_string(value) && json_string_length(value) > 0) {
                number = strtod(json_string_value(value), &end);
                if (*end || !isfinite(number))
                        return wrong(messages, "Not a valid number.");
        } else
                return wrong(messages, "Not a valid number.");
        *ret = json_real(number);
        return *ret ? 0 : -ENOMEM;
}

static int to_boolean(const struct wazo_field *field, const json_t *value, json_t **ret, json_t *messages) {
        int b = -EINVAL;

        if (json_is_boolean(value))
                b = json_is_true(value);
        else if (field->type == WAZO_BOOLEAN_LAX && json_is_string(value))
                b = lax_boolean(json_string_value(value));
        else if (field->type == WAZO_BOOLEAN_LAX && json_is_number(value))
                b = json_number_value(value) == 0 ? 0 : json_number_value(value) == 1 ? 1 : -EINVAL;
        if (b < 0)
                return wrong(messages, "Not a valid boolean.");
        *ret = json_boolean(b);
        return 0;
}

static int to_uuid(const json_t *value, json_t **ret, json_t *messages) {
        char lower[WAZO_UUID_SIZE];

        if (!json_is_string(value) || !wazo_uuid_valid(json_string_value(value)))
                return wrong(messages, "Not a valid UUID.");
        for (size_t i = 0; i < sizeof(lower); i++)
                lower[i] = (char) tolower((unsigned char) json_string_value(value)[i]);
        *ret = json_string(lower);
        return *ret ? 0 : -ENOMEM;
}

static int to_scalar(const struct wazo_field *field, const json_t *value, json_t **ret, json_t *messages) {
        switch (field->type) {
        case WAZO_INTEGER:
                return to_integer(value, ret, messages);
        case WAZO_FLOAT:
                return to_float(value, ret, messages);
        case WAZO_BOOLEAN:
        case WAZO_BOOLEAN_LAX:
                return to_boolean(field, value, ret, messages);
        case WAZO_UUID:
                return to_uuid(value, ret, messages);
        case WAZO_EMAIL:
        case WAZO_STRING:
        case WAZO_DATETIME:
                if (!json_is_string(value))
                        return wrong(messages, "Not a valid string.");
                break;
        default:
                break;
        }
        *ret = json_incref((json_t *) value);
        return 0;
}

/* ----- nested ----- */

static int set_index(json_t *map, size_t index, json_t *messages) {
        char key[24];

        (void) snprintf(key, sizeof(key), "%c%zu", PYTHON_INDEX, index);
        return json_object_set_new(map, key, messages) < 0 ? -ENOMEM : 0;
}

static json_t *schema_error(json_t *messages) {
        return json_pack("{s:o}", "_schema", messages);
}

static bool takes_part(const struct wazo_field *field, enum wazo_operation operation) {
        if (field->flags & (WAZO_READ_ONLY | WAZO_HIDDEN) || field->type == WAZO_LINKS)
                return false;
        return operation == WAZO_CREATE || !(field->flags & WAZO_CREATE_ONLY);
}

int preset_value(const struct wazo_field *field, json_t **ret) {
        json_t *value = field->preset ? json_loads(field->preset, JSON_DECODE_ANY, NULL) : json_null();

        if (!value)
                return -EINVAL;
        *ret = value;
        return 0;
}

/* One member: set in @ret, or its messages in @errors. */
static int validate_member(struct wazo_context *ctx, const struct wazo_field *field, const json_t *body,
                           enum wazo_operation operation, json_t *ret, json_t *errors) {
        const json_t *value = json_object_get(body, field->name);
        json_t *kept = NULL, *messages = NULL;
        int r;

        if (!value && operation != WAZO_CREATE)
                return 0;
        if (!value && field->flags & WAZO_REQUIRED)
                return json_object_set_new(errors, field->name,
                                           json_pack("[s]", "Missing data for required field.")) < 0 ? -ENOMEM : 0;
        if (!value && !field->preset)
                return 0;
        if (!value || (json_is_null(value) && operation == WAZO_CREATE && field->flags & WAZO_NULL_ON_CREATE)) {
                r = preset_value(field, &kept);
                if (r < 0)
                        return r;
                return json_object_set_new(ret, field->name, kept) < 0 ? -ENOMEM : 0;
        }
        r = validate_value(ctx, field, value, &kept, &messages);
        if (r < 0)
                return r;
        if (messages)
                return json_object_set_new(errors, field->name, messages) < 0 ? -ENOMEM : 0;
        return json_object_set_new(ret, field->name, kept) < 0 ? -ENOMEM : 0;
}

static int validate_object(struct wazo_context *ctx, const struct wazo_field *fields, const json_t *body,
                           enum wazo_operation operation, json_t **ret, json_t **ret_errors) {
        _wazo_unref_ json_t *object = json_object(), *errors = json_object();
        int r;

        if (!object || !errors)
                return -ENOMEM;
        for (const struct wazo_field *field = fields; field->name; field++) {
                if (!takes_part(field, operation))
                        continue;
                r = validate_member(ctx, field, body, operation, object, errors);
                if (r < 0)
                        return r;
        }
        if (json_object_size(errors) > 0)
                *ret_errors = STEAL(errors);
        else
                *ret = STEAL(object);
        return 0;
}

/* A nested object is always whole: all defaults, all required members, then the checks of the whole. */
static int validate_nested(struct wazo_context *ctx, const struct wazo_field *field, const json_t *value,
                           json_t **ret, json_t **ret_errors) {
        _wazo_unref_ json_t *messages = json_array(), *object = NULL;
        int r;

        if (!messages)
                return -ENOMEM;
        if (!json_is_object(value)) {
                r = say(messages, "Invalid input type.");
                if (r < 0)
                        return r;
                *ret_errors = schema_error(STEAL(messages));
                return *ret_errors ? 0 : -ENOMEM;
        }
        r = validate_object(ctx, field->fields, value, WAZO_CREATE, &object, ret_errors);
        if (r < 0 || !object)
                return r;
        if (field->schema) {
                r = field->schema(ctx, object, messages);
                if (r < 0)
                        return r;
        }
        if (json_array_size(messages) > 0) {
                *ret_errors = schema_error(STEAL(messages));
                return *ret_errors ? 0 : -ENOMEM;
        }
        *ret = STEAL(object);
        return 0;
}

static int validate_list(struct wazo_context *ctx, const struct wazo_field *field, const json_t *value, json_t **ret,
                         json_t **ret_errors) {
        _wazo_unref_ json_t *list = json_array(), *errors = json_object();
        const json_t *item;
        size_t i;
        int r;

        if (!list || !errors)
                return -ENOMEM;
        if (!json_is_array(value)) {
                *ret_errors = json_pack("[s]", field->fields ? "Invalid type." : "Not a valid list.");
                return *ret_errors ? 0 : -ENOMEM;
        }
        json_array_foreach(value, i, item) {
                json_t *kept = NULL, *messages = NULL;

                if (field->fields)
                        r = validate_nested(ctx, field, item, &kept, &messages);
                else if (field->item)
                        r = validate_value(ctx, field->item, item, &kept, &messages);
                else
                        r = (kept = json_incref((json_t *) item)) ? 0 : -ENOMEM;
                if (r < 0)
                        return r;
                if (messages)
                        r = set_index(errors, i, messages);
                else
                        r = json_array_append_new(list, kept) < 0 ? -ENOMEM : 0;
                if (r < 0)
                        return r;
        }
        if (json_object_size(errors) > 0)
                *ret_errors = STEAL(errors);
        else
                *ret = STEAL(list);
        return 0;
}

/* ----- checks of a value of the right type ----- */

static int check_length(const struct wazo_limits *l, int64_t n, json_t *messages) {
        char text[96];

        if ((!(l->kind & 1) || n >= l->min) && (!(l->kind & 2) || n <= l->max) && (l->kind != 4 || n == l->min))
                return 0;
        if (l->kind == 4)
                (void) snprintf(text, sizeof(text), "Length must be %lld.", (long long) l->min);
        else if (l->kind == 3)
                (void) snprintf(text, sizeof(text), "Length must be between %lld and %lld.", (long long) l->min,
                                (long long) l->max);
        else if (l->kind == 2)
                (void) snprintf(text, sizeof(text), "Longer than maximum length %lld.", (long long) l->max);
        else
                (void) snprintf(text, sizeof(text), "Shorter than minimum length %lld.", (long long) l->min);
        return say(messages, text);
}

static int check_range(const struct wazo_limits *l, double n, json_t *messages) {
        char text[128];

        if ((!(l->kind & 1) || n >= (double) l->min) && (!(l->kind & 2) || n <= (double) l->max) &&
            (l->kind != 4 || n == (double) l->min))
                return 0;
        if (l->kind == 3)
                (void) snprintf(text, sizeof(text), "Must be greater than or equal to %lld and less than or equal to %lld.",
                                (long long) l->min, (long long) l->max);
        else if (l->kind == 2)
                (void) snprintf(text, sizeof(text), "Must be less than or equal to %lld.", (long long) l->max);
        else
                (void) snprintf(text, sizeof(text), "Must be greater than or equal to %lld.", (long long) l->min);
        return say(messages, text);
}

static int check_choices(const struct wazo_choice *choices, const char *s, json_t *messages) {
        _cleanup_text_ struct text t = TEXT_NULL;
        int r;

        for (const struct wazo_choice *c = choices; c->name; c++)
                if (streq(c->name, s))
                        return 0;
        text_add(&t, "Must be one of: ");
        for (const struct wazo_choice *c = choices; c->name; c++) {
                text_add(&t, c == choices ? "" : ", ");
                text_add(&t, c->name);
        }
        text_add_char(&t, '.');
        r = text_end(&t);
        return r < 0 ? r : say(messages, t.data);
}

static int check_string(const struct wazo_field *field, const char *s, json_t *messages) {
        int r = check_length(&field->length, (int64_t) fold_length(s), messages);

        if (r >= 0 && field->type == WAZO_EMAIL && !email_valid(s))
                r = say(messages, "Not a valid email address.");
        if (r >= 0 && field->pattern && !pattern_matches(field->pattern, s))
                r = say(messages, "String does not match expected pattern.");
        if (r >= 0 && field->choices)
                r = check_choices(field->choices, s, messages);
        return r;
}

static int check_value(const struct wazo_field *field, const json_t *value, json_t *messages) {
        static const struct wazo_limits int4 = WAZO_BETWEEN(-INT4_MAX - 1LL, INT4_MAX);
        int r;

        if (json_is_string(value))
                return check_string(field, json_string_value(value), messages);
        if (json_is_array(value))
                return check_length(&field->length, (int64_t) json_array_size(value), messages);
        if (!json_is_number(value))
                return 0;
        r = check_range(&field->range, json_number_value(value), messages);
        /* What no column could hold. */
        if (r >= 0 && field->type == WAZO_INTEGER && json_array_size(messages) == 0)
                r = check_range(&int4, json_number_value(value), messages);
        return r;
}

int validate_value(struct wazo_context *ctx, const struct wazo_field *field, const json_t *value, json_t **ret,
                   json_t **ret_errors) {
        _wazo_unref_ json_t *messages = json_array(), *kept = NULL;
        int r = 0;

        if (!messages)
                return -ENOMEM;
        if (json_is_null(value)) {
                if (field->flags & WAZO_NULLABLE) {
                        *ret = json_null();
                        return 0;
                }
                *ret_errors = json_pack("[s]", "Field may not be null.");
                return *ret_errors ? 0 : -ENOMEM;
        }
        if (field->type == WAZO_LIST)
                r = validate_list(ctx, field, value, &kept, ret_errors);
        else if (field->type == WAZO_OBJECT)
                r = validate_nested(ctx, field, value, &kept, ret_errors);
        else
                r = to_scalar(field, value, &kept, messages);
        if (r < 0)
                return r;
        if (kept) {
                r = check_value(field, kept, messages);
                if (r >= 0 && field->check)
                        r = field->check(ctx, field, &kept, messages);
                if (r < 0)
                        return r;
        }
        if (json_array_size(messages) > 0)
                *ret_errors = STEAL(messages);
        else if (kept)
                *ret = STEAL(kept);
        return 0;
}

/* ----- whole bodies ----- */

static int refuse(struct wazo_context *ctx, const json_t *errors) {
        _wazo_unref_ json_t *list = json_array();

        if (!list)
                return -ENOMEM;
        for (void *at = json_object_iter((json_t *) errors); at; at = json_object_iter_next((json_t *) errors, at)) {
                _cleanup_text_ struct text t = TEXT_NULL;
                int r;

                text_addf(&t, "Input Error - %s: ", json_object_iter_key(at));
                python_add(&t, json_object_iter_value(at));
                r = text_end(&t);
                if (r < 0 || json_array_append_new(list, json_string(t.data)) < 0)
                        return -ENOMEM;
        }
        if (wazo_reply_json(ctx, 400, STEAL(list)) < 0)
                return -ENOMEM;
        return -ECANCELED;
}

int wazo_refuse_schema(struct wazo_context *ctx, const json_t *messages) {
        _wazo_unref_ json_t *errors = NULL;

        if (json_array_size(messages) == 0)
                return 0;
        errors = json_pack("{s:O}", "_schema", messages);
        return errors ? refuse(ctx, errors) : -ENOMEM;
}

int wazo_validate(struct wazo_context *ctx, const struct wazo_field *fields, const json_t *body,
                  enum wazo_operation operation, json_t **ret) {
        _wazo_unref_ json_t *errors = NULL;
        int r;

        if (!json_is_object(body)) {
                errors = json_pack("{s:[s]}", "_schema", "Invalid input type.");
                return errors ? refuse(ctx, errors) : -ENOMEM;
        }
        r = validate_object(ctx, fields, body, operation, ret, &errors);
        if (r < 0)
                return r;
        return errors ? refuse(ctx, errors) : 0;
}

int wazo_check_digits(struct wazo_context *ctx, const struct wazo_field *field, json_t **value, json_t *messages) {
        const char *s = json_string_value(*value);

        return *s && strspn(s, "0123456789") == strlen(s) ? 0 : say(messages, "Invalid input.");
}

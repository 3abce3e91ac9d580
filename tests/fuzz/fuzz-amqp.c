/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what a broker sends: taken apart into frames, methods, properties and tables, as the relay does, or refused.
 */
#include <signal.h>

#include "workers/relay/amqp/frame.h"
#include "workers/relay/amqp/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct frame *f, amqp_pool_t *pool) {
        struct frame_content content;
        amqp_method_number_t number;
        void *method;

        if (f->type == AMQP_FRAME_METHOD && frame_decode_method(f, pool, &number, &method) == 0 &&
            number == AMQP_CONNECTION_START_METHOD)
                json_decref(table_to_json(&((const amqp_connection_start_t *) method)->server_properties));
        if (f->type == AMQP_FRAME_HEADER && frame_decode_content(f, pool, &content) == 0 &&
            (content.properties->_flags & AMQP_BASIC_HEADERS_FLAG)) {
                json_t *headers = table_to_json(&content.properties->headers);

                if (!json_is_object(headers))
                        (void) raise(SIGABRT);
                json_decref(headers);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        amqp_pool_t pool;
        struct frame f;
        size_t at = 0, used;
        int r;

        init_amqp_pool(&pool, 4096);
        while ((r = frame_parse(data + at, size - at, FRAME_SIZE_MAX, &f, &used)) > 0) {
                if (used == 0 || used > size - at || f.payload < data + at || f.size > used - FRAME_OVERHEAD)
                        (void) raise(SIGABRT);
                look(&f, &pool);
                recycle_amqp_pool(&pool);
                at += used;
        }
        if (r != 0 && r != -EBADMSG && r != -EPROTONOSUPPORT && r != -EMSGSIZE)
                (void) raise(SIGABRT);
        empty_amqp_pool(&pool);
        return 0;
}

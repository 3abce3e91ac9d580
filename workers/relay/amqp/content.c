/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that come: put together from their frames, and handed on. Of a body that is too large nothing is kept. */
#include "workers/relay/amqp/amqp.h"
#include "workers/relay/amqp/table.h"

/* Only a returned message's identifier is of interest. */
#define RETURNED_BODY_MAX 0

static void free_text(const char **text) {
        free((char *) *text);
        *text = NULL;
}

void content_done(struct channel *c) {
        struct incoming *in = &c->incoming;

        free_text(&in->delivery.exchange);
        free_text(&in->delivery.routing_key);
        free_text(&in->delivery.content_type);
        free_text(&in->delivery.message_id);
        free(in->return_text);
        free(in->body);
        json_decref(in->headers);
        *in = (struct incoming) {0};
}

int content_begin(struct amqp *a, struct channel *c, amqp_method_number_t number, void *method) {
        struct incoming *in = &c->incoming;
        const amqp_basic_deliver_t *deliver = method;
        const amqp_basic_return_t *returned = method;

        in->wants = INCOMING_HEADER;
        in->returned = number == AMQP_BASIC_RETURN_METHOD;
        if (in->returned) {
                in->return_code = returned->reply_code;
                in->return_text = amqp_text(returned->reply_text);
                return in->return_text ? 0 : -ENOMEM;
        }
        in->delivery = (struct broker_delivery) {
                .tag = deliver->delivery_tag,
                /* It may come before the answer that opens the channel has been looked at: then it is the coming epoch's. */
                .epoch = c->opened ? c->epoch : c->epoch + 1,
                .redelivered = deliver->redelivered,
                .exchange = amqp_text(deliver->exchange),
                .routing_key = amqp_text(deliver->routing_key),
        };
        return in->delivery.exchange && in->delivery.routing_key ? 0 : -ENOMEM;
}

static size_t body_max(const struct amqp *a, const struct incoming *in) {
        return in->returned || !a->queue ? RETURNED_BODY_MAX : a->queue->body_max;
}

static void finish(struct amqp *a, struct channel *c) {
        struct channel done = {.incoming = c->incoming};
        struct incoming *in = &done.incoming;

        c->incoming = (struct incoming) {0};
        in->delivery.headers = in->headers;
        in->delivery.body = in->body;
        if (in->body)
                in->body[in->kept] = 0;
        if (!in->returned && a->callbacks->delivery)
                a->callbacks->delivery(a->queue_userdata, &in->delivery);
        if (in->returned && a->callbacks->returned)
                a->callbacks->returned(a->userdata, in->return_code, in->return_text, in->delivery.message_id);
        content_done(&done);
}

/* Room for @size bytes of the body and a NUL; it grows as they come, not as they are announced. */
static int grow_body(struct incoming *in, size_t size) {
        char *grown = realloc(in->body, size + 1);

        if (!grown)
                return -ENOMEM;
        in->body = grown;
        return 0;
}

int content_header(struct amqp *a, struct channel *c, const struct frame *f) {
        struct incoming *in = &c->incoming;
        amqp_basic_properties_t *p;
        struct frame_content content;
        int r;

        if (in->wants != INCOMING_HEADER)
                return -EBADMSG;
        r = frame_decode_content(f, &a->pool, &content);
        if (r < 0)
                return r;
        p = content.properties;
        in->delivery.content_type = amqp_text(p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG ? p->content_type : amqp_empty_bytes);
        in->delivery.message_id = amqp_text(p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG ? p->message_id : amqp_empty_bytes);
        in->headers = p->_flags & AMQP_BASIC_HEADERS_FLAG ? table_to_json(&p->headers) : json_object();
        if (!in->delivery.content_type || !in->delivery.message_id || !in->headers)
                return -ENOMEM;
        in->delivery.body_size = in->left = content.body_size;
        in->wants = INCOMING_BODY;
        if (content.body_size <= body_max(a, in)) {
                r = grow_body(in, 0);
                if (r < 0)
                        return r;
        }
        if (in->left == 0)
                finish(a, c);
        return 0;
}

int content_body(struct amqp *a, struct channel *c, const struct frame *f) {
        struct incoming *in = &c->incoming;
        int r;

        if (in->wants != INCOMING_BODY || f->size > in->left)
                return -EBADMSG;
        in->left -= f->size;
        if (in->body) {
                r = grow_body(in, in->kept + f->size);
                if (r < 0)
                        return r;
                memcpy(in->body + in->kept, f->payload, f->size);
                in->kept += f->size;
        }
        if (in->left == 0)
                finish(a, c);
        return 0;
}

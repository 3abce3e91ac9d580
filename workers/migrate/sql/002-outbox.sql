-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is owed to the outside, written in the transaction of the change that owes it: events for RabbitMQ, requests for
-- sysconfd. relay sends in the order of id, and deletes what was confirmed.
CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created_at TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('event', 'sysconfd')),
        resource TEXT NOT NULL,    -- rows of one resource keep their order: line/7
        name TEXT NOT NULL,        -- the event's name; the path of a request
        routing_key TEXT NOT NULL, -- of an event
        headers TEXT NOT NULL,     -- JSON: those of the message; method and query of a request
        payload TEXT NOT NULL      -- JSON body, or ''
);

-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the relay adds to the outbox: how often a row was tried; where those go that it gave up, or that it has sent; and the
-- events of others that their plugin could not take. Times are milliseconds since the epoch, unless they are text.

ALTER TABLE outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN error TEXT;
ALTER TABLE outbox ADD COLUMN next_try_at INTEGER;

-- Events and requests are two queues.
CREATE INDEX outbox_kind ON outbox (kind);

CREATE TABLE outbox_parked (
        id INTEGER NOT NULL PRIMARY KEY, -- that of the outbox
        created_at TEXT NOT NULL,
        kind TEXT NOT NULL,
        resource TEXT NOT NULL,
        name TEXT NOT NULL,
        routing_key TEXT NOT NULL,
        headers TEXT NOT NULL,
        payload TEXT NOT NULL,
        tries INTEGER NOT NULL,
        error TEXT NOT NULL,
        parked_at TEXT NOT NULL
);

-- The last events: published ones, and without RabbitMQ all.
CREATE TABLE event_kept (
        id INTEGER NOT NULL PRIMARY KEY, -- that of the outbox
        created_at TEXT NOT NULL,
        resource TEXT NOT NULL,
        name TEXT NOT NULL,
        routing_key TEXT NOT NULL,
        headers TEXT NOT NULL,
        payload TEXT NOT NULL,
        published_at TEXT,
        kept_at INTEGER NOT NULL -- of its age
);

-- An event of somebody else's that its plugin did not survive, or refused, too often.
CREATE TABLE inbox_parked (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        parked_at TEXT NOT NULL,
        plugin TEXT NOT NULL,
        name TEXT NOT NULL,
        message_id TEXT NOT NULL,
        routing_key TEXT NOT NULL,
        headers TEXT NOT NULL, -- JSON
        payload TEXT NOT NULL, -- as it came, if it is text
        tries INTEGER NOT NULL,
        error TEXT NOT NULL
);

# SPDX-License-Identifier: GPL-3.0-or-later
"""Many events, by many changes, and the proof that none of them was lost."""
import collections
import contextlib
import sqlite3
import threading

from harness import SLOW, wait_for
from rest import Client


def relay_status(service):
    """The relay's part of the status; {} while it does not answer."""
    relay = service.status().get('relay') or {}
    return relay if relay.get('answers') else {}


def publisher(service):
    return relay_status(service).get('publisher') or {}


def wait_publisher(service, seconds=20, **wanted):
    """Until members of the publisher's status are so, or a function says so of them; the status then."""
    last = {}

    def there():
        nonlocal last
        last = publisher(service)
        return all(want(last.get(name)) if callable(want) else last.get(name) == want for name, want in wanted.items())
    wait_for(there, seconds, lambda: f'the publisher is not {wanted}: {last}\n{service.log()[-3000:]}', every=0.02)
    return last


class Burst:
    """Changes of one user, counted: each is an event. Over HTTP from a thread of its own, or as rows, all at once."""

    def __init__(self, service, token=None):
        self.service, self.client = service, Client(service.port, token or service.token)
        self.user = self.client.create('/users', {'firstname': 'Burst'})
        self.statuses, self.slowest = collections.Counter(), 0.0
        self._thread = None

    def change(self, n=1):
        for i in range(n):
            self.statuses[self.client.put(f'/users/{self.user["id"]}', {'lastname': str(i)}).status] += 1
        return self

    def begin(self, n):
        self._thread = threading.Thread(target=self.change, args=(n,), daemon=True)
        self._thread.start()
        return self

    def end(self):
        self._thread.join(60 * SLOW)
        assert not self._thread.is_alive(), 'the requests hang'
        return self

    def insert(self, n):
        """As if n requests had been answered this moment."""
        with contextlib.closing(sqlite3.connect(self.service.path('state/db/confd.sqlite'), timeout=60, isolation_level=None)) as db:
            db.execute('BEGIN IMMEDIATE')
            db.executemany('INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) '
                           "VALUES ('2026-01-02 03:04:05', 'event', ?, 'user_edited', 'config.user.edited', ?, ?)",
                           ((f'users/{i % 7}', '{"name": "user_edited", "user_uuid:*": true}', '{"data": {"id": %d}}' % i) for i in range(n)))
            db.execute('COMMIT')

    def check(self):
        """All requests went well."""
        assert set(self.statuses) <= {204}, self.statuses


def owed_ids(service, last=0):
    """The ids of all events since `last`, whatever has become of them."""
    with contextlib.closing(service.database()) as db:
        return [row[0] for row in db.execute("SELECT id FROM outbox WHERE kind = 'event' AND id > ? UNION SELECT id FROM event_kept "
                                             'WHERE id > ? ORDER BY 1', (last, last))]


def last_owed(service):
    with contextlib.closing(service.database()) as db:
        return db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'").fetchone()[0]


def outbox_size(service, kind='%'):
    with contextlib.closing(service.database()) as db:
        return db.execute('SELECT count(*) FROM outbox WHERE kind LIKE ?', (kind,)).fetchone()[0]


def wait_sent(service, seconds=30):
    """Until nothing is owed."""
    wait_for(lambda: outbox_size(service) == 0, seconds, lambda: f'{outbox_size(service)} rows are owed: {service.status().get("relay")}\n'
             f'{service.log()[-3000:]}', every=0.02)


def ids_of(messages, service='wazo-confd'):
    found = []
    for message in messages:
        name, _, number = message.properties.message_id.rpartition('/')
        assert name == service, message.properties
        found.append(int(number))
    return found


def check_none_lost(messages, wanted, duplicates=0):
    """Each id came, in order, and no more than so many of them twice. How many did."""
    ids = ids_of(messages)
    first = list(dict.fromkeys(ids))
    missing = sorted(set(wanted) - set(first))
    assert not missing, f'{len(missing)} of {len(wanted)} events are lost: {missing[:20]}'
    assert first == sorted(first), 'the first of each came in another order'
    assert set(first) <= set(wanted), f'nobody wrote these: {sorted(set(first) - set(wanted))[:20]}'
    twice = len(ids) - len(first)
    assert twice <= duplicates, f'{twice} events came once more'
    return twice

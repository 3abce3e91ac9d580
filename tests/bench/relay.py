# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: how quickly a backlog leaves for RabbitMQ, against a bare publisher of rabbitmq-c; how soon an event is there; and
what requests notice of RabbitMQ's absence. Against a RabbitMQ of the bench's own."""
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time

from figures import median
from service import TOOLS, TOP, new_directory, pss_of, Service

sys.path.insert(0, os.path.join(TOP, 'tests/integration'))
os.environ.setdefault('WAZO_BUILD', os.path.join(TOP, 'build-bench'))
import rabbitmq  # noqa: E402

SECTION = 'events'
ROWS = int(os.environ.get('BENCH_EVENTS', 100000))
ROUNDS = 3
WINDOW = 256
CALM = 200
REQUESTS = 400
LATENCY_ROUNDS = 7
HEADERS = ('name', 'origin_uuid', 'timestamp', 'tenant_uuid', 'user_uuid:*', 'required_access', 'required_acl')


class Api:
    """Requests over one connection."""

    def __init__(self, service):
        self.connection = http.client.HTTPConnection('127.0.0.1', service.port, timeout=60)
        self.headers = {'X-Auth-Token': service.token, 'Content-Type': 'application/json'}

    def call(self, method, path, body=None):
        self.connection.request(method, '/1.1' + path, None if body is None else json.dumps(body), self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status not in (200, 201, 204):
            raise RuntimeError(f'{method} {path}: {response.status} {text!r}')
        return json.loads(text) if text else None


def database(service):
    return sqlite3.connect(os.path.join(service.path, 'state/db/confd.sqlite'), timeout=60, isolation_level=None)


def wait_until(what, seconds, pause=0.01):
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise RuntimeError(f'not within {seconds} s: {what}')
        time.sleep(pause)


def event_row(service):
    """What an edited user owes, as its row says it."""
    with database(service) as db:
        return db.execute("SELECT created_at, 'event', resource, name, routing_key, headers, payload FROM event_kept "
                          "WHERE name = 'user_edited' LIMIT 1").fetchone()


def fill(service, row, n):
    db = database(service)
    db.execute('BEGIN IMMEDIATE')
    db.executemany('INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) VALUES (?, ?, ?, ?, ?, ?, ?)',
                   (row for _ in range(n)))
    db.execute('COMMIT')
    db.close()


def seconds_of_drain(observer, n, check=lambda: None):
    """From the first message in the queue to the last."""
    wait_until(lambda: observer.depth() > 0, 60, 0.002)
    began = time.monotonic()
    seen = observer.depth()
    while seen < n:
        if time.monotonic() - began > 600:
            raise RuntimeError(f'{seen} of {n} events came')
        check()
        time.sleep(0.02)
        seen = observer.depth()
    return time.monotonic() - began


def bare(broker, observer, row, n):
    """The same event by rabbitmq-c alone: events a second."""
    headers = json.loads(row[5])
    words = [f'{name}={"true" if headers[name] is True else headers[name]}' for name in HEADERS if name in headers]
    argv = [os.path.join(TOOLS, 'bench-bare-publish'), str(broker.port), rabbitmq.USER, rabbitmq.PASSWORD, observer.exchange, row[4],
            str(n), str(WINDOW), *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        process.stdin.write(row[6].encode())
        process.stdin.close()
        seconds = seconds_of_drain(observer, n)
        if process.wait(60):
            raise RuntimeError('bench-bare-publish failed')
    observer.purge()
    return n / seconds


def drain(service, observer, row, n, peak):
    """A backlog by the relay: events a second; peak takes its Pss."""
    service.suite('hold', 'relay')
    wait_until(lambda: 'relay' not in service.workers(), 20)
    fill(service, row, n)
    service.suite('reset', 'relay')
    wait_until(lambda: 'relay' in service.workers(), 20)
    pid = service.workers()['relay']
    seconds = seconds_of_drain(observer, n, lambda: peak.append(pss_of(pid)))
    db = database(service)
    wait_until(lambda: db.execute('SELECT NOT EXISTS (SELECT 1 FROM outbox)').fetchone()[0], 60)
    db.close()
    observer.purge()
    return n / seconds


def measure_drain(figures, broker, service, observer, row):
    ours, theirs, peak = [], [], []
    for _ in range(ROUNDS):
        theirs.append(bare(broker, observer, row, ROWS))
        ours.append(drain(service, observer, row, ROWS, peak))
    figures.add(SECTION, f'{ROWS:,} rows to RabbitMQ, window {WINDOW}', median(ours), '/s', median(theirs))
    figures.add(SECTION, 'median of the ratios of each round', median([a / b for a, b in zip(ours, theirs)]), '', at_least=0.8)
    figures.add(SECTION, 'the relay meanwhile, at most', max(peak) / 1024, 'MiB', limit=10)


class Arrivals:
    """When messages reach a consumer that does nothing else."""

    def __init__(self, observer):
        self.times, self._end = [], threading.Event()
        self._connection = observer.new_connection()
        self._channel = self._connection.channel()
        self._channel.basic_consume(observer.queue, lambda *_: self.times.append(time.monotonic()), auto_ack=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._end.is_set():
            self._connection.process_data_events(time_limit=0.2)
        self._connection.close()

    def close(self):
        self._end.set()
        self._thread.join(10)


def measure_calm(figures, service, observer, user):
    """One change, and nothing before it is told."""
    api, arrivals, latencies = Api(service), Arrivals(observer), []
    try:
        for i in range(CALM):
            seen = len(arrivals.times)
            api.call('PUT', user, {'lastname': f'Calm {i}'})
            answered = time.monotonic()
            wait_until(lambda: len(arrivals.times) > seen, 10, 0.0005)
            latencies.append(max(arrivals.times[seen] - answered, 0) * 1000)
            time.sleep(0.01)
    finally:
        arrivals.close()
    latencies.sort()
    figures.add(SECTION, 'from the answer to a consumer, when calm', median(latencies), 'ms', limit=5)
    figures.add(SECTION, '95 % of them within', latencies[len(latencies) * 95 // 100], 'ms')


def latencies_of(api, user, n):
    found = []
    for i in range(n):
        begin = time.monotonic()
        api.call('PUT', user, {'lastname': f'Request {i}'})
        found.append((time.monotonic() - begin) * 1000)
    return sorted(found)


def measure_away(figures, broker, service, user):
    """The same requests with RabbitMQ there and not there, by turns."""
    api = Api(service)
    middle, late = {True: [], False: []}, {True: [], False: []}
    db = database(service)
    latencies_of(api, user, 50)
    for i in range(LATENCY_ROUNDS * 2):
        there = i % 2 == 0
        (broker.start if there else broker.stop)() if i else None
        if there:
            wait_until(lambda: db.execute('SELECT NOT EXISTS (SELECT 1 FROM outbox)').fetchone()[0], 120)
        found = latencies_of(api, user, REQUESTS)
        middle[there].append(median(found))
        late[there].append(found[len(found) * 99 // 100])
    db.close()
    broker.start()
    figures.add(SECTION, 'PUT /users, RabbitMQ away against there', median(middle[False]), 'ms', median(middle[True]))
    figures.add(SECTION, 'median of the ratios of each round',
                median([a / b for a, b in zip(middle[False], middle[True])]), '', limit=1.2)
    figures.add(SECTION, '99 % of them within', median(late[False]), 'ms', median(late[True]))


def measure(figures):
    directory = new_directory()
    with rabbitmq.Broker() as broker:
        os.makedirs(os.path.join(directory, 'etc'))
        with open(os.path.join(directory, 'etc/config.yml'), 'w', encoding='utf-8') as config:
            config.write(broker.settings('bench', window=WINDOW) + 'outbox: {keep: 1000}\n')
        service = Service(directory)
        observer = broker.observe('bench')
        try:
            service.start()
            api = Api(service)
            user = f"/users/{api.call('POST', '/users', {'firstname': 'Bench'})['id']}"
            api.call('PUT', user, {'lastname': 'First'})
            wait_until(lambda: event_row(service), 20)
            row = event_row(service)
            observer.purge()
            measure_calm(figures, service, observer, user)
            measure_away(figures, broker, service, user)
            observer.purge()
            measure_drain(figures, broker, service, observer, row)
        finally:
            service.remove()

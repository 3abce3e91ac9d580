# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ that refuses, blocks, lies, or is none; and rows that nobody can send. Told once, clearly; the rest goes on."""
import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
import time

import pytest

import rabbitmq
from burst import *
from harness import SLOW, Service, free_port, scratch, wait_for
from proxy import Impostor, Proxy
from rest import Client


@contextlib.contextmanager
def bus_service(settings):
    with Service(config=settings) as service:
        yield service


def told(service, pattern):
    return [line for line in service.log().splitlines() if pattern in line]


def insert(service, name='bad', resource='users/1', routing_key='a.key', headers=None, payload='{"data": {}}'):
    with contextlib.closing(sqlite3.connect(service.path('state/db/confd.sqlite'), timeout=60)) as db, db:
        return db.execute('INSERT INTO outbox (created_at, kind, resource, name, routing_key, headers, payload) '
                          "VALUES ('2026-01-02 03:04:05', 'event', ?, ?, ?, ?, ?)", (resource, name, routing_key, headers or json.dumps({'name': name}), payload)).lastrowid


def check_requests(service, n=20, seconds=10):
    """They go well, and none of them waits for anybody."""
    burst, begin = Burst(service), time.monotonic()
    burst.change(n).check()
    assert time.monotonic() - begin < seconds * SLOW
    return burst


# ---- what it does not take ----


def test_overflow_and_what_is_parked(broker):
    """Refused as often as it is tried, it is parked; the next one, of somebody else, had its turn long before."""
    full = broker.observe('overflow', arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
    with bus_service(broker.settings('overflow') + 'outbox: {tries: 2}\n') as service:
        wait_publisher(service, state='ready')
        insert(service, resource='users/1', name='fills')
        insert(service, resource='users/2', name='refused')
        Burst(service)
        wait_publisher(service, parked=2, backlog=0)
        status = publisher(service)
        assert (status['state'], status['confirmed'], status['nacked'] >= 4) == ('ready', 1, True), status
        parked = service.suite_json('parked')
        assert parked['total'] == 2
        assert [row['name'] for row in parked['parked']] == ['refused', 'user_created']
        row = parked['parked'][0]
        assert (row['queue'], row['kind'], row['tries'], row['resource']) == ('outbox', 'event', 2, 'users/2')
        assert row['error'] and row['parked_at'].startswith('20')
        shown = service.suite('parked', check=True).stdout
        assert 'refused' in shown and 'user_created' in shown
        assert len(told(service, 'is parked after 2 tries')) == 2

        # Room again: one is tried once more, the other dropped.
        assert [message.name for message in full.take(1)] == ['fills']
        service.suite('retry', str(row['id']), check=True)
        assert [message.name for message in full.take(1)] == ['refused']
        service.suite('drop', str(parked['parked'][1]['id']), check=True)
        assert service.suite_json('parked')['total'] == 0
        done = service.suite('drop', str(row['id']))
        assert done.returncode == 1 and 'is parked' in done.stderr
        wait_publisher(service, parked=0, backlog=0)
        assert full.take_some(0.2) == []


def test_retry_and_drop_of_all(broker):
    full = broker.observe('overflow-all', arguments={'x-max-length': 0, 'x-overflow': 'reject-publish'})
    with bus_service(broker.settings('overflow-all') + 'outbox: {tries: 1}\n') as service:
        for i in range(5):
            insert(service, resource=f'users/{i}', name=f'event_{i}')
        Client(service.port, service.token).user()
        wait_publisher(service, parked=6)
        done = service.suite('retry', '--all', check=True)
        assert '6 rows' in done.stdout
        wait_publisher(service, parked=6, backlog=0)
        assert '6 rows' in service.suite('drop', '--all', check=True).stdout
        assert service.suite_json('parked') == {'version': 1, 'parked': [], 'total': 0}
        assert full.depth() == 0


def test_rows_that_cannot_be_sent(broker):
    """Nobody who writes rows leaves such; but what is in the database is not what we wish."""
    observer = broker.observe('poison')
    with bus_service(broker.settings('poison')) as service:
        wait_publisher(service, state='ready')
        insert(service, name='one')
        insert(service, headers='no JSON')
        insert(service, headers='[1]')
        insert(service, routing_key='x' * 256)
        insert(service, headers='{"%s": 1}' % ('n' * 300))
        insert(service, headers='{"name": "n", "deep": %s1%s}' % ('[' * 3000, ']' * 3000))
        insert(service, payload='', name='empty')
        insert(service, name='two')
        Client(service.port, service.token).user()
        messages = observer.take(4)
        assert [message.name for message in messages] == ['one', 'empty', 'two', 'user_created']
        assert [message.raw for message in messages][1] == b''
        wait_publisher(service, parked=5, backlog=0, state='ready')
        errors = {row['error'] for row in service.suite_json('parked')['parked']}
        assert all(errors), errors
        assert service.worker('relay')['restarts'] == 0


def test_a_body_too_large_for_the_broker(broker):
    """RabbitMQ closes the channel over one message: that one is parked, after its tries; its neighbours are sent."""
    observer = broker.observe('large')
    broker.erl('application:set_env(rabbit, max_message_size, 100000)')
    try:
        with bus_service(broker.settings('large') + 'outbox: {tries: 2}\n') as service:
            wait_publisher(service, state='ready')
            insert(service, name='before', resource='users/1')
            insert(service, name='large', resource='users/2', payload='{"data": "%s"}' % ('x' * 200000))
            insert(service, name='after', resource='users/3')
            Client(service.port, service.token).user()
            wait_publisher(service, parked=1, backlog=0, seconds=40)
            names = [message.name for message in observer.take_some(0.2)]
            assert list(dict.fromkeys(names)) == ['before', 'after', 'user_created'], names
            row, = service.suite_json('parked')['parked']
            assert row['name'] == 'large' and row['error']
    finally:
        broker.erl('application:set_env(rabbit, max_message_size, 134217728)')


# ---- the alarm ----


def test_memory_alarm(broker):
    """connection.blocked: nothing is published, requests go on, and all comes when it is over."""
    observer = broker.observe('alarm')
    with bus_service(broker.settings('alarm')) as service:
        wait_publisher(service, state='ready')
        burst = Burst(service)
        observer.take(1)
        broker.alarm()
        try:
            burst.change()
            status = wait_publisher(service, state='blocked')
            assert 'memory' in status['reason'], status
            burst.change(50).check()
            assert len(observer.take_some(0.2)) <= 1
            assert wait_publisher(service, backlog=lambda n: n >= 50)['connects'] == 1
            assert service.get('/status').json['bus_publisher']['state'] == 'blocked'
        finally:
            broker.alarm(False)
        wait_publisher(service, state='ready', backlog=0)
        wait_sent(service)
        assert publisher(service)['connects'] == 1, 'an alarm is no reason to connect again'


# ---- who are you ----


def test_wrong_password(broker):
    observer = broker.observe('password')
    with bus_service(broker.settings('password', password='b7-wrong-secret')) as service:
        status = wait_publisher(service, state='backoff')
        assert 'ACCESS_REFUSED' in status['reason'] or 'refused' in status['reason'].lower(), status
        check_requests(service)
        assert observer.take_some(0.1) == []
        shown = service.suite('status', check=True).stdout + service.log() + str(service.get('/status').json)
        assert 'b7-wrong-secret' not in shown and rabbitmq.PASSWORD not in shown
        # Mended by a reload, without a restart.
        service.config(broker.settings('password'))
        service.suite('reload', check=True)
        wait_publisher(service, state='ready', backlog=0)
        assert len(observer.take_some(0.2)) == 21


@pytest.fixture(scope='module')
def strangers():
    """A CA that signed nothing of the broker's."""
    folder = tempfile.mkdtemp(dir=scratch(), prefix='strangers-')
    os.chmod(folder, 0o755)
    rabbitmq.certificates(folder)
    yield os.path.join(folder, 'ca.crt')
    shutil.rmtree(folder, ignore_errors=True)


def tls(broker, exchange, host='localhost', port=None, **ssl):
    return broker.settings(exchange, port=port or broker.tls_port, host=host, ssl={'enabled': True, **ssl})


def test_tls(broker):
    observer = broker.observe('tls')
    with bus_service(tls(broker, 'tls', ca=broker.path('ca.crt'))) as service:
        status = wait_publisher(service, state='ready')
        assert status['tls'] is True
        burst = Burst(service).change(20)
        burst.insert(2000)
        burst.change()
        assert len(observer.take(2022)) == 2022
        wait_sent(service)


def test_wrong_certificate(broker, strangers):
    """Of another CA, for another host, or not asked for: only the last is let pass."""
    observer = broker.observe('certificate')
    with bus_service(tls(broker, 'certificate', ca=strangers)) as service:
        status = wait_publisher(service, state='backoff')
        assert 'certificate' in status['reason'], status
        check_requests(service, 5)

        with Proxy(broker.tls_port, address='127.0.0.2') as proxy:
            service.config(tls(broker, 'certificate', host='127.0.0.2', port=proxy.port, ca=broker.path('ca.crt')))
            service.suite('reload', check=True)
            status = wait_publisher(service, state='backoff', broker=f'127.0.0.2:{proxy.port}')
            assert '127.0.0.2' in status['reason'] and ('certificate' in status['reason'] or 'mismatch' in status['reason']), status
            assert observer.take_some(0.1) == []

            service.config(tls(broker, 'certificate', host='127.0.0.2', port=proxy.port, verify=False))
            service.suite('reload', check=True)
            wait_publisher(service, state='ready', backlog=0)
            assert len(observer.take_some(0.2)) == 6


def test_plain_to_a_tls_port_and_back(broker):
    for settings in (broker.settings('mixed', port=broker.tls_port), tls(broker, 'mixed', port=broker.port, ca=broker.path('ca.crt'))):
        with bus_service(settings) as service:
            assert wait_publisher(service, state='backoff')['reason']
            check_requests(service, 5)


# ---- others ----

GARBAGE = bytes(range(256)) * 64
HTTP = b'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nNo\n'
OTHER_VERSION = b'AMQP\x03\x01\x00\x00'
# A frame that says it is four gigabytes; a method frame that is cut short; one of a class that there is none.
HUGE_FRAME = b'\x01\x00\x00\xff\xff\xff\xff'
SHORT_METHOD = b'\x01\x00\x00\x00\x00\x00\x02\x00\x0a\xce'
UNKNOWN_METHOD = b'\x01\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff\xce'


@pytest.mark.parametrize('text', (b'', GARBAGE, HTTP, OTHER_VERSION, HUGE_FRAME, SHORT_METHOD, UNKNOWN_METHOD),
                         ids=('hangs-up', 'garbage', 'http', 'other-version', 'huge-frame', 'short-method', 'unknown-method'))
def test_no_broker_at_all(text, broker):
    with Impostor(text) as impostor:
        with bus_service(broker.settings('none', port=impostor.port)) as service:
            status = wait_publisher(service, state='backoff')
            assert str(impostor.port) in status['reason'] or str(impostor.port) in status['broker']
            check_requests(service, 5)
            assert publisher(service)['backlog'] == 6
            # It is tried again and again, and told once.
            wait_for(lambda: impostor.connections >= 3, 20)
            lines = [line for line in told(service, 'RabbitMQ') if 'request' not in line]
            assert len(lines) == 1 and status['reason'] in lines[0], lines
            relay = service.worker('relay')
            assert (relay['state'], relay['restarts']) == ('ready', 0)


def test_a_black_hole(broker):
    """Nobody says anything: the connection is given up in time, and meanwhile the relay answers at once."""
    with Impostor(None, keep=True) as impostor:
        with bus_service(broker.settings('none', port=impostor.port, connect='1s')) as service:
            wait_publisher(service, state='connecting')
            for _ in range(5):
                begin = time.monotonic()
                assert relay_status(service)['publisher']['state'] in ('connecting', 'backoff')
                assert time.monotonic() - begin < 5 * SLOW
            check_requests(service, 5)
            wait_publisher(service, state='backoff')
            wait_for(lambda: impostor.connections > 1)


def test_nobody_there_is_told_once(broker):
    """It is tried again and again; the log has it once."""
    port = free_port()
    with bus_service(broker.settings('none', port=port)) as service:
        wait_publisher(service, state='backoff', retry_in_ms=lambda wait: wait and wait > 1000)
        status, lines = publisher(service), [line for line in told(service, 'RabbitMQ') if 'request' not in line]
        assert f'127.0.0.1:{port}' in status['reason'] and 'refused' in status['reason']
        assert len(lines) == 1 and status['reason'] in lines[0], lines

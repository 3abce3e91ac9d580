# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says of its events is true: connected, or since when not and why; how much is owed, and for how long; and
the last events themselves, with RabbitMQ and without. And nobody but the relay notices that RabbitMQ is away."""
import json
import re
import subprocess
import threading
import time

import pytest

from burst import *
from harness import NOBODY, PATIENT, SLOW, Service, clean_environment, manifest, proc_status, run_as, wait_for, wazo_suite
from proxy import Proxy
from rest import Client


@pytest.fixture(scope='module')
def alone():
    """Without RabbitMQ: the embedded way."""
    with Service(config='outbox: {keep: 20}\n') as service:
        yield service


@pytest.fixture(scope='module')
def connected(broker):
    broker.observe('truth')
    with Proxy(broker.port) as proxy, Service(config=broker.settings('truth', port=proxy.port)) as service:
        service.proxy = proxy
        wait_publisher(service, state='ready')
        yield service


def metrics(service):
    """{(name, part): value} of the relay's."""
    text = service.request('GET', '/metrics', prefix='').body.decode()
    found = {}
    for name, labels, value in re.findall(r'^wazo_suite_relay_(\w+)\{([^}]*)\} (.*)$', text, re.M):
        part = dict(re.findall(r'(\w+)="([^"]*)"', labels)).get('part')
        state = dict(re.findall(r'(\w+)="([^"]*)"', labels)).get('state')
        found[(name, part) if state is None else (name, part, state)] = float(value)
    return found


# ---- connected, or not ----


def test_ready(connected):
    burst = Burst(connected).change(10)
    wait_sent(connected)
    burst.check()
    status = publisher(connected)
    assert (status['state'], status['reason'], status['backlog'], status['oldest_age_ms'], status['parked']) == ('ready', '', 0, None, 0)
    assert status['confirmed'] >= 11 and status['published'] >= status['confirmed'] and status['connects'] == 1
    assert re.fullmatch(r'RabbitMQ \d.*', status['server']) and status['broker'] == f'127.0.0.1:{connected.proxy.port}'
    figures = metrics(connected)
    assert figures['up', None] == 1 and figures['state', 'publisher', 'ready'] == 1
    assert figures['confirmed_total', 'publisher'] >= 11 and figures['backlog', 'publisher'] == 0
    assert ('oldest_age_seconds', 'publisher') not in figures
    answer = connected.get('/status').json
    assert answer['bus_consumer'] == {'status': 'ok'}
    assert answer['bus_publisher']['status'] == 'ok' and answer['bus_publisher']['confirmed'] >= 11
    text = connected.suite('status', check=True).stdout
    assert f'RabbitMQ 127.0.0.1:{connected.proxy.port}: ready for ' in text and ' confirmed' in text


def test_away(connected, broker):
    """Since when, and why; what is owed, and its age, grow; then all is well again."""
    broker.stop()
    try:
        wait_publisher(connected, state='backoff')
        Burst(connected).change(4)
        status = publisher(connected)
        assert status['backlog'] == 5 and status['reason'] and status['since_ms'] < 200000 * SLOW and status['retry_in_ms'] >= 0
        # Since it is away, not since the last attempt.
        again = wait_publisher(connected, oldest_age_ms=lambda age: age and age > 900)
        assert again['since'] == status['since'] and again['since_ms'] > 900
        figures = metrics(connected)
        assert figures['state', 'publisher', 'backoff'] == 1 and figures['backlog', 'publisher'] == 5
        assert figures['oldest_age_seconds', 'publisher'] > 0.8
        answer = connected.get('/status').json
        assert answer['bus_consumer'] == {'status': 'fail'}
        told = answer['bus_publisher']
        assert (told['status'], told['state'], told['backlog']) == ('fail', 'backoff', 5) and told['reason'] and told['since']
        text = connected.suite('status', check=True).stdout
        assert '      5 waiting, the oldest for ' in text and 'again in ' in text
    finally:
        broker.start()
    wait_publisher(connected, state='ready', backlog=0)
    wait_for(lambda: connected.get('/status').json['bus_consumer'] == {'status': 'ok'})


def test_without_the_relay(connected):
    """A relay that is held is no secret either."""
    connected.suite('hold', 'relay', check=True)
    try:
        connected.wait_state('relay', 'held')
        Burst(connected).change(3).check()
        relay = connected.status()['relay']
        assert relay['answers'] is False and 'held' in relay['reason']
        assert metrics(connected) == {('up', None): 0}
        answer = connected.get('/status').json
        assert answer['bus_consumer'] == {'status': 'fail'} and answer['bus_publisher']['status'] == 'fail'
        assert 'held' in connected.suite('events').stderr
        assert connected.suite('events').returncode == 1
    finally:
        connected.suite('reset', 'relay', check=True)
    wait_publisher(connected, state='ready', backlog=0)


# ---- the events themselves ----


def test_events_with_a_broker(connected):
    last = last_owed(connected)
    user = Client(connected.port, connected.token).user(firstname='Seen')
    wait_sent(connected)
    answer = connected.suite_json('events')
    event = answer['events'][-1]
    assert event['id'] > last and answer['last'] == event['id']
    assert (event['name'], event['routing_key'], event['payload']['data']['uuid']) == ('user_created', 'config.user.created', user['uuid'])
    assert event['headers']['name'] == 'user_created' and event['published_at'] and event['created_at']


def test_events_without_a_broker(alone):
    """Kept, bounded by number."""
    client = Client(alone.port, alone.token)
    users = [client.user(firstname=f'User {i}') for i in range(30)]
    wait_sent(alone)
    wait_for(lambda: alone.suite_json('events')['events'][0]['payload']['data']['uuid'] == users[10]['uuid'], 10)
    answer = alone.suite_json('events', '-n', '1000')
    assert [event['payload']['data']['uuid'] for event in answer['events']] == [user['uuid'] for user in users[10:]]
    assert all(event['published_at'] is None for event in answer['events'])
    ids = [event['id'] for event in answer['events']]
    assert ids == sorted(ids) and (ids[0], ids[-1]) == (answer['first'], answer['last'])
    assert [event['id'] for event in alone.suite_json('events', '-n', '3')['events']] == [event['id'] for event in answer['events'][-3:]]
    status = relay_status(alone)
    assert status['publisher']['state'] == 'off' and status['events']['kept'] == 20
    assert alone.get('/status').json['bus_publisher']['status'] == 'ok'
    assert 'none is configured; events are kept, 20 now' in alone.suite('status').stdout
    lines = alone.suite('events', '-n', '2', check=True).stdout.splitlines()
    assert len(lines) == 2 and 'user_created' in lines[1] and users[-1]['uuid'] in lines[1]


def test_events_are_kept_for_a_time():
    # A relay looks for old ones at its first ping, and then once an hour.
    text = manifest(PATIENT, workers='  relay: {kind: relay, requires: [migrate], timing: {ping: 1500ms}}')
    with Service(config='outbox: {age: 1s}\n', manifest=text) as service:
        user = Client(service.port, service.token).user()
        wait_sent(service)
        time.sleep(1.2)
        pid = service.worker_pid('relay')
        service.suite('restart', 'relay', check=True)
        service.wait_state('relay', 'ready', not_pid=pid)
        wait_for(lambda: user['uuid'] not in str(service.suite_json('events')['events']))


class Follower:
    """wazo-suite events --follow, read line by line."""

    def __init__(self, service, *words):
        self.lines = []
        self.process = subprocess.Popen([wazo_suite(), '--dev', service.dir, '--json', 'events', '--follow', *words], text=True,
                                        env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, **run_as(NOBODY))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def uuids(self):
        return [json.loads(line)['payload']['data']['uuid'] for line in list(self.lines)]

    def close(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.mark.parametrize('which, victim', (('alone', None), ('alone', 'relay'), ('alone', 'control'), ('connected', 'relay')))
def test_follow(request, which, victim):
    """Each new one, once, whatever is killed meanwhile; with RabbitMQ and without."""
    service = request.getfixturevalue(which)
    client = Client(service.port, service.token)
    first = client.user(firstname='Before')
    wait_sent(service)
    follower = Follower(service, '-n', '1')
    try:
        wait_for(lambda: follower.uuids() == [first['uuid']], message=lambda: str(follower.lines))
        wanted = [first['uuid']] + [client.user(firstname=f'New {i}')['uuid'] for i in range(3)]
        wait_for(lambda: follower.uuids() == wanted, message=lambda: str(follower.lines))
        if victim:
            pid = service.kill(victim)
            wait_for(lambda: service.suite('status').returncode == 0)
            service.wait_state(victim, 'ready', not_pid=pid)
        wanted.append(client.user(firstname='After')['uuid'])
        wait_for(lambda: follower.uuids() == wanted, 20, message=lambda: f'{follower.lines} {wanted}')
    finally:
        follower.close()


# ---- nobody waits ----


def latencies(client, user, n):
    found = []
    for i in range(n):
        begin = time.monotonic()
        client.change(user, {'lastname': str(i)})
        found.append(time.monotonic() - begin)
    return sorted(found)


def test_requests_do_not_notice(connected, broker):
    """Coarse here; tests/bench measures it. No request is slow, with RabbitMQ or without, or while it comes back."""
    client = Client(connected.port, connected.token)
    user = f'/users/{client.user()["id"]}'
    there = latencies(client, user, 60)
    broker.stop()
    try:
        wait_publisher(connected, state='backoff')
        away = latencies(client, user, 60)
    finally:
        broker.start()
    back = latencies(client, user, 60)
    for found in (there, away, back):
        assert found[-1] < 10 * SLOW, f'{found[-1]} s'
    assert away[30] < 4 * there[30] + 0.5 * SLOW, (there[30], away[30])
    wait_sent(connected)


def pss(pid):
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('Pss:'))


@pytest.mark.skipif(SLOW > 1, reason='the memory of a sanitizer is no measure')
def test_memory_with_a_backlog(connected, broker):
    """It reads what it sends, and no more: a backlog costs it nothing, neither while it waits nor while it drains."""
    wait_sent(connected)
    pid, peak = connected.worker_pid('relay'), 0
    before = pss(pid)
    broker.stop()
    try:
        wait_publisher(connected, state='backoff')
        burst = Burst(connected)
        burst.insert(8000)
        burst.change()
        assert wait_publisher(connected, backlog=8002)
        peak = pss(pid)
    finally:
        broker.start()
    while outbox_size(connected):
        peak = max(peak, pss(pid))
        time.sleep(0.02)
    assert connected.worker_pid('relay') == pid
    assert peak < before + 2048 and peak < 10240, f'{before} KiB before, {peak} KiB at most'


def test_an_idle_relay_sleeps(alone):
    """Nothing is owed, and nobody asks."""
    pid = alone.worker_pid('relay')

    def switches():
        return int(proc_status(pid)['voluntary_ctxt_switches'])

    def sleeps():
        before = switches()
        time.sleep(1.2)
        return switches() - before <= 5  # a ping may come, and the database be closed
    wait_for(sleeps)

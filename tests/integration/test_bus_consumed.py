# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of others: taken from RabbitMQ, handed to the plugin that subscribed, acknowledged when it has committed; and what
becomes of those that it cannot take, or does not survive."""
import contextlib
import json
import re
import time

import pika
import pytest

from burst import relay_status
from harness import PATIENT, SLOW, Service, manifest, proc_status, wait_for

EXCHANGE = 'consumed'
RELAY = '  relay: {kind: relay, requires: [migrate]}'
CONFIG = 'enabled_plugins: {crashdummy: true}\noutbox: {tries: 2}\n'


def consumer(service):
    return relay_status(service).get('consumer') or {}


def wait_consumer(service, seconds=20, **wanted):
    wait_for(lambda: all(consumer(service).get(name) == value for name, value in wanted.items()), seconds,
             lambda: f'the consumer is not {wanted}: {consumer(service)}\n{service.log()[-3000:]}', every=0.02)
    return consumer(service)


class Others:
    """Another daemon: publishes events."""

    def __init__(self, broker, exchange=EXCHANGE):
        self.connection = pika.BlockingConnection(broker.parameters())
        self.channel = self.connection.channel()
        self.exchange, self.n = exchange, 0

    def publish(self, body, name='crashdummy', **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.channel.basic_publish(self.exchange, '', raw, pika.BasicProperties(headers={'name': name, **headers}))

    def say(self, what='', n=None, **more):
        """An event for crashdummy; its number, which it notes."""
        self.n += 1
        self.publish({'name': 'crashdummy', 'data': {'what': what, 'n': str(n or self.n)}, **more})
        return str(n or self.n)


@pytest.fixture(scope='module')
def service(broker):
    broker.observe(EXCHANGE)
    with Service(config=CONFIG + broker.settings(EXCHANGE), plugins=['crashdummy'], manifest=manifest(PATIENT, workers=RELAY)) as service:
        wait_consumer(service, state='ready')
        yield service


@pytest.fixture(scope='module')
def others(broker, service):
    others = Others(broker)
    yield others
    with contextlib.suppress(Exception):
        others.connection.close()


@pytest.fixture(autouse=True)
def nothing_left(service):
    yield
    wait_consumer(service, held=0)
    for row in parked(service):
        service.suite('drop', str(row['id']), '--queue', 'inbox', check=True)


def heard(service):
    with contextlib.closing(service.database()) as db:
        return [n for (n,) in db.execute('SELECT n FROM crashdummy_heard ORDER BY id')]


def wait_heard(service, *numbers, seconds=20):
    """Until these were noted, in this order, each once."""
    def of_ours():
        return [n for n in heard(service) if n in numbers]
    wait_for(lambda: len(of_ours()) >= len(numbers), seconds, lambda: f'{of_ours()} of {numbers}: {consumer(service)}\n{service.log()[-3000:]}')
    assert of_ours() == list(numbers)


def parked(service):
    return [row for row in service.suite_json('parked')['parked'] if row['queue'] == 'inbox']


def wait_parked(service, n=1, seconds=20):
    wait_for(lambda: consumer(service).get('parked') == n, seconds, lambda: f'{parked(service)}\n{service.log()[-3000:]}', every=0.05)
    return parked(service)


# ---- the queue ----


def test_queue_as_the_original_has_it(broker, service):
    status = consumer(service)
    assert re.fullmatch(r'wazo-confd\.[0-9a-f]{6}', status['queue']) and status['subscriptions'] >= 1 and status['reason'] == ''
    resource = f'rabbit_misc:r(<<"/">>, queue, <<"{status["queue"]}">>)'
    found = broker.erl(f'{{ok, Q}} = rabbit_amqqueue:lookup({resource}), {{amqqueue:is_durable(Q), amqqueue:is_auto_delete(Q)}}')
    assert found == '{false, true}'
    # The arguments of each binding but the one to the default exchange.
    arguments = broker.erl('lists:flatten(io_lib:format("~0p", [[lists:sort(element(5, B)) || '
                           f'B <- rabbit_binding:list_for_destination({resource}), element(3, B) =/= <<"{status["queue"]}">>]]))')
    assert '{<<"name">>,longstr,<<"crashdummy">>},{<<"x-match">>,longstr,<<"all">>}' in arguments.replace('\\"', '"')
    assert arguments.count('x-match') == status['subscriptions']


def test_taken_and_acknowledged(service, others):
    before = consumer(service)
    numbers = [others.say() for _ in range(50)]
    wait_heard(service, *numbers)
    after = wait_consumer(service, held=0, handled=before['handled'] + 50)
    assert after['received'] == before['received'] + 50 and after['retried'] == before['retried']
    # All acknowledged: there is nothing to be had again.
    state = others.channel.queue_declare(after['queue'], passive=True).method
    assert (state.message_count, state.consumer_count) == (0, 1)


def test_others_events_do_not_come(service, others):
    before = consumer(service)['received']
    others.publish({'name': 'somebody_elses'}, name='somebody_elses')
    wait_heard(service, others.say())
    assert consumer(service)['received'] == before + 1


def test_what_a_handler_owes_is_published(broker, service, others):
    observer = broker.observe(EXCHANGE)
    others.say('tell', 4711)
    heard_of, told = observer.take(2)
    assert heard_of.name == 'crashdummy' and told.name == 'crashdummy_told' and told.body['data'] == {'n': 4711}


# ---- what the service itself listens to ----


def test_tenants_come_and_go(service, others):
    uuid = '7c1c1b54-0000-4000-8000-00000000beef'

    def rows():
        with contextlib.closing(service.database()) as db:
            return db.execute('SELECT slug, sip_templates_generated, (SELECT COUNT(*) FROM endpoint_sip WHERE tenant_uuid = tenant.uuid) '
                              'FROM tenant WHERE uuid = ?', (uuid,)).fetchall()

    data = {'uuid': uuid, 'name': 'Fleet', 'slug': 'fleet'}
    for _ in range(2):
        others.publish({'name': 'auth_tenant_added', 'data': data}, name='auth_tenant_added')
    wait_for(lambda: rows() == [('fleet', 1, 5)], 10, rows)
    for _ in range(2):
        others.publish({'name': 'auth_tenant_deleted', 'data': {'uuid': uuid}}, name='auth_tenant_deleted')
    wait_for(lambda: rows() == [], 10, rows)
    wait_consumer(service, held=0)
    assert parked(service) == []


# ---- what a plugin cannot take ----


def test_fails_is_tried_again_and_parked(service, others):
    n, behind = others.say('fail'), others.say()
    wait_heard(service, behind)
    row, = wait_parked(service)
    assert row['plugin'] == 'crashdummy' and row['name'] == 'crashdummy' and row['tries'] == 2 and 'Input/output error' in row['error']
    assert row['payload']['data']['n'] == n
    # What it had written was rolled back.
    assert n not in heard(service)


def test_refused_is_parked_at_once(service, others):
    n = others.say('refuse')
    row, = wait_parked(service)
    assert row['tries'] == 1 and 'crashdummy refuses' in row['error'] and n not in heard(service)
    # An operator tries again: it is refused again, and stays.
    service.suite('retry', str(row['id']), '--queue', 'inbox', check=True)
    wait_for(lambda: [row['tries'] for row in parked(service)] == [2], 10, every=0.05)
    service.suite('drop', str(row['id']), '--queue', 'inbox', check=True)
    assert parked(service) == []


def test_what_kills_its_plugin_twice_is_parked(service, others):
    pid = service.worker_pid('crashdummy')
    n, behind = others.say('segv'), others.say()
    wait_heard(service, behind)
    row, = wait_parked(service)
    assert row['tries'] == 2 and 'signal' in row['error'] and n not in heard(service)
    assert service.worker_pid('crashdummy') != pid
    # Its record says what it had in its hands.
    wait_for(lambda: len([r for r in service.crash_records('crashdummy') if r['request']['method'] == 'EVENT']) == 2, 10,
             lambda: service.crash_records('crashdummy'))
    assert service.crash_records('crashdummy')[-1]['request']['route'] == 'crashdummy'


def test_killed_from_outside_is_tried_until_taken(service, others):
    n = others.say('slow', 3000)
    for _ in range(3):
        pid = service.worker_pid('crashdummy')
        wait_for(lambda: consumer(service)['waiting'].get('crashdummy', {}).get('state') == 'working', 10, every=0.02)
        service.kill('crashdummy')
        service.wait_state('crashdummy', 'ready', not_pid=pid)
    wait_heard(service, n)
    assert parked(service) == []


def test_waits_for_a_plugin_that_is_away(service, others):
    service.suite('hold', 'crashdummy', check=True)
    service.wait_state('crashdummy', 'held')
    numbers = [others.say() for _ in range(40)]
    status = wait_consumer(service, held=16)
    # No more than the prefetch: the others are with the broker.
    assert status['waiting']['crashdummy']['state'] == 'held'
    wait_for(lambda: others.channel.queue_declare(status['queue'], passive=True).method.message_count == 24)
    time.sleep(0.3)
    assert consumer(service)['held'] == 16
    service.suite('reset', 'crashdummy', check=True)
    wait_heard(service, *numbers)


@pytest.mark.parametrize('body', [b'', b'no json', b'[1, 2]', b'null', b'"text"', b'\xff\xfe{}', b'{"a": ', b'[' * 100000, b'{"a":' * 5000])
def test_what_is_no_event(service, others, body):
    rejected = consumer(service)['rejected']
    others.publish(body)
    wait_heard(service, others.say())
    assert consumer(service)['rejected'] == rejected + 1
    assert parked(service) == []


def test_garbage_is_told_once(service, others):
    def told():
        return [line for line in service.log().splitlines() if 'is rejected: ' in line]
    rejected, before = consumer(service)['rejected'], len(told())
    for _ in range(100):
        others.publish(b'more garbage')
    wait_consumer(service, rejected=rejected + 100)
    # Once a minute, which may have begun with the tests before this one, and end here.
    assert "message 'crashdummy' on queue wazo-confd." in told()[0] and len(told()) <= before + 1


@pytest.mark.parametrize('size', [262144 + 1, 100 * 1024 * 1024])
def test_too_large(service, others, size):
    rejected = consumer(service)['rejected']
    others.publish(b'{"data": "' + b'x' * (size - 12) + b'"}')
    number = others.say()
    wait_heard(service, number, seconds=60)
    assert consumer(service)['rejected'] == rejected + 1
    peak = int(proc_status(service.worker_pid('relay'))['VmHWM'].split()[0])
    assert SLOW > 1 or peak < 32 * 1024, f'{peak} KiB'


def test_as_large_as_it_may_be(service, others):
    number = others.say(padding='x' * 200000)
    wait_heard(service, number)


# ---- the connection ----


def test_cut(broker, service, others):
    queue = consumer(service)['queue']
    broker.cut_connections()
    wait_for(lambda: consumer(service)['state'] != 'ready' or relay_status(service)['publisher']['connects'] > 1, 20, every=0.02)
    wait_consumer(service, state='ready')
    again = Others(broker)
    again.n = 10000
    wait_heard(service, again.say())
    # The same name, declared again.
    assert consumer(service)['queue'] == queue
    others.connection, others.channel = again.connection, again.channel


def test_the_relay_is_killed(service, others):
    others.n += 20000
    service.kill('relay')
    wait_consumer(service, state='ready')
    wait_heard(service, others.say())


def test_a_replaced_relay_loses_none(service, others):
    others.n += 20000
    numbers = []
    service.suite('roll', 'relay', check=True)
    for _ in range(200):
        numbers.append(others.say())
        time.sleep(0.005)
    wait_for(lambda: set(numbers) <= set(heard(service)), 20, lambda: f'{set(numbers) - set(heard(service))}')


def test_a_queue_that_is_kept(broker, make_service):
    """bus.keep_queue: whatever is away meanwhile."""
    broker.observe('kept')
    text = manifest(PATIENT, workers=RELAY)
    kept = make_service(config=CONFIG + broker.settings('kept', keep_queue='1h'), plugins=['crashdummy'], manifest=text)
    queue = wait_consumer(kept, state='ready')['queue']
    others = Others(broker, 'kept')
    kept.suite('hold', 'crashdummy', check=True)
    kept.wait_state('crashdummy', 'held')
    numbers = [others.say() for _ in range(30)]
    wait_consumer(kept, held=16)
    kept.kill('relay')
    wait_consumer(kept, held=16)
    broker.cut_connections()
    wait_consumer(kept, held=16)
    others = Others(broker, 'kept')
    others.n = 100
    kept.suite('reset', 'crashdummy', check=True)
    wait_heard(kept, *numbers)
    kept.stop()
    numbers = [others.say() for _ in range(30)]
    kept.start()
    wait_heard(kept, *numbers)
    assert consumer(kept)['queue'] == queue
    others.channel.queue_delete(queue)
    others.connection.close()


# ---- on demand ----


def test_a_plugin_that_rests_is_woken(broker, make_service):
    broker.observe('resting')
    text = manifest(PATIENT, common=', on_demand: true, idle: 500ms', workers=RELAY)
    resting = make_service(config=CONFIG + broker.settings('resting'), plugins=['crashdummy'], manifest=text)
    wait_consumer(resting, state='ready')
    others = Others(broker, 'resting')
    for _ in range(2):
        resting.wait_state('crashdummy', 'resting')
        wait_heard(resting, others.say())
    # Its channel keeps nobody awake.
    resting.wait_state('crashdummy', 'resting')
    assert not resting.crash_records('crashdummy')
    others.connection.close()

# SPDX-License-Identifier: GPL-3.0-or-later
"""No event is lost, whatever ends in between: RabbitMQ, the connection, the relay. Duplicates are counted.

BUS_EVENTS and BUS_ROUNDS make the last test longer: 20000 and 20 are the figures of the design.
"""
import os
import random
import signal
import time

import pytest

from burst import *
from harness import SLOW, Service, wait_for
from proxy import Proxy

EVENTS = int(os.environ.get('BUS_EVENTS', 300))
ROUNDS = int(os.environ.get('BUS_ROUNDS', 3))
WINDOW = 64
OPEN_WINDOWS = 4  # of workers/relay/publisher.c
BEAT = 8  # bytes of a heartbeat's frame


class World:
    """A service, its exchange, and who listens there; through a proxy."""

    def __init__(self, broker, exchange, **more):
        self.broker = broker
        self.proxy = Proxy(broker.port)
        self.observer = broker.observe(exchange)
        self.service = Service(config=broker.settings(exchange, port=self.proxy.port, window=WINDOW, **more) +
                               'outbox: {keep: 1000000}\n')

    def __enter__(self):
        self.service.start()
        wait_publisher(self.service, state='ready')
        self.burst = Burst(self.service)
        wait_sent(self.service)
        self.observer.take(1)
        self.last = last_owed(self.service)
        return self

    def __exit__(self, kind, *_):
        self.service.__exit__(kind)
        self.proxy.close()
        self.observer.forget()

    def take_all(self, seconds=60):
        """Every message, once all that is owed has gone."""
        wait_sent(self.service, seconds)
        return self.observer.take_some(0.2)

    def check(self, duplicates=0):
        self.burst.check()
        return check_none_lost(self.take_all(), owed_ids(self.service, self.last), duplicates)


@pytest.fixture(scope='module')
def world(broker):
    with World(broker, 'loss') as world:
        yield world


@pytest.fixture
def fresh(world):
    """What was before is nobody's business: a relay that forgot how often its connection was cut, and an empty queue."""
    pid = world.service.worker_pid('relay')
    world.service.suite('restart', 'relay', check=True)
    world.service.wait_state('relay', 'ready', not_pid=pid)
    wait_publisher(world.service, state='ready')
    world.take_all()
    world.last, world.proxy.up, world.proxy.down = last_owed(world.service), None, None
    yield world
    world.proxy.up = world.proxy.down = None
    if world.broker.stopped:
        world.broker.start()


def test_stopped_before_a_burst(fresh):
    """Requests notice nothing, and nothing is sent twice."""
    fresh.broker.stop()
    wait_publisher(fresh.service, state='backoff')
    begin = time.monotonic()
    fresh.burst.change(100)
    assert time.monotonic() - begin < 100 * SLOW
    wait_publisher(fresh.service, backlog=100)
    fresh.broker.start()
    assert fresh.check() == 0


def test_stopped_during_a_burst(fresh):
    fresh.burst.begin(200)
    wait_for(lambda: fresh.observer.depth() > 20)
    fresh.broker.stop()
    time.sleep(0.1)
    fresh.broker.start()
    fresh.burst.end()
    fresh.check(duplicates=WINDOW)


def test_stopped_after_a_burst(fresh):
    fresh.burst.insert(500)
    fresh.burst.change()
    fresh.broker.stop()
    fresh.broker.start()
    fresh.check(duplicates=WINDOW)


def test_a_cut_in_the_middle_of_a_confirm(fresh):
    """RabbitMQ has all of it, and its word is lost: rows stay until it is heard, and all come once more."""
    fresh.proxy.down = 0
    fresh.burst.change(40)
    wait_for(lambda: fresh.observer.depth() == 40)
    time.sleep(0.1)
    assert outbox_size(fresh.service, 'event') == 40
    fresh.proxy.down = 5
    wait_for(lambda: fresh.proxy.down == 0)
    time.sleep(0.05)
    assert outbox_size(fresh.service, 'event') == 40
    fresh.proxy.down = None
    fresh.proxy.cut()
    assert fresh.check(duplicates=40) == 40
    assert publisher(fresh.service)['retried'] >= 40


def test_a_cut_in_the_middle_of_a_message(fresh):
    fresh.proxy.up = 5000
    fresh.burst.change(100)
    wait_for(lambda: fresh.proxy.up == 0)
    fresh.proxy.up = None
    fresh.proxy.cut()
    fresh.check(duplicates=WINDOW)


def test_cut_again_and_again(fresh):
    fresh.burst.insert(2000)
    fresh.burst.change()
    for _ in range(3):
        time.sleep(random.uniform(0, 0.05))
        fresh.proxy.cut()
        wait_publisher(fresh.service, state='ready')
    fresh.check(duplicates=3 * WINDOW)


# On the publisher's channel: a confirm of what was never sent; an event, which nobody has asked for there; a body without a head.
# And a frame of a channel that there is none of, and bytes that are no frame.
LIES = {'confirm': '01 0001 0000000d 003c0050 00000000000f4240 00 ce',
        'delivery': '01 0001 00000013 003c003c 0161 0000000000000001 00 0162 0163 ce',
        'body': '03 0001 00000001 7b ce',
        'channel': '01 0009 0000000d 003c0050 0000000000000001 00 ce',
        'garbage': 'ff' * 4096}


@pytest.mark.parametrize('lie', LIES)
def test_a_server_that_goes_mad(fresh, lie):
    """In the midst of a good connection: told, made anew, and nothing is lost for it."""
    fresh.burst.change(5)
    wait_sent(fresh.service)
    connects = publisher(fresh.service)['connects']
    fresh.burst.begin(20)
    fresh.proxy.say(bytes.fromhex(LIES[lie]))
    wait_publisher(fresh.service, state='ready', connects=lambda n: n > connects)
    fresh.burst.end()
    fresh.check(duplicates=WINDOW)
    assert fresh.service.worker('relay')['state'] == 'ready'


def test_closed_by_an_administrator(fresh):
    connects = publisher(fresh.service)['connects']
    fresh.burst.begin(100)
    fresh.broker.cut_connections()
    fresh.burst.end()
    fresh.check(duplicates=WINDOW)
    wait_publisher(fresh.service, connects=connects + 1)


def test_the_exchange_is_deleted(fresh):
    """The channel is closed for it; it is declared again."""
    fresh.observer.delete_exchange()
    fresh.burst.change(3)
    fresh.observer.forget()
    wait_sent(fresh.service)
    fresh.observer.declare()
    fresh.burst.change()
    wait_sent(fresh.service)
    assert fresh.observer.take_some(0.2), 'nothing comes any more'


def test_power_cut_of_the_broker(fresh):
    """What it has confirmed is on its disk: all else comes again."""
    signal.alarm((240 + fresh.broker.START_SECONDS) * SLOW)
    fresh.burst.insert(3000)
    fresh.burst.begin(50)
    wait_for(lambda: fresh.observer.depth() > 200)
    fresh.broker.kill()
    fresh.burst.end()
    fresh.broker.start()
    fresh.service.suite('restart', 'relay', check=True)  # by now it would wait for long
    fresh.check(duplicates=WINDOW)


def test_silence(broker):
    """A line that is dead without a word: no confirm comes within its time, and another connection is made."""
    with World(broker, 'silence', confirm='1500ms', connect='1500ms') as world:
        world.proxy.down = 0
        world.burst.change(10)
        wait_publisher(world.service, state=lambda state: state != 'ready')
        world.proxy.down = None
        world.check(duplicates=10 * 20)


def test_a_line_that_dies_while_it_is_idle(broker):
    """Heartbeats go both ways; when none comes any more, another connection is made, though there is nothing to publish."""
    with World(broker, 'idle', heartbeat='1s') as world:
        sent, heard = world.proxy.sent_up, world.proxy.sent_down
        wait_for(lambda: world.proxy.sent_up >= sent + 3 * BEAT and world.proxy.sent_down >= heard + BEAT, 20)
        world.proxy.up = world.proxy.down = 0
        wait_publisher(world.service, state=lambda state: state != 'ready')
        wait_for(lambda: 'no sign of life' in world.service.log())
        world.proxy.up = world.proxy.down = None
        world.burst.change(3)
        world.check(duplicates=3)


def test_the_relay_is_killed_at_random(broker):
    """kill -9 at a random moment of a burst, again and again."""
    signal.alarm(int((240 + ROUNDS * (20 + EVENTS / 500)) * SLOW))
    with World(broker, 'killed') as world:
        twice = 0
        for _ in range(ROUNDS):
            world.last = last_owed(world.service)
            world.burst.insert(EVENTS)
            world.burst.begin(20)
            for _ in range(2):
                time.sleep(random.uniform(0, min(EVENTS / 20000, 1)))
                pid = world.service.worker_pid('relay')
                if pid:
                    os.kill(pid, signal.SIGKILL)
                world.service.wait_state('relay', 'ready', not_pid=pid)
            world.burst.end()
            # Of each kill what was on its way, and what was confirmed and not removed yet, since the burst locks the database.
            twice += world.check(duplicates=2 * OPEN_WINDOWS * WINDOW)
        print(f'{ROUNDS} rounds of {EVENTS} events: none lost, {twice} twice')

# SPDX-License-Identifier: GPL-3.0-or-later
"""No event is lost, whatever ends in between: RabbitMQ, the connection, the relay. Duplicates are counted.

BUS_EVENTS and BUS_ROUNDS make the last test longer: 20000 and 20 are the figures of the design.
"""
import os
import random
import time

import pytest

from burst import *
from harness import SLOW, Service, wait_for
from proxy import Proxy

EVENTS = int(os.environ.get('BUS_EVENTS', 300))
ROUNDS = int(os.environ.get('BUS_ROUNDS', 3))
WINDOW = 64


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
    assert time.monotonic() - begin < 10 * SLOW
    assert publisher(fresh.service)['backlog'] == 100
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
    with World(broker, 'silence', confirm='500ms', connect='500ms') as world:
        world.proxy.down = 0
        world.burst.change(10)
        wait_publisher(world.service, state=lambda state: state != 'ready')
        world.proxy.down = None
        world.check(duplicates=10 * 20)


def test_the_relay_is_killed_at_random(broker):
    """kill -9 at a random moment of a burst, again and again."""
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
                    world.service.kill('relay')
                world.service.wait_state('relay', 'ready', not_pid=pid)
            world.burst.end()
            twice += world.check(duplicates=2 * WINDOW)
        print(f'{ROUNDS} rounds of {EVENTS} events: none lost, {twice} twice')

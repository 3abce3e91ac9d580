# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own broker does what the other tests of the bus rely on."""
import ssl
import time

import pika
import pytest

import rabbitmq
from proxy import Proxy
from rest import SLOW

HEADERS = {'name': 'test_event'}


def publish(broker, exchange, *bodies, port=None):
    """With confirms: it has them, or it refuses, or it raises."""
    parameters = broker.parameters()
    parameters.port = port or parameters.port
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        for body in bodies:
            channel.basic_publish(exchange, 'a.key', body, pika.BasicProperties(headers=HEADERS, delivery_mode=2))
    finally:
        if connection.is_open:
            connection.close()


def test_observer(broker):
    observer = broker.observe('observed')
    publish(broker, 'observed', b'{"n": 1}', b'{"n": 2}', b'no JSON')
    first, second, third = observer.take(3, more=0.1)
    assert (first.name, first.routing_key, first.body, second.body, third.body, third.raw) == \
        ('test_event', 'a.key', {'n': 1}, {'n': 2}, None, b'no JSON')
    assert observer.depth() == 0


def test_stop_keeps(broker):
    observer = broker.observe('kept')
    publish(broker, 'kept', b'{"n": 1}')
    broker.stop()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        publish(broker, 'kept', b'{}')
    broker.start()
    publish(broker, 'kept', b'{"n": 2}')
    assert [message.body['n'] for message in observer.take(2)] == [1, 2]


def test_overflow(broker):
    broker.observe('full', arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
    publish(broker, 'full', b'1')
    with pytest.raises(pika.exceptions.NackError):
        publish(broker, 'full', b'2')


def test_alarm(broker):
    parameters = broker.parameters()
    parameters.blocked_connection_timeout = 0.5
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    broker.alarm()
    try:
        channel.basic_publish('amq.headers', '', b'x')
        with pytest.raises(pika.exceptions.ConnectionBlockedTimeout):
            connection.sleep(60 * SLOW)
    finally:
        broker.alarm(False)
    publish(broker, 'amq.headers', b'x')


def test_connections_are_cut(broker):
    connection = pika.BlockingConnection(broker.parameters())
    broker.cut_connections()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker):
        connection.sleep(60 * SLOW)


def test_tls(broker):
    parameters = broker.parameters()
    parameters.port = broker.tls_port
    parameters.ssl_options = pika.SSLOptions(ssl.create_default_context(cafile=broker.path('ca.crt')), 'localhost')
    pika.BlockingConnection(parameters).close()


def test_wrong_password(broker):
    parameters = broker.parameters()
    parameters.credentials = pika.PlainCredentials(rabbitmq.USER, 'wrong')
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(parameters)


def test_proxy(broker):
    """What it holds back has not happened for the one, and has for the other."""
    observer = broker.observe('proxied')
    with Proxy(broker.port) as proxy:
        publish(broker, 'proxied', b'{"n": 1}', port=proxy.port)
        parameters = broker.parameters()
        parameters.port = proxy.port
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        proxy.down = 0
        channel.basic_publish('proxied', '', b'{"n": 2}')
        assert [message.body['n'] for message in observer.take(2)] == [1, 2]
        proxy.cut()
        begin = time.monotonic()
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            connection.sleep(60 * SLOW)
        assert time.monotonic() - begin < 50 * SLOW

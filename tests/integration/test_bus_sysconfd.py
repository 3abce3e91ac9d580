# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to sysconfd: in order, one at a time, as often as it takes, and never the client's business."""
import time

import pytest

from burst import relay_status, wait_sent
from harness import SLOW, Service, wait_for
from owed import Sysconfd
from proxy import Impostor, Proxy
from rest import Client


@pytest.fixture
def sysconfd():
    sysconfd = Sysconfd()
    yield sysconfd
    sysconfd.close()


def settings(port, **more):
    pairs = ''.join(f', {name}: {value}' for name, value in more.items())
    return f'sysconfd: {{host: 127.0.0.1, port: {port}{pairs}}}\noutbox: {{tries: 3}}\n'


def part(service):
    return relay_status(service).get('sysconfd') or {}


def test_in_order(sysconfd):
    with Service(config=settings(sysconfd.port)) as service:
        client = Client(service.port, service.token)
        sysconfd.delay = 0.02
        context = client.context()
        for i in range(5):
            box = client.voicemail(context, str(1000 + i))
            client.remove(f'/voicemails/{box["id"]}')
        wait_sent(service)
        deleted = [query['mailbox'] for method, path, query, body in sysconfd.requests if path == '/delete_voicemail']
        assert deleted == [str(1000 + i) for i in range(5)]
        assert [request[1] for request in sysconfd.requests] == \
            ['/exec_request_handlers'] * 2 + ['/exec_request_handlers', '/delete_voicemail', '/exec_request_handlers'] * 4 + \
            ['/exec_request_handlers', '/delete_voicemail']
        assert (part(service)['state'], part(service)['sent'], part(service)['backlog']) == ('ready', len(sysconfd.requests), 0)


def test_tried_again_then_parked(sysconfd):
    """500 is tried again; what is refused every time is parked, and the next ones have their turn."""
    with Service(config=settings(sysconfd.port)) as service:
        client = Client(service.port, service.token)
        sysconfd.status = [500, 500]
        client.context()
        wait_for(lambda: sysconfd.requests, 20)
        assert part(service)['retried'] == 2 and part(service)['parked'] == 0
        sysconfd.status = [500, 503, 400]
        client.context()
        client.context()
        wait_for(lambda: len(sysconfd.requests) == 2, 30)
        wait_sent(service)
        wait_for(lambda: part(service)['parked'] == 1)
        row, = service.suite_json('parked')['parked']
        assert (row['kind'], row['name'], row['headers']['method'], row['tries']) == ('sysconfd', '/exec_request_handlers', 'POST', 3)
        assert '400' in row['error']
        service.suite('retry', str(row['id']), check=True)
        wait_for(lambda: len(sysconfd.requests) == 3, 20)


@pytest.mark.parametrize('how', ('refused', 'silent', 'garbage'))
def test_away(how, sysconfd):
    """However long: nothing is parked for it, no request waits for it, and all comes in the end."""
    other = Impostor(b'SSH-2.0-nothing\r\n') if how == 'garbage' else Impostor(None, keep=True) if how == 'silent' else Proxy(1)
    try:
        with Service(config=settings(other.port, timeout='500ms')) as service:
            client, begin = Client(service.port, service.token), time.monotonic()
            for _ in range(5):
                client.context()
            assert time.monotonic() - begin < 30 * SLOW
            wait_for(lambda: part(service).get('state') == 'backoff', 20)
            assert part(service)['reason'] and part(service)['backlog'] == 5 and part(service)['parked'] == 0
            assert service.get('/status').json['sysconfd']['status'] == 'fail'
            service.config(settings(sysconfd.port))
            service.suite('reload', check=True)
            wait_for(lambda: len(sysconfd.requests) == 5, 20)
            wait_sent(service)
            assert part(service)['parked'] == 0
    finally:
        other.close()


def test_the_relay_is_killed(sysconfd):
    """At least once, and none is lost."""
    with Service(config=settings(sysconfd.port)) as service:
        client = Client(service.port, service.token)
        sysconfd.delay = 0.05
        context = client.context()
        boxes = [client.voicemail(context, str(2000 + i)) for i in range(8)]
        for box in boxes:
            client.remove(f'/voicemails/{box["id"]}')
        pid = service.kill('relay')
        service.wait_state('relay', 'ready', not_pid=pid)
        wait_sent(service, 60)
        deleted = [query['mailbox'] for method, path, query, body in sysconfd.requests if path == '/delete_voicemail']
        assert list(dict.fromkeys(deleted)) == [str(2000 + i) for i in range(8)]
        assert len(deleted) <= 9


def test_none_configured():
    """Then nothing is owed to it."""
    with Service() as service:
        Client(service.port, service.token).context()
        wait_sent(service)
        assert (part(service)['state'], part(service)['parked']) == ('off', 0)

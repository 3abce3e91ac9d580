# SPDX-License-Identifier: GPL-3.0-or-later
"""/metrics, as Prometheus reads it: the gateway's own part, and control's."""

import http.client
import re

import pytest

from harness import Service, manifest
from rest import *

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
SAMPLE = re.compile(r'(%s)(?:\{((?:%s="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+|NaN|[+-]Inf)' % (NAME, NAME))
LABEL = re.compile(r'(%s)="((?:[^"\\]|\\.)*)"' % NAME)


class Metrics:
    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, {}
        assert text.endswith('\n')
        family = None
        for line in text.splitlines():
            if line.startswith('# '):
                what, name, rest = line[2:].split(' ', 2)
                table = {'HELP': self.helps, 'TYPE': self.types}[what]
                assert name not in table, 'twice: ' + line
                table[name] = rest
                family = name
                continue
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            base = re.sub('_(bucket|sum|count)$', '', name) if self.types.get(family) in ('histogram', 'summary') else name
            assert base == family, 'samples of a family stand together: ' + line
            key = (name, tuple(sorted(LABEL.findall(labels or ''))))
            assert key not in self.samples, 'twice: ' + line
            self.samples[key] = float(value)
        assert set(self.types) == set(self.helps)
        assert set(self.types.values()) <= {'counter', 'gauge', 'histogram'}

    def get(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def sum(self, name, **labels):
        return sum(value for (n, have), value in self.samples.items() if n == name and labels.items() <= dict(have).items())

    def labels(self, name, label):
        return {dict(have)[label] for n, have in self.samples if n == name}


def fetch(port, path='/metrics', headers=None):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20 * SLOW)
    connection.request('GET', path, headers=headers or {})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response, body


def read(service):
    response, body = fetch(service.port)
    assert response.status == 200
    assert response.headers['Content-Type'] == 'text/plain; version=0.0.4; charset=utf-8'
    return Metrics(body)


def test_counters_move(service, admin):
    before = read(service)
    for _ in range(5):
        admin.get('/infos')
    for _ in range(3):
        admin.get('/users/99999')
    for _ in range(2):
        admin.get('/nothing')
    admin.user()
    after = read(service)

    def moved(**labels):
        return after.sum('wazo_gateway_requests_total', **labels) - before.sum('wazo_gateway_requests_total', **labels)
    assert moved(plugin='info', route='/infos', method='GET', status='2xx') == 5
    assert moved(plugin='user', route='/users/{user_id}', method='GET', status='4xx') == 3
    assert moved(plugin='user', route='/users', method='POST', status='2xx') == 1
    assert moved(plugin='', status='4xx') == 2
    # 11, and the first look itself.
    assert moved() == after.get('wazo_gateway_request_seconds_count') - before.get('wazo_gateway_request_seconds_count') == 12
    assert after.get('wazo_gateway_connections_accepted_total') - before.get('wazo_gateway_connections_accepted_total') == 12
    assert after.get('wazo_gateway_request_seconds_sum') > before.get('wazo_gateway_request_seconds_sum')


def test_names(service):
    """Counters are called so; nothing is without a type; an id is no label."""
    metrics = read(service)
    for (name, labels), value in metrics.samples.items():
        family = re.sub('_(bucket|sum|count)$', '', name)
        kind = metrics.types.get(name) or metrics.types[family]
        assert name.startswith(('wazo_gateway_', 'wazo_suite_'))
        assert (kind == 'counter') == name.endswith('_total'), name
        assert value >= 0 or kind == 'gauge'
        assert not any(UUID.search(v) for _, v in labels) or name.endswith('_info')


def test_histograms(service, admin):
    """Each bucket holds those before it; the last is the count."""
    admin.get('/infos')
    metrics = read(service)
    for family, kind in metrics.types.items():
        if kind != 'histogram':
            continue
        buckets = sorted((float(dict(labels)['le']), value) for (name, labels), value in metrics.samples.items() if name == family +
                         '_bucket')
        assert buckets[-1][0] == float('inf') and len(buckets) > 3
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1][1] == metrics.get(family + '_count')


def test_malformed(service):
    before = read(service).get('wazo_gateway_requests_malformed_total')
    raw(service, b'GET /1.1/infos HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n')
    assert read(service).get('wazo_gateway_requests_malformed_total') == before + 1


def test_workers(service):
    """Of each slot its one state, as status says it."""
    metrics, status = read(service), service.status()
    names = {w['name'] for w in status['workers']}
    assert metrics.labels('wazo_suite_worker_state', 'worker') == names
    assert metrics.sum('wazo_suite_service_ready') == 1 and metrics.sum('wazo_suite_service_degraded') == 0
    assert metrics.sum('wazo_suite_service_info') == 1
    for worker in status['workers']:
        states = {dict(labels)['state']: value for (name, labels), value in metrics.samples.items()
                  if name == 'wazo_suite_worker_state' and dict(labels)['worker'] == worker['name']}
        assert {state for state, value in states.items() if value == 1} == {worker['state']}, worker
    assert metrics.labels('wazo_gateway_queue_length',
                          'plugin') - {'control', 'relay'} == {w['plugin'] for w in status['workers'] if w['kind'] == 'plugin'}


def test_who_may_read(admin):
    """Who asks on this host; through a proxy with the right only."""
    assert fetch(admin.port)[0].status == 200
    for header in ('X-Forwarded-For', 'X-Forwarded-Proto', 'X-Script-Name'):
        proxied = {header: {'X-Forwarded-Proto': 'https', 'X-Script-Name': '/api/confd'}.get(header, '192.0.2.1')}
        assert fetch(admin.port, headers=proxied)[0].status == 401
        assert fetch(admin.port, headers={**proxied, 'X-Auth-Token': ADMIN})[0].status == 200
        assert fetch(admin.port, headers={**proxied, 'X-Auth-Token': SELF})[0].status == 401
    response, _ = fetch(admin.port, '/1.1/metrics')
    assert (response.status, response.headers['Content-Type']) == (404, 'text/html; charset=utf-8')




def test_no_secret(service):
    """No token and no password is in it."""
    _, body = fetch(service.port)
    assert not any(token in body for token in (ADMIN, CHILD_TOKEN, service.read('state/tokens.yml')[:40]))


def test_without_control():
    """The gateway's own part is there, at once."""
    service = Service(manifest=manifest().replace('  control: {kind: control}\n', ''))
    with service:
        assert 'wazo_suite_' not in fetch(service.port)[1]
        wait_for(lambda: read(service).get('wazo_gateway_connections') == 1)
        assert read(service).sum('wazo_gateway_requests_total', route='/metrics') >= 1

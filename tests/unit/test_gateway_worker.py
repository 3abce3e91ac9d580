# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-gateway over real sockets, with this test as its supervisor and its workers."""

import json
import os
import re
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from gateway_harness import (ALWAYS, CHILD, DRAIN, GRANDCHILD, INFLIGHT, KIND_CONTROL, KIND_RELAY, MASTER, SECRET, STALLED, STRANGER, USER,
                             PATIENCE, WANT, Gateway, call, connect, echo, pack, raw, read_answer, reply, sealed)


@pytest.fixture
def make():
    made = []

    def start(**settings):
        made.append(Gateway(**settings))
        return made[-1]

    yield start
    for gateway in made:
        assert gateway.stop() in (0, None)


@pytest.fixture
def gateway(make):
    g = make()
    g.introduce(1, 'user')
    g.introduce(2, 'context')
    g.introduce(3, 'wizard')
    return g


# --- conventions ---

def test_answer_of_a_worker(gateway):
    a = call(gateway, 'GET', '/1.1/users/7?search=J%C3%A9r%C3%B4me+B&limit=5&empty')
    assert a.status == 200
    assert a.headers['Content-Type'] == 'application/json'
    assert a.headers['Access-Control-Allow-Origin'] == '*'
    assert re.fullmatch('[0-9a-f]{32}', a.headers['X-Request-Id'])
    assert a.headers['Server']
    seen = a.json()
    assert seen['path'] == '/users/7'
    assert seen['params'] == [['user_id', '7']]
    assert seen['query'] == [['search', 'Jérôme B'], ['limit', '5'], ['empty', '']]
    assert seen['base_url'] == 'http://pbx.example:9486/1.1'
    assert seen['tenant'] == MASTER and set(seen['tenants']) == {MASTER, CHILD, GRANDCHILD, STRANGER}


def test_head_is_get_without_a_body(gateway):
    get, head = call(gateway, 'GET', '/1.1/users'), call(gateway, 'HEAD', '/1.1/users')
    assert head.status == 200 and abs(int(head.headers['Content-Length']) - len(get.body)) <= 2
    for path in ('/1.1/status', '/1.1/api/api.yml', '/metrics'):
        assert call(gateway, 'HEAD', path).status == 200


def test_no_such_url(gateway):
    for path in ('/1.1/nope', '/1.1/users/', '/1.1/users/abc', '/1.1/users/-1', '/users', '/', '/1.1', '/1.1/users%2F7',
                 '/1.1/contexts/a%00b', '/1.1/contexts/%ff', '/1.1//users', '/1.1/users/7/lines/x', '/1.1/users/' + '1' * 21,
                 '/1.1' + '/a' * 40):
        a = call(gateway, 'GET', path, auth=None)
        assert a.status == 404, path
        assert a.headers['Content-Type'] == 'text/html; charset=utf-8'
        assert b'<title>404 Not Found</title>' in a.body


def test_huge_numbers_are_routed(gateway):
    assert call(gateway, 'GET', '/1.1/users/' + '9' * 20).status == 200


def test_double_slash(gateway):
    a = call(gateway, 'GET', '//1.1/users')
    assert a.status == 400 and a.headers['Content-Type'].startswith('text/plain')


def test_wrong_method(gateway):
    a = call(gateway, 'PATCH', '/1.1/users', auth=None)
    assert a.status == 405
    assert a.json() == {'message': 'The method is not allowed for the requested URL.'}
    assert a.headers['Allow'] == 'GET, HEAD, OPTIONS, POST'
    assert call(gateway, 'BREW', '/1.1/users', auth=None).status == 405
    assert call(gateway, 'GET', '/1.1/users/7/lines/3', auth=None).headers['Allow'] == 'OPTIONS, PUT'


def test_tokens(gateway):
    assert call(gateway, 'GET', '/1.1/users', auth=None).body == b'["(\'\', \'confd.users.read\')"]\n'
    assert call(gateway, 'GET', '/1.1/users', auth='nope').json() == ["('nope', 'confd.users.read')"]
    assert call(gateway, 'GET', '/1.1/users', auth='old').status == 401
    assert call(gateway, 'GET', '/1.1/users', auth='me').json() == ["('me', 'confd.users.read', None)"]
    assert call(gateway, 'GET', '/1.1/users/%s' % USER, auth='me').status == 200
    assert call(gateway, 'GET', '/1.1/contexts/a.b', auth='users').json() == ["('users', 'confd.contexts.a_b.read', None)"]
    assert call(gateway, 'PUT', '/1.1/users/1/lines/2', auth='not-lines').status == 401
    assert call(gateway, 'GET', '/1.1/users?token=all', auth=None).status == 401
    assert call(gateway, 'GET', '/1.1/users', auth="it's").json() == ['("it\'s", \'confd.users.read\')']
    assert call(gateway, 'GET', '/1.1/wizard', auth=None).status == 200


def test_tenants(gateway):
    def seen(tenant, auth='all'):
        return call(gateway, 'GET', '/1.1/users', auth=auth, headers={'Wazo-Tenant': tenant})

    assert seen(CHILD).json()['tenant'] == CHILD
    assert set(seen(CHILD).json()['tenants']) == {CHILD, GRANDCHILD}
    assert seen(CHILD.upper()).json()['tenant'] == CHILD
    assert seen('').json()['tenant'] == MASTER
    assert seen(GRANDCHILD, 'child').json()['tenant'] == GRANDCHILD
    for bad in (MASTER, STRANGER, 'nonsense'):
        a = seen(bad, 'child')
        assert a.status == 401 and a.json() == ["('child', 'confd.users.read', '%s')" % bad]
    assert call(gateway, 'GET', '/1.1/live').status == 200
    a = call(gateway, 'GET', '/1.1/live', auth='child')
    assert a.status == 401 and a.json() == ['child']


def test_links(gateway):
    headers = {'X-Forwarded-Proto': 'https', 'X-Script-Name': '/api/confd', 'X-Forwarded-Host': 'evil.example'}
    assert call(gateway, 'GET', '/1.1/users', headers=headers).json()['base_url'] == 'https://pbx.example:9486/api/confd/1.1'
    assert raw(gateway, b'GET http://other/1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n').json()['base_url'] == \
        'http://other/1.1'
    assert raw(gateway, b'GET /1.1/users HTTP/1.0\r\nX-Auth-Token: all\r\n\r\n').json()['base_url'] == \
        'http://127.0.0.1:%d/1.1' % gateway.port
    assert raw(gateway, b'GET /1.1/users HTTP/1.1\r\nHost: a"b\r\nX-Auth-Token: all\r\n\r\n').status == 400


def test_cors(gateway):
    a = call(gateway, 'GET', '/1.1/nope', headers={'Origin': 'https://a.example'})
    assert a.headers['Access-Control-Allow-Origin'] == 'https://a.example' and a.headers['Vary'] == 'Origin'
    a = call(gateway, 'OPTIONS', '/1.1/users', auth=None, headers={
        'Origin': 'https://a.example', 'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type, X-Evil, X-AUTH-token'})
    assert a.status == 200 and a.body == b''
    assert a.headers['Access-Control-Allow-Methods'] == 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'
    assert a.headers['Access-Control-Allow-Headers'] == 'content-type, X-AUTH-token'
    assert 'Access-Control-Allow-Methods' not in call(gateway, 'OPTIONS', '/1.1/users', auth=None).headers


def test_replies(make):
    g = make()
    big = os.urandom(1 << 20)

    def answer(worker, request):
        if request.path == '/users/1':
            worker.send(request, reply(201, b'{}', location=request.base_url + '/users/1'))
        elif request.path == '/users/2':
            worker.send(request, reply(204))
        elif request.path == '/users/3':
            worker.send_fd(request, reply(200, content_type='application/octet-stream', fd=True), sealed(big))
        else:
            worker.send(request, reply(503, b'["locked"]', retry_after=7))

    g.introduce(1, 'user', answer)
    assert call(g, 'GET', '/1.1/users/1').headers['Location'] == 'http://pbx.example:9486/1.1/users/1'
    a = call(g, 'DELETE', '/1.1/users/2')
    assert a.status == 204 and a.headers['Content-Type'] == 'application/json'
    a = call(g, 'GET', '/1.1/users/3')
    assert a.body == big and a.headers['Content-Type'] == 'application/octet-stream'
    assert call(g, 'GET', '/1.1/users/4').headers['Retry-After'] == '7'


# --- the gateway's own resources ---

def test_status(gateway):
    a = call(gateway, 'GET', '/1.1/status')
    assert a.json() == {'master_tenant': {'status': 'ok'}, 'service_token': {'status': 'ok'}, 'bus_consumer': {'status': 'fail'},
                        'rest_api': {'status': 'ok'}}
    assert call(gateway, 'GET', '/1.1/status', auth='users').status == 401


def test_status_of_the_relay(gateway):
    """Its own words, behind those that wazo-confd has; and silence is told as such."""
    parts = {'publisher': {'state': 'ready', 'reason': '', 'since': '2026-01-02T03:04:05.678Z', 'broker': 'localhost:5672',
                           'backlog': 3, 'oldest_age_ms': 7, 'confirmed': 5, 'retried': 1, 'parked': 0},
             'consumer': {'state': 'ready'}, 'sysconfd': {'state': 'backoff', 'reason': 'refused', 'sent': 1}}

    def status():
        a = call(gateway, 'GET', '/1.1/status').json()
        return a['bus_consumer'], a['bus_publisher'], a['sysconfd']

    relay = gateway.introduce(8, 'relay', lambda w, r: w.send(r, reply(body=json.dumps(parts).encode())), kind=KIND_RELAY)
    wanted = {name: value for name, value in parts['publisher'].items() if name != 'broker'}
    assert status() == ({'status': 'ok'}, {'status': 'ok', **wanted},
                        {'status': 'fail', 'state': 'backoff', 'reason': 'refused', 'sent': 1})
    parts['consumer'] = {'state': 'off'}
    assert status()[0] == {'status': 'ok'}
    parts['publisher'] = {'state': 'backoff', 'reason': 'localhost:5672: Connection refused'}
    assert status()[:2] == ({'status': 'fail'}, {'status': 'fail', 'state': 'backoff', 'reason': 'localhost:5672: Connection refused'})
    parts['publisher'] = {'state': 'off'}
    assert status()[:2] == ({'status': 'fail'}, {'status': 'ok', 'state': 'off'})

    unknown = ({'status': 'fail'}, *[{'status': 'fail', 'reason': 'the relay does not answer'}] * 2)
    for nonsense in (b'', b'[]', b'{'):
        relay.answer = lambda w, r: w.send(r, reply(body=nonsense))
        assert status() == unknown
    relay.answer = lambda w, r: w.send(r, reply(503, b'{"message": "the database is away"}'))
    assert status() == unknown
    relay.answer = lambda w, r: None
    begin = time.monotonic()
    assert status() == unknown and 0.9 < time.monotonic() - begin < 20
    assert status() == unknown  # it still owes the first answer
    relay.die()
    assert status() == unknown


def test_openapi(gateway):
    a = call(gateway, 'GET', '/1.1/api/api.yml', auth=None)
    assert a.status == 200 and a.headers['Content-Type'] == 'application/x-yaml'
    text = a.body.decode()
    assert '  /users:\n' in text and 'summary: "List: users"' in text and '  /contexts:\n' in text and 'summary: "yes"' in text
    assert 'swagger: "2.0"' in text and text.endswith('schemes:\n- http\nbasePath: /1.1\n')
    text = call(gateway, 'GET', '/1.1/api/api.yml', auth=None, headers={'X-Script-Name': '/api/confd'}).body.decode()
    assert text.endswith('schemes:\n- https\nbasePath: /api/confd/1.1\n')
    try:
        import yaml
    except ImportError:
        return
    assert yaml.safe_load(text)['paths']['/contexts']['get']['summary'] == 'yes'


def test_metrics(gateway):
    call(gateway, 'GET', '/1.1/users/7')
    a = call(gateway, 'GET', '/metrics', auth=None)
    assert a.status == 200 and a.headers['Content-Type'].startswith('text/plain')
    assert 'wazo_gateway_requests_total{plugin="user",route="/users/{user_id}",method="GET",status="2xx"} 1\n' in a.body.decode()
    assert call(gateway, 'GET', '/metrics', auth=None, headers={'X-Forwarded-For': '10.0.0.1'}).status == 401
    assert call(gateway, 'GET', '/metrics', headers={'X-Forwarded-For': '10.0.0.1'}).status == 200
    control = gateway.introduce(9, 'control', lambda w, r: w.send(r, reply(body=b'wazo_control 1\n')), kind=KIND_CONTROL)
    assert call(gateway, 'GET', '/metrics', auth=None).body.decode().endswith('wazo_control 1\n')
    assert (control.requests[0].operation, control.requests[0].path) == (0, '/metrics')
    control.answer = None
    start = time.monotonic()
    assert b'wazo_gateway_connections' in call(gateway, 'GET', '/metrics', auth=None).body
    assert time.monotonic() - start < 20


def test_a_stolen_route_is_reported(gateway):
    assert "plugin 'thief'" in gateway.text() and 'belongs to user already' in gateway.text()
    assert call(gateway, 'GET', '/1.1/users', auth=None).status == 401


def test_a_plugin_that_cannot_run(gateway):
    a = call(gateway, 'GET', '/1.1/broken')
    assert a.status == 503 and a.headers['Retry-After'] == '30'
    assert a.json() == ["Service Unavailable - plugin 'broken' is failed: there is no broken.so"]
    assert call(gateway, 'GET', '/1.1/broken', auth=None).status == 401


# --- the log ---

def test_log_lines(gateway):
    call(gateway, 'POST', '/1.1/users', body=json.dumps({'firstname': 'Zoë', 'password': SECRET}).encode(), headers={
        'Content-Type': 'application/json', 'Authorization': 'Basic c2VjcmV0', 'X-Forwarded-For': '10.1.2.3, 10.9.9.9',
        'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'})
    call(gateway, 'GET', '/1.1/users?search=a%0Ab&token=all', auth='0123abcd-4567-89ab-cdef-0123456789ab')
    lines = gateway.request_lines(4)
    prefix = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} UTC \[pid \d+\] \[tid \d+\] \(INFO\) \(wazo_confd\): '
    assert re.fullmatch(prefix + r"request: POST http://pbx\.example:9486/1\.1/users \{.*'Authorization': 'Basic <hidden>'.*\} with data "
                        r'\{.*"password": "<hidden>".*\} \[span_id=[0-9a-f]{16} parent_id=b7ad6b7169203331 '
                        r'trace_id=0af7651916cd43dd8448eb211c80319c\]', lines[0]), lines[0]
    assert re.fullmatch(prefix + r'response to 10\.9\.9\.9 in \d+\.\d\ds: POST http://pbx\.example:9486/1\.1/users 200 \[span_id=.*\]',
                        lines[1]), lines[1]
    assert 'search=a\\x0ab&token=<hidden> {' in lines[2] and "'X-Auth-Token': 'XXXXXXXX-XXXX-XXXX-XXXX-XXXX456789ab'" in lines[2]
    assert SECRET not in gateway.text() and 'c2VjcmV0' not in gateway.text() and '0123abcd' not in gateway.text()


def test_a_body_that_is_no_json_is_not_logged(gateway):
    call(gateway, 'POST', '/1.1/users', body=b'{"password": "%s"' % SECRET.encode(), headers={'Content-Type': 'application/json'})
    assert 'with data <' in gateway.request_lines(2)[0] and SECRET not in gateway.text()


# --- messages of doubtful meaning ---

@pytest.mark.parametrize('head', [
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n',
    'POST /1.1/users HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n',
    'POST /1.1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n',
    'GET /1.1/users HTTP/1.1\r\nHost: x\r\nHost: y\r\n',
    'GET /1.1/users HTTP/1.1\r\n',
    'GET /1.1/users HTTP/1.1\r\nHost: x\r\nAccept: a\x01b\r\n',
    'GET 1.1/users HTTP/1.1\r\nHost: x\r\n',
])
def test_smuggling_is_refused(gateway, head):
    with connect(gateway) as s:
        s.sendall((head + 'X-Auth-Token: all\r\n\r\nabcGET /1.1/users/7 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n').encode('latin-1'))
        try:
            a = read_answer(s)
            assert a is None or a.status in (400, 413, 505), a.status
            assert read_answer(s) is None
        except ConnectionResetError:
            pass
    assert not gateway.workers[0].requests


def test_nul_bytes(make, gateway):
    impatient = make(limits={'header_seconds': 1})
    for data in (b'GET /1.1/us\0ers HTTP/1.1\r\nHost: x\r\n\r\n', b'GET /1.1/users HTTP/1.1\r\nHo\0st: x\r\n\r\n',
                 b'\0\0\0\0\r\n\r\n', b'GET /1.1/users\0/7 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n'):
        a = raw(impatient, data)
        assert a is None or a.status in (400, 401, 404, 408), data
    assert call(gateway, 'GET', '/1.1/users?search=a%00b').json() == [
        'The browser (or proxy) sent a request that this server could not understand.']
    assert call(gateway, 'GET', '/1.1/users?search=%ff').status == 400
    assert call(gateway, 'GET', '/1.1/users?' + '&'.join('a%d=1' % i for i in range(65))).status == 400


def test_garbage(gateway):
    for data in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc' + os.urandom(300) + b'\r\n\r\n', os.urandom(5000) + b'\r\n\r\n',
                 b'GET\r\n\r\n', b'GET /1.1/users\r\n\r\n', b'GET /1.1/users HTTP/9.9\r\nHost: x\r\n\r\n', b'\r\n' * 2000):
        with connect(gateway) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                read_answer(s)
            except (OSError, ValueError, IndexError):
                pass
    assert call(gateway, 'GET', '/1.1/users').status == 200


def test_huge_headers(gateway):
    a = raw(gateway, b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 70000 + b'\r\n\r\n')
    assert a is None or a.status == 431
    a = raw(gateway, b'GET /1.1/users?' + b'a' * 70000 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    assert a is None or a.status in (414, 431)
    a = call(gateway, 'GET', '/1.1/users?search=' + 'a' * 12000)
    assert a.status == 200 and len(a.json()['query'][0][1]) == 12000


def test_bad_utf8_in_headers(gateway):
    with connect(gateway) as s:
        s.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: \xff\xfe\r\n\r\n')
        assert read_answer(s).status == 401
    with connect(gateway) as s:
        s.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nAccept: \xff\r\n\r\n')
        assert read_answer(s).status == 400


# --- bodies ---

def test_bodies(gateway):
    for size in (1, 6144, 6145, 8192, 65536, 1 << 20, 40 << 20):
        with connect(gateway) as s:
            a = call(gateway, 'POST', '/1.1/users', body=b'x' * size, s=s)
            assert a.status == 200 and a.json()['body'] == size
            assert call(gateway, 'GET', '/1.1/users', s=s).status == 200
    gateway.workers[0].requests.clear()


def test_too_large_bodies(gateway):
    with connect(gateway) as s:
        assert call(gateway, 'POST', '/1.1/users', body=b'x' * ((40 << 20) + 1), s=s).status == 413
    assert call(gateway, 'POST', '/1.1/import', body=b'x' * (41 << 20)).status == 200
    a = raw(gateway, b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nContent-Length: 999999999999\r\n\r\nabc')
    assert a.status == 413
    a = raw(gateway, b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nExpect: 100-continue\r\n'
                     b'Content-Length: 45000000\r\n\r\n')
    assert a.status == 413


def test_too_many_bodies(make):
    """All together have a limit, too: who is over it is told to come again, and small ones are not concerned."""
    g = make(limits={'bodies_bytes': 300000})
    worker = g.introduce(1, 'user')
    head = b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nContent-Length: %d\r\n\r\n'
    with connect(g) as first, connect(g) as second:
        first.sendall(head % 250000 + b'x' * 200000)
        wait_for(lambda: b'\nwazo_gateway_body_bytes 200000\n' in call(g, 'GET', '/metrics', auth=None).body)
        a = call(g, 'POST', '/1.1/users', body=b'y' * 150000, s=second)
        assert a.status == 503 and a.headers['Retry-After'] == '1' and 'bodies' in a.json()[0]
        assert call(g, 'POST', '/1.1/users', body=b'z' * 5000, s=second).status == 200
        first.sendall(b'x' * 50000)
        wait_for(lambda: len(worker.requests) == 2)
        assert len(worker.requests[1].body) == 250000
    # One alone is measured by its own limit.
    wait_for(lambda: b'\nwazo_gateway_body_bytes 0\n' in call(g, 'GET', '/metrics', auth=None).body)
    assert call(g, 'POST', '/1.1/users', body=b'y' * 400000).status == 200


def chunked(pieces):
    return b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in pieces) + b'0\r\n\r\n'


def test_chunked(gateway):
    head = b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nTransfer-Encoding: chunked\r\n\r\n'
    with connect(gateway) as s:
        s.sendall(head + chunked([b'ab', b'c' * 10000, b'd']))
        assert read_answer(s).json()['body'] == 10003
        s.sendall(head + chunked([]))
        assert read_answer(s).json()['body'] == 0
    with connect(gateway) as s:
        s.sendall(head + b'zz\r\nabc\r\n')
        try:
            a = read_answer(s)
            assert a is None or a.status == 400
        except ConnectionResetError:
            pass
    with connect(gateway) as s:
        s.sendall(head)
        piece = b'%x\r\n%s\r\n' % (1 << 20, b'x' * (1 << 20))
        try:
            for _ in range(41):
                s.sendall(piece)
            s.sendall(b'0\r\n\r\n')
            assert read_answer(s).status == 413
        except (BrokenPipeError, ConnectionResetError):
            pytest.fail('the answer to a body of 41 MiB is lost')


def test_error_with_a_body_keeps_the_connection(gateway):
    with connect(gateway) as s:
        assert call(gateway, 'POST', '/1.1/nope', body=b'x' * 100000, s=s).status == 404
        assert call(gateway, 'POST', '/1.1/users', auth='nope', body=b'x' * 10, s=s).status == 401
        assert call(gateway, 'PUT', '/1.1/users/1/lines/2', body=b'garbage', s=s).json()['body'] == 0
        assert call(gateway, 'GET', '/1.1/users', s=s).status == 200


def test_pipelining(gateway):
    with connect(gateway) as s:
        s.sendall(b''.join(b'GET /1.1/users/%d HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n' % i for i in range(50)))
        assert [read_answer(s).json()['path'] for _ in range(50)] == ['/users/%d' % i for i in range(50)]


def test_old_http(gateway):
    with connect(gateway) as s:
        s.sendall(b'GET /1.1/users HTTP/1.0\r\nX-Auth-Token: all\r\n\r\n')
        assert read_answer(s).status == 200
        assert read_answer(s) is None


# --- slow and silent clients ---

def test_slow_senders(make):
    gateway = make(limits={'header_seconds': 1, 'body_seconds': 2})
    gateway.introduce(1, 'user')
    start = time.monotonic()
    line, headers, body, silent = (connect(gateway) for _ in range(4))
    headers.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\n')
    body.sendall(b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\nContent-Length: 1000\r\n\r\nabc')
    ended = {}
    while len(ended) < 3 and time.monotonic() - start < PATIENCE:
        for name, s in (('line', line), ('headers', headers), ('body', body)):
            if name in ended:
                continue
            try:
                s.sendall(b'G' if name != 'headers' else b'X: y\r\n')
                s.settimeout(0.05)
                if s.recv(1000) is not None:
                    ended[name] = time.monotonic() - start
            except socket.timeout:
                pass
            except OSError:
                ended[name] = time.monotonic() - start
        time.sleep(0.1)
    assert len(ended) == 3 and 1.5 < ended['body'], ended
    # Whoever says nothing at all is only silent.
    silent.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
    assert read_answer(silent).status == 200


def test_a_thousand_idle_connections(gateway):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    idle = [connect(gateway) for _ in range(1000)]
    assert call(gateway, 'GET', '/1.1/users').status == 200
    for s in idle[::50]:
        assert call(gateway, 'GET', '/1.1/users', s=s).status == 200
    for s in idle:
        s.close()
    assert call(gateway, 'GET', '/1.1/users').status == 200


# --- the waiting rule ---

def wait_for(what):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def later(function, *arguments, **more):
    result = []
    thread = threading.Thread(target=lambda: result.append(function(*arguments, **more)))
    thread.start()

    def get():
        thread.join(2 * PATIENCE)
        return result[0]
    return get


def test_waits_for_a_worker(make):
    g = make()
    g.slot(1, 'user', 'starting')
    g.sync()
    answer = later(call, g, 'GET', '/1.1/users')
    g.wait_held(1)
    g.introduce(1, 'user')
    assert answer().status == 200


def test_queue_deadline(make):
    g = make(deadlines={'queue_ms': 700})
    g.slot(1, 'user', 'starting')
    g.sync()
    start = time.monotonic()
    a = call(g, 'GET', '/1.1/users')
    assert 0.6 < time.monotonic() - start < 20
    assert a.status == 503 and a.headers['Retry-After'] == '1'
    assert a.json() == ["Service Unavailable - plugin 'user' is starting"]


def test_refused_at_once(make):
    g = make()
    g.slot(1, 'user', 'failed', reason='exit code 3', retry_in=120)
    g.sync()
    start = time.monotonic()
    a = call(g, 'GET', '/1.1/users')
    assert time.monotonic() - start < 20
    assert a.status == 503 and a.headers['Retry-After'] == '120'
    assert a.json() == ["Service Unavailable - plugin 'user' is failed: exit code 3"]
    g.slot(1, 'user', 'held')
    g.sync()
    assert call(g, 'GET', '/1.1/users').json() == ["Service Unavailable - plugin 'user' is held"]
    # And those that wait are told as soon as it is known.
    g.slot(1, 'user', 'starting')
    g.sync()
    start = time.monotonic()
    answer = later(call, g, 'GET', '/1.1/users')
    g.wait_held(1)
    g.slot(1, 'user', 'failed')
    assert answer().status == 503 and time.monotonic() - start < 20


def test_queue_full(make):
    g = make()
    g.slot(1, 'user', 'starting')
    g.sync()
    answers = [later(call, g, 'GET', '/1.1/users') for _ in range(4)]
    g.wait_held(4)
    start = time.monotonic()
    a = call(g, 'GET', '/1.1/users')
    assert a.status == 503 and time.monotonic() - start < 20 and 'busy' in a.json()[0]
    g.introduce(1, 'user')
    assert [answer().status for answer in answers] == [200] * 4


def test_the_gone_leave_the_queue(make):
    g = make()
    g.slot(1, 'user', 'starting')
    g.sync()
    for n in range(4):
        s = connect(g)
        s.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
        g.wait_held(n + 1)
        s.close()
    time.sleep(0.2)  # only those that have waited for a moment are looked at
    answer = later(call, g, 'GET', '/1.1/users/8')
    time.sleep(0.1)  # should it come later than its worker, it is answered all the same
    worker = g.introduce(1, 'user')
    assert answer().status == 200
    assert [request.path for request in worker.requests] == ['/users/8']


def test_one_request_a_worker_and_the_budget(make):
    g = make(limits={'queue': 50})
    workers = [g.introduce(i, 'user#%d' % i, None) for i in range(1, 6)]
    answers = [later(call, g, 'GET', '/1.1/users/%d' % i) for i in range(8)]
    g.wait_held(8)
    wait_for(lambda: sum(len(worker.requests) for worker in workers) >= 3)
    time.sleep(0.1)
    assert sum(len(worker.requests) for worker in workers) == 3
    assert all(len(worker.requests) <= 1 for worker in workers)
    for worker in workers:
        worker.answer = echo
        for request in list(worker.requests):
            echo(worker, request)
    assert [answer().status for answer in answers] == [200] * 8


def ahead(make, **deadlines):
    """A gateway; its quick worker, which has three requests at its hands; and these in the order in which it got them."""
    g = make(deadlines=dict({'quick_ms': ALWAYS}, **deadlines))
    worker = g.introduce(1, 'user')
    assert call(g, 'GET', '/1.1/users').status == 200
    worker.requests.clear()
    worker.answer = None
    answers = {'/users/%d' % i: later(call, g, 'GET', '/1.1/users/%d' % i) for i in range(3)}
    wait_for(lambda: len(worker.requests) == 3)
    return g, worker, [answers[request.path] for request in worker.requests]


def test_what_only_reads_is_sent_ahead(make):
    g, worker, answers = ahead(make)
    late = later(call, g, 'POST', '/1.1/users', body=b'{}')
    g.wait_held(4)
    assert len(worker.requests) == 3, 'what writes waits until the worker is free'
    assert b'\nwazo_gateway_requests_executing 1\n' in call(g, 'GET', '/metrics', auth=None).body
    for request in list(worker.requests):
        echo(worker, request)
    assert [answer().status for answer in answers] == [200] * 3
    wait_for(lambda: len(worker.requests) == 4)
    assert worker.requests[3].method == 'POST'
    echo(worker, worker.requests[3])
    assert late().status == 200


def test_death_with_requests_ahead(make):
    """The first was in its hands: it alone is told, and tried again. The others were not begun, and lose nothing."""
    g, worker, answers = ahead(make)
    told = [request.path for request in worker.requests]
    worker.die()
    ident = struct.unpack('<IIQ64s16s224s', g.expect(INFLIGHT))[3].rstrip(b'\0').decode()
    new = g.introduce(1, 'user', generation=2)
    results = [answer() for answer in answers]
    assert [result.status for result in results] == [200] * 3
    assert [request.path for request in new.requests] == told
    assert [request.retry for request in new.requests] == [True, False, False]
    assert results[0].headers['X-Request-Id'] == ident
    assert not [message for message in g.messages if message[0] == STALLED]


def test_replies_out_of_order(make):
    g, worker, answers = ahead(make)
    echo(worker, worker.requests[1])
    assert struct.unpack('<III', g.expect(STALLED)) == (1, 1, 9)
    g.introduce(1, 'user', generation=2)
    assert [answer().status for answer in answers] == [200] * 3


def test_owing_too_long_with_requests_ahead(make):
    g, worker, answers = ahead(make, attempt_ms=1500)
    g.expect(STALLED)
    g.introduce(1, 'user', generation=2)
    assert [answer().status for answer in answers] == [503, 200, 200]


def test_waiting_ahead_is_waiting(make):
    """Whoever is behind a slow one is answered when his time in the queue is over; his reply, when it comes, is nobody's."""
    g, worker, answers = ahead(make, queue_ms=700)
    results = [answer() for answer in answers[1:]]
    assert [result.status for result in results] == [503, 503] and 'busy' in results[0].json()[0]
    for request in list(worker.requests):
        echo(worker, request)
    assert answers[0]().status == 200
    worker.answer = echo
    assert call(g, 'GET', '/1.1/users/9').json()['path'] == '/users/9'


def test_rolling_with_requests_ahead(make):
    g, old, answers = ahead(make)
    new = g.introduce(1, 'user', generation=2)
    assert call(g, 'GET', '/1.1/users').status == 200 and len(new.requests) == 1
    for request in list(old.requests):
        echo(old, request)
    assert [answer().status for answer in answers] == [200] * 3
    old.thread.join(PATIENCE)
    assert not old.thread.is_alive()


def test_nobody_is_sent_ahead_of_two(make):
    g = make(deadlines={'quick_ms': ALWAYS}, limits={'queue': 50})
    workers = [g.introduce(i, 'user#%d' % i) for i in (1, 2)]
    assert call(g, 'GET', '/1.1/users').status == 200
    for worker in workers:
        worker.requests.clear()
        worker.answer = None
    answers = [later(call, g, 'GET', '/1.1/users') for _ in range(5)]
    g.wait_held(5)
    wait_for(lambda: [len(worker.requests) for worker in workers] == [1, 1])
    for worker in workers:
        worker.answer = echo
        echo(worker, worker.requests[0])
    assert [answer().status for answer in answers] == [200] * 5


def test_a_worker_that_owes_too_long(make):
    g = make(deadlines={'queue_ms': 700, 'attempt_ms': 1500})
    worker = g.introduce(1, 'user', None)
    start = time.monotonic()
    a = call(g, 'GET', '/1.1/users')
    assert a.status == 503 and 1.3 < time.monotonic() - start < 20
    slot, generation, cause = struct.unpack('<III', g.expect(STALLED))
    assert (slot, generation, cause) == (1, 1, 6)
    # It gets no more, even if it answers now; when it ends its request is told.
    worker.send(worker.requests[0], reply())
    assert call(g, 'GET', '/1.1/users').status == 503
    assert len(worker.requests) == 1
    worker.die()
    g.introduce(1, 'user', generation=2)
    assert call(g, 'GET', '/1.1/users').status == 200


def test_total_deadline(make):
    g = make(deadlines={'total_ms': 800})
    g.introduce(1, 'user', None)
    start = time.monotonic()
    a = call(g, 'GET', '/1.1/users')
    assert a.status == 504 and 0.7 < time.monotonic() - start < 20


def test_death_with_a_request(make):
    g = make()
    g.introduce(1, 'user', lambda w, r: w.die())
    a = call(g, 'POST', '/1.1/users', body=b'{}')
    assert a.status == 503 and a.headers['Retry-After'] == '1'
    inflight = g.expect(INFLIGHT)
    slot, generation, age, ident, method, route = struct.unpack('<IIQ64s16s224s', inflight)
    assert (slot, generation) == (1, 1) and method.rstrip(b'\0') == b'POST' and route.rstrip(b'\0') == b'/users'
    assert ident.rstrip(b'\0').decode() == a.headers['X-Request-Id'] and age < 5e9


def test_what_only_reads_is_sent_again(make):
    g = make()
    g.introduce(1, 'user', lambda w, r: w.die())
    answer = later(call, g, 'GET', '/1.1/users')
    g.expect(INFLIGHT)
    g.introduce(1, 'user', generation=2)
    assert answer().json()['retry'] is True
    g.workers[-1].answer = lambda w, r: w.die()
    answer = later(call, g, 'GET', '/1.1/users')
    g.expect(INFLIGHT)
    g.introduce(1, 'user', lambda w, r: w.die(), generation=3)
    assert answer().status == 503


def test_a_reply_before_death_counts(make):
    g = make()

    def answer(worker, request):
        worker.send(request, reply(body=b'"last words"'))
        worker.die()

    g.introduce(1, 'user', answer)
    assert call(g, 'POST', '/1.1/users', body=b'{}').json() == 'last words'


@pytest.mark.parametrize('nonsense', [
    lambda w, r: w.channel.send(b'nonsense'),
    lambda w, r: w.channel.send(pack(49, b'\xff' * 40, r.ident)),
    lambda w, r: w.channel.send(pack(49, reply(), r.ident + 1)),
    lambda w, r: w.channel.send(pack(49, reply(99), r.ident)),
    lambda w, r: w.channel.send(pack(49, reply(location='x\r\nSet-Cookie: y'), r.ident)),
    lambda w, r: w.channel.send(pack(48, b'', r.ident)),
    lambda w, r: w.channel.send(pack(1, b'\0' * 28, 0)),
    lambda w, r: w.send_fd(r, reply(fd=True), os.open('/etc/passwd', os.O_RDONLY)),
    lambda w, r: w.channel.send(b'x' * 9000),
])
def test_nonsense_of_a_worker(make, nonsense):
    g = make()
    g.introduce(1, 'user', nonsense)
    g.introduce(2, 'context')
    assert call(g, 'POST', '/1.1/users', body=b'{}').status == 503
    assert struct.unpack('<III', g.expect(STALLED)) == (1, 1, 9)
    assert call(g, 'GET', '/1.1/contexts/a').status == 200


def test_unasked_replies(make):
    g = make()
    worker = g.introduce(1, 'user')
    worker.channel.send(pack(49, reply(), 77))
    assert struct.unpack('<III', g.expect(STALLED)) == (1, 1, 9)


def test_rolling(make):
    g = make()
    old = g.introduce(1, 'user', None)
    answer = later(call, g, 'POST', '/1.1/users', body=b'{}')
    wait_for(lambda: old.requests)
    new = g.introduce(1, 'user', generation=2)
    assert call(g, 'GET', '/1.1/users').status == 200 and len(new.requests) == 1
    echo(old, old.requests[0])
    assert answer().status == 200
    old.thread.join(PATIENCE)
    assert not old.thread.is_alive()


def test_on_demand(make):
    g = make(on_demand=True, idle_ms={'user': 300})
    g.slot(1, 'user', 'resting')
    g.sync()
    answer = later(call, g, 'GET', '/1.1/users')
    assert struct.unpack('<I', g.expect(WANT)) == (1,)
    worker = g.introduce(1, 'user')
    assert answer().status == 200
    worker.thread.join(PATIENCE)
    assert not worker.thread.is_alive()
    answer = later(call, g, 'GET', '/1.1/users')
    g.expect(WANT)
    g.introduce(1, 'user', generation=2)
    assert answer().status == 200


def test_hundreds_of_tenants(make):
    more = [{'uuid': '2f4b0000-0000-4000-8000-%012d' % (1000 + i), 'parent': CHILD} for i in range(400)]
    g = make(extra_tenants=more)
    worker = g.introduce(1, 'user')
    for body in (b'{}', b'x' * 7000, b'y' * 100000):
        a = call(g, 'POST', '/1.1/users', body=body)
        assert a.json()['body'] == len(body) and len(worker.requests[-1].tenants) == 404 and worker.requests[-1].form == 2


# --- stopping ---

def test_drain(gateway):
    worker = gateway.workers[0]
    worker.answer = None
    idle, busy = connect(gateway), connect(gateway)
    busy.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
    wait_for(lambda: worker.requests)
    gateway.send(DRAIN, struct.pack('<QQ', time.monotonic_ns() + PATIENCE * 1_000_000_000, 0))
    gateway.sync()
    worker.answer = echo
    echo(worker, worker.requests[0])
    a = read_answer(busy)
    assert a.status == 200 and a.headers['Connection'].lower() == 'close'
    assert read_answer(busy) is None
    a = call(gateway, 'GET', '/1.1/users', s=idle)
    assert a.status == 200 and a.headers['Connection'].lower() == 'close'
    assert gateway.wait() == 0


def test_drain_deadline(gateway):
    gateway.workers[0].answer = None
    idle, busy = connect(gateway), connect(gateway)
    busy.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
    wait_for(lambda: gateway.workers[0].requests)
    gateway.send(DRAIN, struct.pack('<QQ', time.monotonic_ns() + 500_000_000, 0))
    assert read_answer(busy).status == 503
    assert read_answer(idle) is None
    assert gateway.wait() == 0


def test_drain_without_a_successor(gateway):
    """Connections that ask nothing are closed early; who is being answered has his time."""
    worker = gateway.workers[0]
    worker.answer = None
    idle, busy = connect(gateway), connect(gateway)
    busy.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
    wait_for(lambda: worker.requests)
    now = time.monotonic_ns()
    gateway.send(DRAIN, struct.pack('<QQ', now + PATIENCE * 1_000_000_000, now + 200_000_000))
    assert read_answer(idle) is None
    assert 200_000_000 <= time.monotonic_ns() - now < 20_000_000_000
    echo(worker, worker.requests[0])
    assert read_answer(busy).status == 200
    assert gateway.wait() == 0


def test_drain_while_a_request_is_sent_slowly(gateway):
    """Before a stop, in its line or headers: it is no idle connection, however long it takes."""
    line, headers = connect(gateway), connect(gateway)
    for s in (line, headers):
        assert call(gateway, 'GET', '/1.1/users', s=s).status == 200
    line.sendall(b'GET /1.1/us')
    headers.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-A: ')
    now = time.monotonic_ns()
    gateway.send(DRAIN, struct.pack('<QQ', now + PATIENCE * 1_000_000_000, now + 2_500_000_000))
    line.sendall(b'ers HTTP/1.1\r\nX-A: ')
    while time.monotonic_ns() - now < 3_500_000_000:
        for s in (line, headers):
            s.sendall(b'a')
        time.sleep(0.05)
    for s in (line, headers):
        s.sendall(b'\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n' if s is line else b'\r\nX-Auth-Token: all\r\n\r\n')
        assert read_answer(s).status == 200
    assert gateway.wait() == 0


def test_the_supervisor_is_gone(gateway):
    gateway.workers[0].answer = None
    busy = connect(gateway)
    busy.sendall(b'GET /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n')
    wait_for(lambda: gateway.workers[0].requests)
    gateway.channel.shutdown(socket.SHUT_RDWR)
    assert gateway.wait() == 0


# --- TLS ---

def test_tls(make, tmp_path):
    key, cert = tmp_path / 'key.pem', tmp_path / 'cert.pem'
    if subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj',
                       '/CN=localhost', '-keyout', key, '-out', cert, '-days', '1'], capture_output=True).returncode:
        pytest.skip('no openssl')
    g = make(tls=(cert, key))
    g.introduce(1, 'user')
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connect(g)) as s:
        for _ in range(3):
            s.sendall(b''.join(b'GET /1.1/users/%d HTTP/1.1\r\nHost: x\r\nX-Auth-Token: all\r\n\r\n' % i for i in range(10)))
            answers = [read_answer(s).json() for _ in range(10)]
            assert [a['path'] for a in answers] == ['/users/%d' % i for i in range(10)]
            assert answers[0]['base_url'] == 'https://x/1.1'
        a = call(g, 'POST', '/1.1/users', body=b'x' * 3000000, s=s)
        assert a.json()['body'] == 3000000
    # One that never finishes its handshake goes.
    with connect(make(tls=(cert, key), limits={'header_seconds': 1})) as s:
        for byte in b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(100):
            try:
                s.sendall(bytes([byte]))
                time.sleep(0.1)
            except OSError:
                break
        else:
            pytest.fail('it is waited for')

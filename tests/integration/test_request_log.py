# SPDX-License-Identifier: GPL-3.0-or-later
"""The request log: lines as wazo-confd's, from which people and programs read; and what must never stand in them."""

import os
import re
import stat

import pytest

from rest import *

PREFIX = r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (\w+) \[pid (\d+)\] \[tid (\d+)\] \(INFO\) \(wazo_confd\): '
TRACE = r' \[span_id=(?P<span>[0-9a-f]{16}) parent_id=(?P<parent>[0-9a-f]{16}|-) trace_id=(?P<trace>[0-9a-f]{32})\]'
REQUEST = re.compile(PREFIX + r'request: (?P<method>\S+) (?P<url>\S.*?) \{(?P<headers>.*?)\}(?: with data (?P<body>.*))?' + TRACE)
RESPONSE = re.compile(PREFIX + r'response to (?P<remote>\S+) in (?P<seconds>\d+\.\d\d)s: (?P<method>\S+) (?P<url>\S.*) (?P<status>\d{3})' + TRACE)


def masked(token):
    """All but the last eight characters and the dashes."""
    return re.sub('[^-]', 'X', token[:-8]) + token[-8:]


@pytest.fixture
def told(service):
    """Sends a request, and returns its two lines."""
    def tell(client, method, path, body=None, headers=None):
        before = len(service.log())
        answer = client.request(method, path, body, headers=headers)
        wait_for(lambda: 'response to' in service.log()[before:])
        lines = [line for line in service.log()[before:].split('\n') if ': request: ' in line or ': response to ' in line]
        assert len(lines) == 2, lines
        request, response = REQUEST.fullmatch(lines[0]), RESPONSE.fullmatch(lines[1])
        assert request, lines[0]
        assert response, lines[1]
        assert int(response['status']) == answer.status
        assert (request['method'], request['url']) == (response['method'], response['url']) and request['method'] == method
        assert (request['span'], request['parent'], request['trace']) == (response['span'], response['parent'], response['trace'])
        return answer, request, response
    return tell


def base(service):
    return 'http://127.0.0.1:%d' % service.port


def test_lines(service, admin, told):
    for method, path, status in (('GET', '/infos', 200), ('GET', '/users?limit=1', 200), ('GET', '/users/99999', 404),
                                 ('GET', '/nothing', 404), ('PATCH', '/users', 405),
                                 ('OPTIONS', '/users', 200), ('HEAD', '/users', 200), ('DELETE', '/users/99999', 404),
                                 ('GET', '/users?limit=0', 400), ('GET', '/status', 200)):
        answer, request, response = told(admin, method, path)
        assert answer.status == status
        assert request['url'] == base(service) + '/1.1' + path
        assert response['remote'] == '127.0.0.1' and float(response['seconds']) < 60
        assert request['body'] is None and request['parent'] == '-'
        assert request['trace'] == answer.headers['X-Request-Id']
        assert int(request[3]) == service.worker_pid('gateway')


def test_refused_ones_are_told_too(service, told):
    for token in (None, 'nobody-knows-this-token'):
        answer, request, _ = told(Client(service.port, token), 'GET', '/users')
        assert answer.status == 401


def test_url_is_decoded(service, admin, told):
    _, request, _ = told(admin, 'GET', '/users?search=%C3%A9l%20x&firstname=a%2Fb')
    assert request['url'] == base(service) + '/1.1/users?search=él x&firstname=a/b'
    _, request, _ = told(admin, 'GET', '/infos',
                         headers={'Host': 'pbx.example', 'X-Forwarded-Proto': 'https', 'X-Script-Name': '/api/confd'})
    assert request['url'] == 'https://pbx.example/api/confd/1.1/infos'


def test_one_line_each(service, admin, told):
    """Whatever is decoded: no line of a client's own making."""
    _, request, _ = told(admin, 'GET', '/users?search=a%0A2026-01-01%20(ERROR)%0D%1B%5B31m')
    assert '\n' not in request['url'] and '\x1b' not in request['url'] and '\r' not in request['url']
    _, request, _ = told(admin, 'POST', '/users', {'firstname': 'a\nb', 'lastname': '\u2028\x1b[31m'})
    assert '\x1b' not in request['body']


def test_remote(admin, told):
    for forwarded, shown in (('192.0.2.7', '192.0.2.7'), ('192.0.2.7, 198.51.100.2', '198.51.100.2'), ('2001:db8::1', '2001:db8::1')):
        _, _, response = told(admin, 'GET', '/infos', headers={'X-Forwarded-For': forwarded})
        assert response['remote'] == shown
    for nonsense in ('not an address at all', '1' * 3000, "'; --", ''):
        _, _, response = told(admin, 'GET', '/infos', headers={'X-Forwarded-For': nonsense})
        assert len(response['remote']) < 100


def test_trace(admin, told):
    trace, parent = '4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'
    _, request, _ = told(admin, 'GET', '/infos', headers={'traceparent': '00-%s-%s-01' % (trace, parent)})
    assert (request['trace'], request['parent']) == (trace, parent) and request['span'] != parent
    for bad in ('', 'x', '00-%s-%s' % (trace, parent), '00-%s-%s-01' % ('0' * 32, parent), '00-%s-%s-01' % (trace.upper(), parent),
                '00-%s-%s-01' % (trace, '0' * 16), 'ff-%s-%s-01' % (trace, parent)):
        _, request, _ = told(admin, 'GET', '/infos', headers={'traceparent': bad})
        assert request['trace'] != trace and request['parent'] == '-', bad
    ids = {told(admin, 'GET', '/infos')[1]['trace'] for _ in range(20)}
    assert len(ids) == 20


def test_body(admin, told):
    """With a content type of exactly application/json, and only then."""
    _, request, _ = told(admin, 'POST', '/users', b'{"firstname": "A", "unknown": [1]}', {'Content-Type': 'application/json'})
    assert request['body'] == '{"firstname": "A", "unknown": [1]}'
    for other in ('application/json; charset=utf-8', 'text/plain'):
        _, request, _ = told(admin, 'POST', '/users', b'{"firstname": "A"}', {'Content-Type': other})
        assert request['body'] is None
    _, request, _ = told(admin, 'GET', '/users', None, {'Content-Type': 'application/json'})
    assert request['body'] is None


SECRET = 'sw0rdf1sh-%d'


def test_tokens_are_masked(service, admin, told):
    for token in (ADMIN, 'nobody-knows-this-token', EXPIRED):
        _, request, _ = told(Client(service.port, token), 'GET', '/users')
        assert "'X-Auth-Token': '%s'" % masked(token) in request['headers']
    told(admin, 'GET', '/infos', headers={'Authorization': 'Basic c3dvcmRmaXNoLWJhc2lj', 'Cookie': 'session=swordfish-cookie'})
    told(admin, 'GET', '/infos', headers={'Authorization': 'Bearer swordfish-bearer', 'Proxy-Authorization': 'swordfish-proxy'})
    told(admin, 'GET', '/users?token=swordfish-query&limit=1')
    log = service.log()
    assert "'Authorization': 'Basic <hidden>'" in log and "'Authorization': '<hidden>'" in log
    for secret in (ADMIN, CHILD_TOKEN, EXPIRED, 'nobody-knows-this-token', 'c3dvcmRmaXNoLWJhc2lj', 'swordfish'):
        assert secret not in log


@pytest.mark.parametrize('method, path, body', (
    ('POST', '/users', {'firstname': 'A', 'password': SECRET % 1, 'username': 'someone-visible'}),
    ('POST', '/users', {'firstname': 'A', 'call_permission_password': '123454321'}),
    ('PUT', '/users/1', {'password': SECRET % 2}),
    ('POST', '/users', {'firstname': 7, 'password': {'deep': [SECRET % 3]}}),
    ('POST', '/voicemails', {'name': 'N', 'password': '987656789'}),
    ('PUT', '/voicemails/99999', {'password': '987656789'}),
    ('POST', '/users/1/voicemails', {'name': 'N', 'password': '987656789'}),
    ('POST', '/endpoints/sip', {'auth_section_options': [['username', 'u'], ['password', SECRET % 4]]}),
    ('POST', '/endpoints/sip',
     {'outbound_auth_section_options': [['password', SECRET % 5]],
      'registration_outbound_auth_section_options': [['password', SECRET % 6]]}),
    ('PUT', '/endpoints/sip/' + NOBODY, {'auth_section_options': [['md5_cred', SECRET % 7]]}),
    ('POST', '/endpoints/sip', {'auth_section_options': SECRET % 8}),
    ('POST', '/wizard', {'admin_password': SECRET % 9}),
))
def test_secret_members_are_masked(service, admin, told, method, path, body):
    """Of bodies that are taken, and of those that are refused."""
    _, request, _ = told(admin, method, path, body)
    assert request['body'] is not None
    for secret in ('sw0rdf1sh', '123454321', '987656789'):
        assert secret not in service.log() and secret not in service.stderr()
    if 'username' in body:
        assert 'someone-visible' in request['body']


def test_what_is_no_json_is_not_shown(service, admin, told):
    """Nobody knows what is secret in it."""
    for text in (b'{"firstname": "A", "password": "sw0rdf1sh"', b'password=sw0rdf1sh', b'{"password": "sw0rdf1sh\\u0000"}',
                 b'"sw0rdf1sh' * 1000):
        _, request, _ = told(admin, 'POST', '/users', text, {'Content-Type': 'application/json'})
        assert request['body'] == '<%d bytes>' % len(text)
    assert 'sw0rdf1sh' not in service.log()


def test_file(service):
    """0640, one file, appended to: after a rotation by copytruncate it goes on."""
    path = service.path('log/wazo-confd.log')
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    os.truncate(path, 0)
    Client(service.port).get('/infos')
    wait_for(lambda: 'response to' in service.log())
    assert '\0' not in service.log()
    assert len(service.log()) < 2000

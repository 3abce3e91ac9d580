# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a client sends gets the error of the conventions: never a crash, a hang, a half-written row or a server error.

That no worker died is checked at the end of the module, by the fixture of the service.
"""

import http.client
import json
import random
import resource
import select
import socket
import time
from urllib.parse import quote

import pytest

from rest import *

MIB = 1 << 20
# The body of what must never be carried out; were it, there would be a row more.
PREY = b'{"firstname": "Smuggled"}'
SMUGGLED = b'POST /1.1/users HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Length: %d\r\n\r\n%s' % (ADMIN.encode(), len(PREY), PREY)


@pytest.fixture(scope='module')
def settings():
    return 'limits: {connections: 1500, header_time: 8s}\n'


@pytest.fixture(scope='module')
def impatient():
    """Another service, with limits that a test can wait for."""
    yield from own_service('limits: {header_time: 1s, body_time: 1s, connections_idle: 2s}\n')


@pytest.fixture(autouse=True)
def nothing_is_wrong(service):
    """What clients do wrong is no error of ours."""
    before = len(service.log())
    yield
    told = [line[:500] for line in service.log()[before:].splitlines() if '(ERROR)' in line or '(CRITICAL)' in line]
    assert not told


@pytest.fixture
def unchanged(service):
    """Not a row more or less after the test."""
    before = Database(service).counts()
    yield
    assert Database(service).counts() == before


def head(*lines, first=b'POST /1.1/users HTTP/1.1', host=b'Host: x'):
    return b'\r\n'.join([first] + ([host] if host else []) + [b'X-Auth-Token: ' + ADMIN.encode(), *lines]) + b'\r\n\r\n'


def alive(admin):
    assert admin.get('/infos').status == 200


# ---- JSON ----


@pytest.mark.parametrize('text', (
    b'[' * 65 + b']' * 65,
    b'{"a":' * 65 + b'1' + b'}' * 65,
    b'[' * 3000 + b']' * 3000,
    b'[' * 1000000,
    b'{"a":' * 1000000,
    b'{"firstname": ' + b'[' * 100 + b']' * 100 + b'}',
    b'[' + b'[],' * 600000 + b'[]]',
    b'{"firstname": "A", "unknown": [' + b'7,' * 1100000 + b'7]}',
    b'{"firstname": "a\\u0000b"}',
    b'{"first\\u0000name": "a"}',
    b'{"firstname": "a\0b"}',
    b'{"firstname": "\xff"}',
    b'{"firstname": "\xc0\x80"}',
    b'{"firstname": "\xed\xa0\x80"}',
    b'{"firstname": "\\ud800"}',
    b'{"firstname": "\\udc00\\ud800"}',
    b'{"firstname": "\xf4\x90\x80\x80"}',
    b'{"\xff": 1, "firstname": "A"}',
    b'{"firstname": "a\nb"}',
    b'{"ring_seconds": 1e400, "firstname": "A"}',
    b'{"ring_seconds": 99999999999999999999, "firstname": "A"}',
    b'{"ring_seconds": ' + b'9' * 100000 + b', "firstname": "A"}',
    b'{"ring_seconds": -1e999, "firstname": "A"}',
    b'{"ring_seconds": Infinity, "firstname": "A"}',
    b'{"ring_seconds": 0x10, "firstname": "A"}',
    b'{"ring_seconds": 01, "firstname": "A"}',
    b'{"firstname": tru}',
    b'{"firstname": "A"}{"firstname": "B"}',
    b'\xef\xbb\xbf{"firstname": "A"}',
    '{"firstname": "A"}'.encode('utf-16'),
    b'\0',
    b'\x1f\x8b\x08\0\0\0\0\0',
    b'/* */{"firstname": "A"}',
    b'"' * 1000001,
    b'\\' * 1000000,
), ids=lambda text: '%s-%d' % (text[:24].decode('ascii', 'replace').encode('unicode_escape').decode(), len(text)))
def test_no_json(admin, unchanged, text):
    """The one text for all that cannot be understood."""
    for method, path in (('POST', '/users'), ('POST', '/endpoints/sip'), ('POST', '/contexts')):
        answer = admin.request(method, path, text, headers={'Content-Type': 'application/json'})
        assert (answer.status, answer.json) == (400, BROWSER), answer


def test_deep_but_not_too_deep(admin, unchanged):
    for depth in (2, 60, 63):
        answer = admin.post('/users', {'firstname': json.loads('[' * depth + ']' * depth)})
        assert (answer.status, answer.json) == (400, ["Input Error - firstname: ['Not a valid string.']"])
        answer = admin.post('/contexts', {'label': 'L', 'user_ranges': json.loads('[' * depth + ']' * depth)})
        assert answer.status == 400 and answer.json[0].startswith('Input Error - user_ranges: ')


def test_very_many_items(admin):
    """What they cost grows with their number, not with its square."""
    context = admin.create('/contexts', {'label': 'L', 'user_ranges': [{'start': str(n), 'end': str(n)} for n in range(10000, 40000)] + [{'start': '10000'}] * 30000})
    assert len(context['user_ranges']) == 30000
    answer = admin.put('/contexts/%d/contexts' % context['id'], {'contexts': [{'id': 1}] * 10001})
    assert (answer.status, answer.json) == (400, ["Input Error - contexts: ['Longer than maximum length 10000.']"])
    admin.remove('/contexts/%d' % context['id'])


NASTY = (None, True, 0, -1, 2 ** 31, -2 ** 31 - 1, 2 ** 53, 2 ** 63 - 1, -2 ** 63, 0.1, 1e308, -1e308, '', ' ', '\t', '\x01', '\x7f',
         'x\ny', 'é', '𝔘', '\u202e', '\ufffe', '%s%n', "'; DROP TABLE userfeatures; --",
         '${x}', '../../etc/passwd', 'x' * 5000, '1' * 5000, '-1', '1e3', '9' * 30, NOBODY, [], {}, [None], [[]], [{}], [['a']],
         [['a', 'b', 'c']], [['', '']], [[None, None]], [1], ['x'], [{'id': None}], [{'id': 2 ** 40}],
         [{'uuid': 'x'}], [{'start': None}], [{'start': '1', 'end': '\u0663'}], {'uuid': None}, {'uuid': 7}, {'a': {'b': {'c': []}}},
         [['x' * 5000, 'y']], [[]] * 600)


READ_ONLY = ('id', 'uuid', 'tenant_uuid', 'links', 'created_at', 'agent', 'call_permissions', 'groups', 'incalls', 'schedules',
             'switchboards', 'queues',
             'voicemail', 'call_pickup_target_users', 'country')


@pytest.fixture(scope='module')
def things(admin):
    context = admin.context()
    return {'/users/%d': admin.user(), '/lines/%d': admin.line(context), '/extensions/%d': admin.extension(context, '1400'),
            '/voicemails/%d': admin.voicemail(context, '1400'), '/contexts/%d': context, '/endpoints/sip/%s': admin.endpoint()}


@pytest.mark.parametrize('path', ('/users/%d', '/lines/%d', '/extensions/%d', '/voicemails/%d', '/contexts/%d', '/endpoints/sip/%s'))
def test_any_value_of_any_member(admin, things, path):
    """It is taken, refused or nobody's; and what is taken can be read back."""
    thing = things[path]
    where = path % (thing['uuid'] if 'sip' in path else thing['id'])
    connection = keep_alive(admin)
    for member in list(thing) + ['commented', 'lines', 'unknown']:
        for value in NASTY[::7] if member in READ_ONLY else NASTY:
            answer = admin.put(where, {member: value}, connection=connection)
            assert answer.status in (204, 400), (member, value, answer)
            if answer.status == 400:
                assert isinstance(answer.json, list) and all(isinstance(text, str) for text in answer.json), (member, value)
        assert admin.get(where, connection=connection).status == 200, member
    # A context whose type or name something has become is given back what others here need.
    connection.close()
    assert admin.get(where.rpartition('/')[0]).status == 200
    if 'contexts' in path:
        admin.change(where, {'type': 'internal', 'user_ranges': [{'start': '1000', 'end': '1999'}]})


@pytest.mark.parametrize('path', ('/users', '/lines', '/extensions', '/voicemails', '/contexts', '/endpoints/sip'))
def test_any_value_at_creation(admin, things, path):
    context = next(thing for where, thing in things.items() if 'contexts' in where)
    base = {'/users': {'firstname': 'A'}, '/lines': {'context': context['name']},
            '/extensions': {'exten': '1', 'context': context['name']},
            '/voicemails': {'name': 'N', 'number': '1', 'context': context['name']}, '/contexts': {'label': 'L'},
            '/endpoints/sip': {}}[path]
    thing = next(thing for where, thing in things.items() if where.startswith(path))
    connection = keep_alive(admin)
    for member in thing:
        for value in NASTY[::3]:
            answer = admin.post(path, {**base, member: value}, connection=connection)
            assert answer.status in (201, 400), (member, value, answer)
            if answer.status == 201:
                assert admin.delete('%s/%s' % (path, answer.json.get('id') or answer.json['uuid']), connection=connection).status == 204
    connection.close()


@pytest.mark.parametrize('path', ('/users', '/lines', '/extensions', '/voicemails', '/contexts', '/endpoints/sip'))
def test_any_value_of_any_parameter(admin, things, unchanged, path):
    connection = keep_alive(admin)
    for name in ('limit', 'offset', 'order', 'direction', 'search', 'recurse', 'view', 'id', 'uuid', 'exten', 'name', 'context',
                 'unknown'):
        for value in NASTY:
            text = quote(value if isinstance(value, str) else json.dumps(value))[:8000]
            answer = admin.get('%s?%s=%s' % (path, name, text), connection=connection)
            assert answer.status in (200, 400), (name, value, answer)
            assert isinstance(answer.json, dict if answer.status == 200 else list)
    connection.close()


def keep_alive(admin):
    return http.client.HTTPConnection('127.0.0.1', admin.port, timeout=admin.timeout)


# ---- URLs ----


@pytest.mark.parametrize('target, status', (
    (b'/1.1/users%2F1', 404), (b'/1.1/%75sers', 200), (b'/1.1/users%00', 404), (b'/1.1/users/1%00', 404), (b'/1.1/users/%zz', 404),
    (b'/1.1/users/%', 404), (b'/1.1/users/%c3%28', 404),
    (b'//1.1/users', 400), (b'/1.1//users', 404), (b'/1.1/users//1', 404), (b'/1.1/users/', 404), (b'/1.1/users/../users', 404),
    (b'/1.1/users/./1', 404), (b'/1.1/%2e%2e/1.1/users', 404),
    (b'/1.1/users?', 200), (b'/1.1/users?limit', 400), (b'/1.1/users?=', 200), (b'/1.1/users?&&&', 200), (b'/1.1/users?a=b=c', 200),
    (b'/1.1/users?search=%00', 400), (b'/1.1/users?search=%ff', 400),
    (b'/1.1/users?search=a%20b+c', 200), (b'/1.1/users?limit=1&limit=x', 200), (b'/1.1/users?limit=x&limit=1', 400),
    (b'/1.1/users#fragment', 200), (b'/1.1/users;a=b', 404), (b'/1.1/users?a#b', 200),
    (b'/1.1/users?' + b'&'.join(b'a%d=1' % n for n in range(64)), 200),
    (b'/1.1/users?' + b'&'.join(b'a%d=1' % n for n in range(65)), 400), (b'/1.1/users?' + b'&' * 5000, 400),
    (b'/1.1/users?' + b'&'.join(b'a%d=1' % n for n in range(3000)), 400), (b'/1.1/users?search=' + b'%25' * 3000, 200),
    (b'/1.1/users?search=' + b'x' * 20000, 200),
    (b'/1.1/users/' + b'9' * 5000, 404), (b'/1.1/' + b'users/' * 2000, 404), (b'/1.1/lines/1/endpoints/sip/' + b'x' * 5000, 404),
    (b'/1.1/users/\xc3\xa9', 404), (b'/1.1/users?search=\xc3\xa9', 200),
    (b'/1.1/users?search=\xff', 400), (b'*', 404), (b'users', 400), (b'http://x/1.1/users', 200), (b'HTTP://X:80/1.1/users', 200),
    (b'https://x/1.1/users', 200), (b'http:///1.1/users', 400),
    (b'http://x', 404), (b'ftp://x/1.1/users', (200, 400)), (b'http://x//1.1/users', (400, 404)), (b'x:80', 400),
), ids=lambda value: value[:40].decode('latin-1').encode('unicode_escape').decode() if isinstance(value, bytes) else str(value))
def test_targets(service, admin, unchanged, target, status):
    got = raw(service, head(b'Connection: close', first=b'GET %s HTTP/1.1' % target))
    assert len(answers(got)) == 1 and answers(got)[0] in (status if isinstance(status, tuple) else (status,)), got[:500]
    alive(admin)


def test_asterisk(service):
    assert answers(raw(service, head(b'Connection: close', first=b'OPTIONS * HTTP/1.1'))) == [200]


@pytest.mark.parametrize('method', (b'PATCH', b'TRACE', b'CONNECT', b'BREW', b'get', b'G' * 1000, b'PROPFIND', b'!'))
def test_methods(service, unchanged, method):
    assert answers(raw(service, head(b'Connection: close', first=method + b' /1.1/users HTTP/1.1')))[0] in (400, 405, 501)


def test_tokens_and_tenants(admin, unchanged):
    """Odd ones are unknown ones."""
    for token in (EXPIRED, ADMIN + ' x', ADMIN[:-1], ADMIN.upper(), 'x' * 20000, "'; --", '%00', '(' * 100):
        answer = Client(admin.port, token).get('/users')
        assert answer.status == 401, token
        if len(token) < 100 and "'" not in token:
            assert answer.json == ["('%s', 'confd.users.read')" % token]
    for tenant in (NOBODY, 'x', 'x' * 10000, "a'b", '%s%s', '..'):
        assert Client(admin.port, tenant=tenant).post('/users', {'firstname': 'A'}).status == 401
    # The body is an exact rendering, whatever quotes are in it.
    assert Client(admin.port, 'it\'s "x"\\').get('/users').json == ['(\'it\\\'s "x"\\\\\', \'confd.users.read\')']


# ---- smuggling ----


@pytest.mark.parametrize('lines', (
    (b'Content-Length: %d' % len(SMUGGLED), b'Content-Length: 0'),
    (b'Content-Length: 0', b'Content-Length: 0'),
    (b'Content-Length: 5', b'Content-Length: 5'),
    (b'Content-Length: 0, 5',),
    (b'Content-Length: +5',),
    (b'Content-Length: -1',),
    (b'Content-Length: 0x5',),
    (b'Content-Length: 5 5',),
    (b'Content-Length:',),
    (b'Content-Length: 99999999999999999999999',),
    (b'Content-Length: 18446744073709551616',),
    (b'Content-Length : 5',),
    (b'Content-Length\t: 5',),
    (b'Content-Length: 5', b'Transfer-Encoding: chunked'),
    (b'Transfer-Encoding: chunked', b'Content-Length: 5'),
    (b'Transfer-Encoding: chunked', b'Transfer-Encoding: chunked'),
    (b'Transfer-Encoding: chunked', b'Transfer-Encoding: identity'),
    (b'Transfer-Encoding: chunked, chunked',),
    (b'Transfer-Encoding: gzip, chunked',),
    (b'Transfer-Encoding: chunked, identity',),
    (b'Transfer-Encoding: identity',),
    (b'Transfer-Encoding: xchunked',),
    (b'Transfer-Encoding: "chunked"',),
    (b'Transfer-Encoding: chunked;q=1',),
    (b'Transfer-Encoding: \x0bchunked',),
    (b'Transfer-Encoding : chunked',),
    (b'Transfer-Encoding:',),
    (b'X-A: b', b' Content-Length: 5'),
    (b'X-A: b', b'\tTransfer-Encoding: chunked'),
    (b'Transfer-Encoding:', b' chunked'),
    (b'Content-Length:', b' 134'),
    (b'No colon here',),
    (b'X A: b',),
    (b'X-A\x00: b',),
    (b'X-A: b\rc',),
    (b'X-\xff: b',),
    (b'Host: y',),
), ids=lambda lines: ' | '.join(line.decode('latin-1').encode('unicode_escape').decode() for line in lines))
def test_smuggling(service, admin, unchanged, lines):
    """400 and the end of the connection: what is behind is nobody's request."""
    got = raw(service, head(*lines) + SMUGGLED)
    assert len(answers(got)) <= 1 and all(status in (400, 413) for status in answers(got)), got[:500]
    assert not answers(got) or b'\r\nConnection: close\r\n' in got
    alive(admin)


@pytest.mark.parametrize('first, host', (
    (b'POST  /1.1/users HTTP/1.1', b'Host: x'), (b'POST /1.1/users  HTTP/1.1', b'Host: x'), (b'POST /1.1/users', b'Host: x'),
    (b'POST /1.1/users HTTP/1.1 x', b'Host: x'), (b'POST /1.1/users HTTP/2.0', b'Host: x'),
    (b'POST /1.1/users HTTP/0.9', b'Host: x'), (b'POST /1.1/users http/1.1', b'Host: x'), (b'POST /1.1/users HTTP/1.', b'Host: x'),
    (b'POST /1.1/users HTTP/11', b'Host: x'), (b'POST\t/1.1/users\tHTTP/1.1', b'Host: x'),
    (b' POST /1.1/users HTTP/1.1', b'Host: x'), (b'POST /1.1/us\0ers HTTP/1.1', b'Host: x'), (b'POST /1.1/users\0 HTTP/1.1', b'Host: x'),
    (b'POST /1.1/users HTTP/1.1', None), (b'POST', b'Host: x'), (b'\0', b'Host: x'),
    (b'POST /1.1/users HTTP/1.1', b'Host: a b'), (b'POST /1.1/users HTTP/1.1', b'Host: a/b'), (b'POST /1.1/users HTTP/1.1', b'Host: a@b'),
), ids=lambda value: repr(value))
def test_request_lines(service, admin, unchanged, first, host):
    """Broken ones carry out nothing; the body is announced, so that it is no request either."""
    got = raw(service, head(b'Content-Length: 2', first=first, host=host) + b'{}', half_close=True)
    assert len(answers(got)) <= 1 and all(status >= 400 for status in answers(got)), got[:500]
    alive(admin)


@pytest.mark.parametrize('body, status', (
    (b'19\r\n%s\r\n0\r\n\r\n' % PREY, 201),
    (b'19;name=value;other="x"\r\n%s\r\n0\r\n\r\n' % PREY, 201),
    (b'0019\r\n%s\r\n000\r\n\r\n' % PREY, 201),
    (b'1\r\n{\r\n18\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n' % PREY[1:], 201),
    (b'0\r\n\r\n', 400),
    (b'19\r\n%sX\r\n0\r\n\r\n' % PREY, 400),
    (b'19\r\n%s0\r\n\r\n' % PREY, 400),
    (b'G\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b'-1\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b'+19\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b'0x19\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b' 19\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b'\r\n%s\r\n0\r\n\r\n' % PREY, 400),
    (b'FFFFFFFFFFFFFFFFF\r\n%s\r\n0\r\n\r\n' % PREY, (400, 413)),
    (b'10000000000000019\r\n%s\r\n0\r\n\r\n' % PREY, (400, 413)),
    (b'FFFFFFFFFFFFFFFF\r\n%s\r\n0\r\n\r\n' % PREY, (400, 413)),
    (b'7FFFFFFFFFFFFFFF\r\n%s' % PREY, (400, 413)),
), ids=lambda value: value[:20].decode() if isinstance(value, bytes) else str(value))
def test_chunks(service, admin, body, status):
    before = Database(service).counts()
    got = raw(service, head(b'Transfer-Encoding: chunked', b'Connection: close') + body, half_close=True)
    if status == 201:
        assert answers(got) == [201]
    else:
        # libmicrohttpd ends a connection whose chunks make no sense without a word.
        assert answers(got) == [] or answers(got)[0] in (status if isinstance(status, tuple) else (status,)), got[:500]
        assert Database(service).counts() == before
    alive(admin)


def test_body_cut_short(service, admin, unchanged):
    """The client goes in the middle of it."""
    for length in (len(PREY) + 1, 100000):
        assert all(status >= 400 for status in answers(raw(service, head(b'Content-Length: %d' % length) + PREY, half_close=True)))
    alive(admin)


# ---- sizes ----


def test_large_bodies(service, admin):
    """40 MiB is the limit of what is read; above it 413, with or without a length that tells."""
    database = Database(service)
    before = database.counts()
    for size, status in ((40 * MIB, 400), (40 * MIB + 1, 413), (41 * MIB, 413)):
        body = b'{"firstname": "' + b'x' * (size - 17) + b'"}'
        assert len(body) == size
        answer = admin.post('/users', body)
        assert answer.status == status, answer
        assert answer.json == (["Input Error - firstname: ['Longer than maximum length 128.']"] if status == 400 else ['Request Entity Too Large'])
    # Where no body is read there is a limit, too.
    line = admin.line(admin.context())
    counts = database.counts()
    assert admin.put('/lines/%d/extensions/99999' % line['id'], b'x' * 41 * MIB).status == 413
    assert database.counts() == counts
    assert before['userfeatures'] == counts['userfeatures']


def test_large_chunked_body(service, admin, unchanged):
    with socket.create_connection(('127.0.0.1', service.port), timeout=30 * SLOW) as s:
        piece = b'100000\r\n' + b' ' * MIB + b'\r\n'
        s.sendall(head(b'Transfer-Encoding: chunked'))
        got = b''
        try:
            for _ in range(41):
                s.sendall(piece)
            s.sendall(b'0\r\n\r\n')
            got = s.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert answers(got) in ([413], [])
    alive(admin)


def test_large_values_that_are_legal(admin):
    """A description has no limit of its own: what is stored is answered, whole."""
    text = 'é' * (4 * MIB)
    user = admin.user(description=text)
    assert user['description'] == text
    path = '/users/%d' % user['id']
    assert admin.read(path)['description'] == text
    admin.change(path, {'description': None})
    many = {'unknown%d' % n: n for n in range(200000)}
    admin.change(path, many)
    admin.change(path, {'unknown': [0] * 1000000})


def test_large_headers(service, admin, unchanged):
    for lines in ([b'X-A: ' + b'x' * 100000], [b'X-%d: x' % n for n in range(20000)], [b'X-' + b'A' * 100000 + b': x'],
                  [b'Cookie: ' + b'a=b; ' * 20000]):
        got = raw(service, head(*lines, b'Content-Length: %d' % len(PREY)) + PREY)
        assert answers(got) in ([431], [413], [400], []), got[:200]
    assert answers(raw(service, head(first=b'GET /1.1/' + b'x' * 100000 + b' HTTP/1.1'))) in ([414], [431], [400], [])
    assert admin.get('/users', headers={'X-A': 'x' * 8000}).status == 200
    alive(admin)


def test_large_lists(admin, unchanged):
    """Nested ones, with an error in each item: one answer, in time."""
    answer = admin.post('/contexts', {'label': 'L', 'user_ranges': [{'start': 'x'}] * 20000})
    assert answer.status == 400 and len(answer.json) == 1
    answer = admin.post('/endpoints/sip', {'auth_section_options': [['username', 'x']] * 100000})
    assert answer.status == 400
    user = admin.read('/users?limit=1')['items'][0]
    answer = admin.put('/users/%d/lines' % user['id'], {'lines': [{'id': n} for n in range(100000, 200000)]})
    assert answer.status == 400


# ---- connections ----


def test_pipelining(service, admin):
    """Answers in the order of the requests, bodies and errors between them."""
    one = b'GET /1.1/%s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ' + ADMIN.encode() + b'\r\n\r\n'
    post = head(b'Content-Length: %d' % len(PREY)) + PREY
    paths = [(b'infos', 200), (b'nothing', 404), (b'users?limit=0', 400), (b'users/99999', 404), (b'status', 200)]
    data = b''.join(one % path + post for path, _ in paths * 10) + head(b'Connection: close', first=b'GET /1.1/infos HTTP/1.1')
    assert answers(raw(service, data)) == [status for _, status in paths * 10 for status in (status, 201)] + [200]


def test_one_byte_at_a_time(service):
    data = head(b'Content-Length: %d' % len(PREY), b'Connection: close') + PREY
    with socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(data)):
            s.send(data[n:n + 1])
        assert answers(s.recv(65536)) == [201]


def test_old_http(service):
    """HTTP/1.0 has one request a connection and needs no Host."""
    got = raw(service, head(first=b'GET /1.1/infos HTTP/1.0', host=None))
    assert answers(got) == [200] and b'chunked' not in got
    assert got.startswith((b'HTTP/1.0 200', b'HTTP/1.1 200'))
    assert answers(raw(service, head(b'Connection: keep-alive', first=b'GET /1.1/infos HTTP/1.0') +
                       head(first=b'GET /1.1/infos HTTP/1.0'))) == [200, 200]
    assert answers(raw(service, head(b'Transfer-Encoding: chunked', first=b'POST /1.1/users HTTP/1.0') + b'0\r\n\r\n'))[:1] in ([400], [])


def test_expect(service, admin):
    """100-continue is answered; a body that would be too large is refused before it is sent."""
    with socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW) as s:
        s.sendall(head(b'Content-Length: %d' % len(PREY), b'Expect: 100-continue', b'Connection: close'))
        assert s.recv(65536).startswith(b'HTTP/1.1 100 ')
        s.sendall(PREY)
        assert answers(s.recv(65536)) == [201]
    got = raw(service, head(b'Content-Length: %d' % (41 * MIB), b'Expect: 100-continue'))
    assert answers(got) == [413]
    got = raw(service, head(b'Content-Length: 5', b'Expect: 100-continue', first=b'POST /1.1/nothing HTTP/1.1'))
    assert answers(got) == [404]


def test_other_protocols(service, admin):
    """A TLS hello among them."""
    for data in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'x' * 500, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'SSH-2.0-x\r\n',
                 b'\r\n\r\n\r\n\r\n', b'GET /\r\n\r\n', b'\n' * 1000, b'*1\r\n$4\r\nPING\r\n'):
        got = raw(service, data, half_close=True)
        assert all(status >= 400 for status in answers(got))
    alive(admin)


def test_garbage(service, admin, unchanged):
    """Bytes at random, and sound requests with some bytes changed."""
    generator = random.Random(20261122)
    sound = head(b'Content-Length: 2', b'Accept: */*', b'Wazo-Tenant: ' + MASTER.encode()) + b'{}'
    for n in range(400):
        if n % 4 == 0:
            data = generator.randbytes(generator.randrange(1, 3000))
        else:
            data = bytearray(sound)
            for _ in range(generator.randrange(1, 8)):
                data[generator.randrange(len(data))] = generator.randrange(256)
        with socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW) as s:
            s.settimeout(0.2 * SLOW)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                got = s.recv(65536)
            except OSError:  # it has heard enough, or wants more
                got = b''
            assert all(400 <= status < 500 or status == 501 or status == 505 for status in answers(got)), (bytes(data), got)
    alive(admin)


def test_a_thousand_idle_connections(service, admin):
    """They cost others nothing: neither an answer nor noticeable time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    idle = []
    try:
        for n in range(1000):
            s = socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW)
            # Some have said nothing, some the half of a request, some all of one.
            s.sendall((b'', b'GET /1.1/us', head(first=b'GET /1.1/infos HTTP/1.1'))[n % 3])
            idle.append(s)
        begin = time.monotonic()
        for n in range(50):
            assert admin.get('/users?limit=1').status == 200
        assert time.monotonic() - begin < 30 * SLOW
        whole = idle[2::3]
        assert all(answers(s.recv(65536)) == [200] for s in whole)
        whole[0].sendall(head(first=b'GET /1.1/infos HTTP/1.1'))
        assert answers(whole[0].recv(65536)) == [200]
    finally:
        for s in idle:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_gone_in_the_middle(service, admin):
    """Clients that do not wait for their answer. What they asked for is done or not, and nothing else suffers."""
    data = head(b'Content-Length: %d' % len(PREY)) + PREY
    for n in range(100):
        s = socket.create_connection(('127.0.0.1', service.port), timeout=30 * SLOW)
        if n % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        s.sendall(data * (n % 3 + 1))
        s.close()
    alive(admin)
    assert admin.get('/users?limit=1').status == 200


def test_does_not_read(service, admin):
    """One who asks for much and takes nothing holds up nobody."""
    admin.user(description='x' * MIB)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', service.port))
        s.sendall(head(first=b'GET /1.1/users HTTP/1.1') * 20)
        for _ in range(20):
            begin = time.monotonic()
            alive(admin)
            assert time.monotonic() - begin < 20 * SLOW


class TestSlowSenders:
    """Each gets its second, and then its end, while others are served."""

    SECONDS = 1

    @staticmethod
    def dribble(s, data, every):
        """Sends a byte from time to time until the other side closes; how long it took, and what it said."""
        begin, got = time.monotonic(), b''
        at = 0
        while time.monotonic() - begin < 30 * SLOW:
            readable, _, _ = select.select([s], [], [], every)
            if readable:
                try:
                    piece = s.recv(65536)
                except ConnectionResetError:
                    piece = b''
                got += piece
                if not piece:
                    return time.monotonic() - begin, got
            elif at < len(data):
                try:
                    s.send(data[at:at + 1])
                except OSError:
                    pass
                at += 1
        raise AssertionError('a slow sender is waited for')

    @pytest.mark.parametrize('sent, slowly', (
        (b'', b'GET /1.1/infos HTTP/1.1\r\nHost: x\r\n' + b'X-A: b\r\n' * 100),
        (b'GET /1.1/infos HTTP/1.1\r\nHost: x\r\n', b'X-A: b\r\n' * 100),
        (b'GET /1.1/infos HTTP/1.1\r\nHost: x\r\nX-A: ', b'b' * 1000),
        (head(b'Content-Length: 1000'), b'{"firstname": "' + b'x' * 1000),
        (head(b'Transfer-Encoding: chunked'), b'1\r\n{\r\n' * 100),
        (head(b'Content-Length: 1000', first=b'PUT /1.1/users/1/lines/1 HTTP/1.1'), b'x' * 1000),
        (head(b'Content-Length: 1000', first=b'POST /1.1/nothing HTTP/1.1'), b'x' * 1000),
    ), ids=('request line', 'headers', 'one header', 'body', 'chunks', 'body that nobody reads', 'body of an error'))
    def test_is_ended(self, impatient, sent, slowly):
        admin = Client(impatient.port)
        with socket.create_connection(('127.0.0.1', impatient.port), timeout=20 * SLOW) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sent:
                s.sendall(sent)
            alive(admin)
            seconds, got = self.dribble(s, slowly, 0.05)
        assert seconds < 20 * SLOW
        assert answers(got) in ([408], [404], []), got
        alive(admin)
        assert admin.read('/users')['total'] == 0

    def test_idle_ones_are_ended(self, impatient):
        with socket.create_connection(('127.0.0.1', impatient.port), timeout=20 * SLOW) as s:
            begin = time.monotonic()
            s.sendall(head(first=b'GET /1.1/infos HTTP/1.1'))
            assert answers(s.recv(65536)) == [200]
            assert s.recv(65536) == b''
            assert 1 < time.monotonic() - begin < 20 * SLOW


def test_too_many_connections():
    """Above the limit one waits; as soon as there is room again, all goes on."""
    for service in own_service('limits: {connections: 20}\n'):
        for _ in range(10):
            held = [socket.create_connection(('127.0.0.1', service.port), timeout=30 * SLOW) for _ in range(40)]
            for s in held:
                s.close()
            assert Client(service.port).get('/infos').status == 200
        # One who waits gets the place of the first that goes.
        held = [socket.create_connection(('127.0.0.1', service.port), timeout=30 * SLOW) for _ in range(20)]
        for s in held:
            s.sendall(head(first=b'GET /1.1/infos HTTP/1.1'))
            assert answers(s.recv(65536)) == [200]
        with socket.create_connection(('127.0.0.1', service.port), timeout=30 * SLOW) as waiting:
            waiting.sendall(head(first=b'GET /1.1/infos HTTP/1.1'))
            held[7].close()
            assert answers(waiting.recv(65536)) == [200]
            for s in held:
                s.close()

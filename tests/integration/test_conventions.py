# SPDX-License-Identifier: GPL-3.0-or-later
"""What all resources have in common: methods and codes, headers, errors, lists, coercion, links, CORS, tokens."""

import http.client
import json
import re
from urllib.parse import quote

import pytest

from rest import *

INT, USER, SIP = '{int}', '{user}', '{uuid}'
# Every route, and what it knows besides OPTIONS; HEAD goes with GET.
ROUTES = (
    ('/infos', 'GET'),
    ('/status', 'GET'),
    ('/wizard', 'GET POST'),
    ('/api/api.yml', 'GET'),
    ('/contexts', 'GET POST'),
    ('/contexts/{int}', 'GET PUT DELETE'),
    ('/contexts/{int}/contexts', 'PUT'),
    ('/contexts/{int}/ranges/user', 'GET'),
    ('/contexts/{int}/ranges/group', 'GET'),
    ('/contexts/{int}/ranges/queue', 'GET'),
    ('/contexts/{int}/ranges/incall', 'GET'),
    ('/users', 'GET POST'),
    ('/users/{user}', 'GET PUT DELETE'),
    ('/users/{user}/lines', 'PUT'),
    ('/users/{user}/lines/{int}', 'PUT DELETE'),
    ('/users/{user}/voicemails', 'GET POST DELETE'),
    ('/users/{user}/voicemails/{int}', 'PUT'),
    ('/lines', 'GET POST'),
    ('/lines/{int}', 'GET PUT DELETE'),
    ('/lines/{int}/endpoints/sip/{uuid}', 'PUT DELETE'),
    ('/lines/{int}/endpoints/sccp/{int}', 'PUT DELETE'),
    ('/lines/{int}/endpoints/custom/{int}', 'PUT DELETE'),
    ('/lines/{int}/extensions', 'GET POST'),
    ('/lines/{int}/extensions/{int}', 'PUT DELETE'),
    ('/extensions', 'GET POST'),
    ('/extensions/{int}', 'GET PUT DELETE'),
    ('/voicemails', 'GET POST'),
    ('/voicemails/{int}', 'GET PUT DELETE'),
    ('/endpoints/sip', 'GET POST'),
    ('/endpoints/sip/{uuid}', 'GET PUT DELETE'),
)
OPEN = {('/wizard', 'GET'), ('/wizard', 'POST'), ('/api/api.yml', 'GET')}
LISTS = ('/contexts', '/users', '/lines', '/extensions', '/voicemails', '/endpoints/sip')
ITEMS = ('/contexts/{int}', '/users/{user}', '/lines/{int}', '/extensions/{int}', '/voicemails/{int}', '/endpoints/sip/{uuid}')
METHODS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'BREW')
VERBS = {'GET': 'read', 'HEAD': 'read', 'POST': 'create', 'PUT': 'update', 'DELETE': 'delete'}

GENERIC_405 = {'message': 'The method is not allowed for the requested URL.'}
NOT_INTEGER = "{'message': 'Not a valid integer.', 'constraint_id': 'type', 'constraint': 'integer'}"
NEGATIVE = "[{'constraint_id': 'range', 'constraint': {'min': 0}, 'message': 'Must be greater than or equal to 0.'}]"


def known(methods):
    return methods.split() + (['HEAD'] if 'GET' in methods else [])


def filled(route, number=99999):
    return route.replace(INT, str(number)).replace(USER, str(number)).replace(SIP, NOBODY)


@pytest.fixture(scope='module')
def things(admin):
    """One of each resource: {item route: object}."""
    context = admin.context()
    return {'/contexts/{int}': context, '/users/{user}': admin.user(), '/lines/{int}': admin.line(context),
            '/extensions/{int}': admin.extension(context, '1500'), '/voicemails/{int}': admin.voicemail(context, '1500'),
            '/endpoints/sip/{uuid}': admin.endpoint(label='One')}


def path_of(route, thing):
    return route.replace(SIP, thing.get('uuid', '')).replace(INT, str(thing.get('id'))).replace(USER, str(thing.get('id')))


# ---- methods, codes, headers ----


@pytest.mark.parametrize('route, methods', ROUTES)
def test_methods(admin, route, methods):
    """What a route does not know is 405 with what it knows, before any token is asked for; OPTIONS is 200, nothing more."""
    stranger = Client(admin.port, None)
    allowed = sorted(known(methods) + ['OPTIONS'])
    for method in METHODS:
        answer = stranger.request(method, filled(route))
        if method in methods.split():
            assert answer.status in (200, 400) if (route, method) in OPEN else answer.status == 401, (method, answer)
            continue
        assert (answer.status, answer.json) == (405, GENERIC_405), (method, answer)
        assert answer.headers['Content-Type'] == 'application/json'
        assert answer.headers['Allow'].split(', ') == allowed
    answer = stranger.request('OPTIONS', filled(route))
    assert (answer.status, answer.body) == (200, b'')


@pytest.mark.parametrize('route, methods', ROUTES)
def test_tokens(admin, route, methods):
    """No token, one that nobody knows, one that has expired, one without the right: 401, with what was wanted."""
    for method in known(methods):
        if (route, method.replace('HEAD', 'GET')) in OPEN:
            continue
        right = 'confd%s.%s' % (filled(route).replace('/', '.'), VERBS[method])
        for token in (None, '', 'nobody-knows-this', EXPIRED):
            answer = Client(admin.port, token).request(method, filled(route))
            assert answer.status == 401 and answer.headers['Content-Type'] == 'application/json'
            if method != 'HEAD':
                assert answer.json == ["('%s', '%s')" % (token or '', right)]
        answer = Client(admin.port, SELF).request(method, filled(route))
        assert answer.status == 401
        if method != 'HEAD':
            assert answer.json == ["('%s', '%s', None)" % (SELF, right)]
            tenanted = Client(admin.port, SELF, MASTER).request(method, filled(route))
            assert (tenanted.status, tenanted.json) == (401, ["('%s', '%s', '%s')" % (SELF, right, MASTER)])


def test_token_only_in_the_header(admin):
    answer = Client(admin.port, None).get('/users?token=' + ADMIN)
    assert (answer.status, answer.json) == (401, ["('', 'confd.users.read')"])


def test_access_rights(admin):
    """Patterns: one word, any words, negative ones, me, edit for update."""
    limited, reader, self = (Client(admin.port, token) for token in (LIMITED, READER, SELF))
    assert limited.get('/users').status == 200
    for path in ('/lines', '/lines/7', '/lines/7/extensions'):
        assert limited.get(path).status == 401
    assert reader.get('/users').status == 200
    assert reader.get('/users/99999').status == 404
    assert reader.get('/endpoints/sip').status == 200
    assert reader.get('/endpoints/sip/' + NOBODY).status == 401
    assert reader.get('/contexts').status == 401
    assert reader.post('/users', {'firstname': 'A'}).status == 401
    assert self.get('/users/' + SELF_ID).status == 404
    assert self.get('/users/' + NOBODY).status == 401
    assert self.get('/users/me').status == 404


@pytest.mark.parametrize('path', ('/nothing', '/users/', '/users/abc', '/users/-1', '/users/1.0', '/lines/abc', '/lines/-1', '/lines/+1',
                                  '/lines/1/2',
                                  '/lines/%31%2f', '/endpoints/sip/7', '/endpoints/sip/nonsense', '/endpoints', '', '/', '/users/1/',
                                  '/users/me',
                                  '/lines/1/endpoints/sip/1', '/users/%s/lines/%s' % (NOBODY, NOBODY), '/./users', '/../1.1/users',
                                  '/users/..',
                                  '/users%2f1', '/Users'))
def test_no_such_url(admin, path):
    """A page, and without a token, too."""
    for client in (admin, Client(admin.port, None)):
        answer = client.get(path)
        assert answer.status == 404
        assert answer.headers['Content-Type'] == 'text/html; charset=utf-8'
        assert '<title>404 Not Found</title>' in answer.text
        assert answer.headers['Access-Control-Allow-Origin'] == '*'


def test_outside_of_the_prefix(admin):
    for path in ('/', '/1.1', '/1.10/users', '/users', '/1.0/users'):
        connection = http.client.HTTPConnection('127.0.0.1', admin.port, timeout=10)
        connection.request('GET', path, headers=admin.headers())
        response = connection.getresponse()
        assert (response.status, response.headers['Content-Type']) == (404, 'text/html; charset=utf-8')
        connection.close()


NAMES = {'/contexts/{int}': 'Context', '/users/{user}': 'User', '/lines/{int}': 'Line', '/extensions/{int}': 'Extension',
         '/voicemails/{int}': 'Voicemail', '/endpoints/sip/{uuid}': 'SIPEndpoint'}


@pytest.mark.parametrize('route', ITEMS)
def test_unknown_id(admin, route):
    """JSON, in the words of the resource; numbers beyond what a column holds are unknown, too."""
    cases = [(route.replace(INT, n).replace(USER, n), "('id': %s)" % n) for n in ('99999', '0', '2147483647', '2147483648',
            '99999999999999999999')]
    if SIP in route:
        cases = [(route.replace(SIP, NOBODY), "('uuid': UUID('%s'))" % NOBODY)]
    elif USER in route:
        cases.append((route.replace(USER, NOBODY), "('id': UUID('%s'))" % NOBODY))
    for path, metadata in cases:
        for method, body in (('GET', None), ('PUT', {}), ('DELETE', None)):
            answer = admin.request(method, path, body)
            assert (answer.status, answer.headers['Content-Type']) == (404, 'application/json'), answer
            assert answer.json == ['Resource Not Found - %s was not found %s' % (NAMES[route], metadata)]


@pytest.mark.parametrize('path', ('/infos', '/status', '/wizard', '/api/api.yml') + LISTS)
def test_head(admin, path):
    """The headers of GET without its body."""
    get, head = admin.get(path), admin.request('HEAD', path)
    assert head.body == b''
    assert head.status == get.status == 200
    for name in ('Content-Length', 'Content-Type', 'Access-Control-Allow-Origin'):
        assert head.headers[name] == get.headers[name]
    assert int(get.headers['Content-Length']) == len(get.body)


@pytest.mark.parametrize('route', ITEMS)
def test_head_of_an_item(admin, things, route):
    path = path_of(route, things[route])
    head = admin.request('HEAD', path)
    # Users have a HEAD of their own.
    wanted = 3 if route == '/users/{user}' else len(admin.get(path).body)
    assert (head.status, head.body, head.headers['Content-Length']) == (200, b'', str(wanted))
    assert admin.request('HEAD', filled(route)).status == 404


@pytest.mark.parametrize('route', ITEMS)
def test_a_life(service, admin, route):
    """POST 201 with Location, links and the object; PUT 204; GET 200; DELETE 204; then 404."""
    context = admin.context()
    bodies = {'/contexts/{int}': {'label': 'L'}, '/users/{user}': {'firstname': 'F'}, '/lines/{int}': {'context': context['name']},
              '/extensions/{int}': {'exten': '1', 'context': context['name']},
              '/voicemails/{int}': {'name': 'N', 'number': '1', 'context': context['name']}, '/endpoints/sip/{uuid}': {}}
    post = admin.post(route.rpartition('/')[0], bodies[route])
    assert (post.status, post.headers['Content-Type']) == (201, 'application/json')
    path = path_of(route, post.json)
    url = 'http://127.0.0.1:%d/1.1%s' % (service.port, path)
    assert post.headers['Location'] == url
    rel = {'/endpoints/sip/{uuid}': 'endpoint_sip'}.get(route, route.split('/')[1])
    assert post.json['links'] == [{'rel': rel, 'href': url}]
    assert post.json['tenant_uuid'] == MASTER
    assert admin.read(path) == post.json

    put = admin.put(path, {})
    assert (put.status, put.body, put.headers['Content-Type']) == (204, b'', 'application/json')
    assert admin.read(path) == post.json, 'absent members keep their value'
    delete = admin.delete(path)
    assert (delete.status, delete.body, delete.headers['Content-Type']) == (204, b'', 'application/json')
    for method, body in (('GET', None), ('PUT', {}), ('DELETE', None)):
        assert admin.request(method, path, body).status == 404


@pytest.mark.parametrize('path', LISTS)
def test_list_shape(admin, things, path):
    found = admin.read(path)
    assert list(found) == ['total', 'items']
    assert found['total'] == len(found['items']) >= 1
    item = found['items'][0]
    route = next(route for route in ITEMS if route.rpartition('/')[0] == path)
    assert admin.read(path_of(route, item)) == item, 'an item of a list is what GET of it answers'


def test_headers_of_every_answer(service, admin):
    """Server is there, X-Powered-By is not; errors are no exception."""
    for answer in (admin.get('/infos'), admin.get('/nothing'), admin.get('/users/9999'), admin.post('/users', {}),
                   admin.request('PATCH', '/users'),
                   Client(service.port, None).get('/users'), admin.request('OPTIONS', '/users')):
        assert answer.headers['Server'] and 'X-Powered-By' not in answer.headers
        assert answer.headers['Access-Control-Allow-Origin'] == '*' and 'Vary' not in answer.headers
        assert re.fullmatch('[0-9a-f]{32}', answer.headers['X-Request-Id'])
        assert answer.headers['Date']


@pytest.mark.parametrize('accept', (None, 'text/html', 'application/xml', 'text/csv', 'application/yaml', 'nonsense', '*/*;q=0'))
@pytest.mark.parametrize('content_type',
                         (None, 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', ''))
def test_types_are_not_negotiated(admin, accept, content_type):
    headers = {name: value for name, value in (('Accept', accept), ('Content-Type', content_type)) if value is not None}
    answer = admin.request('POST', '/users', b'{"firstname": "Any"}', headers=headers)
    assert (answer.status, answer.headers['Content-Type']) == (201, 'application/json')
    answer = admin.request('GET', '/users', headers=headers)
    assert (answer.status, answer.headers['Content-Type']) == (200, 'application/json')


def test_json_style(admin):
    """", " and ": ", escapes beyond ASCII, a final newline, the members in their order."""
    answer = admin.post('/users', {'lastname': 'Ångström\u2028"\\\t/', 'firstname': '😀', 'description': '\x7f<&>'})
    assert answer.status == 201
    assert answer.body == json.dumps(answer.json).encode() + b'\n'
    assert b'"firstname": "\\ud83d\\ude00", "lastname": "\\u00c5ngstr\\u00f6m\\u2028\\"\\\\\\t/"' in answer.body
    assert answer.json['lastname'] == 'Ångström\u2028"\\\t/'
    assert TIMESTAMP.fullmatch(answer.json['created_at'])
    for path in ('/infos', '/status', '/wizard', '/users?limit=2'):
        got = admin.get(path)
        assert got.body == json.dumps(got.json).encode() + b'\n'
    error = admin.get('/users?order=%C3%A9%22')
    assert error.body == b'["Input Error - order: column \'\\u00e9\\"\' was not found"]\n'


# ---- bodies ----

GENERIC, SCHEMA = BROWSER, ["Input Error - _schema: ['Invalid input type.']"]
MISSING = ["Input Error - firstname: ['Missing data for required field.']"]


@pytest.mark.parametrize('body, post, put', (
    (None, (400, GENERIC), (400, GENERIC)),
    (b'', (400, GENERIC), (400, GENERIC)),
    (b' ', (400, GENERIC), (400, GENERIC)),
    (b'firstname=A', (400, GENERIC), (400, GENERIC)),
    (b"{'firstname': 'A'}", (400, GENERIC), (400, GENERIC)),
    (b'{"firstname": "A"', (400, GENERIC), (400, GENERIC)),
    (b'{"firstname": "A"} x', (400, GENERIC), (400, GENERIC)),
    (b'{"firstname": "A",}', (400, GENERIC), (400, GENERIC)),
    (b'{"ring_seconds": NaN}', (400, GENERIC), (400, GENERIC)),
    (b'[]', (400, MISSING), (204, None)),
    (b'{}', (400, MISSING), (204, None)),
    (b'[1]', (400, SCHEMA), (400, SCHEMA)),
    (b'null', (400, SCHEMA), (400, SCHEMA)),
    (b'7', (400, SCHEMA), (400, SCHEMA)),
    (b'"text"', (400, SCHEMA), (400, SCHEMA)),
    (b'true', (400, SCHEMA), (400, SCHEMA)),
    (b'{"firstname": "A", "unknown": {"a": [1]}, "id": "x", "uuid": 7, "tenant_uuid": [], "links": null}', (201, None), (204, None)),
    (b'  {"firstname": "A"}\r\n', (201, None), (204, None)),
    (b'{"firstname": "A", "firstname": 7}', (400, ["Input Error - firstname: ['Not a valid string.']"]),
     (400, ["Input Error - firstname: ['Not a valid string.']"])),
    (b'{"firstname": 7, "firstname": "B"}', (201, None), (204, None)),
))
def test_bodies(service, admin, body, post, put):
    user = admin.user()
    before = Database(service).counts()
    for answer, (status, message) in ((admin.post('/users', body), post), (admin.put('/users/%d' % user['id'], body), put)):
        assert answer.status == status, answer
        if status == 400:
            assert answer.json == message
    if post[0] == put[0] == 400:
        assert Database(service).counts() == before
    after = admin.read('/users/%d' % user['id'])
    assert (after['id'], after['uuid'], after['tenant_uuid']) == (user['id'], user['uuid'], MASTER)


def test_last_of_duplicates(admin):
    assert admin.post('/users', b'{"firstname": 7, "firstname": "B"}').json['firstname'] == 'B'


# ---- coercion ----

NULL = 'Field may not be null.'
STRING, INTEGER, BOOLEAN, LIST, UUIDS = ('Not a valid %s.' % what for what in ('string', 'integer', 'boolean', 'list', 'UUID'))
RING = 'Must be greater than or equal to 0 and less than or equal to 10800.'


@pytest.mark.parametrize('member, value, wanted', (
    ('firstname', 'x', 'x'),
    ('firstname', '', ''),
    ('firstname', 7, [STRING]),
    ('firstname', True, [STRING]),
    ('firstname', ['x'], [STRING]),
    ('firstname', {}, [STRING]),
    ('firstname', None, [NULL]),
    ('firstname', 'é' * 128, 'é' * 128),
    ('firstname', 'é' * 129, ['Longer than maximum length 128.']),
    ('lastname', None, None),
    ('ring_seconds', 7, 7),
    ('ring_seconds', '7', 7),
    ('ring_seconds', 7.9, 7),
    ('ring_seconds', 0, 0),
    ('ring_seconds', 10800, 10800),
    ('ring_seconds', '7.5', [INTEGER]),
    ('ring_seconds', 'seven', [INTEGER]),
    ('ring_seconds', '', [INTEGER]),
    ('ring_seconds', True, [INTEGER]),
    ('ring_seconds', False, [INTEGER]),
    ('ring_seconds', [], [INTEGER]),
    ('ring_seconds', {}, [INTEGER]),
    ('ring_seconds', None, [NULL]),
    ('ring_seconds', -1, [RING]),
    ('ring_seconds', 10801, [RING]),
    ('ring_seconds', 2 ** 31, [RING]),
    ('ring_seconds', 2 ** 62, [RING]),
    ('ring_seconds', 1e300, [INTEGER]),
    ('ring_seconds', '9' * 40, [INTEGER]),
    ('supervision_enabled', False, False),
    ('supervision_enabled', 0, [BOOLEAN]),
    ('supervision_enabled', 'true', [BOOLEAN]),
    ('supervision_enabled', [], [BOOLEAN]),
    ('supervision_enabled', None, [NULL]),
    ('email', 'a.b+c@example.org', 'a.b+c@example.org'),
    ('email', 'nobody', ['Not a valid email address.']),
    ('email', 'a@b@c', ['Not a valid email address.']),
    ('email', '', ['Not a valid email address.']),
    ('language', 'fr_CA', 'fr_CA'),
    ('language', 'fr-CA', ['String does not match expected pattern.']),
    ('language', 'fr_CA\n', ['String does not match expected pattern.']),
    ('call_permission_password', '12*#', '12*#'),
    ('call_permission_password', 'abc', ['String does not match expected pattern.']),
))
def test_coercion(admin, member, value, wanted):
    user = admin.user()
    path = '/users/%d' % user['id']
    answer = admin.put(path, {member: value})
    if isinstance(wanted, list):
        assert answer.status == 400, answer
        assert answer.json == ["Input Error - %s: ['%s']" % (member, wanted[0])]
        assert admin.read(path) == user
    else:
        assert answer.status == 204, answer
        assert admin.read(path)[member] == wanted


@pytest.mark.parametrize('value, wanted',
                         [(v, True) for v in (True, 1, '1', 't', 'T', 'true', 'True', 'TRUE', 'on', 'On', 'ON', 'y', 'Y', 'yes', 'Yes')] +
                         [(v, False) for v in (False, 0, '0', 'f', 'F', 'false', 'False', 'off', 'OFF', 'n', 'N', 'no', 'NO')] +
                         [(v, None) for v in (2, -1, '2', 'maybe', '', [], {}, 0.5, ' true')])
def test_lax_booleans(admin, things, value, wanted):
    path = '/extensions/%d' % things['/extensions/{int}']['id']
    if wanted is None:
        answer = admin.put(path, {'enabled': value})
        assert (answer.status, answer.json) == (400, ["Input Error - enabled: ['%s']" % BOOLEAN])
        return
    admin.change(path, {'enabled': value})
    assert admin.read(path)['enabled'] is wanted
    if isinstance(value, str):
        assert admin.get('/users?recurse=' + value).status == 200


@pytest.mark.parametrize('ranges, error', (
    (None, "['%s']" % NULL),
    ({}, "['Invalid type.']"),
    ('x', "['Invalid type.']"),
    ([7], "{0: {'_schema': ['Invalid input type.']}}"),
    ([{}], "{0: {'start': ['Missing data for required field.']}}"),
    ([{'start': '1'}, {'start': 'x'}], "{1: {'start': ['Invalid input.']}}"),
    ([{'start': 1}], "{0: {'start': ['Not a valid string.']}}"),
    ([{'start': '10', 'end': '9'}], "{0: {'_schema': ['Start and end must be of the same length']}}"),
    ([{'start': '19', 'end': '18'}], "{0: {'_schema': ['Start of range must be lower than or equal to the end']}}"),
))
def test_nested_errors(admin, ranges, error):
    answer = admin.post('/contexts', {'label': 'L', 'user_ranges': ranges})
    assert answer.status == 400
    assert answer.json == ['Input Error - user_ranges: ' + error]


def test_errors_come_together(admin):
    """One line for each field, in the order of the fields; what speaks of the whole only when no field is wrong."""
    assert admin.post('/voicemails',
                      {}).json == ["Input Error - %s: ['Missing data for required field.']" % name for name in ('name', 'number',
                              'context')]
    both = {'call_record_enabled': True, 'call_record_outgoing_external_enabled': True}
    assert admin.post('/users', {'lastname': 7, 'ring_seconds': -1, **both}).json == \
        ["Input Error - firstname: ['Missing data for required field.']", "Input Error - lastname: ['%s']" % STRING,
         "Input Error - ring_seconds: ['%s']" % RING]
    answer = admin.post('/users', {'firstname': 'A', 'call_record_enabled': True, 'call_record_outgoing_external_enabled': True})
    assert answer.status == 400 and len(answer.json) == 1 and answer.json[0].startswith('Input Error - _schema: [')


# ---- lists ----


@pytest.mark.parametrize('path', LISTS)
@pytest.mark.parametrize('query, messages', (
    ('limit=-1', ['limit: ' + NEGATIVE]),
    ('limit=0', ["field 'limit': wrong type. Should be a positive number"]),
    ('limit=ten', ['limit: ' + NOT_INTEGER]),
    ('limit=1.5', ['limit: ' + NOT_INTEGER]),
    ('limit=', ['limit: ' + NOT_INTEGER]),
    ('limit', ['limit: ' + NOT_INTEGER]),
    ('offset=-1', ['offset: ' + NEGATIVE]),
    ('offset=ten', ['offset: ' + NOT_INTEGER]),
    ('limit=x&offset=y', ['limit: ' + NOT_INTEGER, 'offset: ' + NOT_INTEGER]),
    ('order=nothing', ["order: column 'nothing' was not found"]),
    ('order=', ["order: column '' was not found"]),
    ('direction=', ["direction: must be 'asc' or 'desc'"]),
    ('direction=ASC', ["direction: must be 'asc' or 'desc'"]),
    ('direction=down', ["direction: must be 'asc' or 'desc'"]),
))
def test_wrong_parameters(admin, path, query, messages):
    answer = admin.get(path + '?' + query)
    assert (answer.status, answer.json) == (400, ['Input Error - ' + message for message in messages])


@pytest.mark.parametrize('path', LISTS)
def test_wrong_recurse(admin, path):
    for value in ('maybe', '2', ''):
        answer = admin.get(path + '?recurse=' + value)
        assert answer.status == 400
        assert answer.json[0].startswith("Input Error - recurse: {'message': 'Not a valid boolean.', ")


@pytest.mark.parametrize('path', LISTS)
def test_harmless_parameters(admin, things, path):
    """What nobody knows, what is empty, what comes twice."""
    everything = admin.read(path)
    for query in ('unknown=1', 'search=', 'offset=0', 'offset=0&limit=1000000', '', '&&', '&', 'unknown', '=', '=x', 'limit=1000&limit=x',
                  'recurse=0', 'recurse=true'):
        assert admin.read(path + '?' + query) == everything, query
    assert admin.read(path + '?offset=100000') == {'total': everything['total'], 'items': []}
    assert admin.read(path + '?offset=9223372036854775807')['items'] == []
    assert admin.read(path + '?limit=1')['items'] == everything['items'][:1]
    assert admin.read(path + '?limit=1&offset=1')['items'] == everything['items'][1:2]


class TestLists:
    """Of users, who have the richest ones, in a tenant of their own."""

    PEOPLE = (('Zoé', 'Abbott', 'z@example.org'), ('adam', 'Élan', None), ('Bea', None, 'bea@example.org'), ('Carl_1', '50%', None),
              ('Ådne', 'abbott', 'a@example.org'))

    @pytest.fixture(scope='class')
    def people(self, child):
        for n, (first, last, email) in enumerate(self.PEOPLE):
            child.user(firstname=first, lastname=last, email=email, description='Person %d' % n)
        return child

    @staticmethod
    def names(client, query):
        return [user['firstname'] for user in client.read('/users?' + query)['items']]

    def test_totals(self, people):
        for query, total, n in (('', 5, 5), ('limit=2', 5, 2), ('limit=2&offset=4', 5, 1), ('search=person&limit=1', 5, 1),
                                ('firstname=Bea&limit=9', 1, 1)):
            found = people.read('/users?' + query)
            assert (found['total'], len(found['items'])) == (total, n), query

    @pytest.mark.parametrize('query, wanted', (
        ('order=firstname', ['adam', 'Ådne', 'Bea', 'Carl_1', 'Zoé']),
        ('order=firstname&direction=asc', ['adam', 'Ådne', 'Bea', 'Carl_1', 'Zoé']),
        ('order=firstname&direction=desc', ['Zoé', 'Carl_1', 'Bea', 'Ådne', 'adam']),
        ('order=description&limit=2&offset=1', ['adam', 'Bea']),
        ('order=email', ['Ådne', 'Bea', 'Zoé', None, None]),
        ('order=email&direction=desc', [None, None, 'Zoé', 'Bea', 'Ådne']),
    ))
    def test_order(self, people, query, wanted):
        """Accents and case do not matter; what is empty comes last, and first when reversed."""
        assert [name if user['email'] or 'email' not in query else None
                for user in people.read('/users?' + query)['items'] for name in [user['firstname']]] == wanted

    def test_order_is_not_by_default_reversed(self, people):
        assert self.names(people, 'direction=desc') == self.names(people, '')[::-1]
        assert self.names(people, '') == self.names(people, 'direction=asc')

    @pytest.mark.parametrize('search, wanted', (
        ('zoe', {'Zoé'}), ('ZOÉ', {'Zoé'}), ('elan', {'adam'}), ('abb', {'Zoé', 'Ådne'}), ('zoe abb', {'Zoé'}),
        ('example', {'Zoé', 'Bea', 'Ådne'}), ('person 3', {'Carl_1'}), ('nobody at all', set()),
        ('p_rson', {'Zoé', 'adam', 'Bea', 'Carl_1', 'Ådne'}), ('per%3', {'Carl_1'}), ("' OR 1=1 --", set()), ('adne', {'Ådne'}),
    ))
    def test_search(self, people, search, wanted):
        """Contained anywhere, without case and accents; % and _ are wildcards, as clients know it."""
        assert set(self.names(people, 'search=' + quote(search))) == wanted

    @pytest.mark.parametrize('query, wanted', (
        ('firstname=Bea', {'Bea'}), ('firstname=bea', set()), ('firstname=Be', set()), ('email=bea@example.org', {'Bea'}),
        ('fullname=adam+%C3%89lan', {'adam'}),
        ('id=nonsense', set()), ('id=99999999999999', set()), ('subscription_type=x', set()), ('firstname=Bea&lastname=x', set()),
        ('uuid=nonsense', set()),
        ('firstname=Bea&firstname=adam', {'Bea'}),
    ))
    def test_exact(self, people, query, wanted):
        assert set(self.names(people, query)) == wanted

    def test_several_at_once(self, people):
        users = people.read('/users')['items']
        assert {u['uuid'] for u in people.read('/users?uuid=%s,%s' % (users[0]['uuid'], users[1]['uuid']))['items']} == {users[0]['uuid'],
                users[1]['uuid']}


def test_several_endpoints_at_once(admin):
    one, two = admin.endpoint(), admin.endpoint()
    both = {one['uuid'], two['uuid']}
    for query, wanted in (('%s,%s' % (one['uuid'], two['uuid']), both), ('nonsense,' + one['uuid'], {one['uuid']}), ('nonsense', set()),
                          (NOBODY, set())):
        assert {e['uuid'] for e in admin.read('/endpoints/sip?uuid=' + query)['items']} == wanted


ORDERS = {'/contexts': 'id', '/lines': 'name', '/extensions': 'exten', '/voicemails': 'number', '/endpoints/sip': 'label'}
COLUMNS = {
    '/contexts': 'id description name label type',
    '/lines': 'context provisioning_code provisioning_extension position device_slot protocol device_id name caller_id_name caller_id_num exten',
    '/extensions': 'exten context type',
    '/voicemails': 'name number email context language timezone pager accesstype',
    '/endpoints/sip': 'name asterisk_id label template',
    '/users': 'id uuid firstname lastname fullname caller_id description userfield email mobile_phone_number music_on_hold outgoing_caller_id '
              'preprocess_subroutine voicemail_number provisioning_code exten extension context username enabled subscription_type',
}


@pytest.mark.parametrize('path', LISTS)
def test_columns(admin, things, path):
    """Each sorts and filters; what is not named does not."""
    for column in COLUMNS[path].split():
        for query in ('order=%s' % column, 'order=%s&direction=desc' % column, '%s=1' % column, '%s=' % column, '%s=nonsense' % column):
            answer = admin.get('%s?%s' % (path, query))
            assert answer.status == 200, (query, answer)
    for column in ('tenant_uuid', 'password', 'links', '1; DROP TABLE x') + (('id',) if path in ('/lines', '/extensions') else ()):
        assert admin.request('GET', '%s?order=%s' % (path, column.replace(' ', '+'))).json == \
            ["Input Error - order: column '%s' was not found" % column]
    assert admin.read(path + '?%s=nonsense+that+nothing+has' % COLUMNS[path].split()[-2])['items'] == []


@pytest.mark.parametrize('path', ORDERS)
def test_default_order(admin, path):
    """Three made in another order than the default."""
    context = admin.context(label='B')
    for n in ('3', '1', '2'):
        {'/contexts': lambda: admin.context(label='D' + n), '/lines': lambda: admin.line(context),
         '/extensions': lambda: admin.extension(context, '77' + n),
         '/voicemails': lambda: admin.voicemail(context, '77' + n), '/endpoints/sip': lambda: admin.endpoint(label='D' + n)}[path]()
    values = [item[ORDERS[path]] for item in admin.read(path)['items']]
    there = [value for value in values if value is not None]
    assert there == sorted(there) and values == there + [None] * (len(values) - len(there))
    assert [item[ORDERS[path]] for item in admin.read(path + '?order=%s&direction=desc' % ORDERS[path])['items']] == \
        [None] * (len(values) - len(there)) + there[::-1]


# ---- links and proxies ----


@pytest.mark.parametrize('headers, base', (
    ({'Host': 'pbx.example'}, 'http://pbx.example/1.1'),
    ({'Host': 'pbx.example:8443'}, 'http://pbx.example:8443/1.1'),
    ({'Host': '[::1]:9486'}, 'http://[::1]:9486/1.1'),
    ({'Host': 'pbx.example', 'X-Forwarded-Proto': 'https'}, 'https://pbx.example/1.1'),
    ({'Host': 'pbx.example', 'X-Forwarded-Host': 'evil.example'}, 'http://pbx.example/1.1'),
    ({'Host': 'pbx.example', 'X-Script-Name': '/api/confd'}, 'http://pbx.example/api/confd/1.1'),
    ({'Host': 'pbx.example', 'X-Script-Name': '/api/confd', 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.7'},
     'https://pbx.example/api/confd/1.1'),
))
def test_links(admin, headers, base):
    answer = admin.post('/users', {'firstname': 'A'}, headers=headers)
    url = '%s/users/%d' % (base, answer.json['id'])
    assert answer.headers['Location'] == url
    assert answer.json['links'] == [{'rel': 'users', 'href': url}]
    found = admin.request('GET', '/users?limit=1&order=id&direction=desc', headers=headers)
    assert found.json['items'][0]['links'] == [{'rel': 'users', 'href': url}]


@pytest.mark.parametrize('headers', ({'X-Forwarded-Proto': 'javascript'}, {'X-Script-Name': 'no-slash'}, {'X-Script-Name': '/a b'},
                                     {'X-Script-Name': '//evil.example'},
                                     {'X-Script-Name': '/"><script>'}, {'Host': 'a b'}, {'Host': 'a/b'}, {'Host': ''}, {'Host': 'a"b'},
                                     {'Host': 'user@evil.example'}))
def test_links_are_never_nonsense(admin, headers):
    """Refused, or left out of account; never copied into a link."""
    answer = admin.post('/users', {'firstname': 'A'}, headers=headers)
    assert answer.status in (201, 400)
    if answer.status == 201:
        assert re.fullmatch(r'https?://(127\.0\.0\.1:\d+|\[?[\w.:-]+\]?)(/[\w./-]*)?/1\.1/users/\d+', answer.headers['Location'])
        assert '//evil' not in answer.headers['Location'][8:]


# ---- CORS ----


def test_cors(admin):
    for path, method in (('/infos', 'GET'), ('/users/99999', 'GET'), ('/nothing', 'GET'), ('/users', 'PATCH')):
        answer = admin.request(method, path, headers={'Origin': 'https://a.example'})
        assert (answer.headers['Access-Control-Allow-Origin'], answer.headers['Vary']) == ('https://a.example', 'Origin')


@pytest.mark.parametrize('requested, allowed', (
    ('X-Auth-Token', 'X-Auth-Token'),
    ('x-auth-token, WAZO-TENANT,content-type', 'x-auth-token, WAZO-TENANT, content-type'),
    ('X-Other, Content-Type', 'Content-Type'),
    ('X-Other', None),
    (None, None),
))
def test_preflight(admin, requested, allowed):
    headers = {'Origin': 'https://a.example', 'Access-Control-Request-Method': 'PUT'}
    if requested:
        headers['Access-Control-Request-Headers'] = requested
    answer = Client(admin.port, None).request('OPTIONS', '/users/1', headers=headers)
    assert (answer.status, answer.body) == (200, b'')
    assert answer.headers['Access-Control-Allow-Origin'] == 'https://a.example'
    assert answer.headers['Access-Control-Allow-Methods'] == 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'
    assert answer.headers['Access-Control-Allow-Headers'] == allowed


# ---- service resources ----


def test_infos(service, admin):
    infos = admin.read('/infos')
    assert list(infos) == ['uuid', 'wazo_version'] and UUID.fullmatch(infos['uuid'])
    assert infos['uuid'] == Database(service).rows('SELECT uuid FROM infos')[0][0]


def test_status(admin):
    status = admin.read('/status')
    assert list(status)[:4] == ['master_tenant', 'service_token', 'bus_consumer', 'rest_api']
    assert list(status.values())[:4] == [{'status': 'ok'}, {'status': 'ok'}, {'status': 'fail'}, {'status': 'ok'}]


def test_wizard(service, admin):
    """wazo-upgrade asks it, without a token."""
    stranger = Client(service.port, None)
    wizard = stranger.read('/wizard')
    assert (wizard['configured'], wizard['configurable']) == (True, False)
    assert set(wizard['configurable_status'].values()) <= {'ok', 'fail'}
    before = Database(service).counts()
    for body in (None, {}, {'admin_password': 'secret'}):
        answer = stranger.post('/wizard', body)
        assert (answer.status, answer.json) == (400, ['Resource Error - Operation not permitted. Wazo is already configured'])
    assert Database(service).counts() == before

# SPDX-License-Identifier: GPL-3.0-or-later
"""A REST client, a world of tenants and tokens, and a look into the database, for the tests of the REST API.

A module of tests has one service of its own: `from rest import *` brings the fixtures. When the module is through, no
worker of it may have died.
"""

import errno
import http.client
import json
import re
import socket

import pytest

from harness import SLOW, Answer, Service, wait_for

__all__ = ['service', 'settings', 'held', 'admin', 'child', 'sibling', 'Client', 'Database', 'own_service', 'raw', 'answers', 'wait_for', 'SLOW',
           'MASTER', 'CHILD',
           'GRANDCHILD', 'SIBLING', 'ADMIN', 'CHILD_TOKEN', 'SIBLING_TOKEN', 'LIMITED', 'READER', 'EXPIRED', 'SELF', 'SELF_ID', 'UUID',
           'TIMESTAMP', 'NOBODY', 'BROWSER', 'TOKENS']

MASTER = '10000000-aaaa-4000-8000-000000000001'
CHILD = '10000000-aaaa-4000-8000-000000000002'
GRANDCHILD = '10000000-aaaa-4000-8000-000000000003'
SIBLING = '10000000-aaaa-4000-8000-000000000004'

ADMIN = '20000000-bbbb-4000-8000-00000000ad11'
CHILD_TOKEN = '20000000-bbbb-4000-8000-00000000c41d'
SIBLING_TOKEN = '20000000-bbbb-4000-8000-00000000516b'
LIMITED = '20000000-bbbb-4000-8000-000000001717'
READER = '20000000-bbbb-4000-8000-00000000eade'
EXPIRED = '20000000-bbbb-4000-8000-00000000e391'
SELF = '20000000-bbbb-4000-8000-0000000005e1'
SELF_ID = '30000000-cccc-4000-8000-0000000005e1'

NOBODY = '99999999-9999-4999-8999-999999999999'
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}')
TIMESTAMP = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')
BROWSER = ['The browser (or proxy) sent a request that this server could not understand.']

# YAML is a superset of JSON.
TOKENS = json.dumps({
    'master_tenant': MASTER,
    'tenants': [{'uuid': MASTER}, {'uuid': CHILD, 'parent': MASTER}, {'uuid': GRANDCHILD, 'parent': CHILD},
                {'uuid': SIBLING, 'parent': MASTER}],
    'tokens': [{'auth_id': '30000000-cccc-4000-8000-00000000000%d' % n, **token} for n, token in enumerate((
        {'token': ADMIN, 'tenant_uuid': MASTER, 'acl': ['confd.#']},
        {'token': CHILD_TOKEN, 'tenant_uuid': CHILD, 'acl': ['confd.#']},
        {'token': SIBLING_TOKEN, 'tenant_uuid': SIBLING, 'acl': ['confd.#']},
        {'token': LIMITED, 'tenant_uuid': MASTER, 'acl': ['confd.#', '!confd.lines.#']},
        {'token': READER, 'tenant_uuid': MASTER, 'acl': ['confd.users.read', 'confd.*.*.read', 'confd.contexts.edit']},
        {'token': EXPIRED, 'tenant_uuid': MASTER, 'acl': ['confd.#'], 'expires_at': '2020-01-02T03:04:05'},
        {'token': SELF, 'tenant_uuid': MASTER, 'acl': ['confd.users.me.read'], 'auth_id': SELF_ID},
    ))],
}, indent=1)


class Client:
    """One token, perhaps in a tenant; a connection a request, unless one is given."""

    def __init__(self, port, token=ADMIN, tenant=None, timeout=40):
        self.port, self.token, self.tenant, self.timeout = port, token, tenant, timeout * SLOW

    def headers(self, more=None):
        headers = {}
        if self.token is not None:
            headers['X-Auth-Token'] = self.token
        if self.tenant is not None:
            headers['Wazo-Tenant'] = self.tenant
        headers.update(more or {})
        return headers

    def request(self, method, path, body=None, headers=None, connection=None):
        """@body: bytes as they are, anything else as JSON; None is none."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers = {'Content-Type': 'application/json', **(headers or {})}
        c = connection or http.client.HTTPConnection('127.0.0.1', self.port, timeout=self.timeout)
        try:
            c.request(method, '/1.1' + path, body, self.headers(headers))
            response = c.getresponse()
            return Answer(response, response.read())
        finally:
            if not connection:
                c.close()

    def get(self, path, **more):
        return self.request('GET', path, **more)

    def post(self, path, body=None, **more):
        return self.request('POST', path, body, **more)

    def put(self, path, body=None, **more):
        return self.request('PUT', path, body, **more)

    def delete(self, path, **more):
        return self.request('DELETE', path, **more)

    # What must go well.

    def read(self, path):
        answer = self.get(path)
        assert answer.status == 200, answer
        return answer.json

    def create(self, path, body):
        answer = self.post(path, body)
        assert answer.status == 201, answer
        return answer.json

    def change(self, path, body=None):
        answer = self.put(path, body)
        assert answer.status == 204 and answer.body == b'', answer

    def remove(self, path):
        answer = self.delete(path)
        assert answer.status == 204 and answer.body == b'', answer

    # What most tests need, each a new one.

    def context(self, **more):
        return self.create('/contexts', {'label': 'A context', 'user_ranges': [{'start': '1000', 'end': '1999'}], **more})

    def user(self, **more):
        return self.create('/users', {'firstname': 'Alice', **more})

    def line(self, context, **more):
        return self.create('/lines', {'context': context['name'], **more})

    def extension(self, context, exten, **more):
        return self.create('/extensions', {'exten': exten, 'context': context['name'], **more})

    def voicemail(self, context, number, **more):
        return self.create('/voicemails', {'name': 'Box', 'number': number, 'context': context['name'], **more})

    def endpoint(self, **more):
        return self.create('/endpoints/sip', more)


class Database:
    """Read-only, beside the service."""

    def __init__(self, service):
        self.connection = service.database()

    def rows(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def counts(self):
        """How many rows each table has, and how far the outbox went: what a refused request leaves as it was. What the relay
        moves in its own time is left out."""
        names = [name for name, in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                                             "AND name NOT IN ('outbox', 'event_kept')")]
        counts = {name: self.rows('SELECT count(*) FROM "%s"' % name)[0][0] for name in names}
        counts['outbox ever'] = self.last_owed()
        return counts

    def last_owed(self):
        return self.rows("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)")[0][0]

    def owed_since(self, last):
        """[(kind, name, routing key, headers, payload)] in the order in which they go out."""
        return [(kind, name, key, json.loads(headers), json.loads(payload) if payload else None)
                for kind, name, key, headers, payload in
                self.rows('SELECT kind, name, routing_key, headers, payload FROM outbox WHERE id > ? ORDER BY id', last)]


def raw(service, data, timeout=30, half_close=False):
    """What comes back for these bytes until the service closes the connection, which it must."""
    with socket.create_connection(('127.0.0.1', service.port), timeout=timeout * SLOW) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError as e:  # it has heard enough, and is gone
            if e.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise
        got = b''
        try:
            while piece := s.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got


def answers(got):
    """The status codes of the answers in these bytes, none of which is one to HEAD."""
    codes = []
    while line := re.match(rb'HTTP/1\.[01] (\d{3}) ', got):
        head, _, rest = got.partition(b'\r\n\r\n')
        length = re.search(rb'\r\nContent-Length: (\d+)', head)
        codes.append(int(line[1]))
        got = rest[int(length[1]):] if length else rest
    return codes


def generations(service):
    return {w['name']: (w['generation'], w['restarts'], w['failures']) for w in service.status()['workers']}


@pytest.fixture(scope='module')
def settings():
    """config.yml; a module that needs its own defines its own."""
    return ''


def own_service(settings, hold=None):
    """For fixtures: yields a service with the world of tokens, none of whose workers may die. @hold: a worker that it is without."""
    service = Service(config=settings)
    service.write('state/tokens.yml', TOKENS)
    with service:
        if hold:
            service.suite('hold', hold, check=True)
            service.wait_state(hold, 'held')
        before = generations(service)
        yield service
        assert generations(service) == before, 'a worker died:\n' + service.log()[-4000:]


@pytest.fixture(scope='module')
def held():
    """A worker that the service is without; a module that looks at what the outbox holds is without 'relay'."""
    return None


@pytest.fixture(scope='module')
def service(settings, held):
    yield from own_service(settings, held)


@pytest.fixture(scope='module')
def admin(service):
    return Client(service.port)


@pytest.fixture(scope='module')
def child(service):
    return Client(service.port, CHILD_TOKEN)


@pytest.fixture(scope='module')
def sibling(service):
    return Client(service.port, SIBLING_TOKEN)

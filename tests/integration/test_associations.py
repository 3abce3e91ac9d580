# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be associated with what, in which order it is checked, and what each refusal says."""

import pytest

from rest import *


@pytest.fixture(scope='module')
def held():
    return 'relay'


def sip(line, endpoint):
    return '/lines/%d/endpoints/sip/%s' % (line['id'], endpoint['uuid'])


def number(line, extension):
    return '/lines/%d/extensions/%d' % (line['id'], extension['id'])


def seat(user, line):
    return '/users/%s/lines/%d' % (user['uuid'], line['id'])


def box(user, voicemail):
    return '/users/%s/voicemails/%d' % (user['uuid'], voicemail['id'])


class World:
    """What the tests take their things from; numbers are never used twice."""

    def __init__(self, service, admin):
        self.admin, self.database, self.next = admin, Database(service), 1000
        self.context = admin.context(user_ranges=[{'start': '1000', 'end': '1999'}], group_ranges=[{'start': '2000', 'end': '2999'}])

    def extension(self, context=None):
        self.next += 1
        return self.admin.extension(context or self.context, str(self.next))

    def voicemail(self, context=None, **more):
        self.next += 1
        return self.admin.voicemail(context or self.context, str(self.next), **more)

    def line(self, endpoint=True, extension=None, *users):
        """A line, by default with an endpoint; the rest as given."""
        line = self.admin.line(self.context)
        if endpoint:
            self.admin.change(sip(line, self.admin.endpoint() if endpoint is True else endpoint))
        if extension:
            self.admin.change(number(line, extension))
        for user in users:
            self.admin.change(seat(user, line))
        return line

    def refuse(self, method, path, *messages, body=None, status=400):
        """Exactly this message, or what it begins with; and not a row more or less."""
        before = self.database.counts()
        answer = self.admin.request(method, path, body)
        assert answer.status == status, answer
        assert len(answer.json) == len(messages), answer
        for got, message in zip(answer.json, messages):
            assert got.startswith(message[:-3]) if message.endswith('...') else got == message, (got, message)
        assert self.database.counts() == before, 'a refused request has left something'

    def sql(self, text, *values):
        return self.database.rows(text, *values)


@pytest.fixture(scope='module')
def world(service, admin):
    return World(service, admin)


# ---- in general ----


def test_unknown_ids(world, admin):
    """404 for either side, by PUT and by DELETE; the first one that is unknown is named."""
    user, line, extension, endpoint = admin.user(), world.line(), world.extension(), admin.endpoint()
    line_404, user_404 = "Resource Not Found - Line was not found ('id': 99999)", "Resource Not Found - User was not found ('id': 99999)"
    cases = (
        ('/lines/99999/endpoints/sip/%s' % endpoint['uuid'], line_404),
        ('/lines/%d/endpoints/sip/%s' % (line['id'], NOBODY),
         "Resource Not Found - SIPEndpoint was not found ('uuid': UUID('%s'))" % NOBODY),
        ('/lines/%d/endpoints/sccp/99999' % line['id'], "Resource Not Found - SCCPEndpoint was not found ('id': 99999)"),
        ('/lines/%d/endpoints/custom/99999' % line['id'], "Resource Not Found - CustomEndpoint was not found ('id': ..."),
        ('/lines/99999/extensions/%d' % extension['id'], line_404),
        ('/lines/%d/extensions/99999' % line['id'], "Resource Not Found - Extension was not found ('id': 99999)"),
        ('/users/99999/lines/%d' % line['id'], user_404),
        ('/users/%s/lines/%d' % (NOBODY, line['id']), "Resource Not Found - User was not found (..."),
        ('/users/%d/lines/99999' % user['id'], line_404),
    )
    for path, message in cases:
        for method in ('PUT', 'DELETE'):
            world.refuse(method, path, message, status=404)
    world.refuse('PUT', '/users/%d/voicemails/99999' % user['id'], "Resource Not Found - Voicemail was not found ('id': 99999)",
                 status=404)
    world.refuse('PUT', '/users/99999/voicemails/99999', user_404, status=404)
    world.refuse('DELETE', '/users/99999/voicemails', user_404, status=404)
    world.refuse('GET', '/users/99999/voicemails', user_404, status=404)
    world.refuse('POST', '/users/99999/voicemails', user_404, body={'name': 'N', 'number': '1', 'context': world.context['name']},
                 status=404)
    world.refuse('POST', '/lines/99999/extensions', line_404, body={'exten': '1', 'context': world.context['name']}, status=404)
    world.refuse('PUT', '/users/99999/lines', user_404, body={'lines': []}, status=404)


@pytest.mark.parametrize('body', (None, b'', b'garbage', b'{"a": 1}', b'[', b'\0\xff' * 1000))
def test_the_body_is_not_read(world, admin, body):
    user, voicemail, extension, line, endpoint = admin.user(), world.voicemail(), world.extension(), admin.line(world.context), admin.endpoint()
    for path in (sip(line, endpoint), number(line, extension), seat(user, line), box(user, voicemail)):
        admin.change(path, body)
    for path in ('/users/%s/voicemails' % user['uuid'], seat(user, line), number(line, extension), sip(line, endpoint)):
        answer = admin.request('DELETE', path, body)
        assert (answer.status, answer.body) == (204, b'')


def test_twice_is_once(world, admin):
    """No row, no event, no reload request for what is so already; not even a check."""
    user, extension, endpoint, voicemail = admin.user(), world.extension(), admin.endpoint(), world.voicemail()
    line = world.line(endpoint, extension, user)
    admin.change(box(user, voicemail))
    before = world.database.counts()
    for path in (sip(line, endpoint), number(line, extension), seat(user, line), box(user, voicemail)):
        admin.change(path)
    assert world.database.counts() == before
    for path in ('/users/%d/voicemails' % user['id'], seat(user, line), number(line, extension), sip(line, endpoint)):
        admin.remove(path)
    before = world.database.counts()
    for path in ('/users/%d/voicemails' % user['id'], seat(user, line), number(line, extension), sip(line, endpoint)):
        admin.remove(path)
    assert world.database.counts() == before


# ---- line and endpoint ----


def test_line_endpoint(world, admin):
    one, two = admin.endpoint(), admin.endpoint()
    line, other = world.line(one), world.line(False)
    world.refuse('PUT', sip(line, two),
                 "Resource Error - Line is associated with a Endpoint ('line_id': %d, 'endpoint': 'sip', 'endpoint_id': ..." % line['id'])
    world.refuse('PUT', sip(other, one),
                 "Resource Error - Line is associated with a Endpoint ('line_id': %d, 'endpoint': 'sip', 'endpoint_uuid': ..." % line['id'])
    # Of a pair that does not belong together nothing is undone.
    admin.remove(sip(line, two))
    assert admin.read('/lines/%d' % line['id'])['endpoint_sip']['uuid'] == one['uuid']

    user, extension = admin.user(), world.extension()
    admin.change(seat(user, line))
    admin.change(number(line, extension))
    world.refuse('DELETE', sip(line, one),
                 "Resource Error - Line is associated with a User ('line_id': %d, 'user_ids': '%d')" % (line['id'], user['id']))
    second = admin.user()
    admin.change(seat(second, line))
    world.refuse('DELETE', sip(line, one),
                 "Resource Error - Line is associated with a User ('line_id': %d, 'user_ids': '%d,%d')" % (line['id'], user['id'],
                         second['id']))
    admin.remove(seat(second, line))
    admin.remove(seat(user, line))
    world.refuse('DELETE', sip(line, one),
                 "Resource Error - Line is associated with a Extension ('line_id': %d, 'extension_ids': '%d')" % (line['id'],
                         extension['id']))
    admin.remove(number(line, extension))
    admin.remove(sip(line, one))
    assert (admin.read('/lines/%d' % line['id'])['endpoint_sip'], admin.read('/endpoints/sip/' + one['uuid'])['line']) == (None, None)
    # Free again.
    admin.change(sip(other, one))


# ---- line and extension ----


def test_line_extension(world, admin):
    extension = world.extension()
    bare, line = world.line(False), world.line()
    world.refuse('PUT', number(bare, extension), "Resource Error - Line must be associated with a Endpoint ('line_id': %d)" % bare['id'])
    admin.change(number(line, extension))
    another = world.extension()
    world.refuse('PUT', number(line, another),
                 "Resource Error - Line is associated with a Extension ('line_id': %d, 'extension_id': %d)" % (line['id'],
                         extension['id']))
    # The checks' order: the endpoint before all others.
    outside = admin.extension(world.context, '9999')
    world.refuse('PUT', number(bare, outside), "Resource Error - Line must be associated with a Endpoint ('line_id': %d)" % bare['id'])
    assert [part['id'] for part in admin.read('/lines/%d/extensions' % line['id'])['items']] == [extension['id']]


@pytest.mark.parametrize('kind', ('incall', 'outcall', 'services', 'others'))
def test_line_extension_context_type(world, admin, kind):
    context = admin.context(type=kind)
    extension, line = admin.extension(context, '1001'), world.line()
    world.refuse('PUT', number(line, extension),
                 "Resource Error - ContextType '%s' cannot be associated ('id': %d, 'context': '%s')" % (kind, context['id'],
                         context['name']))


@pytest.mark.parametrize('exten, ranges, inside', (
    ('1000', [('1000', '1999')], True),
    ('1999', [('1000', '1999')], True),
    ('999', [('1000', '1999')], False),
    ('2000', [('1000', '1999')], False),
    ('01500', [('1000', '1999')], True),
    ('10000', [('1000', '1999')], False),
    ('1', [], False),
    ('7', [('1', '3'), ('7', '9')], True),
    ('5', [('5', None)], True),
    ('6', [('5', None)], False),
    ('*15', [('10', '99')], False),
    ('1#', [('10', '99')], False),
    ('_1XXX', [], True),
    ('_.', [('1', '2')], True),
    ('9' * 40, [('1' * 16, '9' * 16)], False),
))
def test_line_extension_range(world, admin, exten, ranges, inside):
    """As numbers, both ends included; patterns are not checked."""
    context = admin.context(user_ranges=[{'start': start, **({'end': end} if end else {})} for start, end in ranges],
                            group_ranges=[{'start': '1', 'end': '9'}])
    extension, line = admin.extension(context, exten), world.line()
    if inside:
        admin.change(number(line, extension))
        assert admin.read('/lines/%d' % line['id'])['context'] == context['name'], 'a line goes to its extension'
    else:
        world.refuse('PUT', number(line, extension),
                     "Input Error - Extension '%s' is outside of range for context '%s'" % (exten, context['name']))


def test_shared_number(world, admin):
    """Two lines on one number must be the same user's; a user may have a number by two lines."""
    alice, bob, extension = admin.user(), admin.user(firstname='Bob'), world.extension()
    first = world.line(True, extension, alice)
    second = world.line(True, None, bob)
    world.refuse('PUT', number(second, extension), "Resource Error - User is associated with a Line (...")
    third = world.line(True, None, alice)
    admin.change(number(third, extension))
    assert {line['id'] for line in admin.read('/extensions/%d' % extension['id'])['lines']} == {first['id'], third['id']}
    # The other way: the line's number comes first, then its user.
    fourth = world.line(True, extension)
    world.refuse('PUT', seat(bob, fourth), "Resource Error - Line is associated with a Extension (...")
    admin.change(seat(alice, fourth))


def test_post_of_an_extension(world, admin):
    """Rules of the extension first, then those of the association; all or nothing."""
    line, bare = world.line(), world.line(False)
    path, name = '/lines/%d/extensions' % line['id'], world.context['name']
    world.refuse('POST', path, "Input Error - exten: ['Missing data for required field.']",
                 "Input Error - context: ['Missing data for required field.']", body={})
    world.refuse('POST', path, *BROWSER, body=b'x')
    world.refuse('POST', path, "Input Error - field 'context': Context was not found ('context': 'nowhere')",
                 body={'exten': '1', 'context': 'nowhere'})
    world.refuse('POST', path, "Input Error - Extension '1' is outside of range for context '%s'" % name,
                 body={'exten': '1', 'context': name})
    world.refuse('POST', '/lines/%d/extensions' % bare['id'],
                 "Resource Error - Line must be associated with a Endpoint ('line_id': %d)" % bare['id'],
                 body={'exten': '1888', 'context': name})
    assert admin.post(path, {'exten': '1888', 'context': name}).status == 201
    world.refuse('POST', path, "Resource Error - Extension already exists ('exten': '1888', 'context': '%s')" % name,
                 body={'exten': '1888', 'context': name})


# ---- user and line ----


def flags(world, line):
    return world.sql('SELECT user_id, main_user, main_line FROM user_line WHERE line_id = ? ORDER BY user_id', line['id'])


def test_main_and_secondary(world, admin):
    """The first user of a line is its main one, the first line of a user his main one."""
    alice, bob = admin.user(), admin.user(firstname='Bob')
    bare, one, two = world.line(False), world.line(), world.line()
    world.refuse('PUT', seat(alice, bare), "Resource Error - Line must be associated with a Endpoint ('line_id': %d)" % bare['id'])
    for user, line in ((alice, one), (bob, one), (alice, two), (bob, two)):
        admin.change(seat(user, line))
    assert flags(world, one) == [(alice['id'], 1, 1), (bob['id'], 0, 1)]
    assert flags(world, two) == [(alice['id'], 1, 0), (bob['id'], 0, 0)]
    assert [line['id'] for line in admin.read('/users/%d' % alice['id'])['lines']] == [one['id'], two['id']]

    for line in (one, two):
        world.refuse('DELETE', seat(alice, line),
                     "Resource Error - There are secondary users associated to the line ('line_id': %d)" % line['id'])
    admin.remove(seat(bob, one))
    assert flags(world, two) == [(alice['id'], 1, 0), (bob['id'], 0, 1)], 'the line that is left becomes the main one'
    admin.remove(seat(bob, two))
    admin.remove(seat(alice, one))
    assert flags(world, two) == [(alice['id'], 1, 1)]


def test_next_main_line(world, admin):
    """Of what is left, the one with the lowest id."""
    user, lines = admin.user(), [world.line() for _ in range(3)]
    for line in (lines[1], lines[2], lines[0]):
        admin.change(seat(user, line))
    admin.remove(seat(user, lines[1]))
    assert [flags(world, line) for line in lines] == [[(user['id'], 1, 1)], [], [(user['id'], 1, 0)]]


class TestUserLines:
    """PUT of the list: all of it, in its order."""

    @staticmethod
    def put(admin, user, *lines):
        admin.change('/users/%s/lines' % user['uuid'], {'lines': [{'id': line['id']} for line in lines]})

    def test_replaces(self, world, admin):
        user, lines = admin.user(), [world.line() for _ in range(3)]
        last = world.database.last_owed()
        self.put(admin, user, lines[0], lines[1])
        assert [flags(world, line) for line in lines] == [[(user['id'], 1, 1)], [(user['id'], 1, 0)], []]
        self.put(admin, user, lines[2], lines[0])
        assert [flags(world, line) for line in lines] == [[(user['id'], 1, 0)], [], [(user['id'], 1, 1)]]
        owed = [(name, payload['data']['line']['id'] if 'data' in payload else sorted(payload['ipbx'])) for _, name, _, _,
                payload in world.database.owed_since(last)]
        reload = ('/exec_request_handlers', ['dialplan reload', 'module reload res_pjsip.so'])
        assert owed[0] == reload and owed[3] == reload and len(owed) == 7
        assert owed[1:3] == [('user_line_associated', lines[0]['id']), ('user_line_associated', lines[1]['id'])]
        assert owed[4] == ('user_line_dissociated', lines[1]['id'])
        assert owed[5:] == [('user_line_associated', lines[2]['id']),
                            ('user_line_associated', lines[0]['id'])], 'each line of the list is told, old ones, too'
        self.put(admin, user)
        assert admin.read('/users/%d' % user['id'])['lines'] == []

    def test_the_main_one_moves(self, world, admin):
        """Order alone."""
        user, lines = admin.user(), [world.line() for _ in range(2)]
        self.put(admin, user, *lines)
        self.put(admin, user, *lines[::-1])
        assert [flags(world, line) for line in lines] == [[(user['id'], 1, 0)], [(user['id'], 1, 1)]]
        assert [line['id'] for line in admin.read('/users/%d' % user['id'])['lines']] == [lines[1]['id'], lines[0]['id']]

    def test_refused(self, world, admin):
        user, line, bare = admin.user(), world.line(), world.line(False)
        path, one = '/users/%d/lines' % user['id'], {'id': line['id']}
        world.refuse('PUT', path, "Input Error - lines: ['Missing data for required field.']", body={})
        world.refuse('PUT', path, "Input Error - lines: ['Missing data for required field.']", body=b'[]')
        world.refuse('PUT', path, *BROWSER, body=b'')
        world.refuse('PUT', path, "Input Error - lines: ['Field may not be null.']", body={'lines': None})
        world.refuse('PUT', path, "Input Error - lines: ['Invalid type.']", body={'lines': 'x'})
        world.refuse('PUT', path, "Input Error - lines: {0: {'_schema': ['Invalid input type.']}}", body={'lines': [7]})
        world.refuse('PUT', path, "Input Error - lines: {1: {'id': ['Missing data for required field.']}}", body={'lines': [one, {}]})
        world.refuse('PUT', path, "Input Error - lines: {0: {'id': ['Not a valid integer.']}}", body={'lines': [{'id': 'x'}]})
        world.refuse('PUT', path, "Input Error - field 'lines': Line was not found ('id': 99999)", body={'lines': [one, {'id': 99999}]})
        world.refuse('PUT', path,
                     "Input Error - lines: {0: {'id': ['Must be greater than or equal to -2147483648 and less than or equal to 2147483647.']}}",
                     body={'lines': [{'id': 2 ** 40}]})
        world.refuse('PUT', path, "Resource Error - Operation not permitted. Cannot associate same line more than once",
                     body={'lines': [one, one]})
        world.refuse('PUT', path, "Resource Error - Line must be associated with a Endpoint ('line_id': %d)" % bare['id'],
                     body={'lines': [one, {'id': bare['id']}]})

    def test_a_removal_that_is_refused(self, world, admin):
        """All is as before, the line that could have been added, too."""
        alice, bob, shared, free = admin.user(), admin.user(), world.line(), world.line()
        self.put(admin, alice, shared)
        admin.change(seat(bob, shared))
        world.refuse('PUT', '/users/%d/lines' % alice['id'],
                     "Resource Error - There are secondary users associated to the line ('line_id': %d)" % shared['id'],
                     body={'lines': [{'id': free['id']}]})
        assert flags(world, shared) == [(alice['id'], 1, 1), (bob['id'], 0, 1)]


# ---- user and voicemail ----


def test_user_voicemail(world, admin):
    alice, bob, one, two = admin.user(), admin.user(), world.voicemail(), world.voicemail()
    admin.change(box(alice, one))
    world.refuse('PUT', box(alice, two),
                 "Resource Error - User is associated with a Voicemail ('user_id': %d, 'voicemail_id': %d)" % (alice['id'], two['id']))
    # One box for two.
    admin.change(box(bob, one))
    assert {user['uuid'] for user in admin.read('/voicemails/%d' % one['id'])['users']} == {alice['uuid'], bob['uuid']}
    world.refuse('DELETE', '/voicemails/%d' % one['id'],
                 "Resource Error - Voicemail is associated with a User ('voicemail_id': %d, 'user_ids': '%d, %d')" % (one['id'],
                         alice['id'], bob['id']))
    assert admin.read('/users/%s/voicemails' % alice['uuid'])['total'] == 1
    admin.remove('/users/%s/voicemails' % alice['uuid'])
    assert admin.read('/users/%s/voicemails' % alice['uuid']) == {'total': 0, 'items': []}
    assert admin.read('/users/%d' % bob['id'])['voicemail']['id'] == one['id']
    admin.read('/voicemails/%d' % one['id'])

    shared = world.voicemail(accesstype='global')
    world.refuse('PUT', box(alice, shared), 'Resource Error - Operation not permitted. A global voicemail cannot be associated to users.')


def test_post_of_a_voicemail(world, admin):
    user = admin.user()
    path, name = '/users/%s/voicemails' % user['uuid'], world.context['name']
    world.refuse('POST', path,
                 *("Input Error - %s: ['Missing data for required field.']" % member for member in ('name', 'number', 'context')),
                 body={})
    world.refuse('POST', path, 'Resource Error - Operation not permitted. A global voicemail cannot be associated to users.',
                 body={'name': 'N', 'number': '55', 'context': admin.context()['name'], 'accesstype': 'global'})
    answer = admin.post(path, {'name': 'N', 'number': '56', 'context': name})
    assert answer.status == 201
    world.refuse('POST', path, "Resource Error - User is associated with a Voicemail (...",
                 body={'name': 'N', 'number': '57', 'context': name})
    assert admin.read('/users/%s' % user['uuid'])['voicemail']['id'] == answer.json['id']


# ---- context and contexts ----


def test_context_contexts(world, admin):
    one, two, three = (admin.context(label=label) for label in 'ABC')
    path = '/contexts/%d/contexts' % one['id']
    last = world.database.last_owed()
    admin.change(path, {'contexts': [{'id': three['id']}, {'id': two['id']}]})
    owed = world.database.owed_since(last)
    assert [(row[1], row[4].get('ipbx', row[4].get('data'))) for row in owed] == [
        ('/exec_request_handlers', ['dialplan reload']),
        ('contexts_associated', {'context_id': one['id'], 'context_ids': [three['id'], two['id']]})]
    assert owed[1][2] == 'config.contexts.contexts.updated'
    included = admin.read('/contexts/%d' % one['id'])['contexts']
    assert [(part['id'], part['name'], part['label']) for part in included] == [(three['id'], three['name'], 'C'),
            (two['id'], two['name'], 'B')]
    world.refuse('PUT', path, "Resource Error - Operation not permitted. Cannot include same context more than once",
                 body={'contexts': [{'id': two['id']}] * 2})
    world.refuse('PUT', path, "Resource Error - Operation not permitted. Cannot include context inside itself",
                 body={'contexts': [{'id': one['id']}]})
    world.refuse('PUT', path, "Input Error - contexts: ['Missing data for required field.']", body={})
    world.refuse('PUT', path, "Input Error - field 'contexts': Context was not found ('id': 99999)", body={'contexts': [{'id': 99999}]})
    admin.change(path, {'contexts': []})
    assert admin.read('/contexts/%d' % one['id'])['contexts'] == []

# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees what of whom: MASTER has the children CHILD and SIBLING, CHILD has GRANDCHILD."""

import pytest

from rest import *

BAD_TENANTS = (SIBLING, MASTER, NOBODY, 'nonsense', '7', CHILD + 'x')


@pytest.fixture(scope='module')
def held():
    return 'relay'


@pytest.fixture(scope='module')
def worlds(service, admin, child, sibling):
    """In each tenant one of everything, associated: {tenant: {route: object}}."""
    made = {}
    for n, client in enumerate((admin, child, Client(service.port, tenant=GRANDCHILD), sibling)):
        context = client.context()
        user, line, endpoint, extension = client.user(), client.line(context), client.endpoint(), client.extension(context, '1%d00' % n)
        voicemail = client.voicemail(context, '1%d00' % n)
        client.change('/lines/%d/endpoints/sip/%s' % (line['id'], endpoint['uuid']))
        client.change('/lines/%d/extensions/%d' % (line['id'], extension['id']))
        client.change('/users/%d/lines/%d' % (user['id'], line['id']))
        client.change('/users/%d/voicemails/%d' % (user['id'], voicemail['id']))
        made[user['tenant_uuid']] = {'/contexts': context, '/users': user, '/lines': line, '/endpoints/sip': endpoint,
                                     '/extensions': extension, '/voicemails': voicemail}
    return made


LISTS = ('/contexts', '/users', '/lines', '/endpoints/sip', '/extensions', '/voicemails')


def key(thing):
    return thing.get('uuid') if 'context' not in thing and 'user_ranges' not in thing else thing['id']


@pytest.mark.parametrize('path', LISTS)
@pytest.mark.parametrize('token, tenant, recurse, wanted', (
    (ADMIN, None, '', [MASTER]),
    (ADMIN, '', '', [MASTER]),
    (ADMIN, MASTER, '?recurse=false', [MASTER]),
    (ADMIN, None, '?recurse=true', [MASTER, CHILD, GRANDCHILD, SIBLING]),
    (ADMIN, CHILD, '', [CHILD]),
    (ADMIN, CHILD, '?recurse=true', [CHILD, GRANDCHILD]),
    (ADMIN, CHILD.upper(), '', [CHILD]),
    (ADMIN, SIBLING, '?recurse=yes', [SIBLING]),
    (CHILD_TOKEN, None, '', [CHILD]),
    (CHILD_TOKEN, None, '?recurse=true', [CHILD, GRANDCHILD]),
    (CHILD_TOKEN, GRANDCHILD, '?recurse=true', [GRANDCHILD]),
    (SIBLING_TOKEN, None, '?recurse=true', [SIBLING]),
))
def test_lists(service, worlds, path, token, tenant, recurse, wanted):
    found = Client(service.port, token, tenant).read(path + recurse)
    assert found['total'] == len(wanted)
    assert sorted(str(key(thing)) for thing in found['items']) == sorted(str(key(worlds[t][path])) for t in wanted)
    assert {thing['tenant_uuid'] for thing in found['items']} == set(wanted)


@pytest.mark.parametrize('path', LISTS)
@pytest.mark.parametrize('token, tenant, sees', (
    (ADMIN, None, {MASTER, CHILD, GRANDCHILD, SIBLING}),
    (ADMIN, CHILD, {CHILD, GRANDCHILD}),
    (CHILD_TOKEN, None, {CHILD, GRANDCHILD}),
    (CHILD_TOKEN, GRANDCHILD, {GRANDCHILD}),
    (SIBLING_TOKEN, None, {SIBLING}),
))
def test_items(service, admin, worlds, path, token, tenant, sees):
    """One's own and those below; others' are unknown, in the words for what is not there, and stay as they are."""
    client = Client(service.port, token, tenant)
    for owner, world in worlds.items():
        where = '%s/%s' % (path, key(world[path]))
        if owner in sees:
            assert client.read(where)['tenant_uuid'] == owner
            client.change(where, {})
            continue
        before = Database(service).counts()
        for method, body in (('GET', None), ('PUT', {'label': 'X', 'name': 'X', 'firstname': 'X', 'position': 7, 'exten': '7'}),
                             ('DELETE', None)):
            answer = client.request(method, where, body)
            assert answer.status == 404 and 'was not found' in answer.json[0], answer
        assert Database(service).counts() == before
        assert admin.read(where) == {**admin.read(where), 'links': world[path]['links']}


@pytest.mark.parametrize('tenant', BAD_TENANTS)
@pytest.mark.parametrize('method, path, right',
                         (('GET', '/users', 'confd.users.read'), ('POST', '/users', 'confd.users.create'),
                          ('PUT', '/users/1/lines/1', 'confd.users.1.lines.1.update'),
                                                 ('DELETE', '/contexts/1', 'confd.contexts.1.delete')))
def test_a_tenant_that_is_not_yours(service, worlds, method, path, right, tenant):
    before = Database(service).counts()
    answer = Client(service.port, CHILD_TOKEN, tenant).request(method, path, {'firstname': 'A'})
    assert (answer.status, answer.json) == (401, ["('%s', '%s', '%s')" % (CHILD_TOKEN, right, tenant)])
    assert Database(service).counts() == before


def test_created_where_one_acts(service, admin, worlds):
    for tenant in (MASTER, CHILD, GRANDCHILD):
        client = Client(service.port, ADMIN, tenant)
        context = client.context()
        things = [context, client.user(), client.line(context), client.extension(context, '1777'), client.voicemail(context, '1777'),
                  client.endpoint()]
        assert {thing['tenant_uuid'] for thing in things} == {tenant}
        assert Database(service).rows('SELECT uuid FROM tenant WHERE uuid = ?', tenant) == [(tenant,)]
        events = [headers['tenant_uuid'] for kind, _, _, headers, _ in Database(service).owed_since(0) if kind == 'event'][-len(things):]
        assert events == [tenant] * len(things)
        for path, thing in (('/users/%s', things[1]['uuid']), ('/lines/%d', things[2]['id']), ('/extensions/%d', things[3]['id']),
                            ('/voicemails/%d', things[4]['id']),
                            ('/contexts/%d', context['id']), ('/endpoints/sip/%s', things[5]['uuid'])):
            client.remove(path % thing)


def test_a_context_of_others_is_unknown(service, admin, sibling, worlds):
    """Wherever a body names one."""
    name = worlds[CHILD]['/contexts']['name']
    message = ["Input Error - field 'context': Context was not found ('context': '%s')" % name]
    before = Database(service).counts()
    for path, body in (('/lines', {}), ('/extensions', {'exten': '1'}), ('/voicemails', {'name': 'N', 'number': '1'})):
        answer = sibling.post(path, {**body, 'context': name})
        assert (answer.status, answer.json) == (400, message)
        thing = worlds[SIBLING][path]
        answer = sibling.put('%s/%d' % (path, thing['id']), {'context': name})
        assert (answer.status, answer.json) == (400, message)
    answer = sibling.post('/users/%d/voicemails' % worlds[SIBLING]['/users']['id'], {'name': 'N', 'number': '1', 'context': name})
    assert (answer.status, answer.json) == (400, message)
    assert Database(service).counts() == before


def test_different_tenants(service, admin, worlds):
    """Both are the caller's, and still they do not go together."""
    ours, theirs = worlds[MASTER], worlds[CHILD]
    line = admin.line(ours['/contexts'])
    foreign_endpoint, foreign_extension = Client(service.port, tenant=CHILD).endpoint(), Client(service.port,
            tenant=CHILD).extension(theirs['/contexts'], '1888')
    foreign_box, user = Client(service.port, tenant=CHILD).voicemail(theirs['/contexts'], '1888'), admin.user()
    before = Database(service).counts()
    for path, a, b in (('/lines/%d/endpoints/sip/%s' % (line['id'], foreign_endpoint['uuid']), 'line', 'endpoint'),
                       ('/lines/%d/extensions/%d' % (line['id'], foreign_extension['id']), 'line', 'extension'),
                       ('/users/%d/lines/%d' % (user['id'], theirs['/lines']['id']), 'user', 'line'),
                       ('/users/%d/voicemails/%d' % (user['id'], foreign_box['id']), 'user', 'voicemail')):
        answer = admin.put(path)
        assert answer.status == 400
        assert answer.json[0].startswith('Resource Error - different tenants (') and MASTER in answer.json[0] and CHILD in answer.json[0], answer
    answer = admin.put('/users/%d/lines' % user['id'], {'lines': [{'id': theirs['/lines']['id']}]})
    assert answer.status == 400 and 'different tenants' in answer.json[0]
    assert Database(service).counts() == before


def test_associations_of_others(service, sibling, worlds):
    """Unknown, whichever side it is: known leaks of the original are not copied."""
    ours, theirs = worlds[SIBLING], worlds[CHILD]
    before = Database(service).counts()
    for method, path, body in (
            ('PUT', '/lines/%d/endpoints/sip/%s' % (ours['/lines']['id'], theirs['/endpoints/sip']['uuid']), None),
            ('DELETE', '/lines/%d/endpoints/sip/%s' % (theirs['/lines']['id'], theirs['/endpoints/sip']['uuid']), None),
            ('PUT', '/lines/%d/extensions/%d' % (theirs['/lines']['id'], ours['/extensions']['id']), None),
            ('DELETE', '/lines/%d/extensions/%d' % (theirs['/lines']['id'], theirs['/extensions']['id']), None),
            ('GET', '/lines/%d/extensions' % theirs['/lines']['id'], None),
            ('POST', '/lines/%d/extensions' % theirs['/lines']['id'], {'exten': '1', 'context': ours['/contexts']['name']}),
            ('PUT', '/users/%d/lines/%d' % (theirs['/users']['id'], ours['/lines']['id']), None),
            ('PUT', '/users/%d/lines/%d' % (ours['/users']['id'], theirs['/lines']['id']), None),
            ('DELETE', '/users/%s/lines/%d' % (theirs['/users']['uuid'], theirs['/lines']['id']), None),
            ('PUT', '/users/%s/lines' % theirs['/users']['uuid'], {'lines': []}),
            ('GET', '/users/%s/voicemails' % theirs['/users']['uuid'], None),
            ('DELETE', '/users/%s/voicemails' % theirs['/users']['uuid'], None),
            ('PUT', '/users/%s/voicemails/%d' % (theirs['/users']['uuid'], ours['/voicemails']['id']), None),
            ('PUT', '/contexts/%d/contexts' % theirs['/contexts']['id'], {'contexts': []}),
            ('GET', '/contexts/%d/ranges/user' % theirs['/contexts']['id'], None)):
        answer = sibling.request(method, path, body)
        assert answer.status == 404 and 'was not found' in answer.json[0], (method, path, answer)
    for path, body, message in (('/users/%d/lines' % ours['/users']['id'], {'lines': [{'id': theirs['/lines']['id']}]},
                                 "Input Error - field 'lines': Line was not found"),
                                ('/contexts/%d/contexts' % ours['/contexts']['id'], {'contexts': [{'id': theirs['/contexts']['id']}]},
                                 "Input Error - field 'contexts': Context was not found")):
        answer = sibling.put(path, body)
        assert answer.status == 400 and answer.json[0].startswith(message), answer
    assert Database(service).counts() == before


def test_moved_to_another_tenants_context(service, admin, worlds):
    """An extension, a line, a box go with their context, and that must be of the same tenant."""
    name = worlds[CHILD]['/contexts']['name']
    extension = admin.extension(worlds[MASTER]['/contexts'], '1666')
    before = Database(service).counts()
    for path in ('/extensions/%d' % extension['id'], '/extensions/%d' % worlds[MASTER]['/extensions']['id'],
                 '/voicemails/%d' % worlds[MASTER]['/voicemails']['id']):
        answer = admin.put(path, {'context': name})
        assert answer.status == 400 and 'different tenants' in answer.json[0], answer
    assert Database(service).counts() == before

# SPDX-License-Identifier: GPL-3.0-or-later
"""A user gets a phone, and everybody who must know is told: the whole way of an operator, over HTTP, with each event and
reload request that the outbox holds for it."""

import pytest

from owed import DIALPLAN, PJSIP, QUEUE, SCCP, VOICEMAIL, Outbox
from rest import *

@pytest.fixture(scope='module')
def held():
    return 'relay'


@pytest.fixture
def outbox(service, admin):
    return Outbox(service, admin.read('/infos')['uuid'])


def href(service, path):
    return 'http://127.0.0.1:%d/1.1%s' % (service.port, path)


def links(service, rel, path):
    return [{'rel': rel, 'href': href(service, path)}]


class Phone:
    """A user with all that belongs to one."""

    def __init__(self, admin, exten, box, associate=True):
        self.context = admin.context(label='Phones')
        self.user = admin.user(firstname='Étienne', lastname='Ng')
        self.line = admin.line(self.context)
        self.endpoint = admin.endpoint(label='Desk', auth_section_options=[['username', 'etienne'], ['password', 'very-secret']])
        self.extension = admin.extension(self.context, exten)
        self.voicemail = admin.voicemail(self.context, box)
        self.on_endpoint = '/lines/%d/endpoints/sip/%s' % (self.line['id'], self.endpoint['uuid'])
        self.on_extension = '/lines/%d/extensions/%d' % (self.line['id'], self.extension['id'])
        self.on_line = '/users/%s/lines/%d' % (self.user['uuid'], self.line['id'])
        self.on_voicemail = '/users/%s/voicemails/%d' % (self.user['uuid'], self.voicemail['id'])
        self.associations = (self.on_endpoint, self.on_extension, self.on_line, self.on_voicemail)
        if associate:
            for path in self.associations:
                admin.change(path)


def dated(user):
    return user['created_at'].replace('T', ' ')


def user_data(user):
    return {'id': user['id'], 'uuid': user['uuid'], 'subscription_type': 0, 'created_at': dated(user), 'tenant_uuid': MASTER}


def endpoint_data(endpoint, line=None):
    return {'uuid': endpoint['uuid'], 'tenant_uuid': MASTER, 'name': endpoint['name'], 'label': 'Desk',
            'auth_section_options': [['username', 'etienne']], 'registration_section_options': [], 'trunk': None,
            'line': {'id': line} if line else None}


def line_endpoint_data(line, name, endpoint):
    return {'line': {'id': line['id'], 'tenant_uuid': MASTER, 'name': name},
            'endpoint_sip': {'uuid': endpoint['uuid'], 'tenant_uuid': MASTER, 'label': 'Desk', 'name': endpoint['name'],
                             'auth_section_options': [['username', 'etienne']]}}


def user_line_data(user, line, endpoint):
    return {'line': {'id': line['id'], 'name': endpoint['name'], 'endpoint_sip': {'uuid': endpoint['uuid']}, 'endpoint_sccp': None,
                     'endpoint_custom': None},
            'main_line': True, 'main_user': True, 'user': {'id': user['id'], 'uuid': user['uuid'], 'tenant_uuid': MASTER}}


def test_scenario(service, admin, outbox):
    """From nothing to a phone and back, each step with what it owes."""
    context = admin.context(label='Office')
    outbox.expect({DIALPLAN}, ('context_created', 'config.contexts.created',
                               {'id': context['id'], 'name': context['name'], 'type': 'internal', 'tenant_uuid': MASTER}))

    user = admin.user(firstname='Étienne', lastname='Ng')
    assert user['caller_id'] == '"Étienne Ng"'
    outbox.expect({DIALPLAN, SCCP, QUEUE, PJSIP}, ('user_created', 'config.user.created', user_data(user)))

    line = admin.line(context)
    assert (line['name'], line['protocol'], line['context'], line['position']) == (None, None, context['name'], 1)
    assert 100000 <= int(line['provisioning_code']) <= 999999 and line['provisioning_extension'] == line['provisioning_code']
    outbox.expect({PJSIP, DIALPLAN, SCCP}, ('line_created', 'config.line.created',
                                            {'id': line['id'], 'protocol': None, 'name': None, 'tenant_uuid': MASTER}))

    endpoint = admin.endpoint(label='Desk', auth_section_options=[['username', 'etienne'], ['password', 'very-secret']])
    outbox.expect(None, ('sip_endpoint_created', 'config.sip_endpoint.created', endpoint_data(endpoint)))

    extension = admin.extension(context, '1001')
    outbox.expect({DIALPLAN}, ('extension_created', 'config.extensions.created',
                               {'id': extension['id'], 'exten': '1001', 'context': context['name']}))

    voicemail = admin.voicemail(context, '1001')
    outbox.expect({VOICEMAIL}, ('voicemail_created', 'config.voicemail.created', {'id': voicemail['id']}))

    on_endpoint = '/lines/%d/endpoints/sip/%s' % (line['id'], endpoint['uuid'])
    on_extension = '/lines/%d/extensions/%d' % (line['id'], extension['id'])
    on_line = '/users/%d/lines/%d' % (user['id'], line['id'])
    on_voicemail = '/users/%s/voicemails/%d' % (user['uuid'], voicemail['id'])
    line_endpoint_key = 'config.lines.%d.endpoints.sip.%s.' % (line['id'], endpoint['uuid'])
    user_line_key = 'config.users.%s.lines.%d.' % (user['uuid'], line['id'])
    user_voicemail_key = 'config.users.%s.voicemails.' % user['uuid']
    pair = {'line_id': line['id'], 'extension_id': extension['id']}
    box = {'user_uuid': user['uuid'], 'voicemail_id': voicemail['id']}

    admin.change(on_endpoint)
    outbox.expect({PJSIP}, ('line_endpoint_sip_associated', line_endpoint_key + 'updated',
                            line_endpoint_data(line, endpoint['name'], endpoint)))
    admin.change(on_extension)
    outbox.expect({DIALPLAN, PJSIP, QUEUE}, ('line_extension_associated', 'config.line_extension_associated.updated', pair))
    admin.change(on_line)
    outbox.expect({DIALPLAN, PJSIP},
                  ('user_line_associated', user_line_key + 'updated', user_line_data(user, line, endpoint), user['uuid']))
    admin.change(on_voicemail)
    outbox.expect({PJSIP, SCCP}, ('user_voicemail_associated', user_voicemail_key + 'updated', box, user['uuid']))

    # All of it once more: nothing is done and nobody told.
    for path in (on_endpoint, on_extension, on_line, on_voicemail):
        admin.change(path)
    outbox.expect(None)

    # The undo order.
    admin.remove('/users/%s/voicemails' % user['id'])
    outbox.expect({PJSIP, SCCP}, ('user_voicemail_dissociated', user_voicemail_key + 'deleted', box, user['uuid']))
    admin.remove(on_line)
    outbox.expect({DIALPLAN, PJSIP},
                  ('user_line_dissociated', user_line_key + 'deleted', user_line_data(user, line, endpoint), user['uuid']))
    admin.remove(on_extension)
    outbox.expect({DIALPLAN, PJSIP, QUEUE}, ('line_extension_dissociated', 'config.line_extension_associated.deleted', pair))
    admin.remove(on_endpoint)
    owed = outbox.owed()
    # The name of the line in this one is the line's before or after: the facts do not say.
    name = owed[-1][4]['data']['line']['name']
    assert name in (None, endpoint['name'])
    outbox.expect({PJSIP}, ('line_endpoint_sip_dissociated', line_endpoint_key + 'deleted', line_endpoint_data(line, name, endpoint)))
    for path in (on_endpoint, on_extension, on_line):
        admin.remove(path)
    admin.remove('/users/%s/voicemails' % user['id'])
    outbox.expect(None)

    admin.remove('/voicemails/%d' % voicemail['id'])
    outbox.expect({VOICEMAIL}, ('voicemail_deleted', 'config.voicemail.deleted', {'id': voicemail['id']}),
                  calls=[('/delete_voicemail', {'mailbox': '1001', 'context': context['name']})])
    admin.remove('/extensions/%d' % extension['id'])
    outbox.expect({DIALPLAN}, ('extension_deleted', 'config.extensions.deleted',
                               {'id': extension['id'], 'exten': '1001', 'context': context['name']}))
    admin.remove('/endpoints/sip/%s' % endpoint['uuid'])
    outbox.expect({PJSIP, DIALPLAN}, ('sip_endpoint_deleted', 'config.sip_endpoint.deleted', endpoint_data(endpoint)))
    admin.remove('/lines/%d' % line['id'])
    outbox.expect({PJSIP, DIALPLAN, SCCP}, ('line_deleted', 'config.line.deleted',
                                            {'id': line['id'], 'protocol': None, 'name': None, 'tenant_uuid': MASTER}))
    admin.remove('/users/%d' % user['id'])
    outbox.expect({DIALPLAN, SCCP, QUEUE, PJSIP}, ('user_deleted', 'config.user.deleted', user_data(user)))
    admin.remove('/contexts/%d' % context['id'])
    outbox.expect({DIALPLAN}, ('context_deleted', 'config.contexts.deleted',
                               {'id': context['id'], 'name': context['name'], 'type': 'internal', 'tenant_uuid': MASTER}))
    for path in ('/users/%d' % user['id'], '/lines/%d' % line['id'], '/endpoints/sip/%s' % endpoint['uuid'],
                 '/extensions/%d' % extension['id'],
                 '/voicemails/%d' % voicemail['id'], '/contexts/%d' % context['id']):
        assert admin.get(path).status == 404


def test_read_back(service, admin):
    """The finished phone, seen from each side."""
    phone = Phone(admin, '1002', '1002')
    user_part = {'uuid': phone.user['uuid'], 'firstname': 'Étienne', 'lastname': 'Ng',
                 'links': links(service, 'users', '/users/%d' % phone.user['id'])}
    line_links = links(service, 'lines', '/lines/%d' % phone.line['id'])
    endpoint_part = {'uuid': phone.endpoint['uuid'], 'label': 'Desk', 'name': phone.endpoint['name'],
                     'auth_section_options': [['username', 'etienne']],
                     'links': links(service, 'endpoint_sip', '/endpoints/sip/%s' % phone.endpoint['uuid'])}
    extension_part = {'id': phone.extension['id'], 'exten': '1002', 'context': phone.context['name'],
                      'links': links(service, 'extensions', '/extensions/%d' % phone.extension['id'])}

    user = admin.read('/users/%s' % phone.user['uuid'])
    assert user['voicemail'] == {'id': phone.voicemail['id'], 'name': 'Box',
                                 'links': links(service, 'voicemails', '/voicemails/%d' % phone.voicemail['id'])}
    assert len(user['lines']) == 1
    assert (user['lines'][0]['id'], user['lines'][0]['links']) == (phone.line['id'], line_links)
    assert user['lines'][0]['endpoint_sip'] == endpoint_part
    assert user['lines'][0]['extensions'] == [extension_part]
    assert {k: v for k, v in user.items() if k not in ('lines', 'voicemail')} == \
        {k: v for k, v in phone.user.items() if k not in ('lines', 'voicemail')}

    line = admin.read('/lines/%d' % phone.line['id'])
    assert (line['name'], line['protocol']) == (phone.endpoint['name'], 'sip')
    assert (line['caller_id_name'], line['caller_id_num']) == ('Étienne Ng', '1002')
    assert line['endpoint_sip'] == endpoint_part
    assert (line['endpoint_sccp'], line['endpoint_custom']) == (None, None)
    assert line['extensions'] == [extension_part]
    assert line['users'] == [user_part]

    endpoint = admin.read('/endpoints/sip/%s' % phone.endpoint['uuid'])
    assert endpoint['line'] == {'id': phone.line['id'], 'links': line_links}
    assert endpoint['trunk'] is None
    assert ['callerid', '"Étienne Ng" <1002>'] in endpoint['endpoint_section_options']
    assert sorted(endpoint['auth_section_options']) == [['password', 'very-secret'], ['username', 'etienne']]

    extension = admin.read('/extensions/%d' % phone.extension['id'])
    assert [(part['id'], part['name'], part['links']) for part in extension['lines']] == [(phone.line['id'], phone.endpoint['name'],
            line_links)]

    assert admin.read('/voicemails/%d' % phone.voicemail['id'])['users'] == [user_part]
    assert admin.read('/users/%d/voicemails' % phone.user['id']) == \
        {'total': 1, 'items': [admin.read('/voicemails/%d' % phone.voicemail['id'])]}

    # As the lists say it, and as they find it by what comes from other tables.
    for query in ('exten=1002', 'search=1002', 'context=' + phone.context['name'], 'provisioning_code=' +
                  phone.line['provisioning_code']):
        found = admin.read('/users?' + query)
        assert [u['uuid'] for u in found['items']] == [phone.user['uuid']], query
        assert found['items'][0] == user
    assert admin.read('/lines?exten=1002')['items'] == [line]


def test_rows(service, admin):
    """What the dialplan and the generated configuration read."""
    phone = Phone(admin, '1003', '1003')
    database = Database(service)

    def typeval():
        return database.rows('SELECT type, typeval FROM extensions WHERE id = ?', phone.extension['id'])[0]

    def line_row():
        return database.rows('SELECT name, number, context, endpoint_sip_uuid FROM linefeatures WHERE id = ?', phone.line['id'])[0]

    assert typeval() == ('user', str(phone.user['id']))
    assert line_row() == (phone.endpoint['name'], '1003', phone.context['name'], phone.endpoint['uuid'])
    assert database.rows('SELECT user_id, line_id, main_user, main_line FROM user_line WHERE line_id = ?', phone.line['id']) == \
        [(phone.user['id'], phone.line['id'], 1, 1)]
    assert database.rows('SELECT line_id, extension_id, main_extension FROM line_extension WHERE line_id = ?', phone.line['id']) == \
        [(phone.line['id'], phone.extension['id'], 1)]
    assert database.rows('SELECT voicemailid, enablevoicemail FROM userfeatures WHERE id = ?', phone.user['id']) == \
        [(phone.voicemail['id'], 1)]

    admin.remove(phone.on_line)
    assert typeval() == ('user', '0')
    admin.remove('/users/%d/voicemails' % phone.user['id'])
    assert database.rows('SELECT voicemailid, enablevoicemail FROM userfeatures WHERE id = ?', phone.user['id']) == [(None, 0)]
    admin.remove(phone.on_extension)
    assert line_row() == (phone.endpoint['name'], None, phone.context['name'], phone.endpoint['uuid'])
    admin.remove(phone.on_endpoint)
    assert line_row() == (None, None, phone.context['name'], None)


@pytest.mark.parametrize('number, first, second', [('1010', 1, 2), ('1011', 2, 1)])
def test_either_order(service, admin, number, first, second):
    """The user before the extension, or behind it: the same phone."""
    phone = Phone(admin, number, number, associate=False)
    admin.change(phone.on_endpoint)
    admin.change(phone.associations[first])
    admin.change(phone.associations[second])
    line = admin.read('/lines/%d' % phone.line['id'])
    assert (line['caller_id_name'], line['caller_id_num']) == ('Étienne Ng', number)
    assert Database(service).rows('SELECT typeval FROM extensions WHERE id = ?', phone.extension['id']) == [(str(phone.user['id']),)]


def test_edits_reach_the_phone(admin):
    """What is derived follows what it is derived from."""
    phone = Phone(admin, '1020', '1020')
    line = '/lines/%d' % phone.line['id']
    endpoint = '/endpoints/sip/%s' % phone.endpoint['uuid']

    # A new name leaves the caller id alone; a new caller id goes to the endpoint.
    admin.change('/users/%d' % phone.user['id'], {'firstname': 'Stéphane'})
    assert admin.read('/users/%d' % phone.user['id'])['caller_id'] == '"Étienne Ng"'
    assert admin.read(line)['caller_id_name'] == 'Étienne Ng'
    admin.change('/users/%d' % phone.user['id'], {'caller_id': '"Reception"'})
    assert admin.read(line)['caller_id_name'] == 'Reception'
    admin.change('/users/%d' % phone.user['id'], {'caller_id': '"Reception" <5551234>'})
    assert (admin.read(line)['caller_id_name'], admin.read(line)['caller_id_num']) == ('Reception', '5551234')
    admin.change('/users/%d' % phone.user['id'], {'caller_id': '"Reception"'})

    admin.change('/extensions/%d' % phone.extension['id'], {'exten': '1021'})
    assert admin.read(line)['caller_id_num'] == '1021'
    assert admin.read(line)['extensions'][0]['exten'] == '1021'
    assert admin.read('/users?exten=1021')['total'] == 1 and admin.read('/users?exten=1020')['total'] == 0

    admin.change(endpoint, {'name': 'renamed-phone'})
    assert admin.read(line)['name'] == 'renamed-phone'

    # A caller id of the line's own.
    admin.change(line, {'caller_id_name': 'The line', 'caller_id_num': '42'})
    assert ['callerid', '"The line" <42>'] in admin.read(endpoint)['endpoint_section_options']
    assert admin.read('/users/%d' % phone.user['id'])['caller_id'] == '"Reception"'


def test_what_is_in_use_stays(admin):
    """Undone in the wrong order, it is refused with the reason."""
    phone = Phone(admin, '1030', '1030')
    refused = (
        (phone.on_endpoint,
         "Resource Error - Line is associated with a User ('line_id': %d, 'user_ids': '%d')" % (phone.line['id'], phone.user['id'])),
        ('/extensions/%d' % phone.extension['id'],
         "Resource Error - Extension is associated with a line ('extension_id': %d, 'associated_ids': [%d])" % (phone.extension['id'],
                 phone.line['id'])),
        ('/voicemails/%d' % phone.voicemail['id'],
         "Resource Error - Voicemail is associated with a User ('voicemail_id': %d, 'user_ids': '%d')" % (phone.voicemail['id'],
                 phone.user['id'])),
        ('/users/%d' % phone.user['id'],
         "Resource Error - User is associated with a Voicemail ('user_id': %d, 'voicemail_id': %d)" % (phone.user['id'],
                 phone.voicemail['id'])),
        ('/contexts/%d' % phone.context['id'],
         "Resource Error - Context is associated with a Extension ('context_id': %d, 'extension_id': %d)" % (phone.context['id'],
                 phone.extension['id'])),
    )
    for path, message in refused:
        answer = admin.delete(path)
        assert (answer.status, answer.json) == (400, [message])
    admin.remove(phone.on_line)
    answer = admin.delete(phone.on_endpoint)
    assert (answer.status, answer.json) == \
        (400, ["Resource Error - Line is associated with a Extension ('line_id': %d, 'extension_ids': '%d')" %
               (phone.line['id'], phone.extension['id'])])


def test_delete_of_the_line(service, admin, outbox):
    """The shortcut: user and endpoint go off, the endpoint with it; the extension and the user stay."""
    phone = Phone(admin, '1040', '1040')
    outbox.skip()
    admin.remove('/lines/%d' % phone.line['id'])
    names = [row[1] for row in outbox.owed()]
    assert names[0] == '/exec_request_handlers' and names.count('/exec_request_handlers') == 1
    assert 'user_line_dissociated' in names and names.index('user_line_dissociated') < names.index('line_deleted')
    assert names.count('line_deleted') == 1
    assert admin.get('/lines/%d' % phone.line['id']).status == 404
    assert admin.get('/endpoints/sip/%s' % phone.endpoint['uuid']).status == 404
    assert admin.read('/extensions/%d' % phone.extension['id'])['lines'] == []
    assert admin.read('/users/%d' % phone.user['id'])['lines'] == []
    assert outbox.database.rows('SELECT typeval FROM extensions WHERE id = ?', phone.extension['id']) == [('0',)]
    for table, column in (('user_line', 'line_id'), ('line_extension', 'line_id'), ('linefeatures', 'id')):
        assert outbox.database.rows('SELECT count(*) FROM %s WHERE %s = ?' % (table, column), phone.line['id']) == [(0,)]


def test_delete_of_the_user(admin, outbox):
    """With lines it may go: they stay, and no event speaks of them."""
    phone = Phone(admin, '1050', '1050')
    admin.remove('/users/%d/voicemails' % phone.user['id'])
    outbox.skip()
    admin.remove('/users/%s' % phone.user['uuid'])
    assert [row[1] for row in outbox.owed() if row[0] == 'event'] == ['user_deleted']
    line = admin.read('/lines/%d' % phone.line['id'])
    assert (line['users'], line['extensions'][0]['exten']) == ([], '1050')


def test_delete_of_the_endpoint(admin):
    """It is allowed, and the line goes on without."""
    phone = Phone(admin, '1060', '1060')
    admin.remove('/endpoints/sip/%s' % phone.endpoint['uuid'])
    line = admin.read('/lines/%d' % phone.line['id'])
    assert (line['endpoint_sip'], line['protocol']) == (None, None)


def test_edits_and_what_they_owe(admin, outbox):
    """An edit is told even when it changes nothing; Asterisk reloads only where it says so."""
    phone = Phone(admin, '1070', '1070')
    outbox.skip()
    user, line, extension, voicemail, endpoint, context = (
        '/users/%d' % phone.user['id'], '/lines/%d' % phone.line['id'], '/extensions/%d' % phone.extension['id'],
        '/voicemails/%d' % phone.voicemail['id'], '/endpoints/sip/%s' % phone.endpoint['uuid'], '/contexts/%d' % phone.context['id'])
    line_data = {'id': phone.line['id'], 'protocol': 'sip', 'name': phone.endpoint['name'], 'tenant_uuid': MASTER}
    of_user = ('user_voicemail_edited', 'config.users.%s.voicemails.edited' % phone.user['uuid'],
               {'user_uuid': phone.user['uuid'], 'voicemail_id': phone.voicemail['id']}, phone.user['uuid'])
    of_endpoint = endpoint_data(admin.read(endpoint), phone.line['id'])

    admin.change(user, {})
    outbox.expect({DIALPLAN, SCCP, QUEUE, PJSIP}, ('user_edited', 'config.user.edited', user_data(phone.user)))
    admin.change(line, {})
    outbox.expect(None, ('line_edited', 'config.line.edited', line_data))
    admin.change(line, {'position': 2})
    outbox.expect({PJSIP, DIALPLAN, SCCP}, ('line_edited', 'config.line.edited', line_data))
    admin.change(extension, {})
    extension_data = {'id': phone.extension['id'], 'exten': '1070', 'context': phone.context['name']}
    outbox.expect(None, ('extension_edited', 'config.extensions.edited', extension_data))
    admin.change(extension, {'exten': '1071'})
    outbox.expect({DIALPLAN, PJSIP, SCCP, QUEUE}, ('extension_edited', 'config.extensions.edited', {**extension_data, 'exten': '1071'}))
    admin.change(endpoint, {})
    outbox.expect({PJSIP, DIALPLAN}, ('sip_endpoint_edited', 'config.sip_endpoint.edited', of_endpoint))
    admin.change(context, {'description': 'Ours'})
    outbox.expect({DIALPLAN}, ('context_edited', 'config.contexts.edited',
                               {'id': phone.context['id'], 'name': phone.context['name'], 'type': 'internal', 'tenant_uuid': MASTER}))

    admin.change(voicemail, {'name': 'New'})
    outbox.expect({VOICEMAIL, PJSIP, SCCP}, ('voicemail_edited', 'config.voicemail.edited', {'id': phone.voicemail['id']}), of_user)


def test_a_mailbox_that_moves(admin, outbox):
    """A box that gets another number or context takes its messages along: sysconfd is asked to move them."""
    context, other = admin.context(), admin.context()
    box = admin.voicemail(context, '1080')
    outbox.skip()
    event = ('voicemail_edited', 'config.voicemail.edited', {'id': box['id']})
    old = {'old_mailbox': '1080', 'old_context': context['name']}
    admin.change('/voicemails/%d' % box['id'], {'number': '1081'})
    outbox.expect({VOICEMAIL, PJSIP, SCCP}, event,
                  calls=[('/move_voicemail', {**old, 'new_mailbox': '1081', 'new_context': context['name']})])
    admin.change('/voicemails/%d' % box['id'], {'context': other['name']})
    outbox.expect({VOICEMAIL, PJSIP, SCCP}, event,
                  calls=[('/move_voicemail',
                          {'old_mailbox': '1081', 'old_context': context['name'], 'new_mailbox': '1081', 'new_context': other['name']})])
    admin.change('/voicemails/%d' % box['id'], {'name': 'Stays where it is'})
    outbox.expect({VOICEMAIL, PJSIP, SCCP}, event)


def test_composed(service, admin, outbox):
    """An extension made and associated in one request, a voicemail likewise: one transaction, all events, one reload."""
    phone = Phone(admin, '1090', '1090', associate=False)
    admin.change(phone.on_endpoint)
    outbox.skip()
    answer = admin.post('/lines/%d/extensions' % phone.line['id'], {'exten': '1091', 'context': phone.context['name']})
    assert answer.status == 201
    assert answer.headers['Location'] == href(service, '/extensions/%d' % answer.json['id'])
    assert answer.json['lines'] == []
    outbox.expect({DIALPLAN, PJSIP, QUEUE},
                  ('extension_created', 'config.extensions.created',
                   {'id': answer.json['id'], 'exten': '1091', 'context': phone.context['name']}),
                  ('line_extension_associated', 'config.line_extension_associated.updated',
                   {'line_id': phone.line['id'], 'extension_id': answer.json['id']}))
    assert admin.read('/lines/%d' % phone.line['id'])['extensions'][0]['exten'] == '1091'

    answer = admin.post('/users/%d/voicemails' % phone.user['id'], {'name': 'New', 'number': '1092', 'context': phone.context['name']})
    assert answer.status == 201
    assert answer.headers['Location'] == href(service, '/voicemails/%d' % answer.json['id'])
    assert answer.json['users'] == []
    outbox.expect({VOICEMAIL, PJSIP, SCCP}, ('voicemail_created', 'config.voicemail.created', {'id': answer.json['id']}),
                  ('user_voicemail_associated', 'config.users.%s.voicemails.updated' % phone.user['uuid'],
                   {'user_uuid': phone.user['uuid'], 'voicemail_id': answer.json['id']}, phone.user['uuid']))

    # What is refused half-way leaves nothing: the extension would be made, and then not associated.
    before = outbox.database.counts()
    answer = admin.post('/lines/%d/extensions' % phone.line['id'], {'exten': '1093', 'context': phone.context['name']})
    assert answer.status == 400
    answer = admin.post('/users/%d/voicemails' % phone.user['id'], {'name': 'New', 'number': '1094', 'context': phone.context['name']})
    assert answer.status == 400
    assert outbox.database.counts() == before

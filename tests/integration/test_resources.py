# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources' own fields and rules: each row of their tables."""

import pytest

from rest import *

NULL, MISSING = 'Field may not be null.', 'Missing data for required field.'
STRING, INTEGER, BOOLEAN, LIST = ('Not a valid %s.' % what for what in ('string', 'integer', 'boolean', 'list'))
PATTERN, INVALID = 'String does not match expected pattern.', 'Invalid input.'
USERNAME_SIGNS = "-._~!$&'()*+,;=@%"


def longest(n):
    return 'Longer than maximum length %d.' % n


def between(low, high):
    return 'Must be greater than or equal to %d and less than or equal to %d.' % (low, high)


def least(n):
    return 'Must be greater than or equal to %d.' % n


def ok(*values):
    return [(value, value) for value in values]


def refused(message, *values):
    return [(value, [message]) for value in values]


def turns(value, becomes):
    return [(value, becomes)]


STRICT = ok(True, False) + refused(BOOLEAN, 1, 0, 'true', 'no', [], {})

# member: [(value of a PUT, what GET answers then | [message of the 400])]
USER = {
    'firstname': ok('A', '', 'é' * 128, ' \t ', '"<>&') + refused(longest(128), 'x' * 129) + refused(NULL, None) +
        refused(STRING, 1, [], {}, False),
    'lastname': ok('B', None, 'é' * 128) + refused(longest(128), 'x' * 129) + refused(STRING, 1),
    'email': ok('one@example.org', None, 'x' * 60 + '@' + 'y' * 60 + '.example') +
        refused('Not a valid email address.', 'x', '@', 'a@', '@b.c', 'a b@c.d', 'a@b@c.d', ''),
    'timezone': ok('America/Montreal', 'no such zone', None, 'x' * 128) + refused(longest(128), 'x' * 129),
    'language': ok('fr_FR', None) + refused(PATTERN, 'fr', 'FR_fr', 'fr_FRA', 'fr_FR ', ''),
    'description': ok('text', None, 'x' * 5000),
    'caller_id': ok('"A B"', '"A B" <123>', '"A" <+123>', '""', '"' + 'x' * 158 + '"') +
        refused(PATTERN, 'A', 'A <1>', '"A" <x>', '"A"<1>', '') + refused(NULL, None),
    'outgoing_caller_id': ok('default', 'anonymous', '"A" <1>', None, 'x' * 80) + refused(longest(80), 'x' * 81),
    'mobile_phone_number': ok('5551234', '+15551234', '*1#', None, '1' * 80) + refused(PATTERN, 'x', '1-2', '', '1 2', '++1'),
    'username': ok('alice', USERNAME_SIGNS, 'a' * 254, None) + refused(PATTERN, 'a', 'a b', 'é' * 3, '', 'a' * 255, 'a/b'),
    'password': ok('pass', '0123456789', 'p' * 64, None) + refused(PATTERN, 'abc', 'p' * 65, 'a bcd', 'a@bcd', 'é' * 4),
    'music_on_hold': ok('default', None) + refused(longest(128), 'x' * 129),
    'preprocess_subroutine': ok('sub', None, 'x' * 79) + refused(longest(79), 'x' * 80),
    'userfield': ok('u', None, 'x' * 128) + refused(longest(128), 'x' * 129),
    'call_transfer_enabled': STRICT + refused(NULL, None),
    'dtmf_hangup_enabled': STRICT + refused(NULL, None),
    'call_record_outgoing_external_enabled': STRICT + refused(NULL, None),
    'call_record_outgoing_internal_enabled': STRICT + refused(NULL, None),
    'call_record_incoming_internal_enabled': STRICT + refused(NULL, None),
    'call_record_incoming_external_enabled': STRICT + refused(NULL, None),
    'call_record_enabled': STRICT + refused(NULL, None),
    'online_call_record_enabled': STRICT + refused(NULL, None),
    'supervision_enabled': STRICT + refused(NULL, None),
    'ring_seconds': ok(0, 10800) + turns('12', 12) + turns(12.7, 12) + refused(between(0, 10800), -1, 10801) +
        refused(INTEGER, 'x', True) + refused(NULL, None),
    'simultaneous_calls': ok(1, 20) + refused(between(1, 20), 0, 21) + refused(NULL, None),
    'call_permission_password': ok('1', '0*#', '1' * 16, None) + refused(PATTERN, '1' * 17, 'a', ''),
    'subscription_type': ok(0, 10) + refused(between(0, 10), -1, 11) + refused(NULL, None),
    'enabled': STRICT + refused(NULL, None),
}

LINE = {
    'context': refused(NULL, None) + refused(STRING, 1),
    'provisioning_code': ok('123456', '012345') + refused('Length must be 6.', '12345', '1234567') +
        refused(INVALID, 'abcdef', '12 456') + refused(STRING, 123456),
    'position': ok(1, 100) + turns('2', 2) + refused(least(1), 0, -1) + refused(INTEGER, 'x', True),
    'registrar': ok('default') + refused(longest(128), 'x' * 129),
}

EXTENSION = {
    'exten': ok('1', '*10', '#', '1' * 40, '_1XXX', '_[1-5]XXX', '_.', '_X!', '001') + refused(longest(40), '1' * 41) +
        refused(NULL, None) + refused(STRING, 1001),
    'context': refused(NULL, None) + refused(STRING, 1),
}

VOICEMAIL = {
    'name': ok('N', 'é' * 80) + refused(longest(80), 'x' * 81) + refused(NULL, None) + refused(STRING, 1),
    'number': ok('1', '0001', '1' * 40) + refused(PATTERN, '', '1' * 41, 'x', '1*', '+1') + refused(NULL, None) + refused(STRING, 1),
    'context': refused(NULL, None) + refused(STRING, 1),
    'password': ok('1', '0' * 80, None) + refused(PATTERN, 'x', '', '0' * 81) + refused(STRING, 1234),
    'email': ok('no syntax', 'x' * 80, None) + refused(longest(80), 'x' * 81),
    'language': ok('en_US', None) + refused(PATTERN, 'en', ''),
    'timezone': ok('eu-fr', None),
    'pager': ok('p', 'x' * 80, None) + refused(longest(80), 'x' * 81),
    'max_messages': ok(0, 9999, None) + turns('3', 3) + refused(least(0), -1) + refused(INTEGER, 'x', True),
    'attach_audio': ok(True, False, None) + refused(BOOLEAN, 1, 'true'),
    'delete_messages': ok(False) + refused(BOOLEAN, 1) + refused(NULL, None),
    'ask_password': STRICT + refused(NULL, None),
    'enabled': STRICT + refused(NULL, None),
    'options': ok([], [['a', 'b']], [['a', 'b'], ['a', 'c']]) + refused(LIST, 'x', {}) + refused(NULL, None),
    'accesstype': ok('personal') + refused('Must be one of: personal, global.', 'all', '', 'Personal') + refused(NULL, None),
}

CONTEXT = {
    'label': ok('L', 'é' * 128) + refused('Length must be between 1 and 128.', '', 'x' * 129) + refused(NULL, None) + refused(STRING, 1),
    'type': ok('internal', 'incall', 'outcall', 'services', 'others') +
        refused('Must be one of: internal, incall, outcall, services, others.', 'x', '') + refused(NULL, None),
    'description': ok('text', None, '', 'x' * 5000),
    'enabled': STRICT + refused(NULL, None),
    **{name: ok([], [{'start': '1', 'end': '9'}], [{'start': '100', 'end': '199'}, {'start': '100', 'end': '150'}],
                [{'start': '1' * 16, 'end': '9' * 16}]) +
       turns([{'start': '5'}], [{'start': '5', 'end': '5'}]) +
           turns([{'start': '1', 'end': '2', 'unknown': 3}], [{'start': '1', 'end': '2'}])
       for name in ('user_ranges', 'group_ranges', 'queue_ranges', 'conference_room_ranges')},
    'incall_ranges': ok([], [{'start': '5551000', 'end': '5551099', 'did_length': 4}]) +
        turns([{'start': '10'}], [{'start': '10', 'end': '10', 'did_length': 0}]),
}

ENDPOINT = {
    'name': ok('desk', 'a' * 79, '-_.aZ9', 'general') + refused(NULL, None) + refused(STRING, 1),
    'label': ok('L', None, 'é' * 128) + refused(longest(128), 'x' * 129),
    'asterisk_id': ok('a', None, 'x' * 1024) + refused(longest(1024), 'x' * 1025),
    'aor_section_options': ok([], [['max_contacts', '10']], [['@free', 'x']]) + refused(NULL, None) + refused(LIST, 'x', {}),
    'auth_section_options': ok([], [['username', 'u'], ['password', 'p' * 4092]]) + refused(NULL, None),
    'endpoint_section_options': ok([], [['allow', '!all,ulaw']], [['@free', 'x']], [['set_var', 'A=1'], ['set_var', 'B=2']]),
    'identify_section_options': ok([], [['match', '192.0.2.1']], [['endpoint', 'x'], ['srv_lookups', 'yes'], ['match_header', 'A: b']]),
    'registration_section_options': ok([], [['client_uri', 'sip:a@b'], ['server_uri', 'sip:b']]),
    'registration_outbound_auth_section_options': ok([], [['username', 'u']]),
    'outbound_auth_section_options': ok([], [['password', 'u']]),
}


@pytest.fixture(scope='module')
def things(admin):
    context = admin.context()
    return {'/users': admin.user(), '/lines': admin.line(context), '/extensions': admin.extension(context, '1400'),
            '/voicemails': admin.voicemail(context, '1400'), '/contexts': admin.context(), '/endpoints/sip': admin.endpoint()}


@pytest.mark.parametrize('path, member, cases', [(path, member, cases) for path, fields in (
    ('/users', USER), ('/lines', LINE), ('/extensions', EXTENSION), ('/voicemails', VOICEMAIL), ('/contexts', CONTEXT),
    ('/endpoints/sip', ENDPOINT))
    for member, cases in fields.items()])
def test_fields(admin, things, path, member, cases):
    """What a PUT of one member takes and refuses; what is refused changes nothing, and what is taken changes nothing else."""
    thing = things[path]
    path = '%s/%s' % (path, thing.get('id') or thing['uuid'])
    derived = {'call_record_enabled': [name for name in thing if name.startswith('call_record_')],
               'provisioning_code': ['provisioning_extension'], 'position': ['device_slot']}.get(member, ['call_record_enabled'])
    for value, wanted in cases:
        before = admin.read(path)
        answer = admin.put(path, {member: value})
        if isinstance(wanted, list) and wanted and isinstance(wanted[0], str):
            assert (answer.status, answer.json) == (400, ["Input Error - %s: ['%s']" % (member, wanted[0])]), value
            assert admin.read(path) == before
            continue
        assert answer.status == 204, (value, answer)
        after = admin.read(path)
        if member == 'registrar':
            continue
        if isinstance(wanted, list) and member.endswith('_options'):
            assert sorted(after[member]) == sorted(wanted)
        elif isinstance(wanted, list) and member.endswith('_ranges'):
            assert sorted(map(str, after[member])) == sorted(map(str, wanted))
        else:
            assert after[member] == wanted
        for name in after:
            if name != member and name not in derived:
                assert after[name] == before[name], 'PUT of %s changed %s' % (member, name)


# Defaults of a POST, and null where only a POST takes it.


@pytest.mark.parametrize('member, default', (
    ('caller_id', '"A"'), ('call_transfer_enabled', False), ('dtmf_hangup_enabled', False), ('call_record_enabled', False),
    ('online_call_record_enabled', False), ('supervision_enabled', True), ('ring_seconds', 30), ('simultaneous_calls', 5),
    ('enabled', True)))
def test_null_at_creation_of_a_user(admin, member, default):
    assert admin.create('/users', {'firstname': 'A', member: None})[member] == default
    assert admin.create('/users', {'firstname': 'A'})[member] == default


def test_defaults(admin):
    user = admin.create('/users', {'firstname': 'A', 'lastname': 'B'})
    wanted = dict.fromkeys(('email', 'timezone', 'country', 'language', 'description', 'outgoing_caller_id', 'mobile_phone_number',
                            'username', 'password', 'music_on_hold',
                            'preprocess_subroutine', 'userfield', 'call_permission_password', 'agent', 'voicemail',
                            'func_key_template_id'))
    wanted.update({'caller_id': '"A B"', 'mobile_fallback_enabled': False, 'subscription_type': 0, 'lines': [], 'groups': [],
                   'incalls': [], 'schedules': [],
                   'switchboards': [], 'queues': [], 'call_permissions': [], 'call_pickup_target_users': [],
                   'services': {'dnd': {'enabled': False}, 'incallfilter': {'enabled': False}},
                   'forwards': {name: {'enabled': False, 'destination': None} for name in ('busy', 'noanswer', 'unconditional')},
                   'fallbacks': {name + '_destination': None for name in ('noanswer', 'busy', 'congestion', 'fail')}})
    assert {name: user[name] for name in wanted} == wanted
    assert UUID.fullmatch(user['uuid']) and TIMESTAMP.fullmatch(user['created_at'])
    assert list(user) == (
        'id uuid firstname lastname email timezone country language description caller_id outgoing_caller_id '
        'mobile_phone_number mobile_fallback_enabled username password music_on_hold preprocess_subroutine userfield '
        'call_transfer_enabled dtmf_hangup_enabled call_record_outgoing_external_enabled call_record_outgoing_internal_enabled '
        'call_record_incoming_internal_enabled call_record_incoming_external_enabled online_call_record_enabled '
        'supervision_enabled ring_seconds simultaneous_calls call_permission_password subscription_type created_at enabled '
        'tenant_uuid links agent call_permissions fallbacks groups incalls lines forwards schedules services switchboards '
        'voicemail queues func_key_template_id call_record_enabled call_pickup_target_users').split()

    context = admin.create('/contexts', {'label': 'L'})
    assert (context['type'], context['enabled'], context['description'], context['contexts']) == ('internal', True, None, [])
    assert all(context[name] == [] for name in ('user_ranges', 'group_ranges', 'queue_ranges', 'conference_room_ranges', 'incall_ranges'))
    assert context['name'] == 'ctx-None-internal-' + context['uuid']
    box = admin.create('/voicemails', {'name': 'N', 'number': '7', 'context': context['name']})
    assert list(box)[0] == 'id' and {k: v for k, v in box.items() if k not in ('id', 'links', 'tenant_uuid')} == {
        'name': 'N', 'number': '7', 'context': context['name'], 'password': None, 'email': None, 'language': None, 'timezone': None,
        'pager': None, 'max_messages': None,
        'attach_audio': None, 'delete_messages': False, 'ask_password': True, 'enabled': True, 'options': [], 'accesstype': 'personal',
        'users': []}
    extension = admin.extension(context, '7')
    assert (extension['enabled'], extension['lines'], extension['conference'], extension['parking_lot'], extension['group'],
            extension['incall'], extension['outcall'],
            extension['queue']) == (True, [], None, None, None, None, None, None)
    line = admin.line(context)
    assert {name: line[name] for name in ('name', 'protocol', 'device_id', 'caller_id_name', 'caller_id_num', 'registrar', 'endpoint_sip',
                                          'endpoint_sccp', 'endpoint_custom',
                                          'application', 'position', 'device_slot', 'extensions', 'users')} == {
        'name': None, 'protocol': None, 'device_id': None, 'caller_id_name': None, 'caller_id_num': None, 'registrar': 'default',
        'endpoint_sip': None, 'endpoint_sccp': None,
        'endpoint_custom': None, 'application': None, 'position': 1, 'device_slot': 1, 'extensions': [], 'users': []}
    endpoint = admin.endpoint()
    assert len(endpoint['name']) == 8 and endpoint['name'].isalnum() and endpoint['name'] == endpoint['name'].lower()
    assert (endpoint['label'], endpoint['templates'], endpoint['transport'], endpoint['asterisk_id'], endpoint['trunk'],
            endpoint['line']) == (None, [], None, None, None, None)


# ---- rules ----


def refuse(client, method, path, body, message, service):
    """400 with this one message, and not a row more or less."""
    before = Database(service).counts()
    answer = client.request(method, path, body)
    assert (answer.status, answer.json) == (400, [message])
    assert Database(service).counts() == before


def test_user_rules(service, admin, child):
    one, two = admin.user(email='one@example.com', username='number-one'), admin.user()
    path = '/users/%d' % two['id']
    for member, value in (('email', 'one@example.com'), ('username', 'number-one')):
        message = "Resource Error - User already exists ('%s': '%s')" % (member, value)
        refuse(admin, 'POST', '/users', {'firstname': 'A', member: value}, message, service)
        refuse(admin, 'PUT', path, {member: value}, message, service)
        # Of all tenants.
        refuse(child, 'POST', '/users', {'firstname': 'A', member: value}, message, service)
        admin.change('/users/%d' % one['id'], {member: value})
    moh = "Input Error - field 'music_on_hold': MOH was not found ('music_on_hold': 'nowhere')"
    refuse(admin, 'POST', '/users', {'firstname': 'A', 'music_on_hold': 'nowhere'}, moh, service)
    refuse(admin, 'PUT', path, {'music_on_hold': 'nowhere'}, moh, service)
    fallback = 'Resource Error - PSTN fallback must be disabled when mobile phone number is not set'
    for method, where in (('POST', '/users'), ('PUT', path)):
        refuse(admin, method, where, {'firstname': 'A', 'mobile_fallback_enabled': True}, fallback, service)
    admin.change(path, {'mobile_fallback_enabled': True, 'mobile_phone_number': '5551234'})
    refuse(admin, 'PUT', path, {'mobile_phone_number': None}, fallback, service)


def test_call_record(admin):
    user = admin.user(call_record_enabled=True)
    path = '/users/%d' % user['id']
    four = ['call_record_%s_enabled' % name for name in ('outgoing_external', 'outgoing_internal', 'incoming_internal',
            'incoming_external')]
    assert [user[name] for name in four] == [True] * 4 and user['call_record_enabled'] is True
    admin.change(path, {four[1]: False})
    assert admin.read(path)['call_record_enabled'] is False
    admin.change(path, {'call_record_enabled': False})
    assert not any(admin.read(path)[name] for name in four)


def test_caller_id_of_a_user(admin):
    """Made of the name at creation, and never again."""
    assert admin.user(firstname='A', lastname=None)['caller_id'] == '"A"'
    assert admin.user(firstname='A', caller_id='"Z" <9>')['caller_id'] == '"Z" <9>'
    user = admin.user(firstname='A', lastname='B')
    admin.change('/users/%d' % user['id'], {'firstname': 'C'})
    assert admin.read('/users/%d' % user['id'])['caller_id'] == '"A B"'
    # Two names of the greatest length do not fit; that is no error.
    assert len(admin.user(firstname='x' * 128, lastname='y' * 128)['caller_id']) <= 160


def test_users_by_either_name(admin):
    user = admin.user()
    assert admin.read('/users/%d' % user['id']) == admin.read('/users/%s' % user['uuid']) == admin.read('/users/%s' % user['uuid'].upper())
    admin.change('/users/%s' % user['uuid'], {'firstname': 'New'})
    assert admin.read('/users/%d' % user['id'])['firstname'] == 'New'
    admin.remove('/users/%s' % user['uuid'])
    assert admin.get('/users/%d' % user['id']).status == 404


UNKNOWN_CONTEXT = "Input Error - field 'context': Context was not found ('context': 'nowhere')"


def test_line_rules(service, admin):
    context = admin.context()
    line = admin.line(context, provisioning_code='777777')
    path = '/lines/%d' % line['id']
    assert (line['provisioning_code'], line['provisioning_extension']) == ('777777', '777777')
    for method, where in (('POST', '/lines'), ('PUT', path)):
        refuse(admin, method, where, {'context': 'nowhere'}, UNKNOWN_CONTEXT, service)
        refuse(admin, method, where, {'context': context['name'], 'registrar': 'nowhere'},
               "Input Error - field 'registrar': Registrar was not found ('registrar': 'nowhere')", service)
    other = admin.line(context)
    duplicate = "Resource Error - Line already exists ('provisioning_code': '777777')"
    refuse(admin, 'POST', '/lines', {'context': context['name'], 'provisioning_code': '777777'}, duplicate, service)
    refuse(admin, 'PUT', '/lines/%d' % other['id'], {'provisioning_code': '777777'}, duplicate, service)
    admin.change(path, {'provisioning_code': '777777'})
    refuse(admin, 'POST', '/lines', {}, "Input Error - context: ['%s']" % MISSING, service)
    # Any type of context does for a line.
    admin.line(admin.context(type='incall'))

    unconnected = 'Cannot set caller id if no endpoint associated'
    for body in ({'caller_id_name': 'A'}, {'caller_id_num': '1'}):
        refuse(admin, 'PUT', path, body, unconnected, service)
    endpoint = admin.endpoint()
    admin.change('%s/endpoints/sip/%s' % (path, endpoint['uuid']))
    admin.change(path, {'caller_id_name': 'A', 'caller_id_num': '1'})
    assert (admin.read(path)['caller_id_name'], admin.read(path)['caller_id_num']) == ('A', '1')
    refuse(admin, 'PUT', path, {'caller_id_name': None}, 'Cannot set caller id to None', service)


def test_webrtc(admin):
    context = admin.context()
    line, endpoint = admin.line(context), admin.endpoint(endpoint_section_options=[['webrtc', 'yes']])
    admin.change('/lines/%d/endpoints/sip/%s' % (line['id'], endpoint['uuid']))
    # Only a POST of a line may say; what the endpoint has is what counts.
    if 'is_webrtc' in line:
        assert line['is_webrtc'] is False and admin.read('/lines/%d' % line['id'])['is_webrtc'] is True


def test_extension_rules(service, admin):
    context, second, outcall, incall = admin.context(), admin.context(), admin.context(type='outcall'), admin.context(type='incall')
    extension = admin.extension(context, '1200')
    path = '/extensions/%d' % extension['id']
    for method, where in (('POST', '/extensions'), ('PUT', path)):
        refuse(admin, method, where, {'exten': '1', 'context': 'nowhere'}, UNKNOWN_CONTEXT, service)
        for exten in ('', 'abc', '_', '_a b', '+1', '-'):
            refuse(admin, method, where, {'exten': exten, 'context': context['name']}, "exten: ['%s']" % PATTERN, service)
    other = admin.extension(context, '1201')
    duplicate = "Resource Error - Extension already exists ('exten': '1200', 'context': '%s')" % context['name']
    refuse(admin, 'POST', '/extensions', {'exten': '1200', 'context': context['name']}, duplicate, service)
    refuse(admin, 'PUT', '/extensions/%d' % other['id'], {'exten': '1200'}, duplicate, service)
    admin.change(path, {'exten': '1200', 'context': context['name']})
    # The same number in another context, any number until it is associated, and what only contexts of outcalls take.
    admin.extension(second, '1200')
    admin.extension(context, '999999')
    admin.extension(outcall, '_+1X.')
    admin.extension(outcall, '')
    # It moves freely while nothing is associated.
    for to in (second, incall, outcall, context):
        admin.change(path, {'context': to['name'], 'exten': '1299'})
        assert admin.read(path)['context'] == to['name']

    assert admin.extension(context, '1202', enabled=False)['enabled'] is False
    assert admin.extension(context, '1203', commented=True)['enabled'] is False


def test_edits_of_an_extension_in_use(service, admin):
    """It must still fit what is associated: the context's type, the range, the tenant."""
    context, incall = admin.context(), admin.context(type='incall', incall_ranges=[{'start': '1000', 'end': '1999'}])
    line, endpoint, extension = admin.line(context), admin.endpoint(), admin.extension(context, '1300')
    admin.change('/lines/%d/endpoints/sip/%s' % (line['id'], endpoint['uuid']))
    admin.change('/lines/%d/extensions/%d' % (line['id'], extension['id']))
    path = '/extensions/%d' % extension['id']
    refuse(admin, 'PUT', path, {'exten': '5000'}, "Input Error - Extension '5000' is outside of range for context '%s'" % context['name'],
           service)
    answer = admin.put(path, {'context': incall['name']})
    assert answer.status == 400 and answer.json[0].startswith("Resource Error - ContextType 'incall' cannot be associated")
    for exten in ('1999', '1000', '01500', '_1XXX'):
        admin.change(path, {'exten': exten})
    assert admin.read('/lines/%d' % line['id'])['extensions'][0]['exten'] == '_1XXX'


def test_voicemail_rules(service, admin):
    context, second = admin.context(), admin.context()
    box = admin.voicemail(context, '1700')
    path = '/voicemails/%d' % box['id']
    for method, where in (('POST', '/voicemails'), ('PUT', path)):
        body = {'name': 'N', 'number': '1'}
        refuse(admin, method, where, {**body, 'context': 'nowhere'}, UNKNOWN_CONTEXT, service)
        refuse(admin, method, where, {**body, 'context': context['name'], 'timezone': 'nowhere'},
               "Input Error - field 'timezone': Timezone was not found ('timezone': 'nowhere')", service)
        for lacking in ({'delete_messages': True}, {'delete_messages': True, 'email': 'a@b.c'},
                        {'delete_messages': True, 'attach_audio': True}):
            before = Database(service).counts()
            answer = admin.request(method, where, {**body, 'context': context['name'], **lacking})
            assert answer.status == 400 and answer.json[0].startswith('Input Error - _schema: ['), answer
            assert Database(service).counts() == before
    other = admin.voicemail(context, '1701')
    duplicate = "Resource Error - Voicemail already exists ('number': '1700', 'context': '%s')" % context['name']
    refuse(admin, 'POST', '/voicemails', {'name': 'N', 'number': '1700', 'context': context['name']}, duplicate, service)
    refuse(admin, 'PUT', '/voicemails/%d' % other['id'], {'number': '1700'}, duplicate, service)
    admin.voicemail(second, '1700')
    admin.change(path, {'delete_messages': True, 'email': 'a@b.c', 'attach_audio': True})

    admin.voicemail(context, '1799', accesstype='global')
    only_one = 'Resource Error - Operation not permitted. There can be only one global voicemail per context.'
    refuse(admin, 'POST', '/voicemails', {'name': 'N', 'number': '1702', 'context': context['name'], 'accesstype': 'global'}, only_one,
           service)
    refuse(admin, 'PUT', path, {'accesstype': 'global'}, only_one, service)
    user = admin.user()
    mine = admin.voicemail(second, '1703')
    admin.change('/users/%d/voicemails/%d' % (user['id'], mine['id']))
    refuse(admin, 'PUT', '/voicemails/%d' % mine['id'], {'accesstype': 'global'},
           'Resource Error - Operation not permitted. A global voicemail cannot be associated to users.', service)


@pytest.mark.parametrize('options', (['x'], [['a']], [['a', 'b', 'c']], [[1, 'b']], [['a', None]], [{'a': 'b'}], [['a', 'b'], 7]))
def test_bad_pairs(service, admin, things, options):
    """Of voicemails and of endpoints."""
    for path, member in (('/voicemails/%d' % things['/voicemails']['id'], 'options'),
                         ('/endpoints/sip/' + things['/endpoints/sip']['uuid'], 'auth_section_options')):
        before = Database(service).counts()
        answer = admin.put(path, {member: options})
        assert answer.status == 400 and answer.json[0].startswith('Input Error - %s: ' % member), answer
        assert Database(service).counts() == before


def test_context_rules(service, admin):
    """It stays while something needs it, and says what; lines do not count."""
    context = admin.context()
    path = '/contexts/%d' % context['id']
    extension = admin.extension(context, '1600')
    box = admin.voicemail(context, '1600')
    admin.line(context)
    refuse(admin, 'DELETE', path, None,
           "Resource Error - Context is associated with a Extension ('context_id': %d, 'extension_id': %d)" % (context['id'],
                   extension['id']), service)
    admin.remove('/extensions/%d' % extension['id'])
    refuse(admin, 'DELETE', path, None,
           "Resource Error - Context is associated with a Voicemail ('context_id': %d, 'voicemail_id': %d)" % (context['id'], box['id']),
           service)
    admin.remove('/voicemails/%d' % box['id'])
    admin.remove(path)
    # The name is given once; a name in the body of old clients is the label.
    context = admin.context(type='incall')
    admin.change('/contexts/%d' % context['id'], {'type': 'outcall', 'name': 'other', 'label': 'New'})
    after = admin.read('/contexts/%d' % context['id'])
    assert (after['name'], after['type'], after['label']) == (context['name'], 'outcall', 'New')
    assert admin.create('/contexts', {'name': 'Old client'})['label'] == 'Old client'
    refuse(admin, 'POST', '/contexts', {}, "Input Error - label: ['%s']" % MISSING, service)


def test_context_ranges(admin):
    """A list that is put replaces that list only; which numbers are free follows the extensions."""
    context = admin.context(user_ranges=[{'start': '100', 'end': '104'}], queue_ranges=[{'start': '300', 'end': '301'}])
    path = '/contexts/%d' % context['id']
    admin.extension(context, '102')
    ranges = path + '/ranges/user'
    assert admin.read(ranges)['items'] == [{'start': '100', 'end': '101'}, {'start': '103', 'end': '104'}]
    assert admin.read(ranges + '?availability=available') == admin.read(ranges)
    assert admin.read(ranges + '?availability=all')['items'] == [{'start': '100', 'end': '104'}]
    assert admin.get(ranges + '?availability=some').status == 400
    assert admin.read(path + '/ranges/queue')['items'] == [{'start': '300', 'end': '301'}]
    assert admin.read(path + '/ranges/group')['items'] == admin.read(path + '/ranges/incall')['items'] == []
    admin.change(path, {'user_ranges': [{'start': '102', 'end': '103'}]})
    after = admin.read(path)
    assert (after['user_ranges'], after['queue_ranges']) == ([{'start': '102', 'end': '103'}], [{'start': '300', 'end': '301'}])
    assert admin.read(ranges)['items'] == [{'start': '103', 'end': '103'}]
    assert admin.get('/contexts/99999/ranges/user').status == 404


def test_endpoint_rules(service, admin, child):
    endpoint = admin.endpoint(name='taken', templates=[], transport=None)
    other = admin.endpoint()
    path = '/endpoints/sip/' + other['uuid']
    duplicate = "Resource Error - SIPEndpoint already exists ('name': 'taken')"
    refuse(admin, 'POST', '/endpoints/sip', {'name': 'taken'}, duplicate, service)
    refuse(child, 'POST', '/endpoints/sip', {'name': 'taken'}, duplicate, service)
    refuse(admin, 'PUT', path, {'name': 'taken'}, duplicate, service)
    admin.change('/endpoints/sip/' + endpoint['uuid'], {'name': 'taken'})
    for method, where in (('POST', '/endpoints/sip'), ('PUT', path)):
        for name, message in (('a b', 'Not a valid Asterisk section name'), ('global', 'Reserved Asterisk section name'),
                              ('system', 'Reserved Asterisk section name'),
                              ('x' * 80, 'Longer than maximum length 79'), ('', 'Shorter than minimum length 1')):
            before = Database(service).counts()
            answer = admin.request(method, where, {'name': name})
            assert answer.status == 400 and message in answer.json[0] and answer.json[0].startswith('Input Error - name: '), answer
            assert Database(service).counts() == before
        before = Database(service).counts()
        for member, body in (('endpoint_section_options', [['nonsense', 'x']]), ('auth_section_options', [['@free', 'x']]),
                             ('identify_section_options', [['max_contacts', '1']])):
            answer = admin.request(method, where, {member: body})
            message = "Input Error - '%s: invalid variable (%s)' must be one of (" % (member, body[0][0])
            assert answer.status == 400 and answer.json[0].startswith(message), answer
        for value in ('', 'x' * 4093):
            answer = admin.request(method, where, {'auth_section_options': [['username', value]]})
            assert answer.status == 400 and answer.json[0].startswith('Input Error - auth_section_options: '), answer
        answer = admin.request(method, where, {'auth_section_options': [['username', 'x']] * 513})
        assert answer.status == 400 and answer.json[0].startswith('Input Error - auth_section_options: '), answer
        answer = admin.request(method, where, {'transport': {'uuid': NOBODY}})
        assert (answer.status, answer.json) == (400, ["Input Error - field 'transport': SIPTransport was not found ('uuid': UUID('%s'))" % NOBODY])
        answer = admin.request(method, where, {'templates': [{'uuid': NOBODY}]})
        assert answer.status == 400 and answer.json[0].startswith("Input Error - field 'templates': endpoint_sip was not found ('templates': "), answer
        for templates in ('x', [7], [{}], [{'uuid': 'x'}]):
            answer = admin.request(method, where, {'templates': templates})
            assert answer.status == 400 and answer.json[0].startswith('Input Error - templates: '), answer
        assert Database(service).counts() == before
    assert admin.read(path + '?view=merged')['uuid'] == other['uuid']
    refuse(admin, 'GET', path + '?view=other', None, "Input Error - view: ['Must be one of: merged.']", service)


def test_options_are_replaced_whole(admin):
    endpoint = admin.endpoint(auth_section_options=[['username', 'u'], ['password', 'p']], aor_section_options=[['max_contacts', '1']])
    path = '/endpoints/sip/' + endpoint['uuid']
    admin.change(path, {'auth_section_options': [['username', 'v']]})
    after = admin.read(path)
    assert (after['auth_section_options'], after['aor_section_options']) == ([['username', 'v']], [['max_contacts', '1']])
    admin.change(path, {'auth_section_options': []})
    assert admin.read(path)['auth_section_options'] == []

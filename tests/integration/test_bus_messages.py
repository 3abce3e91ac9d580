# SPDX-License-Identifier: GPL-3.0-or-later
"""Each event's whole message, as a consumer of RabbitMQ sees it, and each request, as sysconfd gets it: the operator's way
of test_phone once more, looked at from outside."""

import contextlib
import sqlite3

import pytest

from owed import DIALPLAN, PJSIP, SCCP, Bus, Sysconfd
from rest import *
from test_phone import (Phone, endpoint_data, test_a_mailbox_that_moves, test_composed, test_delete_of_the_line, test_delete_of_the_user,
                        test_edits_and_what_they_owe, test_scenario, user_line_data)  # with another outbox

EXCHANGE = 'messages'


@pytest.fixture(scope='module')
def sysconfd():
    sysconfd = Sysconfd()
    yield sysconfd
    sysconfd.close()


@pytest.fixture(scope='module')
def settings(broker, sysconfd):
    return broker.settings(EXCHANGE) + f'sysconfd: {{host: 127.0.0.1, port: {sysconfd.port}}}\n'


@pytest.fixture(scope='module')
def bus(broker, service, admin, sysconfd):
    return Bus(service, admin.read('/infos')['uuid'], broker.observe(EXCHANGE), sysconfd)


@pytest.fixture
def outbox(bus):
    bus.skip()
    return bus


# ---- what the operator's way does not come by ----


def test_contexts_of_a_context(admin, outbox):
    """A list is told each time, also the same again and the empty one."""
    outer, inner = admin.context(), admin.context()
    outbox.skip()
    for inside in ([inner['id']], [inner['id']], []):
        admin.change('/contexts/%d/contexts' % outer['id'], {'contexts': [{'id': number} for number in inside]})
        outbox.expect({DIALPLAN}, ('contexts_associated', 'config.contexts.contexts.updated',
                                   {'context_id': outer['id'], 'context_ids': inside}))


def test_lines_of_a_user(admin, outbox):
    """The list of a user's lines, replaced: each line that comes or goes is told."""
    phone = Phone(admin, '1100', '1100', associate=False)
    admin.change(phone.on_endpoint)
    outbox.skip()
    lines = '/users/%s/lines' % phone.user['uuid']
    key = 'config.users.%s.lines.%d.' % (phone.user['uuid'], phone.line['id'])
    data = user_line_data(phone.user, phone.line, phone.endpoint)
    admin.change(lines, {'lines': [{'id': phone.line['id']}]})
    outbox.expect({DIALPLAN, PJSIP}, ('user_line_associated', key + 'updated', data, phone.user['uuid']))
    admin.change(lines, {'lines': []})
    outbox.expect({DIALPLAN, PJSIP}, ('user_line_dissociated', key + 'deleted', data, phone.user['uuid']))


def test_a_line_goes_with_all_it_has(admin, outbox):
    phone = Phone(admin, '1110', '1110')
    outbox.skip()
    endpoint = admin.read('/endpoints/sip/%s' % phone.endpoint['uuid'])
    admin.remove('/lines/%d' % phone.line['id'])
    outbox.expect({DIALPLAN, PJSIP, SCCP},
                  ('user_line_dissociated', 'config.users.%s.lines.%d.deleted' % (phone.user['uuid'], phone.line['id']),
                   user_line_data(phone.user, phone.line, phone.endpoint), phone.user['uuid']),
                  ('sip_endpoint_deleted', 'config.sip_endpoint.deleted', endpoint_data(endpoint, phone.line['id'])),
                  ('line_deleted', 'config.line.deleted',
                   {'id': phone.line['id'], 'protocol': 'sip', 'name': phone.endpoint['name'], 'tenant_uuid': MASTER}))


@pytest.mark.parametrize('kind, table, row, name, more, reload', [
    ('sccp', 'sccpline', {'name': 's5', 'context': 'inside', 'cid_name': '', 'cid_num': ''}, 's5', {}, {SCCP}),
    ('custom', 'usercustom', {'interface': 'dahdi/1', 'category': 'user'}, 'dahdi/1', {'interface': 'dahdi/1'}, None)])
def test_other_endpoints(service, admin, outbox, kind, table, row, name, more, reload):
    """There is no plugin of theirs that would make one; there is one that gives it to a line."""
    row = {'tenant_uuid': MASTER, **row}
    line = admin.line(admin.context())
    with contextlib.closing(sqlite3.connect(service.path('state/db/confd.sqlite'), timeout=60)) as db, db:
        number = db.execute(f'INSERT INTO {table} ({", ".join(row)}) VALUES ({", ".join("?" * len(row))})', tuple(row.values())).lastrowid
    outbox.skip()
    path, key = f'/lines/{line["id"]}/endpoints/{kind}/{number}', f'config.lines.{line["id"]}.endpoints.{kind}.{number}.'
    for call, verb, end, now in ((admin.change, 'associated', 'updated', name), (admin.remove, 'dissociated', 'deleted', None)):
        for _ in range(2):  # the second time it is a no-op
            call(path)
        outbox.expect(reload, (f'line_endpoint_{kind}_{verb}', key + end, {
            'line': {'id': line['id'], 'tenant_uuid': MASTER, 'name': now},
            f'endpoint_{kind}': {'id': number, 'tenant_uuid': MASTER, **more}}))

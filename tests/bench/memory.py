# SPDX-License-Identifier: GPL-3.0-or-later
"""Own memory: each worker resting and working, the whole service, and one of 120 plugins. Pss, so that what is shared
counts by its share."""
import contextlib
import json
import os
import time

from service import PLUGINS, Service, alone, new_directory, pss_of
from start import Client

SECTION = 'own memory'
PLUGIN_NAMES = ('info', 'wizard', 'context', 'extension', 'voicemail', 'user', 'line', 'endpoint_sip', 'line_endpoint',
                'line_extension', 'user_line', 'user_voicemail')
RESTING_SECONDS = 11.5
MANY = 120


class Api(Client):
    def call(self, method, path, body=None):
        headers = dict(self.headers)
        data = None
        if body is not None:
            data = json.dumps(body)
            headers['Content-Type'] = 'application/json'
        self.connection.request(method, '/1.1' + path, body=data, headers=headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status not in (200, 201, 204):
            raise RuntimeError(f'{method} {path}: {response.status} {text!r}')
        return json.loads(text) if text else None


def a_day(api, context, first, n):
    """What an operator does all day: users with their phones, looked at, changed, and some of them gone again."""
    for i in range(first, first + n):
        user = api.call('POST', '/users', {'firstname': f'User {i}', 'lastname': 'Bench', 'email': f'u{i}@example.org'})
        line = api.call('POST', '/lines', {'context': context})
        sip = api.call('POST', '/endpoints/sip', {'label': f'sip {i}', 'auth_section_options': [['username', f'u{i}'], ['password', 'x']]})
        extension = api.call('POST', '/extensions', {'exten': str(1000 + i), 'context': context})
        voicemail = api.call('POST', '/voicemails', {'name': f'Box {i}', 'number': str(1000 + i), 'context': context})
        api.call('PUT', f"/lines/{line['id']}/endpoints/sip/{sip['uuid']}")
        api.call('PUT', f"/lines/{line['id']}/extensions/{extension['id']}")
        api.call('PUT', f"/users/{user['uuid']}/lines/{line['id']}")
        api.call('PUT', f"/users/{user['uuid']}/voicemails/{voicemail['id']}")
        api.call('PUT', f"/users/{user['uuid']}", {'lastname': 'Changed'})
        for path in ('/users?limit=20', '/lines?limit=20', '/endpoints/sip?limit=20', '/extensions?limit=20', '/voicemails?limit=20',
                     '/contexts', '/infos', '/wizard', f"/users/{user['uuid']}", f"/lines/{line['id']}",
                     f"/users/{user['uuid']}/voicemails"):
            api.call('GET', path)


def make_context(api):
    ranges = [{'start': '1000', 'end': '1999'}]
    return api.call('POST', '/contexts', {'label': 'Default', 'type': 'internal', 'user_ranges': ranges,
                                          'voicemail_ranges': ranges})['name']


def whole(service):
    """{name: KiB} of every process of it."""
    found = {'supervisor': pss_of(service.pid)}
    for name, pid in service.workers().items():
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            found[name] = pss_of(pid)
    return found


def if_alone(service):
    """The same, as if nobody else on the machine had mapped a library of ours; None when we are not told."""
    if os.getuid() != 0:
        return None
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        return alone({'supervisor': service.pid, **service.workers()})
    return None


def measure(figures):
    service = Service(new_directory())
    try:
        service.start()
        fresh = whole(service)
        api = Api(service)
        context = make_context(api)
        a_day(api, context, 0, 60)
        working = whole(service)
        working_alone = if_alone(service)
        api.close()
        time.sleep(RESTING_SECONDS)
        resting = whole(service)
        resting_alone = if_alone(service)
    finally:
        service.remove()

    for state, found, limit in (('working', working, 600), ('resting', resting, 300)):
        for name in PLUGIN_NAMES:
            figures.add(SECTION + ', ' + state, name, found[name], 'KiB', limit=limit)
        for name in found:
            if name not in PLUGIN_NAMES:
                figures.add(SECTION + ', ' + state, name, found[name], 'KiB')
    for state, found in (('started, without a request yet', fresh), ('working', working), ('resting', resting)):
        figures.add(SECTION + ' of the whole', state, sum(found.values()) / 1024, 'MiB', limit=12)
    for state, found in (('working', working_alone), ('resting', resting_alone)):
        if found:
            figures.add(SECTION + ', if nobody else shared a library', state + ', the largest plugin worker',
                        max(found[name] for name in PLUGIN_NAMES), 'KiB')
            figures.add(SECTION + ', if nobody else shared a library', state + ', the whole', sum(found.values()) / 1024, 'MiB')
    measure_many(figures)


def measure_many(figures):
    path = new_directory()
    os.makedirs(os.path.join(path, 'etc/services.d'))
    names = [f'bench{i}' for i in range(MANY)]
    with open(os.path.join(path, 'etc/services.d/many.yml'), 'w', encoding='ascii') as f:
        f.write('service: many\nkind: native\ndescription: A service of many plugins\nuser: nobody\nport: 9486\nprefix: /1.1\n'
                'state: /var/lib/many\nrun: /run/many\nlog: /var/log/many.log\n'
                'workers:\n  control: {kind: control}\n  gateway: {kind: gateway, instances: 1}\n'
                '  plugins: {kind: plugin, nursery: true, on_demand: false}\n'
                'plugins: [' + ', '.join(names) + ']\n')
    service = Service(path, 'many', ['--plugin-dir', PLUGINS])
    try:
        started = service.start()
        client = Client(service)
        for name in names:
            if client.get('/1.1/' + name) != 200:
                raise RuntimeError(f'{name} does not answer:\n{service.output()}')
        client.close()
        time.sleep(1.5)
        found = whole(service)
    finally:
        service.remove()
    figures.add(SECTION + f', {MANY} plugins', 'the whole, each having answered', sum(found.values()) / 1024, 'MiB', limit=50)
    figures.add(SECTION + f', {MANY} plugins', 'start to READY', started, 'ms')

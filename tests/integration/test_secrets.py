# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords and tokens that pass through a service, its crashes included, are found nowhere but in its database."""
import contextlib
import glob
import hashlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from harness import PATIENT, Service, clean_environment, manifest, proc, wait_for

# Each is used in one place only, so that what is found says where it came from.
SECRETS = {
    'the password of a voicemail': '7391846250',
    'the password of a user': 'Ufo-Wasser-99-Hase',
    'the password of a SIP line': 'SipGeheim4711xyzQ',
    'the same in a request that is refused': 'SipGeheimRefused0815',
    'in a body that is no JSON': 'BrokenBodySecret1213',
    'in a query': 'QuerySecret77abcdef',
    'as a token that is none': 'no-such-token-DEADBEEFCAFE-secretpart',
    'in a worker that dies': 'CrashedSecret5566',
    'in what a worker prints': 'PrintedSecret9901',
    'in the configuration': 'ConfigSecret3344',
}


@pytest.fixture(scope='module')
def used():
    """A service that has met them all."""
    config = f'log_level: debug\nbus: {{password: {SECRETS["in the configuration"]}}}\namid: {{password: {SECRETS["in the configuration"]}}}\n'
    with Service(config, plugins=['crashdummy'], manifest=manifest(PATIENT)) as s:
        voicemail = s.post('/voicemails', {'name': 'v', 'number': '1000', 'context': 'default', 'password': SECRETS['the password of a voicemail']})
        user = s.post('/users', {'firstname': 'a', 'username': 'ufo', 'password': SECRETS['the password of a user']})
        options = [['username', 'abc'], ['password', SECRETS['the password of a SIP line']]]
        sip = s.post('/endpoints/sip', {'name': 'sip', 'auth_section_options': options})
        assert (user.status, sip.status) == (201, 201), (user, sip)
        assert voicemail.status in (201, 400)  # without such a context
        # It is stored, so it was not lost on the way, which would prove nothing.
        assert SECRETS['the password of a SIP line'] in json.dumps(s.get('/endpoints/sip/' + sip.json['uuid']).json)
        assert s.get('/endpoints/sip?search=sip').status == 200

        refused = [['password', SECRETS['the same in a request that is refused']], 'nonsense']
        assert s.post('/endpoints/sip', {'name': 5, 'auth_section_options': refused}).status == 400
        broken = '{"password": "' + SECRETS['in a body that is no JSON'] + '", '
        assert s.post('/users', broken, headers={'Content-Type': 'application/json'}).status == 400
        query = SECRETS['in a query']
        s.get(f'/users?password={query}&token={query}&x=1&TOKEN={query}&pass%77ord=a%26{query}&auth_token={query}')
        assert s.get('/users', token=SECRETS['as a token that is none']).status == 401
        # Workers die with such a request in their hands, and with the gateway's in its.
        body = {'name': 'b', 'auth_section_options': [['password', SECRETS['in a worker that dies']]]}
        for signo in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
            pid = s.kill('endpoint_sip', signal.SIGSTOP)
            asking = threading.Thread(target=lambda: s.post('/endpoints/sip', body), daemon=True)
            asking.start()
            time.sleep(0.1)
            os.kill(pid, signo)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            s.wait_state('endpoint_sip', 'ready', not_pid=pid)
            asking.join(10)
        assert s.get('/crashdummy/print?password=' + SECRETS['in what a worker prints']).status == 200
        s.get('/crashdummy/segv', headers={'Cookie': 'session=' + SECRETS['in a query'], 'Authorization': 'Basic ' + SECRETS['in a query']})
        wait_for(lambda: s.crash_records('endpoint_sip') and s.crash_records('crashdummy'), 5)
        yield s


def places(s):
    """Everything that somebody reads or keeps, but the database."""
    found = {'the log': s.log(), 'standard error': s.stderr()}
    for path in glob.glob(s.path('state/crashes/*/*')):
        with open(path, encoding='utf-8', errors='replace') as file:
            found[path] = file.read()
    for words in (['status'], ['why'], ['why', 'endpoint_sip'], ['why', 'crashdummy'], ['explain', 'endpoint_sip'], ['explain', 'gateway'],
                  ['metrics'], ['--json', 'status'], ['--json', 'why'], ['--json', 'why', '-n', '100', 'endpoint_sip'], ['--json', 'why', '-n', '100', 'crashdummy'],
                  ['--json', 'explain', 'gateway'], ['--json', 'explain', 'control'], ['--json', 'reload', '--dry-run']):
        done = s.suite(*words)
        found['wazo-suite ' + ' '.join(words)] = done.stdout + done.stderr
    for path in ('/status', '/infos', '/api/api.yml'):
        found[path] = s.get(path).text
    for prefix, path in (('', '/metrics'), ('/1.1', '/metrics')):
        found['metrics at ' + prefix + path] = s.get(path, prefix=prefix).text
    for pid in s.processes() | {s.pid}:
        found[f'command line and environment of {pid}'] = (proc(pid, 'cmdline') + proc(pid, 'environ')).decode(errors='replace')
    found['the status lines'] = ' '.join(s.notifications.all('STATUS'))
    return found


@pytest.fixture(scope='module')
def all_places(used):
    return places(used)


def test_the_places_are_not_empty(used, all_places):
    assert len(all_places['the log']) > 3000
    assert sum('/crashes/' in name for name in all_places) >= 4
    assert 'endpoint_sip' in all_places['wazo-suite why endpoint_sip']
    assert 'wazo_suite_worker_state' in all_places['wazo-suite metrics']
    assert 'cannot log in with' in all_places['the log'] and 'cannot log in with' in all_places['wazo-suite --json why -n 100 crashdummy']
    # A search that cannot find anything proves nothing: the request lines are there.
    assert '/1.1/endpoints/sip' in all_places['the log']


@pytest.mark.parametrize('what', SECRETS)
def test_not_found(all_places, what):
    secret = SECRETS[what]
    assert not {name for name, text in all_places.items() if secret in text}


def test_the_token_is_never_whole(used, all_places):
    token = used.token
    assert len(token) == 36
    assert not {name for name, text in all_places.items() if token in text}
    # Its end is what operators know it by, as in wazo-confd.
    assert token[-8:] in all_places['the log']


def test_nor_its_digest_where_anybody_reads(used, all_places):
    digest = hashlib.sha256(used.token.encode()).hexdigest()
    assert not {name for name, text in all_places.items() if digest in text}


def test_findings_name_keys_not_values(used):
    """A bad value of a secret's key, and YAML that breaks within one."""
    for text in ('auth: {password: [PrintedSecret9901]}\n', 'bus: {password: "PrintedSecret9901\n', 'password: PrintedSecret9901: b\n'):
        s = Service(text)
        done = subprocess.run(s.words()[:-1] + ['--check-config', '--strict', 'wazo-confd'], env=clean_environment(), capture_output=True,
                              text=True, timeout=30)
        assert 'PrintedSecret9901' not in done.stdout + done.stderr, done


def test_the_token_file_is_not_told(used):
    """Its errors name places, never tokens."""
    s = Service()
    s.write('state/tokens.yml', 'tokens:\n  - {token: PrintedSecret9901, acl: 5}\n  - {token: [PrintedSecret9901]}\n')
    done = subprocess.run(s.words()[:-1] + ['--check-config', 'wazo-confd'], env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and 'tokens.yml:2' in done.stdout + done.stderr, done
    assert 'PrintedSecret9901' not in done.stdout + done.stderr

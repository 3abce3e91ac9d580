# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite and the control socket: verbs, exit codes, the Varlink protocol, who may ask."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness import NOBODY, PATIENT, ROOT, SLOW, Service, clean_environment, manifest, run_as, wait_for, wazo_suite

INTERFACE = 'io.wazo.suite'


@pytest.fixture(scope='module')
def service():
    with Service('deadlines: {queue: 20s}\n', plugins=['crashdummy'], manifest=manifest(PATIENT)) as s:
        yield s


# ---- wazo-suite ----


def suite(*words, **environment):
    return subprocess.run([wazo_suite(), *words], env=clean_environment(**environment), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60 * SLOW, **run_as(NOBODY))


def test_status_for_people(service):
    text = service.suite('status', check=True).stdout
    assert re.search(r'^wazo-confd \S+: ready - running: (\d+) of \1 workers$', text, re.M), text
    for name, pid in service.pids().items():
        assert re.search(rf'^{re.escape(name)} +ready +\d.* {pid} +\d+', text, re.M), (name, text)
    assert re.search(r'^migrate +done ', text, re.M) and 'HARDENING' in text and 'uuid: ' in text
    assert '\x1b' not in text, 'colours, and no terminal'


def test_status_in_json(service):
    status = service.status()
    assert status['version'] == 1 and status['problems'] == []
    assert status['service']['pid'] == service.pid and status['service']['name'] == 'wazo-confd'
    for w in status['workers']:
        assert {'name', 'kind', 'state', 'cause', 'reason', 'generation', 'since', 'since_ms', 'restarts', 'failures', 'draining',
                'deaths', 'hardening'} <= set(w)
    assert {w['kind'] for w in status['workers']} == {'once', 'control', 'gateway', 'plugin', 'nursery'}
    generations = [w['generation'] for w in status['workers'] if w.get('pid')]
    assert len(set(generations)) == len(generations)


def test_exit_codes(service):
    assert service.suite('status').returncode == 0
    assert service.suite('status', '--check').returncode == 0
    assert service.suite('status', '--wait', '5').returncode == 0
    assert service.suite('restart', 'no-such-worker').returncode == 1
    for words in ([], ['no-such-command'], ['restart'], ['status', 'too', 'many'], ['status', '--no-such-option'], ['log-level', 'loud'],
                  ['why', '-n', '0'], ['why', '-n', '101'], ['hold'], ['explain']):
        done = service.suite(*words)
        assert done.returncode == 2, (words, done)
        assert done.stderr.strip() and not done.stdout.strip(), (words, done)
    assert suite('--dev', '/no/such/folder', 'status').returncode == 3
    assert suite('--socket', '/no/such/socket', 'status').returncode == 3
    assert suite('--service', 'no-such-service', 'status').returncode == 3
    assert suite('--dev', '/no/such/folder', 'status', '--wait', '1').returncode in (1, 3)
    assert suite('--help').returncode == suite('--version').returncode == 0


def test_control_cannot_be_held(service):
    """Nobody could ask for its reset."""
    done = service.suite('hold', 'control')
    assert done.returncode == 1 and 'nobody could reset it' in done.stderr, done
    assert service.worker('control')['state'] == 'ready'


def test_near_names(service):
    done = service.suite('restart', 'uzer')
    assert done.returncode == 1 and 'user' in done.stderr, done
    answer = json.loads(service.suite('--json', 'restart', 'uzer').stdout)
    assert 'user' in json.dumps(answer)


def test_the_socket_by_environment(service):
    done = suite('status', WAZO_SUITE_SOCKET=service.path('run/control.sock'))
    assert done.returncode == 0 and 'gateway' in done.stdout


def test_explain(service):
    text = service.suite('explain', 'user', check=True).stdout
    assert 'migrate' in text, text
    plan = service.suite_json('explain', 'user')['workers'][0]['plan']
    assert plan['nursery'] and plan['schedule']['intensity'] == PATIENT['intensity'] and plan['schedule']['base_ms'] == 10
    assert [r['worker'] for r in plan['requires']] == ['migrate'] and plan['requires'][0]['met']
    # Neither control nor a gateway is ever given up.
    for name in ('control', 'gateway'):
        schedule = service.suite_json('explain', name)['workers'][0]['plan']['schedule']
        assert not any(step['failed'] for step in schedule['steps']) and max(step['wait_ms'] for step in schedule['steps']) <= 1000
    user = service.suite_json('explain', 'migrate')['workers'][0]['plan']
    assert 'user' in user['required_by']


def test_why_of_one_that_is_well(service):
    done = service.suite('why', 'context', check=True)
    assert 'ready' in done.stdout
    assert service.suite_json('why', 'context')['records'] == []


def test_why_without_a_name_shows_who_is_not_well(service):
    service.suite('hold', 'crashdummy', check=True)
    service.wait_state('crashdummy', 'held')
    try:
        workers = service.suite_json('why')['workers']
        assert [w['name'] for w in workers] == ['crashdummy']
        assert 'held' in service.suite('why', check=True).stdout
    finally:
        service.suite('reset', 'crashdummy', check=True)
        service.wait_state('crashdummy', 'ready')


def test_metrics(service):
    text = service.suite('metrics', check=True).stdout
    assert re.search(r'^wazo_suite_service_ready\{service="wazo-confd"\} 1$', text, re.M), text[:800]
    assert re.search(r'^wazo_suite_worker_state\{.*worker="info".*state="ready"\} 1$', text, re.M)
    # The gateway serves the same, and its own.
    served = service.get('/metrics', prefix='')
    served = served if served.status == 200 else service.get('/metrics')
    assert served.status == 200 and 'wazo_suite_worker_state' in served.text and 'wazo_gateway' in served.text


def test_a_command_of_all_instances(make_service):
    s = make_service('workers: {info: {instances: 3}}\n', manifest=manifest(PATIENT))
    before = s.pids()
    done = s.suite('restart', 'info', check=True)
    assert '3 workers' in done.stdout
    for name in ('info', 'info#2', 'info#3'):
        s.wait_state(name, 'ready', not_pid=before[name])
    before = s.pids()
    assert '1 worker' in s.suite('roll', 'info#2', check=True).stdout
    s.wait_state('info#2', 'ready', not_pid=before['info#2'])
    assert s.pids()['info#3'] == before['info#3']


def test_restart_of_control_itself(service):
    pid = service.worker_pid('control')
    service.suite('restart', 'control', check=True)
    service.wait_state('control', 'ready', not_pid=pid)


def test_waiting_for_a_service_that_starts(make_service):
    s = make_service('plugins: {crashdummy: {start: slowly}}\n', plugins=['crashdummy'], start=False)
    s.launch()
    begin = time.monotonic()
    done = s.suite('status', '--wait', '20')
    assert done.returncode == 0 and time.monotonic() - begin > 1.0, done
    assert s.notifications.all('READY')


def test_nobody_is_there():
    s = Service()
    begin = time.monotonic()
    done = s.suite('status', '--wait', '1')
    assert done.returncode in (1, 3) and 0.9 < time.monotonic() - begin < 5 * SLOW


# ---- Varlink, raw ----


class Varlink:
    def __init__(self, service):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * SLOW)
        self.socket.connect(service.path('run/control.sock'))
        self.buffer = b''

    def send(self, method, parameters=None, **more):
        call = {'method': method, **({'parameters': parameters} if parameters is not None else {}), **more}
        self.socket.sendall(json.dumps(call).encode() + b'\0')

    def receive(self):
        """One reply; None at the end."""
        while b'\0' not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(message)

    def call(self, method, parameters=None, **more):
        self.send(method, parameters, **more)
        return self.receive()

    def close(self):
        self.socket.close()


@pytest.fixture
def varlink(service):
    v = Varlink(service)
    yield v
    v.close()


def test_get_info(varlink):
    answer = varlink.call('org.varlink.service.GetInfo')['parameters']
    assert set(answer['interfaces']) == {'org.varlink.service', INTERFACE} and answer['product'] and answer['vendor'] and answer['version']


def test_interface_descriptions(varlink):
    for name in ('org.varlink.service', INTERFACE):
        answer = varlink.call('org.varlink.service.GetInterfaceDescription', {'interface': name})
        assert f'interface {name}' in answer['parameters']['description']
    error = varlink.call('org.varlink.service.GetInterfaceDescription', {'interface': 'a.b'})
    assert error['error'] == 'org.varlink.service.InterfaceNotFound'


def test_every_method_of_the_description_exists(varlink):
    text = varlink.call('org.varlink.service.GetInterfaceDescription', {'interface': INTERFACE})['parameters']['description']
    methods = re.findall(r'^method (\w+)\(', text, re.M)
    assert {'Status', 'Why', 'Explain', 'Restart', 'Roll', 'Reload', 'LogLevel', 'Hold', 'Reset', 'Metrics'} <= set(methods)
    for method in methods:
        answer = varlink.call(f'{INTERFACE}.{method}', {'no_such_parameter': 1})
        assert answer['error'] == 'org.varlink.service.InvalidParameter', (method, answer)


def test_members_are_those_of_the_description(varlink):
    text = varlink.call('org.varlink.service.GetInterfaceDescription', {'interface': INTERFACE})['parameters']['description']

    def members(type_name):
        body = re.search(rf'^type {type_name} \((.*?)\)$', text, re.M | re.S).group(1)
        pairs = re.findall(r'(\w+): (\??)', re.sub(r'\[string\]', '', body))
        return {n for n, optional in pairs}, {n for n, optional in pairs if not optional}
    answer = varlink.call(f'{INTERFACE}.Status')['parameters']
    everything, needed = members('Worker')
    for w in answer['workers']:
        assert needed <= set(w) <= everything, (set(w) - everything, needed - set(w))
    everything, needed = members('Service')
    assert needed <= set(answer['service']) <= everything
    assert set(answer) == {'version', 'service', 'workers', 'problems'}


ERRORS = [
    ('io.wazo.suite.NoSuchMethod', {}, 'org.varlink.service.MethodNotFound'),
    ('io.wazo.other.Status', {}, 'org.varlink.service.InterfaceNotFound'),
    ('Status', {}, None),
    ('io.wazo.suite.Restart', {}, 'org.varlink.service.InvalidParameter'),
    ('io.wazo.suite.Restart', {'worker': 5}, 'org.varlink.service.InvalidParameter'),
    ('io.wazo.suite.Restart', {'worker': 'x' * 500}, None),
    ('io.wazo.suite.Restart', {'worker': 'nobody'}, 'io.wazo.suite.NoSuchWorker'),
    ('io.wazo.suite.LogLevel', {'level': 'loud'}, 'org.varlink.service.InvalidParameter'),
    ('io.wazo.suite.Why', {'limit': -1}, 'org.varlink.service.InvalidParameter'),
    ('io.wazo.suite.Why', {'limit': 10 ** 12}, 'org.varlink.service.InvalidParameter'),
]


@pytest.mark.parametrize('method, parameters, error', ERRORS, ids=range(len(ERRORS)))
def test_errors(varlink, method, parameters, error):
    answer = varlink.call(method, parameters)
    assert answer['error'] == error if error else 'error' in answer, answer
    # The connection stays good.
    assert varlink.call(f'{INTERFACE}.Status')['parameters']['version'] == 1


GARBAGE = [b'no json\0', b'{}\0', b'[]\0', b'\0', b'{"method": 5}\0', b'{"method": "a.b"', b'\xff\xfe\0', b'{"method": "' + b'x' * 70000 + b'"}\0',
           b'[' * 1000 + b'\0', b'{"method": "io.wazo.suite.Status", "parameters": []}\0', b'{"method": "io.wazo.suite.Status"}x\0',
           b'{"method": "io.wazo.suite.Status", "method": "io.wazo.suite.Why"}\0']


@pytest.mark.parametrize('data', GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_the_connection_and_nothing_else(service, data):
    control = service.worker_pid('control')
    v = Varlink(service)
    try:
        v.socket.sendall(data)
        v.socket.shutdown(socket.SHUT_WR)
    except BrokenPipeError:
        pass
    answers = []
    while (answer := v.receive()) is not None:
        answers.append(answer)
    assert all('error' in a for a in answers), answers
    v.close()
    assert service.worker_pid('control') == control


def test_calls_in_one_go_are_answered_in_order(varlink):
    calls = [('io.wazo.suite.Explain', {'worker': name}) for name in ('user', 'line', 'gateway')] + [('io.wazo.suite.Nothing', {})]
    varlink.socket.sendall(b''.join(json.dumps({'method': m, 'parameters': p}).encode() + b'\0' for m, p in calls))
    for name in ('user', 'line', 'gateway'):
        assert varlink.receive()['parameters']['workers'][0]['worker']['name'] == name
    assert varlink.receive()['error'] == 'org.varlink.service.MethodNotFound'


def test_a_call_in_pieces(varlink):
    for byte in b'{"method": "io.wazo.suite.Status"}\0':
        varlink.socket.send(bytes([byte]))
    assert varlink.receive()['parameters']['version'] == 1


def test_oneway(varlink):
    varlink.send('io.wazo.suite.Status', oneway=True)
    assert varlink.call('io.wazo.suite.Explain', {'worker': 'user'})['parameters']['workers']


def test_status_more_is_a_stream(service, varlink):
    first = varlink.call('io.wazo.suite.Status', more=True)
    assert first['continues'] and first['parameters']['service']['ready']
    pid = service.kill('crashdummy')
    until = time.monotonic() + 10 * SLOW
    while time.monotonic() < until:
        state = next(w for w in varlink.receive()['parameters']['workers'] if w['name'] == 'crashdummy')
        if state['state'] == 'ready' and state.get('pid') not in (None, pid):
            break
    else:
        raise AssertionError('the change was not told')


def test_many_clients_are_bounded_and_operators_get_in(service):
    """Idle ones do not lock out the rest for ever, and control lives."""
    control = service.worker_pid('control')
    crowd = []
    for _ in range(60):
        v = Varlink(service)
        v.socket.settimeout(1)
        crowd.append(v)
    for v in crowd:
        v.close()
    assert service.suite('status').returncode == 0 and service.worker_pid('control') == control


def test_a_client_that_does_not_read(service):
    v = Varlink(service)
    v.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    v.socket.settimeout(0.5)
    try:
        for _ in range(3000):
            v.send('io.wazo.suite.Status')
    except (BrokenPipeError, ConnectionResetError, socket.timeout, BlockingIOError):
        pass
    assert service.suite('status').returncode == 0
    v.close()


@pytest.mark.skipif(not shutil.which('varlinkctl'), reason='no varlinkctl here (it is of systemd 255 and later)')
def test_varlinkctl(service):
    address = service.path('run/control.sock')

    def varlinkctl(*words):
        return subprocess.run(['varlinkctl', *words], capture_output=True, text=True, timeout=30 * SLOW, **run_as(NOBODY))
    done = varlinkctl('info', address)
    assert done.returncode == 0 and INTERFACE in done.stdout, done
    done = varlinkctl('introspect', address, INTERFACE)
    assert done.returncode == 0 and 'Status' in done.stdout, done
    done = varlinkctl('call', '--json=short', address, f'{INTERFACE}.Explain', '{"worker": "user"}')
    assert done.returncode == 0 and json.loads(done.stdout)['workers'][0]['worker']['name'] == 'user', done
    assert varlinkctl('call', address, f'{INTERFACE}.Restart', '{"worker": "nobody"}').returncode != 0


# ---- who may ----


@pytest.mark.skipif(not ROOT, reason='only root can be somebody else')
def test_others_may_look_at_the_interface_only(make_service):
    """Somebody who can open the socket, because its modes were opened, and is neither root nor the service's user."""
    s = make_service(manifest=manifest(PATIENT))
    for name in ('.', 'run'):
        os.chmod(s.path(name), 0o755)
    os.chmod(s.path('run/control.sock'), 0o666)
    words = ['/usr/bin/setpriv', '--reuid=12345', '--regid=12345', '--clear-groups', '/usr/bin/python3', '-c', (
        'import json, socket, sys\n'
        's = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])\n'
        'for m in sys.argv[2:]:\n'
        '    s.sendall(json.dumps({"method": m, "parameters": {}}).encode() + b"\\0")\n'
        '    data = b""\n'
        '    while not data.endswith(b"\\0"):\n'
        '        piece = s.recv(65536)\n'
        '        if not piece: print("end"); sys.exit()\n'
        '        data += piece\n'
        '    print(json.loads(data[:-1]).get("error", "fine"))\n')]
    methods = ['org.varlink.service.GetInfo', 'io.wazo.suite.Status', 'io.wazo.suite.Why', 'io.wazo.suite.Reload']
    done = subprocess.run(words + [s.path('run/control.sock'), *methods], capture_output=True, text=True, timeout=30 * SLOW)
    assert done.stdout.split() == ['fine'] + ['org.varlink.service.PermissionDenied'] * 3, done
    assert s.suite('status', user=None).returncode == 0, 'root is'


def test_the_supervisor_s_word_after_control_was_away(service):
    """What happened while control was not there is in what it tells then."""
    control = service.kill('control', signal.SIGSTOP)
    pid = service.get('/crashdummy/ok').json['pid']
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: service.get('/crashdummy/ok').json['pid'] != pid, 5)
    os.kill(control, signal.SIGKILL)
    new = service.wait_state('control', 'ready', not_pid=control)
    assert new['restarts'] >= 1
    assert service.worker('crashdummy')['pid'] == service.get('/crashdummy/ok').json['pid']

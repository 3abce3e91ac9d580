# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of wazo-suite check that ask a service, nginx and consul: each is broken, and exactly that row fails, with its remedy; mended, it passes.

test_nginx.py asks a real service behind a real nginx; here all three answer what a test has them answer.
"""
import http.server
import json
import os
import re
import threading

import pytest

from fakehost import SERVICES, Host
from harness import BUILD, TOP

PROGRAM = os.path.join(BUILD, 'workers', 'control', 'client', 'wazo-suite')
CONFD, AGENTD = 'wazo-confd', 'wazo-agentd'
PATHS = {CONFD: ('/1.1', '/infos'), AGENTD: ('/1.0', '/agents')}
CORS = {'Access-Control-Allow-Origin': 'https://a.example', 'Access-Control-Allow-Headers': 'Content-Type, X-Auth-Token'}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='files of several users are made')


class Server:
    """Answers by `answers`: {(method, path without query): (status, headers, body)}; 404 to all else."""

    def __init__(self):
        self.answers = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                status, headers, body = outer.answers.get((self.command, self.path.split('?')[0]), (404, {}, ''))
                self.send_response(status)
                for name, value in {**headers, 'Content-Length': len(body.encode())}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def document(service, base=None, version='1', path=None, scheme='https'):
    """What api.yml says behind nginx."""
    prefix, known = PATHS[service]
    base = f'/api/{service[5:]}{prefix}' if base is None else base
    return json.dumps({'swagger': '2.0', 'basePath': base, 'schemes': [scheme], 'info': {'title': 't', 'version': version},
                       'paths': {path or known: {'get': {}}}})


class Asked(Host):
    """Its services, nginx and consul answer, all as they should."""

    def __init__(self, root):
        super().__init__(root, PROGRAM)
        self.nginx, self.consul, self.rest = Server(), Server(), {}
        self.write('/usr/sbin/nginx', '\x7fELF', 0o755)
        for service, (prefix, path) in PATHS.items():
            self.rest[service] = server = Server()
            self.move(service, server.port)
            server.answers = {('GET', prefix + '/api/api.yml'): (200, {}, document(service)), ('GET', prefix + path): (401, {}, ''),
                              ('OPTIONS', prefix + path): (200, CORS, '')}
            self.nginx.answers['GET', f'/api/{service[5:]}{prefix}{path}'] = (401, {}, '')
            self.enable(service)
            self.register(service, server.port)
            self.write(self.setting(service), 'service_discovery: {enabled: true}\n'
                       f'consul: {{host: 127.0.0.1, port: {self.consul.port}, token: secret}}\n')

    def close(self):
        for server in (self.nginx, self.consul, *self.rest.values()):
            server.close()

    @staticmethod
    def setting(service):
        return f'/etc/{service}/conf.d/10-consul.yml'

    def link(self, service):
        return f'/etc/nginx/locations/https-enabled/{SERVICES[service][0]}'

    def enable(self, service):
        self.write(self.link(service).replace('enabled', 'available'), '')
        os.makedirs(os.path.dirname(self.path(self.link(service))), exist_ok=True)
        os.symlink(f'../https-available/{SERVICES[service][0]}', self.path(self.link(service)))

    def move(self, service, port):
        """The manifest has a port that is free here."""
        with open(os.path.join(TOP, f'config/services.d/{service}.yml'), encoding='utf-8') as file:
            self.write(f'/etc/wazo-suite/services.d/{service}.yml', re.sub(r'(?m)^port: \d+$', f'port: {port}', file.read()))
        self.edit('/proc/net/tcp', f'0100007F:{SERVICES[service][2]:04X}', f'0100007F:{port:04X}')

    def register(self, service, *ports, status='passing'):
        entries = [{'Service': {'ID': f'{service}-{i}', 'Port': port, 'Address': '10.0.0.1'}, 'Checks': [{'Status': status, 'Output': 'why'}]}
                   for i, port in enumerate(ports)]
        self.consul.answers['GET', f'/v1/health/service/{service}'] = (200, {}, json.dumps(entries))

    def answer(self, service, method, path, status, body='', headers=None):
        """Another answer of the service."""
        self.rest[service].answers[method, PATHS[service][0] + path] = (status, headers or {}, body)

    def behind(self, service, status):
        self.nginx.answers['GET', f'/api/{service[5:]}{"".join(PATHS[service])}'] = (status, {}, '')

    def rows(self):
        done = self.check('--json', '--ask', '--nginx', f'http://127.0.0.1:{self.nginx.port}', *PATHS)
        assert done.stderr == ''
        return {(row['service'], row['id']): row for row in json.loads(done.stdout)['rows']}


@pytest.fixture
def host(tmp_path):
    host = Asked(tmp_path)
    yield host
    host.close()


def document_of(**how):
    return lambda h, s: h.answer(s, 'GET', '/api/api.yml', 200, document(s, **how))


def good_document(h, s):
    h.answer(s, 'GET', '/api/api.yml', 200, document(s))


def good_preflight(h, s):
    h.answer(s, 'OPTIONS', PATHS[s][1], 200, headers=CORS)


# Row, how it is broken, words of what is found, words of the remedy, how it is mended; {0} is the service, {1} its unit, {2} how it is registered again.
BROKEN = [
    ('18', lambda h, s: h.answer(s, 'GET', '/api/api.yml', 404), 'api.yml answers 404', 'mend its API document: curl', good_document),
    ('18', lambda h, s: h.answer(s, 'GET', '/api/api.yml', 200, '{'), 'is no YAML', 'curl', good_document),
    ('18', lambda h, s: h.answer(s, 'GET', '/api/api.yml', 200, 'swagger: "1.2"'), 'of no version 2.0 or 3', 'curl', good_document),
    ('18', document_of(version=''), 'has no info.version', 'curl', good_document),
    ('18', document_of(base='/1.1'), 'behind nginx, its basePath is "/1.1"', 'X-Script-Name: /api/', good_document),
    ('18', document_of(scheme='http'), 'the first of its schemes is "http"', 'curl', good_document),
    ('18', document_of(path='/nothing'), 'its API document has /nothing, and GET', 'curl', good_document),
    ('19', lambda h, s: h.remove(h.link(s)), 'is not there', 'ln -s ../https-available/{1} /etc/nginx/locations/https-enabled/{1}', lambda h, s: h.enable(s)),
    ('19', lambda h, s: h.remove(h.link(s).replace('enabled', 'available')), 'leads nowhere', 'ln -s',
     lambda h, s: h.write(h.link(s).replace('enabled', 'available'), '')),
    ('19', lambda h, s: h.behind(s, 404), 'answers 404', 'wazo-suite generate --diff nginx {0}', lambda h, s: h.behind(s, 401)),
    ('19', lambda h, s: h.behind(s, 502), 'answers 502', 'systemctl status {1}.service', lambda h, s: h.behind(s, 200)),
    ('19c', lambda h, s: h.answer(s, 'OPTIONS', PATHS[s][1], 405), 'answers 405', 'rest_api.cors.enabled', good_preflight),
    ('19c', lambda h, s: h.answer(s, 'OPTIONS', PATHS[s][1], 200, headers={**CORS, 'Access-Control-Allow-Headers': 'Content-Type'}),
     'the headers "Content-Type"', 'X-Auth-Token', good_preflight),
    ('19c', lambda h, s: h.answer(s, 'OPTIONS', PATHS[s][1], 200, headers={**CORS, 'Access-Control-Allow-Origin': 'https://b.example'}),
     'the origin "https://b.example"', '/etc/{0}/config.yml', good_preflight),
    ('16', lambda h, s: h.register(s), 'consul knows no {0} at port', '{2}', lambda h, s: h.register(s, h.rest[s].port)),
    ('16', lambda h, s: h.register(s, 1), 'consul knows no {0} at port', '{2}', lambda h, s: h.register(s, h.rest[s].port)),
    ('16', lambda h, s: h.register(s, h.rest[s].port, status='warning'), 'calls it warning: why', 'systemctl status {1}.service',
     lambda h, s: h.register(s, h.rest[s].port)),
    ('16', lambda h, s: h.register(s, *[h.rest[s].port] * 2), 'consul has 2 entries of {0}', 'consul services deregister -id={0}-',
     lambda h, s: h.register(s, h.rest[s].port)),
    ('6', lambda h, s: os.chmod(h.path(h.setting(s)), 0o600), '{0} may not read /etc/{0}/conf.d/10-consul.yml', 'adduser {0} consul',
     lambda h, s: h.write('/etc/group', h.read('/etc/group') + f'consul:x:800:{s}\n')),
]


def test_all_is_well(host):
    rows = host.rows()
    assert {key: row for key, row in rows.items() if row['result'] in ('fail', 'undecided')} == {}
    assert {row for row, *_ in BROKEN} <= {id for (_, id), row in rows.items() if row['result'] == 'pass'}
    assert 'secret' not in str(rows)


@pytest.mark.parametrize('service', PATHS)
@pytest.mark.parametrize('row,damage,found,remedy,mend', BROKEN, ids=[f'{row[0]}-{i}' for i, row in enumerate(BROKEN)])
def test_a_broken_answer(host, service, row, damage, found, remedy, mend):
    damage(host, service)
    rows = host.rows()
    assert {key for key, one in rows.items() if one['result'] in ('fail', 'undecided')} == {(service, row)}, rows[service, row]
    names = service, SERVICES[service][0], {CONFD: 'what worker discovery says', AGENTD: 'systemctl restart wazo-agentd.service'}[service]
    assert found.format(*names) in rows[service, row]['found'] and remedy.format(*names) in rows[service, row]['remedy'], rows[service, row]
    mend(host, service)
    assert {key for key, one in host.rows().items() if one['result'] in ('fail', 'undecided')} == set()


def test_nobody_answers(host):
    """A service that does not answer shows in both rows that ask it; consul away, in one."""
    host.rest[AGENTD].close()
    host.consul.close()
    rows = host.rows()
    assert {key for key, row in rows.items() if row['result'] == 'fail'} == {(AGENTD, '18'), (AGENTD, '19c'), (AGENTD, '16'), (CONFD, '16')}
    assert 'Connection refused' in rows[AGENTD, '18']['found'] and 'systemctl status wazo-agentd.service' in rows[AGENTD, '18']['remedy']
    assert 'Connection refused' in rows[CONFD, '16']['found'] and 'systemctl status consul' in rows[CONFD, '16']['remedy']

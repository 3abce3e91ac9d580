# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated locations in a real nginx, in front of a real service: https://HOST/api/confd."""
import http.client
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading

import pytest

from fakehost import Host
from harness import BUILD, SLOW, TOP, Service, clean_environment, free_port, wait_for
from test_tls import certificate

PROGRAM = os.path.join(BUILD, 'workers', 'control', 'client', 'wazo-suite')

CONFIGURATION = '''
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_req_zone $binary_remote_addr zone=noauth:1m rate=1r/m;
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        include {folder}/enabled/*;
    }}
}}
'''


class Nginx:
    def __init__(self, service):
        if not shutil.which('nginx', path='/usr/sbin:/usr/bin'):
            pytest.skip('no nginx')
        self.folder = tempfile.mkdtemp(prefix='nginx-')
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.services = os.path.join(self.folder, 'services.d')
        self.enabled = os.path.join(self.folder, 'enabled')
        os.mkdir(self.services)
        os.mkdir(self.enabled)
        # The service of this test listens on a port of its own.
        with open(os.path.join(TOP, 'config/services.d/wazo-confd.yml'), encoding='utf-8') as file:
            text = file.read().replace('port: 9486\n', f'port: {service.port}\n')
        self.write('services.d/wazo-confd.yml', text)
        self.write('services.d/wazo-gone.yml', f'service: wazo-gone\nkind: unit\ndescription: d\nuser: u\nport: {free_port()}\nprefix: /1.0\n'
                                               'nginx: {enabled: true, powered_by: gone}\nreach: {path: /1.0/x}\n')
        for name in ['wazo-confd', 'wazo-gone']:
            self.write('enabled/' + name, self.generate(name))
        key, cert = certificate(service)
        for path in (key, cert):
            shutil.copy(path, self.folder)
        self.write('nginx.conf', CONFIGURATION.format(folder=self.folder, port=self.port, cert=os.path.join(self.folder, os.path.basename(cert)),
                                                      key=os.path.join(self.folder, os.path.basename(key))))
        self.process = None
        self.start()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def generate(self, service):
        return subprocess.run([PROGRAM, 'generate', 'nginx', service, '--services-dir', self.services], env=clean_environment(), check=True, capture_output=True,
                              text=True, timeout=30).stdout

    def start(self):
        words = ['/usr/sbin/nginx', '-p', self.folder, '-c', os.path.join(self.folder, 'nginx.conf'), '-e', os.path.join(self.folder, 'error.log')]
        tried = subprocess.run([*words, '-t'], capture_output=True, text=True, timeout=30)
        assert tried.returncode == 0, tried.stderr
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 20, every=0.02)

    def answers(self):
        try:
            self.request('GET', '/')
            return True
        except OSError:
            return False

    def request(self, method, path, body=None, **headers):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection('127.0.0.1', self.port, context=context, timeout=30 * SLOW)
        connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
        response = connection.getresponse()
        answer = response.status, dict(response.getheaders()), response.read()
        connection.close()
        return answer

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def end(self):
        self.stop()
        shutil.rmtree(self.folder)


@pytest.fixture(scope='module')
def service():
    with Service() as s:
        yield s


@pytest.fixture(scope='module')
def nginx(service):
    n = Nginx(service)
    yield n
    n.end()


def test_requests_reach_the_service(nginx, service):
    status, _, body = nginx.request('GET', '/api/confd/1.1/infos', X_Auth_Token=service.token)
    assert status == 200 and json.loads(body) == service.get('/infos').json
    assert nginx.request('GET', '/api/confd/1.1/users')[0] == 401
    assert nginx.request('GET', '/api/confd/1.1/nonsense')[0] == 404
    assert nginx.request('GET', '/api/confdx/1.1/infos')[0] == 404


def test_links_are_those_of_the_outside(nginx, service):
    """X-Script-Name and X-Forwarded-Proto make the addresses that a client outside can follow."""
    status, headers, body = nginx.request('POST', '/api/confd/1.1/users', json.dumps({'firstname': 'N'}), X_Auth_Token=service.token, Content_Type='application/json')
    assert status == 201
    base = f'https://127.0.0.1:{nginx.port}'
    assert headers['Location'] == f"{base}/api/confd/1.1/users/{json.loads(body)['id']}"
    assert json.loads(body)['links'] == [{'rel': 'users', 'href': headers['Location']}]
    path = headers['Location'][len(base):]
    assert nginx.request('GET', path, X_Auth_Token=service.token)[0] == 200
    assert nginx.request('DELETE', path, X_Auth_Token=service.token)[0] == 204


def test_the_api_document_knows_where_it_is(nginx):
    status, _, body = nginx.request('GET', '/api/confd/1.1/api/api.yml')
    assert status == 200 and b'/api/confd/1.1' in body and b'https' in body


def test_preflight_requests(nginx):
    status, headers, _ = nginx.request('OPTIONS', '/api/confd/1.1/users', Origin='https://a.example', Access_Control_Request_Method='GET',
                                       Access_Control_Request_Headers='X-Auth-Token')
    assert status == 200 and headers['Access-Control-Allow-Origin'] == 'https://a.example'


def test_large_bodies(nginx, service):
    """16m, as its manifest says; nginx's own limit is 1m."""
    big = json.dumps({'firstname': 'x' * (2 * 1024 * 1024)})
    direct = service.request('POST', '/users', big.encode(), headers={'Content-Type': 'application/json'}).status
    assert nginx.request('POST', '/api/confd/1.1/users', big, X_Auth_Token=service.token, Content_Type='application/json')[0] == direct
    assert nginx.request('POST', '/api/confd/1.1/users', 'x' * (17 * 1024 * 1024), X_Auth_Token=service.token, Content_Type='application/json')[0] == 413


def test_what_is_not_there_is_502(nginx):
    status, headers, _ = nginx.request('GET', '/api/gone/1.0/x')
    assert status == 502 and headers['X-Powered-By'] == 'gone'


def test_requests_without_a_token_are_limited_where_the_host_says_so(nginx):
    assert {nginx.request('GET', '/api/confd/1.1/wizard')[0] for _ in range(5)} == {200}
    nginx.stop()
    nginx.write('wazo-no-auth-shared.conf', 'limit_req zone=noauth;\nlimit_req_status 429;\n')
    nginx.start()
    # One that waited for nginx to start asked for another path.
    assert [nginx.request('GET', '/api/confd/1.1/wizard')[0] for _ in range(3)] == [200, 429, 429]
    assert {nginx.request('GET', '/api/confd/1.1/infos')[0] for _ in range(5)} <= {200, 401}


# ---- the rows of wazo-suite check that ask ----


class Consul:
    """What a consul agent answers to who asks after a service."""

    def __init__(self, entries):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(entries).encode()
                self.send_response(200 if self.path.partition('?')[0] == '/v1/health/service/wazo-confd' else 404)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def host(tmp_path, nginx):
    if os.geteuid() != 0:
        pytest.skip('files of several users are made')
    host = Host(tmp_path, PROGRAM)
    host.write('/usr/sbin/nginx', '\x7fELF', 0o755)
    host.write('/etc/nginx/locations/https-available/wazo-suite-confd', '')
    host.folder('/etc/nginx/locations/https-enabled')
    os.symlink('../https-available/wazo-suite-confd', host.path('/etc/nginx/locations/https-enabled/wazo-suite-confd'))
    return host


def look(host, nginx, *rows, service='wazo-confd'):
    found = {}
    for row in rows:
        done = host.check('--json', '--ask', '--services-dir', nginx.services, '--nginx', f'https://127.0.0.1:{nginx.port}', service, '--row', row)
        assert done.stderr == ''
        found[row] = json.loads(done.stdout)['rows'][0]
    return found


def test_rows_pass(host, nginx):
    found = look(host, nginx, '18', '19', '19c')
    assert {row['result'] for row in found.values()} == {'pass'}, found


def test_a_service_that_does_not_answer(host, nginx):
    host.units['wazo-gone.service'] = 'Id=wazo-gone.service\nLoadState=loaded\n\n'
    host.write('/etc/nginx/locations/https-enabled/wazo-gone', '')
    found = look(host, nginx, '18', '19', '19c', service='wazo-gone')
    assert {row['result'] for row in found.values()} == {'fail'}
    assert 'Connection refused' in found['18']['found'] and 'systemctl status wazo-gone.service' in found['18']['remedy']
    assert 'answers 502' in found['19']['found'] and 'systemctl status wazo-gone.service' in found['19']['remedy']


def test_a_location_that_nobody_enabled(host, nginx):
    host.remove('/etc/nginx/locations/https-enabled/wazo-suite-confd')
    row = look(host, nginx, '19')['19']
    assert row['result'] == 'fail' and 'is not there' in row['found']
    assert row['remedy'] == 'ln -s ../https-available/wazo-suite-confd /etc/nginx/locations/https-enabled/wazo-suite-confd; systemctl reload nginx'
    os.symlink('../https-available/nothing', host.path('/etc/nginx/locations/https-enabled/wazo-suite-confd'))
    assert 'leads nowhere' in look(host, nginx, '19')['19']['found']


def test_a_location_that_nginx_has_not_read(host, nginx):
    os.rename(os.path.join(nginx.enabled, 'wazo-confd'), os.path.join(nginx.folder, 'aside'))
    nginx.stop()
    nginx.start()
    row = look(host, nginx, '19')['19']
    assert row['result'] == 'fail' and 'answers 404' in row['found'] and 'systemctl reload nginx' in row['remedy']
    os.rename(os.path.join(nginx.folder, 'aside'), os.path.join(nginx.enabled, 'wazo-confd'))
    nginx.stop()
    nginx.start()
    assert look(host, nginx, '19')['19']['result'] == 'pass'


def test_consul(host, nginx, service):
    row = look(host, nginx, '16')['16']
    assert row['result'] == 'not applicable' and 'service_discovery.enabled is false' in row['found']

    def entry(identifier, port=service.port, status='passing', address='10.0.0.1'):
        return {'Service': {'ID': identifier, 'Port': port, 'Address': address}, 'Checks': [{'Status': 'passing'}, {'Status': status, 'Output': 'why'}]}

    twice = [entry('a', status='critical'), entry('b'), entry('c', port=1)]
    for entries, result, words, remedy in [
            ([entry('a')], 'pass', 'it passes', ''),
            ([entry('a'), entry('b', address='10.0.0.2')], 'pass', 'it passes', ''),
            ([], 'fail', f'consul knows no wazo-confd at port {service.port}', 'worker discovery'),
            ([entry('a', port=1)], 'fail', 'consul knows no', 'worker discovery'),
            ([entry('a', status='warning')], 'fail', 'calls it warning: why', 'wazo-suite status'),
            (twice, 'fail', 'consul has 2 entries of wazo-confd for this server; right is b', 'consul services deregister -id=a')]:
        consul = Consul(entries)
        host.write('/etc/wazo-confd/conf.d/10-consul.yml', f'service_discovery: {{enabled: true}}\nconsul: {{host: 127.0.0.1, port: {consul.port}, token: secret}}\n')
        row = look(host, nginx, '16')['16']
        consul.end()
        assert row['result'] == result and words in row['found']
        assert remedy in row['remedy'] and bool(remedy) == bool(row['remedy'])
        assert 'secret' not in str(row)
    row = look(host, nginx, '16')['16']
    assert row['result'] == 'fail' and 'Connection refused' in row['found'] and 'systemctl status consul' in row['remedy']


def test_the_token_of_consul(host, nginx):
    path = '/etc/wazo-confd/conf.d/10-consul.yml'
    host.write(path, 'service_discovery: {enabled: true}\nconsul: {token: secret}\n', 0o640)
    row = look(host, nginx, '6')['6']
    assert row['result'] == 'fail' and f'wazo-confd may not read {path}' in row['found'] and row['remedy'].startswith('adduser wazo-confd consul')
    host.write('/etc/group', host.read('/etc/group') + 'consul:x:800:wazo-confd\n')
    assert look(host, nginx, '6')['6']['result'] == 'pass'

# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener with certificate and key."""

import http.client
import socket
import ssl
import subprocess

import pytest

from harness import Service
from rest import *


def certificate(service, name='tls'):
    """A self-signed one below DIR, by the tool that speaks of the same library."""
    key, cert = service.path('etc/%s.key' % name), service.path('etc/%s.crt' % name)
    template = service.write('etc/%s.cfg' % name,
                             'cn = "localhost"\ndns_name = "localhost"\nip_address = "127.0.0.1"\n'
                             'ca\ncert_signing_key\ntls_www_server\nexpiration_days = 2\n')
    for words in (['--generate-privkey', '--key-type', 'ecdsa', '--outfile', key],
                  ['--generate-self-signed', '--load-privkey', key, '--template', template, '--outfile', cert]):
        subprocess.run(['certtool', *words], check=True, capture_output=True, timeout=60)
    for path in (key, cert):
        with open(path, encoding='ascii') as file:
            service.write(path, file.read())
    return key, cert


@pytest.fixture(scope='module')
def service():
    service = Service()
    key, cert = certificate(service)
    service.config('rest_api: {certificate: %s, private_key: %s}\n' % (cert, key))
    service.write('state/tokens.yml', TOKENS)
    with service:
        yield service


@pytest.fixture(scope='module')
def context(service):
    """Trusts this certificate only, and checks the name."""
    return ssl.create_default_context(cafile=service.path('etc/tls.crt'))


def connect(service, context, **more):
    return http.client.HTTPSConnection('localhost', service.port, context=context, timeout=20 * SLOW, **more)


def ask(connection, method, path, body=None, **headers):
    connection.request(method, '/1.1' + path, body, {'X-Auth-Token': ADMIN, **headers})
    response = connection.getresponse()
    return response, response.read()


def test_requests(service, context):
    """Several over one connection, bodies of any size."""
    connection = connect(service, context)
    response, body = ask(connection, 'GET', '/infos')
    assert response.status == 200 and body.endswith(b'}\n')
    response, body = ask(connection, 'POST', '/users', b'{"firstname": "A", "description": "' + b'x' * 3000000 + b'"}')
    assert response.status == 201 and len(body) > 3000000
    assert response.headers['Location'] == 'https://localhost:%d/1.1/users/1' % service.port
    response, body = ask(connection, 'DELETE', '/users/1')
    assert (response.status, body) == (204, b'')
    response, body = ask(connection, 'GET', '/users/1')
    assert response.status == 404
    connection.close()


def test_links(service, context):
    """The scheme is https by itself; a proxy may still say otherwise."""
    for headers, base in (({}, 'https://localhost:%d' % service.port),
                          ({'Host': 'pbx.example', 'X-Script-Name': '/api/confd'}, 'https://pbx.example/api/confd')):
        connection = connect(service, context)
        response, _ = ask(connection, 'POST', '/users', b'{"firstname": "A"}', **headers)
        assert response.headers['Location'].startswith(base + '/1.1/users/')
        connection.close()


def test_document(service, context):
    connection = connect(service, context)
    _, body = ask(connection, 'GET', '/api/api.yml')
    assert b'schemes:\n- https\n' in body
    connection.close()


@pytest.mark.parametrize('version, spoken', ((ssl.TLSVersion.TLSv1_2, 'TLSv1.2'), (ssl.TLSVersion.TLSv1_3, 'TLSv1.3')))
def test_versions(service, version, spoken):
    context = ssl.create_default_context(cafile=service.path('etc/tls.crt'))
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(('localhost', service.port), timeout=20 * SLOW) as plain, context.wrap_socket(plain,
            server_hostname='localhost') as s:
        assert s.version() == spoken


def test_plain_http_is_refused(service, context):
    """What speaks no TLS gets no answer that could be taken for one, and holds up nobody."""
    with socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW) as s:
        s.sendall(b'GET /1.1/infos HTTP/1.1\r\nHost: x\r\n\r\n')
        try:
            assert b'HTTP/1.1 200' not in s.recv(65536)
        except ConnectionResetError:
            pass
    for data in (b'', b'\x16', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'x' * 600, b'\x80\x2e\x01' + b'\0' * 60):
        with socket.create_connection(('127.0.0.1', service.port), timeout=20 * SLOW) as s:
            s.sendall(data)
    connection = connect(service, context)
    assert ask(connection, 'GET', '/infos')[0].status == 200
    connection.close()


def test_log_says_https(service, context):
    connection = connect(service, context)
    ask(connection, 'GET', '/infos?seen=here')
    connection.close()
    service.wait_log(r'request: GET https://localhost:%d/1\.1/infos\?seen=here \{' % service.port)


def test_key_stays_secret(service):
    """In no log, and no worker but the gateway has it open."""
    with open(service.path('etc/tls.key'), encoding='ascii') as file:
        secret = file.read().split('-----')[2].strip().splitlines()[0]
    assert secret not in service.log() and secret not in service.stderr()
    assert secret not in service.suite('status', '--json').stdout


def test_new_certificate(service, context):
    """After a reload it is the new one; who has a connection keeps it."""
    old = connect(service, context)
    assert ask(old, 'GET', '/infos')[0].status == 200
    new_key, new_cert = certificate(service, 'new')
    service.config('rest_api: {certificate: %s, private_key: %s}\n' % (new_cert, new_key))
    assert 'replace gateway: its configuration changed' in service.suite('reload', check=True).stdout
    new_context = ssl.create_default_context(cafile=new_cert)

    def is_new():
        try:
            connection = connect(service, new_context)
            status = ask(connection, 'GET', '/infos')[0].status
            connection.close()
            return status == 200
        except (OSError, http.client.HTTPException):  # it does not trust the old one
            return False
    wait_for(is_new)
    assert ask(old, 'GET', '/infos')[0].status == 200
    old.close()


def test_renewed_in_place(service):
    """Other content under the same name, as by a renewal: a reload sees that, too; without a change nothing is replaced."""
    generation = service.worker('gateway')['generation']
    assert 'nothing changes' in service.suite('reload', check=True).stdout
    assert service.worker('gateway')['generation'] == generation
    key, cert = certificate(service)
    service.config('rest_api: {certificate: %s, private_key: %s}\n' % (cert, key))
    service.suite('reload', check=True)
    certificate(service)
    assert service.suite('reload', check=True).stdout.splitlines()[1:] == ['replace gateway: its configuration changed']
    context = ssl.create_default_context(cafile=cert)

    def is_new():
        try:
            connection = connect(service, context)
            status = ask(connection, 'GET', '/infos')[0].status
            connection.close()
            return status == 200
        except (OSError, http.client.HTTPException):  # it does not trust the old one
            return False
    wait_for(is_new)


BAD = (
    ('nothing there', None, None, 'rest_api.certificate: cannot read the file: No such file or directory'),
    ('no PEM', 'this is no certificate', 'this is no key', 'rest_api.certificate and rest_api.private_key cannot be used: '),
    ('empty', '', '', 'rest_api.certificate and rest_api.private_key cannot be used: '),
    ("another's key", True, False, 'rest_api.certificate and rest_api.private_key cannot be used: '),
)


@pytest.mark.parametrize('what, cert, key, message', BAD, ids=[case[0] for case in BAD])
def test_bad_files(service, what, cert, key, message):
    """A new service does not start, and says what and where; a running one goes on with what it has."""
    new = Service()
    paths = [new.path('etc/bad.crt'), new.path('etc/bad.key')]
    if cert is True:
        paths = [certificate(new, 'one')[1], certificate(new, 'two')[0]]
    elif cert is not None:
        new.write(paths[0], cert)
        new.write(paths[1], key)
    text = 'rest_api: {certificate: %s, private_key: %s}\n' % tuple(paths)
    new.config(text)
    new.launch()
    try:
        assert new.wait() != 0
        assert '/etc/config.yml:1:' in new.stderr() and message in new.stderr()
    finally:
        new.end_hard()

    before, old = service.pids(), service.read('etc/config.yml')
    service.config(text)
    refused = service.suite('reload')
    service.config(old)
    assert refused.returncode == 1 and message in refused.stderr
    assert service.pids() == before

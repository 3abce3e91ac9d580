# SPDX-License-Identifier: GPL-3.0-or-later
"""/1.1/api/api.yml: YAML, Swagger 2.0, and neither more nor less than what the running service answers."""

import http.client

import pytest
import yaml

from rest import *

METHODS = {'get', 'post', 'put', 'delete'}


@pytest.fixture(scope='module')
def document(admin):
    answer = Client(admin.port, None).get('/api/api.yml')
    assert (answer.status, answer.headers['Content-Type']) == (200, 'application/x-yaml')
    return yaml.safe_load(answer.body)


def filled(path, document_parameters=()):
    types = {p['name']: p for p in document_parameters if p.get('in') == 'path'}
    for name in [part[1:-1] for part in path.split('/') if part.startswith('{')]:
        uuid = types.get(name, {}).get('format') == 'uuid' or name in ('endpoint_uuid', 'tenant_uuid')
        path = path.replace('{%s}' % name, NOBODY if uuid else '99999')
    return path


def operations(document):
    return [(path, method, operation) for path, item in document['paths'].items() for method,
            operation in item.items() if method in METHODS]


def test_frame(document):
    assert document['swagger'] == '2.0'
    assert document['info']['title'] == 'wazo-confd' and isinstance(document['info']['version'], str)
    assert (document['basePath'], document['schemes']) == ('/1.1', ['http'])
    assert document['securityDefinitions']['wazo_auth_token'] == {'type': 'apiKey', 'name': 'X-Auth-Token', 'in': 'header'}
    assert set(METHODS) >= {method for _, method, _ in operations(document)}


@pytest.mark.parametrize('headers, schemes, base', (
    ({'X-Script-Name': '/api/confd'}, ['https'], '/api/confd/1.1'),
    ({'X-Forwarded-Proto': 'https'}, ['https'], '/1.1'),
    ({}, ['http'], '/1.1'),
))
def test_behind_a_proxy(admin, document, headers, schemes, base):
    """The same, but for the two members that say where it is."""
    got = yaml.safe_load(admin.get('/api/api.yml', headers=headers).body)
    assert (got['schemes'], got['basePath']) == (schemes, base)
    assert {**got, 'schemes': 0, 'basePath': 0} == {**document, 'schemes': 0, 'basePath': 0}


def test_each_operation(document):
    """Summary, tag, responses; parameters of the path declared; the right that is needed; references that lead somewhere."""
    for path, method, operation in operations(document):
        where = method + ' ' + path
        assert operation['summary'] and operation['tags'] and operation['responses'], where
        parameters = operation.get('parameters', []) + document['paths'][path].get('parameters', [])
        assert {p['name'] for p in parameters if p['in'] == 'path'} == {part[1:-1] for part in path.split('/') if part.startswith('{')}, where
        assert all(p.get('required') for p in parameters if p['in'] == 'path'), where
        for p in parameters:
            assert ('schema' in p) if p['in'] == 'body' else ('type' in p), (where, p)
        assert all(code.isdigit() and response['description'] for code, response in operation['responses'].items()), where
        if 'security' in operation:
            assert operation['security'] == [{'wazo_auth_token': []}]
            assert '**Required ACL:** `confd.' in operation['description'], where


def references(value):
    if isinstance(value, dict):
        if '$ref' in value:
            yield value['$ref']
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_references(document):
    found = set(references(document))
    assert found
    for reference in found:
        kind, _, name = reference.removeprefix('#/').partition('/')
        assert name in document[kind], reference


def test_each_is_answered(admin, document):
    """By the plugin, not by the router: never its page, never 405. And the ACL that is told is the one that is asked for."""
    stranger = Client(admin.port, None)
    for path, method, operation in operations(document):
        url = filled(path, operation.get('parameters', []))
        answer = admin.request(method.upper(), url, {} if method in ('post', 'put') else None)
        assert answer.status != 405 and not answer.headers['Content-Type'].startswith('text/html'), (method, path, answer)
        refused = stranger.request(method.upper(), url)
        if 'security' not in operation:
            assert refused.status != 401, path
            continue
        assert refused.status == 401
        told = operation['description'].partition('**Required ACL:** `')[2].partition('`')[0]
        assert refused.json == ["('', '%s')" % filled(told.replace('.', '/')).replace('/', '.')], path


def test_each_route_is_in_it(admin, document):
    """What OPTIONS says of every path, and what the metrics know of routes, is in the document."""
    for path, item in document['paths'].items():
        allow = admin.request('OPTIONS', filled(path)).headers['Allow'].split(', ')
        assert {method.lower() for method in allow} - {'options', 'head'} == set(item) & METHODS, path
    connection = http.client.HTTPConnection('127.0.0.1', admin.port, timeout=10)
    connection.request('GET', '/metrics')
    text = connection.getresponse().read().decode()
    connection.close()
    routes = {line.partition('route="')[2].partition('"')[0] for line in text.splitlines() if line.startswith('wazo_gateway_requests_total{')}
    assert len(routes) > 20
    assert routes - {'', '/metrics'} <= set(document['paths'])


def test_schemas(admin, document):
    """A definition has the members that the resource answers, and marks what cannot be written."""
    context = admin.context()
    for name, thing in (('Context', context), ('User', admin.user()), ('Line', admin.line(context)),
                        ('Extension', admin.extension(context, '1001')),
                        ('Voicemail', admin.voicemail(context, '1001')), ('SIPEndpoint', admin.endpoint())):
        properties = document['definitions'][name]['properties']
        assert set(thing) <= set(properties), name
        assert properties['links'].get('readOnly') and properties['tenant_uuid'].get('readOnly')
    assert document['definitions']['User']['required'] == ['firstname']

# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad configurations, through the real command: each error has its place, and all come at once."""
import os
import re
import subprocess

import pytest

from harness import PATIENT, SLOW, Service, check_config, clean_environment, manifest, supervisord

PLACE = r'^{file}:{line}:{column}: {severity}: .*{words}'


@pytest.fixture(scope='module')
def service():
    """Not started: its folder and its command line."""
    return Service()


def findings(done, *expected):
    """Each is (file, line, column or None, severity, words)."""
    text = done.stdout + done.stderr
    for file, line, column, severity, words in expected:
        pattern = PLACE.format(file=r'\S*' + re.escape(file), line=line, column=column or r'\d+', severity=severity, words=re.escape(words))
        assert re.search(pattern, text, re.M), f'no {pattern!r} in:\n{text}'


def fresh(config=None, conf_d=None, **more):
    return Service(config=config, conf_d=conf_d, **more)


def test_a_good_one_is_silent():
    done = check_config(fresh('log_level: debug\nenabled_plugins: {info: true}\n'), strict=True)
    assert done.returncode == 0 and done.stdout + done.stderr == ''


def test_none_at_all_is_good():
    assert check_config(fresh(), strict=True).returncode == 0


# ---- errors ----

BAD = [
    ('log_level: loud\n', 1, 12, 'log_level'),
    ('debug: maybe\n', 1, 8, 'debug'),
    ('log_file: relative/path.log\n', 1, 11, 'log_file'),
    ('rest_api:\n  port: 0\n', 2, 9, 'port'),
    ('rest_api:\n  port: 65536\n', 2, 9, 'port'),
    ('rest_api:\n  port: nine\n', 2, 9, 'port'),
    ('rest_api: 5\n', 1, 11, 'rest_api'),
    ('rest_api:\n  listen: [a, b]\n', 2, 11, 'listen'),
    ('rest_api:\n  listen: not an address\n', 2, 11, 'listen'),
    ('rest_api:\n  certificate: /etc/cert.pem\n', 2, None, 'private_key'),
    ('rest_api:\n  cors: {enabled: perhaps}\n', 2, 19, 'enabled'),
    ('rest_api:\n  cors:\n    allow_headers: X\n', 3, 20, 'allow_headers'),
    ('enabled_plugins: [users]\n', 1, 18, 'enabled_plugins'),
    ('enabled_plugins: {user: 7}\n', 1, 25, 'user'),
    ('limits: {body: -1}\n', 1, 16, 'body'),
    ('limits: {body: lots}\n', 1, 16, 'body'),
    ('limits: {queue: 99999999999999999999}\n', 1, 17, 'queue'),
    ('deadlines: {queue: soon}\n', 1, 20, 'queue'),
    ('deadlines: {attempt: 2d}\n', 1, 22, 'attempt'),
    ('workers: {user: {instances: 65}}\n', 1, 29, 'instances'),
    ('workers: {user: {instances: 0}}\n', 1, 29, 'instances'),
    ('db_uri: mysql://a/b\n', 1, 9, 'db_uri'),
    ('db_uri: {}\n', 1, 9, 'db_uri'),
    ('auth: {token_file: tokens.yml}\n', 1, 20, 'token_file'),
    ('extra_config_files: conf.d\n', 1, 21, 'extra_config_files'),
    # YAML itself.
    ('a: [1, 2\n', r'\d+', None, ''),
    ('a: b: c\n', 1, None, ''),
    ('\ta: b\n', 1, None, ''),
    ('log_level: "info\n', r'\d+', None, ''),
    ('debug: false\ndebug: true\n', 2, 1, 'twice'),
    ('rest_api: &a {port: 1}\nx: *a\n', r'\d+', None, ''),
    ('<<: {debug: true}\n', 1, None, ''),
    ('- a\n- b\n', 1, 1, ''),
    ('just a text\n', 1, 1, ''),
    ('a: 1\n---\nb: 2\n', r'\d+', None, ''),
    ('a: "\\xff\\q"\n', 1, None, ''),
    ('[' * 3000 + '\n', r'\d+', None, ''),
    ('? {a: b}\n: c\n', 1, None, ''),
]


@pytest.mark.parametrize('text, line, column, words', BAD, ids=[re.sub(r'\W+', '_', b[0])[:30] for b in BAD])
def test_a_bad_main_file(text, line, column, words):
    done = check_config(fresh(text))
    assert done.returncode == 1, done
    findings(done, ('etc/config.yml', line, column, 'error', words))
    # A place, a severity and a text, line by line; never a trace of us.
    for each in (done.stdout + done.stderr).splitlines():
        assert re.match(r'^/\S+(:\d+:\d+)?: (error|warning|note): \S', each), each


def test_bytes_that_are_no_utf_8(service):
    path = service.write('etc/config.yml', '')
    with open(path, 'wb') as file:
        file.write(b'log_level: \xff\xfe\n')
    done = check_config(service)
    assert done.returncode == 1
    findings(done, ('etc/config.yml', 1, None, 'error', ''))
    with open(path, 'wb') as file:
        file.write(b'a: b\x00c\n')
    assert check_config(service).returncode == 1
    os.unlink(path)


def test_all_errors_at_once():
    text = 'log_level: loud\nrest_api:\n  port: 0\n  listen: nowhere at all\ndeadlines: {queue: soon}\nlimits:\n  body: lots\n'
    done = check_config(fresh(text, {'10-a.yml': 'debug: maybe\n'}))
    assert done.returncode == 1
    findings(done, ('etc/config.yml', 1, 12, 'error', 'log_level'), ('etc/config.yml', 3, 9, 'error', 'port'),
             ('etc/config.yml', 4, 11, 'error', 'listen'), ('etc/config.yml', 5, 20, 'error', 'queue'),
             ('etc/config.yml', 7, 9, 'error', 'body'), ('etc/conf.d/10-a.yml', 1, 8, 'error', 'debug'))


def test_the_main_file_is_missing():
    s = fresh()
    done = check_config(s, '-c', '/no/such/file.yml')
    assert done.returncode == 1 and '/no/such/file.yml' in done.stdout + done.stderr


def test_the_main_file_is_no_file():
    s = fresh()
    done = check_config(s, '-c', s.dir)
    assert done.returncode == 1


def test_the_main_file_cannot_be_read():
    s = fresh('debug: true\n')
    os.chmod(s.path('etc/config.yml'), 0)
    done = check_config(s)
    assert done.returncode == 1 and 'config.yml' in done.stdout + done.stderr and 'ermission' in done.stdout + done.stderr
    os.chmod(s.path('etc/config.yml'), 0o600)


# ---- warnings ----

# What real hosts' files have: keys of others, plugins that are not here, dead files.
FOREIGN = """debug: false
something_else: 5
bus: {username: guest, password: s3cr3t-of-the-bus}
rest_api:
  max_threads: 10
  strange: true
enabled_plugins:
  info: true
  queues: true
  device: false
"""


def test_foreign_keys_are_warnings():
    s = fresh(FOREIGN, {'50-dead.yml': 'a: [1, 2\n', '60-list.yml': '- a\n', '70-empty.yml': ''})
    done = check_config(s)
    assert done.returncode == 0, done
    findings(done, ('config.yml', 2, 1, 'warning', 'something_else'), ('config.yml', 6, 3, 'warning', 'strange'),
             ('config.yml', 9, None, 'warning', 'queues'), ('50-dead.yml', r'\d+', None, 'warning', ''),
             ('60-list.yml', 1, None, 'warning', ''))
    text = done.stdout + done.stderr
    assert 'error' not in text.replace('errors', '') and 'username' not in text and 'max_threads' not in text
    assert 's3cr3t' not in text and '70-empty' not in text


def test_strict_makes_them_errors():
    for text in ('something_else: 5\n', 'enabled_plugins: {queues: true}\n'):
        assert check_config(fresh(text)).returncode == 0
        done = check_config(fresh(text), strict=True)
        assert done.returncode == 1 and ': error: ' in done.stdout + done.stderr
    assert check_config(fresh('', {'50-dead.yml': 'a: [1, 2\n'}), strict=True).returncode == 1


def test_with_warnings_the_service_starts(make_service):
    s = make_service(FOREIGN, {'50-dead.yml': 'a: [1, 2\n'})
    assert s.get('/infos').status == 200
    text = s.stderr()
    for words in ('something_else', 'queues', '50-dead.yml'):
        assert words in text, text
    assert s.worker('queues') is None


def test_profile_is_accepted_with_a_warning(make_service):
    done = check_config(fresh(), '-p', '/tmp/profiles')
    assert done.returncode == 0 and 'profil' in done.stdout + done.stderr
    done = check_config(fresh('rest_api: {profile: /tmp/profiles}\n'))
    assert done.returncode == 0 and 'profil' in done.stdout + done.stderr
    s = make_service(args=['-p', '/tmp/profiles'])
    assert s.get('/infos').status == 200


# ---- precedence ----


def effective_level(make_service, *args, **more):
    s = make_service(*args, **more)
    return s.status()['service']['log_level']


def test_precedence(make_service):
    main = 'log_level: error\n'
    first, second = {'010-x.yml': 'log_level: warning\n'}, {'050-y.yml': 'log_level: critical\n'}
    assert effective_level(make_service, main) == 'error'
    assert effective_level(make_service, main, {**second, **first}) == 'warning'
    assert effective_level(make_service, main, {**second, **first}, args=['-l', 'info']) == 'info'
    assert effective_level(make_service, main, first, args=['-l', 'info', '-d']) == 'debug'
    assert effective_level(make_service, main, {'.hidden.yml': 'log_level: debug\n', 'b.yaml': 'log_level: debug\n'}) == 'error'


def test_maps_are_merged(make_service):
    s = make_service('enabled_plugins: {user: false, line: true}\n', {'10.yml': 'enabled_plugins: {voicemail: false}\n'})
    names = {w['name'] for w in s.status()['workers']}
    assert 'line' in names and not names & {'user', 'voicemail'}
    assert s.get('/voicemails').status == 404 and s.get('/lines').status == 200


# ---- the command line ----


@pytest.mark.parametrize('words', [['--no-such-option', 'wazo-confd'], [], ['wazo-confd', 'wazo-dird'], ['--port', '70000', 'wazo-confd'],
                                   ['--port', 'x', 'wazo-confd'], ['-l', 'loud', 'wazo-confd'], ['../etc/passwd']])
def test_bad_command_lines(words):
    done = subprocess.run([supervisord(), *words], env=clean_environment(), capture_output=True, text=True, timeout=20 * SLOW)
    assert done.returncode in (1, 78) and done.stderr.strip(), done


def test_help_and_version():
    for word in ('--help', '-h', '--version'):
        done = subprocess.run([supervisord(), word], env=clean_environment(), capture_output=True, text=True, timeout=20 * SLOW)
        assert done.returncode == 0 and done.stdout.strip(), done
    done = subprocess.run([supervisord(), '--list-settings', 'wazo-confd'], env=clean_environment(), capture_output=True, text=True)
    assert done.returncode == 0 and 'rest_api.port' in done.stdout


def test_an_unknown_service():
    s = Service(name='wazo-nothing')
    done = check_config(s)
    assert done.returncode == 1 and 'wazo-nothing' in done.stdout + done.stderr


# ---- manifests ----

GOOD = """service: wazo-confd
kind: native
description: A service
user: nobody
port: 9486
prefix: /1.1
config: /etc/wazo-confd/config.yml
state: /var/lib/wazo-confd
run: /run/wazo-confd
log: /var/log/wazo-confd.log
workers:
  control: {kind: control}
  gateway: {kind: gateway}
  plugins: {kind: plugin}
plugins: [info]
"""
MANIFESTS = [
    (GOOD.replace('kind: native', 'kind: strange'), 2, 7, 'kind'),
    (GOOD.replace('service: wazo-confd', 'service: another'), 1, 10, 'service'),
    (GOOD.replace('description: A service\n', ''), 1, None, 'description'),
    (GOOD + 'unknown_key: 1\n', 16, 1, 'unknown_key'),
    (GOOD.replace('port: 9486', 'port: many'), 5, 7, 'port'),
    (GOOD.replace('/var/lib/wazo-confd', 'var/lib'), 8, 8, 'state'),
    (GOOD.replace('{kind: gateway}', '{kind: gateways}'), 13, 19, 'kind'),
    (GOOD.replace('{kind: gateway}', '{}'), 13, None, 'kind'),
    (GOOD.replace('{kind: gateway}', '{kind: gateway, requires: [nobody_here]}'), 13, None, 'nobody_here'),
    (GOOD.replace('{kind: gateway}', '{kind: gateway, timing: {start: often}}'), 13, 44, 'start'),
    (GOOD.replace('{kind: gateway}', '{kind: gateway, limits: {files: 3}}'), 13, 44, 'files'),
    (GOOD.replace('{kind: gateway}', '{kind: gateway, colour: blue}'), 13, 28, 'colour'),
    (GOOD.replace('{kind: gateway}', '{kind: exec}'), 13, None, 'command'),
    (GOOD.replace('{kind: gateway}', '{kind: exec, command: [sleep, "1"]}'), 13, 35, 'absolute'),
    (GOOD.replace('{kind: gateway}', '{kind: exec, command: [/bin/sleep, "1"], ready: soon}'), 13, None, 'ready'),
    (GOOD.replace('plugins: [info]', 'plugins: info'), 15, 10, 'plugins'),
    (GOOD + 'service: again\n', 16, 1, 'twice'),
    ('', None, None, ''),
    ('- a\n', 1, 1, ''),
    ('{', r'\d+', None, ''),
]


@pytest.mark.parametrize('text, line, column, words', MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_bad_manifest(text, line, column, words):
    done = check_config(Service(manifest=text))
    assert done.returncode == 1, done
    assert 'services.d/wazo-confd.yml' in done.stdout + done.stderr
    if line:
        findings(done, ('services.d/wazo-confd.yml', line, column, 'error', words))


def test_a_good_manifest_is_good():
    done = check_config(Service(manifest=GOOD), strict=True)
    assert done.returncode == 0, done


def test_requirements_in_a_circle():
    text = GOOD.replace('{kind: control}', '{kind: control}\n  a: {kind: exec, command: [/bin/true], requires: [b]}\n'
                        '  b: {kind: exec, command: [/bin/true], requires: [a]}')
    done = check_config(Service(manifest=text))
    assert done.returncode == 1 and re.search(r'wazo-confd\.yml:1[34]:\d+: error: ', done.stdout + done.stderr), done


# ---- the environment ----


def environment_of(s):
    return dict(entry.split('=', 1) for entry in s.get('/crashdummy/environment').json)


def test_what_of_the_environment_passes(make_service):
    uuid = '9d3f0b1c-8a2e-4f0e-9c3f-0f6f6d1c2b3a'
    s = make_service(plugins=['crashdummy'], environment={
        'XIVO_UUID': uuid, 'TZ': 'Asia/Tokyo', 'HTTPS_PROXY': 'http://proxy:3128', 'no_proxy': 'localhost', 'HOME': '/root', 'SECRET': 'x',
        'LD_PRELOAD': '', 'LISTEN_FDNAMES': 'a', 'PGPASSWORD': 'y'})
    environment = environment_of(s)
    assert environment['XIVO_UUID'] == uuid and environment['TZ'] == 'Asia/Tokyo'
    assert environment['HTTPS_PROXY'] == 'http://proxy:3128' and environment['no_proxy'] == 'localhost'
    assert not set(environment) & {'HOME', 'SECRET', 'LD_PRELOAD', 'LISTEN_FDNAMES', 'PGPASSWORD', 'NOTIFY_SOCKET'}
    assert s.get('/infos').json['uuid'] == uuid
    assert 'XIVO_UUID' in s.status()['service']['uuid_source']
    # Times in the log are those of the zone.
    assert re.search(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ JST ', s.log(), re.M), s.log()[:300]


def test_without_xivo_uuid_one_is_made_and_kept(make_service):
    s = make_service(manifest=manifest(PATIENT))
    uuid = s.get('/infos').json['uuid']
    assert re.fullmatch(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', uuid)
    assert 'generated' in s.status()['service']['uuid_source']
    s.stop()
    s.start()
    assert s.get('/infos').json['uuid'] == uuid
    assert 'infos' in s.status()['service']['uuid_source']


def test_a_bad_xivo_uuid():
    for strict in (False, True):
        done = check_config(Service(environment={'XIVO_UUID': 'not-a-uuid'}), strict=strict)
        assert done.returncode == strict and 'XIVO_UUID' in done.stdout + done.stderr

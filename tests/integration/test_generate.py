# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made from manifests, byte by byte: each kind has a file in golden/. WAZO_GOLDEN=write writes them anew."""
import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, TOP, clean_environment

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, 'golden')
MANIFESTS = os.path.join(HERE, 'manifests')
PROGRAM = os.path.join(BUILD, 'workers', 'control', 'client', 'wazo-suite')

KINDS = ['unit', 'socket', 'sysusers', 'tmpfiles', 'logrotate', 'rsyslog', 'cron', 'monit', 'nginx', 'consul', 'auth-keys', 'page']
WHOLE = ['backup', 'ports', 'files', 'http', 'discovery']


def generate(*arguments, code=0, manifests=None):
    extra = ['--services-dir', manifests] if manifests else []
    done = subprocess.run([PROGRAM, 'generate', *extra, *arguments], env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def compare(path, text):
    if os.environ.get('WAZO_GOLDEN') == 'write':
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    with open(path, encoding='utf-8') as file:
        assert text == file.read()


@pytest.mark.parametrize('kind', KINDS)
def test_everything_that_a_service_can_say(kind):
    compare(os.path.join(GOLDEN, f'example.{kind}'), generate(kind, 'wazo-example', manifests=MANIFESTS).stdout)


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind != 'cron'])
def test_wazo_confd(kind):
    compare(os.path.join(GOLDEN, f'confd.{kind}'), generate(kind, 'wazo-confd').stdout)


@pytest.mark.parametrize('kind,service', [('nginx', 'wazo-auth'), ('nginx', 'wazo-websocketd'), ('nginx', 'asterisk'), ('nginx', 'wazo-phoned'),
                                          ('monit', 'wazo-provd'), ('page', 'asterisk'), ('logrotate', 'wazo-auth')])
def test_daemons_of_others(kind, service):
    if service == 'wazo-phoned':
        assert 'has nothing of kind nginx' in generate(kind, service, code=2).stderr
    else:
        compare(os.path.join(GOLDEN, f'{service}.{kind}'), generate(kind, service).stdout)


@pytest.mark.parametrize('kind', WHOLE)
def test_the_whole_suite(kind):
    compare(os.path.join(GOLDEN, f'suite.{kind}'), generate(kind).stdout)


@pytest.mark.parametrize('kind,page', [('ports', 'ports.md'), ('files', 'backed-up-files.md')])
def test_the_documentation_has_the_tables(kind, page):
    compare(os.path.join(TOP, 'docs', page), generate(kind).stdout)


def test_the_documentation_has_the_page_of_each_service_of_ours():
    compare(os.path.join(TOP, 'docs', 'services', 'wazo-confd.md'), generate('page', 'wazo-confd').stdout)


def test_settings_of_a_newer_systemd():
    old, new = generate('unit', 'wazo-confd').stdout, generate('unit', 'wazo-confd', '--systemd', '257').stdout
    assert 'disconnected' not in old and 'PrivateTmp=yes\nPrivateTmp=disconnected\n' in new
    assert '@' not in new.replace('stop@', '').replace('@system', '').replace('@resources', '').replace('@privileged', '').replace('@setuid', '')


def test_systemd_takes_the_units(tmp_path):
    if not shutil.which('systemd-analyze'):
        pytest.skip('no systemd-analyze')
    generate('unit', 'wazo-confd', '--output', str(tmp_path))
    generate('socket', 'wazo-confd', '--output', str(tmp_path))
    units = tmp_path / 'usr/lib/systemd/system'
    unit = units / 'wazo-suite-confd.service'
    unit.write_text(unit.read_text().replace('/usr/sbin/wazo-supervisord', '/bin/true').replace('/usr/bin/wazo-suite', '/bin/true'))
    for name in ['wazo-suite.target', 'wazo-suite-stop@.target']:
        shutil.copy(os.path.join(TOP, 'units', name), units)
    done = subprocess.run(['systemd-analyze', 'verify', '--man=no', str(unit), str(units / 'wazo-suite-confd.socket')], capture_output=True, text=True, timeout=60)
    assert 'wazo' not in done.stderr, done.stderr
    # Exposure of 2.1 at most, on a scale of ten.
    done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', '--threshold=21', str(unit)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_files_of_ours_and_their_difference(tmp_path):
    root = str(tmp_path)
    generate('all', 'wazo-confd', '--output', root)
    written = sorted(os.path.relpath(os.path.join(dir, file), root) for dir, _, files in os.walk(root) for file in files)
    assert 'usr/lib/systemd/system/wazo-suite-confd.service' in written
    assert 'etc/nginx/locations/https-available/wazo-suite-confd' in written
    assert len(written) == 9

    assert generate('--diff', '--root', root, 'all', 'wazo-confd').stdout == ''
    # Of a host without a service, nothing is missing, nor where nobody reads such files.
    assert generate('--diff', '--root', root).stdout == ''
    (tmp_path / 'usr/lib/systemd/system/wazo-provd.service').write_text('')
    assert '+check program suite-wazo-provd ' in generate('--diff', '--root', root, code=1).stdout
    shutil.rmtree(tmp_path / 'etc/monit')
    assert generate('--diff', '--root', root).stdout == ''
    generate('monit', 'wazo-confd', '--output', root)
    (tmp_path / 'usr/lib/systemd/system/wazo-provd.service').unlink()

    rule = tmp_path / 'etc/rsyslog.d/99-wazo-suite-confd.conf'
    rule.write_text(rule.read_text().replace('stop', 'discard'))
    done = generate('--diff', '--root', root, 'all', 'wazo-confd', code=1)
    assert '-:programname, isequal, "wazo-confd" discard\n+:programname, isequal, "wazo-confd" stop\n' in done.stdout
    rule.unlink()
    assert f'--- {rule}\n+++ generated\n@@ -0,0' in generate('rsyslog', 'wazo-confd', '--diff', '--root', root, code=1).stdout


def test_third_parties_manifests(tmp_path):
    """They lie in /etc/wazo-suite/services.d, and nobody but their author knows of them."""
    etc = tmp_path / 'etc/wazo-suite/services.d'
    etc.mkdir(parents=True)
    (etc / 'acme-thing.yml').write_text('service: acme-thing\nkind: unit\ndescription: Thing\nuser: thing\nport: 9600\nnginx: {enabled: true}\n')
    path = tmp_path / 'etc/nginx/locations/https-available/acme-thing'
    done = generate('nginx', 'acme-thing', '--diff', '--root', str(tmp_path), code=1)
    assert str(path) in done.stdout and '+location ^~ /api/acme-thing/ {\n' in done.stdout


def test_bad_manifests_write_nothing(tmp_path):
    (tmp_path / 'wazo-x.yml').write_text('service: wazo-x\nkind: unit\ndescription: d\nuser: u\nport: 9486\n')
    done = generate('ports', manifests=str(tmp_path), code=2)
    assert done.stdout == ''
    assert 'error: port 9486/tcp is that of wazo-x, too' in done.stderr or 'error: port 9486/tcp is that of wazo-confd, too' in done.stderr


@pytest.mark.parametrize('text', ["'100% of it'", "'of \"it\"'", "'and on \\'"])
def test_a_description_that_systemd_would_read_otherwise(tmp_path, text):
    with open(os.path.join(TOP, 'config/services.d/wazo-confd.yml'), encoding='utf-8') as file:
        (tmp_path / 'wazo-confd.yml').write_text(re.sub('^description: .*', lambda _: 'description: ' + text, file.read(), flags=re.M))
    done = generate('unit', 'wazo-confd', manifests=str(tmp_path), code=2)
    assert done.stdout == '' and "error: description stands in systemd's files as it is" in done.stderr


@pytest.mark.parametrize('arguments,words', [
    (['what'], "there is no kind 'what'"), ([], 'which kind'), (['unit', 'nobody'], "no service is called 'nobody'"),
    (['unit', 'asterisk'], 'asterisk has nothing of kind unit'), (['ports', 'asterisk'], 'name no service'),
    (['unit', 'wazo-confd', '--diff', '--output', '/tmp'], 'exclude each other'), (['--systemd', 'x', 'unit'], 'no version'),
    (['unit', '--root', '/'], '--root goes with --diff'), (['--frob'], 'Try'),
    (['unit', 'wazo-confd', '--output', '/proc/nowhere'], 'cannot write|No such file'),
])
def test_wrong_usage(arguments, words):
    done = generate(*arguments, code=2)
    assert any(word in done.stderr for word in words.split('|')), done.stderr


def test_jobs_of_what_is_no_daemon(tmp_path):
    (tmp_path / 'acme-tool.yml').write_text('service: acme-tool\nkind: other\ndescription: d\ncron: [{at: 1 2 * * *, user: root, command: /bin/acme, purpose: p}]\n')
    generate('cron', 'acme-tool', '--output', str(tmp_path), manifests=str(tmp_path))
    assert (tmp_path / 'etc/cron.d/acme-tool').read_text().endswith('# p\n1 2 * * * root /bin/acme\n')
    for kind in ['unit', 'logrotate', 'rsyslog', 'monit', 'nginx', 'consul', 'auth-keys', 'page']:
        assert 'nothing of kind' in generate(kind, 'acme-tool', code=2, manifests=str(tmp_path)).stderr

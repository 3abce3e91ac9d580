# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite new-service and new-plugin: what they write builds, passes its own tests and the check, with what an installation has."""
import json
import os
import re
import shutil
import subprocess

import pytest

import documents
import fakehost
import harness
from fakehost import Host

SERVICE, PLUGIN = 'acme-billing', 'invoice'


@pytest.fixture(scope='module')
def installation():
    return documents.Installation()


def run(installation, directory, *words, code=0, user=harness.NOBODY, **environment):
    """As one who is not root has it: the programs of the installation, and nothing of this repository."""
    clean = harness.clean_environment(**{**installation.environment, **environment})
    clean['PATH'] = installation.environment['PATH'] + ':/usr/bin:/bin:/usr/sbin:/sbin'
    done = subprocess.run(words, env=clean, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=100 * harness.SLOW, **harness.run_as(user))
    assert done.returncode == code, f'{words}: {done.returncode}\n{done.stdout}\n{done.stderr}'
    return done


@pytest.fixture(scope='module')
def followed(installation):
    """The page for authors, followed to the letter: a new service, and what was printed meanwhile."""
    directory = documents.folder()
    output = documents.run_blocks(documents.blocks('docs/new-service.md', 'sh'), directory, harness.NOBODY, PORT=str(harness.free_port()),
                                  **installation.environment)
    return os.path.join(directory, SERVICE), output


@pytest.fixture(scope='module')
def service(followed):
    return followed[0]


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def test_service(followed):
    output = followed[1]
    assert re.search(r'^Ran 5 tests.*\n\nOK$', output, re.M), output
    assert 'warning' not in output, output
    assert '"name": "2026-001"' in output and re.search('^acme-billing  ready ', output, re.M), output


def test_its_port_is_the_next(service):
    """The highest of those that are documented, and one more."""
    known = [int(port) for port in re.findall(r'^\| (\d+) ', documents.read('docs/ports.md'), re.M) if 9486 <= int(port) <= 9999]
    assert f'\nport: {max(known) + 1}\n' in read(service, f'services.d/{SERVICE}.yml')


def test_nothing_is_left_to_fill_in(service):
    for folder, folders, files in os.walk(service):
        folders[:] = [name for name in folders if name not in ('build', 'dev', '__pycache__')]
        for name in files:
            assert not re.search(r'@[A-Z]+@', read(folder, name)), name


def test_plugin(installation):
    directory = documents.folder()
    done = run(installation, directory, 'wazo-suite', 'new-plugin', 'call_diary')
    assert 'make test' in done.stdout
    project = os.path.join(directory, 'call_diary')
    assert run(installation, project, 'make').stderr == ''
    done = run(installation, project, 'make', 'test')
    assert done.stderr.endswith('OK\n'), done.stderr
    described = json.loads(read(project, 'build/call_diary.json'))
    assert {route['path'] for route in described['routes']} == {'/call_diaries', '/call_diaries/{call_diary_id:int}'}


def test_one_more_plugin_of_a_new_service(installation, service):
    """As its README says: its source goes beside the first, its name into the manifest."""
    project = os.path.join(documents.folder(), SERVICE)
    shutil.copytree(service, project, ignore=shutil.ignore_patterns('dev'))
    if harness.ROOT:
        subprocess.run(['chown', '-R', f'{harness.NOBODY}:{harness.NOBODY}', project], check=True)
    run(installation, project, 'wazo-suite', 'new-plugin', 'box', '--service', SERVICE, '--services-dir', 'services.d', '--output', 'new')
    shutil.copy(os.path.join(project, 'new/box.c'), os.path.join(project, 'plugins'))
    shutil.rmtree(os.path.join(project, 'new'))
    with open(os.path.join(project, f'services.d/{SERVICE}.yml'), 'a', encoding='utf-8') as file:
        file.write('  - box\n')
    run(installation, project, 'make', 'check')
    done = run(installation, project, 'wazo-suite', 'new-plugin', 'box', '--service', SERVICE, '--services-dir', 'services.d', code=2)
    assert f"{SERVICE} has a plugin 'box' already" in done.stderr


@pytest.mark.skipif(not harness.ROOT, reason='files of several users are made')
def test_its_host_passes_the_check(installation, service, tmp_path, monkeypatch):
    """Installed below the root of a host on which it runs, no row fails, and those decide that decide about wazo-confd."""
    [port] = re.findall(r'^port: (\d+)$', read(service, f'services.d/{SERVICE}.yml'), re.M)
    monkeypatch.setitem(fakehost.UIDS, SERVICE, 994)
    monkeypatch.setitem(fakehost.SERVICES, SERVICE, (SERVICE, 4747, int(port)))
    host = Host(tmp_path, os.path.join(installation.prefix, 'bin/wazo-suite'))
    # Somebody else's, which has the next port there.
    host.remove('/etc/wazo-suite/services.d/acme.yml')
    run(installation, service, 'make', 'install', f'DESTDIR={tmp_path}', user=None, PKG_CONFIG_SYSROOT_DIR='')
    assert [folder for folder, _, files in os.walk(host.path('/usr/lib')) if folder.endswith(f'plugins/{SERVICE}') and f'{PLUGIN}.so' in files]
    host.write('/var/lib/dpkg/status', read(host.path('/var/lib/dpkg/status')) + f'Package: {SERVICE}\nStatus: install ok installed\n\n')
    host.folder(f'/run/{SERVICE}', 0o755, SERVICE)
    host.folder(f'/var/lib/{SERVICE}', 0o750, SERVICE)
    unit = read(host.path(f'/usr/lib/systemd/system/{SERVICE}.service'))
    after = re.search('^After=(.*)$', unit, re.M).group(1)
    host.unit(SERVICE, type='notify', restart='always', pause='10ms', interval='0', burst='5', after=after)
    done = host.check('--json', SERVICE)
    assert done.stderr == ''
    rows = {row['id']: row for row in json.loads(done.stdout)['rows']}
    assert [row for row in rows.values() if row['result'] == 'fail'] == []
    confd = {row['id']: row['result'] for row in json.loads(host.check('--json', 'wazo-confd').stdout)['rows']}
    fewer = {id for id, result in confd.items() if result == 'pass' and rows[id]['result'] != 'pass'}
    assert fewer <= {'M3'}, {id: rows[id] for id in fewer}


@pytest.mark.parametrize('words,message', [
    (['new-service', 'wazo-auth'], "there is a service 'wazo-auth' already"),
    (['new-service', 'Acme'], 'is no name of a service'),
    (['new-service', 'acme', '--plugin', 'a-b'], 'is no name of a plugin'),
    (['new-service', 'acme', '--port', '9497'], 'port 9497 is that of wazo-auth'),
    (['new-service'], 'one name is wanted'),
    (['new-plugin', 'user'], "wazo-confd has a plugin 'user' already"),
    (['new-plugin', 'note', '--service', 'wazo-auth'], 'wazo-auth has no plugins: it is of kind unit'),
    (['new-plugin', 'note', '--service', 'nobody'], "no service is called 'nobody'"),
    (['new-plugin', '../note'], 'is no name of a plugin'),
])
def test_what_is_refused(installation, words, message):
    directory = documents.folder()
    assert message in run(installation, directory, 'wazo-suite', *words, code=2).stderr
    assert os.listdir(directory) == []


def test_what_is_there_stays(installation):
    directory = documents.folder()
    run(installation, directory, 'wazo-suite', 'new-plugin', 'note')
    before = read(directory, 'note/note.c')
    assert 'is there already' in run(installation, directory, 'wazo-suite', 'new-plugin', 'note', code=1).stderr
    assert read(directory, 'note/note.c') == before

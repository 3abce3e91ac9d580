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
def service(installation):
    """A new service, built."""
    directory = documents.folder()
    run(installation, directory, 'wazo-suite', 'new-service', SERVICE, '--plugin', PLUGIN)
    project = os.path.join(directory, SERVICE)
    done = run(installation, project, 'make')
    assert done.stderr == ''
    return project


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as file:
        return file.read()


def test_service(installation, service):
    done = run(installation, service, 'make', 'test')
    assert re.search(r'^Ran 5 tests', done.stderr, re.M) and done.stderr.endswith('OK\n'), done.stderr
    run(installation, service, 'make', 'check')


def test_its_port_is_the_next(service):
    """The highest of those that are documented, and one more."""
    known = [int(port) for port in re.findall(r'^\| (\d+) ', documents.read('docs/ports.md'), re.M) if 9486 <= int(port) <= 9999]
    assert f'\nport: {max(known) + 1}\n' in read(service, f'services.d/{SERVICE}.yml')


def test_nothing_is_left_to_fill_in(service):
    for folder, _, files in os.walk(service):
        for name in files:
            if not name.endswith(('.so', '.json', '.pyc')):
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
    shutil.copytree(service, project)
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
    monkeypatch.setitem(fakehost.UIDS, SERVICE, 992)
    monkeypatch.setitem(fakehost.SERVICES, SERVICE, (SERVICE, 4444, int(port)))
    host = Host(tmp_path, os.path.join(installation.prefix, 'bin/wazo-suite'))
    run(installation, service, 'make', 'install', f'DESTDIR={tmp_path}', user=None, PKG_CONFIG_SYSROOT_DIR='')
    assert [folder for folder, _, files in os.walk(host.path('/usr/lib')) if folder.endswith(f'plugins/{SERVICE}') and f'{PLUGIN}.so' in files]
    host.write('/var/lib/dpkg/status', read(host.path('/var/lib/dpkg/status')) + f'Package: {SERVICE}\nStatus: install ok installed\n\n')
    host.folder(f'/run/{SERVICE}', 0o755, SERVICE)
    host.folder(f'/var/lib/{SERVICE}', 0o750, SERVICE)
    unit = read(host.path(f'/usr/lib/systemd/system/{SERVICE}.service'))
    after = re.search('^After=(.*)$', unit, re.M).group(1)
    host.unit(SERVICE, type='notify', restart='always', pause='10ms', interval='0', burst='5', after=after)
    done = host.check('--json', SERVICE)
    rows = {row['id']: row for row in json.loads(done.stdout)['rows']}
    assert done.stderr == '' and [row for row in rows.values() if row['result'] == 'fail'] == []
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

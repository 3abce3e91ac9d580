# SPDX-License-Identifier: GPL-3.0-or-later
"""A service as wazo-suite new-service writes it, packaged and installed: it runs, and passes the check. The page of the suite's state, as a unit."""
import glob
import json
import os
import platform
import shutil
import subprocess

import pytest

import machine as machines

SERVICE, UNIT, PAGE = 'acme-billing', 'acme-billing.service', 'wazo-suite-page.service'


@pytest.fixture(scope='module')
def package(release, tmp_path_factory):
    """Built on this machine, with what our packages hold and nothing of this repository."""
    if platform.freedesktop_os_release()['VERSION_CODENAME'] != release:
        pytest.skip('built on this machine, it is for this release')
    missing = [program for program in ('gcc', 'make', 'dh', 'pkg-config') if not shutil.which(program)]
    if missing:
        pytest.skip(f'there is no {missing[0]}')
    folder = tmp_path_factory.mktemp('new')
    root = str(folder / 'root')
    for path in machines.get_workshop().packages(release):
        if os.path.basename(path).startswith(('wazo-suite_', 'libwazo-plugin-dev_')):
            subprocess.run(['dpkg-deb', '-x', path, root], check=True)
    [libraries] = glob.glob(f'{root}/usr/lib/*/pkgconfig')
    libraries = os.path.dirname(libraries)
    environment = {**os.environ, 'PATH': f'{root}/usr/sbin:{root}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'CPATH': f'{root}/usr/include',
                   'LIBRARY_PATH': libraries, 'LD_LIBRARY_PATH': libraries, 'PKG_CONFIG_PATH': f'{libraries}/pkgconfig'}
    # It is not installed, and only this of it is run.
    subprocess.run(['sed', '-i', f's|^describe=.*|describe={root}/usr/libexec/wazo-suite/wazo-plugin-describe|', f'{libraries}/pkgconfig/wazo-plugin.pc'], check=True)
    for words, where in (['wazo-suite', 'new-service', SERVICE, '--plugin', 'invoice'], folder), (['dpkg-buildpackage', '-b', '-us', '-uc', '-d'], folder / SERVICE):
        done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    [built] = glob.glob(f'{folder}/{SERVICE}_*.deb')
    return built


@pytest.fixture(scope='module')
def installed(machine, package):
    machine.apt('update')
    machine.apt('install', 'wazo-suite')
    shutil.copy(package, machine.file('/root/new.deb'))
    machine.apt('install', '/root/new.deb')
    machine.wait_ready(unit=UNIT)
    return machine


def check(machine):
    result = machine.run('wazo-suite', 'check', '--json', SERVICE, check=False)
    assert result.stderr == '', result.stderr
    return {row['id']: row for row in json.loads(result.stdout)['rows']}, result.returncode


def test_it_runs_and_passes_the_check(installed):
    installed.sh(f'wazo-suite --service {SERVICE} status --wait 30 --check')
    rows, code = check(installed)
    assert {id: row for id, row in rows.items() if row['result'] not in ('pass', 'not applicable')} == {}
    assert code == 0
    applies = {id for id, row in rows.items() if row['result'] == 'pass'}
    assert applies >= {'1', '2', '3', '3b', '4', '4b', '5', '8', '9', '10', '10b', '12', '17', '18', '19c', 'G4', 'G9', 'M1', 'M2'}


def test_lintian_says_nothing_of_the_package(package):
    if not shutil.which('lintian'):
        pytest.skip('there is no lintian')
    done = subprocess.run(['lintian', '--no-cfg', '--allow-root', package], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, ''), done.stdout + done.stderr


def test_it_comes_back_with_the_host(installed):
    installed.reboot()
    machines.wait_for(lambda: installed.active(UNIT) == 'active', 60)
    assert check(installed)[1] == 0


def test_the_page_is_off_until_it_is_enabled(installed):
    assert installed.active(PAGE) == 'inactive'
    assert installed.run('systemctl', 'is-enabled', PAGE, check=False).stdout.strip() == 'disabled'


def look(machine, *words):
    return json.loads(machine.run('curl', '-sS', '--max-time', '30', *words, 'http://127.0.0.1:9480/suite.json').stdout)


@pytest.fixture
def page(installed):
    installed.sh(f'systemctl start {PAGE}')
    yield installed
    installed.sh(f'systemctl stop {PAGE}')


def test_the_page(page):
    entries = {entry['name']: entry for entry in look(page)['services']}
    assert entries[SERVICE]['state'] == 'ready' and entries[SERVICE]['listeners'] == ['http://127.0.0.1:9504']
    assert {'gateway', 'invoice'} <= {worker['name'] for worker in entries[SERVICE]['workers']}
    assert 'events' in entries[SERVICE] and 'p50_ms' in entries[SERVICE]['requests']
    assert machines.wait_for(lambda: 'per_second' in {e['name']: e for e in look(page)['services']}[SERVICE]['requests'], 20)


def test_its_processes_have_no_right_that_they_do_not_need(page):
    pids = page.sh(f'cat /sys/fs/cgroup/system.slice/{PAGE}/cgroup.procs || cat /sys/fs/cgroup/systemd/system.slice/{PAGE}/cgroup.procs').split()
    main = str(page.main_pid(PAGE))
    assert len(pids) == 2 and main in pids
    for pid in pids:
        status = dict(line.split(':', 1) for line in page.read_proc(pid, 'status').splitlines() if ':' in line)
        assert int(status['Uid'].split()[0]) != 0 and int(status['CapEff'], 16) == 0
        # The one that speaks with browsers has left the group whose members may command.
        assert (status['Groups'].strip() == '') == (pid == main)


def test_the_page_with_a_token(installed):
    """As docs/suite.md says."""
    token = 'a-token-of-the-tests'
    installed.sh(f'printf {token} >/etc/wazo-suite/page.token; chown root:wazo-suite /etc/wazo-suite/page.token; chmod 640 /etc/wazo-suite/page.token;'
                 f'echo OPTIONS=--token-file /etc/wazo-suite/page.token >/etc/default/wazo-suite-page; systemctl start {PAGE}')
    try:
        assert 'must hold the page' in installed.sh('curl -sS --max-time 30 http://127.0.0.1:9480/suite.json')
        assert look(installed, '-H', f'X-Auth-Token: {token}')['version'] == 1
    finally:
        installed.sh(f'systemctl stop {PAGE}; rm /etc/default/wazo-suite-page /etc/wazo-suite/page.token')


def test_top_shows_the_host(installed):
    out = installed.run('wazo-suite', 'top').stdout
    assert f'\n{SERVICE}  ready' in out and ' invoice ' in out


def test_its_removal_leaves_nothing_of_its_units(installed):
    installed.apt('purge', SERVICE)
    assert installed.active(UNIT) in ('inactive', 'unknown')
    assert installed.sh(f'find /etc /usr/lib/systemd /run/systemd -name "*{SERVICE}*"', check=False).strip() == ''

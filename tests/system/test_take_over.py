# SPDX-License-Identifier: GPL-3.0-or-later
"""On a host of the Python suite: our service takes its daemon's place, and gives it back."""
import os

import pytest

from machine import Machine, get_workshop, wait_for
from test_packages import stand_in

SERVICE, SOCKET, THEIRS = 'wazo-suite-confd.service', 'wazo-suite-confd.socket', 'wazo-confd.service'
OURS = '/etc/wazo-confd/conf.d/00-wazo-suite.yml'
TAKE, GIVE = 'wazo-suite take-over confd', 'wazo-suite give-back confd'
KEY, LOG, CRON = '/var/lib/wazo-auth-keys/wazo-confd-key.yml', '/var/log/wazo-confd.log', '/etc/cron.d/wazo-confd'
ENABLED = '/etc/nginx/locations/https-enabled'

# What the real one has, in its places; postinst and the others do what debhelper's do.
FILES = {
    '/etc/wazo-confd/config.yml': ('# its own\nuser: www-data\n', 0o644),
    CRON: ('24 3 * * * root /usr/bin/wazo-confd-purge-meetings\n42 3 * * * root /usr/bin/wazo-confd-sync-db --quiet\n', 0o644),
    '/etc/logrotate.d/wazo-confd': (LOG + ' {\n daily\n rotate 15\n compress\n copytruncate\n missingok\n}\n', 0o644),
    '/etc/rsyslog.d/99-wazo-confd.conf': (':programname, isequal, "wazo-confd" stop\n', 0o644),
    '/etc/nginx/locations/https-available/wazo-confd': ('location ^~ /api/confd/ { proxy_pass http://127.0.0.1:9486/; }\n', 0o644),
    '/usr/bin/wazo-confd': ('#!/bin/sh\nexec systemd-socket-activate -l 127.0.0.1:9486 --accept --inetd /bin/echo python\n', 0o755),
    '/usr/bin/wazo-confd-sync-db': ('#!/bin/sh\ntouch /var/tmp/python-was-here\n', 0o755),
    '/usr/bin/wazo-confd-purge-meetings': ('#!/bin/sh\ntouch /var/tmp/python-was-here\n', 0o755),
    '/usr/lib/python3/dist-packages/wazo_confd-26.1.egg-info/entry_points.txt': (
        '[console_scripts]\nwazo-confd = wazo_confd.main:main\n[wazo_confd.plugins]\nuser = a:Plugin\nline = b:Plugin\nqueue = c:Plugin\n', 0o644),
    '/lib/systemd/system/wazo-confd.service': (
        '[Unit]\nAfter=network.target\n[Service]\nExecStart=/usr/bin/wazo-confd\n[Install]\nWantedBy=multi-user.target\n', 0o644),
}
SCRIPTS = [
    ('postinst', f'''touch {LOG}; chown www-data: {LOG}
if [ -z "$2" ]; then ln -sf /etc/nginx/locations/https-available/wazo-confd {ENABLED}/wazo-confd; fi
deb-systemd-helper unmask wazo-confd.service >/dev/null
if deb-systemd-helper --quiet was-enabled wazo-confd.service; then deb-systemd-helper enable wazo-confd.service >/dev/null
else deb-systemd-helper update-state wazo-confd.service >/dev/null; fi
systemctl --system daemon-reload; deb-systemd-invoke restart wazo-confd.service >/dev/null\n'''),
    ('prerm', 'if [ "$1" = remove ]; then deb-systemd-invoke stop wazo-confd.service >/dev/null; fi\n'),
    ('postrm', f'''if [ "$1" = remove ]; then systemctl --system daemon-reload; deb-systemd-helper mask wazo-confd.service >/dev/null; fi
if [ "$1" = purge ]; then
        rm -f {LOG}* {ENABLED}/wazo-confd
        deb-systemd-helper purge wazo-confd.service >/dev/null; deb-systemd-helper unmask wazo-confd.service >/dev/null
fi\n'''),
]
# It refuses a link to nowhere, as the real one does.
NGINX = f'''#!/bin/sh
echo "$*" >>/var/log/nginx-calls
for link in {ENABLED}/*; do [ ! -L "$link" ] || [ -e "$link" ] || exit 1; done
'''


def make_host(machine):
    folder = os.path.join(machine.path, 'python')
    packages = [stand_in(folder, 'wazo-confd', FILES, SCRIPTS), stand_in(folder, 'wazo-platform', {}, depends='Depends: wazo-confd\n')]
    get_workshop().repository(machine.root, packages)
    machine.sh(f'groupadd --system asterisk; mkdir -p /etc/wazo-confd/conf.d /etc/wazo-auth-keys/conf.d /var/lib/wazo-auth-keys {ENABLED}')
    machine.write('/usr/sbin/nginx', NGINX, 0o755)
    machine.write('/etc/systemd/system/nginx.service',
                  '[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/sh -c "echo reload >>/var/log/nginx-calls"\n')
    machine.sh('systemctl daemon-reload; systemctl start nginx')
    machine.write(KEY, 'service_id: wazo-confd\n', 0o600)
    machine.sh(f'chown www-data {KEY}')
    machine.apt('update')
    machine.apt('install', 'wazo-platform')


@pytest.fixture(scope='module')
def host(release):
    """The Python daemon serves; ours is installed beside it."""
    with Machine(release) as m:
        make_host(m)
        m.apt('install', 'wazo-suite-confd')
        yield m


def answer(machine):
    return machine.sh('curl -s --http0.9 --max-time 5 http://127.0.0.1:9486/1.1/infos', check=False)


def is_python(machine):
    return wait_for(lambda: answer(machine) == 'python\n', 20, 'Python does not answer')


def is_ours(machine):
    assert machine.show('wazo-confd.service', 'Id')['Id'] == SERVICE
    return serves(machine)


def serves(machine):
    machine.wait_ready()
    return machine.sh('curl -s -o /dev/null -w "%{http_code}" --max-time 5 http://127.0.0.1:9486/1.1/users', check=False) == '401'


def picture(machine):
    """All that a take-over may touch."""
    return machine.sh(f'find /etc /usr/local /var/lib/wazo-auth-keys {LOG} ! -name "*.pyc" ! -path "/etc/wazo-confd/conf.d/*" '
                      f'-printf "%p %u:%g %m %l\\n" | sort; cat {CRON}; '
                      f'for u in {SERVICE} {SOCKET} {THEIRS}; do systemctl is-enabled $u; systemctl is-active $u; done', check=False)


def say(machine, *lines):
    machine.write(OURS, '\n'.join(lines) + '\n')


def accept(machine):
    """What the remedies of the refusals say."""
    say(machine, 'db_uri: sqlite:///var/lib/wazo-confd/db/confd.sqlite', 'enabled_plugins:', '  queue: false')


def nothing_fails(machine):
    assert machine.sh('systemctl --failed --no-legend') == ''
    rotated = machine.run('logrotate', '-d', '/etc/logrotate.conf')
    assert 'error' not in rotated.stdout + rotated.stderr
    machine.run('nginx', '-t')


# ---- refusals ----


def refused(machine, command=TAKE):
    result = machine.run('sh', '-c', command, check=False)
    assert result.returncode == 3, result
    return result.stderr


def test_refusals_and_their_remedies(host):
    before = picture(host)
    words = refused(host)
    assert 'PostgreSQL' in words and 'db_uri: sqlite:///var/lib/wazo-confd/db/confd.sqlite' in words and '        queue: false\n' in words
    assert 'user: false' not in words and 'line: false' not in words
    assert refused(host, TAKE + ' --dry-run') == words
    # Said outright, they are refused as well.
    say(host, 'db_uri: postgresql://asterisk@localhost/asterisk', 'enabled_plugins: {queue: false, agent: true}')
    words = refused(host)
    assert 'PostgreSQL' in words and 'agent: false' in words and 'queue: false' not in words
    say(host, 'db_uri: sqlite:///x', 'rest_api: {port: none}', 'enabled_plugins: {queue: false}')
    assert '00-wazo-suite.yml:2' in refused(host)
    host.write(f'{ENABLED}/broken', '')
    accept(host)
    host.sh(f'ln -sf /nowhere {ENABLED}/broken')
    assert 'nginx' in refused(host)
    host.sh(f'rm {ENABLED}/broken')
    assert picture(host) == before and is_python(host)
    assert not os.path.exists(host.file('/var/lib/wazo-suite/take-over'))
    assert host.run('wazo-suite', 'take-over', 'calld', check=False).returncode == 2
    assert host.run('wazo-suite', 'give-back', 'confd').stdout == 'wazo-confd was not taken over.\n'


def test_a_dry_run_changes_nothing(host):
    before = picture(host)
    plan = host.sh(TAKE + ' --dry-run')
    assert f'would put {CRON} aside\n' in plan and f'would stop {THEIRS}\n' in plan and f'would enable and start {SERVICE}\n' in plan
    assert picture(host) == before and is_python(host)


# ---- there and back ----


def taken(machine):
    assert is_ours(machine)
    assert machine.sh(f'stat -c "%U %a" {KEY}') == 'wazo-confd 600\n'
    assert machine.sh(f'stat -c %U {LOG}') == 'wazo-confd\n'
    assert machine.sh('cat /etc/wazo-auth-keys/conf.d/*').count('system_user: wazo-confd\n') == 1
    assert not os.path.exists(machine.file(CRON)) and not os.path.exists(machine.file('/etc/logrotate.d/wazo-confd'))
    machine.sh('rm -f /var/tmp/python-was-here; wazo-confd-sync-db --quiet; test ! -e /var/tmp/python-was-here')
    nothing_fails(machine)


def test_taken_over_and_given_back(host):
    before = picture(host)
    host.sh('rm -f /var/log/nginx-calls')
    assert "wazo-confd is wazo-suite's now" in host.sh(TAKE)
    taken(host)
    assert host.sh(f'ls {ENABLED}') == 'wazo-suite-confd\n'
    assert host.read('/var/log/nginx-calls').split('\n')[-2] == '-t' and 'reload\n' in host.read('/var/log/nginx-calls')
    assert host.sh(TAKE) == 'wazo-confd is taken over already.\n'
    host.reboot()
    host.sh('systemctl start nginx')
    taken(host)
    host.sh(GIVE)
    assert is_python(host) and picture(host) == before
    assert not os.path.exists(host.file('/var/lib/wazo-suite'))
    host.reboot()
    host.sh('systemctl start nginx')
    assert is_python(host) and host.active(SERVICE) == host.active(SOCKET) == 'inactive'


def test_as_the_administrator_left_it(host):
    """No locations, an own unit file and drop-in, a job taken out."""
    host.sh(f'rm {ENABLED}/wazo-confd {CRON}')
    host.write('/etc/systemd/system/wazo-confd.service',
               '[Service]\nExecStart=/usr/bin/wazo-confd\nSyslogIdentifier=mine\n[Install]\nWantedBy=multi-user.target\n')
    host.write('/etc/systemd/system/wazo-confd.service.d/mine.conf', '[Service]\nEnvironment=MINE=1\n')
    host.sh('systemctl daemon-reload; systemctl restart wazo-confd')
    before = picture(host)
    host.sh(TAKE)
    taken(host)
    assert host.sh(f'ls {ENABLED}') == '' and 'MINE' not in host.show(SERVICE, 'Environment')['Environment']
    host.sh(GIVE)
    assert is_python(host) and picture(host) == before
    assert host.show(THEIRS, 'SyslogIdentifier') == {'SyslogIdentifier': 'mine'}
    host.sh(f'rm -r /etc/systemd/system/wazo-confd.service*; ln -s ../https-available/wazo-confd {ENABLED}/wazo-confd; '
            'systemctl daemon-reload; systemctl restart wazo-confd')
    host.write(CRON, FILES[CRON][0])


# ---- what goes wrong ----


def test_ours_does_not_start(host):
    before = picture(host)
    host.write(f'/etc/systemd/system/{SERVICE}.d/fails.conf', '[Service]\nExecStartPre=/bin/false\nRestart=no\n')
    host.sh('systemctl daemon-reload')
    result = host.run('sh', '-c', TAKE, check=False)
    assert result.returncode == 1 and 'Everything is as it was' in result.stderr
    host.sh(f'rm -r /etc/systemd/system/{SERVICE}.d; systemctl daemon-reload; systemctl reset-failed')
    assert is_python(host) and picture(host) == before


CUT = '#!/bin/sh\n[ "$1" != {verb} ] || [ "$2" != {unit} ] || {{ rm -f /usr/local/sbin/systemctl; {then} kill -9 $PPID; exit 1; }}\nexec /usr/bin/systemctl "$@"\n'


@pytest.mark.parametrize('verb, unit, then', [
    ('stop', THEIRS, ''), ('enable', SERVICE, '/usr/bin/systemctl "$@";'), ('start', SERVICE, '')])
def test_cut_off(host, verb, unit, then):
    """By the death of the program in the middle: when nobody serves, when both names are half there."""
    before = picture(host)
    for end in (GIVE, TAKE):
        host.write('/usr/local/sbin/systemctl', CUT.format(verb=verb, unit=unit, then=then), 0o755)
        assert host.run('sh', '-c', TAKE, check=False).returncode != 0
        assert not os.path.exists(host.file('/usr/local/sbin/systemctl'))
        host.sh(end)
        if end == TAKE:
            taken(host)
            host.sh(GIVE)
        assert is_python(host) and picture(host) == before


# ---- packages that come and go ----


def test_packages_are_upgraded(host):
    host.sh(TAKE)
    host.apt('install', '--reinstall', 'wazo-confd')
    taken(host)
    host.apt('install', '--reinstall', 'wazo-suite-confd', 'wazo-suite')
    taken(host)
    host.reboot()
    host.sh('systemctl start nginx')
    taken(host)


def test_ours_is_removed(host):
    """The other is back before ours has gone."""
    host.apt('remove', 'wazo-suite-confd')
    assert is_python(host) and os.path.exists(host.file(CRON))
    assert host.sh(f'ls {ENABLED}') == 'wazo-confd\n' and host.sh(f'stat -c %U {KEY}') == 'www-data\n'
    host.apt('install', 'wazo-suite-confd')
    assert is_python(host)


def test_the_other_package_goes(host):
    """Removed, then purged: whatever its scripts do, ours serves."""
    host.sh(TAKE)
    host.apt('remove', 'wazo-platform', 'wazo-confd')
    taken(host)
    assert refused(host, GIVE).count('apt-get install wazo-confd') == 1
    host.apt('purge', 'wazo-confd')
    purged(host)
    host.reboot()
    host.sh('systemctl start nginx')
    purged(host)


def purged(machine):
    taken(machine)
    # It was the other package's file, and the administrator's words.
    assert machine.read('/etc/wazo-confd/config.yml') == FILES['/etc/wazo-confd/config.yml'][0]
    assert machine.sh('find /etc -name "*.wazo-suite.disabled"') == ''
    assert machine.sh(f'ls {ENABLED}') == 'wazo-suite-confd\n'
    lines = len(machine.read(LOG).splitlines())
    answer(machine)
    wait_for(lambda: len(machine.read(LOG).splitlines()) > lines, 10, 'nothing is logged')


def test_removed_and_not_purged(release):
    """Ours comes to a host where the other's jobs were left behind, and fail."""
    with Machine(release) as m:
        make_host(m)
        m.apt('remove', 'wazo-platform', 'wazo-confd')
        assert os.path.exists(m.file(CRON)) and not os.path.exists(m.file('/usr/bin/wazo-confd-sync-db'))
        m.apt('install', 'wazo-suite-confd')
        accept(m)
        assert serves(m)
        m.sh(TAKE)
        taken(m)
        m.apt('purge', 'wazo-confd')
        purged(m)
        # With everything of both gone, nothing of either is in the way.
        m.apt('purge', 'wazo-suite-confd', 'wazo-suite')
        assert m.sh('find /etc /usr/local /var/lib/wazo-suite -name "*wazo-confd*" ! -path "/etc/wazo-confd*" ! -path "/etc/*shadow*"', check=False) == ''
        m.run('nginx', '-t')

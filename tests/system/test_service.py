# SPDX-License-Identifier: GPL-3.0-or-later
"""The service under systemd: its socket, its failures, its watchdog, its words."""
import re
import statistics
import subprocess
import time

import pytest

from machine import wait_for

SERVICE, SOCKET = 'wazo-suite-confd.service', 'wazo-suite-confd.socket'
CONFIG = '/etc/wazo-confd/conf.d/50-test.yml'


@pytest.fixture(autouse=True)
def started(confd):
    """Each test finds it running, as shipped, and leaves it to the next whatever it did."""
    yield
    confd.sh(f'rm -rf /etc/wazo-confd /etc/systemd/system/wazo-suite-confd.*.d; systemctl daemon-reload; '
             f'systemctl stop {SERVICE}; systemctl reset-failed; systemctl start {SOCKET} {SERVICE}')
    confd.wait_ready()


def states(machine):
    return machine.active(SERVICE), machine.active(SOCKET)


# ---- the socket ----


def test_a_stop_closes_the_socket(confd):
    confd.sh(f'systemctl stop {SERVICE}')
    assert states(confd) == ('inactive', 'inactive')
    refused = confd.sh('i=0; while [ $i -lt 100 ]; do curl -s http://127.0.0.1:9486/; echo $?; i=$((i + 1)); done')
    assert refused.split() == ['7'] * 100
    assert states(confd) == ('inactive', 'inactive')
    # It comes back with the service, because it is enabled; and as often as one likes.
    for _ in range(8):
        confd.sh(f'systemctl start {SERVICE}')
        assert states(confd) == ('active', 'active')
        confd.sh(f'systemctl stop {SERVICE}')
        assert states(confd) == ('inactive', 'inactive')


def test_a_stop_by_the_other_name_or_the_target_closes_it_too(confd):
    for unit in ('wazo-confd.service', 'wazo-suite.target'):
        confd.sh(f'systemctl start wazo-suite.target {SERVICE}; systemctl stop {unit}')
        assert states(confd) == ('inactive', 'inactive'), unit


def opened(machine):
    return machine.show(SOCKET, 'ActiveEnterTimestampMonotonic')


def test_a_restart_leaves_it_open(confd):
    before, pid = opened(confd), confd.main_pid()
    confd.sh(f'systemctl restart {SERVICE}')
    assert confd.main_pid() != pid and opened(confd) == before and states(confd) == ('active', 'active')


def test_a_death_leaves_it_open_and_refuses_nobody(confd):
    before, pid = opened(confd), confd.main_pid()
    with confd.load() as load:
        confd.sh(f'kill -9 {pid}')
        time.sleep(2)
    # What was in the dead gateway's hands is lost; nobody was turned away.
    assert not [what for what in load['failed'] if 'connect' in what], load
    assert load['answered']['new connection'] > 50
    assert confd.main_pid() != pid and opened(confd) == before


def test_ready_again_after_a_kill(confd):
    times = []
    with confd.going_first():
        for _ in range(15):
            pid = confd.main_pid()
            confd.sh(f'kill -9 {pid}')
            wait_for(lambda: confd.main_pid() not in (0, pid) and confd.active(SERVICE) == 'active')
            stamps = confd.show(SERVICE, 'ActiveExitTimestampMonotonic', 'ActiveEnterTimestampMonotonic')
            times.append((int(stamps['ActiveEnterTimestampMonotonic']) - int(stamps['ActiveExitTimestampMonotonic'])) / 1000)
    print(f'ready again after {statistics.median(times):.0f} ms, the median of {sorted(times)}')
    assert statistics.median(times) < 250, times


def test_without_the_socket(confd):
    confd.sh(f'systemctl disable -q {SOCKET}; systemctl stop {SERVICE}; systemctl start {SERVICE}')
    try:
        assert states(confd) == ('active', 'inactive')
        assert confd.curl('GET', '/infos')[0] == 200
        # systemd keeps what we opened: who connects meanwhile waits.
        assert confd.show(SERVICE, 'NFileDescriptorStore') == {'NFileDescriptorStore': '1'}
        with confd.load() as load:
            confd.sh(f'kill -9 {confd.main_pid()}')
            time.sleep(2)
        assert not [what for what in load['failed'] if 'connect' in what], load
        confd.sh(f'systemctl stop {SERVICE}')
        assert confd.curl('GET', '/infos', check=False)[0] == 0
    finally:
        confd.sh(f'systemctl enable -q {SOCKET}')


def test_the_configuration_wins(confd):
    confd.write(CONFIG, 'rest_api: {port: 9487}\n')
    confd.sh(f'systemctl restart {SERVICE}')
    assert confd.curl('GET', '/infos', port=9487)[0] == 200
    text = confd.show(SERVICE, 'StatusText')['StatusText']
    assert "systemd's socket at 127.0.0.1 port 9486 is not used" in text
    # In its very way: the same port, every address.
    confd.write(CONFIG, 'rest_api: {listen: 0.0.0.0}\n')
    confd.sh(f'systemctl restart {SERVICE}')
    assert confd.sh('ss -ltnH sport = :9486').split()[3] == '0.0.0.0:9486'
    assert confd.curl('GET', '/infos')[0] == 200


# ---- what goes wrong ----


def test_a_bad_configuration_at_a_reload(confd):
    pid = confd.main_pid()
    confd.write(CONFIG, 'log_level: loud\n')
    assert confd.run('systemctl', 'reload', SERVICE, check=False).returncode == 1
    status = confd.run('systemctl', 'status', SERVICE, check=False).stdout
    assert f'{CONFIG}:1:12' in status and 'reload refused' in status
    assert confd.main_pid() == pid and confd.active(SERVICE) == 'active'
    assert confd.curl('GET', '/infos')[0] == 200


def test_a_bad_configuration_at_the_start(confd):
    confd.write(CONFIG, 'log_level: loud\n')
    confd.sh(f'systemctl stop {SERVICE}')
    began = time.monotonic()
    assert confd.run('systemctl', 'start', SERVICE, check=False).returncode == 1
    assert time.monotonic() - began < 5
    assert confd.show(SERVICE, 'ActiveState', 'ExecMainStatus', 'NRestarts') == {
        'ActiveState': 'failed', 'ExecMainStatus': '78', 'NRestarts': '0'}
    status = confd.run('systemctl', 'status', SERVICE, check=False).stdout
    assert f'{CONFIG}:1:12' in status.split('Status:')[1].splitlines()[0]
    # Nobody waits in a socket for what will not come, and none of them starts it again and again.
    wait_for(lambda: confd.active(SOCKET) == 'inactive')
    confd.sh(f'rm {CONFIG}; systemctl start {SERVICE}')
    assert states(confd) == ('active', 'active')


def test_a_port_in_use(confd):
    confd.sh(f'systemctl stop {SERVICE}; systemctl disable -q {SOCKET}')
    confd.sh('systemd-run -q --unit=other --property=Type=exec systemd-socket-activate -l 127.0.0.1:9486 /bin/true')
    try:
        wait_for(lambda: '9486' in confd.sh('ss -ltnH sport = :9486'))
        # Who starts it hears of it, and does not wait for a better time; the service itself does.
        assert confd.run('timeout', '60', 'systemctl', 'start', SERVICE, check=False).returncode == 1
        wait_for(lambda: 'in use' in confd.show(SERVICE, 'StatusText')['StatusText'])
        confd.sh('systemctl stop other')
        confd.wait_ready()
    finally:
        confd.sh(f'systemctl stop other; systemctl enable -q {SOCKET}', check=False)


def test_what_was_deleted_is_there_again(confd):
    """What only the package has made so far, and the unit itself may not."""
    confd.sh(f'systemctl stop {SERVICE}; mv /var/lib/wazo-confd /var/lib/aside; rm -r /run/wazo-confd /var/log/wazo-confd.log')
    try:
        confd.sh(f'systemctl start {SERVICE}')
        assert confd.curl('GET', '/infos')[0] == 401
        assert confd.sh('stat -c "%U %G %a" /run/wazo-confd /var/lib/wazo-confd /var/log/wazo-confd.log').splitlines() == [
            'wazo-confd wazo-confd 755', 'wazo-confd wazo-confd 750', 'wazo-confd adm 640']
        wait_for(lambda: '/infos' in confd.read('/var/log/wazo-confd.log'))
    finally:
        confd.sh(f'systemctl stop {SERVICE}; rm -rf /var/lib/wazo-confd; mv /var/lib/aside /var/lib/wazo-confd')


def test_a_stopped_supervisor_is_found(confd):
    """By the watchdog, whose time is made short here."""
    confd.write('/etc/systemd/system/wazo-suite-confd.service.d/watchdog.conf', '[Service]\nWatchdogSec=2\n')
    confd.sh(f'systemctl daemon-reload; systemctl restart {SERVICE}')
    pid = confd.main_pid()
    confd.sh(f'kill -STOP {pid}')
    wait_for(lambda: confd.main_pid() not in (0, pid) and confd.active(SERVICE) == 'active', 30)
    assert any('watchdog' in entry['MESSAGE'].lower() for entry in confd.journal('-u', SERVICE, '-n', '200', '_PID=1') if
               isinstance(entry['MESSAGE'], str))
    assert confd.curl('GET', '/infos')[0] == 200


def test_a_dead_worker_is_nobody_elses_business(confd):
    with confd.load() as load:
        for name in ('user', 'context', 'info'):
            # A write that was in its hands is answered 503 and may be sent again; "user" is written to, so only others die here.
            if name != 'user':
                confd.sh(f'pkill -9 -f "^wazo-confd: {name}$"')
            time.sleep(0.5)
    assert load['failed'] == []


def test_the_journal_has_fields(confd):
    pid = confd.sh('pgrep -f "^wazo-confd: user$"').strip()
    confd.sh(f'kill -STOP {pid}')
    request = subprocess.Popen(confd.command('curl', '-s', '-o', '/dev/null', '-H', f'X-Auth-Token: {confd.TOKEN}',
                                             'http://127.0.0.1:9486/1.1/users'))
    # It is in its hands, who has not been given up yet: attempt is 10 s.
    time.sleep(2)
    confd.sh(f'kill -SEGV {pid}; kill -CONT {pid}')
    assert request.wait(60) == 0
    wait_for(lambda: confd.journal('-u', SERVICE, 'PLUGIN=user'), 20)
    entries = [e for e in confd.journal('-u', SERVICE, 'PLUGIN=user') if e.get('REQUEST_ID')]
    assert re.fullmatch('[0-9a-f]{32}', entries[0]['REQUEST_ID'])


# ---- without one failed request ----


def test_reload_under_load(confd):
    with confd.load() as load:
        for limit in (200, 201, 202):
            # Of the gateway, and of every plugin.
            confd.write(CONFIG, f'limits: {{queue: {limit}}}\nworkers: {{plugins: {{files: {limit}}}}}\n')
            confd.sh(f'systemctl reload {SERVICE}')
            time.sleep(1)
    assert load['failed'] == [] and load['answered']['slow upload'] >= 4, load
    assert confd.curl('GET', '/users?limit=1')[1]['total'] >= load['created']


def test_roll_under_load(confd):
    # Without the spare, who becomes one of the new.
    pids = set(confd.sh('pgrep -u wazo-confd').split()) - set(confd.sh('pgrep -f "^wazo-confd: spare$"', check=False).split())
    with confd.load() as load:
        confd.sh('wazo-suite roll')
        time.sleep(3)
    assert load['failed'] == [], load
    # All but the supervisor, and control, which carries the command out.
    wait_for(lambda: len(pids & set(confd.sh('pgrep -u wazo-confd').split())) <= 2, 90, 'old workers are still there')


def test_restart_under_load(confd):
    with confd.load() as load:
        confd.sh(f'systemctl restart {SERVICE}')
        time.sleep(1)
    assert load['failed'] == [], load


# ---- with less yet ----

HARDENED = '''[Service]
User=wazo-confd
CapabilityBoundingSet=
SystemCallFilter=
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
SystemCallFilter=~@resources @privileged
SystemCallFilter=prlimit64
'''


def test_started_as_its_user(confd):
    confd.write('/etc/systemd/system/wazo-suite-confd.service.d/user.conf', HARDENED)
    confd.sh(f'systemctl daemon-reload; systemctl restart {SERVICE}')
    assert confd.curl('GET', '/infos')[0] == 200
    assert 'running' in confd.sh('wazo-suite status')
    confd.sh(f'systemctl reload {SERVICE}')
    output = confd.sh(f'systemd-analyze security --no-pager {SERVICE}')
    assert float(output.splitlines()[-1].split()[-3]) <= 1.4, output

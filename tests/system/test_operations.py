# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/operations.md, followed literally: its sh blocks, one after the other, in one shell of a booted machine."""
import os
import re

from machine import TOP

# Its commands are for a Wazo host: test_take_over.py.
ELSEWHERE = 'Take over and give back'


def blocks():
    """(section, text) of each block for sh."""
    with open(os.path.join(TOP, 'docs/operations.md'), encoding='utf-8') as file:
        sections = re.split(r'^## (.*)$', file.read(), flags=re.M)[1:]
    for section, text in zip(sections[::2], sections[1::2]):
        if section != ELSEWHERE:
            for block in re.findall(r'^```sh\n(.*?)^```$', text, flags=re.M | re.S):
                yield section, block


def test_literally(machine):
    machine.apt('update')
    machine.sh('mkdir /srv/packages; cp /repo/wazo-suite*.deb /srv/packages')
    script = 'cd /srv/packages; set -eu\n' + ''.join(f'echo "== {section}"\n{block}' for section, block in blocks())
    machine.write('/root/operations.sh', script)
    result = machine.run('sh', '/root/operations.sh', check=False, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    for section in ('Install', 'Configure', 'Run', 'Watch', 'Upgrade', 'Harden', 'Remove'):
        assert f'== {section}\n' in result.stdout, section
    # Some of what it promises.
    for words in ('active\nactive\n', '"uuid"', 'SEGV', 'CapBnd:\t0000000000000000'):
        assert words in result.stdout, words
    # Nothing of ours is left.
    left = machine.sh('find /etc /usr /var -xdev -iname "*wazo*" ! -path "/var/cache/*" ! -path "/var/lib/apt/*" ! -path "/var/log/journal/*"')
    assert left == ''
    assert machine.run('getent', 'passwd', 'wazo-confd', check=False).stdout == ''
    assert machine.run('getent', 'group', 'wazo-suite', check=False).stdout == ''

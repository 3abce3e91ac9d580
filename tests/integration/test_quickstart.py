# SPDX-License-Identifier: GPL-3.0-or-later
"""README: its shell blocks, run to the letter, and the links of all documents. On fresh machines: tests/run quickstart."""
import glob
import os
import re

import documents
import harness


def test_readme(make_service):
    service = make_service()
    # What packaging/quickstart leaves: the service's folder, and the programs.
    directory = documents.folder()
    os.symlink(service.dir, os.path.join(directory, 'confd'))
    os.makedirs(os.path.join(directory, 'usr/bin'))
    os.symlink(harness.wazo_suite(), os.path.join(directory, 'usr/bin/wazo-suite'))
    output = documents.run_blocks(documents.blocks('README.md', 'sh'), directory, harness.NOBODY, DIR=directory, PORT=str(service.port))
    assert '"caller_id": "\\"Ada Byron\\""' in output
    assert '"caller_id_num": "1000"' in output
    assert 'wazo-confd 26.08: ready' in output
    assert re.search(r'^"Ada"$', output, re.M)
    assert 'killed by SIGSEGV' in output
    assert 's3cret' not in service.log()


def test_programs():
    text = documents.read('README.md')
    for program in ('packaging/quickstart', 'tests/run'):
        assert f'# {program}\n' in text
        assert os.access(os.path.join(harness.TOP, program), os.X_OK)


def test_links():
    names = ['README.md'] + [os.path.relpath(path, harness.TOP) for path in glob.glob(os.path.join(harness.TOP, 'docs/*.md'))]
    missing = [(name, link) for name in names for link in documents.links(name)
               if not os.path.exists(os.path.join(harness.TOP, os.path.dirname(name), link))]
    assert not missing

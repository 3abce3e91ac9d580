#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns templates into a C source with one string each: embed.py OUTPUT FILE..."""

import pathlib
import sys

with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write('#include "config/generate/generate.h"\n')
    for path in map(pathlib.Path, sys.argv[2:]):
        out.write(f"\nconst char generate_template_{path.stem}[] =\n")
        for line in path.read_text(encoding="utf-8").splitlines():
            escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
            out.write(f'        "{escaped}\\n"\n')
        out.write("        ;\n")

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the page into a C source, with the policy that lets a browser run its script and its style, and nothing else: embed.py OUTPUT PAGE"""
import base64
import hashlib
import re
import sys

with open(sys.argv[2], encoding="utf-8") as source:
    page = source.read()


def digest(tag):
    [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


policy = (f"default-src 'none'; script-src {digest('script')}; style-src {digest('style')}; connect-src 'self'; img-src data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")

with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write('#include "workers/control/survey/page.h"\n\n')
    out.write("const char page_policy[] =\n        " + '"' + policy + '";\n')
    out.write("\nconst char page_text[] =\n")
    for line in page.splitlines():
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
        out.write(f'        "{escaped}\\n"\n')
    out.write("        ;\nconst size_t page_size = sizeof(page_text) - 1;\n")

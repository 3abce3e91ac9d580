/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/child.h"
#include "config/manifest.h"
#include "config/settings.h"

static const char introduction[] =
        "# Configuration\n"
        "\n"
        "This page is made from the tables that the configuration is read by (`wazo-settings-doc > docs/configuration.md`); a test\n"
        "compares them.\n"
        "\n"
        "## The files of a service\n"
        "\n"
        "`/etc/<service>/config.yml` (another one by `-c`), and the `*.yml` files of `/etc/<service>/conf.d` whose names do not begin with a\n"
        "dot. A value is taken from the first that has it: the command line, the extra files in alphabetical order (`010-x.yml` before\n"
        "`050-y.yml`), the main file, the defaults below. Maps are merged, at any depth; lists and single values are replaced whole. A key\n"
        "without a value (`log_file:`) has its default. With `--dev DIR`, the files are `DIR/etc/config.yml` and `DIR/etc/conf.d`, and log,\n"
        "state and control socket are below DIR whatever they say.\n"
        "\n"
        "`wazo-supervisord --check-config <service>` reports all that is wrong, each with file, line and column, and exits with 1. An unknown\n"
        "key, a plugin that is not here, and an extra file that is not understood are warnings, because the files of a host carry keys of other\n"
        "parts; a bad value of a key in these tables, a bad main file and a bad manifest are errors. `--strict` makes all of them errors.\n"
        "\n"
        "Booleans are those of YAML 1.1 (`true`, `yes`, `on`, `false`, `no`, `off`). Numbers are decimal. Durations are `500ms`, `10s`, `5m`, `2h`, `1d`; a\n"
        "bare number is seconds. Sizes are bytes, or `64K`, `64M`, `2G`. Anchors, aliases, merge keys (`<<`) and duplicate keys are refused. `!exec`\n"
        "is not run: a warning, and the key is as if it were absent.\n"
        "\n"
        "The environment variable XIVO_UUID gives the server's UUID.\n"
        "\n"
        "## Keys\n"
        "\n";

static const char manifests[] =
        "\n"
        "## Manifests\n"
        "\n"
        "The facts of a service, `services.d/<service>.yml`: looked for in `DIR/etc/services.d` (with `--dev DIR`), `/etc/wazo-suite/services.d`, and\n"
        "among the shipped ones; the first is taken whole. Anything wrong in one is an error. `limits` and `timing` of a worker go before those\n"
        "of the service; instances and limits that the service's configuration gives (`workers.NAME`) go before both.\n"
        "\n";

void config_document(FILE *to) {
        (void) fputs(introduction, to);
        settings_document(to);
        (void) fputs(manifests, to);
        manifest_document(to);
}

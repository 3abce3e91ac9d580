/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/sandbox.h"

#include <link.h>
#include <stdio.h>

#include "config/filter.h"
#include "config/text.h"

#define DNS_PORT 53
#define NEED_PATH_MAX 512
#define NEEDS_MAX 32

/* What each program of ours opens, whatever it is: libraries that are loaded late, time zones, random numbers. */
static const struct sandbox_path everybodys[] = {
        {"/usr/lib", LANDLOCK_GRANT_READ},
        {"/usr/local/lib", LANDLOCK_GRANT_READ},
        {"/etc/ld.so.cache", LANDLOCK_GRANT_READ},
        {"/usr/share/zoneinfo", LANDLOCK_GRANT_READ},
        {"/etc/localtime", LANDLOCK_GRANT_READ},
        {"/dev/null", LANDLOCK_GRANT_READ | LANDLOCK_GRANT_WRITE},
        {"/dev/urandom", LANDLOCK_GRANT_READ},
};

/* Who asks for names of hosts. Files of /etc are replaced, not written: a rule about one would not outlive that. */
static const struct sandbox_path of_names[] = {
        {"/etc", LANDLOCK_GRANT_READ},
        {"/run/systemd/resolve", LANDLOCK_GRANT_READ},
        {"/run/resolvconf", LANDLOCK_GRANT_READ},
        {"/run/NetworkManager", LANDLOCK_GRANT_READ},
        {"/usr/share/ca-certificates", LANDLOCK_GRANT_READ},
        {"/usr/local/share/ca-certificates", LANDLOCK_GRANT_READ},
};

/* The configuration of the system's TLS. */
static const struct sandbox_path of_tls[] = {{"/etc/gnutls", LANDLOCK_GRANT_READ}};

struct maker {
        const struct sandbox_request *request;
        struct sandbox sandbox;
        unsigned needs;                  /* enum filter_needs */
        const json_t *settings;          /* the plugin's own */
        char *texts[SANDBOX_PATHS_MAX];  /* that the paths point to */
        size_t n_texts;
};

void sandbox_filters_done(struct sandbox_filters *filters) {
        for (size_t i = 0; i < filters->n; i++)
                free(filters->list[i].data);
        *filters = (struct sandbox_filters) {0};
}

/* ---- paths and ports ---- */

static int grant(struct maker *m, const char *path, unsigned what) {
        struct sandbox *s = &m->sandbox;

        if (s->n_paths == SANDBOX_PATHS_MAX) {
                findings_error(m->request->facts->findings, NULL, "a sandbox with more than %d paths", SANDBOX_PATHS_MAX);
                return 0;
        }
        if (m->n_texts == SANDBOX_PATHS_MAX)
                return -E2BIG;
        m->texts[m->n_texts] = strdup(path);
        if (!m->texts[m->n_texts])
                return -ENOMEM;
        s->paths[s->n_paths++] = (struct sandbox_path) {m->texts[m->n_texts++], what};
        return 0;
}

static int grant_all(struct maker *m, const struct sandbox_path *list, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = grant(m, list[i].path, list[i].grant);
        return r;
}

static int grant_directory_of(struct maker *m, const char *file, unsigned what) {
        const char *slash = strrchr(strempty(file), '/');
        char directory[NEED_PATH_MAX];

        if (!slash || slash == file || (size_t) (slash - file) >= sizeof(directory))
                return 0;
        memcpy(directory, file, (size_t) (slash - file));
        directory[slash - file] = 0;
        return grant(m, directory, what);
}

static void connect_to(struct maker *m, int64_t port) {
        struct sandbox *s = &m->sandbox;

        if (port > 0 && port <= UINT16_MAX && s->n_ports < SANDBOX_PORTS_MAX)
                s->ports[s->n_ports++] = (uint16_t) port;
        m->needs |= FILTER_TCP;
}

/* ---- what a kind needs ---- */

/* The database's own directory, whole: beside the file stand its journal and its shared memory. */
static int for_database(struct maker *m) {
        const struct slice_facts *facts = m->request->facts;
        static const char scheme[] = "sqlite://";
        int r = grant(m, facts->driver_dir, LANDLOCK_GRANT_READ);

        if (r >= 0 && strncmp(facts->db_uri, scheme, strlen(scheme)) == 0)
                r = grant_directory_of(m, facts->db_uri + strlen(scheme), LANDLOCK_GRANT_READ | LANDLOCK_GRANT_WRITE);
        return r;
}

static int for_gateway(struct maker *m) {
        return grant_all(m, of_tls, ELEMENTSOF(of_tls));
}

static int for_control(struct maker *m) {
        return grant(m, m->request->facts->crashes_dir, LANDLOCK_GRANT_READ | LANDLOCK_GRANT_WRITE);
}

static int for_once(struct maker *m) {
        int r = for_database(m);

        return r >= 0 ? grant(m, m->request->facts->migrations, LANDLOCK_GRANT_READ) : r;
}

static int for_names(struct maker *m) {
        /* The resolver asks a name server by UDP, or by TCP for long answers, or a daemon of the host by a Unix socket. */
        m->needs |= FILTER_RESOLVE | FILTER_UNIX;
        connect_to(m, DNS_PORT);
        return grant_all(m, of_names, ELEMENTSOF(of_names));
}

static int for_relay(struct maker *m) {
        const struct settings *settings = m->request->facts->settings;
        const struct settings_bus_ssl *ssl = &settings->bus.ssl;
        const char *const files[] = {ssl->ca, ssl->certificate, ssl->key};
        int r = for_database(m);

        if (r >= 0 && settings_in_use(settings, "bus", settings->bus.enabled)) {
                connect_to(m, settings->bus.port);
                r = for_names(m);
                for (size_t i = 0; i < ELEMENTSOF(files) && ssl->enabled && r >= 0; i++)
                        r = grant_directory_of(m, files[i], LANDLOCK_GRANT_READ);
        }
        if (r >= 0 && settings_in_use(settings, "sysconfd", settings->sysconfd.enabled)) {
                connect_to(m, settings->sysconfd.port);
                r = m->needs & FILTER_RESOLVE ? 0 : for_names(m);
        }
        return r;
}

static int for_discovery(struct maker *m) {
        const struct settings *settings = m->request->facts->settings;
        const char *authorities = consul_authorities(&settings->consul);
        int r = grant(m, m->request->facts->driver_dir, LANDLOCK_GRANT_READ);

        connect_to(m, settings->consul.port);
        m->needs |= FILTER_ADDRESSES;
        /* With TLS: the system's authorities, too, which are where names are. */
        if (r >= 0 && (consul_by_name(&settings->consul) || settings->consul.scheme == 1))
                r = for_names(m);
        if (r >= 0 && settings->consul.scheme == 1)
                r = grant_all(m, of_tls, ELEMENTSOF(of_tls));
        if (r >= 0 && authorities) {
                r = grant(m, authorities, LANDLOCK_GRANT_READ);
                if (r >= 0)
                        r = grant_directory_of(m, authorities, LANDLOCK_GRANT_READ);
        }
        return r;
}

static bool is_granted(const struct maker *m, const char *path) {
        for (size_t i = 0; i < m->sandbox.n_paths; i++) {
                size_t n = strlen(m->sandbox.paths[i].path);

                if (strncmp(path, m->sandbox.paths[i].path, n) == 0 && path[n] == '/')
                        return true;
        }
        return false;
}

static int for_plugin(struct maker *m) {
        const struct descriptions *plugins = m->request->facts->descriptions;
        int r = for_database(m);

        if (r >= 0)
                r = grant(m, m->request->paths->plugins, LANDLOCK_GRANT_READ);
        /* Wherever plugins are, each may read all: those without needs have the same sandbox then, and a spare process that has it
         * already can become any of them. */
        for (size_t i = 0; i < plugins->n && r >= 0; i++)
                if (plugins->list[i].path && !is_granted(m, plugins->list[i].path))
                        r = grant_directory_of(m, plugins->list[i].path, LANDLOCK_GRANT_READ);
        return r;
}

static int (*const kinds[WIRE_KIND_MAX])(struct maker *m) = {
        [WIRE_KIND_GATEWAY] = for_gateway, [WIRE_KIND_CONTROL] = for_control, [WIRE_KIND_PLUGIN] = for_plugin,
        [WIRE_KIND_ONCE] = for_once,       [WIRE_KIND_RELAY] = for_relay,     [WIRE_KIND_DISCOVERY] = for_discovery,
};

/* ---- what a plugin says that it needs ---- */

/* "{key}/more" begins with a setting of the plugin's. *ret: "" when that is empty, so that nothing is needed;
 * -EINVAL: no such key. */
static int expand(const struct maker *m, const char *need, char *ret, size_t size) {
        const char *close = strchr(need, '}');
        char key[64];
        const json_t *value;
        int n;

        if (*need != '{') {
                (void) strcopy(ret, size, need);
                return 0;
        }
        if (!close || (size_t) (close - need) > sizeof(key))
                return -EINVAL;
        memcpy(key, need + 1, (size_t) (close - need - 1));
        key[close - need - 1] = 0;
        value = json_object_get(m->settings, key);
        if (json_is_integer(value))
                n = snprintf(ret, size, "%lld%s", (long long) json_integer_value(value), close + 1);
        else if (!json_is_string(value))
                return -EINVAL;
        else
                n = json_string_length(value) == 0 ? snprintf(ret, size, "%s", "")
                                                   : snprintf(ret, size, "%s%s", json_string_value(value), close + 1);
        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

static void unmet(const struct maker *m, const char *need) {
        findings_warning(m->request->facts->findings, &m->request->plugin->place,
                         "plugin %s: its need \"%s\" is not granted: it is no absolute path, port or setting",
                         m->request->plugin->name, need);
}

static int add_paths(struct maker *m, const json_t *list, unsigned what) {
        const json_t *item;
        size_t i;
        int r = 0;

        json_array_foreach(list, i, item) {
                const char *need = json_string_value(item);
                char path[NEED_PATH_MAX];

                if (expand(m, need, path, sizeof(path)) < 0 || (*path && !text_is_path(path)))
                        unmet(m, need);
                else if (*path)
                        r = grant(m, path, what);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* tcp:PORT, dns, unix */
static int add_sockets(struct maker *m, const json_t *list) {
        const json_t *item;
        size_t i;
        int r = 0;

        json_array_foreach(list, i, item) {
                const char *need = json_string_value(item);
                char port[16], *end;

                if (streq(need, "dns"))
                        r = for_names(m);
                else if (streq(need, "unix"))
                        m->needs |= FILTER_UNIX;
                else if (expand(m, need + strlen("tcp:"), port, sizeof(port)) < 0)
                        unmet(m, need);
                else {
                        long number = strtol(port, &end, 10);

                        if (*end || number < 0 || number > UINT16_MAX)
                                unmet(m, need);
                        else
                                connect_to(m, number);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int find_loader(struct dl_phdr_info *info, size_t size, void *userdata) {
        const char **loader = userdata;

        for (unsigned i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_INTERP)
                        *loader = (const char *) (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        return 1; /* the first object is the program itself */
}

/* Executing a program is executing the loader, too: the machine's, which is ours. */
static int grant_execution(struct maker *m, const json_t *programs) {
        const char *loader = NULL;
        int r;

        if (json_array_size(programs) == 0)
                return 0;
        m->needs |= FILTER_PROCESSES | FILTER_EXECUTE;
        r = add_paths(m, programs, LANDLOCK_GRANT_EXECUTE);
        (void) dl_iterate_phdr(find_loader, &loader);
        return r >= 0 && loader ? grant(m, loader, LANDLOCK_GRANT_EXECUTE) : r;
}

static int add_needs(struct maker *m) {
        const json_t *needs = json_object_get(m->request->plugin->root, "sandbox");
        int r;

        r = add_paths(m, json_object_get(needs, "read"), LANDLOCK_GRANT_READ);
        if (r >= 0)
                r = add_paths(m, json_object_get(needs, "write"), LANDLOCK_GRANT_READ | LANDLOCK_GRANT_WRITE);
        if (r >= 0)
                r = add_sockets(m, json_object_get(needs, "sockets"));
        if (r >= 0)
                r = grant_execution(m, json_object_get(needs, "execute"));
        if (json_is_true(json_object_get(needs, "processes")))
                m->needs |= FILTER_PROCESSES;
        return r;
}

static bool is_need(const json_t *value, bool socket) {
        const char *s = json_string_value(value);

        if (!s)
                return false;
        if (socket)
                return streq(s, "dns") || streq(s, "unix") || (strncmp(s, "tcp:", 4) == 0 && s[4]);
        return *s == '/' ? text_is_path(s) : *s == '{' && strchr(s, '}');
}

int sandbox_check_needs(const json_t *needs, char *reterr, size_t size) {
        static const char *const lists[] = {"read", "write", "execute", "sockets"};

        if (needs && !json_is_object(needs)) {
                (void) snprintf(reterr, size, "sandbox must be an object");
                return -EINVAL;
        }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                const json_t *list = json_object_get(needs, lists[i]), *item;
                size_t j;

                if (list && (!json_is_array(list) || json_array_size(list) > NEEDS_MAX)) {
                        (void) snprintf(reterr, size, "sandbox.%s must be a list of at most %d", lists[i], NEEDS_MAX);
                        return -EINVAL;
                }
                json_array_foreach(list, j, item)
                        if (!is_need(item, streq(lists[i], "sockets"))) {
                                (void) snprintf(reterr, size, "sandbox.%s[%zu] must be %s", lists[i], j,
                                                streq(lists[i], "sockets") ? "tcp:PORT, dns or unix"
                                                                           : "an absolute path, or begin with a setting in braces");
                                return -EINVAL;
                        }
        }
        return 0;
}

/* ---- the whole ---- */

/* A core is written by the kernel, but as the one who dies and under his rules. */
static int for_cores(struct maker *m) {
        const struct sandbox_request *request = m->request;
        char path[NEED_PATH_MAX];
        int n, r;

        if (request->core_mib == 0)
                return 0;
        n = snprintf(path, sizeof(path), "%s/%s", request->facts->cores_dir, request->name);
        if (n < 0 || (size_t) n >= sizeof(path))
                return -ENAMETOOLONG;
        r = grant(m, path, LANDLOCK_GRANT_READ | LANDLOCK_GRANT_WRITE);
        if (r >= 0 && m->sandbox.n_paths > 0) {
                m->sandbox.cores = m->sandbox.paths[m->sandbox.n_paths - 1].path;
                m->sandbox.core_max = (uint64_t) request->core_mib << 20;
        }
        return r;
}

static int find_filter(struct sandbox_filters *filters, unsigned needs, struct sandbox *to) {
        size_t i = 0;
        int r;

        while (i < filters->n && filters->list[i].needs != needs)
                i++;
        if (i == filters->n) {
                if (i == ELEMENTSOF(filters->list))
                        sandbox_filters_done(filters);
                i = filters->n;
                r = filter_compile(needs, &filters->list[i].data, &filters->list[i].size);
                if (r < 0)
                        return r;
                filters->list[i].needs = needs;
                filters->n++;
        }
        to->filter = filters->list[i].data;
        to->filter_size = filters->list[i].size;
        return 0;
}

static int fill(struct maker *m, struct sandbox_filters *filters) {
        int r = grant_all(m, everybodys, ELEMENTSOF(everybodys));

        if (r >= 0 && kinds[m->request->kind])
                r = kinds[m->request->kind](m);
        if (r >= 0 && m->request->plugin)
                r = add_needs(m);
        if (r < 0)
                return r;
        m->sandbox.tcp = m->needs & FILTER_TCP;
        m->sandbox.unix_sockets = m->needs & FILTER_UNIX;
        return find_filter(filters, m->needs | (m->request->mode == SANDBOX_LOG ? FILTER_LOG : 0U), &m->sandbox);
}

static void maker_done(struct maker *m) {
        for (size_t i = 0; i < m->n_texts; i++)
                free(m->texts[i]);
}

int sandbox_make(struct sandbox_filters *filters, const struct sandbox_request *request, struct pack *ret) {
        struct maker m = {.request = request, .sandbox = {.mode = request->mode}};
        json_t *slice = request->plugin ? json_loads(strempty(request->slice), 0, NULL) : NULL;
        int r = 0;

        m.settings = json_object_get(slice, "config");
        if (request->mode != SANDBOX_OFF)
                r = fill(&m, filters);
        if (r >= 0)
                r = for_cores(&m);
        if (r >= 0)
                r = sandbox_encode(&m.sandbox, ret);
        json_decref(slice);
        maker_done(&m);
        return r;
}

int sandbox_make_describer(const struct paths *paths, const char *plugin, uint32_t mode, struct pack *ret) {
        const struct sandbox_request request = {.kind = WIRE_KIND_NURSERY, .mode = mode, .paths = paths};
        struct maker m = {.request = &request, .sandbox = {.mode = mode}};
        struct sandbox_filters filters = {0};
        int r = 0;

        if (mode != SANDBOX_OFF) {
                r = fill(&m, &filters);
                if (r >= 0)
                        r = grant(&m, paths->plugins, LANDLOCK_GRANT_READ);
                if (r >= 0)
                        r = grant_directory_of(&m, plugin, LANDLOCK_GRANT_READ);
        }
        if (r >= 0)
                r = sandbox_encode(&m.sandbox, ret);
        sandbox_filters_done(&filters);
        maker_done(&m);
        return r;
}

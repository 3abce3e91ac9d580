/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/descriptions.h"

#include <fcntl.h>
#include <dirent.h>
#include <stdarg.h>

#include "config/description.h"
#include "config/json.h"
#include "config/oneshot.h"
#include "config/sandbox.h"
#include "config/text.h"
#include "lib/file.h"
#include "lib/memfd.h"

#define DESCRIBE_SECONDS 10
#define PLUGIN_PATH_MAX sizeof(((struct wire_setup *) NULL)->plugin_path)

struct finder {
        const struct manifest *manifest;
        const struct settings *settings;
        const char *plugin_dir;
        const struct paths *paths;
        struct findings *findings;
        struct descriptions *found;
};

static void description_done(struct description *d) {
        free(d->name);
        free(d->path);
        free(d->text);
        free(d->problem);
        json_decref(d->root);
}

void descriptions_done(struct descriptions *d) {
        for (size_t i = 0; i < d->n; i++)
                description_done(&d->list[i]);
        free(d->list);
        *d = (struct descriptions) {0};
}

int description_refuse(struct description *d, struct findings *findings, const char *format, ...) {
        va_list ap;
        int r;

        if (d->problem)
                return 0;
        va_start(ap, format);
        r = vasprintf(&d->problem, format, ap);
        va_end(ap);
        if (r < 0) {
                d->problem = NULL;
                return -ENOMEM;
        }
        findings_warning(findings, d->place.file ? &d->place : NULL, "plugin %s does not run: %s", d->name, d->problem);
        return 0;
}

static bool exists(const char *path) {
        return access(path, F_OK) == 0;
}

/* DIR/NAME.so and its description; where the plugin stands is decided by the shared object, or else by the description. */
static bool look(const char *dir, const char *name, char *path, char *json) {
        if ((size_t) snprintf(path, PLUGIN_PATH_MAX, "%s/%s.so", dir, name) >= PLUGIN_PATH_MAX ||
            (size_t) snprintf(json, PLUGIN_PATH_MAX, "%s/%s.json", dir, name) >= PLUGIN_PATH_MAX)
                return false;
        return exists(path) || exists(json);
}

/* Whether there is anything of the plugin; *ret_own: it is in the plugin directory of the command line. */
static bool locate(const struct finder *f, const char *name, char *path, char *json, bool *ret_own) {
        char dir[PLUGIN_PATH_MAX];

        *ret_own = f->plugin_dir && look(f->plugin_dir, name, path, json) && exists(path);
        if (*ret_own)
                return true;
        if ((size_t) snprintf(dir, sizeof(dir), "%s/%s", f->paths->plugins,
                              f->paths->build_tree ? name : f->manifest->service) >= sizeof(dir))
                return false;
        return look(dir, name, path, json);
}

/* Asks the plugin itself, in a process of its own, with a sandbox: nobody knows yet what it is. 0; 1: *ret is what went wrong. */
static int run_describe(const struct finder *f, const char *path, char **ret, size_t *ret_size) {
        char program[1024];
        const char *argv[] = {program, "--sandbox", path, NULL};
        _cleanup_(pack_done) struct pack sandbox = PACK_NULL;
        _cleanup_close_ int fd = -1;
        int r = paths_program(f->paths, "wazo-plugin-describe", program, sizeof(program));

        if (r >= 0)
                r = sandbox_make_describer(f->paths, path, (uint32_t) f->settings->sandbox, &sandbox);
        if (r >= 0)
                r = fd = memfd_sealed("sandbox", sandbox.data, sandbox.size);
        if (r >= 0)
                r = oneshot_run_on(argv, fd, JSON_TEXT_MAX, now_monotonic() + DESCRIBE_SECONDS * NSEC_PER_SEC, ret, ret_size);
        if (r >= 0 || r == -ENOMEM)
                return r;
        if (r == -ETIMEDOUT ? asprintf(ret, "wazo-plugin-describe took longer than %d seconds", DESCRIBE_SECONDS) < 0
                            : asprintf(ret, "wazo-plugin-describe: %s", strerror(-r)) < 0)
                return -ENOMEM;
        return 1;
}

/* Parses and checks d->text. 0: fine; 1: it has a problem now. */
static int parse(const struct finder *f, struct description *d) {
        char error[FINDING_TEXT_MAX];
        int r;

        r = json_read_object(d->text, d->size, error, sizeof(error), &d->root);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                r = description_refuse(d, f->findings, "its description is no JSON: %s", error);
                return r < 0 ? r : 1;
        }
        r = description_check(d->root, d->name, error, sizeof(error));
        d->routable = r >= 0;
        /* By far the largest member, and nobody here asks for it again. */
        (void) json_object_del(d->root, "openapi");
        if (r != 0) {
                r = description_refuse(d, f->findings, "its description is not good: %s", error);
                return r < 0 ? r : 1;
        }
        return 0;
}

static bool same_build(const struct description *d, const uint8_t build_id[BUILD_ID_SIZE]) {
        uint8_t described[BUILD_ID_SIZE];

        return build_id_from_text(json_string_value(json_object_get(d->root, "build_id")), described) == 0 &&
               memcmp(described, build_id, BUILD_ID_SIZE) == 0;
}

static void forget_text(struct description *d) {
        free(d->text);
        d->text = NULL;
        d->size = 0;
        json_decref(d->root);
        d->root = NULL;
        d->routable = false;
}

/* Out-of-tree plugins: the description beside it if it is there and of this build, else from the plugin itself. */
static int read_own(const struct finder *f, struct description *d, const char *json) {
        char error[FINDING_TEXT_MAX];
        int r;

        r = file_read(json, JSON_TEXT_MAX, &d->text, &d->size);
        if (r == -ENOMEM)
                return r;
        if (r == 0) {
                r = json_read_object(d->text, d->size, error, sizeof(error), &d->root);
                if (r == -ENOMEM)
                        return r;
                if (r == 0 && description_check(d->root, d->name, error, sizeof(error)) == 0 &&
                    same_build(d, d->build_id)) {
                        d->routable = true;
                        return 0;
                }
                forget_text(d);
        }

        r = run_describe(f, d->path, &d->text, &d->size);
        if (r < 0)
                return r;
        if (r > 0) {
                _cleanup_free_ char *why = STEAL(d->text);

                d->size = 0;
                return description_refuse(d, f->findings, "it cannot be described: %.200s", why);
        }
        r = parse(f, d);
        if (r < 0)
                return r;
        if (r == 0 && !same_build(d, d->build_id))
                return description_refuse(d, f->findings, "its description is of another build");
        return 0;
}

static int read_installed(const struct finder *f, struct description *d, const char *json) {
        int r;

        r = file_read(json, JSON_TEXT_MAX, &d->text, &d->size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return description_refuse(d, f->findings, "its description %s: %s", json, strerror(-r));
        r = parse(f, d);
        if (r < 0)
                return r;
        if (!d->problem && !same_build(d, d->build_id))
                return description_refuse(d, f->findings, "%s is not the description of this build of it", json);
        return 0;
}

/* The classes of instances that its operations name. */
static int collect_classes(const struct finder *f, struct description *d) {
        size_t i, j;
        json_t *route, *operation;

        json_array_foreach(json_object_get(d->root, "routes"), i, route)
                json_array_foreach(json_object_get(route, "operations"), j, operation) {
                        const char *class = json_string_value(json_object_get(operation, "class"));
                        size_t k = 0;

                        if (!class || streq(class, "default"))
                                continue;
                        while (k < d->n_classes && !streq(d->classes[k], class))
                                k++;
                        if (k < d->n_classes)
                                continue;
                        if (d->n_classes == DESCRIPTION_CLASSES_MAX ||
                            strlen(d->name) + strlen(class) + 8 > WIRE_NAME_MAX)
                                return description_refuse(
                                        d, f->findings,
                                        "too many classes of instances, or too long a name of one: %s", class);
                        d->classes[d->n_classes++] = class;
                }
        return 0;
}

/* Without loading it. -ENODATA when it has none. */
static int read_build_id(const char *path, uint8_t ret[BUILD_ID_SIZE]) {
        static const uint8_t none[BUILD_ID_SIZE];
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        int r = fd < 0 ? -errno : elf_build_id(fd, ret);

        return r < 0 ? r : memcmp(ret, none, BUILD_ID_SIZE) == 0 ? -ENODATA : 0;
}

static int read_plugin(const struct finder *f, struct description *d, const char *json, bool own) {
        int r = read_build_id(d->path, d->build_id);

        if (r < 0) {
                r = description_refuse(d, f->findings, "%s: %s", d->path,
                                       r == -ENODATA   ? "it has no build-id (link it with --build-id=sha1)"
                                       : r == -ENOEXEC || r == -EBADMSG ? "no shared object of this machine"
                                                       : strerror(-r));
                if (r < 0 || own)
                        return r;
        }
        if (manifest_worker(f->manifest, d->name) || streq(d->name, "plugins") || streq(d->name, "nursery")) {
                r = description_refuse(d, f->findings, "its name is that of a worker of the service");
                if (r < 0)
                        return r;
        }
        /* Also when it does not run: for its routes. */
        r = own ? read_own(f, d, json) : read_installed(f, d, json);
        if (r < 0 || d->problem)
                return r;
        return collect_classes(f, d);
}

static const struct description *find(const struct descriptions *d, const char *name) {
        for (size_t i = 0; i < d->n; i++)
                if (streq(d->list[i].name, name))
                        return &d->list[i];
        return NULL;
}

/* Adds the plugin @name; @expected: it belongs to the service, so that its absence is a problem and not a stranger's name. */
static int add(const struct finder *f, const char *name, const struct place *place, bool expected) {
        char path[PLUGIN_PATH_MAX] = "", json[PLUGIN_PATH_MAX] = "";
        struct description *grown, *d;
        bool own = false, found;

        if (find(f->found, name))
                return 0;
        found = text_is_name(name) && locate(f, name, path, json, &own);
        if (!found && !expected) {
                findings_warning(f->findings, place, "there is no plugin \"%.48s\" here: it is left out", name);
                return 0;
        }
        if (f->found->n >= DESCRIPTIONS_MAX) {
                findings_error(f->findings, place, "more than %d plugins", DESCRIPTIONS_MAX);
                return 0;
        }

        grown = realloc(f->found->list, (f->found->n + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        f->found->list = grown;
        d = &grown[f->found->n++];
        *d = (struct description) {.name = strdup(name), .path = strdup(path)};
        if (place)
                d->place = *place;
        if (!d->name || !d->path)
                return -ENOMEM;
        if (!found)
                return description_refuse(d, f->findings, "there is no %s.so", name);
        return read_plugin(f, d, json, own);
}

static bool enabled(const struct finder *f, const char *name) {
        const struct yaml_entry *entry = yaml_entry(f->settings->enabled_plugins, name);

        return !entry || settings_switch(entry->value, true);
}

static int compare_entries(const void *a, const void *b) {
        const struct yaml_entry *const *x = a, *const *y = b;

        return strcmp((*x)->key, (*y)->key);
}

static int add_configured(const struct finder *f) {
        const struct yaml_node *map = f->settings->enabled_plugins;
        _cleanup_free_ const struct yaml_entry **sorted = NULL;
        size_t n = 0;

        if (!map || map->n == 0)
                return 0;
        sorted = malloc(map->n * sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < map->n; i++)
                if (map->entries[i].key && settings_switch(map->entries[i].value, false))
                        sorted[n++] = &map->entries[i];
        qsort(sorted, n, sizeof(*sorted), compare_entries);
        for (size_t i = 0; i < n; i++) {
                int r = add(f, sorted[i]->key, &sorted[i]->place, false);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int is_object(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return n > 3 && streq(entry->d_name + n - 3, ".so") && *entry->d_name != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whoever names a directory of plugins wants them to run. */
static int add_directory(const struct finder *f) {
        struct place place = {.file = findings_file(f->findings, f->plugin_dir)};
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandir(f->plugin_dir, &entries, is_object, by_bytes);
        if (n < 0) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                findings_error(f->findings, &place, "cannot read the directory of plugins: %m");
                return 0;
        }
        for (int i = 0; i < n; i++) {
                entries[i]->d_name[strlen(entries[i]->d_name) - 3] = 0;
                if (r >= 0 && text_is_name(entries[i]->d_name) && enabled(f, entries[i]->d_name))
                        r = add(f, entries[i]->d_name, &place, true);
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* Remembers whose each method and path is; the second who claims one is refused whole. */
static int check_claims(const struct finder *f, struct description *d, json_t *claims) {
        size_t i, j;
        json_t *route, *operation;

        for (unsigned pass = 0; pass < 2; pass++)
                json_array_foreach(json_object_get(d->root, "routes"), i, route)
                        json_array_foreach(json_object_get(route, "operations"), j, operation) {
                                const char *path = json_string_value(json_object_get(route, "path"));
                                const char *method = json_string_value(json_object_get(operation, "method")), *owner;
                                char key[256];
                                int n = snprintf(key, sizeof(key), "%s ", method);

                                if (description_path_shape(path, key + n, sizeof(key) - (size_t) n) < 0)
                                        return description_refuse(d, f->findings, "no path: %s", path);
                                owner = json_string_value(json_object_get(claims, key));
                                if (pass == 0 && owner)
                                        return description_refuse(d, f->findings, "the route %s %s is plugin %s's",
                                                                  method, path, owner);
                                if (pass == 1 && json_object_set_new(claims, key, json_string(d->name)) < 0)
                                        return -ENOMEM;
                        }
        return 0;
}

int descriptions_read(const struct manifest *manifest, const struct settings *settings, const char *plugin_dir,
                      const struct paths *paths, struct findings *findings, struct descriptions *ret) {
        _cleanup_(descriptions_done) struct descriptions found = {0};
        const struct finder f = {
                .manifest = manifest,
                .settings = settings,
                .plugin_dir = plugin_dir,
                .paths = paths,
                .findings = findings,
                .found = &found,
        };
        json_t *claims;
        int r;

        for (size_t i = 0; manifest->plugins && i < manifest->plugins->n; i++) {
                const struct yaml_entry *entry = &manifest->plugins->entries[i];

                if (!enabled(&f, entry->value->text))
                        continue;
                r = add(&f, entry->value->text, &entry->place, true);
                if (r < 0)
                        return r;
        }
        r = add_configured(&f);
        if (r < 0)
                return r;
        if (plugin_dir) {
                r = add_directory(&f);
                if (r < 0)
                        return r;
        }

        claims = json_object();
        if (!claims)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < found.n; i++)
                if (!found.list[i].problem)
                        r = check_claims(&f, &found.list[i], claims);
        json_decref(claims);
        if (r < 0)
                return r;

        *ret = found;
        found = (struct descriptions) {0};
        return 0;
}

/* The description as it came, but for the problem in front; parsing and printing it all again would be for nothing. */
static void write_plugin(FILE *to, const struct description *d) {
        size_t open = d->text ? strcspn(d->text, "{") + 1 : 0;

        if (!d->problem) {
                (void) fwrite(d->text, 1, d->size, to);
                return;
        }
        (void) fprintf(to, "{\"problem\": ");
        json_write_string(to, d->problem);
        if (d->routable) {
                (void) fputs(", ", to);
                (void) fwrite(d->text + open, 1, d->size - open, to);
        } else {
                (void) fputs(", \"plugin\": ", to);
                json_write_string(to, d->name);
                (void) fputs(", \"routes\": []}", to);
        }
}

int descriptions_document(const struct descriptions *d, char **ret, size_t *ret_size) {
        size_t size, n = 0;
        char *text;
        FILE *to = open_memstream(&text, &size);
        bool failed;

        if (!to)
                return -ENOMEM;
        (void) fputs("{\"plugins\": [", to);
        for (unsigned with_problem = 0; with_problem < 2; with_problem++)
                for (size_t i = 0; i < d->n; i++)
                        if (!d->list[i].problem == !with_problem) {
                                (void) fputs(n++ ? ",\n" : "\n", to);
                                write_plugin(to, &d->list[i]);
                        }
        (void) fputs("],\n\"problems\": [", to);
        n = 0;
        for (size_t i = 0; i < d->n; i++)
                if (d->list[i].problem) {
                        (void) fputs(n++ ? ",\n{\"plugin\": " : "\n{\"plugin\": ", to);
                        json_write_string(to, d->list[i].name);
                        (void) fputs(", \"text\": ", to);
                        json_write_string(to, d->list[i].problem);
                        (void) fputc('}', to);
                }
        (void) fputs("]}\n", to);
        failed = ferror(to) != 0;
        if (fclose(to) != 0 || failed) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        *ret_size = size;
        return 0;
}

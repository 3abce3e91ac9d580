/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sandbox of each kind of worker, as it is made: applied in a child, which then tries what it must not. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "config/filter.h"
#include "config/sandbox.h"
#include "lib/hardening.h"
#include "lib/syscall-names.h"
#include "tests/unit/config-files.h"
#include "tests/unit/run.h"

/* Known to nobody yet. */
#define NEWER_CALL 900
/* Of meson. */
#define SKIPPED 77

static const char *dir;
static struct findings findings;
static struct descriptions descriptions;
static struct settings settings;
static struct paths paths;
static struct slice_facts facts;
static char uri[128], crashes[96], granted[96], file[96];

static void setup(void) {
        static const char *const directories[] = {"db", "crashes", "granted"};

        dir = files_begin();
        (void) snprintf(uri, sizeof(uri), "sqlite://%s", files_path("db/confd.sqlite"));
        (void) snprintf(crashes, sizeof(crashes), "%s", files_path("crashes"));
        (void) snprintf(granted, sizeof(granted), "%s", files_path("granted"));
        (void) snprintf(file, sizeof(file), "%s", files_path("file"));
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                ck_assert_int_eq(mkdir(files_path(directories[i]), 0700), 0);
        files_write("file", "");

        findings = (struct findings) {0};
        settings = SETTINGS_NULL;
        ck_assert_int_eq(settings_read("", false, NULL, &findings, &settings), 0);
        (void) strcopy(paths.plugins, sizeof(paths.plugins), "/usr/lib");
        facts = (struct slice_facts) {
                .service = "wazo-test", .version = "1", .db_uri = uri, .driver_dir = "/usr/lib", .migrations = "/usr/share",
                .crashes_dir = crashes, .descriptions = &descriptions, .settings = &settings, .findings = &findings,
        };
}

static void teardown(void) {
        settings_done(&settings);
        findings_done(&findings);
        files_end();
}

/* Where none is applied, these tests would say nothing. */
static bool has_sandboxes(void) {
        const struct sandbox off = {.mode = SANDBOX_OFF};
        struct sandbox_outcome outcome;
        const char *step;

        return sandbox_apply(&off, &outcome, &step) == 0 && !outcome.sanitizers && landlock_abi() > 0;
}

/* ---- what a child tries ---- */

static int own_socket(int family, int type) {
        int fd = socket(family, type | SOCK_CLOEXEC, 0);

        return fd < 0 ? -errno : close(fd);
}

static int try_tcp(void) { return own_socket(AF_INET, SOCK_STREAM); }
static int try_udp(void) { return own_socket(AF_INET6, SOCK_DGRAM); }
static int try_raw(void) { return own_socket(AF_INET, SOCK_RAW); }
static int try_unix(void) { return own_socket(AF_UNIX, SOCK_STREAM); }
static int try_packet(void) { return own_socket(AF_PACKET, SOCK_DGRAM); }

static int connect_to(unsigned port) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

/* Nobody listens there: who is let through hears just that. */
static int try_port_53(void) { return connect_to(53); }
static int try_port_5672(void) { return connect_to(5672); }
static int try_port_81(void) { return connect_to(81); }

static int try_listen(void) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            r = bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;

        (void) close(fd);
        return r;
}

static int open_at(const char *path, int flags) {
        int fd = open(path, flags | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : close(fd);
}

static int open_in(const char *name, int flags) {
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        return open_at(path, flags);
}

static int try_passwd(void) { return open_at("/etc/passwd", O_RDONLY); }
static int try_resolv(void) { return open_at("/etc/hostname", O_RDONLY); }
static int try_library(void) { return open_at("/usr/lib/os-release", O_RDONLY); }
static int try_null(void) { return open_at("/dev/null", O_RDWR); }
static int try_database(void) { return open_in("db/new", O_RDWR | O_CREAT); }
static int try_crashes(void) { return open_in("crashes/new", O_RDWR | O_CREAT); }
static int try_granted(void) { return open_in("granted/new", O_RDWR | O_CREAT); }
static int try_granted_read(void) { return open_in("granted", O_RDONLY); }
static int try_file(void) { return open_in("file", O_RDONLY); }
static int try_file_write(void) { return open_in("file", O_WRONLY); }

static int try_fork(void) {
        pid_t pid = (pid_t) syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

        if (pid == 0)
                _exit(0);
        return pid < 0 ? -errno : waitpid(pid, NULL, 0) == pid ? 0 : -errno;
}

static int try_execute(void) {
        char *const argv[] = {(char *) "/usr/bin/true", NULL};

        return execv(argv[0], argv) < 0 ? -errno : 0;
}

static int try_kill_self(void) { return kill(getpid(), 0) < 0 ? -errno : 0; }
static int try_kill_parent(void) { return kill(getppid(), 0) < 0 ? -errno : 0; }
static int try_raise(void) { return raise(SIGCONT) != 0 ? -errno : 0; }
static int try_terminal(void) { return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 ? -errno : 0; }
static int try_thread(void) { return syscall(SYS_clone, CLONE_VM, NULL, NULL, NULL, NULL) < 0 ? -errno : 0; }
static void *do_nothing(void *userdata) {
        return userdata;
}

static int try_pthread(void) {
        pthread_t thread;
        int r = pthread_create(&thread, NULL, do_nothing, NULL);

        return r != 0 ? -r : -pthread_join(thread, NULL);
}

static int try_memory(void) { return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -errno : 0; }

static int try_addresses(void) {
        static char list[40 * 256];
        struct ifconf found = {.ifc_len = sizeof(list), .ifc_buf = list};
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return ioctl(fd, SIOCGIFCONF, &found) < 0 ? -errno : 0;
}

#define DIES (-100000)

/* Its outcome in a child with this sandbox. */
static int outcome_of(const struct sandbox *sandbox, int (*try)(void)) {
        struct sandbox_outcome outcome;
        const char *step;
        int status;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                if (sandbox_apply(sandbox, &outcome, &step) < 0)
                        _exit(126);
                _exit(-try());
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status)) {
                ck_assert_int_eq(WTERMSIG(status), SIGSYS);
                return DIES;
        }
        return -WEXITSTATUS(status);
}

static void make(enum wire_kind kind, uint32_t mode, const struct description *plugin, const char *slice, struct pack *packed,
                 struct sandbox *ret) {
        struct sandbox_filters filters = {0};
        const struct sandbox_request request = {
                .kind = kind, .mode = mode, .facts = &facts, .paths = &paths, .plugin = plugin, .slice = slice,
        };

        *packed = PACK_NULL;
        ck_assert_int_eq(sandbox_make(&filters, &request, packed), 0);
        sandbox_filters_done(&filters);
        ck_assert_int_eq(sandbox_decode(packed->data, packed->size, ret), 0);
}

static void configure(const char *text) {
        settings_done(&settings);
        files_write("config.yml", text);
        ck_assert_int_eq(settings_read(files_path("config.yml"), true, NULL, &findings, &settings), 0);
}

/* ---- kinds ---- */

static const struct {
        const char *name;
        int (*try)(void);
        int gateway, control, plugin, once, relay; /* the last with a broker */
} table[] = {
        {"a TCP socket", try_tcp, DIES, DIES, DIES, DIES, 0},
        {"a UDP socket", try_udp, DIES, DIES, DIES, DIES, 0},
        {"a raw socket", try_raw, DIES, DIES, DIES, DIES, DIES},
        {"a Unix socket", try_unix, DIES, DIES, DIES, DIES, 0},
        {"a packet socket", try_packet, DIES, DIES, DIES, DIES, DIES},
        {"the name server's port", try_port_53, DIES, DIES, DIES, DIES, -ECONNREFUSED},
        {"the broker's port", try_port_5672, DIES, DIES, DIES, DIES, -ECONNREFUSED},
        {"another port", try_port_81, DIES, DIES, DIES, DIES, -EACCES},
        {"a port of its own", try_listen, DIES, DIES, DIES, DIES, -EACCES},
        {"users", try_passwd, -EACCES, -EACCES, -EACCES, -EACCES, 0},
        {"names of hosts", try_resolv, -EACCES, -EACCES, -EACCES, -EACCES, 0},
        {"libraries", try_library, 0, 0, 0, 0, 0},
        {"/dev/null", try_null, 0, 0, 0, 0, 0},
        {"the database", try_database, -EACCES, -EACCES, 0, 0, 0},
        {"crash records", try_crashes, -EACCES, 0, -EACCES, -EACCES, -EACCES},
        {"another directory", try_granted, -EACCES, -EACCES, -EACCES, -EACCES, -EACCES},
        {"a child", try_fork, DIES, DIES, DIES, DIES, DIES},
        {"another program", try_execute, DIES, DIES, DIES, DIES, DIES},
        {"a signal to itself", try_kill_self, 0, 0, 0, 0, 0},
        {"raise()", try_raise, 0, 0, 0, 0, 0},
        {"a signal to its parent", try_kill_parent, DIES, DIES, DIES, DIES, DIES},
        {"typing at a terminal", try_terminal, DIES, DIES, DIES, DIES, DIES},
        {"a child with its memory", try_thread, DIES, DIES, DIES, DIES, DIES},
        {"a thread", try_pthread, 0, 0, 0, 0, 0},
        {"memory", try_memory, 0, 0, 0, 0, 0},
};

START_TEST(each_kind) {
        const enum wire_kind kinds[] = {WIRE_KIND_GATEWAY, WIRE_KIND_CONTROL, WIRE_KIND_PLUGIN, WIRE_KIND_ONCE, WIRE_KIND_RELAY};
        static const struct description plugin = {.name = (char *) "plain", .path = (char *) "/usr/lib/plain.so"};

        configure("bus: {host: localhost}\n");
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                struct sandbox sandbox;
                struct pack packed;

                make(kinds[k], SANDBOX_ENFORCE, kinds[k] == WIRE_KIND_PLUGIN ? &plugin : NULL, "{}", &packed, &sandbox);
                for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                        const int expected[] = {table[i].gateway, table[i].control, table[i].plugin, table[i].once, table[i].relay};
                        int found, wanted = expected[k];

                        /* What a port is, Landlock knows since its ABI 4. */
                        if (landlock_abi() < 4 && (table[i].try == try_port_81 || table[i].try == try_listen) && wanted == -EACCES)
                                continue;
                        found = outcome_of(&sandbox, table[i].try);
                        ck_assert_msg(found == wanted, "%s: %s: %d, not %d", wire_kind_to_string(kinds[k]),
                                      table[i].name, found, wanted);
                }
                pack_done(&packed);
        }
} END_TEST

/* Without a broker and sysconfd there is nobody whom it speaks to. */
START_TEST(relay_without_a_broker) {
        struct sandbox sandbox;
        struct pack packed;

        make(WIRE_KIND_RELAY, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        ck_assert(!sandbox.tcp && !sandbox.unix_sockets);
        ck_assert_int_eq(outcome_of(&sandbox, try_tcp), DIES);
        ck_assert_int_eq(outcome_of(&sandbox, try_database), 0);
        pack_done(&packed);
} END_TEST

/* Consul by its address alone; and which addresses this host has. */
START_TEST(discovery) {
        struct sandbox sandbox;
        struct pack packed;

        configure("consul: {port: 81}\n");
        make(WIRE_KIND_DISCOVERY, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_port_81), -ECONNREFUSED);
        if (landlock_abi() >= 4)
                ck_assert_int_eq(outcome_of(&sandbox, try_port_5672), -EACCES);
        ck_assert_int_eq(outcome_of(&sandbox, try_addresses), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_udp), DIES);
        ck_assert_int_eq(outcome_of(&sandbox, try_unix), DIES);
        ck_assert_int_eq(outcome_of(&sandbox, try_fork), DIES);
        ck_assert_int_eq(outcome_of(&sandbox, try_database), -EACCES);
        ck_assert_int_eq(outcome_of(&sandbox, try_passwd), -EACCES);
        pack_done(&packed);

        configure("consul: {scheme: https, port: 81}\n");
        make(WIRE_KIND_DISCOVERY, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_passwd), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_udp), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_database), -EACCES);
        pack_done(&packed);

        make(WIRE_KIND_RELAY, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_addresses), DIES);
        pack_done(&packed);
} END_TEST

/* ---- needs ---- */

static json_t *needs_of(const char *text) {
        json_t *root = json_pack("{s:o}", "sandbox", json_loads(text, 0, NULL));

        ck_assert_ptr_nonnull(root);
        return root;
}

START_TEST(needs) {
        char slice[400];
        struct description plugin = {.name = (char *) "needy", .path = (char *) "/usr/lib/needy.so"};
        struct sandbox sandbox;
        struct pack packed;

        plugin.root = needs_of("{\"read\": [\"{file}\"], \"write\": [\"{directory}\"], \"sockets\": [\"tcp:{port}\", \"unix\"], "
                               "\"execute\": [\"/usr/bin/true\"]}");
        (void) snprintf(slice, sizeof(slice), "{\"config\": {\"file\": \"%s\", \"directory\": \"%s\", \"port\": 81}}",
                        file, granted);
        make(WIRE_KIND_PLUGIN, SANDBOX_ENFORCE, &plugin, slice, &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_granted), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_file), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_file_write), -EACCES);
        ck_assert_int_eq(outcome_of(&sandbox, try_port_81), -ECONNREFUSED);
        if (landlock_abi() >= 4)
                ck_assert_int_eq(outcome_of(&sandbox, try_port_5672), -EACCES);
        ck_assert_int_eq(outcome_of(&sandbox, try_udp), DIES);
        ck_assert_int_eq(outcome_of(&sandbox, try_unix), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_fork), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_execute), 0);
        ck_assert_int_eq(outcome_of(&sandbox, try_passwd), -EACCES);
        ck_assert_uint_eq(findings.n, 0);
        pack_done(&packed);

        /* A setting that is empty needs nothing. */
        make(WIRE_KIND_PLUGIN, SANDBOX_ENFORCE, &plugin,
             "{\"config\": {\"file\": \"\", \"directory\": \"\", \"port\": 0}}", &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_granted_read), -EACCES);
        ck_assert_uint_eq(sandbox.n_ports, 0);
        ck_assert_uint_eq(findings.n, 0);
        pack_done(&packed);

        /* What is no path is said, and grants nothing. */
        make(WIRE_KIND_PLUGIN, SANDBOX_ENFORCE, &plugin, "{\"config\": {\"file\": \"../etc\", \"directory\": true}}",
             &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_granted_read), -EACCES);
        ck_assert_uint_eq(findings.n, 3);
        pack_done(&packed);
        json_decref(plugin.root);
} END_TEST

START_TEST(needs_that_are_malformed) {
        static const struct {
                const char *text, *part;
        } cases[] = {
                {"[]", "must be an object"},
                {"{\"read\": \"/etc\"}", "sandbox.read must be a list"},
                {"{\"read\": [\"etc\"]}", "sandbox.read[0] must be an absolute path"},
                {"{\"write\": [\"/a\", \"/a/../b\"]}", "sandbox.write[1]"},
                {"{\"execute\": [\"{program\"]}", "sandbox.execute[0]"},
                {"{\"sockets\": [\"udp:53\"]}", "sandbox.sockets[0] must be tcp:PORT"},
                {"{\"sockets\": [7]}", "sandbox.sockets[0]"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_t *json = json_loads(cases[i].text, 0, NULL);
                char error[200] = "";

                ck_assert_int_eq(sandbox_check_needs(json, error, sizeof(error)), -EINVAL);
                ck_assert_msg(strstr(error, cases[i].part) != NULL, "%s: %s", cases[i].text, error);
                json_decref(json);
        }
        ck_assert_int_eq(sandbox_check_needs(NULL, NULL, 0), 0);
} END_TEST

/* ---- modes ---- */

START_TEST(log_and_off) {
        struct sandbox sandbox;
        struct pack packed;

        for (uint32_t mode = SANDBOX_LOG; mode <= SANDBOX_OFF; mode++) {
                make(WIRE_KIND_ONCE, mode, NULL, NULL, &packed, &sandbox);
                ck_assert_uint_eq(sandbox.mode, mode);
                ck_assert_int_eq(outcome_of(&sandbox, try_tcp), 0);
                ck_assert_int_eq(outcome_of(&sandbox, try_passwd), 0);
                ck_assert_int_eq(outcome_of(&sandbox, try_kill_parent), 0);
                pack_done(&packed);
        }
} END_TEST

/* Whatever its number: it is done, refused, or deadly, and never passes by the filter into a namespace or a trace. */
static int calls_from;

static int try_calls(void) {
        static const int dangerous[] = {
                SYS_ptrace, SYS_execve, SYS_execveat, SYS_mount, SYS_umount2, SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root,
                SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key,
                SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_kexec_load, SYS_reboot,
                SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setgroups, SYS_capset, SYS_io_uring_enter, SYS_tkill,
                SYS_rt_sigqueueinfo,
                SYS_rt_tgsigqueueinfo, SYS_connect, SYS_bind, SYS_listen, SYS_quotactl, SYS_swapon, SYS_sethostname,
                SYS_settimeofday,
                SYS_clock_settime, SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_kcmp, SYS_fanotify_init, SYS_vhangup,
        };

        if ((size_t) calls_from >= ELEMENTSOF(dangerous))
                return -ENOENT;
        return syscall(dangerous[calls_from], 0, 0, 0, 0, 0, 0) < 0 ? -errno : 0;
}

START_TEST(dangerous_calls) {
        struct sandbox sandbox;
        struct pack packed;

        make(WIRE_KIND_ONCE, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        for (calls_from = 0;; calls_from++) {
                int found = outcome_of(&sandbox, try_calls);

                if (found == -ENOENT)
                        break;
                ck_assert_msg(found == DIES, "number %d of the list: %d", calls_from, found);
        }
        ck_assert_int_gt(calls_from, 40);
        pack_done(&packed);
} END_TEST

static int try_newer(void) { return syscall(NEWER_CALL) < 0 ? -errno : 0; }
static int try_uring(void) { return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? -errno : 0; }
static int try_clone3(void) { return syscall(SYS_clone3, NULL, 0) < 0 ? -errno : 0; }
static int try_silence(void) { return signal(SIGSYS, SIG_IGN) == SIG_ERR ? -errno : 0; }
static int try_handler(void) { return signal(SIGUSR1, SIG_IGN) == SIG_ERR ? -errno : 0; }

START_TEST(merely_tried) {
        struct sandbox sandbox;
        struct pack packed;

        make(WIRE_KIND_ONCE, SANDBOX_ENFORCE, NULL, NULL, &packed, &sandbox);
        ck_assert_int_eq(outcome_of(&sandbox, try_newer), -ENOSYS);
        ck_assert_int_eq(outcome_of(&sandbox, try_uring), -ENOSYS);
        ck_assert_int_eq(outcome_of(&sandbox, try_clone3), -ENOSYS);
        ck_assert_int_eq(outcome_of(&sandbox, try_silence), -EPERM);
        ck_assert_int_eq(outcome_of(&sandbox, try_handler), 0);
        pack_done(&packed);
} END_TEST

/* ---- bytes and words ---- */

START_TEST(decoding_is_strict) {
        struct sandbox sandbox;
        struct pack packed;

        make(WIRE_KIND_PLUGIN, SANDBOX_ENFORCE, &(const struct description) {.name = (char *) "x"}, "{}", &packed, &sandbox);
        ck_assert_uint_gt(sandbox.filter_size, 100);
        ck_assert_uint_lt(packed.size, 6000); /* one is in memory for each worker */
        for (size_t size = 0; size < packed.size; size += size < 64 ? 1 : 97)
                ck_assert_int_eq(sandbox_decode(packed.data, size, &sandbox), -EBADMSG);
        packed.data[0] ^= 0x40;
        ck_assert_int_eq(sandbox_decode(packed.data, packed.size, &sandbox), -EBADMSG);
        packed.data[0] ^= 0x40;
        packed.data[4] = SANDBOX_MODE_MAX;
        ck_assert_int_eq(sandbox_decode(packed.data, packed.size, &sandbox), -EBADMSG);
        pack_done(&packed);
} END_TEST

static const char *gaps(const struct sandbox *sandbox, unsigned abi, bool filter) {
        static char text[200];
        const struct sandbox_outcome outcome = {.landlock = abi, .filter = filter};

        hardening_describe_gaps(sandbox, &outcome, text, sizeof(text));
        return text;
}

/* Of kernels that we do not run on. */
START_TEST(what_a_kernel_cannot_refuse) {
        const struct sandbox plain = {.mode = SANDBOX_ENFORCE}, tcp = {.mode = SANDBOX_ENFORCE, .tcp = true},
                             all = {.mode = SANDBOX_ENFORCE, .tcp = true, .unix_sockets = true};
        const struct sandbox_outcome sanitizers = {.sanitizers = true};
        char text[200];

        ck_assert_str_eq(gaps(&plain, 7, true), "");
        ck_assert_str_eq(gaps(&plain, 3, true), "");
        ck_assert_str_eq(gaps(&plain, 2, true), "; this kernel cannot refuse truncation");
        ck_assert_str_eq(gaps(&plain, 0, true), "; this kernel cannot refuse files");
        ck_assert_str_eq(gaps(&plain, 0, false), "; this kernel cannot refuse system calls, files");
        ck_assert_str_eq(gaps(&tcp, 4, true), "");
        ck_assert_str_eq(gaps(&tcp, 2, true), "; this kernel cannot refuse truncation, TCP ports");
        ck_assert_str_eq(gaps(&all, 5, true), "; this kernel cannot refuse Unix sockets");
        ck_assert_str_eq(gaps(&all, 6, true), "; this kernel cannot refuse named Unix sockets");
        hardening_describe_gaps(&plain, &sanitizers, text, sizeof(text));
        ck_assert_str_eq(text, "; no sandbox: a build with sanitizers");
        hardening_describe_gaps(NULL, NULL, text, sizeof(text));
        ck_assert_str_eq(text, "; no sandbox");
} END_TEST

START_TEST(names_of_calls) {
        char name[32], small[5];

        syscall_name(SYS_ptrace, name, sizeof(name));
        ck_assert_str_eq(name, "ptrace");
        syscall_name(SYS_execve, small, sizeof(small));
        ck_assert_str_eq(small, "exec");
        syscall_name(99999, name, sizeof(name));
        ck_assert_str_eq(name, "system call 99999");
} END_TEST

int main(void) {
        Suite *suite = suite_create("sandbox");
        TCase *tcase = tcase_create("sandbox");

        if (!has_sandboxes())
                return SKIPPED;
        tcase_set_timeout(tcase, 60);
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, each_kind);
        tcase_add_test(tcase, relay_without_a_broker);
        tcase_add_test(tcase, discovery);
        tcase_add_test(tcase, needs);
        tcase_add_test(tcase, needs_that_are_malformed);
        tcase_add_test(tcase, log_and_off);
        tcase_add_test(tcase, dangerous_calls);
        tcase_add_test(tcase, merely_tried);
        tcase_add_test(tcase, decoding_is_strict);
        tcase_add_test(tcase, what_a_kernel_cannot_refuse);
        tcase_add_test(tcase, names_of_calls);
        suite_add_tcase(suite, tcase);
        return check_run(suite);
}

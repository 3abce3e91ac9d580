/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/filter.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/memfd.h"
#include "lib/sandbox.h"

/* Libc's and the kernel's, where headers of Debian 12 are too old. */
#ifndef PR_SET_VMA
#  define PR_SET_VMA 0x53564d41
#endif

/* What everybody may: memory, time, the files and sockets that he has, files that Landlock lets him open. */
static const char *const allowed[] = {
        /* memory */
        "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "mincore", "mlock", "mlock2", "munlock", "msync", "membarrier",
        "memfd_create", "pkey_alloc", "pkey_free", "pkey_mprotect", "mseal",
        /* what is open */
        "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close", "close_range",
        "lseek", "dup", "dup2", "dup3", "flock", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate", "fadvise64",
        "readahead", "sendfile", "copy_file_range", "splice", "pipe", "pipe2", "fchmod", "fstatfs", "getdents", "getdents64", "fchdir",
        /* files by name */
        "open", "openat", "creat", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat", "faccessat2",
        "readlink", "readlinkat", "getcwd", "chdir", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
        "rmdir", "link", "linkat", "symlink", "symlinkat", "umask", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
        /* waiting */
        "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
        "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4", "futex", "futex_waitv",
        "nanosleep", "clock_nanosleep", "pause", "restart_syscall",
        /* sockets that are there */
        "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "shutdown", "getsockname", "getpeername", "getsockopt",
        "setsockopt", "accept", "accept4",
        /* time */
        "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "alarm", "getitimer", "setitimer", "timer_create",
        "timer_delete", "timer_settime", "timer_gettime", "timer_getoverrun",
        /* itself */
        "exit", "exit_group", "getpid", "getppid", "gettid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid",
        "getresuid", "getresgid", "getgroups", "capget", "getrusage", "getrlimit", "setrlimit", "getpriority", "sched_yield",
        "sched_getaffinity", "sched_getparam", "sched_getscheduler", "uname", "sysinfo", "getcpu", "getrandom", "rseq", "arch_prctl",
        "set_tid_address", "set_robust_list", "get_robust_list", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
        "rt_sigtimedwait", "sigaltstack", "wait4", "waitid",
};

/* What libraries try for speed or comfort and do well without. */
static const struct {
        const char *name;
        int error;
} refused[] = {
        {"clone3", ENOSYS}, /* its flags cannot be looked at; libc falls back to clone */
        {"openat2", ENOSYS}, {"io_uring_setup", ENOSYS}, {"userfaultfd", ENOSYS},
        {"pidfd_open", ENOSYS}, {"memfd_secret", ENOSYS}, {"map_shadow_stack", ENOSYS},
        {"mlockall", EPERM}, {"munlockall", EPERM}, {"setpriority", EPERM}, {"sched_setaffinity", EPERM},
        {"sched_setscheduler", EPERM},
        {"sched_setparam", EPERM}, {"sched_setattr", EPERM}, {"ioprio_set", EPERM}, {"mbind", EPERM}, {"set_mempolicy", EPERM},
        {"get_mempolicy", EPERM}, {"chown", EPERM}, {"fchown", EPERM}, {"lchown", EPERM}, {"fchownat", EPERM},
        {"setxattr", EPERM}, {"fsetxattr", EPERM}, {"lsetxattr", EPERM}, {"getxattr", ENOTSUP},
        {"fgetxattr", ENOTSUP}, {"lgetxattr", ENOTSUP},
        {"listxattr", ENOTSUP}, {"flistxattr", ENOTSUP}, {"llistxattr", ENOTSUP}, {"personality", EPERM},
        /* By name, and Landlock does not know them: a file of somebody else of the same user would be changed. */
        {"chmod", EPERM}, {"fchmodat", EPERM}, {"fchmodat2", EPERM}, {"truncate", EPERM}, {"utime", EPERM},
        {"utimes", EPERM}, {"futimesat", EPERM},
};

static const char *const of_processes[] = {"fork", "vfork", "clone", "setsid", "setpgid"};
static const char *const of_execution[] = {"execve", "execveat"};

/* The commands of calls with many faces. */
static const int controls[] = {
        F_DUPFD,     F_DUPFD_CLOEXEC, F_GETFD,      F_SETFD,      F_GETFL,     F_SETFL,
        F_GETLK,     F_SETLK,         F_SETLKW,     F_OFD_GETLK,  F_OFD_SETLK, F_OFD_SETLKW,
        F_ADD_SEALS, F_GET_SEALS,     F_GETPIPE_SZ, F_SETPIPE_SZ, F_GETOWN,
};
static const unsigned ioctls[] = {FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCOUTQ, TCGETS, TIOCGWINSZ};
/* Through a socket that is there; netlink, which libc would ask, has more to say and is not let in by the unit. */
static const unsigned of_addresses[] = {SIOCGIFCONF};
static const int process_controls[] = {
        PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ,
        PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_VMA,
};

struct filter {
        scmp_filter_ctx context;
        unsigned needs;
        int error; /* of any rule: sticks */
};

/* Calls that this machine does not have, or that libseccomp does not know yet, have no number. */
static void rule(struct filter *f, uint32_t action, const char *name, unsigned n, const struct scmp_arg_cmp *conditions) {
        int number = seccomp_syscall_resolve_name(name), r;

        if (number < 0 || f->error < 0)
                return;
        r = seccomp_rule_add_exact_array(f->context, action, number, n, conditions);
        if (r < 0 && r != -EEXIST)
                f->error = r;
}

static void allow(struct filter *f, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                rule(f, SCMP_ACT_ALLOW, names[i], 0, NULL);
}

/* Arguments are compared as the 32 bits that the kernel takes them for. */
static void allow_if(struct filter *f, const char *name, unsigned argument, uint32_t value) {
        rule(f, SCMP_ACT_ALLOW, name, 1, &SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, 0xffffffffU, value));
}

static void allow_socket(struct filter *f, int family, int type) {
        const struct scmp_arg_cmp conditions[] = {
                SCMP_CMP(0, SCMP_CMP_MASKED_EQ, 0xffffffffU, (uint32_t) family),
                SCMP_CMP(1, SCMP_CMP_MASKED_EQ, ~(uint32_t) (SOCK_CLOEXEC | SOCK_NONBLOCK), (uint32_t) type),
        };

        rule(f, SCMP_ACT_ALLOW, "socket", ELEMENTSOF(conditions), conditions);
}

static void add_sockets(struct filter *f) {
        static const int internet[] = {AF_INET, AF_INET6};

        allow_if(f, "socketpair", 0, AF_UNIX);
        for (size_t i = 0; i < ELEMENTSOF(internet); i++) {
                if (f->needs & FILTER_TCP)
                        allow_socket(f, internet[i], SOCK_STREAM);
                if (f->needs & FILTER_RESOLVE)
                        allow_socket(f, internet[i], SOCK_DGRAM);
        }
        if (f->needs & FILTER_RESOLVE) {
                allow_if(f, "socket", 0, AF_NETLINK);
                rule(f, SCMP_ACT_ALLOW, "bind", 0, NULL); /* libc binds the netlink socket; TCP ports are Landlock's */
        }
        if (f->needs & FILTER_UNIX)
                allow_if(f, "socket", 0, AF_UNIX);
        if (f->needs & (FILTER_TCP | FILTER_UNIX | FILTER_RESOLVE))
                rule(f, SCMP_ACT_ALLOW, "connect", 0, NULL);
}

/* Threads; and with FILTER_PROCESSES whatever has no namespace of its own, which the kernel refuses without privileges anyway. */
static void add_clone(struct filter *f) {
        const uint32_t threads = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
        const uint32_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET;
#if defined(__s390__)
        const unsigned flags = 1;
#else
        const unsigned flags = 0;
#endif

        if (f->needs & FILTER_PROCESSES) {
                rule(f, SCMP_ACT_ALLOW, "clone", 1, &SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, spaces, 0));
                allow(f, of_processes, ELEMENTSOF(of_processes));
        } else
                rule(f, SCMP_ACT_ALLOW, "clone", 1, &SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, threads | spaces, threads));
        if (f->needs & FILTER_EXECUTE)
                allow(f, of_execution, ELEMENTSOF(of_execution));
}

static void add_rules(struct filter *f) {
        allow(f, allowed, ELEMENTSOF(allowed));
        for (size_t i = 0; i < ELEMENTSOF(refused) && !(f->needs & FILTER_LOG); i++)
                rule(f, SCMP_ACT_ERRNO(refused[i].error), refused[i].name, 0, NULL);
        add_sockets(f);
        add_clone(f);

        /* To itself only. */
        allow_if(f, "kill", 0, SANDBOX_PID_MARK);
        allow_if(f, "tgkill", 0, SANDBOX_PID_MARK);
        allow_if(f, "prlimit64", 0, 0);
        /* A violation is told by the handler of SIGSYS: it stays. */
        rule(f, SCMP_ACT_ALLOW, "rt_sigaction", 1, &SCMP_CMP(0, SCMP_CMP_NE, SIGSYS));
        if (!(f->needs & FILTER_LOG))
                rule(f, SCMP_ACT_ERRNO(EPERM), "rt_sigaction", 1, &SCMP_CMP(0, SCMP_CMP_EQ, SIGSYS));
        /* The times of an open file only. */
        rule(f, SCMP_ACT_ALLOW, "utimensat", 1, &SCMP_CMP(1, SCMP_CMP_EQ, 0));
        /* Not F_SETOWN and F_SETSIG: by them the kernel sends signals to others in our name. */
        for (size_t i = 0; i < ELEMENTSOF(controls); i++)
                allow_if(f, "fcntl", 1, (uint32_t) controls[i]);
        for (size_t i = 0; i < ELEMENTSOF(ioctls); i++)
                allow_if(f, "ioctl", 1, ioctls[i]);
        for (size_t i = 0; i < ELEMENTSOF(of_addresses) && (f->needs & FILTER_ADDRESSES); i++)
                allow_if(f, "ioctl", 1, of_addresses[i]);
        for (size_t i = 0; i < ELEMENTSOF(process_controls); i++)
                allow_if(f, "prctl", 0, (uint32_t) process_controls[i]);
}

/* The highest number that libseccomp has a name for; searched from above, where there are few. */
static int highest_call(void) {
        for (int number = 1023; number > 0; number--) {
                char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

                free(name);
                if (name)
                        return number;
        }
        return 0;
}

/* In front of libseccomp's program: numbers beyond what it knows, and below those of x32, do not exist. */
static size_t prologue(struct sock_filter to[4]) {
        const struct sock_filter instructions[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t) highest_call(), 0, 2),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        };

        memcpy(to, instructions, sizeof(instructions));
        return sizeof(instructions);
}

static int export(struct filter *f, uint8_t **ret, size_t *ret_size) {
        _cleanup_close_ int fd = memfd_open("filter");
        struct sock_filter first[4];
        _cleanup_free_ uint8_t *data = NULL;
        size_t before = f->needs & FILTER_LOG ? 0 : prologue(first);
        struct stat st;
        ssize_t n;
        int r;

        if (fd < 0)
                return fd;
        r = seccomp_export_bpf(f->context, fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        data = malloc(before + (size_t) st.st_size);
        if (!data)
                return -ENOMEM;
        memcpy(data, first, before);
        n = pread(fd, data + before, (size_t) st.st_size, 0);
        if (n != st.st_size)
                return n < 0 ? -errno : -EIO;
        *ret = STEAL(data);
        *ret_size = before + (size_t) n;
        return 0;
}

int filter_compile(unsigned needs, uint8_t **ret, size_t *ret_size) {
        struct filter f = {.needs = needs};
        int r;

        f.context = seccomp_init(needs & FILTER_LOG ? SCMP_ACT_LOG : SCMP_ACT_TRAP);
        if (!f.context)
                return -ENOMEM;
        r = seccomp_attr_set(f.context, SCMP_FLTATR_ACT_BADARCH, needs & FILTER_LOG ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
        /* A tree, not a list: the kernel walks the program for every call there is when it is loaded. */
        if (r >= 0)
                r = seccomp_attr_set(f.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        add_rules(&f);
        if (r >= 0)
                r = f.error;
        if (r >= 0)
                r = export(&f, ret, ret_size);
        seccomp_release(f.context);
        return r;
}

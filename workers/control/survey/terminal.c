/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workers/control/survey/terminal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "lib/util.h"

/* The other screen, no cursor, no wrapping of lines; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

static struct {
        struct termios before;
        bool entered;
        size_t scrolled, lines; /* the first line that is shown; how many there are */
        sigset_t signals;       /* as it was; while we wait, signals come in */
} terminal;

static volatile sig_atomic_t ended, resized, stopped;

static void on_signal(int signo) {
        if (signo == SIGWINCH)
                resized = 1;
        else if (signo == SIGTSTP)
                stopped = 1;
        else
                ended = 1;
}

static void take_screen(void) {
        struct termios raw = terminal.before;

        raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
        (void) fputs(ENTER, stdout);
        (void) fflush(stdout);
}

static void give_screen(void) {
        (void) fputs(LEAVE, stdout);
        (void) fflush(stdout);
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal.before);
}

int terminal_enter(void) {
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
        struct sigaction action = {.sa_handler = on_signal};
        sigset_t blocked;

        if (tcgetattr(STDIN_FILENO, &terminal.before) < 0)
                return -errno;
        (void) sigemptyset(&blocked);
        for (unsigned i = 0; i < ELEMENTSOF(signals); i++) {
                (void) sigaddset(&blocked, signals[i]);
                if (sigaction(signals[i], &action, NULL) < 0)
                        return -errno;
        }
        /* They are taken while we wait, and nowhere else. */
        if (sigprocmask(SIG_BLOCK, &blocked, &terminal.signals) < 0)
                return -errno;
        terminal.entered = true;
        take_screen();
        return 0;
}

void terminal_leave(void) {
        if (terminal.entered)
                give_screen();
        terminal.entered = false;
}

static struct winsize size_of_terminal(void) {
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
                size = (struct winsize) {.ws_row = 24, .ws_col = 80};
        return size;
}

/* As much of a line as is visible in so many columns; escape sequences take none, and are all passed on. */
static void put_line(const char *line, size_t length, size_t columns) {
        for (size_t i = 0, column = 0; i < length; i++) {
                unsigned char c = (unsigned char) line[i];

                if (c == '\033') {
                        size_t end = i + 1;

                        while (end < length && line[end] != 'm')
                                end++;
                        (void) fwrite(line + i, 1, MIN(end + 1, length) - i, stdout);
                        i = end;
                        continue;
                }
                /* The following bytes of a character belong to its first. */
                column += (c & 0xc0) != 0x80;
                if (column <= columns)
                        (void) fputc(c, stdout);
        }
        (void) fputs(CLEAR_LINE "\n", stdout);
}

static size_t count_lines(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static void clamp(size_t rows) {
        size_t most = terminal.lines > rows ? terminal.lines - rows : 0;

        terminal.scrolled = MIN(terminal.scrolled, most);
}

void terminal_show(const char *text, const char *status) {
        struct winsize size = size_of_terminal();
        size_t rows = size.ws_row > 1 ? size.ws_row - 1U : 1;

        terminal.lines = count_lines(text);
        clamp(rows);
        (void) fputs(HOME, stdout);
        for (size_t i = 0; i < terminal.scrolled + rows && *text; i++) {
                size_t length = strcspn(text, "\n");

                if (i >= terminal.scrolled)
                        put_line(text, length, size.ws_col);
                text += length + (text[length] == '\n');
        }
        (void) printf(CLEAR_REST "\033[%u;1H\033[7m%.*s\033[0m" CLEAR_LINE, size.ws_row, size.ws_col, status);
        (void) fflush(stdout);
}

/* Lines to go down, or up. */
static int scroll(long lines) {
        if (lines < 0 && (size_t) -lines > terminal.scrolled)
                terminal.scrolled = 0;
        else
                terminal.scrolled += (size_t) lines;
        return TERMINAL_REDRAW;
}

static int take_key(const char *key, size_t n) {
        static const struct {
                const char *key;
                int lines; /* 0: a screen's height down, INT32_MIN: up */
        } moves[] = {
                {"j", 1}, {"k", -1}, {"\033[B", 1}, {"\033[A", -1}, {"\033OB", 1}, {"\033OA", -1},
                {"\033[6~", 0}, {"\033[5~", INT32_MIN}, {"g", -1000000}, {"\033[H", -1000000}, {"G", 1000000}, {"\033[F", 1000000},
        };
        int page = MAX((int) size_of_terminal().ws_row - 2, 1);

        if (n == 1 && strchr("qQ\003\004", key[0]))
                return TERMINAL_QUIT;
        if (n == 1 && strchr(" rR", key[0]))
                return TERMINAL_REFRESH;
        for (unsigned i = 0; i < ELEMENTSOF(moves); i++)
                if (n == strlen(moves[i].key) && memcmp(key, moves[i].key, n) == 0)
                        return scroll(moves[i].lines == 0 ? page : moves[i].lines == INT32_MIN ? -page : moves[i].lines);
        return TERMINAL_NOTHING;
}

/* How many bytes the first of some keys is: an escape sequence, or a character. */
static size_t key_length(const char *keys, size_t n) {
        size_t i = 2;

        if (n < 3 || keys[0] != '\033' || (keys[1] != '[' && keys[1] != 'O'))
                return 1;
        while (i + 1 < n && (keys[i] < '@' || keys[i] > '~'))
                i++;
        return i + 1;
}

/* Over a slow line, or when one is held down, several come at once. */
static int take_keys(const char *keys, size_t n) {
        int r = TERMINAL_NOTHING;

        while (n > 0 && r != TERMINAL_QUIT) {
                size_t length = key_length(keys, n);
                int k = take_key(keys, length);

                if (k == TERMINAL_QUIT || r != TERMINAL_REFRESH)
                        r = k == TERMINAL_NOTHING ? r : k;
                keys += length;
                n -= length;
        }
        return r;
}

/* The screen is the shell's while we are stopped. */
static int stop(void) {
        stopped = 0;
        give_screen();
        (void) raise(SIGSTOP);
        take_screen();
        return TERMINAL_REDRAW;
}

int terminal_wait(uint64_t deadline) {
        for (;;) {
                struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
                uint64_t now = now_monotonic(), left = deadline > now ? deadline - now : 0;
                struct timespec timeout = {.tv_sec = (time_t) (left / NSEC_PER_SEC), .tv_nsec = (long) (left % NSEC_PER_SEC)};
                char keys[256];
                ssize_t size;
                int n, r;

                n = ppoll(&p, 1, &timeout, &terminal.signals);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (ended)
                        return TERMINAL_QUIT;
                if (stopped)
                        return stop();
                if (resized) {
                        resized = 0;
                        return TERMINAL_REDRAW;
                }
                if (n == 0)
                        return TERMINAL_NOTHING;
                if (n < 0)
                        continue;
                size = read(STDIN_FILENO, keys, sizeof(keys));
                if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
                        return -EIO;
                r = size > 0 ? take_keys(keys, (size_t) size) : TERMINAL_NOTHING;
                if (r != TERMINAL_NOTHING)
                        return r;
        }
}

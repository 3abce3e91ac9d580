/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backup/gzip.h"

#include <pthread.h>
#include <zlib.h>

#define BLOCK_SIZE (256U * 1024)
#define WINDOW_SIZE (32U * 1024)
#define JOBS_PER_THREAD 3

enum job_state { JOB_FREE, JOB_WAITING, JOB_TAKEN, JOB_DONE };

struct job {
        enum job_state state;
        bool last;
        int error;
        size_t n_window, n_in, n_out;
        uint32_t crc;
        uint8_t *memory; /* window, block, and what they became */
        size_t out_size;
};

struct gzip {
        gzip_write_function *write;
        void *userdata;
        int level;
        pthread_t threads[GZIP_THREADS_MAX];
        unsigned n_threads;
        pthread_mutex_t lock;
        pthread_cond_t filled, done;
        bool ending;
        /* A ring: the caller fills jobs[head], threads take jobs[next_taken], jobs[tail] is the next to be written. */
        struct job jobs[GZIP_THREADS_MAX * JOBS_PER_THREAD];
        unsigned n_jobs, head, taken, tail;
        uint32_t crc;
        uint64_t size;
};

static uint8_t *job_window(struct job *j) {
        return j->memory;
}

static uint8_t *job_in(struct job *j) {
        return j->memory + WINDOW_SIZE;
}

static uint8_t *job_out(struct job *j) {
        return j->memory + WINDOW_SIZE + BLOCK_SIZE;
}

/* A block ends on a whole byte: they can be put one behind the other. */
static int compress_job(z_stream *z, struct job *j) {
        int r;

        if (deflateReset(z) != Z_OK)
                return -EIO;
        if (j->n_window > 0 && deflateSetDictionary(z, job_window(j), (unsigned) j->n_window) != Z_OK)
                return -EIO;
        z->next_in = job_in(j);
        z->avail_in = (unsigned) j->n_in;
        z->next_out = job_out(j);
        z->avail_out = (unsigned) j->out_size;
        r = deflate(z, j->last ? Z_FINISH : Z_SYNC_FLUSH);
        if (r != (j->last ? Z_STREAM_END : Z_OK) || z->avail_in > 0 || z->avail_out == 0)
                return -EIO;
        j->n_out = j->out_size - z->avail_out;
        j->crc = (uint32_t) crc32_z(0, job_in(j), j->n_in);
        return 0;
}

static void *run(void *userdata) {
        struct gzip *g = userdata;
        z_stream z = {0};
        int ready = deflateInit2(&z, g->level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);

        (void) pthread_mutex_lock(&g->lock);
        for (;;) {
                struct job *j = &g->jobs[g->taken];

                if (g->ending)
                        break;
                if (j->state != JOB_WAITING) {
                        (void) pthread_cond_wait(&g->filled, &g->lock);
                        continue;
                }
                j->state = JOB_TAKEN;
                g->taken = (g->taken + 1) % g->n_jobs;
                (void) pthread_mutex_unlock(&g->lock);
                j->error = ready == Z_OK ? compress_job(&z, j) : -ENOMEM;
                (void) pthread_mutex_lock(&g->lock);
                j->state = JOB_DONE;
                (void) pthread_cond_signal(&g->done);
        }
        (void) pthread_mutex_unlock(&g->lock);
        if (ready == Z_OK)
                (void) deflateEnd(&z);
        return NULL;
}

/* The oldest job, once it is done. */
static int write_tail(struct gzip *g) {
        struct job *j = &g->jobs[g->tail];
        int r;

        (void) pthread_mutex_lock(&g->lock);
        while (j->state != JOB_DONE)
                (void) pthread_cond_wait(&g->done, &g->lock);
        (void) pthread_mutex_unlock(&g->lock);
        r = j->error;
        if (r >= 0)
                r = g->write(g->userdata, job_out(j), j->n_out);
        if (r < 0)
                return r;
        g->crc = (uint32_t) crc32_combine(g->crc, j->crc, (z_off_t) j->n_in);
        g->size += j->n_in;
        (void) pthread_mutex_lock(&g->lock);
        j->state = JOB_FREE;
        (void) pthread_mutex_unlock(&g->lock);
        g->tail = (g->tail + 1) % g->n_jobs;
        return 0;
}

/* The block at the head is complete: the next one gets its end as a window. */
static int submit(struct gzip *g, bool last) {
        struct job *j = &g->jobs[g->head], *next;
        int r = 0;

        (void) pthread_mutex_lock(&g->lock);
        j->last = last;
        j->state = JOB_WAITING;
        (void) pthread_cond_signal(&g->filled);
        (void) pthread_mutex_unlock(&g->lock);
        g->head = (g->head + 1) % g->n_jobs;
        if (last)
                return 0;
        next = &g->jobs[g->head];
        if (g->head == g->tail)
                r = write_tail(g);
        if (r < 0)
                return r;
        next->n_window = MIN(j->n_in, (size_t) WINDOW_SIZE);
        memcpy(job_window(next), job_in(j) + j->n_in - next->n_window, next->n_window);
        next->n_in = 0;
        return 0;
}

int gzip_new(gzip_write_function *write, void *userdata, int level, unsigned threads, struct gzip **ret) {
        static const uint8_t header[] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, 3 /* Unix */};
        size_t out_size = compressBound(BLOCK_SIZE) + 64;
        struct gzip *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->write = write;
        g->userdata = userdata;
        g->level = level;
        g->n_jobs = MAX(MIN(threads, (unsigned) GZIP_THREADS_MAX), 1U) * JOBS_PER_THREAD;
        (void) pthread_mutex_init(&g->lock, NULL);
        (void) pthread_cond_init(&g->filled, NULL);
        (void) pthread_cond_init(&g->done, NULL);
        for (unsigned i = 0; i < g->n_jobs; i++) {
                g->jobs[i].out_size = out_size;
                g->jobs[i].memory = malloc(WINDOW_SIZE + BLOCK_SIZE + out_size);
                if (!g->jobs[i].memory) {
                        gzip_free(g);
                        return -ENOMEM;
                }
        }
        r = write(userdata, header, sizeof(header));
        while (r >= 0 && g->n_threads < g->n_jobs / JOBS_PER_THREAD) {
                r = -pthread_create(&g->threads[g->n_threads], NULL, run, g);
                if (r >= 0)
                        g->n_threads++;
        }
        /* One thread is enough. */
        if (r < 0 && g->n_threads == 0) {
                gzip_free(g);
                return r;
        }
        *ret = g;
        return 0;
}

int gzip_write(struct gzip *g, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                struct job *j = &g->jobs[g->head];
                size_t n = MIN(size, BLOCK_SIZE - j->n_in);
                int r;

                memcpy(job_in(j) + j->n_in, p, n);
                j->n_in += n;
                p += n;
                size -= n;
                if (j->n_in < BLOCK_SIZE)
                        break;
                r = submit(g, false);
                if (r < 0)
                        return r;
        }
        return 0;
}

int gzip_finish(struct gzip *g) {
        uint8_t trailer[8];
        int r = submit(g, true);

        do {
                if (r >= 0)
                        r = write_tail(g);
        } while (r >= 0 && g->tail != g->head);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < 4; i++) {
                trailer[i] = (uint8_t) (g->crc >> 8 * i);
                trailer[4 + i] = (uint8_t) (g->size >> 8 * i);
        }
        return g->write(g->userdata, trailer, sizeof(trailer));
}

struct gzip *gzip_free(struct gzip *g) {
        if (!g)
                return NULL;
        (void) pthread_mutex_lock(&g->lock);
        g->ending = true;
        (void) pthread_cond_broadcast(&g->filled);
        (void) pthread_mutex_unlock(&g->lock);
        for (unsigned i = 0; i < g->n_threads; i++)
                (void) pthread_join(g->threads[i], NULL);
        for (unsigned i = 0; i < g->n_jobs; i++)
                free(g->jobs[i].memory);
        (void) pthread_mutex_destroy(&g->lock);
        (void) pthread_cond_destroy(&g->filled);
        (void) pthread_cond_destroy(&g->done);
        free(g);
        return NULL;
}

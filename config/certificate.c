/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/certificate.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <nettle/sha2.h>
#include <stdio.h>

#include "lib/file.h"

#define PEM_MAX (256U * 1024) /* what the gateway reads of each */

struct pem {
        char *text;
        size_t size;
};

static void pem_done(struct pem *p) {
        if (p->text)
                explicit_bzero(p->text, p->size);
        free(p->text);
}

static void make_digest(const struct pem *pems, size_t n, char ret[CERTIFICATE_DIGEST_SIZE]) {
        uint8_t digest[SHA256_DIGEST_SIZE];
        struct sha256_ctx context;

        sha256_init(&context);
        for (size_t i = 0; i < n; i++) {
                uint64_t size = pems[i].size;

                sha256_update(&context, sizeof(size), (const uint8_t *) &size);
                sha256_update(&context, pems[i].size, (const uint8_t *) pems[i].text);
        }
        sha256_digest(&context, sizeof(digest), digest);
        for (unsigned i = 0; i < sizeof(digest); i++)
                (void) sprintf(ret + i * 2, "%02x", digest[i]);
}

/* The library is loaded by need: only few services have TLS of their own, and it takes longer to load than all else here. */
static int check_pair(const struct pem *certificate, const struct pem *key, char *ret_problem, size_t problem_size) {
        const gnutls_datum_t certificate_datum = {(unsigned char *) certificate->text, (unsigned) certificate->size};
        const gnutls_datum_t key_datum = {(unsigned char *) key->text, (unsigned) key->size};
        typeof(&gnutls_certificate_allocate_credentials) allocate;
        typeof(&gnutls_certificate_free_credentials) release;
        typeof(&gnutls_certificate_set_x509_key_mem) set_key;
        typeof(&gnutls_strerror) describe;
        gnutls_certificate_credentials_t credentials;
        void *library = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
        int r;

        if (!library)
                return 0;
        allocate = (typeof(allocate)) dlsym(library, "gnutls_certificate_allocate_credentials");
        release = (typeof(release)) dlsym(library, "gnutls_certificate_free_credentials");
        set_key = (typeof(set_key)) dlsym(library, "gnutls_certificate_set_x509_key_mem");
        describe = (typeof(describe)) dlsym(library, "gnutls_strerror");
        if (!allocate || !release || !set_key || !describe)
                return 0;
        if (allocate(&credentials) < 0)
                return -ENOMEM;
        r = set_key(credentials, &certificate_datum, &key_datum, GNUTLS_X509_FMT_PEM);
        release(credentials);
        if (r >= 0)
                return 0;
        (void) snprintf(ret_problem, problem_size, "%s", describe(r));
        return 1;
}

int certificate_check(const char *certificate, const char *key, char ret_digest[CERTIFICATE_DIGEST_SIZE], char *ret_problem,
                      size_t problem_size) {
        struct pem pems[2] = {0};
        int r;

        r = file_read(certificate, PEM_MAX, &pems[0].text, &pems[0].size);
        if (r >= 0)
                r = file_read(key, PEM_MAX, &pems[1].text, &pems[1].size);
        if (r >= 0) {
                make_digest(pems, ELEMENTSOF(pems), ret_digest);
                r = check_pair(&pems[0], &pems[1], ret_problem, problem_size);
        }
        pem_done(&pems[0]);
        pem_done(&pems[1]);
        return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/child.h"

#include "config/build.h"
#include "lib/channel.h"
#include "lib/memfd.h"

static int emit(int fd, const struct pack *plan, const char *descriptions, size_t size) {
        _cleanup_close_ int plan_fd = -1, descriptions_fd = -1;

        plan_fd = memfd_sealed("plan", plan->data, plan->size);
        if (plan_fd < 0)
                return plan_fd;
        descriptions_fd = memfd_sealed("descriptions", descriptions, size);
        if (descriptions_fd < 0)
                return descriptions_fd;
        return channel_send(fd, WIRE_DEPLOY, 0, NULL, 0, (const int[]) {plan_fd, descriptions_fd}, 2);
}

int config_check_main(const struct config_request *request, int emit_fd) {
        _cleanup_(findings_done) struct findings findings = {.strict = request->strict};
        _cleanup_(pack_done) struct pack plan = PACK_NULL;
        _cleanup_free_ char *descriptions = NULL;
        size_t size = 0;
        int r;

        r = config_build(request, &findings, &plan, &descriptions, &size);
        findings_print(&findings, stderr);
        if (r < 0)
                (void) fprintf(stderr, "error: the configuration cannot be read: %s\n", strerror(-r));
        if (r == 0 && emit_fd >= 0) {
                r = emit(emit_fd, &plan, descriptions, size);
                if (r < 0)
                        (void) fprintf(stderr, "error: the plan cannot be handed over: %s\n", strerror(-r));
        }
        (void) fflush(stderr);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policy core, life by life: each case is a script (policy-script.h) that plays slots over a fake clock.
 * Times, where a case does not say others: ready within 10 s, drained within 3 s, SIGTERM 2 s, SIGABRT 1 s,
 * SIGKILL 0.5 s, healthy after 30 s, five failures within 60 s, waits 0, 100, 200, 400 ms, slow lane 120 s; jitter halves
 * at most.
 */
#include <check.h>
#include <stdio.h>

#include "tests/unit/policy-script.h"
#include "tests/unit/run.h"

struct life {
        const char *name, *script;
};

static const struct life starting[] = {
        {"in the order of the plan",
         "add a; add b; start; : spawn a, spawn b; is a starting; run a; run b; : serve a, serve b, service-ready; "
         "whole"},
        {"nothing before the start",
         "add a; is a stopped; : ; next never"},
        {"a dependent waits for READY",
         "add m; add a needs=m; start; : spawn m; is a blocked; says a waits for m, which is starting; degraded; "
         "up m; is a blocked; ready m; is a starting; : serve m, spawn a"},
        {"a dependent waits for a once worker's end, not for its READY",
         "add m once; add a needs=m; start; run m; is a blocked; die m exit 0; is m done; is a starting; "
         ": spawn m, serve m, unserve m, spawn a"},
        {"a chain starts link by link",
         "add a; add b needs=a; add c needs=a,b; start; : spawn a; run a; : serve a, spawn b; is c blocked; run b; "
         ": serve b, spawn c; run c; is c ready"},
        {"a chain of resting ones is resting at once",
         "add m; add a demand needs=m; add b demand needs=a; start; is b blocked; run m; is a resting; "
         "is b resting"},
        {"none can require what comes after it, or itself",
         "add a; add b needs=a; start; is b blocked; run a; run b; is b ready"},
        {"the reason follows what is waited for",
         "add m once; add a needs=m; start; failed m config bad; says a waits for m, which is stopping; "
         "die m exit 1; is m failed; says a waits for m, which is failed; reset m; says a waits for m, "
         "which is starting"},
        {"a dependent that runs is left alone when the required one falls",
         "add m; add a needs=m; start; run m; run a; die m signal 11; is a ready; is m starting"},
        {"a dependent that falls meanwhile waits, and comes back by itself",
         "add m; add a needs=m; start; run m; run a; die m signal 11; die a signal 11; is a blocked; failures a 1; "
         "run m; is a starting; run a; is a ready"},
        {"ready when it was executed",
         "add a exec atonce; start; up a; is a ready; : spawn a, serve a, service-ready"},
        {"one that is ready in no time has no deadline left",
         "add a; start; run a; next never"},
        {"not ready in time: SIGABRT, SIGKILL, undead, put aside, another",
         "add a; start; up a; : spawn a; wait 9999; : ; wait 1; is a stopping; : ABRT a; wait 1000; : KILL a; "
         "wait 499; : ; wait 1; is a undead; says a outlives SIGKILL; : service-ready; wait 5000; : spawn a; "
         "is a starting; run a; is a ready; die a- killed 9; told a was not ready in time; is a ready; : serve a, "
         "record deadline a"},
        {"not ready in time, and ended by SIGABRT: a failure like others",
         "add a; start; up a; wait 10000; die a signal 6; : spawn a, ABRT a, spawn a, record deadline a; "
         "cause a deadline; says a was not ready in time; deaths a deadline 1"},
        {"a spawn that takes too long ends when it is there",
         "add a; start; : spawn a; wait 10000; is a stopping; : ; up a; : TERM a; die a signal 15; is a starting; "
         "cause a deadline"},
        {"READY twice, and READY of one that ends",
         "add a; start; run a; ready a; : spawn a, serve a, service-ready; replace a; run a+; ready a-; : spawn a, "
         "serve a, TERM a; next 1000 2000"},
        {"the time from spawn to ready",
         "add a; start; wait 7; run a; is a ready"},
};

static const struct life failing[] = {
        {"the schedule: at once, then growing, then the slow lane, for ever",
         "add a; start; run a; die a signal 11; is a starting; failures a 1; up a; die a signal 11; is a backoff; "
         "next 50 100; failures a 2; wait 100; is a starting; up a; die a exit 3; next 100 200; wait 200; up a; "
         "die a exit 3; next 200 400; until a starting 200 400; up a; die a exit 3; is a failed; failures a 5; "
         "next 60000 120000; until a starting 60000 120000; up a; die a exit 3; is a failed; failures a 6; "
         "until a starting 60000 120000; run a; die a exit 3; is a failed; until a starting 60000 120000; run a; "
         "is a ready; wait 30000; failures a 0; cause a none; die a exit 3; is a starting"},
        {"without an intensity: to the cap and never further",
         "add a control intensity=0 cap=1000; start; run a; die a exit 1; is a starting; up a; die a exit 1; "
         "next 50 100; wait 100; up a; die a exit 1; wait 200; up a; die a exit 1; wait 400; up a; die a exit 1; "
         "next 400 800; wait 800; up a; die a exit 1; is a backoff; next 500 1000; wait 1000; up a; die a exit 1; "
         "is a backoff; next 500 1000; wait 1000; up a; die a exit 1; is a backoff; failures a 8; wait 1000; "
         "is a starting"},
        {"control is not failed by a wrong configuration either",
         "add a control intensity=0 cap=1000; start; up a; failed a config bad; die a exit 1; is a backoff; "
         "next 500 1000"},
        {"healthy time makes it forget",
         "add a; start; run a; die a exit 1; run a; wait 29999; failures a 1; cause a exit; wait 1; failures a 0; "
         "cause a none"},
        {"and less does not",
         "add a; start; run a; die a exit 1; run a; wait 29999; die a exit 1; failures a 2; is a backoff"},
        {"failures that come slowly do not add up",
         "add a; start; run a; die a exit 1; run a; wait 20000; die a exit 1; failures a 2; wait 100; run a; "
         "wait 20000; die a exit 1; failures a 3; wait 200; run a; wait 20000; die a exit 1; failures a 1; "
         "is a starting"},
        {"a steady rhythm does not start over where there is no intensity",
         "add a intensity=0; start; run a; die a exit 1; run a; wait 20000; die a exit 1; wait 100; run a; "
         "wait 20000; die a exit 1; wait 200; run a; wait 20000; die a exit 1; failures a 3; is a backoff"},
        {"an exec error is not tried again in a hurry",
         "add a; start; unborn a exec no-such-file; is a failed; says a no-such-file; told a no-such-file; "
         "cause a exec; next 60000 120000; : spawn a, record exec a, service-ready; until a starting 60000 120000; "
         ": spawn a"},
        {"after an exec error any other failure is the last straw, too",
         "add a; start; unborn a exec; until a starting 60000 120000; up a; die a exit 1; is a failed"},
        {"neither is a wrong configuration, in the worker's own words",
         "add a; start; up a; failed a config bad-dsn; die a exit 78; is a failed; says a bad-dsn; told a bad-dsn; "
         "deaths a config 1; next 60000 120000"},
        {"a wrong configuration by exit code alone has words, too",
         "add a; start; up a; die a config 78; is a failed; says a its configuration is wrong"},
        {"a mismatch is not tried again until it is reset",
         "add a; start; up a; failed a mismatch other-major; die a exit 1; is a failed; says a other-major; "
         "next never; wait 3600000; is a failed; reset a; is a starting; : spawn a, record mismatch a, "
         "service-ready, spawn a"},
        {"nor until its inputs are new",
         "add a; start; up a; failed a mismatch; die a exit 1; replace a; is a starting"},
        {"a failure that a retry may mend is one like others",
         "add a; start; up a; failed a exit no-socket; die a exit 1; is a starting; cause a exit; "
         "says a no-socket; failures a 1"},
        {"what a worker makes up as its cause is none",
         "add a; start; up a; failed a stopped; die a exit 1; is a starting; cause a exit"},
        {"it says that it failed and stays: SIGABRT, SIGKILL",
         "add a; start; up a; failed a config bad; : spawn a; wait 2000; : ABRT a; wait 1000; : KILL a; "
         "die a killed 9; cause a config; is a failed"},
        {"a replacement waits for the migration, and the old one serves meanwhile",
         "add m once; add a needs=m; start; run m; die m exit 0; run a; : spawn m, serve m, unserve m, spawn a, serve a, service-ready; "
         "replace m; replace a; : spawn m; is a ready; says a waits for m; up m; : ; die m exit 0; : spawn a; run a+; is a ready; says a"},
        {"... and when the migration fails, it stays",
         "add m once; add a needs=m; start; run m; die m exit 0; run a; replace m; replace a; up m; failed m config bad; die m exit 78; "
         "is a ready; says a waits for m; is m failed; wait 999; is a ready; restart m; up m; die m exit 0; run a+; is a ready; deaths a replaced 0; "
         "die a- signal 15; deaths a replaced 1"},
        {"a once worker is done",
         "add m once; start; run m; die m exit 0; is m done; next never; wait 99999; is m done"},
        {"a once worker that says FAILED is not done by exit code 0",
         "add m once; start; up m; failed m exit no-db; die m exit 0; is m starting; says m no-db"},
        {"a once worker that exits with another code is tried again",
         "add m once; start; up m; die m exit 1; is m starting"},
        {"exit code 0 of any other is a failure",
         "add a; start; run a; die a exit 0; is a starting; failures a 1; : spawn a, serve a, service-ready, "
         "unserve a, spawn a, record exit a"},
        {"killed from outside counts apart: at once, however often",
         "add a; start; run a; wait 200; die a killed 9; is a starting; run a; wait 200; die a killed 9; run a; "
         "wait 200; die a killed 9; run a; wait 200; die a killed 9; run a; wait 200; die a killed 9; run a; "
         "wait 200; die a killed 9; is a starting; failures a 0; deaths a killed 6; says a killed by SIGKILL; "
         "run a; is a ready; wait 30000; cause a none"},
        {"but not without a pause where nothing is ever reached, nor given up",
         "add a; start; run a; die a killed 9; is a starting; run a; die a killed 9; is a backoff; next 50 100; "
         "wait 100; up a; die a killed 9; next 100 200; wait 200; run a; die a killed 9; wait 400; run a; "
         "die a killed 9; is a backoff; next 400 800; wait 800; run a; die a killed 9; is a backoff"},
        {"critical and given up",
         "add a critical exec; start; unborn a exec; : spawn a, given-up a, record exec a, service-ready"},
        {"critical and not given up yet",
         "add a critical; start; run a; die a exit 1; : spawn a, serve a, service-ready, unserve a, spawn a, "
         "record exit a; degraded; run a; whole"},
        {"critical and stopped is not given up",
         "add a critical; start; up a; failed a config; hold a; die a exit 1; : spawn a, record config a, "
         "service-ready; is a held; next never"},
        {"events of a generation that is gone",
         "add a; start; run a; die a exit 1; is a starting; die a~ exit 1; ready a~; up a~; stall a~; "
         "is a starting; failures a 1"},
        {"how each death reads",
         "add a intensity=0 cap=1; start; run a; die a exit 7; says a exited with code 7; wait 1; up a; "
         "die a signal 11; says a killed by SIGSEGV before it was ready; wait 1; run a; die a oom 9; "
         "says a out of memory; wait 1; run a; die a sandbox 31; says a its sandbox forbids; deaths a sandbox 1; "
         "deaths a oom 1"},
};

static const struct life demanded[] = {
        {"resting until it is wanted",
         "add a demand; start; is a resting; : service-ready; want a; is a starting; run a; is a ready; : spawn a, "
         "serve a; whole"},
        {"it had nothing to do and left",
         "add a demand; start; want a; run a; die a exit 0; is a resting; failures a 0; : service-ready, spawn a, "
         "serve a, unserve a; deaths a exit 1; want a; is a starting"},
        {"wanted while it leaves",
         "add a demand; start; want a; run a; want a; die a exit 0; is a starting"},
        {"wanted again while it starts is served by that",
         "add a demand; start; want a; want a; run a; die a exit 0; is a resting"},
        {"it fails while somebody waits",
         "add a demand; start; want a; up a; die a exit 1; is a starting; up a; die a exit 1; is a backoff; "
         "wait 100; is a starting"},
        {"exit code 0 before it was ready is a failure",
         "add a demand; start; want a; up a; die a exit 0; failures a 1; is a starting"},
        {"it leaves while its replacement starts",
         "add a demand; start; want a; run a; replace a; up a+; die a exit 0; is a starting; ready a; is a ready; "
         ": service-ready, spawn a, serve a, spawn a, unserve a, serve a"},
        {"blocked and wanted",
         "add m; add a demand needs=m; start; want a; is a blocked; run m; is a starting"},
        {"replacing one that rests wakes nobody",
         "add a demand; start; replace a; is a resting; : service-ready"},
};

static const struct life ending[] = {
        {"stop: SIGTERM, SIGABRT, SIGKILL, undead, the end",
         "add a; start; run a; : spawn a, serve a, service-ready; stop; is a stopping; : TERM a, unserve a; "
         "wait 1999; : ; wait 1; : ABRT a; wait 1000; : KILL a; wait 500; : finished; next never"},
        {"stop: a message first",
         "add a drains; start; run a; stop; is a draining; wait 3000; is a stopping; die a signal 15; : spawn a, "
         "serve a, service-ready, drain a, unserve a, TERM a, finished; is a stopped"},
        {"it goes when it was asked to",
         "add a; start; run a; stop; die a exit 0; : spawn a, serve a, service-ready, TERM a, unserve a, finished; "
         "deaths a stopped 1"},
        {"one that had to be forced leaves a record",
         "add a; start; run a; stop; wait 2000; die a signal 6; : spawn a, serve a, service-ready, TERM a, "
         "unserve a, ABRT a, record deadline a, finished; told a did not end when it was asked to"},
        {"a crash on the way out leaves a record, too",
         "add a; start; run a; stop; die a signal 11; : spawn a, serve a, service-ready, TERM a, unserve a, "
         "record signal a, finished; told a killed by SIGSEGV on its way out"},
        {"garbage on the way out",
         "add a; start; run a; stop; broke a junk; die a killed 9; : spawn a, serve a, service-ready, TERM a, "
         "unserve a, KILL a, record protocol a, finished; told a junk"},
        {"the gateway first",
         "add g gateway drains; add a; start; run g; run a; : spawn g, spawn a, serve g, serve a, service-ready; "
         "stop; : drain g, unserve g; is a ready; die a signal 11; is a starting; run a; is a ready; wait 3000; "
         "die g signal 15; : unserve a, spawn a, record signal a, serve a, TERM g, TERM a, unserve a; "
         "die a exit 0; : finished"},
        {"discovery before the gateway",
         "add d discovery drains; add g gateway drains; add a; start; run d; run g; run a; : spawn d, spawn g, spawn a, serve d, serve g, "
         "serve a, service-ready; stop; : drain d, unserve d; is g ready; is a ready; die g signal 11; run g; is g ready; die d exit 0; "
         ": unserve g, spawn g, record signal g, serve g, drain g, unserve g; is d stopped; is a ready; die g exit 0; : TERM a, unserve a; "
         "die a exit 0; : finished"},
        {"discovery does not come back while the rest stops, and holds nobody up",
         "add d discovery drains; add g gateway; start; run d; run g; stop; is g ready; wait 6500; is g stopping; is d stopped; die g exit 0; "
         ": spawn d, spawn g, serve d, serve g, service-ready, drain d, unserve d, TERM d, ABRT d, KILL d, TERM g, unserve g, finished"},
        {"a gateway that SIGKILL does not end holds nobody up",
         "add g gateway; add a; start; run g; run a; stop; wait 3500; is g stopped; is a stopping; die a exit 0; "
         ": spawn g, spawn a, serve g, serve a, service-ready, TERM g, unserve g, ABRT g, KILL g, TERM a, "
         "unserve a, finished"},
        {"stop while starting",
         "add a; start; up a; stop; : spawn a, TERM a; die a signal 15; : finished"},
        {"one that starts is not asked to drain",
         "add a drains; start; up a; stop; : spawn a, TERM a"},
        {"stop while it is being spawned",
         "add a; start; stop; is a stopping; : spawn a; wait 99999; : ; up a; : TERM a; die a exit 0; : finished"},
        {"stop while it cannot be spawned",
         "add a; start; stop; unborn a exec; : spawn a, finished"},
        {"stop in backoff",
         "add a; start; up a; die a exit 1; up a; die a exit 1; is a backoff; stop; is a stopped; next never"},
        {"stop while held, blocked, resting, failed",
         "add h; add m; add b needs=m; add r demand; add f; start; run h; hold h; die h exit 0; unborn f exec; "
         "is b blocked; stop; is b stopped; is r stopped; is f stopped; is h held; die m exit 0; next never"},
        {"a start for new ones leaves the others where they are",
         "add a; add f; start; up a; die a exit 1; up a; die a exit 1; unborn f exec; add b; start; is b starting; "
         "is a backoff; is f failed"},
        {"stop without anything",
         "stop; : finished"},
        {"after the stop nothing starts",
         "add a; start; run a; stop; restart a; replace a; reset a; want a; die a exit 0; : spawn a, serve a, "
         "service-ready, TERM a, unserve a, finished; start; is a stopped; : ; next never"},
        {"stop ends what drains and what starts beside it",
         "add a; start; run a; replace a; run a+; replace a; up a+; stop; die a exit 0; die a+ exit 0; "
         "die a- exit 0; : spawn a, serve a, service-ready, spawn a, serve a, TERM a, spawn a, TERM a, TERM a, "
         "unserve a, finished"},
        {"removed",
         "add a; add b; start; run a; run b; remove a; : spawn a, spawn b, serve a, serve b, service-ready, "
         "TERM a, unserve a; die a exit 0; : gone a; slots 2; add c; slots 2; start; is c starting; : spawn c"},
        {"removed while it crashes",
         "add a; start; run a; stall a; remove a; die a signal 6; : spawn a, serve a, service-ready, ABRT a, "
         "unserve a, record deadline a, gone a; next never"},
        {"removed without a process",
         "add a; add b; start; unborn a exec; remove a; : spawn a, spawn b, record exec a, gone a; run b; "
         ": serve b, service-ready"},
        {"removed with processes on their way out",
         "add a; start; run a; replace a; run a+; remove a; die a exit 0; is a stopped; : spawn a, serve a, "
         "service-ready, spawn a, serve a, TERM a, TERM a, unserve a; die a- exit 0; : gone a"},
        {"removed and undead",
         "add a; start; run a; remove a; wait 3500; is a stopped; next never; die a- killed 9; : spawn a, serve a, "
         "service-ready, TERM a, unserve a, ABRT a, KILL a, record deadline a, gone a"},
};

static const struct life asked[] = {
        {"hold: stopped, and not started by anything but reset",
         "add a; start; run a; hold a; is a stopping; die a signal 15; is a held; says a held by an operator; "
         "degraded; want a; restart a; replace a; wait 999999; is a held; next never; : spawn a, serve a, "
         "service-ready, TERM a, unserve a; reset a; is a starting; run a; is a ready; whole"},
        {"hold in backoff",
         "add a; start; up a; die a exit 1; up a; die a exit 1; is a backoff; hold a; is a held; next never"},
        {"hold while it fails",
         "add a; start; run a; stall a; hold a; die a signal 6; is a held; cause a deadline; next never"},
        {"reset before it is gone",
         "add a; start; run a; hold a; reset a; is a stopping; die a signal 15; is a starting"},
        {"reset before it is there",
         "add a; start; hold a; reset a; is a stopping; up a; die a signal 15; is a starting"},
        {"hold, reset and hold again",
         "add a; start; run a; hold a; reset a; hold a; die a signal 15; is a held"},
        {"held and undead",
         "add a; start; run a; hold a; wait 3500; is a held; next never; reset a; is a starting"},
        {"reset in the slow lane",
         "add a; start; unborn a exec; is a failed; reset a; is a starting; up a; die a exit 1; is a starting"},
        {"restart: stop, then start",
         "add a; start; run a; restart a; is a stopping; die a signal 15; is a starting; failures a 0; : spawn a, "
         "serve a, service-ready, TERM a, unserve a, spawn a; deaths a replaced 1"},
        {"restart in backoff",
         "add a; start; up a; die a exit 1; up a; die a exit 1; is a backoff; restart a; is a starting; "
         "failures a 0"},
        {"restart of one that is done",
         "add m once; start; run m; die m exit 0; restart m; is m starting"},
        {"restart of one that rests",
         "add a demand; start; restart a; is a starting"},
        {"restart while its replacement starts",
         "add a; start; run a; replace a; up a+; restart a; die a signal 15; is a starting; ready a; is a ready; "
         ": spawn a, serve a, service-ready, spawn a, TERM a, unserve a, serve a"},
        {"restart of one that is failing",
         "add a; start; up a; failed a config bad; restart a; die a exit 1; is a starting"},
        {"restart of one that hangs",
         "add a; start; run a; restart a; wait 3500; is a undead; wait 5000; is a starting"},
};

static const struct life replaced[] = {
        {"the new one is ready, serves, and the old one drains",
         "add a drains; start; run a; : spawn a, serve a, service-ready; replace a; : spawn a; is a ready; up a+; "
         ": ; ready a+; : serve a, drain a; is a ready; wait 3000; : TERM a; die a- exit 0; is a ready; : ; "
         "next never; deaths a replaced 1"},
        {"it fails: the old one stays, and the reason says why",
         "add a; start; run a; replace a; up a+; failed a+ config bad-dsn; die a+ exit 1; is a ready; "
         "says a replacement failed: bad-dsn; cause a config; : spawn a, serve a, service-ready, spawn a, "
         "record config a; failures a 0; replace a; run a+; says a; wait 30000; cause a none"},
        {"it cannot be executed",
         "add a; start; run a; replace a; unborn a+ exec gone; is a ready; says a replacement failed: gone"},
        {"it does not get ready",
         "add a; start; run a; replace a; up a+; wait 10000; wait 1000; die a+ killed 9; is a ready; "
         "says a replacement failed: was not ready in time; : spawn a, serve a, service-ready, spawn a, ABRT a, "
         "KILL a, record deadline a"},
        {"it is killed from outside: that says nothing about it",
         "add a; start; run a; replace a; up a+; die a+ killed 9; run a+; : spawn a, serve a, service-ready, "
         "spawn a, record killed a, spawn a, serve a, TERM a"},
        {"two drain, the third waits",
         "add a drains; start; run a; replace a; run a+; replace a; run a+; : spawn a, serve a, service-ready, "
         "spawn a, serve a, drain a, spawn a, serve a, drain a; replace a; : ; die a- exit 0; : spawn a; run a+; "
         ": serve a, drain a"},
        {"twice while the first starts: once more when it is ready",
         "add a; start; run a; replace a; up a+; replace a; replace a; : spawn a, serve a, service-ready, spawn a; "
         "ready a+; : serve a, TERM a, spawn a; run a+; : serve a, TERM a"},
        {"twice, and the first fails: the second is tried",
         "add a; start; run a; replace a; up a+; replace a; die a+ exit 1; run a+; is a ready; : spawn a, serve a, "
         "service-ready, spawn a, record exit a, spawn a, serve a, TERM a"},
        {"one that starts is ended and started anew",
         "add a; start; up a; replace a; is a stopping; die a signal 15; is a starting; : spawn a, TERM a, "
         "spawn a; failures a 0"},
        {"one that is being spawned",
         "add a; start; replace a; : spawn a; up a; : TERM a; die a signal 15; is a starting; : spawn a"},
        {"one that is failing",
         "add a; start; run a; broke a junk; replace a; die a killed 9; is a starting; cause a protocol"},
        {"one in backoff, one that failed",
         "add a; add b; start; up a; die a exit 1; up a; die a exit 1; unborn b exec; replace a; replace b; "
         "is a starting; is b starting; failures b 0"},
        {"one that is done runs again, never beside itself",
         "add m once; start; run m; replace m; : spawn m, serve m, TERM m, unserve m; die m signal 15; "
         "is m starting; run m; die m exit 0; is m done; replace m; is m starting"},
        {"the old one dies before the new one is ready: the new one is the one",
         "add a; start; run a; replace a; up a+; die a signal 11; is a starting; ready a; is a ready; "
         "next 0 99999; : spawn a, serve a, service-ready, spawn a, unserve a, record signal a, serve a"},
        {"the old one dies, and so does the new one",
         "add a; start; run a; replace a; up a+; die a signal 11; die a exit 1; is a starting; failures a 1"},
        {"the old one hangs while the new one starts",
         "add a; start; run a; replace a; up a+; stall a; is a stopping; ready a+; is a ready; die a- signal 6; "
         "is a ready; says a; told a owed an answer for too long; : spawn a, serve a, service-ready, spawn a, "
         "ABRT a, unserve a, serve a, record deadline a"},
        {"the old one outlives SIGKILL while the new one starts, and one drains",
         "add a; start; run a; replace a; run a+; replace a; up a+; broke a junk; wait 500; is a starting; "
         "ready a; is a ready; replace a; wait 1; is a ready"},
        {"two undead leave no room: a gap is better than never",
         "add a; start; run a; replace a; run a+; wait 3500; replace a; run a+; wait 3500; replace a; "
         "is a stopping; die a signal 15; is a starting"},
        {"three undead: no more processes until one is gone",
         "add a; start; run a; replace a; run a+; wait 3500; replace a; run a+; wait 3500; restart a; wait 3500; "
         "is a undead; next never; die a- killed 9; wait 5000; is a starting"},
        {"what an old one says is not said of the slot",
         "add a drains; start; run a; replace a; run a+; stall a- slow; is a ready; says a; die a- signal 6; "
         "says a; told a did not end when it was asked to"},
        {"nor the garbage that it sends",
         "add a drains; start; run a; replace a; run a+; broke a- junk; says a; die a- killed 9; says a; "
         "told a broke the protocol"},
};

static const struct life watched[] = {
        {"ping and pong",
         "add a ping=1000; start; run a; wait 1000; : spawn a, serve a, service-ready, ping a; pong a; wait 999; "
         ": ; wait 1; : ping a; is a ready"},
        {"no pong in time",
         "add a ping=1000; start; run a; wait 2000; is a stopping; : spawn a, serve a, service-ready, ping a, "
         "ABRT a, unserve a; says a did not answer a ping; die a signal 6; cause a deadline; is a starting"},
        {"no ping before it is ready, or while it drains",
         "add a ping=1000 drains; start; wait 5000; run a; : spawn a, serve a, service-ready; wait 1000; stop; "
         "pong a; wait 2999; is a draining; : ping a, drain a, unserve a"},
        {"a pong that nobody asked for",
         "add a ping=1000; start; run a; pong a; pong a; wait 1000; : spawn a, serve a, service-ready, ping a"},
        {"it owes an answer: SIGABRT for its record, SIGKILL",
         "add a; start; run a; stall a; says a; wait 1000; : spawn a, serve a, service-ready, ABRT a, unserve a, "
         "KILL a; die a killed 9; cause a deadline; says a owed an answer for too long; is a starting"},
        {"twice",
         "add a; start; run a; stall a late; stall a later; says a late; : spawn a, serve a, service-ready, "
         "ABRT a, unserve a"},
        {"garbage: SIGKILL at once",
         "add a; start; run a; broke a bad-size; is a stopping; : spawn a, serve a, service-ready, KILL a, "
         "unserve a; die a killed 9; cause a protocol; says a bad-size; is a starting; deaths a protocol 1"},
        {"garbage while it is being spawned",
         "add a; start; broke a junk; : spawn a; up a; : TERM a; die a signal 15; cause a protocol"},
};

static const struct life deciding[] = {
        {"ready, resting, failed, done: all decided",
         "add m once; add g gateway; add r demand; add f; add a; start; run g; run a; unborn f exec; : spawn m, "
         "spawn g, spawn f, spawn a, serve g, serve a, record exec f; run m; : serve m; die m exit 0; : unserve m, "
         "service-ready; degraded"},
        {"blocked by what failed is decided, however far away",
         "add m once; add a needs=m; add b needs=a; add c needs=b; add d needs=c; add e needs=d; add f needs=e; "
         "add h needs=f; add i needs=h; add j needs=i; add k needs=j; add l needs=k; add n needs=l; add o needs=n; "
         "add p needs=o; add q needs=p; add r needs=q; add s needs=r; add t needs=s; add z; start; run z; up m; "
         ": spawn m, spawn z, serve z; failed m exit no-db; die m exit 1; up m; die m exit 1; wait 100; up m; "
         "die m exit 1; wait 200; up m; die m exit 1; wait 400; : spawn m, record exit m, record exit m, spawn m, "
         "record exit m, spawn m, record exit m, spawn m; up m; die m exit 1; : record exit m, service-ready"},
        {"once decided is decided",
         "add a; add b; start; run a; die a signal 11; up a; run b; : spawn a, spawn b, serve a, unserve a, "
         "spawn a, record signal a, serve b, service-ready"},
        {"backoff is no decision",
         "add a; start; up a; die a exit 1; up a; die a exit 1; is a backoff; : spawn a, spawn a, record exit a, "
         "record exit a"},
        {"not without the gateway",
         "add g gateway intensity=0; add a; start; run a; up g; die g exit 1; up g; wait 10000; die g signal 6; "
         "until g starting 50 100; : spawn g, spawn a, serve a, spawn g, record exit g, ABRT g, record deadline g, "
         "spawn g; run g; : serve g, service-ready"},
        {"nor when it falls before the others are decided",
         "add g gateway; add a; start; run g; die g signal 11; run a; : spawn g, spawn a, serve g, unserve g, "
         "spawn g, record signal g, serve a; run g; : serve g, service-ready"},
        {"nothing can run: misconfigured",
         "add g gateway; add a; add b; start; run g; up a; failed a config bad; die a exit 1; up b; "
         "failed b config bad; die b exit 1; : spawn g, spawn a, spawn b, serve g, record config a, "
         "record config b, misconfigured"},
        {"something can",
         "add g gateway; add a; add b; start; run g; run b; up a; failed a config bad; die a exit 1; : spawn g, "
         "spawn a, spawn b, serve g, serve b, record config a, service-ready"},
        {"the gateway cannot",
         "add g gateway; add a; start; run a; up g; failed g config no-cert; die g exit 1; : spawn g, spawn a, "
         "serve a, record config g, misconfigured"},
        {"the gateway, last of all, cannot",
         "add a; add g gateway; start; run a; up g; failed g config no-cert; die g exit 1; : spawn a, spawn g, serve a, "
         "record config g, misconfigured"},
        {"the gateway, which is never given up, cannot",
         "add g gateway intensity=0; add a; start; run a; up g; failed g config no-cert; die g exit 1; : spawn g, "
         "spawn a, serve a, record config g, misconfigured; is g backoff"},
        {"the migration cannot",
         "add m once; add a needs=m; start; up m; failed m config bad; die m exit 1; is a blocked; : spawn m, "
         "record config m, misconfigured"},
        {"all fail for other reasons: ready, and degraded",
         "add a; start; unborn a exec; : spawn a, record exec a, service-ready; degraded"},
        {"decided once only",
         "add a; start; run a; restart a; die a exit 0; run a; : spawn a, serve a, service-ready, TERM a, "
         "unserve a, spawn a, serve a"},
        {"a service of nothing",
         "start; : service-ready"},
        {"stopped before it was decided",
         "add a; start; stop; up a; die a exit 0; : spawn a, TERM a, finished"},
};

#define LIVES(X) X(starting) X(failing) X(demanded) X(ending) X(asked) X(replaced) X(watched) X(deciding)

#define X(table)                                                \
        START_TEST(play_##table) {                              \
                (void) fprintf(stderr, "%s: ", table[_i].name); \
                script_play(table[_i].script);                  \
        }                                                       \
        END_TEST
LIVES(X)
#undef X

int main(void) {
        Suite *suite = suite_create("policy");

#define X(table)                                                                                \
        {                                                                                       \
                TCase *tcase = tcase_create(#table);                                            \
                                                                                                \
                tcase_add_loop_test(tcase, play_##table, 0, (int) ELEMENTSOF(table));           \
                suite_add_tcase(suite, tcase);                                                  \
        }
        LIVES(X)
#undef X
        return check_run(suite);
}

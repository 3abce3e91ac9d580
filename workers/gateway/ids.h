/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Identifiers of requests, from the kernel's random numbers, and the trace that a request belongs to.
 */
#pragma once

#include "lib/util.h"

/* 32 and 16 hexadecimal digits. */
void ids_make(char request_id[33], char span_id[17]);
/* From a traceparent header where it is valid; else the trace is the request's own, without a parent ("-"). */
void ids_trace(const char *traceparent, const char request_id[33], char trace_id[33], char parent_id[17]);

/* SPDX-License-Identifier: ISC */
/*
 * log - lines for people (text) or programs (JSON), to standard error or syslog.  Never a value.
 * Nothing here waits for who reads them (log_sink.h).
 *
 * Thread-safe.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "log_line.h"

struct log_options {
	bool syslog, json, debug;
};

/* Before it is called lines go to standard error as text. */
void log_open(const struct log_options *o);
/* Make what syslog takes now, for one who may not do it later. */
void log_connect(void);
/* Who is told of alarms beside the log, by any thread. */
void log_on_alarm(void (*fn)(const char *text));
void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Offer again what was not taken, and say what was lost.  Milliseconds until it is to be called
 * again, or -1. */
int log_flush(void);
/* The same at the end, for a moment. */
void log_finish(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * log - lines for people (text) or programs (JSON), to standard error or syslog.  Never a value.
 *
 * Thread-safe, but for the decisions, which belong to the serving thread.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum log_level {
	LOGGED_ALARM, /* somebody tampers, or keys and store do not match */
	LOGGED_ERROR,
	LOGGED_WARNING,
	LOGGED_INFO,
	LOGGED_DEBUG, /* only with debug */
};

struct log_options {
	bool syslog, json, debug;
};

/* Before it is called lines go to standard error as text. */
void log_open(const struct log_options *o);
/* Connect to syslog now, for one who may not do it later. */
void log_connect(void);
void log_close(void);
/* Who is told of alarms beside the log, by any thread. */
void log_on_alarm(void (*fn)(const char *text));
void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct log_decision {
	const char *name, *scope;
	uint64_t ino; /* tells secrets apart */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool granted;
	const char *reason; /* static */
	unsigned line;	    /* of the policy; 0 = none */
};

/*
 * A refusal is written at once.  A grant too, the first time; the same uid's further ones of the same
 * secret within a second are counted and written as one line when the second is over.
 */
void log_decision(const struct log_decision *d);

/* Write the counts that are due.  Milliseconds until the next is, or -1. */
int log_flush(void);
/* Write them all. */
void log_flush_all(void);

#endif

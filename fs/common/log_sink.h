/* SPDX-License-Identifier: ISC */
/*
 * log_sink - where lines go: standard error or syslog.  It never waits for who reads them.
 *
 * What they do not take at once waits here and is offered again and again; what has no room here is
 * lost, and counted.  syslog has a datagram socket of its own (RFC 3164, as syslog(3) writes it),
 * which is connected to nothing: a /dev/log that is made anew is simply found.
 *
 * Thread-safe.
 */
#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_SINK_LINE 2048 /* bytes of a line */
#define LOG_SINK_ROOM (128u * 1024)

/* Lines go to syslog from now on, or to standard error.  What waits for the other is gone. */
void log_sink_use(bool syslog);
/* Make the socket for syslog now, for one who may not do it later. */
void log_sink_prepare(void);

/* Without a newline; what is longer than LOG_SINK_LINE is cut.  priority: of syslog(3).  minor: it
 * leaves the last quarter of the room to others. */
void log_sink_put(int priority, const char *line, size_t len, bool minor);
/* Offer again what waits.  Milliseconds until that is worth it again, or -1: nothing waits. */
int log_sink_flush(void);
/* Lines that were lost, once nothing waits any more; they are counted anew from then on. */
unsigned long log_sink_lost(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * log_line - one line of the log under construction, for those that write more than a sentence: text or
 * JSON.  What does not fit is cut.
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "log_sink.h"

enum log_level {
	LOGGED_ALARM, /* somebody tampers, or keys and store do not match */
	LOGGED_ERROR,
	LOGGED_WARNING,
	LOGGED_INFO,
	LOGGED_DEBUG, /* only with debug */
};

struct log_line {
	enum log_level level;
	bool json;
	char text[LOG_SINK_LINE];
	size_t len;
};

/* Of all lines from now on; text has prefix (static) before it.  Text with "secretfs: " until it is called. */
void log_line_format(bool as_json, const char *prefix);
void log_line_begin(struct log_line *l, enum log_level level);
void log_line_add(struct log_line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* With the quotation marks. */
void log_line_add_json(struct log_line *l, const char *s);
/* minor: as log_sink_put. */
void log_line_end(struct log_line *l, bool minor);

#endif

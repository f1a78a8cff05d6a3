/* SPDX-License-Identifier: ISC */
#include "log_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

static bool json;
static const char *before = "secretfs: ";

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOGGED_ALARM] = {"alarm", LOG_CRIT},	     [LOGGED_ERROR] = {"error", LOG_ERR},
	[LOGGED_WARNING] = {"warning", LOG_WARNING}, [LOGGED_INFO] = {"info", LOG_INFO},
	[LOGGED_DEBUG] = {"debug", LOG_DEBUG},
};

void log_line_format(bool as_json, const char *prefix)
{
	json = as_json;
	before = prefix;
}

void log_line_add(struct log_line *l, const char *format, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->text + l->len, room, format, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* RFC 8259 section 7; bytes outside ASCII become '?', so that the line is valid whatever comes. */
void log_line_add_json(struct log_line *l, const char *s)
{
	log_line_add(l, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			log_line_add(l, "\\%c", c);
		else if (c < 0x20)
			log_line_add(l, "\\u%04x", c);
		else
			log_line_add(l, "%c", c < 0x7f ? c : '?');
	}
	log_line_add(l, "\"");
}

static void add_time(struct log_line *l)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	log_line_add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
		     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

void log_line_begin(struct log_line *l, enum log_level level)
{
	l->level = level;
	l->json = json;
	l->len = 0;
	if (json) {
		log_line_add(l, "{\"time\":\"");
		add_time(l);
		log_line_add(l, "\",\"level\":\"%s\"", levels[level].name);
	} else {
		log_line_add(l, "%s%s", before, level == LOGGED_ALARM ? "ALARM: " : "");
	}
}

void log_line_end(struct log_line *l, bool minor)
{
	if (l->json)
		log_line_add(l, "}");
	log_sink_put(levels[l->level].priority, l->text, l->len, minor);
}

/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

#include "log_line.h"

#define TEXT_SIZE 1024
#define FINISH_MS 100

static struct log_options options;
static void (*on_alarm)(const char *text);

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOGGED_ALARM] = {"alarm", LOG_CRIT},	     [LOGGED_ERROR] = {"error", LOG_ERR},
	[LOGGED_WARNING] = {"warning", LOG_WARNING}, [LOGGED_INFO] = {"info", LOG_INFO},
	[LOGGED_DEBUG] = {"debug", LOG_DEBUG},
};

void log_connect(void)
{
	log_sink_prepare();
}

void log_open(const struct log_options *o)
{
	options = *o;
	log_sink_use(o->syslog);
}

void log_on_alarm(void (*fn)(const char *text))
{
	on_alarm = fn;
}

/* ---- a line ---- */

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
	l->json = options.json;
	l->len = 0;
	if (options.json) {
		log_line_add(l, "{\"time\":\"");
		add_time(l);
		log_line_add(l, "\",\"level\":\"%s\"", levels[level].name);
	} else {
		log_line_add(l, "%s%s", options.syslog ? "" : "secretfs: ",
			     level == LOGGED_ALARM ? "ALARM: " : "");
	}
}

void log_line_end(struct log_line *l, bool minor)
{
	if (l->json)
		log_line_add(l, "}");
	log_sink_put(levels[l->level].priority, l->text, l->len, minor);
}

/* ---- a sentence ---- */

static void say(enum log_level level, const char *text)
{
	struct log_line l;

	log_line_begin(&l, level);
	if (l.json) {
		log_line_add(&l, ",\"message\":");
		log_line_add_json(&l, text);
	} else {
		/* One line is one line: what a path may hold must not make two of it. */
		for (const char *s = text; *s; s++)
			log_line_add(&l, "%c", (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	}
	log_line_end(&l, false);
}

static void say_lost(void)
{
	unsigned long n = log_sink_lost();
	char text[TEXT_SIZE];

	if (!n)
		return;
	snprintf(text, sizeof(text), "%lu lines lost: %s did not take them", n,
		 options.syslog ? "syslog" : "whoever reads standard error");
	say(LOGGED_WARNING, text);
}

void log_say(enum log_level level, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	if (level == LOGGED_DEBUG && !options.debug)
		return;
	say_lost();
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say(level, text);
	if (level == LOGGED_ALARM && on_alarm)
		on_alarm(text);
}

/* ---- time ---- */

int log_flush(void)
{
	int ms = log_sink_flush();

	if (ms < 0)
		say_lost();
	return ms;
}

void log_finish(void)
{
	const struct timespec moment = {.tv_nsec = 5000000};

	for (int ms = 0; log_flush() >= 0 && ms < FINISH_MS; ms += 5)
		nanosleep(&moment, NULL);
}

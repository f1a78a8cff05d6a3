/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "log_line.h"
#include "log_sink.h"

#define TEXT_SIZE 1024
#define FINISH_MS 100

static struct log_options options;
static void (*on_alarm)(const char *text);

void log_connect(void)
{
	log_sink_prepare();
}

void log_open(const struct log_options *o)
{
	options = *o;
	log_line_format(o->json, o->syslog ? "" : "secretfs: ");
	log_sink_use(o->syslog);
}

void log_on_alarm(void (*fn)(const char *text))
{
	on_alarm = fn;
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

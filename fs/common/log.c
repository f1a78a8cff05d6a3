/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "name.h"
#include "scope.h"

#define LINE_SIZE 2048
#define TEXT_SIZE 1024
#define GRANT_WAYS 4u  /* that compete for */
#define GRANT_SETS 64u /* one of these; a power of two */
#define GRANTS (GRANT_WAYS * GRANT_SETS)
#define GRANT_MS 1000

static struct log_options options;
static atomic_uint dropped;
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
	openlog("secretfs", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_open(const struct log_options *o)
{
	options = *o;
	if (options.syslog)
		log_connect();
}

void log_close(void)
{
	if (options.syslog)
		closelog();
	options.syslog = false;
}

void log_on_alarm(void (*fn)(const char *text))
{
	on_alarm = fn;
}

/* ---- a line under construction; what does not fit is cut ---- */

struct line {
	char text[LINE_SIZE];
	size_t len;
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *l, const char *format, ...)
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
static void add_json_string(struct line *l, const char *s)
{
	add(l, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			add(l, "\\%c", c);
		else if (c < 0x20)
			add(l, "\\u%04x", c);
		else
			add(l, "%c", c < 0x7f ? c : '?');
	}
	add(l, "\"");
}

static void add_time(struct line *l)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

static void begin(struct line *l, enum log_level level)
{
	l->len = 0;
	if (options.json) {
		add(l, "{\"time\":\"");
		add_time(l);
		add(l, "\",\"level\":\"%s\"", levels[level].name);
	} else if (options.syslog) {
		if (level == LOGGED_ALARM)
			add(l, "ALARM: ");
	} else {
		add(l, "secretfs: %s", level == LOGGED_ALARM ? "ALARM: " : "");
	}
}

/* A reader of standard error that has stopped reading must not stop the mount. */
static void write_line(const struct line *l)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)) {
		dropped++;
		return;
	}
	do
		n = write(STDERR_FILENO, l->text, l->len);
	while (n < 0 && errno == EINTR);
}

static void end(struct line *l, enum log_level level)
{
	if (options.json)
		add(l, "}");
	if (options.syslog) {
		syslog(levels[level].priority, "%s", l->text);
		return;
	}
	if (l->len >= sizeof(l->text) - 1)
		l->len = sizeof(l->text) - 2;
	l->text[l->len++] = '\n';
	write_line(l);
}

static void say(enum log_level level, const char *text)
{
	struct line l;

	begin(&l, level);
	if (options.json) {
		add(&l, ",\"message\":");
		add_json_string(&l, text);
	} else {
		/* One line is one line: what a path may hold must not make two of it. */
		for (const char *s = text; *s; s++)
			add(&l, "%c", (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	}
	end(&l, level);
}

void log_say(enum log_level level, const char *format, ...)
{
	char text[TEXT_SIZE];
	unsigned lost;
	va_list ap;

	if (level == LOGGED_DEBUG && !options.debug)
		return;
	lost = atomic_exchange(&dropped, 0);
	if (lost) {
		snprintf(text, sizeof(text), "%u lines lost: nobody reads standard error", lost);
		say(LOGGED_WARNING, text);
	}
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say(level, text);
	if (level == LOGGED_ALARM && on_alarm)
		on_alarm(text);
}

/* ---- decisions ---- */

struct grant { /* counted together */
	bool used;
	uint64_t ino;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	unsigned more; /* since the first */
	int64_t since; /* ms */
	char name[NAME_SIZE], scope[SCOPE_STR];
	const char *reason;
	unsigned line;
};

static struct grant grants[GRANTS];
static unsigned grants_used;

static void write_decision(const struct log_decision *d, unsigned more)
{
	enum log_level level = d->granted ? LOGGED_INFO : LOGGED_WARNING;
	const char *word = d->granted ? "granted" : "refused";
	struct line l;

	begin(&l, level);
	if (options.json) {
		add(&l, ",\"event\":\"open\",\"decision\":\"%s\",\"name\":", word);
		add_json_string(&l, d->name);
		add(&l, ",\"scope\":");
		add_json_string(&l, d->scope);
		add(&l, ",\"uid\":%u,\"gid\":%u,\"pid\":%d,\"reason\":", d->uid, d->gid, d->pid);
		add_json_string(&l, d->reason);
		if (d->line)
			add(&l, ",\"policy_line\":%u", d->line);
		if (more)
			add(&l, ",\"repeated\":%u", more);
	} else {
		add(&l, "%s %s (%s) to uid %u gid %u pid %d: %s", word, d->name, d->scope, d->uid,
		    d->gid, d->pid, d->reason);
		if (d->line)
			add(&l, ", policy line %u", d->line);
		if (more)
			add(&l, ", %u more times", more);
	}
	end(&l, level);
}

static void close_grant(struct grant *g)
{
	const struct log_decision d = {
		.name = g->name,
		.scope = g->scope,
		.uid = g->uid,
		.gid = g->gid,
		.pid = g->pid,
		.granted = true,
		.reason = g->reason,
		.line = g->line,
	};

	if (g->more)
		write_decision(&d, g->more);
	g->used = false;
	grants_used--;
}

static void open_grant(struct grant *g, const struct log_decision *d, int64_t now)
{
	write_decision(d, 0);
	*g = (struct grant){
		.used = true,
		.ino = d->ino,
		.uid = d->uid,
		.gid = d->gid,
		.pid = d->pid,
		.since = now,
		.reason = d->reason,
		.line = d->line,
	};
	snprintf(g->name, sizeof(g->name), "%s", d->name);
	snprintf(g->scope, sizeof(g->scope), "%s", d->scope);
	grants_used++;
}

/* Where d is counted: its own place, a free one, or the one that has been counting longest. */
static struct grant *place(const struct log_decision *d)
{
	struct grant *set = &grants[((d->ino ^ d->uid) & (GRANT_SETS - 1)) * GRANT_WAYS];
	struct grant *best = set;

	for (struct grant *g = set; g < set + GRANT_WAYS; g++) {
		if (g->used && g->ino == d->ino && g->uid == d->uid)
			return g;
		if (best->used && (!g->used || g->since < best->since))
			best = g;
	}
	return best;
}

void log_decision(const struct log_decision *d)
{
	struct grant *g;
	int64_t now;

	if (!d->granted) {
		write_decision(d, 0);
		return;
	}
	g = place(d);
	now = clock_tick_ms();
	if (g->used && g->ino == d->ino && g->uid == d->uid && now - g->since < GRANT_MS) {
		g->more++;
		g->pid = d->pid;
		return;
	}
	if (g->used)
		close_grant(g);
	open_grant(g, d, now);
}

int log_flush(void)
{
	int64_t now, next = -1;

	if (!grants_used)
		return -1;
	now = clock_tick_ms();
	for (unsigned i = 0; i < GRANTS; i++) {
		int64_t left = GRANT_MS - (now - grants[i].since);

		if (!grants[i].used)
			continue;
		if (left <= 0)
			close_grant(&grants[i]);
		else if (next < 0 || left < next)
			next = left;
	}
	return (int)next;
}

void log_flush_all(void)
{
	for (unsigned i = 0; i < GRANTS; i++)
		if (grants[i].used)
			close_grant(&grants[i]);
}

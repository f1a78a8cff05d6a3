/* SPDX-License-Identifier: ISC */
#include "timefmt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t unit(char c)
{
	switch (c) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	case 'y':
		return 365 * 86400;
	default:
		return 0;
	}
}

int timefmt_duration(const char *text, uint64_t *seconds)
{
	uint64_t sum = 0;

	if (!*text)
		return ERR_FORMAT;
	while (*text) {
		uint64_t n = 0;
		int digits = 0;

		for (; isdigit((unsigned char)*text) && digits < 10; digits++)
			n = n * 10 + (uint64_t)(*text++ - '0');
		if (!digits || !unit(*text))
			return ERR_FORMAT;
		sum += n * unit(*text++);
	}
	*seconds = sum;
	return 0;
}

static int two_digits(const char *s)
{
	if (!isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]))
		return -1;
	return (s[0] - '0') * 10 + (s[1] - '0');
}

/* "Z", "+01:00", "-0530" or nothing at s, the end of the text. */
static int offset_parse(const char *s, bool *given, long *seconds)
{
	int h, m;

	*given = *s != 0;
	*seconds = 0;
	if (!*s || ((*s == 'Z' || *s == 'z') && !s[1]))
		return 0;
	if ((*s != '+' && *s != '-') || (h = two_digits(s + 1)) < 0)
		return ERR_FORMAT;
	m = two_digits(s + 3 + (s[3] == ':'));
	if (m < 0 || s[5 + (s[3] == ':')] || h > 23 || m > 59)
		return ERR_FORMAT;
	*seconds = (h * 60L + m) * 60;
	if (*s == '-')
		*seconds = -*seconds;
	return 0;
}

static int date_parse(const char *text, uint64_t *seconds)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	bool given = false;
	long offset = 0;
	int day = tm.tm_mday, month = tm.tm_mon;
	time_t t;

	if (!rest || rest - text != 10)
		return ERR_FORMAT;
	if (*rest) {
		if (*rest != 'T' && *rest != 't' && *rest != ' ')
			return ERR_FORMAT;
		text = rest + 1;
		rest = strptime(text, "%H:%M:%S", &tm);
		if (!rest)
			rest = strptime(text, "%H:%M", &tm);
		if (!rest)
			return ERR_FORMAT;
		if (*rest == '.')
			rest += 1 + strspn(rest + 1, "0123456789");
		if (offset_parse(rest, &given, &offset))
			return ERR_FORMAT;
	}
	tm.tm_isdst = -1;
	t = given ? timegm(&tm) - offset : mktime(&tm);
	/* 31 February is normalized away in silence: refuse it */
	if (tm.tm_mday != day || tm.tm_mon != month || t < 0)
		return ERR_FORMAT;
	*seconds = (uint64_t)t;
	return 0;
}

int timefmt_parse(const char *text, uint64_t now, uint64_t *seconds)
{
	uint64_t t;

	if (strcmp(text, "never") == 0) {
		*seconds = 0;
		return 0;
	}
	if (timefmt_duration(text, &t) == 0)
		t += now;
	else if (date_parse(text, &t))
		return ERR_FORMAT;
	if (t <= now)
		return ERR_STALE;
	*seconds = t;
	return 0;
}

const char *timefmt_utc(uint64_t seconds, char out[TIMEFMT_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, TIMEFMT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, TIMEFMT_SIZE, "?");
	return out;
}

const char *timefmt_local(uint64_t seconds, char out[TIMEFMT_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds)
		snprintf(out, TIMEFMT_SIZE, "-");
	else if (!localtime_r(&t, &tm) || !strftime(out, TIMEFMT_SIZE, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, TIMEFMT_SIZE, "?");
	return out;
}

uint64_t timefmt_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

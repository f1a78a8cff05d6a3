/* SPDX-License-Identifier: ISC */
#include "backoff.h"

#include "clock.h"
#include "log.h"

#define CREDIT_MS (20 * BACKOFF_MS) /* so many at once, and then one in BACKOFF_MS */
#define REFUSED_MIN_MS 100	    /* after one that could not even load; doubles */
#define REFUSED_MAX_MS 10000

void backoff_open(struct backoff *r)
{
	*r = (struct backoff){.credit_ms = CREDIT_MS, .since = clock_ms()};
}

static int64_t credit(const struct backoff *r, int64_t now)
{
	int64_t ms = r->credit_ms + now - r->since;

	return ms < CREDIT_MS ? ms : CREDIT_MS;
}

int64_t backoff_died(struct backoff *r, const char *what)
{
	int64_t now = clock_ms();

	r->credit_ms = credit(r, now) - BACKOFF_MS;
	r->since = now;
	if (r->credit_ms >= 0) {
		if (r->credit_ms > CREDIT_MS / 2)
			r->loud = false;
		return now;
	}
	if (!r->loud)
		log_say(LOGGED_ERROR,
			"the %s keeps dying; restarting it only every %d ms from now on", what,
			BACKOFF_MS);
	r->loud = true;
	return now - r->credit_ms;
}

int64_t backoff_refused(struct backoff *r)
{
	int64_t wait = REFUSED_MAX_MS;

	if (r->refused < 7)
		wait = REFUSED_MIN_MS << r->refused;
	r->refused++;
	if (r->refused == 1)
		log_say(LOGGED_ERROR, "the server cannot start; retrying");
	return clock_ms() + wait;
}

void backoff_well(struct backoff *r)
{
	r->refused = 0;
}

bool backoff_is_failing(const struct backoff *r)
{
	return r->refused || (r->loud && credit(r, clock_ms()) < CREDIT_MS / 2);
}

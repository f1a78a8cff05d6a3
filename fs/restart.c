/* SPDX-License-Identifier: ISC */
#include "restart.h"

#include "clock.h"
#include "log.h"

#define CREDIT_MS (20 * RESTART_MS) /* so many at once, and then one in RESTART_MS */
#define REFUSED_MIN_MS 100	    /* after one that could not even load; doubles */
#define REFUSED_MAX_MS 10000

void restart_open(struct restart *r)
{
	*r = (struct restart){.credit_ms = CREDIT_MS, .since = clock_ms()};
}

static int64_t credit(const struct restart *r, int64_t now)
{
	int64_t ms = r->credit_ms + now - r->since;

	return ms < CREDIT_MS ? ms : CREDIT_MS;
}

int64_t restart_died(struct restart *r, const char *what)
{
	int64_t now = clock_ms();

	r->credit_ms = credit(r, now) - RESTART_MS;
	r->since = now;
	if (r->credit_ms >= 0) {
		if (r->credit_ms > CREDIT_MS / 2)
			r->loud = false;
		return now;
	}
	if (!r->loud)
		log_say(LOGGED_ERROR,
			"the %s keeps dying: it is started again only every %d ms from now on",
			what, RESTART_MS);
	r->loud = true;
	return now - r->credit_ms;
}

int64_t restart_refused(struct restart *r)
{
	int64_t wait = REFUSED_MAX_MS;

	if (r->refused < 7)
		wait = REFUSED_MIN_MS << r->refused;
	r->refused++;
	if (r->refused == 1)
		log_say(LOGGED_ERROR, "the server cannot start; it is tried again until it can");
	return clock_ms() + wait;
}

void restart_well(struct restart *r)
{
	r->refused = 0;
}

bool restart_is_failing(const struct restart *r)
{
	return r->refused || (r->loud && credit(r, clock_ms()) < CREDIT_MS / 2);
}

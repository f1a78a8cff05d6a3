/* SPDX-License-Identifier: ISC */
#include "busy_poll.h"

#include "clock.h"

#define LOOK_NS 60000
#define NEAR_NS 14000 /* sooner than a reader on another processor comes back */
#define SCORE_MAX 8
#define SCORE_MIN (-4)
#define REST 512 /* answers without looking, when it did not pay */
#define ALONE 16 /* answers in a row make a reader a single one */

static void repay(struct busy_poll *l, int64_t now)
{
	l->spent -= (now - l->repaid) / BUSY_POLL_SHARE;
	if (l->spent < 0)
		l->spent = 0;
	l->repaid = now;
}

static void looked(struct busy_poll *l, int64_t ns, bool found)
{
	l->spent += ns;
	l->looked = false;
	if (found && l->score < SCORE_MAX)
		l->score++;
	if (!found && --l->score < SCORE_MIN) {
		l->score = 0;
		l->rest = REST;
	}
}

void busy_poll_arrived(struct busy_poll *l, pid_t reader)
{
	int64_t gap;

	if (l->rest)
		l->rest--;
	if (reader && reader != l->reader) {
		l->reader = reader;
		l->alone = 0;
	} else if (l->alone < ALONE) {
		l->alone++;
	}
	if (!l->since)
		return;
	gap = clock_ns() - l->since;
	l->since = 0;
	if (l->looked)
		looked(l, gap, true);
	else if (gap < NEAR_NS)
		l->rest = REST; /* it runs on this processor, and could not while we look */
}

bool busy_poll_on(struct busy_poll *l)
{
	int64_t now = clock_ns();

	if (!l->since)
		l->since = now;
	if (l->rest || l->alone < ALONE)
		return false;
	if (!l->looked)
		repay(l, now);
	if (l->spent >= BUSY_POLL_BURST_NS)
		return false;
	l->looked = true;
	if (now - l->since < LOOK_NS)
		return true;
	looked(l, now - l->since, false);
	return false;
}

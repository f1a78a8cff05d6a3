/* SPDX-License-Identifier: ISC */
#include "linger.h"

#include <sys/resource.h>
#include <time.h>

#define LOOK_NS 25000
#define SCORE_MAX 16
#define SCORE_MIN (-16)
#define REST 256  /* answers without looking, when it did not pay */
#define SAMPLE 64 /* answers between two looks at who else wants the processor */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Having been taken off the processor since the last time means that somebody waits for it. */
static bool is_contended(struct linger *l)
{
	struct rusage u;
	long before = l->preempted;

	if (getrusage(RUSAGE_THREAD, &u) != 0)
		return false;
	l->preempted = u.ru_nivcsw;
	return u.ru_nivcsw > before;
}

static void give_up(struct linger *l)
{
	l->rest = REST;
	l->score = 0;
}

void linger_answered(struct linger *l)
{
	if (l->rest) {
		l->rest--;
		return;
	}
	if (l->until && l->score < SCORE_MAX)
		l->score++;
	if (++l->answers % SAMPLE == 0 && is_contended(l))
		give_up(l);
	l->until = 0;
}

bool linger_on(struct linger *l)
{
	int64_t now;

	if (l->rest)
		return false;
	now = now_ns();
	if (!l->until)
		l->until = now + LOOK_NS;
	if (now < l->until)
		return true;
	l->until = 0;
	if (--l->score < SCORE_MIN)
		give_up(l);
	return false;
}

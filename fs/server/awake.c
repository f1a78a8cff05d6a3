/* SPDX-License-Identifier: ISC */
#include "awake.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "log.h"
#include "stats.h"

#define PROCESSORS_MAX 8 /* more would spin for one reader */

#define AWAY_NS 250000	/* a request that took longer was not waited for by anybody */
#define SLOW_NS 14000	/* in the mean: somebody has to be woken for it */
#define USUAL_NS 40000	/* in the mean, where it was not seen */
#define WINDOW 64	/* requests that are enough to see that */
#define HELD_WINDOW 512 /* and to see whether it helps */
#define REST 1024	/* requests without it when not, doubled each time */
#define PATIENCE_MAX 6

int awake_open(void)
{
	if (get_nprocs() > PROCESSORS_MAX)
		return -1;
	return open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
}

static void ask(struct awake *a, bool held)
{
	/* Microseconds; -1 is "as if never asked". */
	const int32_t latency = held ? 0 : -1;

	if (write(a->fd, &latency, sizeof(latency)) != (ssize_t)sizeof(latency)) {
		/* Closing takes it back too. */
		log_say(LOGGED_DEBUG, "processors cannot be kept awake");
		close(a->fd);
		a->fd = -1;
		held = false;
	}
	stats_awake(held);
	a->held = held;
	a->n = 0;
	a->waited = 0;
}

static void in_vain(struct awake *a)
{
	ask(a, false);
	a->rest = REST << a->patience;
	if (a->patience < PATIENCE_MAX)
		a->patience++;
}

/* A window is over. */
static void judge(struct awake *a)
{
	int64_t mean = a->waited / a->n;

	a->n = 0;
	a->waited = 0;
	if (!a->held && mean >= SLOW_NS) {
		a->before = mean;
		ask(a, true);
	} else if (a->held && mean > a->before / 3 * 2) {
		in_vain(a);
	} else if (a->held) {
		a->patience = 0;
	}
}

void awake_expect(struct awake *a)
{
	if (a->fd < 0 || a->held || a->rest)
		return;
	a->before = USUAL_NS;
	ask(a, true);
}

void awake_after(struct awake *a, int64_t ns)
{
	if (a->fd < 0)
		return;
	if (a->rest) {
		a->rest--;
		return;
	}
	if (ns >= AWAY_NS)
		return;
	a->waited += ns;
	if (++a->n == (a->held ? HELD_WINDOW : WINDOW))
		judge(a);
}

void awake_end(struct awake *a)
{
	if (a->held)
		ask(a, false);
}

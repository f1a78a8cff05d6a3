/* SPDX-License-Identifier: ISC */
#include "busy_poll.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define LOOK_NS 60000
#define SCORE_MAX 8
#define SCORE_MIN (-4)
#define REST 512 /* answers without looking, when it did not pay */

/* How long a reader takes to come back: on this processor, on another one, doing something else. */
#define NEAR_NS 14000
#define AWAY_NS 250000
#define FAR_ENOUGH 12  /* of such requests make a move */
#define NEAR_ENOUGH 64 /* of such requests made it worth while */
#define ALONE 16       /* answers in a row make a reader a single one */
#define STAY 64	       /* answers between two moves at least, doubled by each that was in vain */
#define PATIENCE_MAX 12

/* ---- moving ---- */

/* The processor a thread is on or was last: field 39 of proc(5)'s stat.  -1: not to be known. */
static int processor_of(pid_t pid)
{
	char path[32], text[1024], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the second field ends here, whatever is in it */
	for (int field = 2; p && field < 39; field++)
		p = strchr(p + 1, ' ');
	return p ? (int)strtol(p + 1, NULL, 10) : -1;
}

/* Where there are but two it is the other one. */
static int other_of_two(const cpu_set_t *all, int here)
{
	if (CPU_COUNT(all) != 2)
		return -1;
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if ((int)i != here && CPU_ISSET(i, all))
			return (int)i;
	return -1;
}

/* Moved there and left free to move again: the scheduler knows best when others want it. */
static bool move_to(pid_t reader)
{
	int here = sched_getcpu(), there;
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return false;
	there = other_of_two(&all, here);
	if (there < 0)
		there = processor_of(reader);
	if (there < 0 || there >= CPU_SETSIZE || there == here || !CPU_ISSET((size_t)there, &all))
		return false;
	CPU_ZERO(&one);
	CPU_SET((size_t)there, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		return false;
	return sched_setaffinity(0, sizeof(all), &all) == 0;
}

static void consider_moving(struct busy_poll *l)
{
	if (l->stay || l->far < FAR_ENOUGH || l->alone < ALONE)
		return;
	if (l->near >= NEAR_ENOUGH)
		l->patience = 0;
	else if (l->patience < PATIENCE_MAX)
		l->patience++;
	l->stay = STAY << l->patience;
	l->far = l->near = 0;
	if (!move_to(l->reader))
		l->patience = PATIENCE_MAX;
}

/* It took ns for the next request to come. */
static void came_after(struct busy_poll *l, int64_t ns)
{
	if (ns >= AWAY_NS)
		return;
	if (ns >= NEAR_NS) {
		l->far++;
		return;
	}
	l->near++;
	if (l->far)
		l->far--;
	/* While we look, a reader on this processor cannot run.  One on another is as quick as that
	 * when it is awake. */
	if (!l->looked && !l->awake.held)
		l->rest = REST;
}

/* ---- looking ---- */

static void looked(struct busy_poll *l, bool found)
{
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

	if (l->off)
		return;
	if (l->rest)
		l->rest--;
	if (l->stay)
		l->stay--;
	if (reader && reader != l->reader) {
		l->reader = reader;
		l->alone = 0;
		l->far = 0;
	} else if (l->alone < ALONE) {
		l->alone++;
	}
	if (!l->since) {
		awake_after(&l->awake, 0);
		return;
	}
	gap = clock_ns() - l->since;
	came_after(l, gap);
	awake_after(&l->awake, gap);
	if (l->looked)
		looked(l, true);
	l->since = 0;
	l->looked = false;
	consider_moving(l);
}

void busy_poll_expect(struct busy_poll *l)
{
	awake_expect(&l->awake);
}

bool busy_poll_on(struct busy_poll *l)
{
	int64_t now;

	if (l->off)
		return false;
	now = clock_ns();
	if (!l->since)
		l->since = now;
	if ((l->rest && !l->awake.held) || l->alone < ALONE)
		return false;
	l->looked = true;
	if (now - l->since < LOOK_NS)
		return true;
	looked(l, false);
	l->looked = false;
	return false;
}

int busy_poll_sleep(const struct busy_poll *l, int ms)
{
	return l->awake.held && (ms < 0 || ms > AWAKE_HOLD_MS) ? AWAKE_HOLD_MS : ms;
}

void busy_poll_end(struct busy_poll *l)
{
	awake_end(&l->awake);
}

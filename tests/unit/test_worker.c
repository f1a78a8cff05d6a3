/* SPDX-License-Identifier: ISC */
/*
 * Invariants 16 and 17 of the threads that wait: a job that hangs holds up no other, no uid has all of
 * them, who asked for little comes before who asked for much, and what is taken back is not done.
 */
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "fixture.h"
#include "worker.h"

#define MAX 4
#define PER_UID 2

struct task {
	struct job job; /* first */
	sem_t *wait;	/* NULL: it does not hang */
	_Atomic int *order;
	int done_as;
};

static void run(struct job *j)
{
	struct task *t = (struct task *)j;

	if (t->wait)
		sem_wait(t->wait);
	t->done_as = ++*t->order;
}

static struct workers *open_workers(unsigned max, unsigned per_uid)
{
	const struct workers_options o = {.max = max, .per_uid = per_uid};
	struct workers *w;

	ok(workers_open(&o, &w));
	return w;
}

static struct task task(uid_t uid, sem_t *wait, _Atomic int *order)
{
	return (struct task){.job = {.run = run, .uid = uid}, .wait = wait, .order = order};
}

/* Until n jobs more have been taken, a few seconds at most.  How many. */
static int take(struct workers *w, int n)
{
	int taken = 0;

	for (int tries = 0; taken < n && tries < 100; tries++) {
		struct pollfd p = {.fd = workers_fd(w), .events = POLLIN};

		poll(&p, 1, 50);
		for (const struct job *j = workers_take(w); j; j = j->next)
			taken++;
	}
	return taken;
}

static void test_invariant_17_a_hung_job_holds_up_no_other(void **state)
{
	struct workers *w = open_workers(MAX, PER_UID);
	_Atomic int order = 0;
	sem_t hang;
	struct task hung[6], well;

	(void)state;
	sem_init(&hang, 0, 0);
	/* More than there are threads, all of one uid. */
	for (int i = 0; i < 6; i++) {
		hung[i] = task(1, &hang, &order);
		ok(workers_submit(w, &hung[i].job));
	}
	poll(NULL, 0, 300); /* all threads that may have begun */
	well = task(2, NULL, &order);
	ok(workers_submit(w, &well.job));
	assert_int_equal(take(w, 1), 1);
	assert_int_equal(well.done_as, 1);
	for (int i = 0; i < 6; i++)
		sem_post(&hang);
	assert_int_equal(take(w, 6), 6);
}

static void test_invariant_16_little_before_much(void **state)
{
	struct workers *w = open_workers(1, 1);
	_Atomic int order = 0;
	sem_t hang;
	struct task much[5], little;

	(void)state;
	sem_init(&hang, 0, 0);
	for (int i = 0; i < 5; i++) {
		much[i] = task(1, i ? NULL : &hang, &order);
		ok(workers_submit(w, &much[i].job));
	}
	little = task(2, NULL, &order);
	ok(workers_submit(w, &little.job));
	sem_post(&hang);
	assert_int_equal(take(w, 6), 6);
	assert_in_range(little.done_as, 1, 2); /* behind the one that was running */
}

static void test_what_is_taken_back_is_not_done(void **state)
{
	struct workers *w = open_workers(1, 1);
	_Atomic int order = 0;
	sem_t hang;
	struct task first, second, third;

	(void)state;
	sem_init(&hang, 0, 0);
	first = task(1, &hang, &order);
	second = task(1, NULL, &order);
	third = task(1, NULL, &order);
	ok(workers_submit(w, &first.job));
	while (workers_cancel(w, &first.job)) /* no thread has begun it yet */
		ok(workers_submit(w, &first.job));
	ok(workers_submit(w, &second.job));
	ok(workers_submit(w, &third.job));
	assert_true(workers_cancel(w, &third.job));
	assert_false(workers_cancel(w, &third.job));
	ok(workers_submit(w, &third.job));
	assert_true(workers_cancel(w, &second.job));
	sem_post(&hang);
	assert_int_equal(take(w, 2), 2);
	assert_int_equal(second.done_as, 0);
	assert_int_equal(third.done_as, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariant_17_a_hung_job_holds_up_no_other),
		cmocka_unit_test(test_invariant_16_little_before_much),
		cmocka_unit_test(test_what_is_taken_back_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "stats.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "access.h"
#include "bundle.h"
#include "load.h"
#include "log.h"
#include "view.h"

static struct stats nowhere;
struct stats *stats_own = &nowhere;

static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER; /* threads log */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec;
}

static void set32(_Atomic uint32_t *to, uint32_t n)
{
	atomic_store_explicit(to, n, memory_order_relaxed);
}

static void set64(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, n, memory_order_relaxed);
}

/* Into the slot that nobody reads, which is then the newest. */
static void say(struct stats_said *s, const char *text)
{
	uint32_t n;

	pthread_mutex_lock(&saying);
	n = atomic_load_explicit(&s->count, memory_order_relaxed);
	s->slot[n % 2].time = now();
	snprintf(s->slot[n % 2].text, STATS_TEXT, "%s", text);
	atomic_store_explicit(&s->count, n + 1, memory_order_release);
	pthread_mutex_unlock(&saying);
}

static void alarmed(const char *text)
{
	say(&stats_own->alarm, text);
}

int stats_attach(int shared, off_t at)
{
	void *p = mmap(NULL, sizeof(struct stats), PROT_READ | PROT_WRITE, MAP_SHARED, shared, at);

	if (p == MAP_FAILED)
		return ERR_IO;
	stats_own = p;
	log_on_alarm(alarmed);
	return 0;
}

/* It is tried again and again, and ends the same way: that is one fault, which began then. */
static void say_fault(struct stats_said *s, bool stands, const char *text)
{
	uint32_t n = atomic_load_explicit(&s->count, memory_order_relaxed);

	if (!stands || strcmp(s->slot[(n - 1) % 2].text, text) != 0)
		say(s, text);
}

/* ---- what is served ---- */

void stats_serves(const struct bundle *b)
{
	const struct scope *mount = &b->scope;

	snprintf(stats_own->project, sizeof(stats_own->project), "%s", mount->project);
	snprintf(stats_own->domain, sizeof(stats_own->domain), "%s", mount->domain);
	memcpy(stats_own->store_id, b->rings[0]->store_id, STORE_ID_SIZE);
	for (size_t l = 0; l < b->n; l++)
		for (int i = 0; i < KEYRING_GENS; i++)
			set32(&stats_own->scopes[l].gens[i], b->rings[l]->gens[i].gen);
	set32(&stats_own->levels, *mount->project || *mount->domain ? (1u << SCOPE_LEVELS) - 1
								    : 1u << SCOPE_ORGANIZATION);
}

static void reloaded(void)
{
	set64(&stats_own->reloaded, now());
	set64(&stats_own->reloads, stats_own->reloads + 1);
}

/* Values that are not shown any more alarm nobody. */
static void heal_by(const struct view *v)
{
	for (size_t i = 0; stats_own->naltered && i < STATS_ALTERED; i++) {
		struct stats_altered *a = &stats_own->altered[i];
		const struct view_entry *e = a->ino ? view_by_ino(v, a->ino) : NULL;

		if (!a->ino || (e && e->kind == VIEW_FILE &&
				memcmp(view_file_of(v, e)->id, a->id, HASH_SIZE) == 0))
			continue;
		a->ino = 0;
		set32(&stats_own->naltered, stats_own->naltered - 1);
	}
}

void stats_view(const struct view *v, bool first)
{
	bool changed = !first || !stats_own->reloaded;

	for (int l = 0; l < SCOPE_LEVELS; l++) {
		struct stats_scope *s = &stats_own->scopes[l];
		uint64_t epoch = view_commit_epoch(v, (enum scope_level)l);

		changed |= s->epoch != epoch;
		set64(&s->epoch, epoch);
		set64(&s->time, view_commit_time(v, (enum scope_level)l));
	}
	set32(&stats_own->secrets, view_secrets(v));
	heal_by(v);
	if (changed)
		reloaded();
}

void stats_rules(void)
{
	reloaded();
}

/* ---- what went wrong ---- */

void stats_store(const struct load_error *e)
{
	char scope[SCOPE_STR], text[STATS_TEXT];

	if (e) {
		snprintf(text, sizeof(text), "scope %s: %s", scope_str(&e->scope, scope),
			 e->error == ERR_IO ? strerror(e->saved_errno) : err_str(e->error));
		say_fault(&stats_own->store, stats_own->store_fails, text);
	}
	/* A store that is away afterwards has not healed. */
	set32(&stats_own->store_alarms,
	      e && (stats_own->store_alarms || access_is_alarming(e->error)));
	set32(&stats_own->store_fails, e != NULL);
}

void stats_policy(const char *error, unsigned line)
{
	char text[STATS_TEXT];

	if (error) {
		if (line)
			snprintf(text, sizeof(text), "line %u: %s", line, error);
		else
			snprintf(text, sizeof(text), "%s", error);
		say_fault(&stats_own->policy, stats_own->policy_fails, text);
	}
	set32(&stats_own->policy_fails, error != NULL);
}

void stats_value(uint64_t ino, const uint8_t id[static HASH_SIZE], int err, int store_error)
{
	struct stats_altered *place = NULL;

	if (!stats_own->naltered && store_error != ERR_AUTH)
		return;
	for (struct stats_altered *a = stats_own->altered; a < stats_own->altered + STATS_ALTERED;
	     a++)
		if (a->ino == ino || (!a->ino && (!place || place->ino != ino)))
			place = a;
	if (store_error == ERR_AUTH && place) {
		set32(&stats_own->naltered, stats_own->naltered + (place->ino != ino));
		memcpy(place->id, id, HASH_SIZE);
		place->ino = ino;
	} else if (!err && place && place->ino == ino) {
		place->ino = 0;
		set32(&stats_own->naltered, stats_own->naltered - 1);
	}
}

void stats_open(int err)
{
	if (!err)
		stats_count(STATS_GRANTED);
	else if (err == EACCES || err == EKEYEXPIRED || err == EROFS)
		stats_count(STATS_DENIED);
	else if (err != ESTALE) /* the kernel comes back */
		stats_count(STATS_FAILED);
}

/* SPDX-License-Identifier: ISC */
#include "status.h"

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
#include "shared.h"
#include "view.h"

_Static_assert(offsetof(struct shared, status) % 4096 == 0, "it is mapped by itself");

static struct status nowhere;
struct status *status_own = &nowhere;

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
static void say(struct status_said *s, const char *text)
{
	uint32_t n;

	pthread_mutex_lock(&saying);
	n = atomic_load_explicit(&s->count, memory_order_relaxed);
	s->slot[n % 2].time = now();
	snprintf(s->slot[n % 2].text, STATUS_TEXT, "%s", text);
	atomic_store_explicit(&s->count, n + 1, memory_order_release);
	pthread_mutex_unlock(&saying);
}

static void alarmed(const char *text)
{
	say(&status_own->alarm, text);
}

int status_attach(int shared)
{
	void *p = mmap(NULL, sizeof(struct status), PROT_READ | PROT_WRITE, MAP_SHARED, shared,
		       offsetof(struct shared, status));

	if (p == MAP_FAILED)
		return ERR_IO;
	status_own = p;
	status_awake(false); /* as a predecessor was that was killed */
	log_on_alarm(alarmed);
	return 0;
}

/* It is tried again and again, and ends the same way: that is one fault, which began then. */
static void say_fault(struct status_said *s, bool stands, const char *text)
{
	uint32_t n = atomic_load_explicit(&s->count, memory_order_relaxed);

	if (!stands || strcmp(s->slot[(n - 1) % 2].text, text) != 0)
		say(s, text);
}

/* ---- what is served ---- */

void status_serves(const struct bundle *b)
{
	const struct scope *mount = &b->scope;

	snprintf(status_own->project, sizeof(status_own->project), "%s", mount->project);
	snprintf(status_own->domain, sizeof(status_own->domain), "%s", mount->domain);
	memcpy(status_own->store_id, b->rings[0]->store_id, STORE_ID_SIZE);
	for (size_t l = 0; l < b->n; l++)
		for (int i = 0; i < KEYRING_GENS; i++)
			set32(&status_own->scopes[l].gens[i], b->rings[l]->gens[i].gen);
	set32(&status_own->levels, *mount->project || *mount->domain ? (1u << SCOPE_LEVELS) - 1
								     : 1u << SCOPE_ORGANIZATION);
}

static void reloaded(void)
{
	set64(&status_own->reloaded, now());
	set64(&status_own->reloads, status_own->reloads + 1);
}

/* Values that are not shown any more alarm nobody. */
static void heal_by(const struct view *v)
{
	for (size_t i = 0; status_own->naltered && i < STATUS_ALTERED; i++) {
		struct status_altered *a = &status_own->altered[i];
		const struct view_entry *e = a->ino ? view_by_ino(v, a->ino) : NULL;

		if (!a->ino || (e && e->kind == VIEW_FILE &&
				memcmp(view_file_of(v, e)->id, a->id, HASH_SIZE) == 0))
			continue;
		a->ino = 0;
		set32(&status_own->naltered, status_own->naltered - 1);
	}
}

void status_view(const struct view *v, bool first)
{
	bool changed = !first || !status_own->reloaded;

	for (int l = 0; l < SCOPE_LEVELS; l++) {
		struct status_scope *s = &status_own->scopes[l];
		uint64_t epoch = view_commit_epoch(v, (enum scope_level)l);

		changed |= s->epoch != epoch;
		set64(&s->epoch, epoch);
		set64(&s->time, view_commit_time(v, (enum scope_level)l));
	}
	set32(&status_own->secrets, view_secrets(v));
	heal_by(v);
	if (changed)
		reloaded();
}

void status_rules(void)
{
	reloaded();
}

void status_awake(bool held)
{
	set32(&status_own->awake, held);
}

/* ---- what went wrong ---- */

void status_store(const struct load_error *e)
{
	char scope[SCOPE_STR], text[STATUS_TEXT];

	if (e) {
		snprintf(text, sizeof(text), "scope %s: %s", scope_str(&e->scope, scope),
			 e->error == ERR_IO ? strerror(e->saved_errno) : err_str(e->error));
		say_fault(&status_own->store, status_own->store_fails, text);
	}
	/* A store that is away afterwards has not healed. */
	set32(&status_own->store_alarms,
	      e && (status_own->store_alarms || access_is_alarming(e->error)));
	set32(&status_own->store_fails, e != NULL);
}

void status_policy(const char *error, unsigned line)
{
	char text[STATUS_TEXT];

	if (error) {
		if (line)
			snprintf(text, sizeof(text), "line %u: %s", line, error);
		else
			snprintf(text, sizeof(text), "%s", error);
		say_fault(&status_own->policy, status_own->policy_fails, text);
	}
	set32(&status_own->policy_fails, error != NULL);
}

void status_value(uint64_t ino, const uint8_t id[static HASH_SIZE], int err, int store_error)
{
	struct status_altered *place = NULL;

	if (!status_own->naltered && store_error != ERR_AUTH)
		return;
	for (struct status_altered *a = status_own->altered;
	     a < status_own->altered + STATUS_ALTERED; a++)
		if (a->ino == ino || (!a->ino && (!place || place->ino != ino)))
			place = a;
	if (store_error == ERR_AUTH && place) {
		set32(&status_own->naltered, status_own->naltered + (place->ino != ino));
		memcpy(place->id, id, HASH_SIZE);
		place->ino = ino;
	} else if (!err && place && place->ino == ino) {
		place->ino = 0;
		set32(&status_own->naltered, status_own->naltered - 1);
	}
}

void status_open(int err)
{
	if (!err)
		status_count(STATUS_GRANTED);
	else if (err == EACCES || err == EKEYEXPIRED || err == EROFS)
		status_count(STATUS_DENIED);
	else if (err != ESTALE) /* the kernel comes back */
		status_count(STATUS_FAILED);
}

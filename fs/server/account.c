/* SPDX-License-Identifier: ISC */
#include "account.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define BUCKETS 256u /* a power of two */
#define STEPS 1024u  /* of a limit; two to the STEPS_LOG */
#define STEPS_LOG 10u

static const struct {
	size_t limit; /* of a uid */
	size_t all;
	size_t root; /* of all, for uid 0 alone */
} kinds[ACCOUNT_KINDS] = {
	[ACCOUNT_HANDLES] = {ACCOUNT_HANDLES_PER_UID, ACCOUNT_HANDLES_ALL,
			     ACCOUNT_HANDLES_ALL / 16},
	[ACCOUNT_BYTES] = {ACCOUNT_BYTES_PER_UID, ACCOUNT_BYTES_ALL, ACCOUNT_BYTES_ALL / 16},
	[ACCOUNT_DIRS] = {ACCOUNT_DIRS_PER_UID, ACCOUNT_DIRS_ALL, ACCOUNT_DIRS_ALL / 16},
};

struct account {
	uid_t uid;
	size_t held[ACCOUNT_KINDS];
	struct account *chain;
};

struct accounts {
	size_t total[ACCOUNT_KINDS];
	struct account *buckets[BUCKETS];
	struct account *spare; /* kept for the next uid, which then allocates nothing */
};

int accounts_open(struct accounts **out)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (!a)
		return ERR_NOMEM;
	*out = a;
	return 0;
}

void accounts_close(struct accounts *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct account *c = a->buckets[i], *next; c; c = next) {
			next = c->chain;
			free(c);
		}
	}
	free(a->spare);
	free(a);
}

static struct account **slot(struct accounts *a, uid_t uid)
{
	struct account **p = &a->buckets[(uid ^ uid >> 16) & (BUCKETS - 1)];

	while (*p && (*p)->uid != uid)
		p = &(*p)->chain;
	return p;
}

static bool new_account(struct accounts *a, struct account **p, uid_t uid)
{
	struct account *c = a->spare ? a->spare : calloc(1, sizeof(*c));

	if (!c)
		return false;
	a->spare = NULL;
	*c = (struct account){.uid = uid};
	*p = c;
	return true;
}

static void drop_if_empty(struct accounts *a, struct account **p)
{
	struct account *c = *p;

	for (int k = 0; k < ACCOUNT_KINDS; k++)
		if (c->held[k])
			return;
	*p = c->chain;
	free(a->spare);
	a->spare = c;
}

/* What has to stay free when one that holds that much takes more: half of all, by the logarithm. */
static size_t left_to_others(enum account_kind k, size_t held)
{
	size_t steps = 1 + held / (kinds[k].limit / STEPS), unit = kinds[k].all / 2 / STEPS_LOG;
	unsigned log = 0;

	while (steps >> (log + 1))
		log++;
	return log * unit + (((steps - ((size_t)1 << log)) * unit) >> log);
}

static int may_charge(const struct accounts *a, uid_t uid, size_t held, enum account_kind k,
		      size_t n, size_t fresh)
{
	size_t kept = uid == 0 ? 0 : kinds[k].root + left_to_others(k, held);

	if (held + n > kinds[k].limit)
		return EMFILE;
	if (fresh && a->total[k] + fresh + kept > kinds[k].all)
		return ENFILE;
	return 0;
}

int account_charge(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh)
{
	int e = may_charge(a, uid, account_of(a, uid, k), k, n, fresh);

	return e ? e : account_add(a, uid, k, n, fresh);
}

int account_add(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh)
{
	struct account **p = slot(a, uid);

	if (!*p && !new_account(a, p, uid))
		return ENOMEM;
	(*p)->held[k] += n;
	a->total[k] += fresh;
	drop_if_empty(a, p);
	return 0;
}

void account_refund(struct accounts *a, uid_t uid, enum account_kind k, size_t n, size_t fresh)
{
	struct account **p = slot(a, uid);

	a->total[k] -= fresh < a->total[k] ? fresh : a->total[k];
	if (!*p)
		return;
	(*p)->held[k] -= n < (*p)->held[k] ? n : (*p)->held[k];
	drop_if_empty(a, p);
}

size_t account_total(const struct accounts *a, enum account_kind k)
{
	return a->total[k];
}

size_t account_of(struct accounts *a, uid_t uid, enum account_kind k)
{
	struct account **p = slot(a, uid);

	return *p ? (*p)->held[k] : 0;
}

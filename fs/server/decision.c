/* SPDX-License-Identifier: ISC */
#include "decision.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log_line.h"
#include "name.h"
#include "scope.h"

#define COUNT_MS 1000
#define BUCKETS 256u	      /* a power of two */
#define CALLERS DECISION_ROWS /* uids that are told apart */
#define NONE UINT16_MAX

struct row { /* decisions of one kind */
	uint64_t ino;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool granted;
	const char *reason;
	unsigned line;
	uint64_t more; /* since the first */
	int64_t since; /* ms */
	uint16_t next; /* of the bucket, or free */
	uint16_t caller;
	bool used;
	char name[NAME_SIZE], scope[SCOPE_STR];
};

struct caller { /* a uid with rows, or with decisions that have none */
	bool used;
	uid_t uid;
	unsigned rows;
	int64_t since;	    /* of the others; 0: there are none */
	uint64_t others[2]; /* refused, granted */
	uint16_t next;	    /* of the bucket, or free */
};

static struct row rows[DECISION_ROWS];
static struct caller callers[CALLERS];
static struct caller crowd; /* of the uids for which there is no more room */
static uint16_t row_buckets[BUCKETS], caller_buckets[BUCKETS], free_rows, free_callers;
static unsigned nrows, ncallers;
static bool ready;

static void prepare(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		row_buckets[i] = caller_buckets[i] = NONE;
	for (unsigned i = 0; i < DECISION_ROWS; i++)
		rows[i].next = callers[i].next = (uint16_t)(i + 1 < DECISION_ROWS ? i + 1 : NONE);
	free_rows = free_callers = 0;
	ready = true;
}

/* ---- lines ---- */

static void write_row(const struct row *r, uint64_t more)
{
	const char *word = r->granted ? "granted" : "refused";
	struct log_line l;

	log_line_begin(&l, r->granted ? LOGGED_INFO : LOGGED_WARNING);
	if (l.json) {
		log_line_add(&l, ",\"event\":\"open\",\"decision\":\"%s\",\"name\":", word);
		log_line_add_json(&l, r->name);
		log_line_add(&l, ",\"scope\":");
		log_line_add_json(&l, r->scope);
		log_line_add(&l, ",\"uid\":%u,\"gid\":%u,\"pid\":%d,\"reason\":", r->uid, r->gid,
			     r->pid);
		log_line_add_json(&l, r->reason);
		if (r->line)
			log_line_add(&l, ",\"policy_line\":%u", r->line);
		if (more)
			log_line_add(&l, ",\"repeated\":%llu", (unsigned long long)more);
	} else {
		log_line_add(&l, "%s %s (%s) to uid %u gid %u pid %d: %s", word, r->name, r->scope,
			     r->uid, r->gid, r->pid, r->reason);
		if (r->line)
			log_line_add(&l, ", policy line %u", r->line);
		if (more)
			log_line_add(&l, ", %llu more times", (unsigned long long)more);
	}
	log_line_end(&l, true);
}

static void write_others(const struct caller *c, bool granted, uint64_t count)
{
	const char *word = granted ? "granted" : "refused";
	struct log_line l;

	log_line_begin(&l, granted ? LOGGED_INFO : LOGGED_WARNING);
	if (l.json) {
		log_line_add(&l, ",\"event\":\"opens\",\"decision\":\"%s\"", word);
		if (c != &crowd)
			log_line_add(&l, ",\"uid\":%u", c->uid);
		log_line_add(&l, ",\"repeated\":%llu", (unsigned long long)count);
	} else {
		log_line_add(&l, "%s ", word);
		if (c == &crowd)
			log_line_add(&l, "to other users");
		else
			log_line_add(&l, "to uid %u", c->uid);
		log_line_add(&l, ": too many to name, %llu more times", (unsigned long long)count);
	}
	log_line_end(&l, true);
}

/* ---- callers ---- */

static uint16_t *caller_bucket(uid_t uid)
{
	return &caller_buckets[(uid ^ uid >> 8 ^ uid >> 16) & (BUCKETS - 1)];
}

/* The crowd when there is no room for another one. */
static struct caller *caller_of(uid_t uid)
{
	uint16_t *head = caller_bucket(uid), i = *head;
	struct caller *c;

	while (i != NONE && callers[i].uid != uid)
		i = callers[i].next;
	if (i != NONE)
		return &callers[i];
	if (free_callers == NONE)
		return &crowd;
	i = free_callers;
	c = &callers[i];
	free_callers = c->next;
	*c = (struct caller){.used = true, .uid = uid, .next = *head};
	*head = i;
	ncallers++;
	return c;
}

static void drop_if_idle(struct caller *c)
{
	uint16_t *p, i = (uint16_t)(c - callers);

	if (c == &crowd || c->rows || c->since)
		return;
	for (p = caller_bucket(c->uid); *p != i; p = &callers[*p].next)
		;
	*p = c->next;
	c->used = false;
	c->next = free_callers;
	free_callers = i;
	ncallers--;
}

static void count_other(struct caller *c, bool granted, int64_t now)
{
	if (!c->since)
		c->since = now;
	c->others[granted]++;
}

static void close_others(struct caller *c)
{
	for (int granted = 0; granted < 2; granted++)
		if (c->others[granted])
			write_others(c, granted, c->others[granted]);
	c->since = 0;
	c->others[0] = c->others[1] = 0;
	drop_if_idle(c);
}

/* ---- rows ---- */

static uint16_t *row_bucket(uint64_t ino, uid_t uid)
{
	uint64_t h = (ino ^ (uint64_t)uid << 32 ^ uid) * 0x9e3779b97f4a7c15u; /* Knuth, 6.4 */

	return &row_buckets[(h >> 40) & (BUCKETS - 1)];
}

static struct row *find(const struct decision *d)
{
	uint16_t i = *row_bucket(d->ino, d->uid);

	while (i != NONE &&
	       (rows[i].ino != d->ino || rows[i].uid != d->uid || rows[i].granted != d->granted ||
		rows[i].reason != d->reason || rows[i].line != d->line))
		i = rows[i].next;
	return i == NONE ? NULL : &rows[i];
}

/* Who has rows leaves as many free as it has: others get some too. */
static bool may_have_row(const struct caller *c)
{
	return c != &crowd && c->rows < DECISION_ROWS_PER_UID && nrows + c->rows < DECISION_ROWS;
}

static void open_row(struct caller *c, const struct decision *d, int64_t now)
{
	uint16_t *head = row_bucket(d->ino, d->uid), i = free_rows;
	struct row *r = &rows[i];

	free_rows = r->next;
	*r = (struct row){
		.ino = d->ino,
		.uid = d->uid,
		.gid = d->gid,
		.pid = d->pid,
		.granted = d->granted,
		.reason = d->reason,
		.line = d->line,
		.since = now,
		.next = *head,
		.caller = (uint16_t)(c - callers),
		.used = true,
	};
	snprintf(r->name, sizeof(r->name), "%s", d->name);
	snprintf(r->scope, sizeof(r->scope), "%s", d->scope);
	*head = i;
	nrows++;
	c->rows++;
	write_row(r, 0);
}

static void close_row(struct row *r)
{
	uint16_t *p = row_bucket(r->ino, r->uid), i = (uint16_t)(r - rows);
	struct caller *c = &callers[r->caller];

	if (r->more)
		write_row(r, r->more);
	while (*p != i)
		p = &rows[*p].next;
	*p = r->next;
	r->used = false;
	r->next = free_rows;
	free_rows = i;
	nrows--;
	c->rows--;
	drop_if_idle(c);
}

void decision_log(const struct decision *d)
{
	int64_t now = clock_tick_ms();
	struct caller *c;
	struct row *r;

	if (!ready)
		prepare();
	r = find(d);
	if (r && now - r->since >= COUNT_MS) {
		close_row(r);
		r = NULL;
	}
	if (r) {
		r->more++;
		r->pid = d->pid;
		return;
	}
	c = caller_of(d->uid);
	if (may_have_row(c))
		open_row(c, d, now);
	else
		count_other(c, d->granted, now);
}

/* ---- time ---- */

/* Milliseconds until it is due; <= 0: it is. */
static int64_t due(int64_t since, int64_t now, bool all)
{
	return all ? 0 : COUNT_MS - (now - since);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || b < a ? b : a;
}

static int64_t flush(bool all)
{
	int64_t now = clock_tick_ms(), next = -1;

	for (unsigned i = 0; nrows && i < DECISION_ROWS; i++) {
		int64_t left = rows[i].used ? due(rows[i].since, now, all) : 1;

		if (rows[i].used && left <= 0)
			close_row(&rows[i]);
		else if (rows[i].used)
			next = sooner(next, left);
	}
	for (unsigned i = 0; (ncallers || crowd.since) && i <= CALLERS; i++) {
		struct caller *c = i < CALLERS ? &callers[i] : &crowd;
		int64_t left = c->since ? due(c->since, now, all) : 1;

		if (c->since && left <= 0)
			close_others(c);
		else if (c->since)
			next = sooner(next, left);
	}
	return next;
}

int decision_flush(void)
{
	static int64_t again;
	int64_t now, ms;

	if (!nrows && !ncallers && !crowd.since)
		return -1;
	/* What comes later is due later: the rows need not be gone through each time. */
	now = clock_tick_ms();
	if (now < again && again - now <= COUNT_MS)
		return (int)(again - now);
	ms = flush(false);
	again = ms > 0 ? now + ms : 0;
	return (int)ms;
}

void decision_flush_all(void)
{
	flush(true);
}

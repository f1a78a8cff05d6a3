/* SPDX-License-Identifier: ISC */
#include "rewind.h"

#include <stdlib.h>
#include <string.h>

#include "ancestry.h"
#include "history.h"
#include "object.h"
#include "txn.h"

struct search {
	struct backend *b;
	struct keyring *k;
	const struct floor *floor;
	struct blob ref;
	bool has_ref;
	struct commit tip,
		good; /* the ref's commit; the newest that can be trusted.  epoch 0: none */
	bool reached; /* the steps from good lead to the floor's commit */
	uint64_t grant_epoch;
};

static void search_fini(struct search *s)
{
	blob_free(&s->ref);
	commit_fini(&s->tip);
	commit_fini(&s->good);
}

void rewind_fini(struct rewind *rw)
{
	snapshot_close(rw->at);
	*rw = (struct rewind){0};
}

static void note_grant(struct search *s, const struct commit *c)
{
	if (c->grant.epoch > s->grant_epoch)
		s->grant_epoch = c->grant.epoch;
}

/* What cannot be read is no error here: it is what this is for. */
static int read_tip(struct search *s)
{
	BLOB_CLEANUP struct blob body = {0};
	char key[BACKEND_KEY_SIZE];
	uint32_t gen;
	int r;

	backend_ref_key(s->k->scope_id, key);
	r = s->b->ops->get(s->b, key, 4096, BACKEND_DURABLE, &s->ref);
	if (r == ERR_NOENT)
		return 0;
	s->has_ref = r == 0;
	if (r == 0)
		r = object_open(s->k, OBJECT_REF, &s->ref, &body, &gen);
	if (r == 0 && body.len != HASH_SIZE)
		r = ERR_AUTH;
	if (r == 0)
		r = commit_get(s->b, s->k, body.data, &s->tip);
	if (r == 0)
		note_grant(s, &s->tip);
	return r == ERR_NOMEM || r == ERR_TIMEOUT || r == ERR_VERSION ? r : 0;
}

static bool is_floor(const struct search *s, const struct commit *c)
{
	return c->epoch == s->floor->epoch && memcmp(c->id, s->floor->id, HASH_SIZE) == 0;
}

static int trust(struct search *s, const struct commit *c)
{
	commit_fini(&s->good);
	return commit_head(c, &s->good);
}

/* May next go on from prev? */
static bool step_holds(const struct commit *next, const struct commit *prev)
{
	return next->epoch - 1 == prev->epoch &&
	       ancestry_grant_holds(next, prev->id, prev->grant.hash, prev->grant.epoch);
}

/* Enough is known of at and of what led to it.  Nothing can follow the greatest epoch, though the floor
 * may be there by now. */
static int arrive(struct search *s, const struct commit *at, bool *done)
{
	int r = 0;

	if (!s->good.epoch && at->epoch != UINT64_MAX)
		r = trust(s, at);
	s->reached = s->good.epoch && is_floor(s, at);
	*done = s->good.epoch && (at->epoch == 1 || at->epoch <= s->floor->epoch);
	return r;
}

/* From a commit back to the floor, or as far as history goes: what lies before a step that does not
 * hold is trusted, and what lies after it is not. */
static int walk(struct search *s, const struct commit *from)
{
	COMMIT_CLEANUP struct commit at;
	bool done = false;
	int r;

	commit_init(&at);
	r = commit_head(from, &at);
	while (r == 0 && (r = arrive(s, &at, &done)) == 0 && !done) {
		COMMIT_CLEANUP struct commit prev;

		commit_init(&prev);
		r = commit_get_known(s->b, s->k, at.prev, &at.grant, &prev);
		if (r < 0)
			break; /* the end of what is there */
		note_grant(s, &prev);
		if (!step_holds(&at, &prev))
			commit_fini(&s->good);
		commit_fini(&at);
		at = prev;
		commit_init(&prev);
	}
	return r == ERR_NOMEM || r == ERR_TIMEOUT ? r : 0;
}

/* The floor's branch is not the ref's: if it is there, it counts, unless the ref was put back to what
 * the floor descends from. */
static int leave_fork(struct search *s)
{
	COMMIT_CLEANUP struct commit seen;
	struct floor good = floor_of(&s->good);

	commit_init(&seen);
	if (!s->floor->epoch || s->reached || commit_get(s->b, s->k, s->floor->id, &seen) != 0)
		return 0;
	if (seen.epoch == UINT64_MAX)
		return s->good.epoch ? 0 : walk(s, &seen);
	if (s->good.epoch && ancestry_leads(s->b, s->k, &seen, &good, false) == 0)
		return 0;
	s->reached = true;
	commit_fini(&s->good);
	return history_newest(s->b, s->k, &seen, &s->good, &s->grant_epoch);
}

/* good, or what it leads back to at epoch to. */
static int choose(struct search *s, uint64_t to)
{
	COMMIT_CLEANUP struct commit at;
	int r;

	commit_init(&at);
	if (!s->good.epoch)
		return s->has_ref ? ERR_AUTH : ERR_NOENT;
	if (!to || to == s->good.epoch)
		return 0;
	if (to > s->good.epoch)
		return ERR_NOENT;
	r = ancestry_at(s->b, s->k, &s->good, to, &at);
	if (r < 0)
		return r;
	commit_fini(&s->good);
	s->good = at;
	commit_init(&at);
	return 0;
}

/* good, or the newest before it, with every page there. */
static int load_whole(struct search *s, bool exactly, struct rewind *out)
{
	uint64_t oldest = exactly ? s->good.epoch : 1;

	for (;;) {
		SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
		COMMIT_CLEANUP struct commit prev;
		int r = snapshot_at(s->b, s->k, s->good.id, &snap);

		commit_init(&prev);
		if (r == 0)
			r = snapshot_load(s->b, s->k, snap, NULL);
		if (r == 0) {
			out->at = snap;
			snap = NULL;
			return 0;
		}
		if (!out->broken)
			out->broken = r;
		if (s->good.epoch <= oldest || r == ERR_NOMEM || r == ERR_TIMEOUT ||
		    ancestry_prev(s->b, s->k, &s->good, &prev) != 0)
			return out->broken;
		commit_fini(&s->good);
		s->good = prev;
		commit_init(&prev);
	}
}

static int find(struct search *s, uint64_t to, struct rewind *out)
{
	int r = read_tip(s);

	if (r == 0 && s->tip.epoch)
		r = walk(s, &s->tip);
	if (r == 0)
		r = leave_fork(s);
	if (r < 0)
		return r;
	out->newest = s->tip.epoch;
	out->fresh = s->tip.epoch && s->tip.epoch != UINT64_MAX &&
		     ancestry_check(s->b, s->k, s->floor, &s->tip) == 0;
	r = out->fresh ? trust(s, &s->tip) : 0;
	if (r == 0)
		r = choose(s, to);
	if (r < 0)
		return r;
	r = load_whole(s, to != 0, out);
	if (r < 0 || !out->at)
		return r < 0 ? r : ERR_INVAL;
	out->grant_epoch = s->grant_epoch;
	out->at->ref = s->ref;
	s->ref = (struct blob){0};
	return 0;
}

int rewind_find(struct backend *b, struct keyring *k, const struct floor *floor, uint64_t to,
		struct rewind *out)
{
	struct search s = {.b = b, .k = k, .floor = floor, .grant_epoch = floor->grant_epoch};
	int r;

	*out = (struct rewind){0};
	r = find(&s, to, out);
	search_fini(&s);
	return r;
}

/* --- the root's word --------------------------------------------------------------------------- */

struct word {
	uint64_t grant_epoch;
	const char *const *keep;
	size_t nkeep;
};

static bool stays(const struct txn *a, const struct word *word, const struct grant_writer *w)
{
	if (memcmp(w->pk, a->k->root_pk, sizeof(w->pk)) == 0)
		return true;
	for (size_t i = 0; i < word->nkeep; i++)
		if (strcmp(w->name, word->keep[i]) == 0)
			return true;
	return false;
}

static int fill_word(struct txn *a, void *arg, size_t *failed)
{
	const struct word *word = arg;
	struct grant *g = &a->next.grant;
	size_t n = 0;

	(void)failed;
	for (size_t i = 0; i < g->nwriters; i++)
		if (stays(a, word, &g->writers[i]))
			g->writers[n++] = g->writers[i];
	g->nwriters = n;
	g->epoch = word->grant_epoch + 1;
	g->flags |= GRANT_DISCONTINUITY;
	memcpy(g->base, a->tip->commit.id, HASH_SIZE);
	g->base_epoch = a->tip->commit.epoch;
	g->since = g->epoch;
	return commit_sign_grant(a->k, &a->next);
}

int rewind_commit(struct backend *b, struct keyring *k, struct rewind *rw, const char *const *keep,
		  size_t nkeep, struct apply_result *result)
{
	struct word word = {rw->grant_epoch, keep, nkeep};
	struct txn_job job = {.fill = fill_word, .arg = &word};
	struct snapshot *at = rw->at;

	*result = (struct apply_result){0};
	if (!k->has_root)
		return ERR_DENIED;
	if (at->commit.grant.epoch > word.grant_epoch)
		word.grant_epoch = at->commit.grant.epoch;
	rw->at = NULL;
	return txn_upon(b, k, at, &job, result);
}

int apply_discontinuity(struct backend *b, struct keyring *k, const struct floor *passed,
			struct apply_result *result)
{
	REWIND_CLEANUP struct rewind rw = {0};
	int r = rewind_find(b, k, passed, 0, &rw);

	*result = (struct apply_result){0};
	return r == 0 ? rewind_commit(b, k, &rw, NULL, 0, result) : r;
}

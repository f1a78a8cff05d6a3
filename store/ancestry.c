/* SPDX-License-Identifier: ISC */
#include "ancestry.h"

#include <string.h>

bool ancestry_grant_holds(const struct commit *child, const uint8_t id[static HASH_SIZE],
			  const uint8_t grant[static HASH_SIZE], uint64_t grant_epoch)
{
	const struct grant *g = &child->grant;

	if (memcmp(g->hash, grant, HASH_SIZE) == 0)
		return true;
	return g->epoch > grant_epoch && memcmp(g->after, id, HASH_SIZE) == 0;
}

int ancestry_prev(struct backend *b, struct keyring *k, const struct commit *child,
		  struct commit *out)
{
	COMMIT_CLEANUP struct commit c;
	int r;

	commit_init(&c);
	r = commit_get_known(b, k, child->prev, &child->grant, &c);
	if (r == 0 && c.epoch != child->epoch - 1)
		r = ERR_AUTH;
	if (r < 0)
		return r;
	*out = c;
	commit_init(&c);
	return 0;
}

/* By c's jump, when it holds, to no earlier than epoch.  1: it does not hold, or goes no further than
 * the predecessor. */
static int jump(struct backend *b, struct keyring *k, const struct commit *c, uint64_t epoch,
		struct commit *out)
{
	COMMIT_CLEANUP struct commit to;
	int r;

	commit_init(&to);
	if (c->jump_epoch < epoch || c->jump_epoch + 1 >= c->epoch)
		return 1;
	r = commit_get_known(b, k, c->jump, &c->grant, &to);
	if (r == ERR_NOMEM || r == ERR_TIMEOUT)
		return r;
	if (r < 0 || to.epoch != c->jump_epoch ||
	    memcmp(to.grant.hash, c->grant.hash, HASH_SIZE) != 0)
		return 1;
	*out = to;
	commit_init(&to);
	return 0;
}

/* From *at one step back, in its place. */
static int step_back(struct backend *b, struct keyring *k, struct commit *at, uint64_t epoch,
		     bool jumps)
{
	COMMIT_CLEANUP struct commit to;
	int r = 1;

	commit_init(&to);
	if (jumps)
		r = jump(b, k, at, epoch, &to);
	if (r == 1) {
		r = ancestry_prev(b, k, at, &to);
		if (r == 0 && !ancestry_grant_holds(at, to.id, to.grant.hash, to.grant.epoch))
			r = ERR_STALE;
	}
	if (r < 0)
		return r;
	commit_fini(at);
	*at = to;
	commit_init(&to);
	return 0;
}

/* Is to the commit that c comes right after, or jumps to?  to need not be there to be opened. */
static bool names(const struct commit *c, const struct floor *to, bool jumps)
{
	if (c->epoch - 1 == to->epoch && memcmp(c->prev, to->id, HASH_SIZE) == 0)
		return ancestry_grant_holds(c, to->id, to->grant, to->grant_epoch);
	return jumps && c->jump_epoch == to->epoch && memcmp(c->jump, to->id, HASH_SIZE) == 0 &&
	       memcmp(c->grant.hash, to->grant, HASH_SIZE) == 0;
}

int ancestry_leads(struct backend *b, struct keyring *k, const struct commit *tip,
		   const struct floor *to, bool jumps)
{
	COMMIT_CLEANUP struct commit at;
	int r;

	commit_init(&at);
	if (memcmp(tip->id, to->id, HASH_SIZE) == 0)
		return tip->epoch == to->epoch ? 0 : ERR_STALE;
	if (tip->epoch <= to->epoch)
		return ERR_STALE;
	r = commit_head(tip, &at);
	while (r == 0 && !names(&at, to, jumps))
		r = at.epoch - 1 <= to->epoch ? ERR_STALE
					      : step_back(b, k, &at, to->epoch + 1, jumps);
	return r;
}

int ancestry_at(struct backend *b, struct keyring *k, const struct commit *tip, uint64_t epoch,
		struct commit *out)
{
	COMMIT_CLEANUP struct commit at;
	int r;

	commit_init(&at);
	if (epoch == 0 || epoch > tip->epoch)
		return ERR_INVAL;
	r = commit_head(tip, &at);
	while (r == 0 && at.epoch > epoch)
		r = step_back(b, k, &at, epoch, true);
	if (r < 0)
		return r;
	*out = at;
	commit_init(&at);
	return 0;
}

/* The commit that the root's discontinuity goes on from, as a floor that only the grant which declared
 * it may come after. */
static struct floor base_of(const struct grant *g)
{
	struct floor f = {.epoch = g->base_epoch, .grant_epoch = g->since - 1};

	memcpy(f.id, g->base, HASH_SIZE);
	return f;
}

int ancestry_check(struct backend *b, struct keyring *k, const struct floor *f,
		   const struct commit *tip)
{
	const struct grant *g = &tip->grant;
	struct floor base;

	if (f->epoch == 0)
		return 0;
	if (memcmp(g->hash, f->grant, HASH_SIZE) == 0)
		return ancestry_leads(b, k, tip, f, true);
	if (g->epoch <= f->grant_epoch)
		return ERR_STALE; /* signed under a grant that has been replaced: maybe revoked */
	if (!(g->flags & GRANT_DISCONTINUITY) || g->since <= f->grant_epoch)
		return ancestry_leads(b, k, tip, f, false);
	base = base_of(g);
	return ancestry_leads(b, k, tip, &base, false);
}

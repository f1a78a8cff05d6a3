/* SPDX-License-Identifier: ISC */
/*
 * Invariant 18: an insider can be put out.  Random sequences of an honest writer, two admins with
 * floors of their own, one of them mostly behind, readers, a store that replays, and Mallory, who was
 * granted once, signs what she likes under every grant that ever named her, and chooses epochs, jumps
 * and predecessors.  What happened is judged by the true predecessors alone.
 */
#include "ancestry.h"
#include "fixture.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rewind.h"

#define SEQUENCES 10000
#define STEPS 8
#define NODES 64
#define READERS 3

struct world {
	struct backend *b;
	struct keyring *root, *honest, *mallory;
	struct commit nodes[NODES]; /* heads of all that was ever signed */
	size_t n;
	struct floor admins[2], writer, readers[READERS];
	bool attacked; /* somebody was not honest */
	uint64_t seed;
};

/* --- speed: a signature that was verified is not verified again ------------------------------------- */

int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
				unsigned long long len, const unsigned char *pk)
{
	static struct verdict {
		uint8_t sig[crypto_sign_BYTES], pk[32], hash[HASH_SIZE];
		int r;
	} seen[4096];
	static int (*verify)(const unsigned char *, const unsigned char *, unsigned long long,
			     const unsigned char *);
	struct verdict *v = &seen[(sig[0] | sig[1] << 8) % 4096];
	uint8_t hash[HASH_SIZE];

	crypto_generichash(hash, sizeof(hash), m, len, NULL, 0);
	if (memcmp(v->sig, sig, sizeof(v->sig)) == 0 && memcmp(v->pk, pk, 32) == 0 &&
	    memcmp(v->hash, hash, sizeof(hash)) == 0)
		return v->r;
	if (!verify)
		*(void **)&verify = dlsym(RTLD_NEXT, "crypto_sign_verify_detached");
	memcpy(v->sig, sig, sizeof(v->sig));
	memcpy(v->pk, pk, 32);
	memcpy(v->hash, hash, sizeof(hash));
	return v->r = verify(sig, m, len, pk);
}

static uint32_t dice(struct world *w, uint32_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return n ? (uint32_t)(w->seed >> 32) % n : 0;
}

/* --- the truth ---------------------------------------------------------------------------------- */

static const struct commit *node(const struct world *w, const uint8_t id[static HASH_SIZE])
{
	for (size_t i = 0; i < w->n; i++)
		if (memcmp(w->nodes[i].id, id, HASH_SIZE) == 0)
			return &w->nodes[i];
	return NULL;
}

static const struct commit *before(const struct world *w, const struct commit *c)
{
	return node(w, c->prev);
}

static bool is_by(const struct commit *c, const struct keyring *k)
{
	return memcmp(c->writer, k->writer_pk, sizeof(c->writer)) == 0;
}

static bool lets_in(const struct world *w, const struct commit *c)
{
	return grant_find(&c->grant, w->mallory->writer_pk) != NULL;
}

static bool descends(const struct world *w, const struct commit *c,
		     const uint8_t id[static HASH_SIZE])
{
	for (; c; c = before(w, c))
		if (id && memcmp(c->id, id, HASH_SIZE) == 0)
			return true;
	return false;
}

static void add(struct world *w, const uint8_t id[static HASH_SIZE])
{
	assert_true(w->n < NODES);
	assert_null(node(w, id));
	COMMIT_CLEANUP struct commit c;

	commit_init(&c);
	ok(commit_get(w->b, w->root, id, &c));
	ok(commit_head(&c, &w->nodes[w->n++]));
}

/*
 * The oracle.  From the accepted commit back to the floor's, or to where the root said that history
 * goes on: nothing of Mallory's after what took her out.  (Under the floor's own grant, which names
 * her, she may jump over what she likes: she might as well have forked.)
 */
static void judge(const struct world *w, const struct floor *floor, const struct commit *tip)
{
	const struct commit *seen = node(w, floor->id), *c = node(w, tip->id);
	bool out = false, same = memcmp(tip->grant.hash, floor->grant, HASH_SIZE) == 0;

	assert_non_null(seen);
	if (same && lets_in(w, seen))
		return;
	/* From the newest back: once one is met of hers, all before it must let her in. */
	for (; c && c != seen; c = before(w, c)) {
		const struct grant *g = &c->grant;
		bool brings = memcmp(g->after, c->prev, HASH_SIZE) == 0;

		out |= is_by(c, w->mallory);
		assert_false(out && !lets_in(w, c));
		if (brings && (g->flags & GRANT_DISCONTINUITY) && g->since == g->epoch &&
		    g->since > floor->grant_epoch)
			return;
	}
	if (c != seen) {
		print_error("floor epoch %llu grant %llu same %d\n",
			    (unsigned long long)floor->epoch,
			    (unsigned long long)floor->grant_epoch, same);
		for (size_t i = 0; i < w->n; i++) {
			const struct commit *x = &w->nodes[i];
			const struct commit *p = before(w, x);
			print_error(
				"%zu%s%s: epoch %llu prev %d jump %llu grant %llu %02x flags %d since %llu by %s lets %d\n",
				i, x == tip ? " TIP" : "", x == seen ? " SEEN" : "",
				(unsigned long long)x->epoch, p ? (int)(p - w->nodes) : -1,
				(unsigned long long)x->jump_epoch,
				(unsigned long long)x->grant.epoch, x->grant.hash[0],
				x->grant.flags, (unsigned long long)x->grant.since,
				is_by(x, w->mallory)  ? "M"
				: is_by(x, w->honest) ? "H"
						      : "R",
				lets_in(w, x));
		}
	}
	assert_ptr_equal(c, seen);
	assert_false(out && !lets_in(w, seen));
}

/* --- the parties ---------------------------------------------------------------------------------- */

static void write_honestly(struct world *w)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	COMMIT_CLEANUP struct commit next;

	commit_init(&next);
	if (snapshot_open(w->b, w->honest, &w->writer, &tip) != 0 ||
	    !grant_find(&tip->commit.grant, w->honest->writer_pk) ||
	    commit_follow(w->b, w->honest, &tip->commit, &next) != 0) {
		assert_true(w->attacked);
		return;
	}
	judge(w, &w->writer, &tip->commit);
	fixture_publish(w->b, w->honest, &next);
	add(w, next.id);
	w->writer = floor_of(&next);
}

static void read_honestly(struct world *w, struct floor *floor)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	if (snapshot_open(w->b, w->root, floor, &tip) != 0) {
		assert_true(w->attacked);
		return;
	}
	judge(w, floor, &tip->commit);
	*floor = floor_of(&tip->commit);
}

static void lie(struct world *w)
{
	static const uint64_t epochs[] = {1, 2, 1000, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};
	const struct commit *on = &w->nodes[dice(w, (uint32_t)w->n)];
	const struct commit *to = &w->nodes[dice(w, (uint32_t)w->n)];
	const struct commit *under = &w->nodes[dice(w, (uint32_t)w->n)];
	COMMIT_CLEANUP struct commit c;

	commit_init(&c);
	while (!lets_in(w, under))
		under = &w->nodes[dice(w, (uint32_t)w->n)];
	ok(commit_head(under, &c));
	memcpy(c.prev, on->id, HASH_SIZE);
	memcpy(c.jump, to->id, HASH_SIZE);
	c.epoch = on->epoch + 1;
	if (dice(w, 4) == 0 || c.epoch == 0)
		c.epoch = epochs[dice(w, 6)];
	c.jump_epoch = dice(w, 4) ? to->epoch : 1;
	c.time = dice(w, 2) ? on->time + 1 : UINT64_MAX / 4 - dice(w, 2);
	c.swept = 0;
	w->attacked = true;
	fixture_publish(w->b, w->mallory, &c);
	/* What nobody takes for a commit is none. */
	commit_fini(&w->nodes[w->n]);
	if (commit_get(w->b, w->root, c.id, &w->nodes[w->n]) == 0)
		w->n++;
}

static void replay(struct world *w)
{
	const struct commit *c = &w->nodes[dice(w, (uint32_t)w->n)];

	w->attacked = true;
	fixture_set_ref(w->b, w->root, 1, c->id);
}

static void grant(struct world *w, struct floor *floor, bool remove)
{
	struct apply_options opt = {.floor = floor};
	struct apply_result result;
	struct grant_writer x = {.name = "mallory"};

	if (!remove) {
		snprintf(x.name, sizeof(x.name), "w%u", dice(w, 1000));
		memset(x.pk, 1 + (int)dice(w, 200), sizeof(x.pk));
	}
	if (apply_grant(w->b, w->root, &opt, &x, remove, &result) != 0)
		return;
	add(w, result.floor.id);
	*floor = result.floor;
}

/* Whatever lies there, the root goes on from it, with what it has seen, and alone. */
static void go_on(struct world *w, struct floor *floor)
{
	REWIND_CLEANUP struct rewind rw = {0};
	struct apply_result result;
	const struct commit *at;

	ok(rewind_find(w->b, w->root, floor, 0, &rw));
	at = node(w, rw.at->commit.id);
	assert_non_null(at);
	if (rw.fresh)
		judge(w, floor, at);
	else if (!descends(w, at, floor->id) && node(w, floor->id)->epoch != UINT64_MAX)
		assert_true(
			descends(w, node(w, floor->id), at->id)); /* a backup, or what was seen */
	if (rw.fresh)
		return;
	ok(rewind_commit(w->b, w->root, &rw, NULL, 0, &result));
	add(w, result.floor.id);
	assert_int_equal(w->nodes[w->n - 1].grant.nwriters, 1);
	*floor = result.floor;
	for (int i = 0; i < READERS; i++)
		if (w->readers[i].grant_epoch < floor->grant_epoch)
			ok(ancestry_check(w->b, w->root, &w->readers[i], &w->nodes[w->n - 1]));
}

/* Out she goes, and she does not come back. */
static void put_out(struct world *w)
{
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;
	struct floor *floor = &w->admins[0];

	go_on(w, floor);
	grant(w, floor, true);
	ok(snapshot_open(w->b, w->root, floor, &tip));
	assert_false(lets_in(w, &tip->commit));
}

static void step(struct world *w)
{
	struct floor *admin = &w->admins[dice(w, 4) == 0];

	switch (dice(w, 10)) {
	case 0:
	case 1:
		write_honestly(w);
		break;
	case 2:
	case 3:
		lie(w);
		break;
	case 4:
		replay(w);
		break;
	case 5:
		grant(w, admin, dice(w, 2));
		break;
	case 6:
		if (dice(w, 2))
			go_on(w, admin);
		else
			grant(w, &w->admins[1], dice(w, 2));
		break;
	default:
		read_honestly(w, &w->readers[dice(w, READERS)]);
	}
}

/* --- sequences ------------------------------------------------------------------------------------ */

static uint64_t sequence;

struct start {
	struct backend *b;
	struct world w;
};

static void start_init(struct fixture *f, struct start *s)
{
	struct world *w = &s->w;
	struct floor floor;
	SNAPSHOT_CLEANUP struct snapshot *tip = NULL;

	*s = (struct start){0};
	fixture_put(f, "alpha", "development", "token", "x");
	w->root = fixture_ring(f, "alpha", "development");
	w->honest = fixture_self_made(w->root);
	w->mallory = fixture_self_made(w->root);
	fixture_grant(f, "alpha", "development", w->honest, "honest");
	floor = fixture_grant(f, "alpha", "development", w->mallory, "mallory");
	s->b = f->b;
	w->b = f->b;
	for (const uint8_t *id = floor.id; !sodium_is_zero(id, HASH_SIZE);
	     id = w->nodes[w->n - 1].prev)
		add(w, id);
	w->admins[0] = w->admins[1] = w->writer = floor;
	for (int i = 0; i < READERS; i++)
		w->readers[i] = floor;
}

static void run(const struct start *s, uint64_t seed)
{
	struct world w = s->w;
	size_t n = s->w.n;

	w.b = memory_copy(s->b);
	w.seed = seed * 0x9e3779b97f4a7c15u + 1;
	for (int i = 0; i < STEPS; i++)
		step(&w);
	put_out(&w);
	for (int i = 0; i < READERS; i++)
		read_honestly(&w, &w.readers[i]);
	for (size_t i = n; i < w.n; i++)
		commit_fini(&w.nodes[i]);
	backend_close(w.b);
}

static void random_sequences(void **state)
{
	const char *env = getenv("SEED");
	struct start s;

	start_init(*state, &s);
	for (uint64_t i = 0; i < SEQUENCES; i++) {
		uint64_t seed = env ? strtoull(env, NULL, 10) : i + 1;

		if (env && i)
			break;
		sequence = seed;
		run(&s, seed);
	}
	for (size_t i = 0; i < s.w.n; i++)
		commit_fini(&s.w.nodes[i]);
	keyring_free(s.w.root);
	keyring_free(s.w.honest);
	keyring_free(s.w.mallory);
}

static int end(void **state)
{
	print_message("the last sequence was SEED=%llu\n", (unsigned long long)sequence);
	return fixture_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_sequences, fixture_memory, end),
	};

	return cmocka_run_group_tests_name("an insider can be put out", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * check: every scope, commit, page and kept value, as the root can verify them.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "name.h"
#include "object.h"
#include "prune.h"
#include "scopes.h"
#include "ctx.h"
#include "show.h"
#include "gc.h"
#include "ui.h"
#include "value.h"
#include "timefmt.h"

/* Ids that something names, to tell the strays. */
struct ids {
	uint8_t (*id)[HASH_SIZE];
	size_t n, cap;
	bool failed;
};

struct check {
	struct ctx *s;
	json_t *faults;
	size_t scopes, secrets, versions, commits, strays, unknown;
	/* of the scope at hand */
	struct scope_ctx *place;
	const struct scope *scope; /* NULL: the registry */
	struct ids known;
	/* of the whole store: every scope's id */
	struct ids seen;
	struct prune strays_seen;
	bool remembers; /* strays_seen could be read */
	bool prune;
	uint64_t older_than; /* s */
	size_t pruned;
};

static const char *label(const struct check *c, char out[SCOPE_STR])
{
	return c->scope ? scope_str(c->scope, out) : "registry";
}

static void fault(struct check *c, const char *what, const char *name, int r, const char *todo)
{
	json_t *o = json_object();
	char text[SCOPE_STR];

	if (c->scope)
		json_put_scope(o, c->scope);
	json_object_set_new(o, "what", json_string(what));
	json_object_set_new(o, "name", name ? json_string(name) : json_null());
	json_object_set_new(o, "error", json_string(err_str(r)));
	json_object_set_new(o, "todo", json_string(todo));
	json_array_append_new(c->faults, o);
	ui_error("(%s): %s%s%s: %s", label(c, text), what, name ? " " : "", name ? name : "",
		 err_str(r));
	ui_hint("%s", todo);
}

static void ids_add(struct ids *s, const uint8_t id[static HASH_SIZE])
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		void *more = reallocarray(s->id, cap, HASH_SIZE);

		if (!more) {
			s->failed = true;
			return;
		}
		s->id = more;
		s->cap = cap;
	}
	memcpy(s->id[s->n++], id, HASH_SIZE);
}

static int id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, HASH_SIZE);
}

/* Back to the first commit: each verifies, each is the predecessor that the next one names. */
static void check_history(struct check *c, const struct commit *tip)
{
	static const char todo[] =
		"the older history is damaged; restore the store's objects from a backup";
	uint8_t id[HASH_SIZE];
	uint64_t epoch = tip->epoch, swept = tip->swept;

	memcpy(id, tip->id, HASH_SIZE);
	while (!sodium_is_zero(id, HASH_SIZE)) {
		COMMIT_CLEANUP struct commit commit;
		char name[32];
		int r;

		commit_init(&commit);
		ids_add(&c->known, id);
		r = commit_get(c->s->backend, c->place->ring, id, &commit);
		if (!r && commit.epoch != epoch)
			r = ERR_AUTH;
		if (r) {
			snprintf(name, sizeof(name), "%llu", (unsigned long long)epoch);
			fault(c, "commit", name, r, todo);
			return;
		}
		/* what these retired may still be there, for readers that are behind */
		if (commit.epoch > swept)
			for (size_t i = 0; i < commit.nretired; i++)
				ids_add(&c->known, commit.retired[i]);
		c->commits++;
		memcpy(id, commit.prev, HASH_SIZE);
		epoch--;
	}
}

static int check_record(void *arg, const struct record *rec)
{
	struct check *c = arg;

	c->secrets++;
	for (unsigned i = 0; i < rec->nversions; i++) {
		SECRET_CLEANUP struct secret *value = NULL;
		const struct version *v = &rec->versions[i];
		char what[48];
		int r = value_get(c->s->backend, c->place->ring, v, rec->name, &value);

		ids_add(&c->known, v->id);
		c->versions++;
		if (!r)
			continue;
		snprintf(what, sizeof(what), "version %llu of secret",
			 (unsigned long long)v->set_epoch);
		fault(c, what, rec->name, r == ERR_NOENT ? ERR_INCOMPLETE : r,
		      i ? "an older version cannot be read; restore it from a backup, or let it age out"
			: "set it anew with secretctl update secret, or restore it from a backup");
	}
	return 0;
}

/* Every page and every record of those that can be read. */
static void check_pages(struct check *c, struct snapshot *snap)
{
	char text[SCOPE_STR];

	for (size_t i = 0; i < snap->commit.npages; i++) {
		const struct page *page;
		struct page_cursor cursor;
		struct record rec;
		int r = snapshot_page(c->s->backend, c->place->ring, snap, i, &page);

		ui_progress(label(c, text), i, snap->commit.npages);
		ids_add(&c->known, snap->commit.pages[i].id);
		if (r) {
			fault(c, "page that starts at", snap->commit.pages[i].first, r,
			      "its secrets cannot be read: restore the store's objects from a backup");
			continue;
		}
		cursor = page_walk(&page->body);
		while (page_next(&cursor, &rec))
			check_record(c, &rec);
	}
}

static int see_stray(void *arg, const char *key)
{
	struct check *c = arg;
	const char *hex = strrchr(key, '/');
	uint8_t id[HASH_SIZE];
	size_t len;

	if (hex &&
	    sodium_hex2bin(id, sizeof(id), hex + 1, strlen(hex + 1), NULL, &len, NULL) == 0 &&
	    len == HASH_SIZE && bsearch(id, c->known.id, c->known.n, HASH_SIZE, id_cmp))
		return 0;
	c->strays++;
	return c->remembers ? prune_see(&c->strays_seen, key, timefmt_now()) : 0;
}

/*
 * A writer puts objects before the commit that names them, so only those go that have lain there
 * unnamed for long, and none if the scope has changed since tip was read.
 */
static void prune_scope(struct check *c, const char *prefix, const struct commit *tip)
{
	struct backend *b = c->s->backend;
	uint64_t now = timefmt_now();
	uint8_t id[HASH_SIZE];
	char text[SCOPE_STR];
	size_t len = strlen(prefix);

	if (ref_get(b, c->place->ring, 0, id, NULL) || memcmp(id, tip->id, HASH_SIZE) != 0) {
		ui_warn("(%s) has just changed: its strays are left for the next check",
			label(c, text));
		return;
	}
	for (size_t i = 0; i < c->strays_seen.n; i++) {
		struct prune_stray *s = &c->strays_seen.v[i];

		if (!s->now || strncmp(s->key, prefix, len) != 0 || s->key[len] != '/' ||
		    now - s->first < c->older_than)
			continue;
		if (b->ops->delete (b, s->key)) {
			fault(c, "stray", s->key, ERR_IO, "see the directory's owner and mode");
			return;
		}
		s->now = false;
		c->pruned++;
		c->strays--;
	}
}

static void find_strays(struct check *c, const struct commit *tip)
{
	char prefix[BACKEND_KEY_SIZE];
	char hex[2 * SCOPE_ID_SIZE + 1];
	int r;

	if (c->known.failed || !c->known.n)
		return;
	qsort(c->known.id, c->known.n, HASH_SIZE, id_cmp);
	sodium_bin2hex(hex, sizeof(hex), c->place->ring->scope_id, SCOPE_ID_SIZE);
	snprintf(prefix, sizeof(prefix), "objects/%s", hex);
	r = c->s->backend->ops->list(c->s->backend, prefix, see_stray, c);
	if (r && r != ERR_NOENT) {
		fault(c, "list of objects", NULL, r, "see the directory's owner and mode");
		return;
	}
	if (c->prune && c->remembers)
		prune_scope(c, prefix, tip);
	if (c->remembers)
		prune_settle(&c->strays_seen, prefix);
}

static void check_place(struct check *c, struct scope_ctx *place)
{
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	size_t faults = json_array_size(c->faults);
	uint8_t id[HASH_SIZE] = {0};
	int r;

	memcpy(id, place->ring->scope_id, SCOPE_ID_SIZE);
	ids_add(&c->seen, id);
	r = ctx_snapshot(c->s, place, &snap);
	c->place = r ? NULL : place;
	if (r == ERR_NOENT)
		return; /* never made */
	c->scopes++;
	c->known = (struct ids){0};
	if (r) {
		fault(c, r == ERR_STALE ? "freshness" : "newest commit", NULL, r,
		      r == ERR_STALE
			      ? "put the newest store back: this host accepted a later one"
			      : "it cannot be read: restore the store from a backup, or go on "
				"from before it: secretctl restore --accept");
		return;
	}
	if (snap->commit.epoch == UINT64_MAX)
		fault(c, "newest commit", NULL, ERR_AUTH,
		      "nothing can follow it: secretctl restore --accept goes on from before it");
	check_history(c, &snap->commit);
	check_pages(c, snap);
	/* what a damaged page or commit names is no stray */
	if (json_array_size(c->faults) == faults)
		find_strays(c, &snap->commit);
	free(c->known.id);
	c->known = (struct ids){0};
	c->place = NULL;
}

static int check_scope(void *arg, const struct scope *scope)
{
	struct check *c = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};

	c->scope = scope;
	if (scope_ctx_open(c->s, scope, &place))
		return ERR_INVAL;
	check_place(c, &place);
	return 0;
}

/* The registry has no values to speak of, but its commits and pages count. */
static int check_registry(struct check *c)
{
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	int r = keyring_registry(c->s->keys, &place.ring);

	if (!r)
		r = floor_load(c->s->paths[PATH_STATE], place.ring, &place.floor);
	if (r) {
		errmsg_fail(&(struct errmsg){.doing = "check the registry"}, r);
		return r;
	}
	c->scope = NULL;
	check_place(c, &place);
	c->scopes = c->secrets = c->versions = 0;
	return 0;
}

/* A ref that no declared scope accounts for. */
static int check_ref(void *arg, const char *key)
{
	struct check *c = arg;
	const char *hex = strrchr(key, '/');
	uint8_t id[HASH_SIZE] = {0};
	size_t len;

	if (hex &&
	    sodium_hex2bin(id, SCOPE_ID_SIZE, hex + 1, strlen(hex + 1), NULL, &len, NULL) == 0 &&
	    len == SCOPE_ID_SIZE)
		for (size_t i = 0; i < c->seen.n; i++)
			if (memcmp(c->seen.id[i], id, HASH_SIZE) == 0)
				return 0;
	c->unknown++;
	return 0;
}

static int find_older_than(const struct call *call, struct check *c)
{
	const char *text = call_flag(call, FLAG_OLDER_THAN);

	c->prune = call_has(call, FLAG_PRUNE);
	c->older_than = GC_GRACE;
	if (!text)
		return 0;
	if (!c->prune)
		return ui_usage(call, "--older-than goes with --prune");
	if (timefmt_duration(text, &c->older_than))
		return ui_usage(call, "--older-than takes 24h, 7d, 30m, not %.40s", text);
	if (c->older_than < 3600)
		ui_warn("a writer that is at work now may lose what it has put and not yet committed");
	return 0;
}

/* The memory of strays is a help: without it nothing is pruned, and the rest is checked. */
static void remember(struct check *c, int r, const char *what)
{
	if (r)
		ui_warn("when strays were first seen cannot be %s (%s): %s", what,
			c->strays_seen.path ? c->strays_seen.path : "no memory", err_str(r));
	c->remembers = r == 0;
}

static void print_summary(const struct check *c)
{
	printf("%zu scope%s, %zu secret%s, %zu version%s, %zu commit%s verified; %zu stray%s\n",
	       c->scopes, ui_s(c->scopes), c->secrets, ui_s(c->secrets), c->versions,
	       ui_s(c->versions), c->commits, ui_s(c->commits), c->strays, ui_s(c->strays));
	if (c->pruned)
		printf("%zu stray%s deleted\n", c->pruned, ui_s(c->pruned));
	if (c->strays && c->prune)
		printf("strays that are left were first seen too short a time ago\n");
	else if (c->strays)
		printf("strays are leftovers of interrupted writes; they harm nothing, and\n"
		       "check --prune deletes those that were seen a day ago\n");
	if (c->unknown)
		printf("%zu scopes are not declared, or of another root key: not looked into\n",
		       c->unknown);
	if (json_array_size(c->faults))
		printf("%zu fault%s\n", json_array_size(c->faults),
		       ui_s(json_array_size(c->faults)));
	else
		printf("everything is whole\n");
}

int check_run(struct call *call)
{
	CTX_CLEANUP struct ctx s = {0};
	struct check c = {.s = &s};
	bool json, bad;
	json_t *o;
	int status = show_format(call, &json);

	if (!status)
		status = find_older_than(call, &c);
	if (!status)
		status = ctx_root(call, &s);
	if (status)
		return status;
	remember(&c, prune_open(&c.strays_seen, s.paths[PATH_STATE], s.keys->store_id), "read");
	c.faults = json_array();
	if (check_registry(&c) || scopes_each(&s, check_scope, &c)) {
		json_decref(c.faults);
		prune_close(&c.strays_seen);
		return STATUS_FAILED;
	}
	if (c.remembers)
		remember(&c, prune_save(&c.strays_seen), "recorded");
	prune_close(&c.strays_seen);
	/* an unreadable list of refs has shown above already, scope by scope */
	(void)!s.backend->ops->list(s.backend, "refs", check_ref, &c);
	free(c.seen.id);
	ui_progress("", 0, 0);
	bad = json_array_size(c.faults) > 0;
	if (!json) {
		print_summary(&c);
		json_decref(c.faults);
		return bad ? STATUS_FAILED : STATUS_DONE;
	}
	o = json_object();
	json_object_set_new(o, "whole", json_boolean(!bad));
	json_object_set_new(o, "scopes", json_integer((json_int_t)c.scopes));
	json_object_set_new(o, "secrets", json_integer((json_int_t)c.secrets));
	json_object_set_new(o, "versions", json_integer((json_int_t)c.versions));
	json_object_set_new(o, "commits", json_integer((json_int_t)c.commits));
	json_object_set_new(o, "strays", json_integer((json_int_t)c.strays));
	json_object_set_new(o, "pruned", json_integer((json_int_t)c.pruned));
	json_object_set_new(o, "unknown_scopes", json_integer((json_int_t)c.unknown));
	json_object_set_new(o, "faults", c.faults);
	status = json_print(o);
	return bad ? STATUS_FAILED : status;
}

/* SPDX-License-Identifier: ISC */
/*
 * restore: an archive's secrets into this store, or (--accept) see restore_accept.h.
 *
 * An archive is read to its authenticated end before anything is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "name.h"
#include "passphrase.h"
#include "restore_accept.h"
#include "scopes.h"
#include "ctx.h"
#include "ui.h"

struct part { /* one scope of the archive */
	struct scope scope;
	struct scope_ctx place;
	struct batch batch;
	struct batch_counts counts;
};

struct restore {
	struct ctx s;
	struct part *parts;
	size_t nparts;
	struct scope *declared;
	size_t ndeclared;
	/* while reading */
	struct record rec;
	unsigned versions;	     /* of rec, still to come */
	uint8_t from[STORE_ID_SIZE]; /* the store whose root signed it */
};

static void restore_fini(struct restore *t)
{
	for (size_t i = 0; i < t->nparts; i++) {
		batch_fini(&t->parts[i].batch);
		scope_ctx_close(&t->parts[i].place);
	}
	free(t->parts);
	free(t->declared);
	ctx_close(&t->s);
}

/* --- reading ----------------------------------------------------------------------------------- */

static int take_declared(struct restore *t, const struct archive_item *item)
{
	void *more = reallocarray(t->declared, t->ndeclared + 1, sizeof(*t->declared));

	if (!more)
		return ERR_NOMEM;
	t->declared = more;
	t->declared[t->ndeclared++] = item->scope;
	return 0;
}

static int take_scope(struct restore *t, const struct archive_item *item)
{
	void *more = reallocarray(t->parts, t->nparts + 1, sizeof(*t->parts));

	if (!more)
		return ERR_NOMEM;
	t->parts = more;
	t->parts[t->nparts++] = (struct part){.scope = item->scope};
	return 0;
}

static int take_version(struct restore *t, const struct archive_item *item)
{
	struct batch *b = &t->parts[t->nparts - 1].batch;
	struct batch_item *made;
	const struct secret *v = item->value;
	int r;

	if (t->versions-- < t->rec.nversions)
		return batch_add_past(b, v->data, v->len, item->version.time, item->version.writer);
	r = batch_add(b, t->rec.name, v->data, v->len, &made);
	if (r)
		return r;
	made->type = t->rec.type;
	memcpy(made->env, t->rec.env, sizeof(made->env));
	made->expires = t->rec.expires;
	made->created = t->rec.created;
	made->set = CHANGE_SET_TYPE | CHANGE_SET_ENV | CHANGE_SET_EXPIRES;
	return 0;
}

static int take(struct restore *t, const struct archive_item *item)
{
	if ((item->what == ARCHIVE_VERSION) != (t->versions > 0))
		return ERR_AUTH; /* a secret has as many versions as it says */
	switch (item->what) {
	case ARCHIVE_DECLARED:
		return take_declared(t, item);
	case ARCHIVE_SCOPE:
		return take_scope(t, item);
	case ARCHIVE_SECRET:
		t->rec = item->secret;
		t->versions = item->secret.nversions;
		return t->nparts ? 0 : ERR_AUTH;
	case ARCHIVE_VERSION:
		return take_version(t, item);
	case ARCHIVE_END:
		keys_store_id(item->from, t->from);
		break;
	}
	return 0;
}

static int read_items(struct restore *t, struct archive *a)
{
	struct archive_item item = {0};
	int r = 0;

	while (!r && item.what != ARCHIVE_END) {
		item = (struct archive_item){0};
		r = archive_next(a, &item);
		if (!r)
			r = take(t, &item);
		secret_free(item.value);
	}
	return r;
}

static int say_refused(const struct call *c, int r)
{
	struct errmsg w = {.doing = "read the archive", .path = c->argv[0]};

	if (r == ERR_PASSPHRASE)
		ui_error("%s: not the right %s, or the archive was altered", c->argv[0],
			 call_has(c, FLAG_IDENTITY) ? "identity" : "passphrase");
	else if (r == ERR_AUTH)
		ui_error(
			"%s: the archive was altered or cut short, or is not signed by the store that it names",
			c->argv[0]);
	else
		return errmsg_fail(&w, r);
	if (r == ERR_PASSPHRASE)
		ui_hint("try another %s; if it is the right one:",
			call_has(c, FLAG_IDENTITY) ? "identity" : "passphrase");
	ui_hint("copy it again from where it was exported, or export it anew");
	return STATUS_FAILED;
}

static int unlock(const struct call *c, int fd, struct archive **out)
{
	SECRET_CLEANUP struct secret *phrase = NULL, *sk = NULL;
	const char *identity = call_flag(c, FLAG_IDENTITY);
	struct errmsg w = {.doing = "open the archive", .path = c->argv[0]};
	bool wants;
	int status, r = archive_wants_phrase(fd, &wants);

	if (r)
		return errmsg_fail(&w, r);
	if (!wants && !identity) {
		ui_error("%s is locked to a recipient", c->argv[0]);
		ui_hint("give its identity: --identity FILE");
		return STATUS_FAILED;
	}
	if (wants && identity) {
		ui_error("%s is locked with a passphrase, and not to a recipient", c->argv[0]);
		ui_hint("leave out --identity: the passphrase is asked for, or read with --passphrase-file");
		return STATUS_FAILED;
	}
	status = wants ? passphrase_get(c, false, &phrase) : passphrase_identity(identity, &sk);
	if (status)
		return status;
	r = archive_open(fd, phrase, sk ? sk->data : NULL, out);
	return r ? say_refused(c, r) : 0;
}

static int read_archive(const struct call *c, struct restore *t)
{
	struct errmsg w = {.doing = "read the archive", .path = c->argv[0]};
	int fd = open(c->argv[0], O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct archive *a = NULL;
	int r, status;

	if (fd < 0)
		return errmsg_fail(&w, ERR_IO);
	status = unlock(c, fd, &a);
	if (!status) {
		r = read_items(t, a);
		if (r)
			status = say_refused(c, r);
		if (status)
			ui_hint("nothing was done");
	}
	archive_close(a);
	close(fd);
	return status;
}

/* Who can open an archive can make one as well; so a stranger's has to be wanted. Exit status. */
static int agree_sender(const struct call *c, const struct restore *t)
{
	const char *wanted = call_flag(c, FLAG_FROM);
	char from[2 * STORE_ID_SIZE + 1];
	bool ours = memcmp(t->from, t->s.keys->store_id, STORE_ID_SIZE) == 0;

	sodium_bin2hex(from, sizeof(from), t->from, sizeof(t->from));
	printf("signed by  %s%s\n", from, ours ? " (this store)" : "");
	if (wanted && strcasecmp(wanted, from) != 0) {
		ui_error("%s is signed by store %s, and not by %.64s", c->argv[0], from, wanted);
		ui_hint("nothing was done");
		return STATUS_FAILED;
	}
	if (wanted || ours || call_has(c, FLAG_DRY_RUN))
		return 0;
	return ui_agree(
		c,
		"secrets will be taken that another store made and signed: %s; where it was "
		"exported, export has shown that (--from %s)",
		from, from);
}

/* --- writing ----------------------------------------------------------------------------------- */

static int declare(struct restore *t)
{
	int status = 0;

	for (size_t i = 0; !status && i < t->ndeclared; i++) {
		const struct scope *d = &t->declared[i];

		status = scopes_declare(&t->s, d->project[0] ? d->project : NULL,
					d->domain[0] ? d->domain : NULL);
	}
	return status;
}

/* What can be refused is refused before the first scope is written. */
static int check_parts(struct restore *t, bool replace)
{
	int status = 0;

	for (size_t i = 0; !status && i < t->nparts; i++) {
		struct part *p = &t->parts[i];

		status = scope_ctx_open(&t->s, &p->scope, &p->place);
		if (!status)
			status = batch_check(&t->s, &p->place, &p->batch, replace, &p->counts);
	}
	return status;
}

static void say(const struct restore *t, bool dry)
{
	char text[SCOPE_STR];
	size_t total = 0;

	for (size_t i = 0; i < t->nparts; i++) {
		const struct part *p = &t->parts[i];

		printf("%-40s %zu new, %zu replaced\n", scope_str(&p->scope, text),
		       p->counts.created, p->counts.replaced);
		total += p->batch.n;
	}
	printf("%s %zu secret%s of %zu scope%s\n", dry ? "would restore" : "restored", total,
	       ui_s(total), t->nparts, ui_s(t->nparts));
}

static int restore_archive(struct call *c)
{
	bool replace = call_has(c, FLAG_REPLACE), dry = call_has(c, FLAG_DRY_RUN);
	struct restore t = {0};
	int status = ctx_root(c, &t.s);

	if (!status)
		status = read_archive(c, &t);
	if (!status)
		status = agree_sender(c, &t);
	if (!status)
		status = check_parts(&t, replace);
	if (!status && !dry)
		status = declare(&t);
	for (size_t i = 0; !status && !dry && i < t.nparts; i++)
		status = batch_commit(&t.s, &t.parts[i].place, &t.parts[i].batch, replace,
				      "restore");
	if (!status)
		say(&t, dry);
	restore_fini(&t);
	return status;
}

int restore_run(struct call *c)
{
	if (call_has(c, FLAG_ACCEPT) == (c->argc > 0))
		return ui_usage(c, "give an ARCHIVE, or --accept for a store from a backup");
	if (call_has(c, FLAG_ACCEPT))
		return restore_accept(c);
	if (call_has(c, FLAG_TO) || call_has(c, FLAG_KEEP_WRITER) || call_has(c, FLAG_PROJECT) ||
	    call_has(c, FLAG_DOMAIN))
		return ui_usage(c, "--to, --keep-writer, -p and -d go with --accept");
	return restore_archive(c);
}

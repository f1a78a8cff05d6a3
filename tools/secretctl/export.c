/* SPDX-License-Identifier: ISC */
/*
 * export: every secret with its history into one encrypted archive.
 *
 * The file appears under its name only when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "name.h"
#include "passphrase.h"
#include "scopes.h"
#include "ctx.h"
#include "io.h"
#include "ui.h"
#include "value.h"

struct export
{
	struct ctx s;
	struct archive *archive;
	struct scope_ctx *place;  /* at hand */
	const struct scope *only; /* NULL: every scope */
	size_t scopes, secrets, scope_at, left_out;
	/* one of them locks it */
	const char *recipient;
	uint8_t pk[ARCHIVE_KEY_SIZE];
	struct secret *phrase;
};

static int put(struct export *e, const struct archive_item *item, const char *name)
{
	int r = archive_put(e->archive, item);

	if (!r)
		return 0;
	return errmsg_fail(&(struct errmsg){.doing = "write the archive", .name = name}, r);
}

/*
 * The versions that open; those that do not are told, and left out.  Without a newest version the
 * secret is none: an older value must not pass for it.
 */
static int find_readable(struct export *e, const struct record *rec, struct record *out,
			 struct secret **newest)
{
	*out = *rec;
	out->nversions = 0;
	for (unsigned i = 0; i < rec->nversions; i++) {
		SECRET_CLEANUP struct secret *value = NULL;
		const struct version *v = &rec->versions[i];
		char text[SCOPE_STR];
		int r = value_get(e->s.backend, e->place->ring, v, rec->name, &value);

		if (!r) {
			out->versions[out->nversions++] = *v;
			if (i == 0) {
				*newest = value;
				value = NULL;
			}
			continue;
		}
		if (r != ERR_AUTH && r != ERR_INCOMPLETE && r != ERR_GENERATION)
			return errmsg_fail(&(struct errmsg){.doing = "read secret",
							    .name = rec->name,
							    .scope = &e->place->scope},
					   r);
		e->left_out++;
		ui_warn("%s %llu of secret %s (%s) does not open, and is left out: %s",
			i ? "version" : "the newest version", (unsigned long long)v->set_epoch,
			rec->name, scope_str(&e->place->scope, text), err_str(r));
		if (i == 0)
			return 0;
	}
	return 0;
}

static int put_version(struct export *e, const struct record *rec, const struct version *v,
		       struct secret *value)
{
	struct archive_item item = {.what = ARCHIVE_VERSION, .version = *v, .value = value};

	return put(e, &item, rec->name);
}

static int put_older(struct export *e, const struct record *rec, const struct version *v)
{
	SECRET_CLEANUP struct secret *value = NULL;
	int r = value_get(e->s.backend, e->place->ring, v, rec->name, &value);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read secret",
						    .name = rec->name,
						    .scope = &e->place->scope},
				   r);
	return put_version(e, rec, v, value);
}

static int put_record(void *arg, const struct record *rec)
{
	struct export *e = arg;
	struct archive_item item = {.what = ARCHIVE_SECRET};
	SECRET_CLEANUP struct secret *newest = NULL;
	int status = find_readable(e, rec, &item.secret, &newest);

	rec = &item.secret;
	if (status || !rec->nversions)
		return status;
	status = put(e, &item, rec->name);
	if (!status)
		status = put_version(e, rec, &rec->versions[0], newest);
	for (unsigned i = 1; !status && i < rec->nversions; i++)
		status = put_older(e, rec, &rec->versions[i]);
	e->secrets++;
	if (e->secrets % 64 == 0)
		ui_progress("export", e->scope_at, scopes_count(&e->s));
	return status;
}

static int export_scope(void *arg, const struct scope *scope)
{
	struct export *e = arg;
	SCOPE_CTX_CLEANUP struct scope_ctx place = {0};
	SNAPSHOT_CLEANUP struct snapshot *snap = NULL;
	struct archive_item item = {.what = ARCHIVE_SCOPE, .scope = *scope};
	struct errmsg w = {.doing = "read", .scope = scope};
	int r, status;

	e->scope_at++;
	if (e->only && !scope_eq(e->only, scope))
		return 0;
	status = scope_ctx_open(&e->s, scope, &place);
	if (status)
		return status;
	r = ctx_snapshot(&e->s, &place, &snap);
	if (r)
		return r == ERR_NOENT ? 0 : errmsg_fail(&w, r);
	if (snap->commit.npages == 0)
		return 0;
	status = put(e, &item, NULL);
	e->place = &place;
	e->scopes++;
	if (status)
		return status;
	r = snapshot_each(e->s.backend, place.ring, snap, put_record, e);
	return r < 0 ? errmsg_fail(&w, r) : r; /* what put_record said is positive */
}

static int put_declared(struct export *e)
{
	const struct registry *reg = e->s.registry;
	struct archive_item item = {.what = ARCHIVE_DECLARED};
	int status = 0;

	for (size_t i = 0; !status && i < reg->nprojects; i++) {
		item.scope = (struct scope){0};
		memcpy(item.scope.project, reg->projects[i], sizeof(item.scope.project));
		status = put(e, &item, NULL);
	}
	for (size_t i = 0; !status && i < reg->ndomains; i++) {
		item.scope = (struct scope){0};
		memcpy(item.scope.domain, reg->domains[i], sizeof(item.scope.domain));
		status = put(e, &item, NULL);
	}
	return status;
}

/* What locks it is asked for before the file is begun. */
static int lock(const struct call *c, struct export *e)
{
	e->recipient = call_flag(c, FLAG_RECIPIENT);
	if (e->recipient && call_has(c, FLAG_PASSPHRASE_FILE))
		return ui_usage(c, "--recipient or --passphrase-file, not both");
	return e->recipient ? passphrase_recipient(c, e->recipient, e->pk)
			    : passphrase_get(c, true, &e->phrase);
}

static int write_all(struct export *e, int fd)
{
	struct errmsg w = {.doing = "write the archive"};
	int r = archive_create(fd, e->phrase, e->recipient ? e->pk : NULL, &e->archive);
	int status = r ? errmsg_fail(&w, r) : 0;

	if (!status && !e->only)
		status = put_declared(e);
	if (!status)
		status = scopes_each(&e->s, export_scope, e);
	ui_progress("", 0, 0);
	if (status)
		return status;
	r = archive_finish(e->archive, e->s.keys);
	return r ? errmsg_fail(&w, r) : 0;
}

/* A file without a name, which is gone with this process, gets one.  A library error. */
static int link_unnamed(int fd, int dir, const char *name)
{
	struct stat file, there;
	char self[32];
	int error;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	error = errno;
	/* Done, and reported as failed? */
	if (fstat(fd, &file) == 0 && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    file.st_dev == there.st_dev && file.st_ino == there.st_ino)
		return 0;
	errno = error;
	return error == EEXIST ? ERR_EXIST : ERR_IO;
}

static int give_name(int fd, int dir, const char *name, bool replace)
{
	char temp[NAME_MAX + 1];
	int r;

	if (!replace) {
		r = link_unnamed(fd, dir, name);
	} else if (snprintf(temp, sizeof(temp), ".%s.%08x", name, randombytes_random()) >=
		   (int)sizeof(temp)) {
		errno = ENAMETOOLONG;
		r = ERR_IO;
	} else {
		r = link_unnamed(fd, dir, temp);
		if (!r)
			r = io_rename_temp(dir, temp, name, false);
	}
	if (!r && fsync(dir) != 0 && errno != EINVAL)
		r = ERR_UNKNOWN;
	return r;
}

static int write_file(struct call *c, struct export *e, const char *path)
{
	struct errmsg w = {.doing = "write", .path = path};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	FD_CLEANUP int dir = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	FD_CLEANUP int fd = -1;
	int r, status;

	if (!parent)
		return errmsg_fail(&w, ERR_NOMEM);
	free(parent);
	if (dir >= 0)
		fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return errmsg_fail(&w, ERR_IO);
	status = write_all(e, fd);
	if (status)
		return status;
	r = give_name(fd, dir, name, call_has(c, FLAG_REPLACE));
	return r ? errmsg_fail(&w, r) : 0;
}

static void say(const struct export *e, FILE *to, const char *where)
{
	char id[2 * STORE_ID_SIZE + 1];

	sodium_bin2hex(id, sizeof(id), e->s.keys->store_id, STORE_ID_SIZE);
	fprintf(to, "exported %zu secret%s of %zu scope%s to %s\nsigned by  %s\n", e->secrets,
		ui_s(e->secrets), e->scopes, ui_s(e->scopes), where, id);
}

int export_run(struct call *c)
{
	struct export e = {0};
	struct scope scope;
	const char *path = c->argv[0];
	bool standard = strcmp(path, "-") == 0;
	int status = 0;

	if (standard && isatty(STDOUT_FILENO))
		status = ui_usage(c, "an archive is not for a terminal: give a FILE");
	if (!status && !standard && !call_has(c, FLAG_REPLACE) && access(path, F_OK) == 0) {
		ui_error("%s is there already", path);
		ui_hint("give another name, or --replace");
		status = STATUS_FAILED;
	}
	if (!status)
		status = ctx_scope(c, &scope);
	if (!status)
		status = ctx_root(c, &e.s);
	if (!status && (call_has(c, FLAG_PROJECT) || call_has(c, FLAG_DOMAIN))) {
		e.only = &scope;
		status = scopes_require(&e.s, &scope, false);
	}
	if (!status)
		status = lock(c, &e);
	if (!status)
		status = standard ? write_all(&e, STDOUT_FILENO) : write_file(c, &e, path);
	if (!status)
		say(&e, standard ? stderr : stdout, standard ? "standard output" : path);
	if (!status && e.left_out) {
		ui_error("%zu versions do not open, and are not in it: they are named above",
			 e.left_out);
		status = STATUS_FAILED;
	}
	archive_close(e.archive);
	secret_free(e.phrase);
	ctx_close(&e.s);
	return status;
}

/* SPDX-License-Identifier: ISC */
#include "parse.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "source.h"
#include "ui.h"

int parse_add(const struct parse *p, const char *name, const uint8_t *data, size_t len,
	      unsigned line, struct batch_item **out)
{
	char full[2 * NAME_SIZE + 2];
	char at[32] = "";
	int r;

	snprintf(full, sizeof(full), "%s%s%s", p->group ? p->group : "", p->group ? "/" : "", name);
	r = strlen(name) <= NAME_MAX_LEN ? batch_add(p->batch, full, data, len, out) : ERR_NAME;
	if (!r)
		return 0;
	if (line)
		snprintf(at, sizeof(at), ":%u", line);
	ui_error("%s%s: %.80s: %s; nothing was done", p->path, at, full,
		 r == ERR_TOOBIG ? "a value has up to 1 MiB" : err_str(r));
	if (r == ERR_NAME)
		ui_hint("a name is KEY, group/KEY or group/version/KEY of letters, digits, '_', '-', '.', none starting with '.'");
	return STATUS_FAILED;
}

static int add_file(const struct parse *p, const char *path, const char *name)
{
	SECRET_CLEANUP struct secret *value = NULL;
	struct errmsg w = {.doing = "read", .path = path};
	struct batch_item *item;
	int r = source_file(path, &value);

	if (r)
		return errmsg_fail(&w, r);
	return parse_add(p, name, value->data, value->len, 0, &item);
}

/* A volume of Kubernetes has its files as links through "..data": links are followed, and what starts
 * with a dot is machinery. */
static int add_entry(const struct parse *p, FTS *walk, FTSENT *e, size_t *left_out)
{
	const char *name = e->fts_path + strlen(p->path);
	struct stat st;

	if (e->fts_info == FTS_D && e->fts_level > 0 && e->fts_name[0] == '.') {
		fts_set(walk, e, FTS_SKIP);
		++*left_out;
		return 0;
	}
	if (e->fts_info == FTS_D || e->fts_info == FTS_DP)
		return 0;
	if (e->fts_info == FTS_ERR || e->fts_info == FTS_NS || e->fts_info == FTS_DNR) {
		errno = e->fts_errno;
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = e->fts_path}, ERR_IO);
	}
	if (e->fts_name[0] == '.' || stat(e->fts_accpath, &st) != 0 || !S_ISREG(st.st_mode)) {
		++*left_out;
		return 0;
	}
	while (*name == '/')
		name++;
	return add_file(p, e->fts_accpath, name);
}

int parse_directory(const struct parse *p, size_t *left_out)
{
	char *roots[] = {(char *)(uintptr_t)p->path, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int status = 0;

	*left_out = 0;
	if (!walk)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_IO);
	while (!status && (e = fts_read(walk)))
		status = add_entry(p, walk, e, left_out);
	fts_close(walk);
	return status;
}

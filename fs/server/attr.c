/* SPDX-License-Identifier: ISC */
#include "attr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "name.h"

#define KEEP 86400.0 /* seconds */
#define NS 1000000000u

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS)};
}

static void stat_dir(const struct server *s, const struct view_entry *e, struct stat *st)
{
	st->st_mode = S_IFDIR | 0555;
	const struct view_dir *d = view_dir_of(s->view, e);

	st->st_nlink = 2 + (nlink_t)d->dirs;
	st->st_uid = mount_policy_mount(s->rules)->owner;
	st->st_gid = s->group;
	st->st_mtim = time_of(d->time);
}

static void stat_file(const struct server *s, const struct view_entry *e, struct stat *st)
{
	const struct view_file *f = view_file_of(s->view, e);
	struct policy_access access;
	char name[NAME_SIZE];

	mount_policy_access(s->rules, server_scope(s, e->level), view_path(s->view, e, name),
			    &access);
	st->st_mode = S_IFREG | (access.mode & 0777);
	st->st_nlink = 1;
	st->st_uid = access.owner;
	st->st_gid = access.group;
	st->st_size = f->len;
	st->st_blocks = (f->len + 511) / 512;
	st->st_mtim = time_of(f->time);
}

void attr_stat(const struct server *s, const struct view_entry *e, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = view_node(s->view, e);
	st->st_blksize = 4096;
	if (e->kind == VIEW_DIR)
		stat_dir(s, e, st);
	else
		stat_file(s, e, st);
	st->st_atim = st->st_ctim = st->st_mtim;
}

void attr_old(const struct server *s, const struct event_old *old, struct fuse_entry_param *p)
{
	size_t len;

	memset(p, 0, sizeof(*p));
	p->ino = p->attr.st_ino = old->node;
	p->attr.st_mode = old->dir ? S_IFDIR | 0555 : S_IFREG | 0400;
	p->attr.st_nlink = old->dir ? 2 : 1;
	p->attr.st_size = (off_t)(open_file_size(s->files, old->node, &len) ? len : old->len);
	p->attr.st_mtim = time_of(view_time(s->view));
}

void attr_new(const struct server *s, const struct view_entry *e, struct fuse_entry_param *p)
{
	memset(p, 0, sizeof(*p));
	p->ino = view_node(s->view, e);
	attr_stat(s, e, &p->attr);
	p->attr_timeout = attr_timeout(s, e, p->ino);
	p->entry_timeout = KEEP;
}

double attr_timeout(const struct server *s, const struct view_entry *e, fuse_ino_t ino)
{
	/* The time of a directory changes with all that is below it, and an old version's node id is
	 * told of no further change. */
	return e->kind == VIEW_FILE && ino == view_node(s->view, e) ? KEEP : 0;
}

/* FNV-1a (Fowler, Noll, Vo), folded to the bits there are. */
static uint64_t alias_of(uint64_t parent_alias, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	h = (h ^ parent_alias) * 0x100000001b3u;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return ((h ^ (h >> 32)) & VIEW_ALIAS_MAX) | VIEW_SPELLED;
}

void attr_entry(const struct server *s, const struct view_entry *e, fuse_ino_t parent,
		const char *name, struct fuse_entry_param *p)
{
	uint64_t parent_alias = parent >> VIEW_ALIAS_SHIFT;
	char shown[NAME_SIZE];
	bool exact =
		!(parent_alias & VIEW_SPELLED) && strcmp(view_base(s->view, e, shown), name) == 0;

	memset(p, 0, sizeof(*p));
	p->ino = view_node(s->view, e);
	if (!exact && e->kind == VIEW_DIR)
		p->ino = e->ino | alias_of(parent_alias, name) << VIEW_ALIAS_SHIFT;
	attr_stat(s, e, &p->attr);
	p->attr_timeout = attr_timeout(s, e, p->ino);
	p->entry_timeout = exact ? KEEP : 0;
}

/* ---- extended attributes ---- */

#define PREFIX "user.secretfs."

static void print_time(uint64_t s, char *out)
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, ATTR_XATTR_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, ATTR_XATTR_SIZE, "%" PRIu64, s);
}

bool attr_xattr(const struct server *s, const struct view_entry *e, const char *name, char *out)
{
	const struct view_file *f;
	size_t prefix = strlen(PREFIX);

	if (e->kind != VIEW_FILE || strncmp(name, PREFIX, prefix) != 0)
		return false;
	f = view_file_of(s->view, e);
	name += prefix;
	if (strcmp(name, "version") == 0)
		snprintf(out, ATTR_XATTR_SIZE, "%" PRIu64, f->set_epoch);
	else if (strcmp(name, "scope") == 0)
		scope_str(server_scope(s, e->level), out);
	else if (strcmp(name, "updated") == 0)
		print_time(f->time / NS, out);
	else if (strcmp(name, "expires") == 0 && f->expires)
		print_time(f->expires, out);
	else
		return false;
	return true;
}
_Static_assert(ATTR_XATTR_SIZE >= SCOPE_STR, "a scope fits");

size_t attr_xattr_list(const struct server *s, const struct view_entry *e, char *out)
{
	static const char always[] = PREFIX "version\0" PREFIX "scope\0" PREFIX "updated";
	static const char expires[] = PREFIX "expires";
	size_t len = 0;

	if (e->kind != VIEW_FILE)
		return 0;
	memcpy(out, always, sizeof(always));
	len += sizeof(always);
	if (view_file_of(s->view, e)->expires) {
		memcpy(out + len, expires, sizeof(expires));
		len += sizeof(expires);
	}
	return len;
}

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

/* What a file has, of the version that a name has now or of one that is open. */
struct facts {
	uint64_t node, set_epoch, time, expires;
	uint32_t len;
	uint8_t level;
	nlink_t links;
};

static void facts_of_entry(const struct server *s, const struct view_entry *e, struct facts *out)
{
	const struct view_file *f = view_file_of(s->view, e);

	*out = (struct facts){
		view_node(s->view, e), f->set_epoch, f->time, f->expires, f->len, e->level, 1};
}

static void facts_of_held(const struct shm_version *v, struct facts *out)
{
	*out = (struct facts){v->node, v->set_epoch, v->time, v->expires, v->len, v->level, 0};
}

static void stat_file(const struct server *s, const struct facts *f, const char *name,
		      struct stat *st)
{
	struct policy_access access;

	mount_policy_access(s->rules, server_scope(s, f->level), name, &access);
	st->st_mode = S_IFREG | (access.mode & 0777);
	st->st_nlink = f->links;
	st->st_uid = access.owner;
	st->st_gid = access.group;
	st->st_size = f->len;
	st->st_blocks = (f->len + 511) / 512;
	st->st_mtim = time_of(f->time);
}

void attr_stat(const struct server *s, const struct view_entry *e, struct stat *st)
{
	char name[NAME_SIZE];
	struct facts f;

	memset(st, 0, sizeof(*st));
	st->st_ino = view_node(s->view, e);
	st->st_blksize = 4096;
	if (e->kind == VIEW_DIR) {
		stat_dir(s, e, st);
	} else {
		facts_of_entry(s, e, &f);
		stat_file(s, &f, view_path(s->view, e, name), st);
	}
	st->st_atim = st->st_ctim = st->st_mtim;
}

bool attr_find(const struct server *s, fuse_ino_t ino, struct attr_node *out)
{
	const struct view_entry *e = view_by_ino(s->view, ino);

	out->entry = e;
	out->held = e && (e->kind == VIEW_DIR || view_node(s->view, e) == ino)
			    ? NULL
			    : open_file_version(s->files, ino);
	if (e && out->held && out->held->node == view_node(s->view, e))
		out->held = NULL; /* by way of a bind mount of it as it was */
	return e || (out->held && out->held->level < SCOPE_LEVELS);
}

void attr_stat_node(const struct server *s, const struct attr_node *n, struct stat *st)
{
	struct facts f;

	if (!n->held) {
		attr_stat(s, n->entry, st);
		return;
	}
	memset(st, 0, sizeof(*st));
	facts_of_held(n->held, &f);
	st->st_ino = f.node;
	st->st_blksize = 4096;
	stat_file(s, &f, n->held->name, st);
	st->st_atim = st->st_ctim = st->st_mtim;
}

void attr_old(const struct server *s, const struct event_old *old, struct fuse_entry_param *p)
{
	const struct shm_version *held = open_file_version(s->files, old->node);

	memset(p, 0, sizeof(*p));
	p->ino = p->attr.st_ino = old->node;
	p->attr.st_mode = old->dir ? S_IFDIR | 0555 : S_IFREG | 0400;
	p->attr.st_nlink = old->dir ? 2 : 1;
	p->attr.st_size = (off_t)(held ? held->len : old->len);
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
	return e && e->kind == VIEW_FILE && ino == view_node(s->view, e) ? KEEP : 0;
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

/* False for a directory. */
static bool facts_of(const struct server *s, const struct attr_node *n, struct facts *out)
{
	if (n->held)
		facts_of_held(n->held, out);
	else if (n->entry->kind == VIEW_FILE)
		facts_of_entry(s, n->entry, out);
	else
		return false;
	return true;
}

bool attr_xattr(const struct server *s, const struct attr_node *n, const char *name, char *out)
{
	size_t prefix = strlen(PREFIX);
	struct facts f;

	if (strncmp(name, PREFIX, prefix) != 0 || !facts_of(s, n, &f))
		return false;
	name += prefix;
	if (strcmp(name, "version") == 0)
		snprintf(out, ATTR_XATTR_SIZE, "%" PRIu64, f.set_epoch);
	else if (strcmp(name, "scope") == 0)
		scope_str(server_scope(s, f.level), out);
	else if (strcmp(name, "updated") == 0)
		print_time(f.time / NS, out);
	else if (strcmp(name, "expires") == 0 && f.expires)
		print_time(f.expires, out);
	else
		return false;
	return true;
}
_Static_assert(ATTR_XATTR_SIZE >= SCOPE_STR, "a scope fits");

size_t attr_xattr_list(const struct server *s, const struct attr_node *n, char *out)
{
	static const char always[] = PREFIX "version\0" PREFIX "scope\0" PREFIX "updated";
	static const char expires[] = PREFIX "expires";
	struct facts f;
	size_t len = 0;

	if (!facts_of(s, n, &f))
		return 0;
	memcpy(out, always, sizeof(always));
	len += sizeof(always);
	if (f.expires) {
		memcpy(out + len, expires, sizeof(expires));
		len += sizeof(expires);
	}
	return len;
}

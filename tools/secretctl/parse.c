/* SPDX-License-Identifier: ISC */
#include "parse.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"
#include "ui.h"

int parse_add(const struct parse *p, const char *name, const uint8_t *data, size_t len,
	      unsigned line, struct batch_item **out)
{
	char full[2 * NAME_SIZE + 2];
	const char *reason;
	int r;

	snprintf(full, sizeof(full), "%s%s%s", p->group ? p->group : "", p->group ? "/" : "", name);
	r = strlen(name) <= NAME_MAX_LEN ? batch_add(p->batch, full, data, len, out) : ERR_NAME;
	if (!r)
		return 0;
	reason = r == ERR_TOOBIG ? "a value has up to 1 MiB" : err_str(r);
	/* where there is a line, it tells: what is no name may be a value */
	if (line)
		ui_error("%s:%u: %s; nothing was done", p->path, line, reason);
	else
		ui_error("%s: %.80s: %s; nothing was done", p->path, full, reason);
	if (r == ERR_NAME)
		ui_hint("a name is KEY, group/KEY or group/version/KEY of letters, digits, '_', '-', '.', none starting with '.'");
	return STATUS_FAILED;
}

static int say_escape(const char *path)
{
	ui_error("%s is a link that leads out of the directory; nothing was done", path);
	ui_hint("to import what it leads to, name that file itself");
	return STATUS_FAILED;
}

/* Beneath the directory, whatever links and renames say: the kernel resolves the path. */
static int open_beneath(int dir, const char *name)
{
	const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static int add_file(const struct parse *p, int dir, const char *path, const char *name,
		    size_t *left_out)
{
	SECRET_CLEANUP struct secret *value = NULL;
	struct errmsg w = {.doing = "read", .path = path};
	FD_CLEANUP int fd = open_beneath(dir, name);
	struct batch_item *item;
	struct stat st;
	int r;

	if (fd < 0 && errno == EXDEV)
		return say_escape(path);
	/* a link to nothing, a socket, a device that is not there */
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) {
		++*left_out;
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) != 0)
		return errmsg_fail(&w, ERR_IO);
	if (!S_ISREG(st.st_mode)) {
		++*left_out;
		return 0;
	}
	r = secret_read(fd, &value);
	if (r)
		return errmsg_fail(&w, r);
	return parse_add(p, name, value->data, value->len, 0, &item);
}

/* A volume of Kubernetes has its files as links through "..data": links are followed, as long as they
 * stay beneath, and what starts with a dot is machinery. */
static int add_entry(const struct parse *p, int dir, FTS *walk, FTSENT *e, size_t *left_out)
{
	const char *name = e->fts_path + strlen(p->path);

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
	if (e->fts_name[0] == '.') {
		++*left_out;
		return 0;
	}
	while (*name == '/')
		name++;
	return add_file(p, dir, e->fts_path, name, left_out);
}

int parse_directory(const struct parse *p, int dir, size_t *left_out)
{
	char *roots[] = {(char *)(uintptr_t)p->path, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int status = 0;

	*left_out = 0;
	if (!walk)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_IO);
	while (!status && (e = fts_read(walk)))
		status = add_entry(p, dir, walk, e, left_out);
	fts_close(walk);
	return status;
}

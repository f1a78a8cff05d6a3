/* SPDX-License-Identifier: ISC */
/*
 * Editing a policy in place: reading and replacing the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "policy_edit_impl.h"

#define LOCK_TRIES 40 /* of 50 ms: whoever may read the file may hold the lock */

static int fail_errno(struct policy_error *e)
{
	return policy_fail(e, ERR_IO, 0, "%s", strerror(errno));
}

int policy_edit_open(const char *path, struct policy_edit **out, struct policy_error *e)
{
	struct policy_edit *ed POLICY_EDIT_CLEANUP = calloc(1, sizeof(*ed));
	struct policy *p POLICY_CLEANUP = NULL;
	FD_CLEANUP int fd = -1;
	int r;

	if (!ed)
		return policy_fail(e, ERR_NOMEM, 0, "out of memory");
	ed->path = realpath(path, NULL);
	if (ed->path)
		fd = open(ed->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		/* cppcheck-suppress memleak ; its cleanup attribute frees it */
		return policy_fail(e, errno == ENOENT ? ERR_NOENT : ERR_IO, 0, "%s",
				   strerror(errno));
	r = policy_read(fd, &ed->before.s, &ed->before.len, e);
	if (!r)
		r = policy_parse(ed->before.s, ed->before.len, &p, e);
	if (!r && policy_edit_copy(&ed->before, &ed->text))
		r = policy_fail(e, ERR_NOMEM, 0, "out of memory");
	if (r)
		return r;
	*out = ed;
	ed = NULL;
	return 0;
}

void policy_edit_close(struct policy_edit *ed)
{
	if (!ed)
		return;
	free(ed->path);
	free(ed->text.s);
	free(ed->before.s);
	free(ed);
}

static int sync_directory(const char *path, struct policy_error *e)
{
	char *copy = strdup(path);
	FD_CLEANUP int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = fd < 0 || fsync(fd) ? ERR_UNKNOWN : 0;

	if (r)
		(void)policy_fail(e, r, 0, "written, but perhaps not to survive a power cut: %s",
				  strerror(errno));
	free(copy);
	return r;
}

static int fill_file(int fd, const struct stat *st, const struct policy_text *t)
{
	struct stat made;

	if (fstat(fd, &made) || io_write(fd, t->s, t->len))
		return ERR_IO;
	if ((made.st_uid != st->st_uid || made.st_gid != st->st_gid) &&
	    fchown(fd, st->st_uid, st->st_gid))
		return ERR_IO;
	return fchmod(fd, st->st_mode & 07777) || fsync(fd) ? ERR_IO : 0;
}

/* A file beside path, with st's mode and owner, takes its place. */
static int replace_file(const char *path, const struct stat *st, const struct policy_text *t,
			struct policy_error *e)
{
	FD_CLEANUP int fd = -1;
	char *temp;
	int r;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return policy_fail(e, ERR_NOMEM, 0, "out of memory");
	fd = mkostemp(temp, O_CLOEXEC);
	r = fd < 0 ? ERR_IO : fill_file(fd, st, t);
	if (r && fd >= 0)
		io_unlinkat(AT_FDCWD, temp);
	if (!r)
		r = io_rename_temp(AT_FDCWD, temp, path, false);
	if (r == ERR_UNKNOWN)
		r = policy_fail(e, r, 0, "whether it is written is unknown: %s", strerror(errno));
	else if (r)
		r = fail_errno(e);
	free(temp);
	return r ? r : sync_directory(path, e);
}

static int conflict(struct policy_error *e)
{
	return policy_fail(e, ERR_CONFLICT, 0,
			   "the policy was changed by somebody else meanwhile; nothing is written");
}

/* Lock the file of fd against other edits of ours, and see that it is still the one at path. */
static int lock_file(const char *path, int fd, struct stat *st, struct policy_error *e)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	struct stat now;
	int tries = 0;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(e);
		if (++tries == LOCK_TRIES)
			return policy_fail(e, ERR_CONFLICT, 0,
					   "another edit of the policy goes on");
		(void)nanosleep(&pause, NULL);
	}
	if (fstat(fd, st))
		return fail_errno(e);
	if (stat(path, &now) || st->st_dev != now.st_dev || st->st_ino != now.st_ino)
		return conflict(e);
	return 0;
}

static int save_locked(struct policy_edit *ed, int fd, const struct stat *st,
		       struct policy_error *e)
{
	struct policy_text now = {0}, saved;
	int r = policy_read(fd, &now.s, &now.len, e);

	if (!r && (now.len != ed->before.len || memcmp(now.s, ed->before.s, now.len) != 0))
		r = conflict(e);
	free(now.s);
	if (!r && policy_edit_copy(&ed->text, &saved))
		r = policy_fail(e, ERR_NOMEM, 0, "out of memory");
	if (r)
		return r;
	r = replace_file(ed->path, st, &ed->text, e);
	if (r && r != ERR_UNKNOWN) {
		free(saved.s);
		return r;
	}
	free(ed->before.s);
	ed->before = saved;
	return r;
}

int policy_edit_save(struct policy_edit *ed, struct policy_error *e)
{
	struct policy *p POLICY_CLEANUP = NULL;
	FD_CLEANUP int fd = -1;
	struct stat st = {0};
	int r;

	if (ed->text.len == ed->before.len && memcmp(ed->text.s, ed->before.s, ed->text.len) == 0)
		return 0;
	r = policy_parse(ed->text.s, ed->text.len, &p, e);
	if (r)
		return r;
	fd = open(ed->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? conflict(e) : fail_errno(e);
	r = lock_file(ed->path, fd, &st, e);
	return r ? r : save_locked(ed, fd, &st, e);
}

/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "policy_ini.h"
#include "policy.h"
#include "policy_model.h"

static int check_file(int fd, struct policy_error *e)
{
	mode_t others = S_IWOTH;
	struct stat st;

	if (fstat(fd, &st))
		return policy_fail(e, ERR_IO, 0, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return policy_fail(e, ERR_FORMAT, 0, "not a regular file");
	if (geteuid() == 0 || st.st_uid == 0)
		others |= S_IWGRP;
	if (st.st_mode & others)
		return policy_fail(e, ERR_MODE, 0,
				   "its mode is %04o, so that %s may write it: chmod go-w it",
				   (unsigned)(st.st_mode & 07777),
				   st.st_mode & S_IWOTH ? "everyone" : "its group");
	if (st.st_size > (off_t)POLICY_FILE_MAX)
		return policy_fail(e, ERR_TOOBIG, 0, "larger than %u bytes", POLICY_FILE_MAX);
	return 0;
}

int policy_read(int fd, char **text, size_t *len, struct policy_error *e)
{
	size_t n = 0;
	char *buf;
	int r = check_file(fd, e);

	if (r)
		return r;
	buf = malloc(POLICY_FILE_MAX + 2);
	if (!buf)
		return policy_fail(e, ERR_NOMEM, 0, "out of memory");
	if (io_read(fd, buf, POLICY_FILE_MAX + 1, &n))
		r = policy_fail(e, ERR_IO, 0, "%s", strerror(errno));
	else if (n > POLICY_FILE_MAX)
		r = policy_fail(e, ERR_TOOBIG, 0, "larger than %u bytes", POLICY_FILE_MAX);
	if (r) {
		free(buf);
		return r;
	}
	buf[n] = '\0';
	*text = buf;
	*len = n;
	return 0;
}

int policy_load_text(const char *path, char **text, size_t *len, struct policy_error *e)
{
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return policy_fail(e, errno == ENOENT ? ERR_NOENT : ERR_IO, 0, "%s",
				   strerror(errno));
	return policy_read(fd, text, len, e);
}

int policy_load(const char *path, struct policy **out, struct policy_error *e)
{
	char *text = NULL;
	size_t len = 0;
	int r = policy_load_text(path, &text, &len, e);

	if (!r)
		r = policy_parse(text, len, out, e);
	free(text);
	return r;
}

/* SPDX-License-Identifier: ISC */
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX];
static int before = -1;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

void scratch_enter(void)
{
	const char *tmp = getenv("TMPDIR");

	before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(before >= 0, "open .");
	snprintf(path, sizeof(path), "%s/secretfs-test.XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(path) != NULL, "mkdtemp");
	must(chdir(path) == 0, "chdir");
}

static int drop(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(name);
}

void scratch_leave(void)
{
	must(fchdir(before) == 0, "fchdir");
	close(before);
	must(nftw(path, drop, 16, FTW_DEPTH | FTW_PHYS) == 0, path);
}

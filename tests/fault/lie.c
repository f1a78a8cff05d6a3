/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a command: one of its calls on the files beneath FAULT_DIR lies or hangs.
 *
 *	FAULT_LOG   a file: one line a call, "name changes", and "fired" when it happens
 *	FAULT_AT    the number of that call, from 1; 0: none
 *	FAULT_KIND  "lost": it is done, and reported as failed with EIO; "hang": it never returns
 *
 * Descriptors are followed by the paths they were opened with: an undumpable process cannot look at
 * its own /proc/self/fd.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS 1024

static char *paths[FDS];
static unsigned calls;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static void note(const char *text)
{
	static int fd = -1;
	const char *path = getenv("FAULT_LOG");
	char line[128];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	if (fd < 0 && path)
		fd = (int)syscall(SYS_openat, AT_FDCWD, path,
				  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)!syscall(SYS_write, fd, line, (size_t)n);
}

static const char *path_of(int fd)
{
	return fd >= 0 && fd < FDS && paths[fd] ? paths[fd] : "";
}

static bool join(int dir, const char *name, char out[static 4096])
{
	const char *base = *name == '/' ? "" : path_of(dir);

	if (strcmp(base, "/") == 0)
		return snprintf(out, 4096, "/%s", name) < 4096;

	return snprintf(out, 4096, "%s%s%s", base, *name == '/' || !*base ? "" : "/", name) < 4096;
}

static bool is_ours(const char *path)
{
	const char *dir = getenv("FAULT_DIR");

	return dir && strncmp(path, dir, strlen(dir)) == 0;
}

/* Counts a call; true: this one is to be reported as failed once it is done. */
static bool lies(const char *path, const char *name, bool changes)
{
	const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
	char text[96];

	if (!is_ours(path))
		return false;
	calls++;
	snprintf(text, sizeof(text), "%s %d", name, changes);
	note(text);
	if (!at || strtoul(at, NULL, 10) != calls || !kind)
		return false;
	note("fired");
	while (strcmp(kind, "hang") == 0)
		pause();
	return true;
}

static int lie(int result)
{
	if (result >= 0)
		errno = EIO;
	return -1;
}

static int remember(int fd, const char *path)
{
	if (fd >= 0 && fd < FDS) {
		free(paths[fd]);
		paths[fd] = strdup(path);
	}
	return fd;
}

/* A descriptor that is lost with its reply is closed, as the kernel would have it. */
static int opened(int fd, const char *path, bool lost)
{
	if (!lost)
		return remember(fd, path);
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	return lie(fd);
}

/* --- calls that open ---------------------------------------------------------- */

static int do_open(int dir, const char *name, int flags, mode_t mode)
{
	char path[4096];
	bool lost = join(dir, name, path) &&
		    lies(path, "openat", (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE);

	return opened((int)syscall(SYS_openat, dir, name, flags, mode), path, lost);
}

int openat(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return do_open(dir, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return do_open(AT_FDCWD, name, flags, mode);
}

int mkostemp(char *template, int flags)
{
	char path[4096];
	bool lost = join(AT_FDCWD, template, path) && lies(path, "openat", true);

	return opened(REAL(mkostemp)(template, flags), path, lost);
}

/* openat2, which the C library does not know; others are passed on. */
long syscall(long number, ...)
{
	long (*real)(long, ...) = REAL(syscall);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2) {
		const struct open_how *how = (const struct open_how *)(uintptr_t)a[2];
		const char *name = (const char *)(uintptr_t)a[1];
		char path[4096];
		bool lost =
			join((int)a[0], name, path) && lies(path, "openat2", how->flags & O_CREAT);

		return opened((int)real(number, a[0], a[1], a[2], a[3]), path, lost);
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int close(int fd)
{
	if (fd >= 0 && fd < FDS) {
		free(paths[fd]);
		paths[fd] = NULL;
	}
	return (int)syscall(SYS_close, fd);
}

/* --- calls on a descriptor ------------------------------------------------------ */

#define ON_FD(type, name, changes, params, ...)                                                    \
	type name params                                                                           \
	{                                                                                          \
		bool lost = lies(path_of(fd), #name, changes);                                     \
		type r = REAL(name)(__VA_ARGS__);                                                  \
                                                                                                   \
		return lost ? (type)lie((int)r) : r;                                               \
	}

ON_FD(ssize_t, read, false, (int fd, void *p, size_t n), fd, p, n)
ON_FD(ssize_t, write, true, (int fd, const void *p, size_t n), fd, p, n)
ON_FD(int, fsync, true, (int fd), fd)
ON_FD(int, sync_file_range, true, (int fd, off_t at, off_t n, unsigned how), fd, at, n, how)
ON_FD(int, fchmod, true, (int fd, mode_t mode), fd, mode)
ON_FD(int, fchown, true, (int fd, uid_t uid, gid_t gid), fd, uid, gid)
ON_FD(int, flock, false, (int fd, int how), fd, how)

/* --- calls on names --------------------------------------------------------------- */

#define ON_NAME(name, dir, file, params, ...)                                                      \
	int name params                                                                            \
	{                                                                                          \
		char path[4096];                                                                   \
		bool lost = join(dir, file, path) && lies(path, #name, true);                      \
		int r = REAL(name)(__VA_ARGS__);                                                   \
                                                                                                   \
		return lost ? lie(r) : r;                                                          \
	}

ON_NAME(mkdirat, dir, name, (int dir, const char *name, mode_t mode), dir, name, mode)
ON_NAME(unlinkat, dir, name, (int dir, const char *name, int flags), dir, name, flags)
ON_NAME(unlink, AT_FDCWD, name, (const char *name), name)
ON_NAME(rename, AT_FDCWD, b, (const char *a, const char *b), a, b)
ON_NAME(renameat, db, b, (int da, const char *a, int db, const char *b), da, a, db, b)
ON_NAME(renameat2, db, b, (int da, const char *a, int db, const char *b, unsigned flags), da, a, db,
	b, flags)
ON_NAME(linkat, db, b, (int da, const char *a, int db, const char *b, int flags), da, a, db, b,
	flags)

/* SPDX-License-Identifier: ISC */
#include "mounts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

char *mounts_path(const char *path)
{
	char *copy = NULL, *parent, *slash, *out = NULL;
	char cwd[PATH_MAX];
	size_t n;

	if (path[0] == '/')
		copy = strdup(path);
	else if (!getcwd(cwd, sizeof(cwd)) || asprintf(&copy, "%s/%s", cwd, path) < 0)
		copy = NULL;
	if (!copy)
		return NULL;
	for (n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = 0;
	slash = strrchr(copy, '/');
	if (strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0) {
		out = realpath(copy, NULL);
		free(copy);
		return out;
	}
	if (slash == copy)
		return copy;
	/* only what is above it: looking at a dead mount point itself fails or hangs */
	*slash = 0;
	parent = realpath(copy, NULL);
	*slash = '/';
	if (!parent)
		return copy;
	if (asprintf(&out, "%s%s", strcmp(parent, "/") == 0 ? "" : parent, slash) < 0)
		out = NULL;
	free(parent);
	free(copy);
	return out;
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]) &&
		    isdigit((unsigned char)s[3])) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = 0;
}

/* "36 35 98:0 /root /point opts shared:1 - type source opts", see proc(5). */
static bool parse_line(char *line, struct mounts_line *out)
{
	char *save = NULL, *dash = strstr(line, " - "), *field, *type, *user;

	if (!dash)
		return false;
	*dash = 0;
	type = dash + 3;
	user = strstr(type, "user_id=");
	*out = (struct mounts_line){.type = type};
	if (user)
		out->owner = (uid_t)strtoul(user + strlen("user_id="), NULL, 10);
	type[strcspn(type, " ")] = 0;
	field = strtok_r(line, " ", &save);
	for (int i = 0; field; i++, field = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(field, ':');

		if (i == 2 && colon) {
			out->major = (unsigned)strtoul(field, NULL, 10);
			out->minor = (unsigned)strtoul(colon + 1, NULL, 10);
		} else if (i == 4) {
			unescape(field);
			out->path = field;
		} else if (i > 5 && strncmp(field, "shared:", 7) == 0) {
			out->shared = true;
		}
	}
	return out->path;
}

int mounts_each(int (*fn)(void *arg, const struct mounts_line *line), void *arg)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct mounts_line parsed;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	while (f && r == 0 && getline(&line, &size, f) > 0)
		if (parse_line(line, &parsed))
			r = fn(arg, &parsed);
	free(line);
	if (f)
		fclose(f);
	return r;
}

struct find {
	const char *path;
	char *type;
	size_t cap;
	bool found;
};

static int find_path(void *arg, const struct mounts_line *line)
{
	struct find *f = arg;

	if (strcmp(line->path, f->path) != 0)
		return 0;
	snprintf(f->type, f->cap, "%s", line->type);
	f->found = true;
	return 0; /* the last one counts */
}

bool mounts_find(const char *path, char *type, size_t cap)
{
	struct find f = {path, type, cap, false};

	(void)mounts_each(find_path, &f);
	return f.found;
}

bool mounts_is_ours(const char *path)
{
	char type[64];

	return mounts_find(path, type, sizeof(type)) && strcmp(type, "fuse.secretfs") == 0;
}

void mounts_comm(pid_t pid, char *out, size_t cap)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(out, (int)cap, f))
		snprintf(out, cap, "?");
	out[strcspn(out, "\n")] = 0;
	if (f)
		fclose(f);
}

static bool has_argument(pid_t pid, const char *path)
{
	char name[64];
	char *arg = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/cmdline", (int)pid);
	f = fopen(name, "re");
	while (f && !found && getdelim(&arg, &size, 0, f) > 0)
		found = strcmp(arg, path) == 0;
	free(arg);
	if (f)
		fclose(f);
	return found;
}

static bool links_below(pid_t pid, const char *what, const char *path)
{
	char name[PATH_MAX], target[PATH_MAX];
	size_t len = strlen(path);
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, what);
	n = readlink(name, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return strncmp(target, path, len) == 0 && (target[len] == 0 || target[len] == '/');
}

static bool uses(pid_t pid, const char *path)
{
	char name[64];
	bool found = links_below(pid, "cwd", path) || links_below(pid, "root", path);
	struct dirent *d;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid);
	dir = opendir(name);
	while (dir && !found && (d = readdir(dir))) {
		snprintf(name, sizeof(name), "fd/%.20s", d->d_name);
		found = links_below(pid, name, path);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_daemon(pid_t pid, const char *path)
{
	char comm[32];

	mounts_comm(pid, comm, sizeof(comm));
	return strcmp(comm, "secretfs") == 0 && has_argument(pid, path);
}

static size_t each_process(bool (*match)(pid_t pid, const char *path), const char *path, pid_t *out,
			   size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	size_t n = 0;

	while (proc && n < max && (d = readdir(proc))) {
		char *end;
		long pid = strtol(d->d_name, &end, 10);

		if (!*end && pid > 0 && match((pid_t)pid, path))
			out[n++] = (pid_t)pid;
	}
	if (proc)
		closedir(proc);
	return n;
}

size_t mounts_daemons(const char *path, pid_t *out, size_t max)
{
	return each_process(is_daemon, path, out, max);
}

size_t mounts_users(const char *path, pid_t *out, size_t max)
{
	return each_process(uses, path, out, max);
}

static int elapsed_ms(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000);
}

bool mounts_wait_gone(const pid_t *pids, size_t n, int ms)
{
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t i = 0; i < n; i++) {
		int fd = (int)syscall(SYS_pidfd_open, pids[i], 0);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int left = ms - elapsed_ms(&from);
		bool gone = fd < 0 || poll(&p, 1, left > 0 ? left : 0) == 1;

		if (fd >= 0)
			close(fd);
		if (!gone)
			return false;
	}
	return true;
}

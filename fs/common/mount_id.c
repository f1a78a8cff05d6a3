/* SPDX-License-Identifier: ISC */
#include "mount_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MNT_ID_UNIQUE 0x4000u /* linux/stat.h of Linux 6.8 */
#define SYS_STATMOUNT 457     /* of the same; linux/mount.h */

struct statmount_request {
	uint32_t size, spare;
	uint64_t id, mask;
};

static uint64_t number_of(int fd, unsigned which, struct statx *st)
{
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, which, st) != 0 ||
	    !(st->stx_mask & which))
		return 0;
	return st->stx_mnt_id;
}

bool mount_id_of(int fd, struct mount_id *out)
{
	struct statx st = {0};
	struct mount_id m = {.unique = number_of(fd, MNT_ID_UNIQUE, &st)};

	m.id = number_of(fd, STATX_MNT_ID, &st);
	m.major = st.stx_dev_major;
	m.minor = st.stx_dev_minor;
	if (!m.id)
		return false;
	*out = m;
	return true;
}

bool mount_id_eq(const struct mount_id *a, const struct mount_id *b)
{
	return a->id && a->id == b->id && a->unique == b->unique && a->major == b->major &&
	       a->minor == b->minor;
}

int mount_id_open(const char *path, const struct mount_id *m)
{
	struct mount_id there;
	int fd = m->id ? open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	if (fd >= 0 && mount_id_of(fd, &there) && mount_id_eq(&there, m))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- mountinfo ---- */

/* It writes blanks and backslashes as \ooo (proc(5)). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* id parent major:minor root path options tags... - type source options */
static bool parse(const char *line, struct mount_entry *e)
{
	const char *dash = strstr(line, " - ");
	unsigned long long id, parent;

	*e = (struct mount_entry){0};
	if (!dash || sscanf(dash, " - %63s", e->type) != 1)
		return false;
	/* NOLINTNEXTLINE(cert-err34-c): numbers that the kernel wrote */
	if (sscanf(line, "%llu %llu %u:%u %*s %4095s", &id, &parent, &e->mount.major,
		   &e->mount.minor, e->path) != 5)
		return false;
	e->mount.id = id;
	e->parent = parent;
	unescape(e->path);
	return true;
}

bool mount_id_each(bool (*fn)(void *arg, const struct mount_entry *e), void *arg)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	struct mount_entry e;
	size_t cap = 0;
	bool go_on = true;

	if (!f)
		return false;
	while (go_on && getline(&line, &cap, f) > 0)
		if (parse(line, &e))
			go_on = fn(arg, &e);
	free(line);
	fclose(f);
	return true;
}

struct search {
	const struct mount_id *m;
	struct mount_entry *out;
	bool found;
};

static bool is_it(void *arg, const struct mount_entry *e)
{
	struct search *s = arg;

	if (e->mount.id != s->m->id || e->mount.major != s->m->major ||
	    e->mount.minor != s->m->minor)
		return true;
	s->found = true;
	*s->out = *e;
	return false;
}

/* 0: it is there; else errno. */
static int ask_for(uint64_t unique)
{
	const struct statmount_request r = {.size = sizeof(r), .id = unique};
	uint64_t answer[128];

	return syscall(SYS_STATMOUNT, &r, answer, sizeof(answer), 0) == 0 ? 0 : errno;
}

bool mount_id_find(const struct mount_id *m, struct mount_entry *out)
{
	struct search s = {.m = m};

	*out = (struct mount_entry){.mount = *m};
	/* Where long numbers are known they say for certain that it is gone. */
	if (m->unique && ask_for(m->unique) == ENOENT)
		return false;
	s.out = out;
	return !mount_id_each(is_it, &s) || s.found;
}

static bool is_child(void *arg, const struct mount_entry *e)
{
	struct search *s = arg;

	s->found = e->parent == s->m->id;
	return !s->found;
}

bool mount_id_has_children(const struct mount_id *m)
{
	struct search s = {.m = m};

	return mount_id_each(is_child, &s) && s.found;
}

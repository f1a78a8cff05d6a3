/* SPDX-License-Identifier: ISC */
#include "policy_area.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handover.h"
#include "io.h"

int policy_area_new(int *rw, int *ro)
{
	const uint32_t version = HANDOVER_VERSION;
	FD_CLEANUP int fd = memfd_create("secretfs policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char path[64];
	int reads;

	/* Who has it open to read may not open it again to write. */
	if (fd < 0 || fchmod(fd, 0400) != 0 || ftruncate(fd, sizeof(struct policy_area)) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
	    pwrite(fd, &version, sizeof(version), 0) != (ssize_t)sizeof(version))
		return ERR_IO;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reads = open(path, O_RDONLY | O_CLOEXEC);
	if (reads < 0)
		return ERR_IO;
	*ro = handover_keep(reads);
	*rw = handover_keep(fd);
	fd = -1;
	return 0;
}

int policy_area_map(int fd, bool writable, struct policy_area **out)
{
	struct policy_area *a;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size != (off_t)sizeof(*a))
		return ERR_FORMAT;
	a = mmap(NULL, sizeof(*a), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (a == MAP_FAILED)
		return ERR_IO;
	if (a->version != HANDOVER_VERSION) {
		munmap(a, sizeof(*a));
		return ERR_FORMAT;
	}
	*out = a;
	return 0;
}

int policy_area_name_cmp(const void *a, const void *b)
{
	const struct policy_area_name *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return strncmp(x->name, y->name, sizeof(x->name));
}

/* ---- the reader of the file ---- */

/*
 * A state is written where the newest but one was, and a text where the newest is not: whoever copies
 * one sees by the number, afterwards, whether it stayed as it was meanwhile.
 */
static void publish(struct policy_area *a, const struct policy_area_state *s)
{
	uint32_t next = a->state + 1;

	a->states[next % 2] = *s;
	atomic_store(&a->state, next);
}

void policy_area_publish(struct policy_area *a, const char *text, size_t len,
			 const struct policy_area_name *names, size_t nnames)
{
	struct policy_area_state s = {
		.text = !a->states[a->state % 2].text,
		.text_from = a->state + 1,
	};
	struct policy_area_text *t = &a->texts[s.text];

	t->len = (uint32_t)len;
	t->nnames = (uint32_t)nnames;
	memcpy(t->text, text, len);
	if (nnames)
		memcpy(t->names, names, nnames * sizeof(*names));
	publish(a, &s);
}

void policy_area_fail(struct policy_area *a, int error, const struct policy_error *e)
{
	struct policy_area_state s = {
		.text = a->states[a->state % 2].text,
		.text_from = a->states[a->state % 2].text_from,
		.error = error,
		.line = e->line,
	};

	memcpy(s.reason, e->text, sizeof(s.reason));
	publish(a, &s);
}

void policy_area_start(struct policy_area *a)
{
	atomic_fetch_add(&a->started, 1);
}

void policy_area_finish(struct policy_area *a)
{
	atomic_store(&a->finished, atomic_load(&a->started));
	syscall(SYS_futex, &a->finished, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- the server ---- */

struct copy {
	struct policy_area_state state;
	struct policy_area_text text;
};

static int find_name(void *arg, bool group, const char *name, uint32_t *id)
{
	const struct policy_area_text *t = arg;
	struct policy_area_name key = {.group = group}, *found;

	snprintf(key.name, sizeof(key.name), "%s", name);
	found = bsearch(&key, t->names, t->nnames, sizeof(key), policy_area_name_cmp);
	if (!found)
		return ERR_NOENT;
	*id = found->id;
	return 0;
}

/* False: it was overwritten meanwhile. */
static bool copy_state(const struct policy_area *a, uint32_t number, struct copy *c)
{
	const struct policy_area_text *t;

	c->state = a->states[number % 2];
	t = &a->texts[c->state.text % 2];
	c->text.len = t->len;
	c->text.nnames = t->nnames;
	if (c->text.len <= sizeof(t->text) && c->text.nnames <= POLICY_AREA_NAMES) {
		memcpy(c->text.text, t->text, c->text.len);
		memcpy(c->text.names, t->names, c->text.nnames * sizeof(t->names[0]));
	}
	atomic_thread_fence(memory_order_acquire);
	return a->state == number && c->text.len <= sizeof(t->text) &&
	       c->text.nnames <= POLICY_AREA_NAMES;
}

int policy_area_load(const struct policy_area *a, struct policy_area_news *out)
{
	struct copy *c = malloc(sizeof(*c));
	const struct policy_accounts names = {find_name, c ? &c->text : NULL};
	struct policy_error unused;
	uint32_t n = a->state;
	int r;

	if (!c)
		return ERR_NOMEM;
	while (n && !copy_state(a, n, c))
		n = a->state;
	*out = (struct policy_area_news){.number = n};
	r = n ? policy_parse_with(c->text.text, c->text.len, &names, &out->policy, &unused)
	      : ERR_NOENT;
	if (n) {
		out->text_from = c->state.text_from;
		out->error = c->state.error;
		out->e.line = c->state.line;
		memcpy(out->e.text, c->state.reason, sizeof(out->e.text));
		out->e.text[sizeof(out->e.text) - 1] = '\0';
	}
	free(c);
	return r;
}

uint32_t policy_area_needed(const struct policy_area *a, int watch)
{
	struct pollfd p = {.fd = watch, .events = POLLIN};
	/* In this order: who empties the watch has counted before. */
	bool behind = watch >= 0 && poll(&p, 1, 0) > 0;
	uint32_t started = atomic_load(&a->started);

	if (behind)
		return started + 1;
	return atomic_load(&a->finished) == started ? 0 : started;
}

void policy_area_wait(const struct policy_area *a, uint32_t seen)
{
	syscall(SYS_futex, &a->finished, FUTEX_WAIT, seen, NULL, NULL, 0);
}

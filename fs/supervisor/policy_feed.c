/* SPDX-License-Identifier: ISC */
#include "policy_feed.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "log.h"

/* A file made in place is complete when it is closed, one moved in when it arrives. */
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_MOVE_SELF |     \
	 IN_DELETE_SELF | IN_ONLYDIR)
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 5000
#define UNWATCHED_MS 1000 /* between two looks, where there is no watch */

int policy_feed_make(struct handover *h)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	h->fd[HANDOVER_POLICY_WATCH] = handover_keep(watch); /* -1: it is looked at by the clock */
	return policy_area_new(&h->fd[HANDOVER_POLICY], &h->fd[HANDOVER_POLICY_READ]);
}

int policy_feed_open(struct policy_feed *f, const struct handover *h, const char *path,
		     bool may_be_absent, unsigned poll_seconds)
{
	*f = (struct policy_feed){
		.path = path,
		.may_be_absent = may_be_absent,
		.watch = h->fd[HANDOVER_POLICY_WATCH],
		.wd = -1,
		.poll_seconds = poll_seconds,
	};
	return policy_area_map(h->fd[HANDOVER_POLICY], true, &f->area);
}

/* ---- names ---- */

struct names {
	struct policy_area_name *v;
	size_t n;
};

static int find_name(void *arg, bool group, const char *name, uint32_t *id)
{
	struct names *names = arg;
	struct policy_area_name *row = &names->v[names->n];
	int r;

	for (size_t i = 0; i < names->n; i++)
		if (names->v[i].group == group && strcmp(names->v[i].name, name) == 0) {
			*id = names->v[i].id;
			return 0;
		}
	if (names->n == POLICY_AREA_NAMES)
		return ERR_NOMEM;
	if ((r = policy_account_find(NULL, group, name, id)) < 0)
		return r;
	*row = (struct policy_area_name){.id = *id, .group = group};
	snprintf(row->name, sizeof(row->name), "%s", name);
	names->n++;
	return 0;
}

/* ---- a look ---- */

static bool watch(struct policy_feed *f)
{
	char *copy = strdup(f->path);

	if (copy && f->watch >= 0)
		f->wd = inotify_add_watch(f->watch, dirname(copy), EVENTS);
	free(copy);
	if (f->wd < 0 && !f->warned)
		log_say(LOGGED_WARNING,
			"%s: its directory cannot be watched (%s); polling it every second",
			f->path, strerror(errno));
	f->warned = f->wd < 0;
	return f->wd >= 0;
}

/* What was there is seen by the look that has been counted before. */
static void empty_watch(struct policy_feed *f)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while (f->watch >= 0 && (n = read(f->watch, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			if (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
				inotify_rm_watch(f->watch, e->wd);
				f->wd = e->wd == f->wd ? -1 : f->wd;
			}
			p += sizeof(*e) + e->len;
		}
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static const struct policy_area_state *published(const struct policy_feed *f)
{
	return f->area->state ? &f->area->states[f->area->state % 2] : NULL;
}

/* Another reader, before this one, may have published the same. */
static bool is_published(const struct policy_feed *f, const char *text, size_t len,
			 const struct names *names)
{
	const struct policy_area_state *s = published(f);
	const struct policy_area_text *t = s ? &f->area->texts[s->text % 2] : NULL;

	return s && !s->error && t->len == len && t->nnames == names->n &&
	       memcmp(t->text, text, len) == 0 &&
	       memcmp(t->names, names->v, names->n * sizeof(*names->v)) == 0;
}

static int parse(struct policy_feed *f, const char *text, size_t len, struct policy_error *e)
{
	struct names names = {.v = calloc(POLICY_AREA_NAMES, sizeof(*names.v))};
	const struct policy_accounts accounts = {find_name, &names};
	POLICY_CLEANUP struct policy *p = NULL;
	int r = names.v ? policy_parse_with(text, len, &accounts, &p, e) : ERR_NOMEM;

	if (r == 0) {
		qsort(names.v, names.n, sizeof(*names.v), policy_area_name_cmp);
		if (!is_published(f, text, len, &names))
			policy_area_publish(f->area, text, len, names.v, names.n);
	}
	free(names.v);
	return r;
}

/* It never was there, and that is no error. */
static bool is_absent(const struct policy_feed *f)
{
	const struct policy_area_state *s = published(f);

	return f->may_be_absent && (!s || f->area->texts[s->text % 2].len == 0);
}

static int load(struct policy_feed *f, struct policy_error *e)
{
	const struct policy_area_state *s = published(f);
	struct stat st = {0};
	char *text = NULL;
	size_t len = 0;
	int r;

	/* Before it is read: a change in between is found later. */
	if (stat(f->path, &st) == 0 && f->loaded && same_file(&st, &f->seen) && s && !s->error)
		return 0;
	r = policy_load_text(f->path, &text, &len, e);
	if (r == ERR_NOENT && is_absent(f))
		r = parse(f, "", 0, e);
	else if (r == 0)
		r = parse(f, text, len, e);
	free(text);
	f->loaded = r == 0;
	f->seen = st;
	return r;
}

int policy_feed_look(struct policy_feed *f, struct policy_error *e)
{
	int r;

	*e = (struct policy_error){0};
	policy_area_start(f->area);
	empty_watch(f);
	if (f->wd < 0)
		(void)watch(f);
	r = load(f, e);
	if (r < 0 && !*e->text)
		snprintf(e->text, sizeof(e->text), "%s", err_str(r));
	if (r < 0)
		policy_area_fail(f->area, r, e);
	policy_area_finish(f->area);
	if (r == 0)
		f->retry_ms = 0;
	else if (!f->retry_ms)
		f->retry_ms = RETRY_MIN_MS;
	else if (f->retry_ms < RETRY_MAX_MS)
		f->retry_ms *= 2;
	return r;
}

/* ---- for ever ---- */

static int sooner(int a, int b)
{
	return a < 0 || (b > 0 && b < a) ? b : a;
}

void policy_feed_run(struct policy_feed *f)
{
	struct policy_error e;

	for (;;) {
		struct pollfd p = {.fd = f->watch, .events = POLLIN};
		int ms = f->poll_seconds ? (int)f->poll_seconds * 1000 : -1;

		if (policy_feed_look(f, &e) < 0)
			log_say(LOGGED_DEBUG, "policy: %s", e.text);
		if (f->wd < 0)
			ms = sooner(ms, UNWATCHED_MS);
		if (f->retry_ms)
			ms = sooner(ms, f->retry_ms);
		poll(&p, 1, ms);
	}
}

/* SPDX-License-Identifier: ISC */
#include "dir_record.h"

#define PROBES 16u
_Static_assert((SHM_DIRS & (SHM_DIRS - 1)) == 0, "a power of two");

/* Node ids are hashes: any of their bits will do. */
static uint32_t slot_of(uint64_t ino, unsigned probe)
{
	return ((uint32_t)(ino ^ ino >> 32) + probe) & (SHM_DIRS - 1);
}

static const struct shm_dir *find(const struct shm_dir *dirs, uint64_t ino)
{
	for (unsigned i = 0; i < PROBES; i++) {
		const struct shm_dir *d = &dirs[slot_of(ino, i)];

		if (d->ino == ino)
			return d;
	}
	return NULL;
}

/* The same to write to: where there is none, one is made. */
static struct shm_dir *make(struct shm_dir *dirs, uint64_t ino)
{
	struct shm_dir *room = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct shm_dir *d = &dirs[slot_of(ino, i)];

		if (d->ino == ino)
			return d;
		/* a free one; else one that only knows a time; else the first */
		if (!room || (room->ino && !d->ino) || (room->gone && !d->gone))
			room = d;
	}
	*room = (struct shm_dir){.ino = ino};
	return room;
}

void dir_record_recall(const struct shm_dir dirs[static SHM_DIRS], struct view *v)
{
	for (uint32_t i = 0; i < view_count(v); i++) {
		const struct view_entry *e = view_at(v, i);
		const struct shm_dir *known = e->kind == VIEW_DIR ? find(dirs, e->ino) : NULL;
		struct view_dir d;

		if (!known)
			continue;
		d = *view_dir_of(v, e);
		d.gone = known->gone;
		if (d.time < known->time)
			d.time = known->time;
		view_set_dir(v, i, &d);
	}
}

/* ---- from one view to the next ---- */

struct step {
	struct shm_dir *dirs;
	const struct view *was;
	struct view *is;
};

/* Those whose place is taken by one that is spelled otherwise are gone too. */
static void count_gone(const struct step *s)
{
	for (uint32_t i = 1; i < view_count(s->was); i++) {
		const struct view_entry *was = view_at(s->was, i), *is;
		struct shm_dir *d;

		if (was->kind != VIEW_DIR)
			continue;
		is = view_by_ino(s->is, was->ino);
		if (is && view_same_base(s->was, was, s->is, is))
			continue;
		d = make(s->dirs, was->ino);
		d->gone++;
		d->time = 0;
	}
}

/* Something changed in it: it is newer than it was. */
static void touch(const struct step *s, uint32_t index)
{
	const struct view_entry *e = view_at(s->is, index), *was = view_by_ino(s->was, e->ino);
	struct view_dir d = *view_dir_of(s->is, e);
	uint64_t before = was ? view_dir_of(s->was, was)->time : 0;

	if (d.time > before)
		return;
	d.time = view_time(s->is) > before ? view_time(s->is) : before + 1;
	make(s->dirs, e->ino)->time = d.time;
	view_set_dir(s->is, index, &d);
}

/* The directory that e of the older view was in, or the next one above it that is still there. */
static uint32_t left_from(const struct step *s, const struct view_entry *e)
{
	const struct view_entry *dir = view_at(s->was, e->parent), *is;

	while (!(is = view_by_ino(s->is, dir->ino)))
		dir = view_at(s->was, dir->parent);
	return view_index(s->is, is);
}

static void touch_above(void *arg, const struct view_entry *was, const struct view_entry *is)
{
	const struct step *s = arg;
	uint32_t i = is ? is->parent : left_from(s, was);

	for (; i; i = view_at(s->is, i)->parent)
		touch(s, i);
	touch(s, 0);
}

static void ignore_attr(void *arg, uint64_t node)
{
	(void)arg, (void)node;
}

void dir_record_succeed(struct shm_dir dirs[static SHM_DIRS], const struct view *was,
			struct view *v)
{
	struct step s = {dirs, was, v};
	const struct view_changes changes = {touch_above, ignore_attr, &s};

	count_gone(&s);
	dir_record_recall(dirs, v);
	view_diff(was, v, &changes);
}

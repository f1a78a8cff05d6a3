/* SPDX-License-Identifier: ISC */
/*
 * view - what a mount shows: the scopes of its bundle merged into one tree, immutable.
 *
 * The most specific scope wins per full name.  Where one scope has a file and another a directory
 * at one path, the most specific scope that has either decides: if it says "file", what broader
 * scopes have there and below is hidden; if "directory", a broader scope's file of that path is
 * hidden and broader scopes' entries below are merged in.
 *
 * Entries stand in name order (store/name.h), each directory right before what is below it, so
 * that a subtree is one contiguous run.  Entry 0 is the root.
 *
 * Node ids are a keyed hash of the kind and the folded path: the same name has the same id in
 * every view of the mount and after a restart.  The upper VIEW_ALIAS_BITS are free: the kernel is
 * given a file's version in them (view_node), so that each version has an inode of its own, as after
 * a rename over the name, with a page cache and a size of its own; and of a directory, how many of
 * that name have gone before it, since a removed one is dead for as long as anybody holds it.
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "page.h"
#include "scope.h"

#define VIEW_ROOT_INO 1
#define VIEW_RESERVED 15 /* numbers up to this are never a name's */
#define VIEW_ALIAS_BITS 16
#define VIEW_ALIAS_SHIFT (64 - VIEW_ALIAS_BITS)
#define VIEW_INO_MASK (UINT64_MAX >> VIEW_ALIAS_BITS)
#define VIEW_ALIAS_MAX ((1u << VIEW_ALIAS_BITS) - 1)
#define VIEW_SPELLED (1u << (VIEW_ALIAS_BITS - 1)) /* in the upper bits: attr.h */
#define VIEW_KEY_SIZE 16			   /* of crypto_shorthash */

/* The newest version of one record. */
struct view_file {
	uint8_t id[HASH_SIZE]; /* of the sealed value */
	uint64_t set_epoch;
	uint64_t time;	  /* ns since 1970, of the last update */
	uint64_t created; /* ns since 1970 */
	uint64_t expires; /* s since 1970; 0 = never */
	uint32_t gen;
	uint32_t len;
	uint32_t name; /* for view.c */
};

struct view_dir {
	uint64_t time; /* ns since 1970, of the last change in it */
	uint32_t dirs; /* directly in it */
	uint32_t gone; /* directories of its name before it */
};

enum view_kind { VIEW_DIR, VIEW_FILE };

struct view_entry {
	uint64_t ino;
	uint32_t parent; /* index */
	uint32_t end;	 /* index of the first entry behind its subtree */
	uint32_t data;	 /* index for view_file_of or view_dir_of */
	uint32_t path;	 /* for view.c */
	uint8_t path_len;
	uint8_t base;  /* where the last component starts in the path */
	uint8_t kind;  /* enum view_kind */
	uint8_t level; /* enum scope_level that it comes from */
};

struct view;

/*
 * Building: view_new, view_add per record, view_finish.  Records of one scope come in name order,
 * scopes in ascending level.  ERR_NOMEM; ERR_INVAL for a wrong order.
 */
WUR int view_new(const uint8_t key[static VIEW_KEY_SIZE], struct view **out);
WUR int view_add(struct view *v, enum scope_level level, const struct record *rec);
/* The scope's newest commit: when and which. */
void view_set_commit(struct view *v, enum scope_level level, uint64_t time, uint64_t epoch,
		     const uint8_t id[static HASH_SIZE]);
/* Merges.  ERR_AUTH when more names collide in their node ids than chance allows. */
WUR int view_finish(struct view *v);
/* What is known of a directory besides (dir_record.h); before anybody else sees v. */
void view_set_dir(struct view *v, uint32_t index, const struct view_dir *d);

/* A view is born with one reference. Thread-safe. */
struct view *view_ref(struct view *v);
void view_unref(struct view *v); /* NULL is fine */

/* Number of entries, the root and directories included, and of secrets shown. */
uint32_t view_count(const struct view *v);
uint32_t view_secrets(const struct view *v);
uint64_t view_commit_time(const struct view *v, enum scope_level level); /* ns */
uint64_t view_commit_epoch(const struct view *v, enum scope_level level);
/* HASH_SIZE bytes, zeros where there is no such scope; borrowed. */
const uint8_t *view_commit_id(const struct view *v, enum scope_level level);
uint64_t view_time(const struct view *v); /* ns: the newest commit's of all scopes */

const struct view_entry *view_at(const struct view *v, uint32_t index);
uint32_t view_index(const struct view *v, const struct view_entry *e);
const struct view_file *view_file_of(const struct view *v, const struct view_entry *e);
const struct view_dir *view_dir_of(const struct view *v, const struct view_entry *e);
/* Do the two have the last component in the same spelling? */
bool view_same_base(const struct view *a, const struct view_entry *ea, const struct view *b,
		    const struct view_entry *eb);

/* The node id for the kernel: with a file's version, or a directory's predecessors, in the upper bits. */
uint64_t view_node(const struct view *v, const struct view_entry *e);

/* By node id, upper bits ignored, so that an old version's leads to the current one; NULL. */
const struct view_entry *view_by_ino(const struct view *v, uint64_t ino);
/* The child of dir of that name, in any case; NULL. */
const struct view_entry *view_child(const struct view *v, const struct view_entry *dir,
				    const char *name);
/* By full name, in any case; NULL. */
const struct view_entry *view_find(const struct view *v, const char *path);

/* The first child of dir, and the next after index i within dir; 0 when there is none. */
uint32_t view_first(const struct view *v, const struct view_entry *dir);
uint32_t view_next(const struct view *v, const struct view_entry *dir, uint32_t i);

/* Full name and last component as shown; out holds NAME_SIZE; returns out. */
const char *view_path(const struct view *v, const struct view_entry *e, char *out);
const char *view_base(const struct view *v, const struct view_entry *e, char *out);

/*
 * How old becomes new, in an order in which it could be done by unlinking, renaming and making
 * directories: what is gone (children first), then what is replaced or new (parents first).  was is
 * NULL for what is new, is for what is gone; another spelling is both.  attr_changed: for a node id
 * of old whose attributes changed.
 */
struct view_changes {
	void (*entry_changed)(void *arg, const struct view_entry *was, const struct view_entry *is);
	void (*attr_changed)(void *arg, uint64_t node);
	void *arg;
};
void view_diff(const struct view *old, const struct view *new, const struct view_changes *c);

static inline void view_cleanup(struct view **v)
{
	view_unref(*v);
}
#define VIEW_CLEANUP __attribute__((cleanup(view_cleanup)))

#endif

/* SPDX-License-Identifier: ISC */
/*
 * dir_record - what a view alone does not say about its directories, kept in the memory that outlives
 * a server: how many of that name have gone, and when they last changed.
 *
 * A directory that is removed is dead for the kernel as long as anybody holds it: what takes its place
 * must not be the same inode.  And when its newest secret goes, its time is not to go back.
 *
 * A directory without a record is the first of its name, and as old as the newest secret in it.  There
 * is room for SHM_DIRS; when it is used up, old records are lost, and a directory could come back under
 * a number that somebody has held since long ago.
 */
#ifndef DIR_RECORD_H
#define DIR_RECORD_H

#include "shm.h"
#include "view.h"

/* Give v what is known of its directories.  Before anybody else sees it. */
void dir_record_recall(const struct shm_dir dirs[static SHM_DIRS], struct view *v);
/* v is to be served after was: remember what changes by that, and give it to v. */
void dir_record_succeed(struct shm_dir dirs[static SHM_DIRS], const struct view *was,
			struct view *v);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * change - what is to be changed in a scope, how, and what came of it: what apply.h is told and tells.
 */
#ifndef CHANGE_H
#define CHANGE_H

#include "floor.h"
#include "page.h"
#include "secret.h"

enum change_op {
	CHANGE_CREATE,	/* ERR_EXIST if the name is there */
	CHANGE_UPDATE,	/* ERR_NOENT if it is not */
	CHANGE_REPLACE, /* either */
	CHANGE_DELETE,	/* ERR_NOENT if it is not */
};

#define CHANGE_SET_TYPE 1
#define CHANGE_SET_ENV 2
#define CHANGE_SET_EXPIRES 4

struct change_past { /* an older version that comes along with a copied or imported secret */
	const struct secret *value;
	uint64_t time; /* ns */
	uint8_t writer[WRITER_TAG];
};

struct change {
	enum change_op op;
	const char *name;
	const struct secret *value; /* NULL for a delete, or for an update of attributes alone */
	unsigned set; /* which of the following to set; for an update the others stay */
	uint8_t type;
	const char *env;
	uint64_t expires;
	/* For a secret that is new to the scope, its past, newest first, and when it was created (ns;
	 * 0 = now).  The value itself counts as set now. */
	const struct change_past *past;
	size_t npast;
	uint64_t created;
	/* The record as it was when the change was thought of, or NULL: with another newest version or
	 * other attributes now it is ERR_CHANGED, for what was acknowledged since would be lost. */
	const struct record *was;
};

struct apply_options {
	const struct floor *floor; /* own floor, or NULL */
	unsigned history;	   /* versions kept; 0 = VERSIONS_DEFAULT */
	uint64_t grace;		   /* seconds before retired objects are deleted; 0 = 24 h */
	/* Called as objects are put: done of total; may be NULL. */
	void (*progress)(void *arg, size_t done, size_t total);
	void *progress_arg;
	/* Makes a value of a change readable, for the time it is sealed; NULL: it is.  Its len is right
	 * in any case, what its data are is the caller's. */
	int (*open)(void *arg, const struct secret *value, struct secret **out);
	void *open_arg;
	/* Of rotate_finish: called for every kept version that does not open (i = 0: the newest), at
	 * the end; may be NULL.  drop_broken: the old ones of those are dropped, and it is finished. */
	void (*broken)(void *arg, const char *name, const struct version *v, unsigned i, int error);
	void *broken_arg;
	bool drop_broken;
};

struct apply_result {
	struct floor floor; /* of the new commit: to be stored as floor */
	uint64_t time;	    /* of the commit, ns */
	size_t failed;	    /* on error: index of the change at fault, or the number of changes */
	unsigned attempts;  /* 1 + conflicts met */
};

#endif

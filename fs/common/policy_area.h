/* SPDX-License-Identifier: ISC */
/*
 * policy_area - the policy file as the privileged side has read it, in memory that the server sees and
 * cannot change: the text, which names its users and groups by number too, and what is wrong with a
 * newer text that could not be taken.
 *
 * The server may not be able to read the file, its directory or the user database, and none of them
 * makes it wait.  It knows when it is behind: it polls the same watch (inotify) that the reader
 * empties, and looks of the reader are numbered.
 *
 * One writes at a time (HANDOVER_LOCK_HELPER); it may be killed at any moment, and the last state
 * published stands.
 */
#ifndef POLICY_AREA_H
#define POLICY_AREA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

#define POLICY_AREA_NAMES 4096u

struct policy_area_name {
	uint32_t id;
	uint32_t group; /* bool */
	char name[POLICY_ACCOUNT_SIZE];
};

struct policy_area_text {
	uint32_t len, nnames;
	char text[POLICY_FILE_MAX];
	struct policy_area_name names[POLICY_AREA_NAMES]; /* in order (policy_area_name_cmp) */
};

struct policy_area_state {
	uint32_t text;	    /* index of the last good one */
	uint32_t text_from; /* number of the state that it came with */
	int32_t error;	    /* of store/; 0: it is the newest */
	uint32_t line;	    /* of what follows */
	char reason[256];
};

struct policy_area {
	uint32_t version;
	/* Looks at the file: the watch is emptied after one has started. */
	_Atomic uint32_t started, finished; /* finished: a futex, and changes with every look */
	_Atomic uint32_t state;		    /* number of the newest; 0: none */
	struct policy_area_state states[2]; /* number % 2 */
	struct policy_area_text texts[2];
};

/* Make one: a descriptor to write through, and one that only reads.  ERR_IO. */
WUR int policy_area_new(int *rw, int *ro);
/* ERR_IO; ERR_FORMAT: of another version. */
WUR int policy_area_map(int fd, bool writable, struct policy_area **out);

/* ---- the reader of the file ---- */

/* Publish a text and the numbers of its names, in order. */
void policy_area_publish(struct policy_area *a, const char *text, size_t len,
			 const struct policy_area_name *names, size_t nnames);
/* Publish why there is no newer text; the last good one stands. */
void policy_area_fail(struct policy_area *a, int error, const struct policy_error *e);
/* Before the watch is emptied; and when what it led to is published. */
void policy_area_start(struct policy_area *a);
void policy_area_finish(struct policy_area *a);

int policy_area_name_cmp(const void *a, const void *b);

/* ---- the server ---- */

struct policy_area_news {
	uint32_t number;       /* of the state */
	uint32_t text_from;    /* as there */
	int error;	       /* 0: it is the newest */
	struct policy_error e; /* what is wrong with the newest */
	struct policy *policy; /* the last good one; the receiver's */
};
/* Parse the last good text.  Errors as policy_parse; ERR_NOENT: there is none. */
WUR int policy_area_load(const struct policy_area *a, struct policy_area_news *out);
/* The number of the look that has to be finished before an answer is true; 0: none has to be.
 * watch: the inotify descriptor, -1: there is none. */
uint32_t policy_area_needed(const struct policy_area *a, int watch);
/* Wait until finished is not seen any more. */
void policy_area_wait(const struct policy_area *a, uint32_t seen);

#endif

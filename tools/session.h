/* SPDX-License-Identifier: ISC */
/*
 * session - what a command works with: paths, the opened root or a writer's bundle, the store,
 * what this host has accepted so far.
 *
 * Unless said otherwise a function returns an exit status, having said what went wrong.
 */
#ifndef SESSION_H
#define SESSION_H

#include "apply.h"
#include "backend.h"
#include "bundle.h"
#include "command.h"
#include "keys.h"
#include "paths.h"
#include "policy.h"
#include "registry.h"
#include "root.h"
#include "snapshot.h"
#include "words.h"

struct session {
	const struct call *call;
	char *paths[PATHS];
	struct backend *backend;
	struct root_keys *keys;	   /* the root's, or NULL for a writer */
	struct bundle *writer;	   /* a writer's, or NULL for the root */
	struct policy *policy;	   /* NULL: none, or it does not parse */
	struct registry *registry; /* NULL for a writer */
	/* Of session_apply: called as objects are put; NULL: not. */
	void (*progress)(void *arg, size_t done, size_t total);
	void *progress_arg;
};

/* Paths only. */
int session_open(const struct call *c, struct session *s);
/* The root key, the store, the policy, but not the registry yet. */
int session_keys(const struct call *c, struct session *s);
/* The registry; what the policy declares is in it after. */
int session_registry(struct session *s);
/* Both: the root key, the store, the policy; what the policy declares is in the registry after. */
int session_root(const struct call *c, struct session *s);
/* As the writer whose bundle was given, else as the root; scope is what the command line names,
 * for a writer without -p and -d its own. */
int session_any(const struct call *c, struct session *s, struct scope *scope);
void session_close(struct session *s);
#define SESSION_CLEANUP __attribute__((cleanup(session_close)))

/* Open the root key file, asking for a passphrase when it takes one. */
int session_open_root(const struct session *s, struct root **out);
/* Load the policy anew, after an edit; its faults are said. */
int session_load_policy(struct session *s);

/* One scope, opened for work. */
struct place {
	struct scope scope;
	struct keyring *ring;
	bool borrowed;	    /* the ring belongs to the writer's bundle */
	struct floor floor; /* what was accepted before */
};

/* The scope that -p and -d name. */
int session_scope(const struct call *c, struct scope *out);
int session_place(struct session *s, const struct scope *scope, struct place *out);
void place_close(struct place *p);
#define PLACE_CLEANUP __attribute__((cleanup(place_close)))

/* The newest state, checked against the floor, which it raises. A library error; ERR_NOENT: the
 * scope is not in the store; ERR_STALE also when it was there before. */
WUR int session_snapshot(struct session *s, struct place *p, struct snapshot **out);
/* Commit, making the scope if it is not there, and raise the floor. A library error. */
WUR int session_apply(struct session *s, struct place *p, const struct change *changes, size_t n,
		      struct apply_result *result);
/* Raise the floor to f. A library error. */
WUR int session_accept(struct session *s, struct place *p, const struct floor *f);

#endif

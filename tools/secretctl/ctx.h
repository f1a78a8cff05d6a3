/* SPDX-License-Identifier: ISC */
/*
 * ctx - what a command works with: paths, the opened root or a writer's bundle, the store,
 * what this host has accepted so far.
 *
 * Unless said otherwise a function returns an exit status, having said what went wrong.
 */
#ifndef CTX_H
#define CTX_H

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
#include "errmsg.h"

struct ctx {
	const struct call *call;
	char *paths[PATHS];
	struct backend *backend;
	struct root_keys *keys;	   /* the root's, or NULL for a writer */
	struct bundle *writer;	   /* a writer's, or NULL for the root */
	struct policy *policy;	   /* NULL: none, or it does not parse */
	struct registry *registry; /* NULL for a writer */
	/* Of ctx_apply: called as objects are put; NULL: not. */
	void (*progress)(void *arg, size_t done, size_t total);
	void *progress_arg;
	int (*open)(void *arg, const struct secret *value, struct secret **out); /* as apply's */
	void *open_arg;
};

/* Paths only. */
int ctx_open(const struct call *c, struct ctx *s);
/* The root key, the store, the policy, but not the registry yet. */
int ctx_keys(const struct call *c, struct ctx *s);
/* The registry; what the policy declares is in it after. */
int ctx_registry(struct ctx *s);
/* Both: the root key, the store, the policy; what the policy declares is in the registry after. */
int ctx_root(const struct call *c, struct ctx *s);
/* As the writer whose bundle was given, else as the root; scope is what the command line names,
 * for a writer without -p and -d its own. */
int ctx_any(const struct call *c, struct ctx *s, struct scope *scope);
void ctx_close(struct ctx *s);
#define CTX_CLEANUP __attribute__((cleanup(ctx_close)))

/* Open the root key file, asking for a passphrase when it takes one. */
int ctx_open_root(const struct ctx *s, struct root **out);
/* Load the policy anew, after an edit; its faults are said. */
int ctx_load_policy(struct ctx *s);

/* The store, wherever it is.  A library error; what an engine said of it has been told. */
WUR int ctx_store(const struct ctx *s, int create, struct backend **out);

/* One scope, opened for work. */
struct scope_ctx {
	struct scope scope;
	struct keyring *ring;
	bool borrowed;	    /* the ring belongs to the writer's bundle */
	struct floor floor; /* what was accepted before */
};

/* The scope that -p and -d name. */
int ctx_scope(const struct call *c, struct scope *out);
int scope_ctx_open(struct ctx *s, const struct scope *scope, struct scope_ctx *out);
void scope_ctx_close(struct scope_ctx *p);
#define SCOPE_CTX_CLEANUP __attribute__((cleanup(scope_ctx_close)))

/* The newest state, checked against the floor, which it raises. A library error; ERR_NOENT: the
 * scope is not in the store; ERR_STALE also when it was there before. */
WUR int ctx_snapshot(struct ctx *s, struct scope_ctx *p, struct snapshot **out);
/* Commit, making the scope if it is not there, and raise the floor. A library error. */
WUR int ctx_apply(struct ctx *s, struct scope_ctx *p, const struct change *changes, size_t n,
		  struct apply_result *result);
/* Raise the floor to f. A library error. */
WUR int ctx_accept(struct ctx *s, struct scope_ctx *p, const struct floor *f);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * fixture - a store with a root, a registry and a few scopes, and the hands of everybody who
 * touches it: the admin, a mount, a CI writer, and a thief with a store's bytes.
 *
 * Whatever is not the point of a test fails it here: these functions return no errors.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "apply.h"
#include "bundle.h"
#include "memory.h"
#include "registry.h"

struct fixture {
	struct backend *b;
	struct root_keys *root;
	const char *state; /* directory of the admin's floors */
	unsigned files;	   /* for names */
};

/* cmocka's setup and teardown: *state becomes a struct fixture, the current directory one of its
 * own ("store", "state").  Projects alpha and beta, domains development and production declared. */
int fixture_memory(void **state);
int fixture_directory(void **state);
int fixture_end(void **state);

/* Fail unless expr is 0, saying which error it is; or unless it is the error wanted. */
#define ok(expr) fixture_is(0, (expr), #expr, __FILE__, __LINE__)
#define fails(error, expr) fixture_is((error), (expr), #expr, __FILE__, __LINE__)
void fixture_is(int wanted, int r, const char *expr, const char *file, int line);
/* Fail unless expr is some error. */
#define refused(expr) fixture_refused((expr), #expr, __FILE__, __LINE__)
int fixture_refused(int r, const char *expr, const char *file, int line);

/* --- the admin --- */

struct scope fixture_scope(const char *project, const char *domain);
struct keyring *fixture_ring(struct fixture *f, const char *project, const char *domain);
/* Create or replace name; a missing scope is made. */
struct floor fixture_put(struct fixture *f, const char *project, const char *domain,
			 const char *name, const char *value);
struct floor fixture_grant(struct fixture *f, const char *project, const char *domain,
			   const struct keyring *writer, const char *name);
struct floor fixture_revoke(struct fixture *f, const char *project, const char *domain,
			    const char *name);
/* Minted, saved, and read back from its file; path may be NULL. */
struct bundle *fixture_reader(struct fixture *f, const char *project, const char *domain,
			      const char **path);
struct bundle *fixture_writer(struct fixture *f, const char *project, const char *domain,
			      const char *name, const char **path);

/* --- anybody with a ring --- */

/* Replace name by value, as apply_changes does for a tool. */
int fixture_set(struct backend *b, struct keyring *k, const struct floor *floor, const char *name,
		const char *value, struct floor *out);
/* As fixture_set, and again count times, the floor never moving. */
int fixture_set_many(struct backend *b, struct keyring *k, const struct floor *floor,
		     const char *name, unsigned count, struct floor *out);

/*
 * Everything a reader sees of a scope: one line a record with all its fields, names and every
 * version's value; heap.  As the daemon does it: the ref, its commit, the floor, every page, every
 * newest value there, then each value.
 */
int fixture_read(struct backend *b, struct keyring *k, const struct floor *floor, char **out);
/* The same of all scopes of a bundle, with the later of the bundle's floors and the state's (NULL:
 * none). */
int fixture_read_all(struct backend *b, struct bundle *bundle, const char *state, char **out);

/* A ring like k with a fresh signing key of its own. */
struct keyring *fixture_self_made(const struct keyring *k);

/* Sign and seal c as it is, however wrong, put it, and let the ref name it: what a granted writer can
 * do by hand.  c->id is set. */
void fixture_publish(struct backend *b, struct keyring *k, struct commit *c);
/* Let the ref name id. */
void fixture_set_ref(struct backend *b, struct keyring *k, uint32_t gen,
		     const uint8_t id[static HASH_SIZE]);

/* --- files --- */

struct blob fixture_slurp(const char *path);
void fixture_spit(const char *path, const uint8_t *data, size_t len);
/* Call fn for every plain file at or below dir. */
void fixture_files(const char *dir, void (*fn)(void *arg, const char *path), void *arg);

#endif

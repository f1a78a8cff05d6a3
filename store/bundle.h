/* SPDX-License-Identifier: ISC */
/*
 * bundle - capabilities as files, mode 0400.
 *
 * A reader bundle is what a mount needs: the scopes of one (project, domain), or the
 * organization's alone, with their secret keys.  A writer bundle is one scope without its secret
 * key, and a signing key.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "floor.h"
#include "keys.h"

enum bundle_kind { BUNDLE_READER = 1, BUNDLE_WRITER = 2 };

struct bundle {
	enum bundle_kind kind;
	struct scope scope;		     /* the mount's, or the writer's */
	size_t n;			     /* 1 or 4 rings (reader), 1 (writer) */
	struct keyring *rings[SCOPE_LEVELS]; /* owned; ascending level: [0] is the organization */
	struct floor floors[SCOPE_LEVELS];
	char name[WRITER_NAME_MAX + 1]; /* writer bundles: the writer's name */
};

/*
 * Mint from the root a reader bundle for s.  A missing scope is created as a signed empty commit, so
 * that absence is never evidence.  The floors are the newest commits, after checking them against floors in state_dir
 * (NULL: none), which are stored there.
 */
WUR int bundle_mint_reader(struct backend *b, const struct root_keys *root, const char *state_dir,
			   const struct scope *s, struct bundle **out);
/* Mint a writer of exactly s: makes its key and grants it in one commit.  ERR_EXIST: name is granted. */
WUR int bundle_mint_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
			   const struct scope *s, const char *name, struct bundle **out);
/* The same for a writer that is granted: it gets a new key, and the old one is out.  ERR_NOENT. */
WUR int bundle_rotate_writer(struct backend *b, const struct root_keys *root, const char *state_dir,
			     const struct scope *s, const char *name, struct bundle **out);
/*
 * Mint anew what old is, with the key generations and floors of now; a writer keeps its key.
 * ERR_INVAL: it is of another root.  ERR_DENIED: the writer is granted no more.
 */
WUR int bundle_remint(struct backend *b, const struct root_keys *root, const char *state_dir,
		      const struct bundle *old, struct bundle **out);
void bundle_free(struct bundle *b);

/* Atomically, mode 0400; replaces. */
WUR int bundle_save(const struct bundle *b, const char *path);
/* From a descriptor, read from its start.  ERR_FORMAT, ERR_VERSION, ERR_MODE (others may read it; pass check_mode 0 for
 * a descriptor someone else opened for us). */
WUR int bundle_read(int fd, int check_mode, struct bundle **out);
WUR int bundle_open(const char *path, struct bundle **out);

static inline void bundle_cleanup(struct bundle **b)
{
	bundle_free(*b);
}
#define BUNDLE_CLEANUP __attribute__((cleanup(bundle_cleanup)))

#endif

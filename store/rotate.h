/* SPDX-License-Identifier: ISC */
/*
 * rotate - a scope's next key generation, in two phases, while readers go on.
 *
 * Between begin and finish, bundles are minted with both generations and put where the old ones
 * were; whoever still has an old one after finish is told to be re-minted, and a bundle that leaked
 * opens nothing written since.
 */
#ifndef ROTATE_H
#define ROTATE_H

#include "apply.h"

/* ERR_EXIST: under way already.  ERR_DENIED without the root. */
WUR int rotate_begin(struct backend *b, struct keyring *k, const struct apply_options *opt,
		     struct apply_result *result);

/*
 * Re-seal every kept version under the next generation, in as many commits as it takes, each of
 * which readers with both generations can read; then switch.  May be repeated after a crash.
 * ERR_NOENT: not begun.
 *
 * What any writer of the scope can spoil does not stop it: versions that do not open are all told
 * (opt->broken) before it fails, and with opt->drop_broken the old ones are dropped.  A newest
 * version is never dropped, since an older value would show: it stays, as unreadable as it is.
 */
WUR int rotate_finish(struct backend *b, struct keyring *k, const struct apply_options *opt,
		      struct apply_result *result);

#endif

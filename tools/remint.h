/* SPDX-License-Identifier: ISC */
/*
 * remint - the bundles of this host, minted anew after a scope's keys or writers changed.
 *
 * Mounts take them up by themselves.
 */
#ifndef REMINT_H
#define REMINT_H

#include "bundle.h"
#include "session.h"

/* The keys to the place's scope that b holds, or NULL. */
const struct keyring *remint_ring(const struct place *p, const struct bundle *b);

/*
 * Mints those in the directory of bundles anew that hold the scope's keys and lack a generation of
 * now, or hold one that is gone, or would still believe a writer that is gone.  p is up to date.
 * Exit status.
 */
int remint_bundles(struct session *s, struct place *p);

#endif

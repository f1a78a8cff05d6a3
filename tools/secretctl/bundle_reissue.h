/* SPDX-License-Identifier: ISC */
/*
 * bundle_reissue - the bundles of this host, minted anew after a scope's keys or writers changed.
 *
 * Mounts take them up by themselves.
 */
#ifndef BUNDLE_REISSUE_H
#define BUNDLE_REISSUE_H

#include "bundle.h"
#include "ctx.h"

/* The keys to the place's scope that b holds, or NULL. */
const struct keyring *bundle_reissue_ring(const struct scope_ctx *p, const struct bundle *b);

/*
 * Mints those in the directory of bundles anew that hold the scope's keys and lack a generation of
 * now, or hold one that is gone, or would still believe a writer that is gone.  p is up to date.
 * Exit status.
 */
int bundle_reissue_bundles(struct ctx *s, struct scope_ctx *p);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * traces - a scope without a ref: was it never there, or was it lost?  Private to store/.
 *
 * A scope that was there and is gone was deleted by somebody; making it anew, or reading past it,
 * would expose broader values under its names.
 */
#ifndef TRACES_H
#define TRACES_H

#include "backend.h"
#include "floor.h"

/* ERR_STALE: floor (NULL: none) has seen it, or commits lie there that only a scope with a ref can
 * have got.  ERR_NOENT: neither.  0: the ref is there after all. */
WUR int traces_judge(struct backend *b, struct keyring *k, const struct floor *floor);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * serve - the server's life, from what it was handed to the end of its session.
 */
#ifndef SERVE_H
#define SERVE_H

#include "handover.h"

/* Exit status: 0 unmounted or stopped, SERVE_REFUSED when it could not load (and said why). */
#define SERVE_REFUSED 3
#define SERVE_STOPPED 4
int serve(struct handover *h);

#endif

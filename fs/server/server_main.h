/* SPDX-License-Identifier: ISC */
/*
 * server_main - the server's life, from what it was handed to the end of its session.
 */
#ifndef SERVER_MAIN_H
#define SERVER_MAIN_H

#include "handover.h"

/* Exit status: 0 unmounted or stopped, SERVER_MAIN_REFUSED when it could not load (and said why). */
#define SERVER_MAIN_REFUSED 3
#define SERVER_MAIN_STOPPED 4
int server_main(struct handover *h);

#endif

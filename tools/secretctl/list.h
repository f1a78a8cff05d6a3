/* SPDX-License-Identifier: ISC */
/*
 * list - get secret without a NAME.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>

#include "command.h"

int list_run(struct call *c, bool json);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * metrics - what mounts say of themselves in Prometheus' text format 0.0.4, for the textfile
 * collector of its node exporter. No secret's name is in it.
 */
#ifndef METRICS_H
#define METRICS_H

#include "mount_query.h"

/* Prints. Exit status. */
int metrics_print(const struct mount_query *v, size_t n);

#endif

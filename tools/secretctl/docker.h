/* SPDX-License-Identifier: ISC */
/*
 * docker - image_pull secrets: a registry's logins as docker writes them in its config.json.
 */
#ifndef DOCKER_H
#define DOCKER_H

#include "source.h"

/* With any of docker's flags src becomes SOURCE_DOCKER with its value made. Exit status. */
int docker_find(const struct call *c, struct source *src);
/* 0; ERR_FORMAT when the value has no "auths". */
WUR int docker_check(const struct secret *value);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * fill - creates many secrets of one size in one scope, in one commit.
 *
 *	fill [-p PROJECT] [-d DOMAIN] [-s SIZE] [-f FIRST] [-x PREFIX] COUNT
 *
 * They are named PREFIX and a number from FIRST on, and hold bytes that mean nothing.  Paths are
 * secretctl's.  Prints the seconds that the commit took.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply.h"
#include "paths.h"
#include "root.h"

struct request {
	const char *project, *domain, *prefix;
	size_t size, first, count;
};

static int open_root(struct root_keys **out)
{
	struct root *root = NULL;
	char *path = NULL;
	int r = paths_get(PATH_ROOT_KEY, NULL, &path);

	if (r == 0)
		r = root_open(path, NULL, &root);
	if (r == 0)
		r = root_keys(root, out);
	root_close(root);
	free(path);
	return r;
}

static int open_store(struct backend **out)
{
	char *path = NULL;
	int r = paths_get(PATH_STORE, NULL, &path);

	if (r == 0)
		r = backend_dir_open(path, 0, out);
	free(path);
	return r;
}

static int make_changes(const struct request *q, const struct secret *value, struct change **out)
{
	struct change *changes = calloc(q->count, sizeof(*changes));

	if (!changes)
		return ERR_NOMEM;
	for (size_t i = 0; i < q->count; i++) {
		char *name;

		if (asprintf(&name, "%s%06zu", q->prefix, q->first + i) < 0)
			return ERR_NOMEM; /* the program ends */
		changes[i] = (struct change){.op = CHANGE_REPLACE, .name = name, .value = value};
	}
	*out = changes;
	return 0;
}

/* The newest commit becomes the floor, as after secretctl. */
static int commit(struct backend *b, struct keyring *k, const struct change *changes, size_t n)
{
	struct apply_result result;
	char *state = NULL;
	int r = apply_changes(b, k, NULL, changes, n, &result);

	if (r == 0)
		r = paths_get(PATH_STATE, NULL, &state);
	if (r == 0)
		r = floor_store(state, k, &result.floor);
	free(state);
	return r;
}

static int run(const struct request *q)
{
	KEYS_CLEANUP struct root_keys *root = NULL;
	KEYRING_CLEANUP struct keyring *ring = NULL;
	BACKEND_CLEANUP struct backend *b = NULL;
	SECRET_CLEANUP struct secret *value = NULL;
	struct change *changes = NULL;
	struct apply_result genesis;
	struct timespec from, to;
	struct scope scope;
	int r = scope_set(&scope, q->project, q->domain);

	if (r == 0)
		r = open_root(&root);
	if (r == 0)
		r = open_store(&b);
	if (r == 0)
		r = keyring_from_root(root, &scope, &ring);
	if (r == 0)
		r = apply_genesis(b, ring, &genesis);
	if (r == ERR_EXIST || r == 0)
		r = secret_alloc(q->size, &value);
	if (r != 0)
		return r;
	randombytes_buf(value->data, q->size);
	value->len = q->size;
	r = make_changes(q, value, &changes);
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (r == 0)
		r = commit(b, ring, changes, q->count);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (r == 0)
		printf("%.3f\n", (double)(to.tv_sec - from.tv_sec) +
					 (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	for (size_t i = 0; changes && i < q->count; i++)
		free((void *)changes[i].name);
	free(changes);
	return r;
}

int main(int argc, char **argv)
{
	struct request q = {.prefix = "s", .size = 64};
	int c, r;

	while ((c = getopt(argc, argv, "p:d:s:f:x:")) != -1) {
		if (c == 'p')
			q.project = optarg;
		else if (c == 'd')
			q.domain = optarg;
		else if (c == 's')
			q.size = strtoul(optarg, NULL, 10);
		else if (c == 'f')
			q.first = strtoul(optarg, NULL, 10);
		else if (c == 'x')
			q.prefix = optarg;
		else
			return 2;
	}
	if (optind + 1 != argc || !(q.count = strtoul(argv[optind], NULL, 10))) {
		fputs("usage: fill [-p P] [-d D] [-s SIZE] [-f FIRST] [-x PREFIX] COUNT\n", stderr);
		return 2;
	}
	r = run(&q);
	if (r < 0)
		fprintf(stderr, "fill: %s\n", err_str(r));
	return r < 0;
}

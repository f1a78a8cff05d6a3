/* SPDX-License-Identifier: ISC */
/*
 * page - up to 64 KiB of records in ascending name order.
 *
 * A page is kept as its plaintext body; records are read by walking it, and a changed page is
 * written by copying the records that stay.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blob.h"
#include "err.h"
#include "keys.h"
#include "name.h"

#define PAGE_MAX (64u * 1024u)
#define VERSIONS_MAX 64	    /* versions a record can hold */
#define VERSIONS_DEFAULT 10 /* versions kept unless told otherwise */
#define WRITER_TAG 8	    /* first bytes of the writer's public key */

enum record_type { RECORD_REGULAR = 0, RECORD_JSON = 1, RECORD_IMAGE_PULL = 2 };
#define RECORD_TYPES 3
const char *record_type_str(unsigned type); /* "regular", "json", "image_pull" */

struct version {
	uint8_t id[HASH_SIZE]; /* of the sealed value */
	uint64_t set_epoch;    /* the commit that set it */
	uint64_t time;	       /* ns since 1970 */
	uint32_t gen;	       /* key generation it is sealed under */
	uint32_t len;	       /* exact length of the value, bytes */
	uint8_t writer[WRITER_TAG];
};

struct record {
	char name[NAME_SIZE];	 /* as first written */
	char env[ENV_NAME_SIZE]; /* "" = by Flyte's rule */
	uint8_t type;
	uint64_t expires;		       /* seconds since 1970; 0 = never */
	uint64_t created;		       /* ns */
	unsigned nversions;		       /* at least 1 */
	struct version versions[VERSIONS_MAX]; /* newest first */
};

/* Walks the records of a page body. */
struct page_cursor {
	struct dec r;
	const uint8_t *start; /* of the record last returned, raw */
	size_t raw_len;
	bool bad;
};

/*
 * Checks the whole body: parses to the last byte, names valid and strictly ascending, no name that
 * is both file and directory.  first: the name it must start with; next: the first name of the
 * page after it, NULL for the last page; both rules hold across that border too.  last, NAME_SIZE
 * bytes, gets the last name.  ERR_AUTH.
 */
WUR int page_check(const struct blob *body, const char *first, const char *next, char *last);
/* The same of a page that was checked in another place: last is its last name. */
WUR int page_check_place(const struct blob *body, const char *last, const char *first,
			 const char *next);

struct page_cursor page_walk(const struct blob *body);
/* False at the end (then .bad tells a parse error). */
bool page_next(struct page_cursor *c, struct record *out);

/* Find name in the body.  ERR_NOENT. */
WUR int page_find(const struct blob *body, const char *name, struct record *out);

/* Append one record in its raw form. */
void page_put(struct enc *w, const struct record *rec);

#endif

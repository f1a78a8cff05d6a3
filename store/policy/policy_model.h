/* SPDX-License-Identifier: ISC */
/*
 * policy_model - what the policy*.c files share: sections, their identity, entity lists.
 */
#ifndef POLICY_MODEL_H
#define POLICY_MODEL_H

#include "name.h"
#include "err.h"
#include "policy_types.h"

/* Sections */

enum policy_kind {
	POLICY_PROJECT = 1,
	POLICY_DOMAIN = 2,
	POLICY_WRITER = 4,
	POLICY_MOUNT = 8,
	POLICY_DEFAULT = 16,
	POLICY_SCOPE = 32,
	POLICY_SECRET = 64,
};

/* Two sections with the same identity are one section twice. */
struct policy_id {
	enum policy_kind kind;
	bool anywhere;	    /* [secret NAME]: in any scope */
	struct scope scope; /* of [scope] and [secret NAME SCOPE]; else empty */
	const char *name;   /* folded; a mount's path as it stands; "" for default and scope */
};

/* From squeezed text; id->name points into name.  ERR_FORMAT sets *why (static). */
WUR int policy_section_parse(const char *text, char name[static NAME_SIZE], struct policy_id *id,
			     const char **why);
bool policy_section_eq(const struct policy_id *a, const struct policy_id *b);
uint64_t policy_section_hash(const struct policy_id *id);

/* Entities */

enum policy_entity_kind { POLICY_UID, POLICY_GID, POLICY_ALL };

struct policy_entity {
	enum policy_entity_kind kind;
	uint32_t lo, hi; /* inclusive */
};

/*
 * One item of a list: uid:N, uid:N-M, N, gid:N, gid:N-M, user:NAME, group:NAME, *.
 * ERR_FORMAT, ERR_NOENT (no such user or group), ERR_IO (no answer from the user database) set
 * *why (static).  accounts NULL: the system's.
 */
WUR int policy_entity_parse(const struct policy_accounts *accounts, const char *item, size_t len,
			    struct policy_entity *out, const char **why);
/* One owner (POLICY_UID) or group (POLICY_GID): as above, or a bare name; no range, no *. */
WUR int policy_entity_parse_id(const struct policy_accounts *accounts, const char *value,
			       enum policy_entity_kind kind, uint32_t *out, const char **why);
bool policy_entity_overlap(const struct policy_entity *a, const struct policy_entity *b);

/*
 * The next item in [*p, end), separated by blanks and commas: 1 and *item, *len, with *p behind it;
 * 0 at the end; ERR_FORMAT for a comma with no item before it.
 */
WUR int policy_entity_next(const char **p, const char *end, const char **item, size_t *len);

struct policy_range {
	uint32_t lo, hi;
};

struct policy_list {
	bool all;
	struct policy_ranges { /* sorted, not overlapping, once policy_list_close has run */
		struct policy_range *v;
		size_t n, cap;
	} ids[2]; /* POLICY_UID, POLICY_GID */
};

WUR int policy_list_add(struct policy_list *l, const struct policy_entity *e);
void policy_list_close(struct policy_list *l);
void policy_list_free(struct policy_list *l);
bool policy_list_has(const struct policy_list *l, enum policy_entity_kind kind, uint32_t id);

/* The policy itself */

struct policy_section {
	struct policy_id id;
	char *name; /* heap: id.name */
	unsigned line;
	unsigned keys;	     /* bits of the keys that are stated */
	struct scope target; /* of a mount or writer */
	unsigned project_line, domain_line;
	char *bundle, *key, *written; /* heap; written: a writer's name as it stands */
	mode_t mode;
	uid_t owner;
	gid_t group;
	struct policy_list *allow, *deny;
};

/* Bits of policy_section.keys. */
enum {
	POLICY_KEY_PROJECT = 1,
	POLICY_KEY_DOMAIN = 2,
	POLICY_KEY_KEY = 4,
	POLICY_KEY_BUNDLE = 8,
	POLICY_KEY_OWNER = 16,
	POLICY_KEY_GROUP = 32,
	POLICY_KEY_MODE = 64,
	POLICY_KEY_ALLOW = 128,
	POLICY_KEY_DENY = 256,
};

struct policy_names {
	const char **v; /* borrowed from the sections */
	size_t n;
};

struct policy {
	struct policy_section *sections;
	size_t n, cap;
	uint32_t *table; /* open addressing: index + 1, 0 is free; size a power of two */
	size_t table_size;
	struct policy_names projects, domains;
	struct policy_writer *writers;
	size_t nwriters;
	struct policy_mount *mounts;
	size_t nmounts;
};

/* NULL when there is none.  Does not allocate. */
const struct policy_section *policy_find(const struct policy *p, const struct policy_id *id);

/* True for the keys that hold lists. */
bool policy_key_is_list(const char *key);

/*
 * Read the file of fd, checked: regular, of a bounded size, not writable by those who have no say
 * in it.  The text is heap, NUL behind it.
 */
WUR int policy_read(int fd, char **text, size_t *len, struct policy_error *e);

#endif

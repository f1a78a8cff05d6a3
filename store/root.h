/* SPDX-License-Identifier: ISC */
/*
 * root - the root key in slots, one small file outside the store.
 *
 * Every slot holds the same 32 bytes, each wrapped its own way; the table is authenticated as a
 * whole under a key derived from the root.  Adding or removing a slot re-encrypts nothing else.
 */
#ifndef ROOT_H
#define ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"
#include "recovery.h"
#include "secret.h"

enum slot_type {
	SLOT_FILE = 1,	     /* opened by whoever may read the slot file: its mode is the guard */
	SLOT_PASSPHRASE = 2, /* Argon2id */
	SLOT_RECOVERY = 3,   /* X25519 sealed box to the public half of a printed code */
};

#define SLOT_MAX 16
#define SLOT_LABEL 31

struct slot_info {
	enum slot_type type;
	char label[SLOT_LABEL + 1];
	uint64_t created; /* seconds */
};

struct root; /* the opened table with the root in locked memory */

/* A fresh root with no slot yet. */
WUR int root_generate(struct root **out);
void root_close(struct root *r);

/*
 * Open the table at path.  phrase: NULL to try file slots only; else a recovery code or a passphrase,
 * tried in that order.  ERR_NOENT, ERR_MODE (group or others may read it), ERR_FORMAT,
 * ERR_PASSPHRASE (a slot needs a phrase, or none opened), ERR_AUTH (the table was altered).
 */
WUR int root_open(const char *path, const struct secret *phrase, struct root **out);

/* Labels are name components, each used once: ERR_NAME, ERR_EXIST; ERR_TOOBIG when the table is full. */
WUR int root_add_file(struct root *r, const char *label);
/* ERR_INVAL for an empty phrase. */
WUR int root_add_passphrase(struct root *r, const char *label, const struct secret *phrase);
/* Writes the code to print once: a NUL-terminated string in code->data. */
WUR int root_add_recovery(struct root *r, const char *label, struct secret **code);
/* ERR_NOENT; ERR_INVAL for the last slot. */
WUR int root_remove(struct root *r, size_t index);
size_t root_slots(const struct root *r);
struct slot_info root_slot(const struct root *r, size_t index);

/* Atomically, mode 0400.  excl: ERR_EXIST when path is there. */
WUR int root_save(const struct root *r, const char *path, bool excl);

/* The keys that follow from it; the caller closes them. */
WUR int root_keys(const struct root *r, struct root_keys **out);

#endif

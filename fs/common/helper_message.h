/* SPDX-License-Identifier: ISC */
/*
 * helper_message - what the server asks of the helper: one message, one thing to be done.
 */
#ifndef HELPER_MESSAGE_H
#define HELPER_MESSAGE_H

#include <stdint.h>

#include "name.h"

/* Header of each message on HANDOVER_EVENTS_*; size bytes of payload follow.  A type that the
 * helper does not know is passed over.  A message is taken off the channel when it has been done: a
 * helper that is killed meanwhile leaves it to the next. */
struct helper_message {
	uint16_t version; /* HANDOVER_VERSION */
	uint16_t type;
	uint32_t size;
};
#define HELPER_MESSAGE_MAX 4096
enum helper_type {
	HELPER_FORGET = 1, /* struct inval_order */
	HELPER_EVENT,	   /* struct event_order */
};

enum inval_kind { INVAL_ENTRY, INVAL_PAGES, INVAL_ATTR };
struct inval_order { /* what the kernel is to forget */
	struct helper_message head;
	uint32_t kind, name_len;
	uint64_t ino; /* INVAL_ENTRY: the parent's */
	char name[NAME_SIZE];
};

enum event_kind { EVENT_PUT, EVENT_UNLINK, EVENT_MKDIR, EVENT_RMDIR };
#define EVENT_TOKEN_STR 33
struct event_order {
	struct helper_message head;
	uint32_t kind;
	/* The names that only the helper knows: "." token, which it renames to the path's last
	 * component, and at the root of the mount "." token "b" before and "." token "f" after.
	 * Lower-case hex digits. */
	char token[EVENT_TOKEN_STR];
	char path[NAME_SIZE]; /* passes name_check */
};

/* Names that begin so are never a secret's (name.h). */
#define EVENT_STAGING_SIZE (EVENT_TOKEN_STR + 2)
#define EVENT_STAGING "" /* the file that is renamed */
#define EVENT_BEGIN "b"	 /* looked up at the root: it is me */
#define EVENT_FINISH "f" /* and at the end, whatever came of it */

#endif

/* SPDX-License-Identifier: ISC */
/*
 * inval_maker - the helper's part of invalidation: tells the kernel to forget what the server says.
 */
#ifndef INVAL_MAKER_H
#define INVAL_MAKER_H

#include <stddef.h>

/* Do what a message (HELPER_FORGET) says; one of another form is passed over. */
void inval_maker_do(int fuse_fd, const void *message, size_t len);

#endif

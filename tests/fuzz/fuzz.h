/* SPDX-License-Identifier: ISC */
/*
 * fuzz - what the targets share.  A target is one file, fuzz_WHAT.c, with one function for libFuzzer;
 * dropped in here it is built and run.  It gets libstore.a and the unit tests' fixture; fuzz_fs_*
 * gets fs/ too, fuzz_tools_* tools/.
 *
 * What is signed or sealed is fuzzed behind the seal: the input is the plaintext, and the target
 * seals it as somebody with a key would.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blob.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Ends the run with the expression and its place. */
#define require(x) ((x) ? (void)0 : fuzz_fail(#x, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* A whole, valid input, of which the mutator knows from then on; copied. */
void fuzz_specimen(const void *data, size_t len);

/* A store with keys of its own, in memory or not, made once, and a directory to be in. */
struct fixture *fuzz_store(bool on_disk);

/* A descriptor with these bytes, at its start; the caller closes it. */
int fuzz_file(const void *data, size_t len);
/* The path of a descriptor; out is returned. */
const char *fuzz_path(int fd, char out[static 32]);

/* What is said to standard error from now on is caught; fuzz_said: what it was, and begin anew. */
void fuzz_catch(void);
size_t fuzz_said(char *out, size_t size);
/* What was said is for a terminal: printable, lines, no longer than a message is. */
void fuzz_check_said(void);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * complete - what could stand where the cursor is, from the table of commands and from what is
 * declared, stored and mounted here. Quiet, asks nothing, reads no value.
 *
 * The words behind "secretctl", up to and with the one being typed, are read from standard input,
 * each ended by a NUL.  Printed are lines "word" or "word<tab>about"; ":files" stands for the names
 * of files.
 */
#ifndef COMPLETE_H
#define COMPLETE_H

int complete_run(void);

#endif

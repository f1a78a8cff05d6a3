/* SPDX-License-Identifier: ISC */
/*
 * awake - keeps idle processors from falling asleep while requests come one upon the other.
 *
 * To wake a sleeping processor takes an interrupt, in a virtual machine one through its host: 40
 * microseconds, where an answer takes three.  As long as a process asks for it (a zero in
 * /dev/cpu_dma_latency, Linux's PM QoS), idle processors look out for work instead, and take it up
 * at once.  They draw power meanwhile, all of them.  So it is asked for only after a row of requests
 * that came as slowly as from a sleeping processor, or when such a row is foreseen, and taken back a
 * millisecond after the last, or when they come hardly faster with it.
 *
 * Nothing has to be undone by others: the kernel takes it back when the process ends.
 */
#ifndef AWAKE_H
#define AWAKE_H

#include <stdbool.h>
#include <stdint.h>

#define AWAKE_HOLD_MS 1 /* this long after the last request */

struct awake {
	int fd;		   /* -1: not to be had, or not wanted */
	bool held;	   /* it is asked for */
	unsigned n;	   /* requests of this window */
	int64_t waited;	   /* ns; for them, between their answers */
	int64_t before;	   /* ns; for each, when it was not held */
	unsigned rest;	   /* not asked for that many requests */
	unsigned patience; /* the next rest, as a power of two */
};

/*
 * The descriptor for struct awake, the caller's.  For root, and before privileges are dropped.
 * -1: this may not be asked for here, or there are so many processors that it would cost too much.
 */
int awake_open(void);

/* Many requests are about to come one upon the other. */
void awake_expect(struct awake *a);
/* A request came that long (ns) after the last answer; 0: it had been there already. */
void awake_after(struct awake *a, int64_t ns);
/* None came for AWAKE_HOLD_MS. */
void awake_end(struct awake *a);

#endif

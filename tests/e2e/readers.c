/* SPDX-License-Identifier: ISC */
/*
 * readers: reads a secret without end and counts, until standard input ends or SIGTERM comes.
 *
 *	readers FILE PREFIX [HOLD]
 *
 * Each round opens FILE, reads it whole, closes it.  The content must begin with PREFIX and be one
 * byte repeated after it, so that a mixed value is seen.  With HOLD a second descriptor stays open
 * over 16 rounds and must show the same value in each.  Prints one line at the end:
 *
 *	rounds N failed N wrong N worst_us N
 *
 * and the first errors as they happen, on standard error.  Static, so that it runs in any container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE (1 << 20)
#define HELD_ROUNDS 16

static volatile sig_atomic_t stop;
static char value[SIZE + 1], held_value[SIZE + 1];
static unsigned long rounds, failed, wrong;
static int64_t worst;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void complain(const char *what)
{
	if (failed + wrong < 10)
		fprintf(stderr, "round %lu: %s: %s\n", rounds, what, strerror(errno));
}

/* Bytes read, or -1. */
static ssize_t read_all(int fd, char *out)
{
	ssize_t len = 0, n;

	while ((n = pread(fd, out + len, SIZE - (size_t)len, len)) > 0)
		len += n;
	return n < 0 ? -1 : len;
}

static bool is_whole(const char *v, ssize_t len, const char *prefix)
{
	ssize_t n = (ssize_t)strlen(prefix);

	if (len < n || memcmp(v, prefix, (size_t)n) != 0)
		return false;
	for (ssize_t i = n + 1; i < len; i++)
		if (v[i] != v[n])
			return false;
	return true;
}

static void read_once(const char *path, const char *prefix)
{
	int fd = open(path, O_RDONLY);
	ssize_t len;

	if (fd < 0) {
		complain("open");
		failed++;
		return;
	}
	len = read_all(fd, value);
	if (len < 0) {
		complain("read");
		failed++;
	} else if (!is_whole(value, len, prefix)) {
		complain("wrong value");
		wrong++;
	}
	close(fd);
}

static void read_held(int *fd, ssize_t *len, const char *path)
{
	ssize_t n;

	if (rounds % HELD_ROUNDS == 0) {
		if (*fd >= 0)
			close(*fd);
		*fd = open(path, O_RDONLY);
		*len = *fd < 0 ? -1 : read_all(*fd, held_value);
	}
	n = *fd < 0 ? -1 : read_all(*fd, value);
	if (n < 0 || *len < 0) {
		complain("held");
		failed++;
	} else if (n != *len || memcmp(value, held_value, (size_t)n) != 0) {
		complain("held value changed");
		wrong++;
	}
}

int main(int argc, char **argv)
{
	bool hold = argc > 3;
	int held = -1;
	ssize_t held_len = 0;

	if (argc < 3)
		return 2;
	signal(SIGTERM, on_term);
	while (!stop) {
		int64_t start = now_us(), took;

		read_once(argv[1], argv[2]);
		took = now_us() - start;
		if (took > worst)
			worst = took;
		if (hold)
			read_held(&held, &held_len, argv[1]);
		rounds++;
	}
	printf("rounds %lu failed %lu wrong %lu worst_us %lld\n", rounds, failed, wrong,
	       (long long)worst);
	return failed || wrong;
}

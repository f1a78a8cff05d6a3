/* SPDX-License-Identifier: ISC */
/*
 * neighbour: one user of a mount, ordinary or not.
 *
 *	neighbour UID SECONDS read FILE      opens, reads and closes FILE at its ease, and tells how long
 *	                                     that took: "reads N failed N p50_us N p99_us N worst_us N"
 *	neighbour UID SECONDS KIND FILE      does one thing as fast as it can: opens (and never closes),
 *	                                     opendirs, stats, refused, opath, mmaps, groups (with 65,536 of
 *	                                     them), threads (500); tells how often: "KIND N"
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES (1 << 20)
#define PAUSE_NS 1000000 /* between two reads of an ordinary reader */
#define THREADS 500
#define GROUPS 65536

static const char *path;
static int64_t end; /* us */
static atomic_ulong done;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- an ordinary reader ---- */

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool read_once(void)
{
	char value[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof(value));

	if (n <= 0)
		fprintf(stderr, "%s: %s: %s\n", path, fd < 0 ? "open" : "read", strerror(errno));
	if (fd >= 0)
		close(fd);
	return n > 0;
}

static int reader(void)
{
	static uint32_t took[SAMPLES];
	unsigned n = 0, failed = 0;

	while (now_us() < end && n < SAMPLES) {
		const struct timespec pause = {.tv_nsec = PAUSE_NS};
		int64_t begin = now_us();

		failed += !read_once();
		took[n++] = (uint32_t)(now_us() - begin);
		nanosleep(&pause, NULL);
	}
	if (!n)
		return 1;
	qsort(took, n, sizeof(took[0]), compare);
	printf("reads %u failed %u p50_us %u p99_us %u worst_us %u\n", n, failed, took[n / 2],
	       took[n - 1 - n / 100], took[n - 1]);
	return failed != 0;
}

/* ---- others ---- */

static void opens(void)
{
	int fd = open(path, O_RDONLY); /* kept, which is the point */

	(void)fd;
}

static void opendirs(void)
{
	static unsigned held;
	int fd = open(path, O_RDONLY | O_DIRECTORY); /* kept */

	if (fd >= 0)
		held++;
	if (held >= 8000) {
		closefrom(3);
		held = 0;
	}
}

static void stats(void)
{
	struct stat st;

	stat(path, &st);
}

static void refused(void)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		abort();
}

static void opath(void)
{
	int fd = open(path, O_PATH), again;
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = open(name, O_RDONLY);
	if (again >= 0)
		close(again);
	close(fd);
}

static void mmaps(void)
{
	int fd = open(path, O_RDONLY);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p != MAP_FAILED) {
		(void)*p;
		munmap((void *)(uintptr_t)p, 4096);
	}
	close(fd);
}

static void groups(void)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		close(fd);
}

static void threads(void)
{
	char value[64];
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	if (read(fd, value, sizeof(value)) < 0)
		perror(path);
	close(fd);
}

static const struct kind {
	const char *name;
	void (*once)(void);
	unsigned threads;
} kinds[] = {
	{"opens", opens, 1},	 {"opendirs", opendirs, 1},	{"stats", stats, 1},
	{"refused", refused, 1}, {"opath", opath, 1},		{"mmaps", mmaps, 1},
	{"groups", groups, 1},	 {"threads", threads, THREADS},
};

static void *run(void *arg)
{
	const struct kind *k = arg;

	while (now_us() < end) {
		k->once();
		atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
	}
	return NULL;
}

static int hostile(const char *name)
{
	static pthread_t thread[THREADS];
	const struct kind *k = kinds;
	pthread_attr_t small;

	while (strcmp(k->name, name) != 0)
		if (++k == kinds + sizeof(kinds) / sizeof(kinds[0]))
			return 2;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (unsigned i = 0; i < k->threads; i++)
		if (pthread_create(&thread[i], &small, run, (void *)(uintptr_t)k) != 0)
			return 1;
	for (unsigned i = 0; i < k->threads; i++)
		pthread_join(thread[i], NULL);
	printf("%s %lu\n", name, atomic_load(&done));
	return 0;
}

/* ---- */

static bool become(uid_t uid, bool many_groups)
{
	static gid_t g[GROUPS];
	const struct rlimit files = {20000, 20000};

	for (unsigned i = 0; i < GROUPS; i++)
		g[i] = 100000 + i;
	setrlimit(RLIMIT_NOFILE, &files);
	return setgroups(many_groups ? GROUPS : 0, g) == 0 && setgid(uid) == 0 && setuid(uid) == 0;
}

int main(int argc, char **argv)
{
	if (argc != 5 || !become((uid_t)strtoul(argv[1], NULL, 10), strcmp(argv[3], "groups") == 0))
		return 2;
	path = argv[4];
	end = now_us() + (int64_t)(strtod(argv[2], NULL) * 1e6);
	return strcmp(argv[3], "read") == 0 ? reader() : hostile(argv[3]);
}

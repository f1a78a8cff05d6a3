/* SPDX-License-Identifier: ISC */
/*
 * load - the reader of the benchmarks: does one thing again and again, in one process or several,
 * and prints how long it took as one line of JSON (times in microseconds).
 *
 *	load read [-n READERS] [-t SECONDS] [-b BUFFER] PATH...	open, read to the end, close
 *	load once [-b BUFFER] PATH...				the same, each path once
 *	load steps [-t SECONDS] PATH...				the same, and how long each call took
 *	load drip [-t SECONDS] PATH...				the same, once a second
 *	load stat [-n READERS] [-t SECONDS] PATH...
 *	load list [-t SECONDS] DIRECTORY			readdir to the end
 *	load long [-t SECONDS] DIRECTORY			readdir, and lstat of each, as ls -l
 *
 * Readers start together, each at another path, and go round.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A histogram with 64 buckets to each power of two: 1.6% exact at any length. */
#define SUB_BITS 6
#define SUB (1u << SUB_BITS)
#define OCTAVES 42
#define BUCKETS (OCTAVES * SUB)

enum step { STEP_OPEN, STEP_READ, STEP_END, STEP_CLOSE, STEPS };

struct result { /* of one reader, shared with the parent */
	uint64_t ops, bytes, names, busy_ns;
	uint64_t buckets[BUCKETS];
	uint64_t steps[STEPS][BUCKETS];
};

struct shared {
	atomic_uint ready;
	atomic_bool go;
	struct result results[];
};

struct job {
	const char *verb;
	int (*once)(const struct job *j, const char *path, struct result *r);
	unsigned readers;
	double seconds;
	bool each_once, drip, steps;
	size_t buffer;
	char *memory;
	char **paths;
	size_t npaths;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what is done ---- */

static int read_file(const struct job *j, const char *path, struct result *r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, j->memory, j->buffer)) > 0)
		r->bytes += (uint64_t)n;
	if (close(fd) < 0 || n < 0)
		return -1;
	return 0;
}

static unsigned bucket_of(uint64_t ns);

/* The clock is read between the calls: the sum is a little more than read_file takes. */
static int read_in_steps(const struct job *j, const char *path, struct result *r)
{
	uint64_t t[STEPS + 1] = {now_ns()};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, end;

	if (fd < 0)
		return -1;
	t[1] = now_ns();
	n = read(fd, j->memory, j->buffer);
	t[2] = now_ns();
	end = read(fd, j->memory, j->buffer);
	t[3] = now_ns();
	if (close(fd) < 0 || n < 0 || end != 0)
		return -1;
	t[4] = now_ns();
	for (int i = 0; i < STEPS; i++)
		r->steps[i][bucket_of(t[i + 1] - t[i])]++;
	r->bytes += (uint64_t)n;
	return 0;
}

static int stat_file(const struct job *j, const char *path, struct result *r)
{
	struct stat st;

	(void)j, (void)r;
	return stat(path, &st);
}

static int list_directory(const char *path, bool attributes, struct result *r)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	struct stat st;

	if (!d)
		return -1;
	while (errno = 0, (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		r->names++;
		if (attributes && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
	}
	if (errno) {
		closedir(d);
		return -1;
	}
	return closedir(d);
}

static int list_names(const struct job *j, const char *path, struct result *r)
{
	(void)j;
	return list_directory(path, false, r);
}

static int list_long(const struct job *j, const char *path, struct result *r)
{
	(void)j;
	return list_directory(path, true, r);
}

/* ---- histogram ---- */

static unsigned bucket_of(uint64_t ns)
{
	unsigned octave = 0;

	while (ns >> octave >= 2 * SUB)
		octave++;
	if (octave >= OCTAVES - 1)
		return BUCKETS - 1;
	return ns < SUB ? (unsigned)ns : octave * SUB + (unsigned)(ns >> octave);
}

static double middle_of(unsigned bucket)
{
	unsigned octave = bucket < 2 * SUB ? 0 : bucket / SUB - 1;

	return ((double)(bucket - octave * SUB) + 0.5) * (double)((uint64_t)1 << octave);
}

static double percentile(const uint64_t *buckets, uint64_t ops, double p)
{
	uint64_t want = (uint64_t)((double)ops * p), seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += buckets[i];
		if (seen > want)
			return middle_of(i) / 1000;
	}
	return 0;
}

/* ---- running ---- */

static void work(const struct job *j, struct shared *s, unsigned which)
{
	struct result *r = &s->results[which];
	size_t at = which % j->npaths, done = 0;
	uint64_t start, t, end;

	atomic_fetch_add(&s->ready, 1);
	while (!atomic_load(&s->go))
		sched_yield();
	start = t = now_ns();
	end = start + (uint64_t)(j->seconds * 1e9);
	while (j->each_once ? done < j->npaths : t < end) {
		uint64_t after;

		if (j->once(j, j->paths[at], r) < 0)
			die(j->paths[at]);
		after = now_ns();
		r->buckets[bucket_of(after - t)]++;
		r->ops++;
		r->busy_ns += after - t;
		at = at + 1 == j->npaths ? 0 : at + 1;
		done++;
		if (j->drip) {
			const struct timespec second = {.tv_sec = 1};

			nanosleep(&second, NULL);
			after = now_ns();
		}
		t = after;
	}
}

static bool run(const struct job *j, struct shared *s)
{
	bool ok = true;
	int status;

	for (unsigned i = 0; i < j->readers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			work(j, s, i);
			_exit(0);
		}
	}
	while (atomic_load(&s->ready) < j->readers)
		sched_yield();
	atomic_store(&s->go, true);
	for (unsigned i = 0; i < j->readers; i++)
		if (wait(&status) < 0 || status != 0)
			ok = false;
	return ok;
}

static void print(const struct job *j, const struct shared *s)
{
	static const char *const steps[STEPS] = {"open", "read", "end", "close"};
	static struct result sum;
	double rate = 0;

	for (unsigned i = 0; i < j->readers; i++) {
		const struct result *r = &s->results[i];

		sum.ops += r->ops;
		sum.bytes += r->bytes;
		sum.names += r->names;
		if (r->busy_ns)
			rate += (double)r->ops * 1e9 / (double)r->busy_ns;
		for (unsigned b = 0; b < BUCKETS; b++) {
			sum.buckets[b] += r->buckets[b];
			for (int step = 0; step < STEPS; step++)
				sum.steps[step][b] += r->steps[step][b];
		}
	}
	printf("{\"ops\": %llu, \"rate\": %.1f, \"p50\": %.3f, \"p99\": %.3f, \"bytes\": %llu, "
	       "\"names\": %llu",
	       (unsigned long long)sum.ops, rate, percentile(sum.buckets, sum.ops, 0.50),
	       percentile(sum.buckets, sum.ops, 0.99), (unsigned long long)sum.bytes,
	       (unsigned long long)sum.names);
	for (int step = 0; j->steps && step < STEPS; step++)
		printf(", \"%s\": %.3f", steps[step], percentile(sum.steps[step], sum.ops, 0.50));
	puts("}");
}

static int usage(void)
{
	fputs("usage: load read|once|steps|drip|stat|list|long [-n READERS] [-t SECONDS] [-b BUFFER] "
	      "PATH...\n",
	      stderr);
	return 2;
}

static bool choose(struct job *j, const char *verb)
{
	static const struct {
		const char *verb;
		int (*once)(const struct job *j, const char *path, struct result *r);
	} verbs[] = {
		{"read", read_file},	  {"once", read_file},	{"drip", read_file},
		{"stat", stat_file},	  {"list", list_names}, {"long", list_long},
		{"steps", read_in_steps},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			j->once = verbs[i].once;
	j->each_once = strcmp(verb, "once") == 0;
	j->drip = strcmp(verb, "drip") == 0;
	j->steps = strcmp(verb, "steps") == 0;
	return j->once;
}

int main(int argc, char **argv)
{
	/* cat's buffer */
	struct job j = {.readers = 1, .seconds = 1, .buffer = 128 * 1024};
	struct shared *s;
	size_t bytes;
	int c;

	if (argc < 3 || !choose(&j, argv[1]))
		return usage();
	optind = 2;
	while ((c = getopt(argc, argv, "n:t:b:")) != -1) {
		if (c == 'n')
			j.readers = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 't')
			j.seconds = strtod(optarg, NULL);
		else if (c == 'b')
			j.buffer = strtoul(optarg, NULL, 10);
		else
			return usage();
	}
	j.paths = argv + optind;
	j.npaths = (size_t)(argc - optind);
	if (!j.npaths || !j.readers || j.readers > 1024 || !j.buffer)
		return usage();
	j.memory = malloc(j.buffer);
	bytes = sizeof(*s) + j.readers * sizeof(struct result);
	/* cppcheck-suppress invalidFunctionArg ; -1 is what MAP_ANONYMOUS asks for */
	s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!j.memory || s == MAP_FAILED)
		die("memory");
	memset(j.memory, 0, j.buffer);
	if (!run(&j, s))
		return 1;
	print(&j, s);
	free(j.memory);
	return 0;
}

/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "scratch.h"

#define SPECIMENS 16
#define SAID_MAX 65536

static struct blob specimens[SPECIMENS];
static size_t nspecimens;
static int said = -1;

void fuzz_fail(const char *what, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%d: not so: %s\n", file, line, what);

	/* standard error may be caught: what libFuzzer prints is not */
	if (n > 0)
		(void)!write(STDOUT_FILENO, text, (size_t)n);
	abort();
}

void fuzz_specimen(const void *data, size_t len)
{
	struct blob *b = &specimens[nspecimens++ % SPECIMENS];

	blob_free(b);
	b->data = malloc(len ? len : 1);
	require(b->data);
	if (len)
		memcpy(b->data, data, len);
	b->len = len;
}

/* Mostly what libFuzzer does; now and then a specimen anew, or its middle put over the input's. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t n = nspecimens < SPECIMENS ? nspecimens : SPECIMENS;
	const struct blob *b = n ? &specimens[seed / 64 % n] : NULL;

	if (b && (size < 2 || seed % 64 == 0)) {
		size = b->len < max ? b->len : max;
		memcpy(data, b->data, size);
	} else if (b && seed % 64 == 1 && b->len > 1) {
		size_t at = seed / 1024 % b->len, len = 1 + seed / 65536 % (b->len - at);

		if (at + len <= size)
			memcpy(data + at, b->data + at, len);
	}
	return LLVMFuzzerMutate(data, size, max);
}

struct fixture *fuzz_store(bool on_disk)
{
	static void *state;

	if (!state) {
		require((on_disk ? fixture_directory(&state) : fixture_memory(&state)) == 0);
		atexit(scratch_leave);
	}
	return state;
}

int fuzz_file(const void *data, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd >= 0);
	require(!len || write(fd, data, len) == (ssize_t)len);
	require(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

const char *fuzz_path(int fd, char out[static 32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
	return out;
}

void fuzz_catch(void)
{
	if (said >= 0)
		return;
	said = memfd_create("said", MFD_CLOEXEC);
	require(said >= 0 && dup2(said, STDERR_FILENO) >= 0);
}

size_t fuzz_said(char *out, size_t size)
{
	ssize_t n = pread(said, out, size - 1, 0);

	require(n >= 0);
	out[n] = '\0';
	require(ftruncate(said, 0) == 0 && lseek(said, 0, SEEK_SET) == 0);
	return (size_t)n;
}

void fuzz_check_said(void)
{
	static char text[SAID_MAX];
	size_t n = fuzz_said(text, sizeof(text));

	require(n < 4096);
	for (size_t i = 0; i < n; i++)
		require(text[i] == '\n' || ((uint8_t)text[i] >= 0x20 && text[i] != 0x7f &&
					    !(text[i] == '\xc2' && (uint8_t)text[i + 1] < 0xa0)));
}

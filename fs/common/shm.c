/* SPDX-License-Identifier: ISC */
#include "shm.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handover.h"

/* What stands in it from the beginning. */
static bool begin(int fd)
{
	const uint32_t version = HANDOVER_VERSION;
	uint8_t key[SHM_NODE_KEY];

	return getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
	       pwrite(fd, key, sizeof(key), offsetof(struct shm, node_key)) ==
		       (ssize_t)sizeof(key) &&
	       pwrite(fd, &version, sizeof(version), offsetof(struct shm, version)) ==
		       (ssize_t)sizeof(version);
}

int shm_new(int *out)
{
	int fd = memfd_create("secretfs shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return ERR_IO;
	/* Its size is fixed: the server is not to make the supervisor run into a SIGBUS. */
	if (ftruncate(fd, sizeof(struct shm)) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 || !begin(fd)) {
		close(fd);
		return ERR_IO;
	}
	*out = handover_keep(fd);
	return 0;
}

int shm_map(int fd, struct shm **out)
{
	struct shm *s;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size != (off_t)sizeof(*s))
		return ERR_FORMAT;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return ERR_IO;
	if (s->version != HANDOVER_VERSION) {
		shm_unmap(s);
		return ERR_FORMAT;
	}
	/*
	 * A page that is not there when the kernel copies a request into it is a fault, and a fault
	 * of a process that is being killed fails: the reader would get EIO.  Who may not lock has
	 * them touched at least.
	 */
	if (mlock(s->slot, sizeof(s->slot)) != 0)
		for (size_t i = 0; i < sizeof(s->slot); i += 4096)
			(void)*(volatile uint8_t *)&s->slot[i];
	*out = s;
	return 0;
}

void shm_unmap(struct shm *s)
{
	if (s)
		munmap(s, sizeof(*s));
}

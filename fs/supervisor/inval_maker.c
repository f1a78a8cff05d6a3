/* SPDX-License-Identifier: ISC */
#include "inval_maker.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>

#include "helper_message.h"
#include "log.h"

/* linux/fuse.h.  Errors are of no interest: what the kernel does not know it need not forget. */
static void write_notice(int fd, int what, const void *body, size_t len, char *name,
			 size_t name_len)
{
	struct fuse_out_header head = {.len = (uint32_t)(sizeof(head) + len + name_len),
				       .error = what};
	struct iovec iov[3] = {
		{&head, sizeof(head)}, {(void *)(uintptr_t)body, len}, {name, name_len}};

	if (writev(fd, iov, name_len ? 3 : 2) < 0 && errno != ENOENT)
		log_say(LOGGED_DEBUG, "notification %d: %s", what, strerror(errno));
}

void inval_maker_do(int fuse_fd, const void *message, size_t len)
{
	struct inval_order o;

	if (len != sizeof(o))
		return;
	memcpy(&o, message, sizeof(o));
	log_say(LOGGED_DEBUG, "the kernel is to forget %s of %llu",
		o.kind == INVAL_ENTRY	? "a name"
		: o.kind == INVAL_PAGES ? "pages"
					: "attributes",
		(unsigned long long)o.ino);
	o.name[sizeof(o.name) - 1] = '\0';
	if (o.kind == INVAL_ENTRY && o.name_len < sizeof(o.name)) {
		const struct fuse_notify_inval_entry_out e = {.parent = o.ino,
							      .namelen = o.name_len};

		/* with its NUL */
		write_notice(fuse_fd, FUSE_NOTIFY_INVAL_ENTRY, &e, sizeof(e), o.name,
			     o.name_len + 1);
	} else if (o.kind == INVAL_PAGES || o.kind == INVAL_ATTR) {
		const struct fuse_notify_inval_inode_out i = {.ino = o.ino,
							      .off = o.kind == INVAL_ATTR ? -1 : 0};

		write_notice(fuse_fd, FUSE_NOTIFY_INVAL_INODE, &i, sizeof(i), NULL, 0);
	}
}
